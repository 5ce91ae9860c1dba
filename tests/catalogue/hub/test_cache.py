"""zoo.catalogue.hub.cache: what was fetched is kept, mended and used while the Hub is away; and bundled weights."""

from __future__ import annotations

import os
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

    monkeypatch.setattr("tempfile.mkstemp", refuse)
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
