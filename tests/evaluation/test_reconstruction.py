"""zoo.evaluation.reconstruction: figures of coding against those computed by hand."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

from zoo.evaluation.reconstruction import reconstruction_report

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
