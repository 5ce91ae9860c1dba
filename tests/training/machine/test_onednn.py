"""zoo.training.machine.onednn: dense layers by oneDNN give what PyTorch's give, gradients of all orders too."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.training.machine import onednn as products
from zoo.training.machine.onednn import OneDNNLinear, available, product

pytestmark = pytest.mark.skipif(not available(), reason="this PyTorch gives no dense layers to oneDNN")

ROWS, INPUTS, OUTPUTS = 96, 256, 192  # large enough for the way around


@pytest.fixture
def layers() -> tuple[nn.Sequential, nn.Sequential]:
    """A network, and the same with its large layers replaced."""
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(INPUTS, OUTPUTS), nn.Tanh(), nn.Linear(OUTPUTS, INPUTS, bias=False))
    ours = copy.deepcopy(plain)
    OneDNNLinear.replace_in(ours)
    return plain, ours


def penalty(network: nn.Module, x: Tensor) -> Tensor:
    """A loss with a gradient in it, as gradient penalties have."""
    x = x.clone().requires_grad_()
    out = network(x)
    (slope,) = torch.autograd.grad(out.square().sum(), x, create_graph=True)
    return out.sum() + slope.square().mean()


@pytest.mark.parametrize(
    "loss", [lambda network, x: network(x).square().sum(), lambda network, x: network(x).sum(), penalty]
)
def test_outputs_and_gradients_are_those_of_pytorch(
    layers: tuple[nn.Sequential, nn.Sequential], loss: Callable[[nn.Module, Tensor], Tensor]
) -> None:
    """Values, gradients from dense and from expanded ones, and gradients of gradients, within float32 rounding."""
    plain, ours = layers
    x = torch.randn(ROWS, INPUTS)
    torch.testing.assert_close(ours(x), plain(x), rtol=1e-4, atol=1e-4)
    for network in layers:
        loss(network, x).backward()
    for mine, theirs in zip(ours.parameters(), plain.parameters(), strict=True):
        assert mine.grad is not None
        assert theirs.grad is not None
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-3, atol=1e-3 * float(theirs.grad.abs().max()))


def test_only_what_gains_goes_around(
    layers: tuple[nn.Sequential, nn.Sequential], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large products that want gradients do; small ones, evaluation, autocast, float64 and more dimensions do not."""
    _, ours = layers
    taken: list[Tensor] = []
    by_onednn = products._by_onednn
    monkeypatch.setattr(products, "_by_onednn", lambda a, *rest: (taken.append(a), by_onednn(a, *rest))[1])
    x = torch.randn(ROWS, INPUTS)
    ours(x)
    assert len(taken) == 2
    taken.clear()
    ours(x[:2])
    ours(x.view(4, -1, INPUTS))
    with torch.no_grad():
        torch.testing.assert_close(ours(x), layers[0](x), rtol=0, atol=0)
    with torch.autocast("cpu", torch.bfloat16):
        assert ours(x).dtype == torch.bfloat16
    ours.double()(x.double())
    assert not taken


def test_layers_are_replaced_in_place(layers: tuple[nn.Sequential, nn.Sequential]) -> None:
    """Weights, names and copies stay what they were; a subclass of nn.Linear, which may do more, is left alone."""
    plain, ours = layers
    assert [type(layer) for layer in copy.deepcopy(ours)] == [OneDNNLinear, nn.Tanh, OneDNNLinear]
    assert list(ours.state_dict()) == list(plain.state_dict())

    class Own(nn.Linear):
        pass

    holder = nn.Sequential(Own(2, 2))
    OneDNNLinear.replace_in(holder)
    assert type(holder[0]) is Own


def test_without_the_operator_nothing_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A PyTorch whose private operator is gone, or has other arguments, trains as it always did."""

    def gone(*_: object) -> Tensor:
        raise AttributeError("no attribute '_linear_pointwise'")

    monkeypatch.setattr(products, "_by_onednn", gone)
    available.cache_clear()
    try:
        holder = nn.Sequential(nn.Linear(2, 2))
        OneDNNLinear.replace_in(holder)
        assert type(holder[0]) is nn.Linear
    finally:
        available.cache_clear()


def test_a_product_is_a_dense_layer() -> None:
    """a b^T + bias, of transposed matrices too."""
    a, b, bias = torch.randn(7, 5).t(), torch.randn(7, 3).t(), torch.randn(3)
    torch.testing.assert_close(product(a, b, bias), F.linear(a, b, bias))
    torch.testing.assert_close(product(a.double(), b.double()), F.linear(a.double(), b.double()))
