"""zoo.evaluation.metrics beside torchmetrics and torch-fidelity, on the same features: they agree to 1e-3."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from zoo.evaluation.metrics import frechet_distance, kernel_distance, precision_recall
from zoo.images import import_torchvision

pytestmark = pytest.mark.filterwarnings("ignore")  # what the peers say when they are imported


@pytest.fixture(autouse=True)
def _torchvision() -> None:
    import_torchvision()  # which both import


def features(count: int, seed: int, *, shift: float = 0.0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    mix = torch.randn(24, 24, generator=torch.Generator().manual_seed(9))
    return torch.randn(count, 24, generator=random) @ mix / 5 + shift


A, B = features(400, 1), features(300, 2, shift=0.2)


def close(value: float) -> object:
    return pytest.approx(value, rel=1e-3, abs=1e-5)


def test_torch_fidelity_agrees() -> None:
    """Its Fréchet distance of the same features, its kernel distance of all, its precision and recall."""
    fid = pytest.importorskip("torch_fidelity.metric_fid")
    kid, prc = pytest.importorskip("torch_fidelity.metric_kid"), pytest.importorskip("torch_fidelity.metric_prc")
    one, two = (fid.fid_features_to_statistics(x) for x in (A, B))
    told = fid.fid_statistics_to_metric(one, two, verbose=False)
    assert frechet_distance(A, B) == close(told["frechet_inception_distance"])
    alike = A[:300]
    told = kid.kid_features_to_metric(alike, B, kid_subsets=1, kid_subset_size=300, verbose=False, rng_seed=0)
    assert kernel_distance(alike, B, subsets=1, subset_size=300)[0] == close(told["kernel_inception_distance_mean"])
    told = prc.prc_features_to_metric(B, alike, prc_neighborhood=3, verbose=False)  # the generated ones first
    assert precision_recall(alike, B) == (close(told["precision"]), close(told["recall"]))


class Passed(nn.Module):
    """A network that gives what it is given, for metrics that want one."""

    num_features = 24

    def forward(self, x: Tensor) -> Tensor:
        return x


def test_torchmetrics_agrees() -> None:
    """Its Fréchet and kernel distances with a feature network that passes everything on."""
    image = pytest.importorskip("torchmetrics.image")
    fid = image.fid.FrechetInceptionDistance(feature=Passed(), normalize=False, input_img_size=(24,))
    fid.update(A, real=True)
    fid.update(B, real=False)
    assert frechet_distance(B, A) == close(float(fid.compute()))
    kid = image.kid.KernelInceptionDistance(feature=Passed(), subsets=1, subset_size=300)
    kid.update(A[:300], real=True)
    kid.update(B, real=False)
    assert kernel_distance(B, A[:300], subsets=1, subset_size=300)[0] == close(float(kid.compute()[0]))
    assert np.isfinite(float(fid.compute()))
