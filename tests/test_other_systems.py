"""Systems that are not POSIX, imitated: without their modules, calls and rights the zoo lists, samples and trains."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULES = ("fcntl", "grp", "nis", "pty", "pwd", "resource", "syslog", "termios", "tty")
CALLS = ("chown", "fork", "forkpty", "geteuid", "getgid", "getpgid", "getuid", "killpg", "mkfifo", "setsid", "statvfs")
CALLS += ("sched_getaffinity", "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK")
SIGNALS = ("SIGHUP", "SIGKILL", "SIGPIPE", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGTSTP", "SIGWINCH")
# What Windows lacks and refuses. Python's own modules are imported first: they are those of this system.
OTHER = f"""
import sys, os, signal, subprocess, tempfile, shutil, pathlib, asyncio, multiprocessing, importlib.metadata, ssl, socket
for name in {MODULES}:
    sys.modules[name] = None
for name in {CALLS}:
    vars(os).pop(name, None)
for name in {SIGNALS}:
    vars(signal).pop(name, None)
real_open, real_fsync, reading = os.open, os.fsync, set()
def opening(path, flags, *args, **more):
    if os.path.isdir(path):
        raise PermissionError(13, "Permission denied", path)
    descriptor = real_open(path, flags, *args, **more)
    (reading.discard if flags & (os.O_WRONLY | os.O_RDWR) else reading.add)(descriptor)
    return descriptor
def flushing(descriptor):
    if descriptor in reading:
        raise OSError(9, "Bad file descriptor")
    real_fsync(descriptor)
def linking(*args, **more):
    raise OSError(22, "A required privilege is not held by the client")
os.open, os.fsync, os.symlink = opening, flushing, linking
import types, zoo.files, zoo.catalogue.plugins.child
windows = types.SimpleNamespace(**vars(os) | {{"name": "nt"}})  # for these alone: pathlib asks for the name too
zoo.files.os = zoo.catalogue.plugins.child.os = windows
"""


def on_another(code: str, folder: Path) -> str:
    """What the code prints there; it must end well."""
    env = os.environ | {"ZOO_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "ZOO_CACHE": str(folder / "cache")}
    command = [sys.executable, "-c", OTHER + code]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_module_without_torch_can_be_imported_there(tmp_path: Path) -> None:
    """What stands in zoo/, below zoo/catalogue/ and zoo/cli/, and each plugin's specs, need no POSIX module."""
    files = [*(ROOT / "zoo").glob("*.py"), *(ROOT / "zoo/catalogue").rglob("*.py"), *(ROOT / "zoo/cli").glob("*.py")]
    names = [".".join(f.relative_to(ROOT).with_suffix("").parts) for f in files if f.name != "__main__.py"]
    names += ["zoo_gan", "zoo_vae", "zoo_images", "zoo.images", "zoo.nn", "zoo.training"]
    assert len(names) > 50
    on_another(f"import importlib\nfor name in {names}: importlib.import_module(name)", tmp_path)


def test_the_verbs_work_there(tmp_path: Path) -> None:
    """list, info, sample and a whole training with its lock, checkpoints and export end well; nothing is left aside."""
    run = "from zoo.cli.main import main\ndef zoo(*words): assert main(list(words)) == 0, words\n"
    assert "dcgan-cifar-frog" in on_another(run + "zoo('list'); zoo('info', 'dcgan-cifar-frog')", tmp_path)
    on_another(run + "zoo('sample', 'dcgan-cifar-frog', '-n', '4', '-o', 'frogs.png')", tmp_path)
    assert (tmp_path / "frogs.png").stat().st_size > 1000
    words = "'train', 'dcgan-shapes', '--examples', '96', '--threads', '1', '--out', 'run'"
    on_another(run + f"zoo({words}); zoo('export', 'run', '-o', './shapes'); zoo('verify', './shapes')", tmp_path)
    assert {"config.json", "model.safetensors", "README.md"} <= {path.name for path in (tmp_path / "shapes").iterdir()}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frogs.png", "run", "shapes"]


def test_what_is_supported_is_said() -> None:
    """README and the package's classifiers name the same systems and the same versions of Python."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    said = [line.rpartition(" :: ")[2] for line in project["classifiers"] if line.startswith("Operating System")]
    assert said == ["Linux"]
    assert "developed and tested on Linux" in readme
    assert f"Python {project['requires-python'].removeprefix('>=')} or newer" in readme
