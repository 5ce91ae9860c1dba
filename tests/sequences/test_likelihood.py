"""The trainer `likelihood`, and the likelihood of held-out examples."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.data import Modality
from zoo.errors import ConfigError, DataError, UsageError
from zoo.evaluation.exact import exact_nll
from zoo.nn import Extras
from zoo.sequences import LSTM, Autoregressive, LSTMConfig, Tokens, windows
from zoo.sequences.likelihood import LikelihoodSettings, LikelihoodTrainer
from zoo.sequences.modality import vocabulary_of
from zoo.training.machine.processes import ALONE


class Letters(Tokens):
    """A kind of data for these tests."""

    def read(self, path: Any, data_shape: tuple[int, ...]) -> Tensor:
        raise NotImplementedError

    def write(self, x: Tensor, path: Any, *, columns: int | None = None, scale: int | None = None) -> None:
        raise NotImplementedError


def trainer(modality: Modality | None = None, **settings: Any) -> LikelihoodTrainer:
    torch.manual_seed(0)
    network = LSTM(LSTMConfig(vocabulary=4, length=6, embedding=4, width=16, layers=1))
    made = LikelihoodTrainer({"network": network}, LikelihoodSettings(**settings), torch.Generator().manual_seed(0))
    made.modality = modality or Letters("abcd")
    made.join(ALONE)
    return made


def test_it_learns_what_follows_what() -> None:
    """From sequences that count round and round to almost nothing: a first token of four kinds, 2 bits, is all."""
    learner = trainer(lr=2e-2)
    x = (torch.arange(64)[:, None] + torch.arange(6)) % 4
    first = learner.step(x, None)
    for step in range(150):
        learner.set_rates(step=step, progress=step / 150)
        last = learner.step(x, None)
    assert float(first["bits_per_token"]) == pytest.approx(2, abs=0.1)
    assert float(last["bits_per_token"]) == pytest.approx(2 / 6, abs=0.02)
    assert float(last["loss"]) == pytest.approx(float(last["bits_per_token"]) * math.log(2), rel=1e-5)
    assert float(last["accuracy"]) > 0.83


def test_its_gradient_is_that_of_the_mean_cross_entropy() -> None:
    """By autograd, of each token's -log p, unclipped."""
    learner = trainer(clip_norm=0.0)
    x = torch.randint(4, (5, 6), generator=torch.Generator().manual_seed(1))
    logits = learner.network(x)
    loss = -logits.log_softmax(-1).gather(2, x[:, :, None]).mean()
    expected = torch.autograd.grad(loss, [*learner.network.parameters()])
    learner.step(x, None)
    for weight, gradient in zip(learner.network.parameters(), expected, strict=True):
        assert weight.grad is not None
        torch.testing.assert_close(weight.grad, gradient, atol=1e-6, rtol=1e-4)


def test_the_rate_rises_and_falls() -> None:
    """Over the steps of the warm-up, and over the last part of the run."""
    learner = trainer(lr=1.0, warmup=3, anneal=0.5)
    found = []
    for step, progress in ((0, 0.0), (1, 0.1), (3, 0.2), (9, 0.75), (20, 1.0)):
        learner.set_rates(step=step, progress=progress)
        found += {group["lr"] for group in learner.optimizers["network"].param_groups}
    assert found == pytest.approx([0.25, 0.5, 1.0, 0.5, 0.01])


def test_matrices_decay_and_the_rest_does_not() -> None:
    """As is usual beside Adam."""
    groups = trainer(weight_decay=0.1).optimizers["network"].param_groups
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0]
    assert {weight.ndim for weight in groups[0]["params"]} == {2}
    assert {weight.ndim for weight in groups[1]["params"]} == {1}


def test_another_vocabulary_is_refused() -> None:
    """Before the first step, with what to set; and networks of another kind."""
    with pytest.raises(ConfigError, match=r"have 5 different tokens, the network is for 4: --set config\.vocabulary=5"):
        trainer(Letters("abcde"))
    with pytest.raises(ConfigError, match="needs a network of tokens, not encoder"):
        LikelihoodTrainer({"encoder": torch.nn.Linear(1, 1)}, LikelihoodSettings(), torch.Generator())


def test_the_likelihood_is_exact() -> None:
    """Of a network that knows nothing: log V nats a token; and its error over the examples."""
    network = LSTM(LSTMConfig(vocabulary=4, length=6, embedding=4, width=8, layers=1)).requires_grad_(False)
    network.head.weight.zero_()
    network.head.bias.copy_(torch.tensor([0.7, 0.1, 0.1, 0.1]).log())
    plugin = SimpleNamespace(modality="text", info={"data": {"about": {"vocabulary": "abcd"}}})
    model = Autoregressive(network, Extras(modality=plugin.modality, info=plugin.info)).eval()
    data = torch.zeros(40, 6, dtype=torch.int64)
    data[20:] = 1
    report = exact_nll(model, data)
    nats = [-6 * math.log(0.7), -6 * math.log(0.1)]
    assert report.nll == pytest.approx(sum(nats) / 2, rel=1e-5)
    assert report.bits_per_token == pytest.approx(sum(nats) / 2 / 6 / math.log(2), rel=1e-5)
    assert report.standard_error == pytest.approx(torch.tensor(nats).repeat(20).std().item() / math.sqrt(40), rel=1e-4)
    with pytest.raises(UsageError, match="none of the model's"):
        exact_nll(model, data + 3)
    with pytest.raises(UsageError, match="at least 2 examples of shape"):
        exact_nll(model, data[:, :5])


def test_windows() -> None:
    """One from each third token on; the last ends with the last token."""
    assert windows(torch.arange(10), 4, every=3).tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]
    assert windows(torch.arange(9), 4, every=3).tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [5, 6, 7, 8]]
    assert windows(torch.arange(4), 4, every=9).tolist() == [[0, 1, 2, 3]]
    with pytest.raises(DataError, match="3 tokens are less than one piece of 4"):
        windows(torch.arange(3), 4, every=1)


def test_tokens_and_texts() -> None:
    """There and back; what is no token is refused."""
    letters = Letters("abcd")
    assert letters.tokens("bad").tolist() == [1, 0, 3]
    assert letters.texts(torch.tensor([[1, 0, 3], [2, 2, 2]])) == ["bad", "ccc"]
    for bad in (torch.tensor([[4]]), torch.tensor([[-1]]), torch.tensor([[0.5]]), torch.tensor([1])):
        with pytest.raises(DataError):
            letters.stored(bad)
    for bad in ("", "aa", 3, None):
        with pytest.raises(DataError, match="the vocabulary is"):
            vocabulary_of({"vocabulary": bad}, "ab")
    assert vocabulary_of({}, "ab") == "ab"
