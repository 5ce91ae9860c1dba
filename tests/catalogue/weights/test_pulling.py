"""weights.pulling; and what `load`, `info`, `pull` and `verify` take beside a name: revision, token, cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from loopback_hub import TOKEN

import zoo
from zoo.catalogue.weights.folder import FILES
from zoo.errors import NetworkError, NotFoundError, StorageError, UsageError, WeightsError
from zoo.latent.concept_file import load_concept

OTHER = b"\n"


@pytest.fixture
def commits(hub: Any, tiny_files: dict[str, bytes]) -> tuple[str, str]:
    """hf://acme/tiny with the tag v1.0 and, on main, a newer commit."""
    repo = hub.repo("acme/tiny", tiny_files)
    repo.refs["v1.0"] = repo.refs["main"]
    return repo.refs["v1.0"], repo.commit({**tiny_files, "config.json": tiny_files["config.json"] + OTHER})


ASK: dict[str, Callable[..., str]] = {
    "load": lambda name, **more: zoo.load(name, **more).origin,
    "info": lambda name, **more: str(zoo.info(name, **more)["origin"]),
    "pull": lambda name, **more: str(zoo.pull(name, **more)["origin"]),
    "verify": lambda name, **more: str(zoo.verify(name, **more)["origin"]),
}


@pytest.mark.parametrize("ask", ASK)
def test_a_revision_may_stand_beside_the_name(ask: str, hub: Any, commits: tuple[str, str]) -> None:
    """A tag, a branch or a commit; the same one twice is one; two that differ are refused."""
    tagged, newest = commits
    assert ASK[ask]("hf://acme/tiny") == f"hf://acme/tiny@{newest}"
    for name, revision in (("hf://acme/tiny", "v1.0"), ("hf://acme/tiny", tagged), ("hf://acme/tiny@v1.0", "v1.0")):
        assert ASK[ask](name, revision=revision) == f"hf://acme/tiny@{tagged}"
    with pytest.raises(UsageError, match=r"names the revision 'v1.0', beside it stands 'main'; name one"):
        ASK[ask]("hf://acme/tiny@v1.0", revision="main")
    with pytest.raises(NotFoundError, match="no such revision"):
        ASK[ask]("hf://acme/tiny", revision="v2.0")


@pytest.mark.parametrize("ask", ASK)
def test_what_has_no_revisions_takes_none(ask: str, hub: Any, tiny_files: Any, tmp_path: Path) -> None:
    """A bundled model and a folder are what they are; the line says so, and nothing is asked."""
    if ask == "info":
        with pytest.raises(UsageError, match="and dcgan is an entry of the catalogue, which has none"):
            zoo.info("dcgan", revision="v1")
    with pytest.raises(UsageError, match="revision is 'v1', and the catalogue pins dcgan-cifar-frog to one set of fi"):
        ASK[ask]("dcgan-cifar-frog", revision="v1")
    if ask != "info":
        with pytest.raises(UsageError, match="tiny-files is a folder, which has none; leave it out"):
            ASK[ask](tmp_path / "tiny-files", revision="v1")
    assert hub.log == []


@pytest.mark.parametrize("revision", ["a b", "../x", "", 3])
def test_a_revision_that_cannot_be_meant_is_a_usage_error(revision: Any, hub: Any) -> None:
    """Before anything is asked."""
    with pytest.raises(UsageError, match=r"malformed|revision is"):
        zoo.load("hf://acme/tiny", revision=revision)
    assert hub.log == []


@pytest.mark.parametrize("ask", ASK)
def test_a_token_is_the_one_that_was_given(ask: str, hub: Any, tiny_files: Any, monkeypatch: Any) -> None:
    """A text opens a private repository, False sends none though HF_TOKEN is set, True needs one."""
    hub.repo("acme/private", tiny_files, private=True)
    with pytest.raises(UsageError, match="token=True needs a token, and there is none; log in"):
        ASK[ask]("hf://acme/private", token=True)
    assert ASK[ask]("hf://acme/private", token=TOKEN).startswith("hf://acme/private@")
    with pytest.raises(NetworkError, match="refuses the token, which may have expired; give another:"):
        ASK[ask]("hf://acme/private@main", token="hf_expired", cache_dir=hub.cache / "other")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert ASK[ask]("hf://acme/private", token=True)
    begun = len(hub.log)
    with pytest.raises(NotFoundError, match="no such public repository"):
        ASK[ask]("hf://acme/private@main", token=False)
    assert not [row for row in hub.log[begun:] if "authorization" in row[3]]


@pytest.mark.parametrize("token", ["", "a\nb", "é", 3, b"hf_x"])
def test_a_token_that_is_none_is_not_repeated(token: Any, hub: Any) -> None:
    """What no header can hold is refused, and its text is not shown."""
    with pytest.raises(UsageError, match="token is none; it takes a text that begins with hf_") as caught:
        zoo.load("hf://acme/tiny", token=token)
    assert not token or str(token) not in str(caught.value)


@pytest.mark.parametrize("ask", ["load", "pull", "verify"])
def test_a_cache_may_lie_elsewhere(ask: str, hub: Any, commits: tuple[str, str], tmp_path: Path) -> None:
    """`cache_dir` is where the files go, and from where alone `local_files_only` reads."""
    place = tmp_path / "elsewhere"
    with pytest.raises(NetworkError, match="not in the cache"):
        ASK[ask]("hf://acme/tiny", cache_dir=place, local_files_only=True)
    there = ASK[ask]("hf://acme/tiny", cache_dir=str(place))
    assert (place / "models--acme--tiny" / "snapshots" / commits[1] / "model.safetensors").is_file()
    assert not hub.cache.exists()
    asked = len(hub.log)
    assert ASK[ask]("hf://acme/tiny", cache_dir=place, local_files_only=True) == there
    assert zoo.info("hf://acme/tiny", cache_dir=place, local_files_only=True)["origin"] == there
    with pytest.raises(NotFoundError, match="smile"):
        load_concept("hf://acme/tiny", "smile", cache_dir=place, local_files_only=True)
    assert len(hub.log) == asked


def test_a_model_is_pulled_into_a_folder_of_plain_files(
    hub: Any, commits: tuple[str, str], tiny_files: Any, tmp_path: Path
) -> None:
    """Without links, the same bytes, the card too; it loads, verifies and can be looked at; never over another."""
    hub.repos["acme/tiny"].commit({**tiny_files, "samples.png": b"picture", "pytorch_model.bin": b"\x80"})
    row = zoo.pull("hf://acme/tiny", to=tmp_path / "mine")
    wanted = {name: body for name, body in tiny_files.items() if name in (*FILES, "README.md")}
    assert {path.name: path.read_bytes() for path in (tmp_path / "mine").iterdir()} == wanted
    assert not any(path.is_symlink() for path in (tmp_path / "mine").iterdir())
    assert (row["files"], row["path"]) == (len(wanted), str(tmp_path / "mine"))
    assert zoo.load(tmp_path / "mine").sample(2, seed=0).equal(zoo.load("hf://acme/tiny").sample(2, seed=0))
    assert zoo.verify(tmp_path / "mine")["ok"]
    assert zoo.info(tmp_path / "mine")["architecture"] == "dcgan"
    asked = len(hub.log)
    with pytest.raises(StorageError, match="mine exists and is not empty"):
        zoo.pull("hf://acme/tiny", to=tmp_path / "mine")
    assert len(hub.log) == asked  # first of all
    assert zoo.pull("dcgan-cifar-frog", to=tmp_path / "frogs")["path"] == str(tmp_path / "frogs")
    assert zoo.load(tmp_path / "frogs").data_shape == (3, 32, 32)


def test_a_failed_pull_leaves_no_folder(hub: Any, tiny_files: Any, tmp_path: Path) -> None:
    """What cannot be read whole is not written in part."""
    hub.repo("acme/half", {name: body for name, body in tiny_files.items() if name != "model.safetensors"})
    with pytest.raises(NotFoundError):
        zoo.pull("hf://acme/half", to=tmp_path / "half")
    assert not (tmp_path / "half").exists()


def test_force_fetches_anew(hub: Any, commits: tuple[str, str], monkeypatch: Any) -> None:
    """Every file once more, though the cache has them; offline it cannot be meant."""
    zoo.pull("hf://acme/tiny")
    bodies = hub.asked("GET /acme")
    zoo.pull("hf://acme/tiny")
    assert hub.asked("GET /acme") == bodies
    zoo.pull("hf://acme/tiny", force=True)
    assert hub.asked("GET /acme") == 2 * bodies
    with pytest.raises(UsageError, match="cannot be fetched anew and offline; leave one of them out"):
        zoo.pull("hf://acme/tiny", force=True, local_files_only=True)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 4242\n"


@pytest.mark.parametrize(
    "file", ["config.json", "model.safetensors", "discriminator.safetensors", "golden.safetensors"]
)
def test_a_git_lfs_pointer_is_named(file: str, tiny_files: Any, tmp_path: Path) -> None:
    """Whatever file it stands for: what it is, and what brings the file."""
    (tmp_path / "tiny-files" / file).write_bytes(POINTER)
    with pytest.raises(WeightsError, match=rf"{file} is a Git LFS pointer, .*`git lfs pull`.*`zoo pull`"):
        zoo.verify(tmp_path / "tiny-files")


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_link_that_leads_nowhere_is_named(file: str, hub: Any, commits: tuple[str, str], tmp_path: Path) -> None:
    """What `cp -r` makes of a snapshot: links whose blobs stayed behind."""
    import shutil

    shutil.copytree(zoo.pull("hf://acme/tiny")["path"], tmp_path / "copy", symlinks=True)
    for ask in ASK.values():
        with pytest.raises(NotFoundError, match=r"is a link to \.\./\.\./blobs/\w+, which is not there; copy .*cp -rL"):
            ask(tmp_path / "copy")
