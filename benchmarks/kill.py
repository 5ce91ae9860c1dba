"""Exact resume: `kill -9` from outside at random times, `--resume`, and the exported weights compared by sha256.

    python benchmarks/kill.py RECIPE [--kills 20] [--seed 0] [-- --set images=20000 --set checkpoint_every=64]

What stands behind `--` goes to `zoo train`. The recipe is trained once without a cut. Then it is trained again and
killed so many times, each after a delay drawn uniformly between 0 and 1.2 times what the whole run took. A run that
ends before its kill is compared, and another begun; the last one is left to end.
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
    if not (run / "recipe.json").exists():
        return "before the run folder was made"
    return "between two saves" if saved.is_dir() else "before the first save"


def killed(recipe: str, run: Path, extra: list[str], delay: float) -> bool:
    """Start or resume the run and kill it after `delay` seconds; False where it had ended before."""
    process = start(recipe, run, extra)
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
        if start(arguments.recipe, whole, extra).wait() != 0:
            return 1
        seconds = time.monotonic() - begun
        wanted = digests(whole)
        print(f"uninterrupted: {seconds:.1f} s\n{wanted}", flush=True)
        same, runs, kills = 0, 0, 0
        while kills < arguments.kills or (Path(folder) / f"cut-{runs}").exists():
            run = Path(folder) / f"cut-{runs}"
            delay = drawn.uniform(0, 1.2 * seconds) if kills < arguments.kills else 86_400.0
            if killed(arguments.recipe, run, extra, delay):
                kills += 1
                moments[moment(run)] += 1
                print(f"kill {kills} after {delay:.2f} s, {moment(run)}", flush=True)
                continue
            runs += 1
            equal = digests(run) == wanted
            same += equal
            print(f"run {runs} ended: {'the same' if equal else 'OTHER'} bytes", flush=True)
        print(f"{kills} kills ({dict(moments)}); {same} of {runs} runs ended in the same bytes (seed {arguments.seed})")
    return 0 if same == runs else 1


if __name__ == "__main__":
    sys.exit(main())
