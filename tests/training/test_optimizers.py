"""zoo.training.optimizers: optimizers by name, falling rates, clipping, and the watch for NaN."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from zoo.errors import DataError
from zoo.training.optimizers import check_finite, clip_gradients, learning_rate, make_optimizer


def test_adam_is_made_with_its_settings() -> None:
    """`adam` is Adam with the given rate and betas."""
    optimizer = make_optimizer("adam", nn.Linear(1, 1).parameters(), lr=3e-4, beta1=0.4, beta2=0.9)
    assert type(optimizer) is torch.optim.Adam
    assert (optimizer.defaults["lr"], optimizer.defaults["betas"]) == (3e-4, (0.4, 0.9))


def test_rmsprop_is_made_with_its_settings() -> None:
    """`rmsprop` is RMSprop whose squared average decays by beta2, with the epsilon of Keras."""
    optimizer = make_optimizer("rmsprop", nn.Linear(1, 1).parameters(), lr=3e-4, beta1=0.4, beta2=0.9)
    assert type(optimizer) is torch.optim.RMSprop
    assert (optimizer.defaults["lr"], optimizer.defaults["alpha"], optimizer.defaults["eps"]) == (3e-4, 0.9, 1e-7)
    assert optimizer.defaults["momentum"] == 0


@pytest.mark.parametrize("step", [0, 1, 10, 12_345])
def test_decay_is_that_of_keras(step: int) -> None:
    """The rate at a step is lr / (1 + decay * step)."""
    rate = learning_rate(8e-4, step=step, progress=0.5, decay=1e-3, anneal=0.0)
    assert rate == pytest.approx(8e-4 * (1 / (1 + 1e-3 * step)), rel=1e-12)


@pytest.mark.parametrize(
    ("progress", "share"), [(0.0, 1), (0.5, 1), (0.8, 1), (0.85, 0.75), (0.9, 0.5), (0.999, 0.01), (1.0, 0.01)]
)
def test_annealing_falls_to_a_hundredth(progress: float, share: float) -> None:
    """Over the last `anneal` share of the run the rate falls linearly, and not below a hundredth."""
    rate = learning_rate(2e-4, step=7, progress=progress, decay=0.0, anneal=0.2)
    assert rate == pytest.approx(2e-4 * share)


def test_decay_and_annealing_multiply() -> None:
    """With both, the rate is the product."""
    assert learning_rate(1.0, step=10, progress=0.95, decay=0.1, anneal=0.1) == pytest.approx(0.5 * 0.5)


def module_with(*gradients: float) -> nn.Module:
    module = nn.Module()
    for index, gradient in enumerate(gradients):
        parameter = nn.Parameter(torch.zeros(1))
        parameter.grad = torch.tensor([gradient])
        module.register_parameter(f"p{index}", parameter)
    module.register_parameter("idle", nn.Parameter(torch.zeros(1)))
    return module


def gradients(module: nn.Module) -> list[float]:
    return [float(p.grad) for p in module.parameters() if p.grad is not None]


def test_clipping_by_value_bounds_each_coordinate() -> None:
    """Coordinates beyond the bound go to it, the others and parameters without a gradient stay."""
    module = module_with(-5.0, 0.25, 3.0)
    clip_gradients(module.parameters(), value=0.5, norm=0)
    assert gradients(module) == [-0.5, 0.25, 0.5]


def test_clipping_by_norm_bounds_the_whole() -> None:
    """A gradient longer than the bound is scaled to it in its direction, a shorter one stays."""
    module = module_with(3.0, -4.0)
    clip_gradients(module.parameters(), value=0, norm=1.0)
    assert gradients(module) == pytest.approx([0.6, -0.8], rel=1e-4)
    clip_gradients(module.parameters(), value=0, norm=2.0)
    assert gradients(module) == pytest.approx([0.6, -0.8], rel=1e-4)


def test_values_are_clipped_before_the_norm() -> None:
    """With both bounds the coordinates are clipped first: (30, -4) by 4 is (4, -4), then of norm 1."""
    module = module_with(30.0, -4.0)
    clip_gradients(module.parameters(), value=4, norm=1.0)
    assert gradients(module) == pytest.approx([math.sqrt(0.5), -math.sqrt(0.5)], rel=1e-4)


def test_no_bounds_no_clipping() -> None:
    """Bounds of 0 leave a gradient as it is."""
    module = module_with(300.0, -4000.0)
    clip_gradients(module.parameters(), value=0, norm=0)
    assert gradients(module) == [300.0, -4000.0]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_named(value: float) -> None:
    """A NaN or infinite metric is a DataError with its name, its value and the step; finite ones pass."""
    check_finite({"loss": 1e30, "other": 0.0}, 3)
    with pytest.raises(DataError, match=rf"other is {value} at step 17; lower the learning rates .* zoo train --from"):
        check_finite({"loss": 0.0, "other": value}, 17)
