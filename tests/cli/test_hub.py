"""The verbs about the Hub, each in a process of its own with the real client: one line, a documented code, no trace."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from loopback_hub import TOKEN, LoopbackHub

from zoo.catalogue.weights.folder import FILES

pytestmark = pytest.mark.slow
PLUGIN = """
from zoo.api import API_VERSION, ModelSpec, WeightsSpec, hookimpl
ZOO_API_VERSION = API_VERSION

@hookimpl
def zoo_models(context):
    weights = WeightsSpec(files={files!r}, repo_id="acme/tiny", revision={commit!r})
    return [ModelSpec(name="tiny", summary="", architecture="dcgan", dataset="shapes", licence="MIT", weights=weights)]
"""


class Child:
    """Runs `zoo` with a Hub, a home and a cache of its own, and watches what every run must keep."""

    def __init__(self, hub: LoopbackHub, folder: Path) -> None:
        self.hub, self.folder = hub, folder
        self.home, self.cache, self.work = folder / "home", folder / "cache", folder / "work"
        for path in (self.home, self.work):
            path.mkdir()
        keep = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
        self.env = keep | {
            "HOME": str(self.home),
            "HF_HOME": str(self.cache),
            "HF_ENDPOINT": hub.url,
            "HF_HUB_ETAG_TIMEOUT": "3",
            "HF_HUB_DOWNLOAD_TIMEOUT": "3",
            "ZOO_CACHE": str(folder / "zoo-cache"),
            "OMP_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "zoo", *arguments]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, env=self.env | env, cwd=self.work, **pipes)

    def __call__(self, *arguments: str, code: int = 0, says: str = "", **env: str) -> str:
        """Run to the end; gives standard output."""
        with self.start(*arguments, **env) as process:
            out, err = process.communicate(timeout=120)
        assert process.returncode == code, (process.returncode, out, err)
        assert says in err + out, (out, err)
        for text in (out, err):
            assert "Traceback" not in text
            assert TOKEN not in text
        assert all(line.startswith("zoo: ") for line in err.splitlines()), err
        if code:
            assert len(err.splitlines()) == 1, err
        assert not list(self.home.iterdir())
        return out


@pytest.fixture
def zoo(hub: Any, tmp_path: Path, tiny_files: dict[str, bytes]) -> Child:
    """The command, with hf://acme/tiny on the Hub and the catalogue's `acme/tiny` pinned to it."""
    commit = hub.repo("acme/tiny", tiny_files).refs["main"]
    child = Child(hub, tmp_path)
    site = tmp_path / "site"
    (site / "acme_tiny-1.0.dist-info").mkdir(parents=True)
    (site / "acme_tiny-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-tiny\nVersion: 1.0\n")
    (site / "acme_tiny-1.0.dist-info" / "entry_points.txt").write_text("[zoo]\nacme = acme_tiny\n")
    pins = {name: hashlib.sha256(body).hexdigest() for name, body in tiny_files.items() if name in FILES}
    (site / "acme_tiny.py").write_text(PLUGIN.format(files=pins, commit=commit))
    child.env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(site), child.env.get("PYTHONPATH", "")]))
    return child


def test_pull_then_everything_works_offline(zoo: Child, hub: LoopbackHub) -> None:
    """`pull` prints the commit; then verify and sample work with no Hub, and give the same picture as before."""
    commit = hub.repos["acme/tiny"].refs["main"]
    (row,) = json.loads(zoo("pull", "acme/tiny", "--json"))
    assert (row["name"], row["origin"], row["files"]) == (
        "acme/tiny",
        f"hf://acme/tiny@{commit}",
        4,
    )  # config, model, discriminator, golden
    zoo("pull", "hf://acme/tiny", says=f"hf://acme/tiny is commit {commit}")
    asked = len(hub.log)
    zoo("pull", "acme/tiny", "hf://acme/tiny", "--offline")
    (report,) = json.loads(zoo("verify", "acme/tiny", "--json", ZOO_OFFLINE="1"))
    assert (report["ok"], report["card"]) == (True, "consistent")
    zoo("sample", "hf://acme/tiny", "--offline", "-n", "4", "-o", "tiny.png")
    assert len(hub.log) == asked


FAULTS: list[tuple[str, str, Any, int]] = [
    (".", "reset", None, 5),
    ("HEAD", "hang", 20, 5),
    ("HEAD", "status", (503, {}), 5),
    ("HEAD", "status", (429, {"Retry-After": "999"}), 5),
    (".", "html", None, 5),
    (".", "redirect", None, 5),
    ("cdn", "flip", None, 6),
    ("cdn", "cut", None, 5),
    ("cdn", "endless", None, 5),
    ("HEAD .*model", "size", 10**13, 4),
]


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{row[0]}-{row[1]}" for row in FAULTS])
def test_a_fault_costs_one_line_and_a_code(fault: Any, zoo: Child, hub: LoopbackHub) -> None:
    """Bounded time, one line, the documented code; the same command works once the fault is gone."""
    pattern, kind, value, code = fault
    put, begun = hub.fault(pattern, kind, None, value), time.monotonic()
    zoo("pull", "acme/tiny", code=code, HF_TOKEN=TOKEN)
    assert time.monotonic() - begun < 25
    put.times = 0
    zoo("pull", "acme/tiny", HF_TOKEN=TOKEN)


def test_a_hub_that_is_down_is_known_soon(zoo: Child) -> None:
    """Nothing listens: within seconds, with a hint that names a bundled model."""
    begun = time.monotonic()
    zoo("pull", "acme/tiny", code=5, HF_ENDPOINT="http://127.0.0.1:9")
    assert time.monotonic() - begun < 10
    zoo("pull", "hf://acme/never", code=5, says="offline", HF_HUB_OFFLINE="1")


def test_several_names_and_all(zoo: Child, hub: LoopbackHub) -> None:
    """One bad name costs itself; --all takes the catalogue; a report has a row for what failed."""
    with zoo.start("pull", "acme/tiny", "hf://acme/absent", "acme/nothing") as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "acme/tiny" in out
    assert len([line for line in err.splitlines() if "absent" in line or "nothing" in line]) == 2
    rows = json.loads(zoo("pull", "--all", "--json"))
    assert "acme/tiny" in [row["name"] for row in rows]
    blob = next(path for path in (zoo.cache / "hub").rglob("blobs/*") if path.stat().st_size > 2000)
    blob.write_bytes(blob.read_bytes()[:-1])
    with zoo.start("verify", "--all", "--json", "--offline") as process:
        out, _ = process.communicate(timeout=120)
    states = {row["name"]: row["ok"] for row in json.loads(out)}
    assert process.returncode == 6
    assert states["acme/tiny"] is False
    assert all(ok for name, ok in states.items() if name != "acme/tiny")
    zoo("pull", "acme/tiny")
    zoo("verify", "acme/tiny")
    zoo("pull", code=2)
    zoo("pull", "--all", "acme/tiny", code=2)


def test_eight_at_once_and_one_killed(zoo: Child, hub: LoopbackHub, tiny_files: dict[str, bytes]) -> None:
    """Seven of eight processes get the model while one is killed, and the cache is whole."""
    hub.fault("cdn GET", "slow", 1, 0.002)
    processes = [zoo.start("pull", "acme/tiny") for _ in range(8)]
    while not hub.asked("cdn|GET /[0-9a-f]{64}"):
        time.sleep(0.02)
    processes[0].send_signal(signal.SIGKILL)
    codes = []
    for process in processes:
        process.communicate(timeout=120)
        codes.append(process.returncode)
    assert codes == [-signal.SIGKILL] + [0] * 7
    zoo("pull", "acme/tiny", "--offline")
    for path in (zoo.cache / "hub" / "models--acme--tiny" / "snapshots").rglob("*.*"):
        assert path.read_bytes() == tiny_files[path.name]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk(zoo: Child, tmp_path: Path, hub: LoopbackHub) -> None:
    """A cache on a disk without room is a StorageError that leaves nothing; with room the same command works."""
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], capture_output=True).returncode:
        pytest.skip("this machine mounts no tmpfs")
    try:
        ballast = small / "ballast"
        with pytest.raises(OSError, match="No space"):
            ballast.write_bytes(b"\0" * 2**20)
        zoo("pull", "acme/tiny", code=7, says="No space left", HF_HOME=str(small))
        assert not list(small.rglob("*.incomplete"))
        ballast.unlink()
        zoo("pull", "acme/tiny", HF_HOME=str(small))
    finally:
        subprocess.run(["umount", "-l", small], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting read-only needs root")
def test_a_read_only_cache_with_a_good_copy(zoo: Child, hub: LoopbackHub, tiny_files: dict[str, bytes]) -> None:
    """It works, with a newer commit upstream too, and says so."""
    zoo("pull", "acme/tiny", "hf://acme/tiny")
    if subprocess.run(["mount", "--bind", zoo.cache, zoo.cache], capture_output=True).returncode:
        pytest.skip("this machine mounts nothing")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", zoo.cache], check=True)
        zoo("verify", "acme/tiny")
        hub.repos["acme/tiny"].commit({**tiny_files, "config.json": tiny_files["config.json"] + b"\n"})
        zoo("verify", "hf://acme/tiny", says="from the cache")
        zoo("pull", "hf://acme/other", code=3)
        hub.repo("acme/other", tiny_files)
        zoo("pull", "hf://acme/other", code=7, says="Read-only")
    finally:
        subprocess.run(["umount", "-l", zoo.cache], check=True)


def test_push_then_pull_in_another_home(
    zoo: Child, hub: LoopbackHub, tiny_files: dict[str, bytes], tmp_path: Path
) -> None:
    """What `push` prints holds: the same sha256 and the same samples on a clean cache; again it changes nothing."""
    folder = str(tmp_path / "tiny-files")
    text = zoo("push", folder, "--to", "acme/new", HF_TOKEN=TOKEN)
    assert "WeightsSpec(" in text
    (row,) = json.loads(zoo("push", folder, "--to", "acme/new", "--json", HF_TOKEN=TOKEN))
    assert (row["changed"], row["name"]) == ([], f"hf://acme/new@{hub.repos['acme/new'].refs['main']}")
    zoo("sample", row["name"], "-n", "4", "-o", "hub.png")
    zoo("sample", folder, "-n", "4", "-o", "mine.png")
    assert (zoo.work / "hub.png").read_bytes() == (zoo.work / "mine.png").read_bytes()
    for file, digest in row["files"].items():
        path = zoo.cache / "hub" / "models--acme--new" / "snapshots" / row["revision"] / file
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    zoo("eval", row["name"], "--write", code=2, says="nothing is written there")
    zoo("push", folder, "--to", "acme/new", code=5, says="log in") if hub.repos["acme/new"].private else None
    (Path(folder) / "model.safetensors").write_bytes(b"\0" * 100)
    zoo("push", folder, "--to", "acme/newer", code=4, HF_TOKEN=TOKEN)
    zoo("push", folder, "--to", "acme", code=2)
    zoo("push", "--all", "--to", "acme/x", code=2)
    assert "acme/newer" not in hub.repos
    assert not hub.asked("xet")  # one protocol, with hf_xet installed too


def test_push_all_publishes_the_bundled_models(zoo: Child, hub: LoopbackHub) -> None:
    """Every model of the zoo that this checkout carries, each to ORG/NAME."""
    listed = json.loads(zoo("list", "--json"))
    bundled = [row["name"] for row in listed if row["available"] == "bundled"]
    present = [name for name in bundled if (Path(__file__).parents[2] / "weights" / name).is_dir()]
    if not present or present != bundled:
        pytest.skip("this checkout carries no weights")
    rows = json.loads(zoo("push", "--all", "--to", "org", "--json", HF_TOKEN=TOKEN))
    assert sorted(row["repo_id"] for row in rows) == sorted(f"org/{name}" for name in bundled)


def test_the_cache_is_listed_and_cleaned(zoo: Child, hub: LoopbackHub) -> None:
    """`clean` removes damage and leftovers, then what is named, then all; other programs' models are left alone."""
    zoo("pull", "acme/tiny")
    other = zoo.cache / "hub" / "models--other--bert" / "snapshots" / ("a" * 40)
    other.mkdir(parents=True)
    (other / "config.json").write_text("{}")
    (row,) = json.loads(zoo("cache", "list", "--json"))
    assert (row["name"], len(row["commits"])) == ("hf://acme/tiny", 1)
    blobs = zoo.cache / "hub" / "models--acme--tiny" / "blobs"
    left = blobs / ".zoo-x.incomplete"
    left.write_bytes(b"x" * 500)
    os.utime(left, (0, 0))
    damaged = max(blobs.iterdir(), key=lambda path: path.stat().st_size)
    damaged.write_bytes(b"y")
    zoo("cache", "clean")
    assert not left.exists()
    assert not damaged.exists()
    zoo("pull", "acme/tiny")
    zoo("cache", "clean", "hf://acme/absent", code=2)
    zoo("cache", "clean", "hf://acme/tiny")
    assert json.loads(zoo("cache", "list", "--json")) == []
    zoo("pull", "acme/tiny")
    zoo("cache", "clean", "--all")
    assert [path.name for path in (zoo.cache / "hub").iterdir() if path.name.startswith("models")] == [
        "models--other--bert"
    ]


def test_search_lists_the_hub(zoo: Child, hub: LoopbackHub) -> None:
    """`list --hub` gives what is tagged; offline it says so."""
    assert [row["name"] for row in json.loads(zoo("list", "--hub", "--json"))] == ["hf://acme/tiny"]
    zoo("list", "--hub", "absent*", says="no model on the Hub matches")
    zoo("list", "--hub", code=5, ZOO_OFFLINE="1")


HARM: dict[str, tuple[Callable[[dict[str, bytes]], dict[str, bytes]], int]] = {
    "header too long": (lambda f: f | {"model.safetensors": b"\xff" * 8 + b"{}"}, 4),
    "nested header": (
        lambda f: f | {"model.safetensors": (10**5).to_bytes(8, "little") + b'{"a":' * 20000},
        4,
    ),
    "duplicate key": (
        lambda f: f | {"model.safetensors": (23).to_bytes(8, "little") + b'{"a":{},"a":{}}        '},
        4,
    ),
    "config names code": (
        lambda f: f | {"config.json": f["config.json"].replace(b'"dcgan"', b'"os:system"')},
        4,
    ),
    "huge dimensions": (
        lambda f: f | {"config.json": f["config.json"].replace(b'"latent_size": 3', b'"latent_size": 1000000000000')},
        4,
    ),
    "unknown key": (
        lambda f: f | {"config.json": f["config.json"].replace(b'"latent_size"', b'"trust_remote_code"')},
        4,
    ),
    "pickle in the place of weights": (lambda f: f | {"model.safetensors": b"\x80\x04cos\nsystem\n."}, 4),
}


@pytest.mark.parametrize("harm", HARM)
def test_hostile_files_are_refused(harm: str, zoo: Child, hub: LoopbackHub, tiny_files: dict[str, bytes]) -> None:
    """What a repository holds becomes one line and a code, and no code is run."""
    change, code = HARM[harm]
    hub.repo("acme/evil", change(tiny_files))
    with zoo.start("sample", "hf://acme/evil", "-n", "1", "-o", "x.png") as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "")
    assert "Traceback" not in err
    assert not (zoo.work / "x.png").exists()
    shutil.rmtree(zoo.cache / "hub" / "models--acme--evil")
