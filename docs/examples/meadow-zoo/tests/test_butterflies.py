"""The drawings are what their factors say."""

import pytest
import torch
from zoo.data.loading import DataRequest

from meadow_zoo.butterflies import FACTORS, load


def test_a_larger_drawing_is_the_same_picture() -> None:
    """At 64 pixels, squares of four averaged, a butterfly is nearly that of 32 pixels."""
    small = load(DataRequest(split="test")).data[:100].float()
    large = load(DataRequest(split="test", data_shape=(3, 64, 64))).data[:100].float()
    assert (torch.nn.functional.avg_pool2d(large, 2) - small).abs().mean() < 4
    assert load(DataRequest(split="test", data_shape=(1, 32, 32))).data.shape == (1000, 1, 32, 32)


def test_the_factors_are_even_and_independent() -> None:
    """Each factor fills its range evenly, and no two of them go together."""
    factors = load(DataRequest(split="test")).factors
    assert list(factors) == list(FACTORS)
    for name, (low, high) in FACTORS.items():
        share = (factors[name] - low) / (high - low)
        assert torch.histc(share, bins=10, min=0, max=1).min() > 80  # of 1,000
    assert (torch.corrcoef(torch.stack(list(factors.values()))) - torch.eye(len(FACTORS))).abs().max() < 0.05


@pytest.mark.parametrize(("factor", "sign"), [("size", -1), ("spread", -1), ("tail", -1), ("hour", -1)])
def test_a_factor_shows(factor: str, sign: int) -> None:
    """Larger wings leave less of the bright morning, and the evening is dark."""
    examples = load(DataRequest(split="test"))
    morning = examples.factors["hour"] < (0.3 if factor != "hour" else 1)
    light = examples.data.float().mean((1, 2, 3))[morning]
    assert sign * torch.corrcoef(torch.stack([examples.factors[factor][morning], light]))[0, 1] > 0.05
