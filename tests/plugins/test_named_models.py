"""Other people's models by name: nobody has pinned them, so that what is found first is held to afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import zoo
from zoo.catalogue.contract.pins import read_pins
from zoo.catalogue.plugins.loading import default_registry
from zoo.cli.main import main
from zoo.errors import IntegrityError, NetworkError
from zoo.files import sha256_of
from zoo.images import import_torchvision

import_torchvision()
diffusers: Any = pytest.importorskip("diffusers", reason="the extra `diffusers` is not installed")

# The library's schedulers call NumPy in a way that it deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
NAME, REPO = "taesd", "madebyollin/taesd"
TINY = {"encoder_block_out_channels": (8, 8), "decoder_block_out_channels": (8, 8)}
TINY |= {"num_encoder_blocks": (1, 1), "num_decoder_blocks": (1, 1)}
FIRST = "nobody has pinned hf://madebyollin/taesd; it is commit"
WEIGHTS = "diffusion_pytorch_model.safetensors"


def files(seed: int, folder: Path) -> dict[str, bytes]:
    """A tiny model of the kind that the repository has, as the library writes it."""
    torch.manual_seed(seed)
    diffusers.AutoencoderTiny(**TINY).save_pretrained(folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def repo(hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The repository on the loopback; caches and the user's choices are the test's own."""
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "zoo-cache"))
    monkeypatch.setenv("ZOO_CONFIG", str(tmp_path / "own" / "config.json"))
    return hub.repo(REPO, files(0, tmp_path / "first"))


@pytest.fixture
def seen(repo: Any) -> str:
    """The commit at which it was pulled first."""
    with pytest.warns(UserWarning, match=FIRST):
        zoo.pull(NAME)
    return str(repo.refs["main"])


def test_the_catalogue_names_a_dozen_and_lists_them_as_unpinned(repo: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Repository, licence, kind and size are facts of the catalogue; no commit and no digest is made up."""
    entries = [default_registry().model(name) for name in zoo.list_models()]
    foreign = [spec for spec in entries if spec.weights is not None and spec.weights.format]
    assert len(foreign) >= 12
    assert not [spec for spec in foreign if spec.weights and (spec.weights.files or spec.weights.revision)]
    assert {spec.licence for spec in foreign} == {"Apache-2.0", "MIT"}
    assert not {spec.name for spec in foreign} & set(zoo.list_models(trained=True))
    assert main(["list", "ddpm-*", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    names = {spec.name for spec in foreign}
    assert {row["available"] for row in rows if row["name"] in names} == {"unpinned"}
    told = zoo.info("ddpm-cifar10")
    assert (told["origin"], told["pinned"]) == ("hf://google/ddpm-cifar10-32", False)
    assert main(["info", "sd-vae"]) == 0
    assert "nobody has pinned" in " ".join(capsys.readouterr().out.split())


def test_the_first_pull_shows_what_it_got_and_remembers_it(repo: Any, hub: Any, tmp_path: Path) -> None:
    """Commit and sha256 of each file; later it loads offline and from an emptied cache, and asks for that commit."""
    with pytest.warns(UserWarning, match=FIRST) as said:
        got = zoo.pull(NAME)
    first = tmp_path / "first"
    digests = {file: sha256_of(first / file) for file in ("config.json", WEIGHTS)}
    assert got["sha256"] == digests
    for file, digest in digests.items():
        assert f"{file} sha256 {digest}" in str(said[0].message)
    assert repo.refs["main"] in str(said[0].message)
    asked = len(hub.log)
    expected = zoo.load(first).state_dict()
    model = zoo.load(NAME)
    assert len(hub.log) == asked
    assert all(torch.equal(tensor, expected[key]) for key, tensor in model.state_dict().items())
    assert model.origin == f"hf://{REPO}@{repo.refs['main']}"
    assert zoo.load(NAME, local_files_only=True).origin == model.origin
    assert zoo.info(NAME)["source"] == "cache"
    was = repo.refs["main"]
    repo.commit(files(1, tmp_path / "second"))
    assert zoo.load(NAME, cache_dir=tmp_path / "empty").origin == f"hf://{REPO}@{was}"


def test_something_else_later_names_both(seen: str, repo: Any, tmp_path: Path, capsys: Any) -> None:
    """A pull that finds another model on the branch, or a load that finds other bytes under the same commit."""
    newer = repo.commit(files(1, tmp_path / "second"))
    with pytest.raises(IntegrityError, match=f"{seen}.*{newer}"):
        zoo.pull(NAME)
    assert zoo.load(NAME).origin.endswith(seen)
    was, now = sha256_of(tmp_path / "first" / WEIGHTS), sha256_of(tmp_path / "second" / WEIGHTS)
    repo.commits[seen][WEIGHTS] = (tmp_path / "second" / WEIGHTS).read_bytes()
    with pytest.raises(IntegrityError, match=f"{now}.*{was}.*--forget"):
        zoo.load(NAME, cache_dir=tmp_path / "empty")
    repo.commits[seen] |= {"config.json": b"{}"}
    with pytest.raises(IntegrityError, match=r"config\.json"):
        zoo.load(NAME, cache_dir=tmp_path / "emptier")
    del repo.commits[seen]
    with pytest.raises(IntegrityError, match=f"had commit {seen} .first seen., and has {newer}"):
        zoo.load(NAME, cache_dir=tmp_path / "emptiest")
    assert main(["pin", NAME, "--forget"]) == 0
    with pytest.warns(UserWarning, match=newer):
        assert zoo.load(NAME, cache_dir=tmp_path / "emptiest").origin.endswith(newer)


def test_a_readme_that_changes_is_no_other_model(seen: str, repo: Any, tmp_path: Path) -> None:
    """Only what is loaded counts."""
    repo.commit({**repo.commits[seen], "README.md": b"new words"})
    assert zoo.pull(NAME)["origin"].endswith(seen)


def test_pin_writes_it_down(seen: str, repo: Any, tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    """Into the user's own file, or a project's, which ZOO_PINS names; then memory is not needed any more."""
    assert main(["pin", NAME]) == 0
    own = tmp_path / "own" / "pins.toml"
    told = {"repo_id": REPO, "revision": seen}
    digests = {file: sha256_of(tmp_path / "first" / file) for file in ("config.json", WEIGHTS)}
    assert read_pins(own) == {NAME: told | {"files": digests}}
    capsys.readouterr()
    assert main(["list", "*taesd", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["available"] == "hub"
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "other-cache"))
    repo.commit(files(1, tmp_path / "second"))
    assert zoo.load(NAME, cache_dir=tmp_path / "empty").origin.endswith(seen)
    project = tmp_path / "project.toml"
    assert main(["pin", NAME, "--to", str(project)]) == 0
    assert f"ZOO_PINS={project}" in capsys.readouterr().err
    assert read_pins(project) == read_pins(own)
    own.unlink()
    monkeypatch.setenv("ZOO_PINS", str(project))
    assert zoo.load(NAME, cache_dir=tmp_path / "emptier").origin.endswith(seen)
    project.write_text(project.read_text().replace(digests[WEIGHTS], "0" * 64))
    with pytest.raises(IntegrityError, match="0" * 64):
        zoo.load(NAME)


def test_what_cannot_be_pinned_is_one_line(seen: str, tmp_path: Path, capsys: Any) -> None:
    """A model that is pinned already, one without weights, a folder without --to, what was never seen."""
    for words, told in (
        (["vae-faces"], "pinned by the catalogue already"),
        (["dcgan-shapes"], "has no published weights"),
        (["./somewhere"], "write --to FILE"),
        (["taesdxl", "--forget"], "was never seen or pinned"),
    ):
        assert main(["pin", *words]) == 2
        assert told in capsys.readouterr().err
    (tmp_path / "bad.toml").write_text("[taesd]\nfiles = 3\n")
    assert main(["pin", NAME, "--to", str(tmp_path / "bad.toml")]) == 4


def test_without_a_network_the_error_says_how_to_get_it(repo: Any, hub: Any, capsys: Any) -> None:
    """It names the repository, the command, and a model that needs none; nothing is asked."""
    with pytest.raises(NetworkError, match=r"hf://madebyollin/taesd is not in the cache.*`zoo pull taesd`.*is bundled"):
        zoo.load(NAME, local_files_only=True)
    assert not hub.log
    assert main(["sample", NAME, "--offline", "-o", "x.png"]) == 5


def test_all_leaves_what_nobody_has_pinned(repo: Any, hub: Any, capsys: Any) -> None:
    """`zoo pull --all` fetches nothing of another's."""
    assert main(["pull", "--all"]) == 0
    assert NAME not in capsys.readouterr().out
    assert not hub.log


def test_a_damaged_file_is_fetched_anew(seen: str, repo: Any, hub: Any) -> None:
    """In the cache a byte was changed: a pull heals it, a load without network refuses it."""
    blobs = hub.cache / "models--madebyollin--taesd" / "blobs"
    blob = max(blobs.iterdir(), key=lambda path: path.stat().st_size)
    blob.write_bytes(blob.read_bytes()[:-1] + b"\1")
    with pytest.raises(IntegrityError):
        zoo.load(NAME, local_files_only=True)
    assert zoo.pull(NAME, force=True)["origin"].endswith(seen)
    zoo.load(NAME, local_files_only=True)
