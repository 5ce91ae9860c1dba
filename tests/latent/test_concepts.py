"""zoo.latent.concepts: the direction that is found, what it must not carry along, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

import zoo
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.folder import Folder
from zoo.errors import DataError, NotFoundError, UsageError, WeightsError
from zoo.latent.concept_file import check_concepts, concepts_of, load_concept, save_concepts
from zoo.latent.concepts import ConceptVector, auc, orthogonalise
from zoo.nn.golden import verify
from zoo.nn.serialization import parse, parse_metadata, save
from zoo.nn.vae import VAE


def latents(n: int, shift: float, *, axis: int = 0, seed: int = 0, size: int = 4) -> Tensor:
    z = torch.randn(n, size, generator=torch.Generator().manual_seed(seed))
    z[:, axis] += shift
    return z


def cosine(concept: ConceptVector, axis: int) -> float:
    return float(concept.direction[axis] / concept.direction.norm())


@pytest.mark.parametrize("method", ["mean_difference", "linear_probe"])
def test_it_finds_the_axis_that_differs(method: Any) -> None:
    """Sides that differ along one axis give that axis, as long as one standard deviation of the projections."""
    positives, negatives = latents(500, 2.0, seed=1), latents(700, -2.0, seed=2)
    concept = ConceptVector.fit_latents(positives, negatives, method=method)
    assert cosine(concept, 0) > 0.98
    projections = torch.cat([positives, negatives]) @ (concept.direction / concept.direction.norm())
    assert float(concept.direction.norm()) == pytest.approx(float(projections.std()), rel=1e-4)
    assert concept.measures["auc"] > 0.95
    assert (concept.measures["positives"], concept.measures["negatives"]) == (500, 700)
    assert float((concept.score(positives).mean() - concept.score(negatives).mean()) * concept.direction.norm()) > 3


@pytest.mark.parametrize("method", ["mean_difference", "linear_probe"])
def test_balance_leaves_a_confounder_out(method: Any) -> None:
    """Where smiles go with women four times in five, the plain difference carries the gender; balanced, it does not."""
    generator = torch.Generator().manual_seed(0)
    sides, groups = [], []
    for smile, share in ((1.0, 0.8), (-1.0, 0.2)):
        group = (torch.rand(1000, generator=generator) < share).long()
        z = 0.5 * torch.randn(1000, 4, generator=generator)
        z[:, 0] += smile
        z[:, 1] += 2.0 * group
        sides.append(z)
        groups.append(group)
    balanced = ConceptVector.fit_latents(*sides, balance=(groups[0], groups[1]), method=method)
    assert abs(cosine(balanced, 1)) < 0.06
    assert cosine(balanced, 0) > 0.99
    if method == "mean_difference":
        assert cosine(ConceptVector.fit_latents(*sides), 1) > 0.4


def test_examples_whose_second_label_is_unknown_are_left_out() -> None:
    """A balance below 0 takes its example out of the fit."""
    positives, negatives = latents(20, 1.0, seed=1), latents(20, -1.0, seed=2)
    positives[0] = 1e6
    known = torch.ones(20, dtype=torch.int64)
    unknown = known.clone()
    unknown[0] = -1
    concept = ConceptVector.fit_latents(positives, negatives, balance=(unknown, known))
    expected = ConceptVector.fit_latents(positives[1:], negatives)
    assert torch.allclose(concept.direction, expected.direction, atol=1e-6)
    assert concept.measures["positives"] == 19


def test_a_fit_encodes_pictures_and_an_edit_moves_them(identity: VAE) -> None:
    """`fit` takes pictures in [0, 1]; applying the concept moves exactly the values that made the difference."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(200, 1, 1, 4, generator=generator) * 0.2 + 0.3
    bright = x.clone()
    bright[..., 2] += 0.3
    concept = ConceptVector.fit(identity, bright, x)
    z = identity.encode(x[:5]).mean
    moved = identity.decode(concept.apply(z, 1.0))
    change = (moved - x[:5]).mean(0).flatten()
    assert float(change[2]) == pytest.approx(concept.measures["standard_deviation"], rel=0.05)
    assert float(change[[0, 1, 3]].abs().max()) < 0.03
    assert torch.equal(concept.apply(z, 0.0), z)


def test_orthogonal_concepts_leave_one_anothers_score_alone() -> None:
    """Moving along the orthogonalised concept does not change the other's score; the other way round it did."""
    first = ConceptVector(name="a", direction=torch.tensor([1.0, 0.0, 0.0]))
    second = ConceptVector(name="b", direction=torch.tensor([1.0, 1.0, 0.0]))
    z = torch.zeros(1, 3)
    assert float(first.score(second.apply(z, 1.0))) == 1
    alone = orthogonalise(second, [first])
    assert alone.direction.tolist() == [0, 1, 0]
    with pytest.raises(DataError, match="nothing is left"):
        orthogonalise(first, [replace(first, name="c")])
    with pytest.raises(UsageError, match="different models"):
        orthogonalise(first, [replace(second, model_sha256="00")])


def test_auc_is_the_share_of_pairs_in_order() -> None:
    """It equals the count over all pairs, ties counting half."""
    a, b = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 0.0])
    assert auc(a, b) == pytest.approx((1 + 1.5 + 2) / 6)
    assert auc(b + 10, a) == 1


Z = latents(10, 1.0)
FLAT = torch.zeros(10)
BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"positives": Z[:1]}, DataError, "1 positive examples are too few"),
    ({"negatives": Z[:0]}, DataError, "0 negative examples are too few"),
    ({"negatives": Z}, DataError, "same mean"),
    ({"negatives": Z[:, :3]}, UsageError, "the sides have latents"),
    ({"positives": Z * math.nan}, DataError, "NaN or infinity"),
    ({"balance": (FLAT, FLAT[:5])}, DataError, "one label for each example"),
    ({"balance": (FLAT, FLAT + 1)}, DataError, "no value of `balance`"),
    ({"balance": (FLAT - 1, FLAT - 1)}, DataError, "no value of `balance`"),
    ({"method": "magic"}, UsageError, "mean_difference"),
    ({"name": "../x"}, UsageError, "lower-case words"),
    ({"positives": Z[:2], "negatives": -Z[:2], "method": "linear_probe"}, DataError, "4 examples in 4 dimensions"),
    ({"positives": Z[:2], "negatives": -Z[:2]}, DataError, "4 examples in 4 dimensions are too few"),
]


@pytest.mark.parametrize(("change", "error", "says"), BAD, ids=range(len(BAD)))
def test_a_fit_that_cannot_be_meant_is_refused(change: dict[str, Any], error: type[Exception], says: str) -> None:
    """Empty or unequal sides, labels that do not match, and too few examples are errors that say which."""
    with pytest.raises(error, match=says):
        ConceptVector.fit_latents(**{"positives": Z, "negatives": -Z} | change)


@pytest.mark.parametrize("strength", [math.nan, math.inf, "2"])
def test_a_strength_must_be_finite(strength: Any) -> None:
    """NaN, infinity and texts are a UsageError, as are latents of another model."""
    concept = ConceptVector(name="a", direction=torch.ones(4))
    with pytest.raises(UsageError, match="finite number"):
        concept.apply(Z, strength)
    with pytest.raises(UsageError, match="moves"):
        concept.apply(torch.zeros(2, 5), 1.0)


def test_concepts_are_stored_with_their_weights(vae_folder: Callable[..., SimpleNamespace]) -> None:
    """What was saved is loaded by name: direction, method, source and measures; `zoo.load_concept` is that function."""
    tiny = vae_folder()
    folder = Folder(name="tiny", path=tiny.path)
    assert concepts_of(folder) == {}
    smile = ConceptVector.fit_latents(latents(9, 1.0, size=3), latents(9, -1.0, size=3, seed=1), name="smile")
    save_concepts(tiny.path, [replace(smile, source="made up"), replace(smile, name="age")])
    again = load_concept(tiny.path, "smile")
    assert torch.equal(again.direction, smile.direction)
    assert (again.method, again.source, again.measures) == ("mean_difference", "made up", smile.measures)
    assert sorted(concepts_of(folder)) == ["age", "smile"]
    assert zoo.load_concept is load_concept
    with pytest.raises(NotFoundError, match="did you mean 'smile'"):
        load_concept(tiny.path, "smiles")


def test_a_concept_of_other_latents_does_not_verify(vae_folder: Callable[..., SimpleNamespace]) -> None:
    """`check_concepts` gives the names, and is a WeightsError for a file that is malformed or of another shape."""
    tiny = vae_folder()
    folder = Folder(name="tiny", path=tiny.path)
    assert check_concepts(folder, tiny.model) == []
    save_concepts(tiny.path, [ConceptVector(name="smile", direction=torch.ones(3))])
    assert verify(folder, default_registry(), {"concepts": check_concepts})["concepts"] == ["smile"]
    save_concepts(tiny.path, [ConceptVector(name="smile", direction=torch.ones(3, 1))])
    with pytest.raises(WeightsError, match=r"smile has shape \(3, 1\), the model's latents have \(3,\)"):
        verify(folder, default_registry(), {"concepts": check_concepts})


@pytest.mark.parametrize("value", ["9" * 4000, "NaN", '"text"'])
def test_a_measure_that_is_no_number_is_a_weights_error(value: str, vae_folder: Callable[..., SimpleNamespace]) -> None:
    """Figures that no float can hold are damage, in one line."""
    tiny = vae_folder()
    save_concepts(tiny.path, [ConceptVector(name="smile", direction=torch.ones(3), measures={"auc": 0.5})])
    path = tiny.path / "concepts.safetensors"
    blob = bytearray(path.read_bytes())
    facts = parse_metadata(blob, "test")["concepts"].replace("0.5", value)
    save(path, parse(blob, "test"), {"concepts": facts})
    with pytest.raises(WeightsError, match="is damaged") as caught:
        load_concept(tiny.path, "smile")
    assert len(str(caught.value)) < 500


def test_a_concept_of_another_model_is_refused(vae_folder: Callable[..., SimpleNamespace]) -> None:
    """A concepts file beside other weights is a WeightsError that shows both hashes; so is a damaged one."""
    first, second = vae_folder("first"), vae_folder("second", seed=1)
    save_concepts(first.path, [ConceptVector(name="smile", direction=torch.ones(3))])
    content = (first.path / "concepts.safetensors").read_bytes()
    (second.path / "concepts.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match="belongs to a model of sha256"):
        load_concept(second.path, "smile")
    with pytest.raises(UsageError, match="another model"):
        save_concepts(second.path, [load_concept(first.path, "smile")])
    for damage in (content[:-1], content.replace(b"mean_difference", b"\\u00mean_differ"), b""):
        (first.path / "concepts.safetensors").write_bytes(damage)
        with pytest.raises(WeightsError):
            load_concept(first.path, "smile")
