"""Exact resume: `kill -9` from outside at random times, `--resume`, and the exported weights compared by sha256.

    python benchmarks/kill.py RECIPE [--kills 20] [--seed 0] [-- --set examples=20000 --set checkpoint_every=64]

What stands behind `--` goes to `zoo train`. The recipe is trained once without a cut. Then it is trained again and
killed so many times in a row: one time in five while it starts, else at a moment drawn uniformly so that the kills
are spread over the run. A run that ends before its kill is compared, and another begun; the last is left to end.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ZOO = [sys.executable, "-m", "zoo"]


def start(recipe: str, run: Path, extra: list[str]) -> subprocess.Popen[bytes]:
    """`zoo train` in a process of its own, with --resume where there is something to resume."""
    resume = ["--resume"] if (run / "recipe.json").exists() else []
    command = [*ZOO, "train", recipe, "--out", str(run), "--threads", "1", *extra, *resume]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def digests(run: Path) -> str:
    """What `zoo export` prints of a finished run: file and sha256 of each pinned file."""
    out = run.with_name(f"{run.name}-out")
    done = subprocess.run([*ZOO, "export", str(run), "-o", str(out)], check=True, capture_output=True, text=True)
    return "\n".join(line.strip() for line in done.stdout.splitlines()[1:])


def moment(run: Path) -> str:
    """Where a killed process was, as far as its folder shows."""
    saved = run / "checkpoints"
    if any(saved.glob(".*")):
        return "while saving"
    return "between two saves" if saved.is_dir() else "before the first save"


def opened(run: Path) -> int:
    """Which recipe.json is there: each start of a run writes another."""
    path = run / "recipe.json"
    return path.stat().st_ino if path.exists() else 0


def wait_until_open(process: subprocess.Popen[bytes], run: Path, before: int) -> None:
    """Wait until the process has opened its run folder, or has ended."""
    while opened(run) == before and process.poll() is None:
        time.sleep(0.002)


def killed(recipe: str, run: Path, extra: list[str], delay: float, *, starting: bool) -> bool:
    """Start or resume the run and kill it `delay` seconds after that, or after it has opened its run folder.

    False where it had ended before.
    """
    before = opened(run)
    process = start(recipe, run, extra)
    if not starting:
        wait_until_open(process, run, before)
    try:
        if process.wait(delay) != 0:
            raise SystemExit(f"zoo train failed with {process.returncode}")
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    return False


def main() -> int:
    """Print each kill and how many runs ended in the same bytes; 1 where one did not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    mark = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    arguments, extra = parser.parse_args(sys.argv[1:mark]), sys.argv[mark + 1 :]
    drawn, moments = random.Random(arguments.seed), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        begun = time.monotonic()
        process = start(arguments.recipe, whole, extra)
        wait_until_open(process, whole, 0)
        ready = time.monotonic() - begun
        if process.wait() != 0:
            return 1
        seconds = time.monotonic() - begun
        wanted = digests(whole)
        print(f"uninterrupted: {seconds:.1f} s, of which {ready:.1f} s to start\n{wanted}", flush=True)
        same, runs, kills = 0, 0, 0
        while kills < arguments.kills or (Path(folder) / f"cut-{runs}").exists():
            run, starting = Path(folder) / f"cut-{runs}", drawn.random() < 0.2
            delay = drawn.uniform(0, ready if starting else 2 * (seconds - ready) / arguments.kills)
            delay = delay if kills < arguments.kills else 86_400.0
            if killed(arguments.recipe, run, extra, delay, starting=starting):
                kills += 1
                where = "while it started" if starting else moment(run)
                moments[where] += 1
                print(f"kill {kills} after {delay:.2f} s, {where}", flush=True)
                continue
            runs += 1
            equal = digests(run) == wanted
            same += equal
            print(f"run {runs} ended: {'the same' if equal else 'OTHER'} bytes", flush=True)
        print(f"{kills} kills ({dict(moments)}); {same} of {runs} runs ended in the same bytes (seed {arguments.seed})")
    return 0 if same == runs else 1


if __name__ == "__main__":
    sys.exit(main())
