"""zoo.catalogue.hub.cache: what was fetched is kept, mended and used while the Hub is away; and bundled weights."""

from __future__ import annotations

import ctypes
import fcntl
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from catalogue.hub.fetching import MODEL, both, read_all
from loopback_hub import LoopbackHub

from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.contract.specs import ModelSpec, WeightsSpec
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.locate import locate
from zoo.errors import IntegrityError, NetworkError, StorageError
from zoo.nn.pretrained import load

CAPABILITIES_VERSION = 0x20080522  # the third, of linux/capability.h, as are these two bits
DAC_OVERRIDE, DAC_READ_SEARCH = 1 << 1, 1 << 2


def blob(hub: Any, commit: str, file: str = MODEL) -> Path:
    return Path(os.path.realpath(hub.cache / "models--acme--tiny" / "snapshots" / commit / file))


@contextmanager
def away(hub: LoopbackHub) -> Iterator[None]:
    """The Hub answers nobody."""
    fault = hub.fault(".", "reset")
    yield
    fault.times = 0


@contextmanager
def ignored_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


DAMAGE: dict[str, Callable[[Path], object]] = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "edited": lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\x01"),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "emptied": lambda path: path.write_bytes(b""),
    "deleted": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@both
@pytest.mark.parametrize("file", [MODEL, "config.json"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_in_the_cache_is_mended_online_and_refused_offline(
    name: str, file: str, damage: str, hub: Any, commit: str, catalogue: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the right size or not, below the same name: offline and with the Hub away it is refused, online fetched."""
    good = read_all(name, catalogue)
    DAMAGE[damage](blob(hub, commit, file))
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises((IntegrityError, NetworkError)):
        read_all(name, catalogue)
    monkeypatch.delenv("ZOO_OFFLINE")
    with away(hub), ignored_warnings(), pytest.raises((IntegrityError, NetworkError)):
        read_all(name, catalogue)
    if damage == "a folder":
        blob(hub, commit, file).rmdir()
    assert read_all(name, catalogue) == good
    asked = hub.asked("^GET ")
    assert read_all(name, catalogue) == good
    assert hub.asked("^GET ") == asked


def test_a_model_loads_while_its_cached_blob_is_damaged(hub: Any, commit: str, catalogue: Registry) -> None:
    """`zoo.load` gives the same samples before and after its blob was damaged and mended."""
    before = load("pinned", registry=catalogue).sample(2, seed=0)
    DAMAGE["edited"](blob(hub, commit))
    assert load("pinned", registry=catalogue).sample(2, seed=0).equal(before)


@pytest.mark.parametrize("how", ["reset", "503", "portal"])
def test_the_cached_copy_is_used_and_said_when_the_hub_is_away(
    how: str, hub: Any, commit: str, catalogue: Registry
) -> None:
    """A branch falls back to the commit it was last found at, with a warning that names it."""
    good = read_all("hf://acme/tiny", catalogue)
    kinds = {"reset": ("reset", None), "503": ("status", (503, {})), "portal": ("html", None)}
    fault = hub.fault(".", kinds[how][0], None, kinds[how][1])
    with pytest.warns(UserWarning, match=f"using commit {commit} of hf://acme/tiny from the cache"):
        assert read_all("hf://acme/tiny", catalogue) == good
    fault.times = 0
    read_all("hf://acme/tiny", catalogue)


def test_offline_a_branch_is_the_commit_last_found(
    hub: Any, commit: str, catalogue: Registry, monkeypatch: Any
) -> None:
    """ZOO_OFFLINE uses the recorded commit without a request; what was never found is a NetworkError with a hint."""
    read_all("hf://acme/tiny", catalogue)
    asked = len(hub.log)
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    assert locate("hf://acme/tiny", catalogue).commit == commit
    with pytest.raises(NetworkError, match="not in the cache"):
        locate("hf://acme/tiny@dev", catalogue)
    assert len(hub.log) == asked


def test_a_cache_that_cannot_be_written_serves_its_good_copy(
    hub: Any, commit: str, catalogue: Registry, tiny_files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a newer commit on the Hub and no way to keep it, the good copy is used, and that is said."""
    good = read_all("hf://acme/tiny", catalogue)
    hub.repos["acme/tiny"].commit({**tiny_files, "config.json": tiny_files["config.json"] + b" "})

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("zoo.catalogue.hub.cache.create", refuse)
    with pytest.warns(UserWarning, match="Read-only file system.*using commit"):
        assert read_all("hf://acme/tiny", catalogue) == good
    DAMAGE["edited"](blob(hub, commit))
    with pytest.raises(IntegrityError, match=r"cannot be fetched anew.*Read-only"):
        locate("pinned", catalogue).read(MODEL)


def test_a_cache_nobody_can_write_is_a_storage_error(hub: Any, catalogue: Registry) -> None:
    """A file in the place of the cache folder is a StorageError naming it."""
    hub.cache.write_text("a file")
    with pytest.raises(StorageError, match="cannot write the Hub's cache"):
        locate("pinned", catalogue)


@pytest.fixture
def bundle(
    tmp_path: Path, catalogue: Registry, tiny_files: Any, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Registry]:
    """A bundled copy of `pinned`, which is on the Hub as well."""
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "zoo_test_bundle" / "tiny"
    path.mkdir(parents=True)
    for name, body in tiny_files.items():
        (path / name).write_bytes(body)
    spec = catalogue.model("pinned")
    assert spec.weights is not None
    both_places = WeightsSpec(
        files=spec.weights.files,
        repo_id=spec.weights.repo_id,
        revision=spec.weights.revision,
        bundled="zoo_test_bundle:tiny",
    )
    known = [item for claims in default_registry().entries.values() for item in claims]
    made = ModelSpec(
        name="pinned", summary="", architecture="dcgan", dataset="shapes", licence="MIT", weights=both_places
    )
    return path, Registry.of([*known, Owned(name="pinned", spec=made, owner="test")])


def test_a_good_bundle_asks_nobody(hub: Any, bundle: tuple[Path, Registry]) -> None:
    """The bundled copy wins when its bytes are the pinned ones."""
    assert locate("pinned", bundle[1]).source == "bundled"
    read_all("pinned", bundle[1])
    assert hub.log == []


def test_a_damaged_bundle_falls_back_to_the_hub(hub: Any, bundle: tuple[Path, Registry], tiny_files: Any) -> None:
    """The Hub's copy of the damaged file is used, and that is said; with the Hub away it is an IntegrityError."""
    path, registry = bundle
    DAMAGE["edited"](path / MODEL)
    with away(hub), pytest.raises(IntegrityError, match="the Hub's copy cannot be had either"):
        read_all("pinned", registry)
    with pytest.warns(UserWarning, match="the bundled model.safetensors is damaged"):
        assert read_all("pinned", registry)[MODEL] == tiny_files[MODEL]


def test_the_hint_names_a_bundled_model(hub: Any, bundle: tuple[Path, Registry]) -> None:
    """When the Hub is away the error names a model that needs no network."""
    with away(hub), pytest.raises(NetworkError, match=r"'[a-z-]+' is bundled and needs no network"):
        locate("hf://acme/nothing", bundle[1])


@contextmanager
def without_roots_rights() -> Iterator[None]:
    """Root reads what permissions forbid (capabilities(7)): give that up in this thread, and take it back. Another
    user's id would not do: the program's own files may be root's alone.
    """
    libc, whole = ctypes.CDLL(None, use_errno=True), (ctypes.c_uint32 * 6)()
    header = (ctypes.c_uint32 * 2)(CAPABILITIES_VERSION, 0)
    assert libc.capget(header, whole) == 0
    less = type(whole)(*whole)
    less[0] &= ~(DAC_OVERRIDE | DAC_READ_SEARCH)  # of the three words of the first 32 capabilities, the effective ones
    assert libc.capset(header, less) == 0
    try:
        yield
    finally:
        assert libc.capset(header, whole) == 0


@pytest.fixture
def locked_out(hub: Any, commit: str, catalogue: Registry) -> Iterator[None]:
    """The cache of another user, under umask 077."""
    read_all("hf://acme/tiny", catalogue)
    folder = hub.cache / "models--acme--tiny"
    os.chmod(folder, 0)
    with without_roots_rights():
        yield
    os.chmod(folder, 0o755)


UNREADABLE = "cannot read the Hub's cache .*: Permission denied, it may be another user's; .* set HF_HOME"


@both
def test_a_cache_that_may_not_be_read_says_so(name: str, catalogue: Registry, locked_out: None) -> None:
    """Reading is what fails, and what is named; online and offline, from every door."""
    for offline in (False, True):
        with pytest.raises(StorageError, match=UNREADABLE):
            load(name, registry=catalogue, local_files_only=offline)


def test_one_model_that_may_not_be_read_costs_itself(
    hub: Any, tiny_files: Any, locked_out: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """`zoo pull A B` has a line for A, goes on to B, and exits with A's code."""
    from zoo.cli.main import main

    assert main(["pull", "hf://acme/tiny", "dcgan-cifar-frog"]) == 7
    captured = capsys.readouterr()
    assert "bundled" in captured.out
    assert "cannot read the Hub's cache" in captured.err
    assert captured.err.count("\n") == 1


def test_what_a_killed_download_left_is_removed_by_the_next(hub: Any, commit: str, catalogue: Registry) -> None:
    """At once, though it is new; what another process is still writing stays."""
    from zoo.catalogue.hub.cache import RepoCache

    cache = RepoCache(hub.cache, "acme/tiny")
    code = (
        "import os, signal; from pathlib import Path; from zoo.catalogue.hub.cache import RepoCache\n"
        f"with RepoCache(Path({str(hub.cache)!r}), 'acme/tiny').writing() as (stream, aside):\n"
        "    stream.write(b'half'); stream.flush(); os.kill(os.getpid(), signal.SIGTERM)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -15
    (left,) = hub.cache.rglob("*.incomplete")
    with cache.writing() as (_, mine):
        read_all("hf://acme/tiny", catalogue)
        assert list(hub.cache.rglob("*.incomplete")) == [mine]
        assert not left.exists()
    assert [path.name for path in hub.cache.rglob(".zoo-*")] == []


def test_waiting_for_another_process_is_said(
    hub: Any, commit: str, catalogue: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a moment: for whom, and how long at most; then both go on."""
    from zoo.catalogue.hub.cache import RepoCache

    monkeypatch.setattr("zoo.catalogue.hub.cache.SILENT", 0.1)
    monkeypatch.setattr("zoo.catalogue.hub.cache.LONGEST_LOCK", 0.3)
    lock = RepoCache(hub.cache, "acme/tiny").lock_file
    lock.parent.mkdir(parents=True)
    with lock.open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.warns(UserWarning, match="another process is fetching hf://acme/tiny; waiting for it, at most"):
            read_all(f"hf://acme/tiny@{commit}", catalogue)
