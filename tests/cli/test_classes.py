"""The command line and classes: --label by name or number, a row a class, and one line where there are none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from cli.commands import code_of
from PIL import Image

import zoo
from zoo.images.sheet import grid
from zoo.nn.pretrained import load
from zoo.training import judging

RECIPE = """
name = "tiny"
summary = "Shapes of 8 pixels."
architecture = "{architecture}"
dataset = "shapes"
trainer = "{trainer}"
licence = "Apache-2.0"
examples = 8
batch_size = 4

[config]
num_classes = 3
image_size = 8
channels = 3
{config}
"""
KINDS = {
    "gan": ("dcgan", "adversarial", "generator_widths = [4]\ndiscriminator_widths = [4]"),
    "vae": ("mlp-vae", "vae", "hidden = [8]\nlatent_size = 2"),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The weights folder of a conditional model of each kind, trained and exported by the verbs."""
    folders = {}
    for kind, (architecture, trainer, config) in KINDS.items():
        here = tmp_path_factory.mktemp(kind)
        text = RECIPE.format(architecture=architecture, trainer=trainer, config=config)
        (here / "tiny.toml").write_text(text, encoding="utf-8")
        assert code_of("train", here / "tiny.toml", "--out", here / "run") == 0
        assert code_of("export", here / "run", "-o", here / "tiny") == 0
        folders[kind] = here / "tiny"
    return folders


def test_a_grid_has_a_row_a_class(models: dict[str, Path], tmp_path: Path) -> None:
    """Without --label each class has a row of its own, in the order of the classes."""
    assert code_of("sample", models["gan"], "-n", 11, "--scale", 1, "-o", tmp_path / "a.png") == 0
    x = load(str(models["gan"])).sample(11, seed=0, labels=[0] * 4 + [1] * 4 + [2] * 3)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.tobytes() == grid(x, columns=4).tobytes()


def test_a_label_is_a_name_or_a_number(models: dict[str, Path], tmp_path: Path) -> None:
    """--label may be given again: a row for each, in that order."""
    out = tmp_path / "a.png"
    assert code_of("sample", models["vae"], "-n", 4, "--label", "square", "--label", "0", "--scale", 1, "-o", out) == 0
    x = load(str(models["vae"])).sample(4, seed=0, labels=["square", "square", "circle", "circle"])
    with Image.open(out) as picture:
        assert picture.tobytes() == grid(x, columns=2).convert(picture.mode).tobytes()


@pytest.mark.parametrize(("label", "says"), [("sqare", "square"), ("3", "from 0 to 2"), ("-1", "no class")])
def test_a_wrong_label_is_one_line(
    label: str, says: str, models: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name or number that is no class is a usage error with what could have been meant."""
    assert code_of("sample", models["gan"], f"--label={label}", "-o", tmp_path / "a.png") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line


def test_a_model_without_classes_takes_no_label(
    make_folder: Callable[..., SimpleNamespace], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--label and --per-class are usage errors there."""
    made = make_folder()
    assert code_of("sample", made.path, "--label", "0", "-o", tmp_path / "a.png") == 2
    assert "no classes" in capsys.readouterr().err


def test_likelihoods_are_given_the_class(models: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """`zoo likelihood` hands the labels of the examples on, by name: one class of the data is that class."""
    assert code_of("likelihood", models["vae"], "-n", 3, "--samples", 4) == 0
    assert code_of("likelihood", models["vae"], "--data", "shapes[square]", "-n", 3, "--samples", 4) == 0
    assert "3 examples of shapes[square] (test)" in capsys.readouterr().out


def test_a_classifier_says_what_samples_show(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`zoo eval --classify` prints the shares, and `--write` keeps them for the card, the same ones."""
    monkeypatch.setattr(judging, "_fitted", lambda design, *given, **settings: design.build())  # what it says is chance
    folder = tmp_path / "tiny"
    shutil.copytree(models["gan"], folder)
    words = ("--samples", 30, "--seeds", "0,1", "--real", 30, "--features", "pixels")
    assert code_of("eval", folder, *words, "--metrics", "frechet", "--per-class", "--classify", "--write") == 0
    written = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    records = written["records"]
    assert list(records) == [
        "frechet/pixels@30",
        *(f"frechet/pixels@10[{name}]" for name in ("circle", "square", "triangle")),
        "classified@30",
    ]
    told = records["classified@30"]
    assert (len(told["values"]), told["n_fake"], told["reference"]["split"]) == (2, 30, "test")
    assert told["judge"]["learnt_from"]["name"] == "shapes"
    assert sum(told["details"]["told"].values()) == pytest.approx(1)
    shares = f"{told['value']:.1%} of the samples"
    said = " ".join(capsys.readouterr().out.split())
    assert f"made for: {shares}, {told['floor']:.1%} of {told['n_real']:,} real test examples" in said
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"right for {told['judge']['accuracy']:.1%} of all test examples, calls {told['value']:.1%}" in card
    assert "| `square` | 10 | " in card
    assert "classified@30" in card.split("---")[1]


def test_a_concept_is_fitted_to_examples_of_known_classes(models: dict[str, Path], tmp_path: Path) -> None:
    """`zoo concept fit` gives each example's class to the encoder, from one dataset and from two."""
    from zoo.cli.examples import examples_for
    from zoo.latent.concepts import ConceptVector

    folder = tmp_path / "tiny"
    shutil.copytree(models["vae"], folder)
    model, names = load(str(folder)), ("square", "circle")
    of_two = ("--positives", "shapes[square]", "--negatives", "shapes[circle]")
    number = {name: model.classes.index(name) for name in names}
    sides = [examples_for(model, f"shapes[{name}]", "train") for name in names]
    x = [side.data.float() / 255 for side in sides]
    labels = [[name] * len(side.data) for name, side in zip(names, sides, strict=True)]
    expected = ConceptVector.fit(model, *x, name="corners", labels=(labels[0], labels[1]))
    assert code_of("concept", "fit", folder, "corners", *of_two) == 0
    found = zoo.load_concept(str(folder), "corners")
    assert torch.allclose(found.direction, expected.direction, atol=1e-5)
    assert number == {"square": 1, "circle": 0}
    assert code_of("concept", "fit", folder, "again", "--data", "shapes", "--factor", "shape") == 0
    assert torch.allclose(zoo.load_concept(str(folder), "again").direction, found.direction, atol=1e-5)


def test_examples_have_the_classes_that_the_model_knows(models: dict[str, Path]) -> None:
    """A label of one class of a dataset is the model's number of that name."""
    from zoo.cli.examples import examples_for
    from zoo.latent.codes import labels_of

    model = load(str(models["vae"]))
    squares = examples_for(model, "shapes[square]", "test")
    assert labels_of(model, squares, torch.arange(3)) == ["square"] * 3
