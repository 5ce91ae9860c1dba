"""hub.cache without links, where no blob's name says what a file must hold: the digests are kept beside."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from catalogue.hub.fetching import MODEL, both, read_all

import zoo
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.weights.cached_models import cached_models
from zoo.catalogue.weights.folder import FILES
from zoo.catalogue.weights.locate import locate
from zoo.errors import IntegrityError, NetworkError
from zoo.latent.verification import verify
from zoo.nn.pretrained import load

DISCRIMINATOR = "discriminator.safetensors"


def refuse(*_: object, **__: object) -> None:
    raise OSError(1, "Operation not permitted")


@pytest.fixture(params=["not wanted", "not to be had"])
def plain(request: pytest.FixtureRequest, hub: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A Hub whose cache has no links, as HF_HUB_DISABLE_SYMLINKS asks or the disk has it."""
    if request.param == "not wanted":
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_SYMLINKS", True)
    else:
        monkeypatch.setattr(os, "symlink", refuse)
    return hub


def snapshot(hub: Any, commit: str) -> Path:
    path: Path = hub.cache / "models--acme--tiny" / "snapshots" / commit
    return path


def by_the_client(hub: Any, commit: str, files: dict[str, bytes]) -> Path:
    """What `HF_HUB_DISABLE_SYMLINKS=1 hf download acme/tiny` leaves: plain files, and the branch's commit."""
    folder = snapshot(hub, commit)
    folder.mkdir(parents=True)
    for name, body in files.items():
        (folder / name).write_bytes(body)
    (hub.cache / "models--acme--tiny" / "refs").mkdir()
    (hub.cache / "models--acme--tiny" / "refs" / "main").write_text(commit)
    return folder


def flip(path: Path) -> None:
    """Change four bytes in the middle of a file."""
    body = bytearray(path.read_bytes())
    middle = len(body) // 2
    body[middle : middle + 4] = bytes(byte ^ 255 for byte in body[middle : middle + 4])
    path.write_bytes(body)


@both
def test_without_links_everything_works(
    name: str, plain: Any, commit: str, catalogue: Registry, tiny_files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fetched once, the files lie there as files; then nothing is fetched, and offline they are all that is needed."""
    wanted = {file: tiny_files[file] for file in FILES if file in tiny_files}
    assert read_all(name, catalogue) == wanted
    assert not [path for path in plain.cache.rglob("*") if path.is_symlink()]
    bodies = plain.asked("^GET ")
    assert read_all(name, catalogue) == wanted
    assert plain.asked("^GET ") == bodies
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    assert read_all(name, catalogue) == wanted
    assert verify(name, registry=catalogue)["ok"]
    assert [model.name for model in cached_models()] == ["hf://acme/tiny"]


@both
@pytest.mark.parametrize("file", [MODEL, DISCRIMINATOR, "golden.safetensors", "config.json"])
def test_damage_is_found_and_mended(
    file: str, name: str, plain: Any, commit: str, catalogue: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four bytes of any file: refused offline by all that reads it, removed by `cache clean`, fetched anew online."""
    good = read_all(name, catalogue)
    flip(snapshot(plain, commit) / file)
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(IntegrityError, match=file):
        verify(name, registry=catalogue)
    if file != "golden.safetensors":
        with pytest.raises(IntegrityError, match=file):
            load(name, registry=catalogue, discriminator=True)
    monkeypatch.delenv("ZOO_OFFLINE")
    assert read_all(name, catalogue) == good
    flip(snapshot(plain, commit) / file)
    (model,) = cached_models()
    model.clean(whole=False)
    assert not (snapshot(plain, commit) / file).exists()
    assert read_all(name, catalogue) == good


@pytest.mark.parametrize("name", ["hf://acme/tiny", "hf://acme/tiny@COMMIT"])
@pytest.mark.parametrize("file", [MODEL, DISCRIMINATOR, "golden.safetensors", "README.md"])
def test_what_another_program_left_without_a_digest_is_held_to_the_hubs(
    file: str, name: str, hub: Any, commit: str, catalogue: Registry, tiny_files: Any
) -> None:
    """A damaged file of which nothing says what it must hold is fetched anew; the good ones are not."""
    name = name.replace("COMMIT", commit)
    flip(by_the_client(hub, commit, tiny_files) / file)
    assert read_all(name, catalogue) == {one: tiny_files[one] for one in FILES if one in tiny_files}
    assert verify(name, registry=catalogue)["card"] == "consistent"
    assert hub.asked("^GET /acme") == 1


@pytest.mark.parametrize("file", [file for file in FILES if file != "config.json"] + ["evaluation.json"])
def test_every_kind_of_file_is_held_to_a_digest(
    file: str, plain: Any, catalogue: Registry, tiny_files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands beside the networks, too: damaged it is refused offline, and fetched anew online."""
    files = {**tiny_files, **{name: name.encode() * 9 for name in FILES if name not in tiny_files}}
    files["evaluation.json"] = b'{"distance": 1.0}'
    commit = plain.repo("acme/tiny", files).refs["main"]
    folder = locate("hf://acme/tiny", catalogue)
    assert bytes(folder.read(file)) == files[file]
    flip(snapshot(plain, commit) / file)
    assert bytes(locate("hf://acme/tiny", catalogue).read(file)) == files[file]
    flip(snapshot(plain, commit) / file)
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(IntegrityError, match=file):
        locate("hf://acme/tiny", catalogue).read(file)


def test_offline_what_has_no_digest_is_refused_in_words(
    hub: Any, commit: str, catalogue: Registry, tiny_files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not called absent; the catalogue's pins do say what it must hold, and the pinned model works."""
    by_the_client(hub, commit, tiny_files)
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    for name in ("hf://acme/tiny", f"hf://acme/tiny@{commit}"):
        with pytest.raises(
            NetworkError, match=r"config.json, model.safetensors lie in the cache unchecked: .*`zoo pul"
        ):
            locate(name, catalogue)
    assert load("pinned", registry=catalogue, discriminator=True).discriminator is not None
    monkeypatch.delenv("ZOO_OFFLINE")
    locate("hf://acme/tiny", catalogue)
    (hub.cache / "models--acme--tiny" / ".digests" / commit / DISCRIMINATOR).unlink()
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    assert load("hf://acme/tiny", registry=catalogue).discriminator is None
    with pytest.raises(IntegrityError, match=rf"nothing says which bytes .*{DISCRIMINATOR} must hold; pull"):
        load("hf://acme/tiny", registry=catalogue, discriminator=True)


def test_a_process_that_is_killed_between_note_and_file_leaves_a_cache_that_is_mended(
    plain: Any, commit: str, catalogue: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The note comes first, so that what is there then is seen to be something else."""
    good = read_all("hf://acme/tiny", catalogue)
    path = snapshot(plain, commit) / MODEL
    path.write_bytes(b"old")
    assert read_all("hf://acme/tiny", catalogue) == good


def test_the_public_loader_is_held_to_the_same(plain: Any, commit: str, catalogue: Registry) -> None:
    """`zoo.load` gives the same samples from a cache without links as from any."""
    before = zoo.load("hf://acme/tiny", registry=catalogue).sample(2, seed=0)
    flip(snapshot(plain, commit) / MODEL)
    assert zoo.load("hf://acme/tiny", registry=catalogue).sample(2, seed=0).equal(before)
