"""zoo.evaluation.reconstruction: figures of coding against those computed by hand."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from zoo.evaluation.features import Observer
from zoo.evaluation.reconstruction import Kept, kept, reconstruction_report
from zoo.images.modality import Images
from zoo.nn.features import Features

DATA = torch.randint(0, 256, (7, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_figures_are_those_of_the_model(vae_folder: Callable[..., SimpleNamespace]) -> None:
    """Error, KL and bound equal what encode, decode and elbo give; one call of progress tells of all."""
    model, calls = vae_folder().model, []
    report = reconstruction_report(model, DATA, progress=lambda done, total: calls.append((done, total)))
    x = DATA / 255
    assert report.root_mean_square_error == pytest.approx(float((model.reconstruct(x) - x).square().mean().sqrt()))
    assert report.kl == pytest.approx(float(model.encode(x).kl().mean()), rel=1e-5)
    assert report.negative_elbo == pytest.approx(-float(model.elbo(x, seed=0).mean()), rel=1e-5)
    assert (report.examples, report.split, report.binarised) == (7, "test", False)
    assert calls == [(7, 7)]


def test_without_a_bound_there_are_no_nats(vae_folder: Callable[..., SimpleNamespace]) -> None:
    """A classical autoencoder has an error and active units only."""
    report = reconstruction_report(vae_folder().model, DATA, bound=False, binarise=True)
    assert (report.negative_elbo, report.kl, report.bits_per_dim, report.binarised) == (None, None, None, False)
    assert 0 <= report.active_units <= 3


def test_binarised_data_have_another_bound_and_the_same_error(vae_folder: Callable[..., SimpleNamespace]) -> None:
    """The grey levels are reconstructed; the bound is that of zeros and ones drawn from a fixed seed."""
    model = vae_folder().model
    grey, binary, again = (reconstruction_report(model, DATA, binarise=b) for b in (False, True, True))
    assert binary == again
    assert binary.root_mean_square_error == grey.root_mean_square_error
    assert binary.negative_elbo != grey.negative_elbo


class Flat(Features):
    """All values."""

    strides, dimensions = (1,), 192
    name, sha256 = "flat", "ab" * 32

    def vector(self, x: Tensor) -> Tensor:
        return x.flatten(1)

    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        return (x,)


class Coder:
    """Codes are numbers of examples, by what they hold; decoding number i gives example i + `off`."""

    def __init__(self, data: Tensor, off: int) -> None:
        self.data, self.off = data.float() / 255, off

    def labels_of(self, labels: object, n: int) -> None:
        return None

    def encode(self, x: Tensor, labels: object) -> SimpleNamespace:
        return SimpleNamespace(mean=torch.cdist(x.flatten(1), self.data.flatten(1)).argmin(1))

    def decode(self, z: Tensor, labels: object) -> Tensor:
        return self.data[(z + self.off) % len(self.data)]


def test_an_example_is_kept_where_its_reconstruction_stands_by_itself() -> None:
    """Giving back what was given keeps all, another example none; 100 are asked, or all, among all there are."""
    generator = torch.Generator().manual_seed(1)
    data = torch.randint(0, 256, (150, 3, 8, 8), dtype=torch.uint8, generator=generator)
    observer = Observer(Flat(), Images())
    same, moved = (kept(cast(Any, Coder(data, off)), data, observer=observer) for off in (0, 1))
    assert same == Kept(share=1.0, examples=100, among=150, network="flat")
    assert moved == Kept(share=0.0, examples=100, among=150, network="flat")
    assert kept(cast(Any, Coder(data, 0)), data, observer=observer, most=None).examples == 150
    assert kept(cast(Any, Coder(data[:7], 0)), data[:7], observer=observer).examples == 7


def test_an_example_that_is_there_twice_is_kept() -> None:
    """Which of two equal examples is found first does not matter."""
    data = torch.cat([DATA, DATA])
    assert kept(cast(Any, Coder(data, 0)), data, observer=Observer(Flat(), Images())).share == 1.0
