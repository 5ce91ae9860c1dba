"""zoo.evaluation.concepts and probes: concepts that do what they say, more than that, or nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo.errors import DataError, UsageError
from zoo.evaluation.concepts import ConceptReport, measure_concept
from zoo.images.judges import picture_probe
from zoo.latent.concepts import ConceptVector
from zoo.nn.distributions import DiagonalGaussian, Gaussian
from zoo.nn.extras import Extras
from zoo.nn.interfaces import Decoder, Encoder
from zoo.nn.vae import VAE
from zoo.training.judging import Probe

SIDE = 16


def pictures(n: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Noisy grey pictures whose lower half is bright or not, and independently the upper: pixels, lower, upper."""
    generator = torch.Generator().manual_seed(seed)
    lower, upper = torch.randint(0, 2, (2, n), generator=generator)
    x = torch.randint(0, 60, (n, 1, SIDE, SIDE), generator=generator)
    x[:, :, SIDE // 2 :] += 120 * lower.view(-1, 1, 1, 1)
    x[:, :, : SIDE // 2] += 120 * upper.view(-1, 1, 1, 1)
    return x.to(torch.uint8), lower, upper


class _Flat(Encoder):
    latent_shape = (SIDE * SIDE,)
    data_shape = (1, SIDE, SIDE)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        flat = x.flatten(1)
        return DiagonalGaussian(flat, torch.full_like(flat, -14.0))


class _Square(Decoder):
    latent_shape = (SIDE * SIDE,)
    data_shape = (1, SIDE, SIDE)
    num_classes = None

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return (self.scale * z).view(-1, *self.data_shape)


@pytest.fixture(scope="module")
def model() -> VAE:
    """The latent is the picture itself."""
    return VAE(_Flat(), _Square(), Gaussian((1, 1, 1)), Extras(modality="image")).eval()


@pytest.fixture(scope="module")
def probes() -> tuple[Probe, Probe]:
    """Probes of the lower and the upper half."""
    (x, *labels), (held, *held_labels) = pictures(200), pictures(100, seed=1)
    lower, upper = (picture_probe((x, a), (held, b)) for a, b in zip(labels, held_labels, strict=True))
    return lower, upper


def direction(*, lower: float = 0.0, upper: float = 0.0) -> ConceptVector:
    values = torch.zeros(SIDE, SIDE)
    values[SIDE // 2 :], values[: SIDE // 2] = lower, upper
    return ConceptVector(name="lower", direction=values.flatten())


def measured(model: VAE, probes: tuple[Probe, Probe], concept: ConceptVector, **more: Any) -> ConceptReport:
    x, y, _ = pictures(80, seed=2)
    options: dict[str, Any] = {"strengths": (1.0, 2.0), "region": (0, SIDE // 2, SIDE, SIDE)} | more
    return measure_concept(model, concept, (x, y), *probes, names=("lower", "upper"), **options)


def test_a_probe_learns_from_pictures_and_is_judged_on_others(probes: tuple[Probe, Probe]) -> None:
    """Held-out examples are told apart, those of unknown label are left out, and the seed decides the weights."""
    assert min(probe.auc for probe in probes) > 0.99
    assert min(probe.accuracy for probe in probes) > 0.95
    (x, y, _), (held, held_y, _) = pictures(60), pictures(60, seed=1)
    unknown = y.clone()
    unknown[:5] = -1
    before = torch.random.get_rng_state()
    first = picture_probe((x, unknown), (held, held_y))
    x[:5] = 255
    again = picture_probe((x, unknown), (held, held_y))
    for one, other in zip(first.network.state_dict().values(), again.network.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_concept_that_does_only_what_it_says(model: VAE, probes: tuple[Probe, Probe]) -> None:
    """All flip at the strength that makes the difference, the other property stays, and only the region moves."""
    report = measured(model, probes, direction(lower=0.25))
    still, half, full = report.rows
    assert (still.strength, still.inside, still.outside) == (0, 0, 0)
    assert max(still.gained, still.lost) < 0.05
    assert min(full.gained, full.lost) > 0.95
    assert max(full.gained_drift, full.lost_drift) == 0
    assert full.inside > 0.3
    assert full.outside == 0
    assert half.inside < full.inside
    assert report.reached("gained") in (half, full)
    assert (report.positives + report.negatives, report.factor, report.other) == (80, "lower", "upper")


def test_a_concept_that_carries_another_along_is_found_out(model: VAE, probes: tuple[Probe, Probe]) -> None:
    """One that brightens the upper half too changes the other property, and pixels outside the region."""
    report = measured(model, probes, direction(lower=0.25, upper=0.25))
    assert report.rows[-1].gained_drift > 0.3
    assert report.rows[-1].outside > 0.2


def test_a_concept_that_does_nothing_is_found_out(model: VAE, probes: tuple[Probe, Probe]) -> None:
    """Nothing flips, and no strength reaches the goal; without a region all that moves is outside."""
    report = measured(model, probes, direction(upper=0.001), region=None)
    assert report.rows[-1].gained < 0.05
    assert report.reached("gained") is None
    assert report.rows[-1].inside == 0
    assert report.to_json()["rows"][0]["strength"] == 0


class _ByClass(Encoder):
    """The picture less what its class adds to it."""

    latent_shape = (SIDE * SIDE,)
    data_shape = (1, SIDE, SIDE)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        assert labels is not None
        flat = x.flatten(1) - 0.5 * labels[:, None]
        return DiagonalGaussian(flat, torch.full_like(flat, -14.0))


class _OfClass(Decoder):
    """What the class adds, put back."""

    latent_shape = (SIDE * SIDE,)
    data_shape = (1, SIDE, SIDE)
    num_classes = 2

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        assert labels is not None
        return (self.scale * z + 0.5 * labels[:, None]).view(-1, *self.data_shape)


def test_an_example_keeps_its_class(model: VAE, probes: tuple[Probe, Probe]) -> None:
    """A model with classes is measured as one without, whatever its classes do; a concept leaves out what they add."""
    known = VAE(_ByClass(), _OfClass(), Gaussian((1, 1, 1)), Extras(modality="image")).eval()
    x, y, classes = pictures(80, seed=2)
    for concept in (direction(lower=0.25), direction(upper=0.25)):
        plain = measured(model, probes, concept)
        assert measured(known, probes, concept, classes=classes) == plain
    x, y, classes = pictures(400)  # more than there are dimensions
    sides, of = [x[y == v].float() / 255 for v in (1, 0)], [classes[y == v] for v in (1, 0)]
    fitted = ConceptVector.fit(known, *sides, labels=(of[0], of[1]))
    codes = [side.flatten(1) - 0.5 * labels[:, None] for side, labels in zip(sides, of, strict=True)]
    expected = ConceptVector.fit_latents(*codes)
    assert torch.allclose(fitted.direction, expected.direction, atol=1e-6)
    with pytest.raises(UsageError, match="this model has classes"):
        ConceptVector.fit(known, *sides)


def test_what_cannot_be_measured_is_refused(model: VAE, probes: tuple[Probe, Probe]) -> None:
    """Strengths, regions and sides that cannot be meant are errors that say which."""
    for bad in ({"strengths": ()}, {"strengths": (-1.0,)}, {"strengths": (float("nan"),)}):
        with pytest.raises(UsageError, match="strengths are"):
            measured(model, probes, direction(lower=1.0), **bad)
    with pytest.raises(UsageError, match="region"):
        measured(model, probes, direction(lower=1.0), region=(0, 0, SIDE + 1, 4))
    x, y, _ = pictures(80)
    with pytest.raises(DataError, match="0 lack it"):
        measure_concept(model, direction(lower=1.0), (x, torch.ones_like(y)), *probes)
    with pytest.raises(DataError, match="20 are needed"):
        picture_probe((x[:10], y[:10]), (x, y))
    with pytest.raises(DataError, match="labels"):
        picture_probe((x, y[:5]), (x, y))
    with pytest.raises(UsageError, match="moves"):
        measured(model, probes, replace(direction(), direction=torch.ones(3)))
