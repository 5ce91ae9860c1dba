"""zoo.catalogue.weights.unknown: what is said of a name or a path that is no model names the right next step."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import zoo
from zoo.catalogue.contract.names import hub_name_of
from zoo.catalogue.weights.folder import CONFIG, MODEL
from zoo.errors import NotFoundError, UsageError, ZooError


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with all that is taken for a model and is none, and with one that is."""
    monkeypatch.chdir(tmp_path)
    for folder in ("my-frogs", "acme/frog", "several/one"):
        (tmp_path / folder).mkdir(parents=True)
        for file in (CONFIG, MODEL):
            (tmp_path / folder / file).write_text("")
    files = {
        "pictures/cat/a.jpg": "",
        "pictures/cat/b.jpeg": "",
        "shots/a.png": "",
        "pickled/weights.pt": "",
        "bare/net.safetensors": "",
        "pipeline/model_index.json": "{}",
        "half/config.json": "",
        "other/notes.txt": "",
        "x.pt": "",
        "net.safetensors": "",
        "mine.toml": "",
        "book.txt": "words",
        "models--acme--frog/snapshots/0/x": "",
        "mnist/images.gz": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "empty").mkdir()
    return tmp_path


def said(name: str | Path) -> str:
    with pytest.raises(ZooError) as caught:
        zoo.load(name)
    text = str(caught.value)
    assert "\n" not in text
    return text


NAMES = [
    ("my-frogs", "for the folder of that name write ./my-frogs"),
    ("acme/frog", "for the folder of that name write ./acme/frog"),
    (
        "acme/toad",
        "for the Hub's repository write hf://acme/toad; as a name it would be of a plugin 'acme', and none is",
    ),
    ("hf://hf://acme/toad", "write hf://acme/toad"),
    ("https://huggingface.co/acme/toad", "write hf://acme/toad"),
    ("https://huggingface.co/acme/toad/tree/v2", "write hf://acme/toad@v2"),
    ("acme/toad@v2", "write hf://acme/toad@v2"),
    ("DCGAN-Cifar-Frog", "did you mean 'dcgan-cifar-frog'?"),
    ("dcgan cifar frog", "did you mean 'dcgan-cifar-frog'?"),
    ("vae_faces", "did you mean 'vae-faces'?"),
    ("frogs", "'dcgan-cifar-frog'"),
    (
        "dcgan",
        "is an architecture, no model; models of it: dcgan-cifar-frog, dcgan-cifar-frog-book; to be trained",
    ),
    ("mnist", "is a dataset, no model; models of it: ae-mnist, ddpm-mnist, vae-mnist, vae-mnist-best"),
    ("cifar10[frog]", "'cifar10' is a dataset, no model; models of it: cifar-gan, dcgan-cifar-frog"),
    ("images:./photos", "'images' is a dataset, no model"),
    ("shapes", "is a dataset, no model; to be trained first: dcgan-shapes, vae-shapes"),
    ("adversarial", "is a trainer, no model; `zoo info adversarial` says more"),
    ("efficientnet-lite0", "is a feature network, no model; `zoo info efficientnet-lite0` says more"),
    ("smile", "is a concept of vae-faces, no model; try `zoo edit PHOTO --model vae-faces --concept smile -o FILE"),
    ("x.pt", "pickled weights are never loaded"),
]


@pytest.mark.parametrize(("name", "says"), NAMES, ids=[name for name, _ in NAMES])
def test_a_wrong_name_says_the_right_one(name: str, says: str) -> None:
    """What was meant is said: a folder that is there, the Hub's name, another spelling, what else has that name."""
    assert says in said(name)


PATHS = [
    ("./my-forgs", "did you mean ./my-frogs?"),
    ("./empty", "is an empty folder"),
    ("./pictures", "is a folder of pictures, no model; train one on it: `zoo train conv-vae --data ./pictures"),
    ("./shots", "is a folder of pictures"),
    ("./several", "has some in it: write ./several/one"),
    ("./pickled", "has pickled weights (weights.pt), which are never loaded"),
    ("./bare", "has weights and no config.json"),
    ("./pipeline", "is a pipeline of diffusers"),
    ("./half", "half/model.safetensors is missing"),
    ("./other", "holds no model; a model is a folder with config.json and model.safetensors"),
    ("./models--acme--frog", "write hf://acme/frog"),
    ("./my-frogs/config.json", "its folder is one: write ./my-frogs"),
    ("./net.safetensors", "weights alone do not say what they are of"),
    ("./mine.toml", "if it is a recipe, train it: `zoo train mine.toml"),
    ("./book.txt", "is a file, no model; train one on it: `zoo train char-lstm --data ./book.txt`"),
    ("./" + "y" * 300, "cannot be looked at"),
]


@pytest.mark.parametrize(("path", "says"), PATHS, ids=[path[:20] for path, _ in PATHS])
def test_a_path_that_is_no_weights_folder_is_named_for_what_it_is(path: str, says: str) -> None:
    """Pictures, pickles, pipelines, single files, caches: one line each, NotFoundError, with the right next step."""
    assert says in said(path)
    with pytest.raises(NotFoundError):
        zoo.load(path)


def test_what_a_wrong_name_says_can_be_said(place: Path) -> None:
    """The name that is offered is one that is accepted: it gets as far as the folder's content."""
    for wrong in ("my-frogs", "./several", "./my-frogs/config.json"):
        (offered,) = re.findall(r"write (\./\S+)", said(wrong))
        assert "is no JSON" in said(offered)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("https://huggingface.co/org/repo/", "hf://org/repo"),
        ("http://www.huggingface.co/org/repo/blob/main/README.md", "hf://org/repo"),
        ("hf.co/org/repo/resolve/v1.0/config.json", "hf://org/repo@v1.0"),
        ("hf:org/repo", "hf://org/repo"),
        ("hf:///org/repo", "hf://org/repo"),
        ("https://huggingface.co/org/repo.git", "hf://org/repo"),
        ("https://huggingface.co/datasets/org/repo", None),
        ("https://example.org/org/repo", None),
        ("hf://org", None),
        ("a b/c", None),
    ],
)
def test_an_address_of_the_hub_is_understood(text: str, name: str | None) -> None:
    """Pages of a model on the Hub, and prefixes too many or too short, mean its hf:// name; other pages mean none."""
    assert hub_name_of(text) == name


def test_a_models_name_in_place_of_another_kind_says_what_it_has() -> None:
    """A model given as a dataset or an architecture is told which it was trained on, and of which it is."""
    from zoo.catalogue.plugins.loading import default_registry

    with pytest.raises(NotFoundError, match="'vae-faces' is a model, no dataset; its dataset is 'faces'"):
        default_registry().dataset("vae-faces")
    with pytest.raises(NotFoundError, match="'vae-faces' is a model, no architecture; its architecture is 'vae-gan'"):
        default_registry().architecture("vae-faces")


def test_nothing_is_offered_for_what_resembles_nothing() -> None:
    """A name like none is a NotFoundError that says where names are shown, and no text that is none crashes."""
    assert "`zoo list models` shows what there is" in said("qqqqq")
    for text in ("", " ", "a\0b", "\n", "x" * 9999):
        with pytest.raises((UsageError, NotFoundError)):
            zoo.load(text)
