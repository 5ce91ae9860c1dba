"""The family `autoregressive`: what is written is a function of uniform numbers, one for each token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, final

import torch
from msgspec import Meta
from torch import Generator, Tensor
from torch.nn import functional as F

from zoo.data.modality import modality_of
from zoo.errors import UsageError
from zoo.nn.abilities import Scored
from zoo.nn.extras import Extras
from zoo.nn.families import Family
from zoo.nn.folding import resting
from zoo.nn.models import Model
from zoo.nn.sampling import CHUNK, Labels, Progress, check_labels
from zoo.nn.torch_state import default_state
from zoo.sequences.next_token import NextToken

__all__ = ["FAMILY", "Autoregressive", "Writing", "choose"]


@dataclass(frozen=True, kw_only=True)
class Writing:
    """How tokens are written."""

    prompt: str = ""  # what is there already, and stands at the beginning of what is given
    length: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None  # tokens behind it; None: as were learnt at once
    temperature: Annotated[float, Meta(gt=0, le=100)] = 1.0  # what logits are divided by; below 1 the likely gains
    top_k: Annotated[int, Meta(ge=1)] | None = None  # only so many of the likeliest tokens are written
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None  # the fewest that have so much of the probability together
    min_p: Annotated[float, Meta(ge=0, le=1)] | None = None  # those at least so likely as this share of the likeliest


def choose(logits: Tensor, uniform: Tensor, how: Writing) -> Tensor:
    """Tokens (N,) from `logits` (N, V) by `uniform` numbers (N,) in [0, 1), as `how` says, through the inverse
    distribution function.

    p = softmax(logits / temperature). Of it are kept the `top_k` likeliest; then the fewest likeliest that have `top_p`
    together (Holtzman et al. 2020, arXiv:1904.09751); then those of at least `min_p` times the largest (Nguyen et al.
    2024, arXiv:2407.01082); what is kept is normalised. Equal logits are kept in the order of their tokens.
    """
    p = (logits.double() / how.temperature).softmax(1)
    if how.top_k is not None and how.top_k < p.shape[1]:
        p = _kept(p, torch.arange(p.shape[1], device=p.device) < how.top_k)
    if how.top_p is not None:
        ordered = p.sort(dim=1, descending=True, stable=True).values
        p = _kept(p, ordered.cumsum(1) - ordered < how.top_p * p.sum(1, keepdim=True))
    if how.min_p is not None:
        p = torch.where(p >= how.min_p * p.max(1, keepdim=True).values, p, 0.0)
    edges = p.cumsum(1)
    at = uniform.double()[:, None] * edges[:, -1:]
    found = torch.searchsorted(edges, at, right=True).squeeze(1)
    last = p.shape[1] - 1 - (p.flip(1) > 0).to(torch.int64).argmax(1)  # where rounding went past the last one
    return torch.minimum(found, last)


def _kept(p: Tensor, places: Tensor) -> Tensor:
    """p (N, V) where it stands at one of `places`, (V,) or (N, V), of a row ordered from large to small; else 0."""
    order = p.argsort(dim=1, descending=True, stable=True)
    return torch.where(torch.zeros_like(p, dtype=torch.bool).scatter(1, order, places.expand_as(p)), p, 0.0)


@final
class Autoregressive(Scored):
    """A latent is L uniform numbers in (-1, 1): the t-th chooses the t-th token, given those before it."""

    options = Writing
    exact_latents = True

    def __init__(self, network: NextToken, extras: Extras | None = None) -> None:
        super().__init__(extras, latent_shape=network.data_shape, data_shape=network.data_shape, prior="uniform")
        self.network, self.vocabulary = network, network.vocabulary

    def noise_shape(self, options: Writing) -> tuple[int, ...]:
        """As many numbers as tokens are written with these `options`."""
        return self.latent_shape if options.length is None else (options.length,)

    def forward(self, z: Tensor, labels: Tensor | None = None, options: Writing | None = None) -> Tensor:
        return self.watched(z, labels, options, lambda done, total: None)

    def watched(self, z: Tensor, labels: Tensor | None, options: Writing | None, progress: Progress) -> Tensor:
        """`forward` of the same z, `labels` and `options`, telling `progress` (tokens written, all to be)."""
        how = options or Writing()
        prompt = self._prompt(how)
        tokens = []
        for token in self.written(z, how, prompt):
            tokens.append(token)
            progress(len(tokens), z.shape[1])
        return torch.cat([prompt.expand(len(z), -1), torch.stack(tokens, 1)], 1)

    def written(self, z: Tensor, how: Writing, prompt: Tensor) -> Iterator[Tensor]:
        """The tokens (N,) behind the `prompt` (T,), one after the other, by z (N, L), as `how` says."""
        begin = torch.full((len(z), 1), self.network.vocabulary, device=z.device)
        logits, memory = self.network.read(torch.cat([begin, prompt.expand(len(z), -1)], 1))
        uniform = (z.double() + 1) / 2
        for step in range(z.shape[1]):
            tokens = choose(logits[:, -1].float(), uniform[:, step], how)
            yield tokens
            if step + 1 < z.shape[1]:
                logits, memory = self.network.read(tokens[:, None], memory)

    @property
    def at_once(self) -> int:
        """How many samples `stream` can give."""
        return CHUNK

    def stream(
        self,
        n: int,
        *,
        seed: int | None = None,
        labels: Labels = None,
        truncation: float | None = None,
        prior: str | None = None,
        **options: Any,
    ) -> Iterator[Tensor]:
        """What `sample` gives for the same arguments and `options`, token by token: (n,) each, the prompt's first.

        Raises UsageError as it does, and for more samples than are written at once.
        """
        if n > CHUNK:
            raise UsageError(f"{n} samples are not written at once; take at most {CHUNK}, or use sample")
        check_labels(labels, n, self.num_classes, self.classes)
        how = self.chosen(options) or Writing()
        z = self.latents(n, seed=seed, truncation=truncation, prior=prior, **options).to(self.device)
        prompt = self._prompt(how)
        for token in prompt:
            yield token.expand(n)
        writer = resting(self)
        steps = writer.written(z[torch.arange(CHUNK).clamp(max=n - 1)], how, prompt)  # as `sample` does
        for _ in range(z.shape[1]):
            with default_state(grad=False):
                tokens = next(steps)
            yield tokens[:n]

    def _prompt(self, how: Writing) -> Tensor:
        """The prompt as tokens (T,). Raises UsageError for one that these weights cannot read."""
        if not how.prompt:
            return torch.empty(0, dtype=torch.int64, device=self.device)
        return modality_of(self).tokens(how.prompt).to(self.device)

    def log_likelihood(self, x: Tensor) -> Tensor:
        """The sum of the logarithms of each token's probability."""
        logits = self.network(x)
        return -F.cross_entropy(logits.float().flatten(0, 1), x.flatten(), reduction="none").view_as(x).sum(1)

    def check_tokens(self, x: Tensor) -> None:
        """Raise UsageError for tokens that the network does not know."""
        if x.dtype != torch.int64 or x.ndim != 2 or not bool(((x >= 0) & (x < self.network.vocabulary)).all()):
            raise UsageError(f"tokens are whole numbers (N, L) from 0 to {self.network.vocabulary - 1}")


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
