"""The family `autoregressive`: each token given those before it. A latent is the numbers that choose the tokens."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Generator, Tensor, nn

from zoo.nn import Extras, Family, Model


class NextToken(nn.Module, ABC):
    """The one part: tokens -> logits of each of them, from those before it alone."""

    data_shape: tuple[int, ...]  # (L,)
    vocabulary: int  # V

    @abstractmethod
    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (N, L) to logits (N, L, V)."""


@final
class Autoregressive(Model):
    """Chooses token t by the t-th coordinate of z, U(-1, 1), through the inverse distribution function."""

    def __init__(self, network: NextToken, extras: Extras) -> None:
        shape = network.data_shape
        super().__init__(extras, latent_shape=shape, data_shape=shape, prior="uniform")
        self.network = network

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        uniform = (z.float() + 1) / 2
        tokens = torch.zeros(z.shape, dtype=torch.int64, device=z.device)
        for step in range(z.shape[1]):
            shares = self.network(tokens)[:, step].float().softmax(dim=1).cumsum(dim=1)
            tokens[:, step] = (shares[:, :-1] < uniform[:, step, None]).sum(dim=1)
        return tokens


def _build(parts: Mapping[str, Any], extras: Extras) -> Model:
    return Autoregressive(parts["network"], extras)


def _tried_with(part: Any, n: int, generator: Generator) -> tuple[Tensor, ...]:
    return (torch.randint(part.vocabulary, (n, *part.data_shape), generator=generator),)


FAMILY = Family(
    name="autoregressive",
    interfaces={"network": NextToken},
    published=("network",),
    build=_build,
    tried_with={"network": _tried_with},
)
