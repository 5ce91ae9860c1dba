"""The process of a command: streams that are closed, full or left, Ctrl-C at any moment, and a caller's process."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest
from cli.commands import Run

from zoo.cli.main import main

pytestmark = [
    pytest.mark.usefixtures("here"),
    pytest.mark.skipif(os.name != "posix", reason="needs a shell, signals and /dev/full"),
]
ZOO = f"{shlex.quote(sys.executable)} -m zoo"
FULL = "zoo: cannot write: [Errno 28] No space left on device; check the path, its rights and the free space\n"


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """A command of bash in which ZOO stands for the command line."""
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command.replace('ZOO', ZOO)}"], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("command", "code", "err"),
    [
        ("ZOO list >&-", 0, ""),
        ("ZOO list <&- >&- 2>&-", 0, ""),
        ("ZOO list | head -n 1 >&-", 1, None),
        ("ZOO --help | true", 0, ""),
        ("ZOO list 2>&- | grep -c dcgan-cifar-frog", 0, ""),
        ("ZOO frobnicate >&-", 2, None),
        ("ZOO frobnicate 2>&-", 2, ""),
        ("ZOO frobnicate 2>/dev/full", 2, ""),
        ("ZOO frobnicate 2>&1 | true", 2, ""),
        ("ZOO list >/dev/full", 7, FULL),
        ("ZOO --help >/dev/full", 7, FULL),
        ("ZOO train --help >/dev/full", 7, FULL),
        ("ZOO list >/dev/full 2>&1", 7, ""),
    ],
)
def test_streams_that_are_closed_left_or_full(command: str, code: int, err: str | None) -> None:
    """Nobody's words are no fault, words that somebody wanted are; an error has its exit code whoever reads it."""
    done = shell(command)
    assert done.returncode == code, done.stderr
    assert err is None or done.stderr == err
    assert "Traceback" not in done.stderr
    assert "zoo:" not in done.stdout


@pytest.mark.parametrize(
    ("after", "code"), [(">&-", 0), (">&- 2>&- <&-", 0), ("| true", 0), (">/dev/full", 7), ("2>/dev/full", 0)]
)
def test_the_work_is_done_whoever_reads_the_words(after: str, code: int, model: str, here: Path) -> None:
    """Whatever becomes of the output the picture is written whole, and no word stands in it."""
    assert shell(f"ZOO sample {model} -n 2 -o plain.png").returncode == 0
    done = shell(f"ZOO sample {model} -n 2 -o a.png {after}")
    assert done.returncode == code, done.stderr
    assert (here / "a.png").read_bytes() == (here / "plain.png").read_bytes()


def test_a_training_goes_on_without_its_reader(recipe: str, here: Path) -> None:
    """`zoo train | head -1` trains to the end."""
    done = shell(f"ZOO train {recipe} --out run --examples 64 | head -n 1 >/dev/null")
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    assert (here / "run" / "checkpoints" / "000000000064").is_dir()


@pytest.mark.parametrize("late", [False, True])
def test_ctrl_c_at_many_moments_of_a_start(late: bool, model: str, here: Path) -> None:
    """SIGINT while torch is imported is 130 and one line, within a moment, never swallowed; nothing is half-written."""
    code = (
        "import os, signal, sys, threading, time\ndelay = float(sys.argv.pop(1))\n"
        "def strike():\n"
        "    while 'torch' not in sys.modules: time.sleep(0.001)\n"
        "    time.sleep(delay); os.kill(os.getpid(), signal.SIGINT)\n"
        "threading.Thread(target=strike, daemon=True).start()\n"
        "from zoo.__main__ import start\nsys.exit(start())\n"
    )
    for delay in (0.5, 0.7, 0.9) if late else (0.0, 0.03, 0.1, 0.2, 0.3):
        began = time.monotonic()
        words = [sys.executable, "-c", code, str(delay), "sample", model, "-n", "2", "-o", "a.png"]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
        if (done.returncode, done.stderr) == (0, ""):  # it was faster
            continue
        assert (done.returncode, done.stderr) == (130, "zoo: interrupted\n"), f"{delay}: {done.stderr}"
        assert time.monotonic() - began < 60
        assert not list(here.glob(".a.png*"))


SWALLOW = {
    "catches": "import time\ntry:\n    time.sleep(30)\nexcept BaseException:\n    pass\n",
    "converts": "import time\ntry:\n    time.sleep(30)\nexcept BaseException:\n    raise ImportError('no') from None\n",
}


@pytest.mark.parametrize("how", SWALLOW)
def test_ctrl_c_that_a_module_swallows_comes_all_the_same(how: str, here: Path) -> None:
    """A module that catches KeyboardInterrupt at import, or makes an ImportError of it, does not hide it."""
    (here / "inner.py").write_text(SWALLOW[how])
    (here / "outer.py").write_text("try:\n    import inner\nexcept ImportError:\n    pass\n")
    code = (
        "import sys; sys.path.insert(0, '.'); sys.argv = ['zoo', 'list']\n"
        "import zoo.cli.catalogue as verbs\n"
        "def slow(arguments):\n    print('begun', flush=True)\n    import outer\n    print('went on')\n"
        "verbs.list_names = slow\n"
        "from zoo.__main__ import start\nsys.exit(start())\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "zoo: interrupted\n")


def test_a_command_in_a_thread_changes_nothing(recipe: str, model: str, here: Path) -> None:
    """`main([…])` works in a thread, training too, and leaves signals, streams, warnings and environment alone."""
    before = _state()
    codes: list[int] = []
    words = [
        ["list"],
        ["sample", model, "-n", "2", "-o", "a.png", "--offline"],
        ["train", recipe, "--out", "run", "--threads", "3"],
        ["frobnicate"],
    ]
    threads = [threading.Thread(target=lambda argv=argv: codes.append(main(argv))) for argv in words]
    for thread in threads:
        thread.start()
        thread.join()
        assert _state() == before
    assert codes == [0, 0, 0, 2]
    assert (here / "run" / "checkpoints").is_dir()


def test_a_command_that_a_program_runs_puts_back_what_it_sets(run: Run, model: str) -> None:
    """In the main thread warnings are lines while the command runs; afterwards all is as it was, the log too."""
    before = _state()
    for argv in (["list"], ["sample", model, "-n", "2", "-o", "a.png", "--offline"], ["frobnicate"]):
        run(*argv)
        assert _state() == before


def _state() -> list[object]:
    import logging

    import torch

    log = logging.getLogger("zoo")
    return [
        *(sys.stdout, sys.stderr, sys.stdout.errors, warnings.showwarning, dict(os.environ), os.getcwd()),
        *(signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)),
        *(list(log.handlers), log.level, log.propagate, torch.get_num_threads()),
    ]
