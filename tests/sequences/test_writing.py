"""zoo.sequences: what is written follows from uniform numbers, and how likely it is adds up to one."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

import zoo
from zoo.errors import UsageError
from zoo.nn import Extras
from zoo.sequences import (
    LSTM,
    Autoregressive,
    LSTMConfig,
    Memory,
    NextToken,
    Transformer,
    TransformerConfig,
    Writing,
    choose,
)

P = torch.tensor([[0.15, 0.5, 0.1, 0.25]], dtype=torch.float64)


class Fixed(NextToken):
    """Always the same logits; its memory is how many tokens it has read."""

    def __init__(self, logits: Tensor, length: int = 8) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(logits)
        self.data_shape, self.vocabulary = (length,), len(logits)

    def read(self, tokens: Tensor, memory: Memory | None = None) -> tuple[Tensor, Memory]:
        seen = 0 if memory is None else int(memory[0][0])
        logits = self.logits.expand(*tokens.shape, -1)
        return logits, (torch.full((len(tokens),), seen + tokens.shape[1]),)


def text_model(network: NextToken, characters: str = "abcdefg") -> Autoregressive:
    info = {"data": {"about": {"vocabulary": characters}}}
    return Autoregressive(network, Extras(modality="text", info=info)).eval()


@pytest.fixture(scope="module")
def model() -> Autoregressive:
    torch.manual_seed(0)
    network = Transformer(TransformerConfig(vocabulary=7, length=6, width=12, heads=3, layers=2))
    with torch.no_grad():
        network.head.weight.mul_(40)
    return text_model(network)


@pytest.mark.parametrize(
    ("how", "kept"),
    [
        ({}, [0, 1, 2, 3]),
        ({"top_k": 1}, [1]),
        ({"top_k": 2}, [1, 3]),
        ({"top_k": 9}, [0, 1, 2, 3]),
        ({"top_p": 0.5}, [1]),
        ({"top_p": 0.51}, [1, 3]),
        ({"top_p": 0.89}, [0, 1, 3]),
        ({"top_p": 1.0}, [0, 1, 2, 3]),
        ({"min_p": 0.3}, [0, 1, 3]),
        ({"min_p": 0.31}, [1, 3]),
        ({"min_p": 1.0}, [1]),
        ({"top_k": 3, "top_p": 0.84}, [0, 1, 3]),
        ({"top_k": 3, "min_p": 0.4}, [1, 3]),
    ],
)
@pytest.mark.parametrize("temperature", [1.0, 0.5, 2.0])
def test_tokens_are_chosen_in_their_shares(how: dict[str, Any], kept: list[int], temperature: float) -> None:
    """A fine comb of uniform numbers gives each token that is kept its share of p, sharpened by 1 / temperature."""
    comb = (torch.arange(40_000, dtype=torch.float64) + 0.5) / 40_000
    logits = temperature * P.log()  # so that p is the same at each temperature
    found = choose(logits.expand(len(comb), -1), comb, Writing(temperature=temperature, **how))
    shares = found.bincount(minlength=4).double() / len(comb)
    expected = torch.zeros(4, dtype=torch.float64)
    expected[kept] = P[0, kept] / P[0, kept].sum()
    torch.testing.assert_close(shares, expected, atol=1e-4, rtol=0)


def test_temperature_divides_logits() -> None:
    """At a half the squares of the shares count."""
    comb = (torch.arange(40_000, dtype=torch.float64) + 0.5) / 40_000
    found = choose(P.log().expand(len(comb), -1), comb, Writing(temperature=0.5))
    torch.testing.assert_close(
        found.bincount(minlength=4).double() / len(comb), P[0] ** 2 / (P[0] ** 2).sum(), atol=1e-4, rtol=0
    )


def test_the_ends_of_the_scale_are_tokens() -> None:
    """0 gives the first that is likely at all, the largest number below 1 the last one; ties go by their number."""
    logits = torch.tensor([[-math.inf, 0.0, 0.0, -math.inf]])
    assert choose(logits, torch.zeros(1), Writing()).tolist() == [1]
    assert choose(logits, torch.tensor([1 - 2**-53], dtype=torch.float64), Writing()).tolist() == [2]
    assert choose(logits, torch.ones(1, dtype=torch.float64), Writing()).tolist() == [2]
    assert choose(logits, torch.tensor([0.9]), Writing(top_k=1)).tolist() == [1]


def test_the_same_seed_writes_the_same(model: Autoregressive) -> None:
    """Sample i does not depend on how many there are, nor on whether it is streamed."""
    many = model.sample(40, seed=3, length=15)
    assert many.shape == (40, 15)
    assert many.dtype == torch.int64
    assert torch.equal(model.sample(3, seed=3, length=15), many[:3])
    steps = [*model.stream(3, seed=3, length=15)]
    assert torch.equal(torch.stack(steps, 1), many[:3])
    told: list[tuple[int, int]] = []
    assert torch.equal(model.sample(40, seed=3, length=15, progress=lambda *how: told.append(how)), many)
    assert told == [(done, 30) for done in range(1, 31)]  # two pieces
    assert not torch.equal(model.sample(3, seed=4, length=15), many[:3])
    assert torch.equal(model.decode(model.latents(3, seed=3, length=15), length=15), many[:3])


def test_a_prompt_stands_in_front_and_is_gone_on_from(model: Autoregressive) -> None:
    """Of any length: what is written behind it is as if it had been written before."""
    written = model.sample(4, seed=0, length=9, top_k=1)
    start = "".join("abcdefg"[token] for token in written[0, :5].tolist())
    again = model.sample(4, seed=0, prompt=start, length=4, top_k=1)
    assert again.shape == (4, 9)
    assert torch.equal(again[0], written[0])
    assert torch.equal(again[:, :5], written[:1, :5].expand(4, -1))
    streamed = torch.stack([*model.stream(4, seed=0, prompt=start, length=4, top_k=1)], 1)
    assert torch.equal(streamed, again)


def test_usual_lengths(model: Autoregressive) -> None:
    """As many as are learnt from at once."""
    assert model.sample(2, seed=0).shape == (2, 6)
    assert model.sample(2, seed=0, prompt="ab").shape == (2, 8)


def test_latents_stay_exact_in_half_precision() -> None:
    """256 levels of a bfloat16 would choose among few tokens: the numbers stay float32 whatever the weights are."""
    network = Fixed(torch.zeros(5000), length=50)
    model = text_model(network, "".join(chr(0x4E00 + i) for i in range(5000)))
    exact = model.sample(20, seed=0)
    assert torch.equal(model.to(torch.bfloat16).sample(20, seed=0), exact)
    assert exact.unique().numel() > 800


def test_probabilities_add_up_to_one() -> None:
    """Over all 27 sequences of three tokens of three kinds, of an LSTM."""
    torch.manual_seed(1)
    model = text_model(LSTM(LSTMConfig(vocabulary=3, length=3, embedding=4, width=5, layers=1)), "abc")
    every = torch.tensor([*itertools.product(range(3), repeat=3)])
    with torch.no_grad():
        assert float(model.log_likelihood(every).double().exp().sum()) == pytest.approx(1, abs=1e-5)


def test_what_is_written_is_as_likely_as_it_is_said_to_be() -> None:
    """The frequency of each of 9 sequences among 20,000 samples is its probability."""
    torch.manual_seed(1)
    network = LSTM(LSTMConfig(vocabulary=3, length=2, embedding=4, width=5, layers=1))
    with torch.no_grad():
        network.head.weight.mul_(5)
    model = text_model(network, "abc")
    drawn = model.sample(20_000, seed=0)
    every = torch.tensor([*itertools.product(range(3), repeat=2)])
    with torch.no_grad():
        expected = model.log_likelihood(every).exp()
    shares = torch.stack([(drawn == one).all(1).float().mean() for one in every])
    torch.testing.assert_close(shares, expected, atol=0.012, rtol=0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temperature": 0}, "temperature = 0 is not allowed; it takes a number above 0"),
        ({"temperature": float("nan")}, "temperature = nan is not allowed"),
        ({"temperature": -1.0}, "temperature = -1.0 is not allowed"),
        ({"top_k": 0}, "top_k = 0 is not allowed"),
        ({"top_p": 0}, "top_p = 0 is not allowed"),
        ({"top_p": 1.5}, "top_p = 1.5 is not allowed"),
        ({"min_p": -0.1}, "min_p = -0.1 is not allowed"),
        ({"length": 0}, "length = 0 is not allowed"),
        ({"promt": "a"}, "unknown key 'promt'; did you mean 'prompt'"),
        ({"prompt": 3}, "prompt = 3 is not allowed; it takes a text"),
        ({"prompt": "abz!"}, "the text has '!', 'z', and these weights know abcdefg alone"),
    ],
)
def test_what_cannot_be_meant_is_a_line(model: Autoregressive, options: dict[str, Any], words: str) -> None:
    """The option, its value, and what it takes."""
    with pytest.raises(UsageError) as caught:
        model.sample(1, **options)
    assert words in str(caught.value)


def test_a_model_of_another_kind_takes_no_prompt() -> None:
    """It says so, and nothing is drawn."""
    with pytest.raises(UsageError, match="this model takes no prompt"):
        zoo.load("dcgan-cifar-frog").sample(1, prompt="frog")


def test_tokens_that_the_network_does_not_know_are_refused(model: Autoregressive) -> None:
    """Beyond the vocabulary, and what is no token."""
    model.check_tokens(torch.tensor([[0, 6]]))
    for bad in (torch.tensor([[7]]), torch.tensor([[-1]]), torch.tensor([[0.5]]), torch.tensor([1])):
        with pytest.raises(UsageError, match="tokens are whole numbers"):
            model.check_tokens(bad)


def test_too_many_for_a_stream(model: Autoregressive) -> None:
    """As many as are computed at once."""
    with pytest.raises(UsageError, match="take at most 32"):
        next(model.stream(33, seed=0))
