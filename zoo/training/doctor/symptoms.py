"""What a look at the networks shows: how far samples spread, and what the discriminator says of examples it never saw.

A look changes nothing: it draws from generators of its own, and leaves modes, buffers and the run's random numbers as
they were.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from zoo.data.held_out import SEED, some
from zoo.data.loading import Data, Examples
from zoo.data.modality import Modality
from zoo.nn.interfaces import Discriminator, Generator
from zoo.nn.models import Model
from zoo.nn.sampling import check_labels
from zoo.nn.torch_state import own_random
from zoo.training.machine.batch_norm import SharedBatchNorm

__all__ = ["Symptoms", "nearest", "overfitting", "spread"]

CHUNK = 64  # examples that the discriminator sees at once


def spread(x: Tensor) -> float:
    """Mean Euclidean distance between two of x (N, …), N at least 2.

    The idea of Odena et al. 2017 (arXiv:1610.09585, section 4.2), who compare the similarity of random pairs of samples
    with that of pairs of training examples; the distance here is of values.
    """
    return float(torch.pdist(x.flatten(1)).mean())


def nearest(x: Tensor) -> float:
    """Median over x (N, …) of the Euclidean distance to the nearest other one, N at least 2.

    Few modes make near duplicates among few samples: the birthday paradox test of Arora and Zhang 2017
    (arXiv:1706.08224, section 3).
    """
    n = len(x)
    distances = torch.full((n, n), float("inf"))
    first, second = torch.triu_indices(n, n, offset=1)
    distances[first, second] = distances[second, first] = torch.pdist(x.flatten(1))
    return float(distances.amin(1).median())


def overfitting(seen: Tensor, held_out: Tensor, fake: Tensor) -> dict[str, float]:
    """r_v and r_t from logits (N,) of training examples, of held-out ones and of samples.

    r_v = (E[D_train] - E[D_validation]) / (E[D_train] - E[D_generated]) is 0 without overfitting, and 1 where examples
    the discriminator has not seen are to it as fakes are; r_t = E[sign(D_train)] (Karras et al. 2020,
    arXiv:2006.06676, equation 1). Where the difference to samples is less than 3 standard errors there is nothing to
    overfit with, and r_v is given as 0.
    """
    gap = float(seen.mean() - fake.mean())
    error = math.sqrt(float(seen.var()) / len(seen) + float(fake.var()) / len(fake))
    r_v = float(seen.mean() - held_out.mean()) / gap if gap > 3 * error else 0.0
    return {"r_v": r_v, "r_t": float(seen.sign().mean()), "r_t_held_out": float(held_out.sign().mean())}


class Symptoms:
    """Looks at a model in training, against at most `samples` of the examples; without a generator it sees nothing."""

    def __init__(self, examples: Data, held_out: Data | None, *, samples: int, modality: Modality) -> None:
        self.modality = modality
        self.seen = some(examples, samples)
        self.held_out = None if held_out is None else some(held_out, samples)
        self.samples = len(self.seen.data)
        real = modality.ready(self.seen.data).float()
        self.usual = (spread(real), nearest(real)) if self.samples > 1 else (0.0, 0.0)

    def names(self, model: Model, discriminator: nn.Module | None) -> set[str]:
        """The figures that a look at this model can give."""
        if self.samples < 2 or not any(isinstance(part, Generator) for part in model.children()):
            return set()
        figures = zip(("sample_spread", "sample_nearest"), self.usual, strict=True)
        names = {name for name, usual in figures if usual > 0}  # 0: training examples that are all the same
        if self.held_out is not None and isinstance(discriminator, Discriminator):
            names |= {"r_v", "r_t", "r_t_held_out"}
        return names

    def look(self, model: Model, discriminator: nn.Module | None, *, apart: bool = False) -> dict[str, float]:
        """The figures by name, of samples at fixed latents of the averaged generator.

        `apart` says that the discriminator is trained on real and fake examples in batches of their own: then its batch
        norms take their statistics from the batch, as in training, since the running ones are those of neither.
        """
        names = self.names(model, discriminator)
        if not names:
            return {}
        with _looking(model):
            fake = model.sample(self.samples, seed=SEED).cpu()
        usual = dict(zip(("sample_spread", "sample_nearest"), self.usual, strict=True))
        measured = {"sample_spread": spread, "sample_nearest": nearest}
        figures = {name: measured[name](fake.float()) / usual[name] for name in measured if name in names}
        if "r_v" in names and isinstance(discriminator, Discriminator) and self.held_out is not None:
            with _looking(discriminator, batch_norm=apart):
                figures |= self._overfitting(model, discriminator, fake, self.held_out)
        return figures

    def _overfitting(
        self, model: Model, discriminator: Discriminator, fake: Tensor, held_out: Examples
    ) -> dict[str, float]:
        low, high = model.value_range
        labels = check_labels(None, len(fake), model.num_classes)
        fake = fake * (high - low) + low if fake.is_floating_point() else fake
        on_fake = _logits(discriminator, fake, labels)
        on_seen, on_held_out = (
            _logits(discriminator, self.modality.ready(reals.data, (low, high)), reals.labels)
            for reals in (self.seen, held_out)
        )
        return overfitting(on_seen, on_held_out, on_fake)


def _logits(discriminator: Discriminator, x: Tensor, labels: Tensor | None) -> Tensor:
    """What the discriminator says of x (N, *data_shape), a chunk at a time: (N,)."""
    device = next(discriminator.parameters()).device
    wanted = labels if discriminator.num_classes is not None else None
    pieces = []
    for rows in torch.arange(len(x)).tensor_split(math.ceil(len(x) / CHUNK)):  # no last one that is small
        pieces.append(discriminator(x[rows].to(device), None if wanted is None else wanted[rows].to(device)))
    return torch.cat(pieces).float()


@contextlib.contextmanager
def _looking(network: nn.Module, *, batch_norm: bool = False) -> Iterator[None]:
    """In eval mode, but for batch norms where asked, and without gradients; modes, buffers and random numbers are
    afterwards what they were.
    """
    modes = {module: module.training for module in network.modules()}
    buffers = [(buffer, buffer.clone()) for buffer in network.buffers()]
    devices = {p.device for p in network.parameters() if p.device.type == "cuda"}
    with own_random(), torch.random.fork_rng(devices=list(devices)), torch.no_grad():
        torch.manual_seed(SEED)
        network.eval()
        for module in modes if batch_norm else ():
            if isinstance(module, (nn.modules.batchnorm._BatchNorm, SharedBatchNorm)):
                module.train()
        try:
            yield
        finally:
            for module, training in modes.items():
                module.training = training
            for buffer, before in buffers:
                buffer.copy_(before)
