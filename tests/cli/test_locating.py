"""A command finds its model once, and a load reads and hashes its weights once: what it says is of one commit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.folder import CONCEPTS, MODEL, PRIOR, Folder
from zoo.catalogue.weights.locate import locate
from zoo.cli.main import main
from zoo.files import sha256_of
from zoo.latent.concept_file import concepts_of, save_concepts
from zoo.latent.concepts import ConceptVector
from zoo.latent.priors import save_mixture
from zoo.nn.distributions import GaussianMixture
from zoo.nn.pretrained import load_folder

Make = Callable[..., SimpleNamespace]
FIT = ["concept", "fit", "MODEL", "smile", "--data", "faces", "--factor", "smiling"]
MEASURE = ["concept", "measure", "MODEL", "smile", "--data", "faces", "--factor", "smiling", "--keep", "gender"]
EDIT = ["edit", "PHOTO", "--model", "MODEL", "--concept", "smile,age", "-o", "OUT"]
RECONSTRUCT = ["reconstruct", "PHOTO", "--model", "MODEL", "-o", "OUT"]
LIKELIHOOD = ["likelihood", "MODEL", "-n", "3", "--samples", "4"]


@pytest.fixture
def tiny(vae_folder: Make) -> Path:
    """A weights folder of a VAE with a mixture and two concepts."""
    path: Path = vae_folder().path
    save_concepts(path, [ConceptVector(name=name, direction=torch.ones(3)) for name in ("smile", "age")])
    save_mixture(path, GaussianMixture(torch.ones(2), torch.zeros(2, 3), torch.eye(3).repeat(2, 1, 1)))
    return path


def run(words: list[str], model: object, folder: Path) -> int:
    """The exit code of a command line in which MODEL, PHOTO and OUT stand for places."""
    Image.new("RGB", (40, 30), (200, 100, 50)).save(folder / "photo.png")
    places = {"MODEL": str(model), "PHOTO": str(folder / "photo.png"), "OUT": str(folder / "out.png")}
    return main([places.get(word, word) for word in words])


@pytest.mark.usefixtures("labelled")
@pytest.mark.parametrize("words", [EDIT, RECONSTRUCT, LIKELIHOOD, MEASURE], ids=lambda words: words[0])
def test_a_command_asks_the_hub_for_one_commit(
    words: list[str], hub: Any, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a branch it asks once, and says once which commit that is."""
    hub.repo("acme/tiny", {path.name: path.read_bytes() for path in tiny.iterdir()})
    locate("hf://acme/tiny", default_registry())  # fetched already
    capsys.readouterr()
    asked = len(hub.log)
    assert run(words, "hf://acme/tiny", tmp_path) == 0
    assert [(method, path.rpartition("/")[2]) for _, method, path, _ in hub.log[asked:]] == [("HEAD", "config.json")]
    assert capsys.readouterr().err.count("hf://acme/tiny is commit ") == 1


@pytest.mark.usefixtures("labelled")
@pytest.mark.parametrize(
    ("words", "code"),
    [(FIT, 0), ([*MEASURE, "--write"], 4), ([*LIKELIHOOD, "--write"], 4), (["mixture", "fit", "MODEL"], 0)],
    ids=["fit", "measure", "likelihood", "mixture"],
)
def test_a_command_that_writes_finds_its_folder_once(
    words: list[str], code: int, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder that is checked is the one that is measured and written to; its config says too little for a card."""
    found: list[Any] = []

    def count(name: Any, registry: Any) -> Folder:
        found.append(name)
        return locate(name, registry)

    for module in ("zoo.catalogue.weights.locate", "zoo.nn.pretrained", "zoo.latent.concept_file"):
        monkeypatch.setattr(f"{module}.locate", count)
    assert run(words, tiny, tmp_path) == code
    assert found == [str(tiny)]


class Counted:
    """Stands for `hashlib` in zoo.catalogue.weights.folder and zoo.files, and counts what it is given."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def sha256(self, data: Any = b"") -> Any:
        self.sizes.append(len(data))
        return hashlib.sha256(data)

    def sha1(self, data: Any = b"") -> Any:
        return hashlib.sha1(data)

    def file_digest(self, stream: Any, kind: str) -> Any:
        return self.sha256(stream.read()) if kind == "sha256" else hashlib.file_digest(stream, kind)


@pytest.mark.parametrize("kind", ["a folder of the user's own", "pinned", "the Hub's"])
def test_a_load_reads_and_hashes_its_weights_once(
    kind: str, tiny: Path, hub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was fitted to the model is compared with the digest of the bytes that were read."""
    folder = Folder(name="tiny", path=tiny)
    if kind == "pinned":
        folder = Folder(name="tiny", path=tiny, pins={path.name: sha256_of(path) for path in tiny.iterdir()})
    if kind == "the Hub's":
        hub.repo("acme/tiny", {path.name: path.read_bytes() for path in tiny.iterdir()})
        folder = locate("hf://acme/tiny", default_registry())
    counted, opened, size = Counted(), [], (tiny / MODEL).stat().st_size
    plain = Path.open

    def open_and_count(path: Path, *arguments: Any, **more: Any) -> Any:
        opened.append(path.name)
        return plain(path, *arguments, **more)

    for module in ("zoo.catalogue.weights.folder", "zoo.files"):
        monkeypatch.setattr(f"{module}.hashlib", counted)
    monkeypatch.setattr(Path, "open", open_and_count)
    model = load_folder(folder, default_registry())
    assert sorted(concepts_of(folder)) == ["age", "smile"]
    assert getattr(model, "mixture", None) is not None
    assert (opened.count(MODEL), counted.sizes.count(size)) == (1, 1)
    assert (opened.count(PRIOR), opened.count(CONCEPTS)) == (1, 1)
