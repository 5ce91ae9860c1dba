"""zoo.nn.golden: golden samples are replayed, and each kind of damage is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.folder import Folder
from zoo.errors import IntegrityError, NotFoundError, WeightsError, ZooError
from zoo.nn.golden import golden_samples, verify


@pytest.fixture
def tiny(make_folder: Callable[..., SimpleNamespace]) -> SimpleNamespace:
    return make_folder()


def check(tiny: SimpleNamespace, *, pins: bool = False) -> dict[str, object]:
    return verify(Folder(name="tiny", path=tiny.path, pins=tiny.pins if pins else {}), default_registry())


@pytest.mark.parametrize("pins", [True, False])
def test_a_whole_folder_passes(pins: bool, tiny: SimpleNamespace) -> None:
    """The report is JSON-able: name first, what was pinned, the weights counted, and the difference found."""
    report = check(tiny, pins=pins)
    assert json.loads(json.dumps(report)) == report
    assert next(iter(report)) == "name"
    assert report["ok"] is True
    assert 0 <= float(str(report["golden_difference"])) < 1e-5
    assert report["pinned"] == (sorted(tiny.pins) if pins else [])
    assert report["parameters"] == sum(p.numel() for p in tiny.model.generator.parameters())


def test_a_folder_without_a_discriminator_passes(tiny: SimpleNamespace) -> None:
    """The discriminator is optional."""
    (tiny.path / "discriminator.safetensors").unlink()
    assert check(tiny)["ok"] is True


@pytest.mark.parametrize(
    "file", ["config.json", "model.safetensors", "discriminator.safetensors", "golden.safetensors"]
)
def test_every_pinned_file_is_checked(file: str, tiny: SimpleNamespace) -> None:
    """A flipped bit in any pinned file is an IntegrityError, a missing one NotFoundError."""
    data = bytearray((tiny.path / file).read_bytes())
    data[-1] ^= 1
    (tiny.path / file).write_bytes(data)
    with pytest.raises(IntegrityError, match=file):
        check(tiny, pins=True)
    (tiny.path / file).unlink()
    with pytest.raises(NotFoundError, match=file):
        check(tiny, pins=True)


@pytest.mark.parametrize(
    "file", ["config.json", "model.safetensors", "discriminator.safetensors", "golden.safetensors"]
)
def test_without_pins_a_malformed_file_is_found_too(file: str, tiny: SimpleNamespace) -> None:
    """A file of the user's own that is cut is a WeightsError."""
    (tiny.path / file).write_bytes((tiny.path / file).read_bytes()[:-1])
    with pytest.raises(WeightsError, match=file):
        check(tiny)


def test_other_weights_give_other_samples(tiny: SimpleNamespace) -> None:
    """Weights that were changed, in a folder without pins, no longer give the golden samples."""
    path = tiny.path / "model.safetensors"
    tensors = load_file(path)
    tensors["generator.head.bias"] += 0.1
    save_file(tensors, path)
    with pytest.raises(IntegrityError, match=r"golden samples differ by 0\.\d+, allowed is 0\.001"):
        check(tiny)


GOLDEN: list[tuple[Callable[[dict[str, Tensor]], object], type[ZooError], str]] = [
    (lambda g: g.update(x=g["x"] + 0.01), IntegrityError, "golden samples differ"),
    (lambda g: g.update(x=g["x"] * torch.nan), IntegrityError, "golden samples differ by nan"),
    (lambda g: g.update(z=g["z"] + 0.01), IntegrityError, "seed 0 no longer draws the golden latents"),
    (lambda g: g.update(z=g["z"] * torch.nan), IntegrityError, "no longer draws"),
    (lambda g: g.update(seed=g["seed"] + 1), IntegrityError, "seed 1 no longer draws the golden latents"),
    (lambda g: g.update(seed=g["seed"] - 1), WeightsError, "z or seed is none"),
    (lambda g: g.update(seed=torch.tensor([0.0])), WeightsError, "must hold z, x, tolerance and seed"),
    (lambda g: g.update(seed=torch.tensor([0, 1])), WeightsError, "must hold z, x, tolerance and seed"),
    (lambda g: g.update(tolerance=torch.tensor([1.0])), WeightsError, "a tolerance of 1 proves nothing"),
    (lambda g: g.update(tolerance=torch.tensor([0.0])), WeightsError, "a tolerance of 0 proves nothing"),
    (lambda g: g.update(tolerance=torch.tensor([torch.nan])), WeightsError, "a tolerance of nan"),
    (lambda g: g.update(tolerance=torch.tensor(0.001)), WeightsError, "must hold"),
    (lambda g: g.update(x=g["x"][:2].clone()), WeightsError, "the model gives"),
    (lambda g: g.update(x=g["x"] > 0), WeightsError, "must hold"),
    (lambda g: g.update(z=g["z"][:0].clone(), x=g["x"][:0].clone()), WeightsError, "z or seed is none"),
    (lambda g: g.update(z=g["z"][:, :2].clone()), WeightsError, "z or seed is none"),
    (lambda g: g.update(z=torch.tensor(0.0)), WeightsError, "z or seed is none"),
    (lambda g: g.update(z=torch.zeros(5000, 3)), WeightsError, "z or seed is none"),
    (lambda g: g.pop("tolerance"), WeightsError, "must hold"),
    (lambda g: g.update(more=g["z"].clone()), WeightsError, "must hold"),
]


@pytest.mark.parametrize(("change", "error", "says"), GOLDEN, ids=range(len(GOLDEN)))
def test_golden_samples_that_prove_nothing_are_refused(
    change: Callable[[dict[str, Tensor]], object], error: type[ZooError], says: str, tiny: SimpleNamespace
) -> None:
    """Golden samples that differ, were never drawn, or would let anything pass are an error that says which."""
    path = tiny.path / "golden.safetensors"
    golden = load_file(path)
    change(golden)
    save_file(golden, path)
    with pytest.raises(error, match=says):
        check(tiny)


def test_golden_samples_tolerate_what_other_machines_round(tiny: SimpleNamespace) -> None:
    """A difference below the tolerance passes, and is reported."""
    path = tiny.path / "golden.safetensors"
    golden = load_file(path)
    golden["x"] += 5e-4
    golden["z"] += 1e-6
    save_file(golden, path)
    assert 4e-4 < float(str(check(tiny)["golden_difference"])) < 6e-4


def test_golden_samples_are_a_few_of_seed_0(tiny: SimpleNamespace) -> None:
    """They hold four latents, what they decode to, a tolerance of 0.001 and the seed."""
    golden = golden_samples(tiny.model)
    assert torch.equal(golden["x"], tiny.model.sample(4, seed=0))
    assert torch.equal(golden["z"], tiny.model.latents(4, seed=0))
    assert (golden["tolerance"].tolist(), golden["seed"].tolist()) == ([pytest.approx(1e-3)], [0])
