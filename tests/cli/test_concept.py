"""cli.concept: concepts and mixtures fitted into a weights folder, and what is said to input that cannot be meant."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cli.commands import code_of
from PIL import Image

import zoo
from zoo.latent.concepts import ConceptVector
from zoo.nn.golden import golden_samples
from zoo.nn.serialization import save

Make = Callable[..., SimpleNamespace]


@pytest.fixture
def gan(make_folder: Make, tiny_config: dict[str, Any]) -> SimpleNamespace:
    """A tiny DCGAN whose random weights give pictures that differ by more than a step of 256."""
    made = make_folder("gan", config=tiny_config | {"generator_norm": "none", "generator_widths": [16, 16]})
    made.model.generator.head.weight.data *= 20
    tensors = {f"generator.{key}": tensor for key, tensor in made.model.generator.state_dict().items()}
    save(made.path / "model.safetensors", tensors)
    save(made.path / "golden.safetensors", golden_samples(made.model))
    return made


def fit(tiny: SimpleNamespace, *more: str) -> int:
    return code_of("concept", "fit", tiny.path, "smile", "--data", "faces", "--factor", "smiling", *more)


@pytest.mark.usefixtures("labelled")
def test_a_concept_is_fitted_listed_shown_and_used(
    tiny: SimpleNamespace, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """fit writes it into the folder, list and show tell of it, edit draws the photo and one picture a strength."""
    assert fit(tiny, "--balance", "gender") == 0
    assert "balanced over gender" in capsys.readouterr().out
    assert fit(tiny, "--probe") == 0
    capsys.readouterr()
    assert code_of("concept", "list", tiny.path, "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert next(iter(row)) == "name"
    assert (row["name"], row["method"], row["dimensions"]) == ("smile", "linear_probe", 3)
    assert row["source"] == "faces, split train: smiling 1 against 0"
    assert row["measures"]["auc"] > 0.9
    assert code_of("concept", "show", tiny.path, "smile") == 0
    assert code_of("verify", tiny.path) == 0
    out = tmp_path / "strip.png"
    capsys.readouterr()
    words = ("--concept", "smile", "--strength", "-1,0,2.5", "-o", out, "--scale", 1)
    assert code_of("edit", photo, "--model", tiny.path, *words) == 0
    assert "cut to the central square and resized to 8x8" in capsys.readouterr().out
    with Image.open(out) as picture:
        assert picture.size == (4 * 8 + 3 * 2, 8)


def test_two_datasets_of_ones_own_are_the_two_sides(tiny: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    """--positives and --negatives name any two datasets, and the concept says which; a factor may balance them."""
    sides = ("--positives", "shapes[circle]", "--negatives", "shapes[square]")
    assert code_of("concept", "fit", tiny.path, "round", *sides, "--split", "test", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["source"] == "shapes[circle] against shapes[square], split test"
    assert row["measures"].keys() == {"positives", "negatives", "standard_deviation", "auc"}
    assert (row["measures"]["positives"], row["measures"]["negatives"]) == (666, 667)
    with pytest.MonkeyPatch.context() as patch:
        seen: dict[str, Any] = {}
        fit_latents = ConceptVector.fit_latents
        patch.setattr(ConceptVector, "fit_latents", lambda *z, **more: seen.update(more) or fit_latents(*z, **more))
        assert code_of("concept", "fit", tiny.path, "round", *sides, "--split", "test", "--balance", "shape") == 4
    assert "no value of `balance`" in capsys.readouterr().err
    assert [len(side) for side in seen["balance"]] == [666, 667]


def test_a_gan_gets_its_concept_through_an_encoder(
    gan: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own samples in two folders, by the sign of one coordinate of z: the concept found is that coordinate."""
    z = gan.model.latents(160, seed=21)
    for name, chosen in (("above", z[:, 1] > 0), ("below", z[:, 1] < 0)):
        (tmp_path / name).mkdir()
        for index, picture in enumerate(zoo.to_pil(gan.model.decode(z[chosen]))):
            picture.save(tmp_path / name / f"{index}.png")
    sides = ("--positives", f"images:{tmp_path / 'above'}", "--negatives", f"images:{tmp_path / 'below'}")
    assert code_of("concept", "fit", gan.path, "second", *sides, "--encoder-examples", 6400) == 0
    said = capsys.readouterr().out
    assert "through an encoder fitted to 6,400 of the model's own samples" in said
    assert "encoder_round_trip_examples 0.0" in said
    concept = zoo.load_concept(gan.path, "second")
    measures = concept.measures
    assert measures["encoder_round_trip"] < 0.5 * measures["encoder_round_trip_random"]
    assert float(concept.direction[1] / concept.direction.norm()) > 0.9
    assert code_of("verify", gan.path) == 0


def test_a_mixture_is_fitted_reported_and_sampled_from(
    tiny: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """prior.safetensors lies in the folder; held-out codes are likelier under it; `sample --prior mixture` draws."""
    pytest.importorskip("sklearn")
    out = tmp_path / "samples.png"
    assert code_of("sample", tiny.path, "-n", 4, "--prior", "mixture", "-o", out) == 3
    assert "zoo mixture fit" in capsys.readouterr().err
    assert not out.exists()
    assert code_of("mixture", "fit", tiny.path, "--components", 3, "--split", "test", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert next(iter(row)) == "name"
    assert (row["components"], row["data"], row["codes"], row["held_out_codes"]) == (3, "shapes", 1800, 200)
    assert row["held_out"] == "one in 10, kept out"
    assert row["mixture_nats"] > row["normal_nats"]
    assert code_of("verify", tiny.path) == 0
    assert code_of("mixture", "fit", tiny.path, "--components", 2) == 0
    assert "2,000 others (split test) have mean log-density" in capsys.readouterr().out
    assert code_of("sample", tiny.path, "-n", 4, "--prior", "mixture", "-o", out) == 0
    mixed = out.read_bytes()
    assert code_of("sample", tiny.path, "-n", 4, "-o", out) == 0
    assert mixed != out.read_bytes()


def test_a_pinned_model_does_not_change(capsys: pytest.CaptureFixture[str]) -> None:
    """What the catalogue pins is refused before anything is computed, with the way out."""
    sides = ("--positives", "shapes[circle]", "--negatives", "shapes[square]")
    for words in (("concept", "fit", "dcgan-cifar-frog", "round", *sides), ("mixture", "fit", "dcgan-cifar-frog")):
        assert code_of(*words) == 2
        assert "is pinned and cannot change; copy its folder" in capsys.readouterr().err


TWO = ["--positives", "shapes[circle]", "--negatives", "shapes[square]"]


@pytest.mark.usefixtures("labelled")
@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["concept", "show", "MODEL"], 2, "required: CONCEPT"),
        (["concept", "show", "MODEL", "smile"], 3, "it has none"),
        (["concept", "fit", "MODEL", "smile"], 2, "needs --data"),
        (["concept", "fit", "MODEL", "Sm/ile", "--data", "faces", "--factor", "smiling"], 2, "lower-case words"),
        (["concept", "fit", "MODEL", "smile", "--data", "faces", "--factor", "age"], 2, "no factor 'age'"),
        (["concept", "fit", "MODEL", "smile", "--data", "shapes", "--factor", "x"], 4, "too few"),
        (["concept", "fit", "MODEL", "x", *TWO, "--data", "shapes", "--factor", "x"], 2, "or --positives and"),
        (["concept", "fit", "MODEL", "x", *TWO[:2]], 2, "or --positives and"),
        (["concept", "fit", "MODEL", "x", *TWO, "--factor", "x"], 2, "or --positives and"),
        (["concept", "fit", "MODEL", "x", *TWO[:3], "shapes[circle]"], 2, "are both shapes[circle]"),
        (["concept", "fit", "MODEL", "x", *TWO, "--balance", "age"], 2, "no factor 'age'"),
        (["concept", "fit", "MODEL", "x", *TWO[:3], "images:nowhere"], 3, "nowhere"),
        (["concept", "fit", "MODEL", "x", *TWO[:3], "shapes[star]"], 3, "no class of shapes"),
        (["concept", "fit", "GAN", "x", "--data", "shapes", "--factor", "x"], 4, "too few"),
        (["concept", "fit", "GAN", "x", *TWO, "--encoder-examples", "10"], 2, "examples is 10"),
        (["concept", "fit", "GAN", "x", *TWO, "--seed", "-1"], 2, "seed is -1"),
        (["concept", "fit", "nowhere", "x", *TWO], 3, "nowhere"),
        (["mixture", "fit", "GAN"], 2, "has no encoder"),
        (
            ["mixture", "fit", "MODEL", "--components", "0"],
            2,
            "components is 0; it must be a whole number from 1 to 1,000",
        ),
        (["mixture", "fit", "MODEL", "--data", "shapez"], 3, "shapes"),
        (["mixture", "fit", "MODEL", "--split", "val"], 3, "split"),
        (["mixture", "fit", "nowhere"], 3, "nowhere"),
        (["sample", "GAN", "--prior", "mixture", "-o", "OUT"], 3, "carry no mixture"),
    ],
)
def test_what_cannot_be_meant_is_one_line_and_a_code(
    words: list[str], code: int, says: str, tiny: SimpleNamespace, photo: Path, refused: Callable[..., None]
) -> None:
    """Bad concepts, strengths, photos and factors exit with the documented code, and nothing is left half-written."""
    refused(words, code, says, model=tiny.path, photo=photo)
