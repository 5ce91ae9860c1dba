"""zoo.sequences: networks tell the next token from those before it alone, read at once or piece by piece."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from zoo.configs import decode
from zoo.errors import ConfigError
from zoo.sequences import LSTM, LSTMConfig, NextToken, Transformer, TransformerConfig
from zoo.sequences.transformer import _mask, _rotations, _turned

NETWORKS = {
    "lstm": lambda: LSTM(LSTMConfig(vocabulary=7, length=6, embedding=5, width=8, layers=2)),
    "transformer": lambda: Transformer(TransformerConfig(vocabulary=7, length=6, width=12, heads=3, layers=3)),
    "blind": lambda: Transformer(TransformerConfig(vocabulary=7, length=1, width=12, heads=3, layers=2)),
}


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> NextToken:
    torch.manual_seed(0)
    found: NextToken = NETWORKS[request.param]().eval()
    with torch.no_grad():
        for weight in found.parameters():  # so that all of it matters
            weight.add_(torch.randn(weight.shape) * 0.2)
    return found


def some(*shape: int) -> Tensor:
    return torch.randint(7, shape, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_pieces_are_read_as_the_whole(network: NextToken) -> None:
    """Logits are the same, and what is remembered, whether 20 tokens are read at once, in pieces or one by one."""
    tokens = some(3, 20)
    whole, last = network.read(tokens)
    for sizes in ([1] * 20, [4, 1, 9, 6], [19, 1]):
        memory, found = None, []
        for piece in tokens.split(sizes, 1):
            logits, memory = network.read(piece, memory)
            found.append(logits)
        torch.testing.assert_close(torch.cat(found, 1), whole, atol=1e-5, rtol=1e-4)
        assert memory is not None
        for kept, expected in zip(memory, last, strict=True):
            torch.testing.assert_close(kept, expected, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_a_token_is_told_from_those_before_it_alone(network: NextToken) -> None:
    """Another token at place t changes the logits behind it, and none up to it."""
    length = network.data_shape[0]
    tokens = some(2, length)
    before = network(tokens)
    assert before.shape == (2, length, 7)
    for place in range(length):
        changed = tokens.clone()
        changed[:, place] = (changed[:, place] + 1) % 7
        same = (network(changed) - before).abs().amax((0, 2)) < 1e-6
        assert bool(same[: place + 1].all())
        assert place + 1 == length or not bool(same[place + 1])


@torch.no_grad()
def test_rows_do_not_see_each_other(network: NextToken) -> None:
    """A row's logits and memory are its own."""
    tokens = some(4, 6)
    whole, memory = network.read(tokens)
    one, alone = network.read(tokens[2:3])
    torch.testing.assert_close(whole[2:3], one, atol=1e-6, rtol=1e-5)
    for kept, own in zip(memory, alone, strict=True):
        torch.testing.assert_close(kept[2:3], own, atol=1e-6, rtol=1e-5)


def test_the_window() -> None:
    """Each of the last tokens sees itself and length - 1 before it."""
    assert _mask(0, 4, 4, torch.device("cpu")) is None
    found = _mask(2, 3, 3, torch.device("cpu"))
    assert found is not None
    assert found.int().tolist() == [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1]]


def test_a_rotation_keeps_lengths_and_tells_distances() -> None:
    """Su et al. 2021, section 3.2: the product of a query and a key depends on how far apart they are alone."""
    random = torch.Generator().manual_seed(2)
    query, key = torch.randn(2, 1, 1, 1, 8, generator=random)
    products = []
    for start in (0, 5, 100):
        at = [_rotations(start + shift, 1, 8, query) for shift in (0, 3)]
        turned = _turned(query, at[0]), _turned(key, at[1])
        assert float(turned[0].norm()) == pytest.approx(float(query.norm()), rel=1e-5)
        products.append(float((turned[0] * turned[1]).sum()))
    assert products == pytest.approx([products[0]] * 3, rel=1e-3)
    assert _rotations(0, 2, 4, query)[1].tolist() == [
        [0, 0],
        [pytest.approx(0.8415, abs=1e-4), pytest.approx(0.01, abs=1e-4)],
    ]


def test_a_width_that_no_head_can_turn_is_refused() -> None:
    """In the words of the config."""
    with pytest.raises(ConfigError, match="width = 10 is no multiple of twice the 4 heads"):
        decode(TransformerConfig, {"width": 10}, "config")
