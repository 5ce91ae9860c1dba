"""An autoencoder of short texts: a line is coded in one latent, and written from it token by token.

Bowman et al. 2016, arXiv:1511.06349: the writer is a network that tells the next token and sees the latent at each one.
As a writer can do without a latent, it must be kept from it: by free bits (a setting of the trainer `vae`), and by not
showing it all that it has written, word dropout.
"""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.nn.distributions import DiagonalGaussian, Likelihood
from zoo.nn.interfaces import Decoder, Encoder
from zoo.nn.residual import PosteriorHead
from zoo.sequences.configs import LineVAEConfig

__all__ = ["LineDecoder", "LineEncoder", "written_lines"]


@final
class LineEncoder(Encoder):
    """Tokens (N, L) -> posteriors over (N, latent_size): an LSTM reads them in both directions."""

    def __init__(self, config: LineVAEConfig) -> None:
        super().__init__()
        self.latent_shape, self.data_shape = (config.latent_size,), (config.length,)
        self.num_classes, self.vocabulary = None, config.vocabulary
        self.embedding = nn.Embedding(config.vocabulary, config.embedding)
        self.lstm = nn.LSTM(config.embedding, config.encoder_width, batch_first=True, bidirectional=True)
        self.head = PosteriorHead(4 * config.encoder_width, config.latent_size)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        """Map tokens (N, L) to posteriors, by the largest and the mean of what is seen at all places."""
        read, _ = self.lstm(self.embedding(x))
        posterior: DiagonalGaussian = self.head(torch.cat([read.amax(1), read.mean(1)], dim=1), None)
        return posterior


@final
class LineDecoder(Decoder):
    """Latents (N, latent_size) -> what the writer sees of them at each token, (N, context)."""

    def __init__(self, config: LineVAEConfig) -> None:
        super().__init__()
        self.latent_shape, self.data_shape, self.num_classes = (config.latent_size,), (config.length,), None
        self.body = nn.Sequential(nn.Linear(config.latent_size, config.width), nn.SiLU())
        self.head = nn.Linear(config.width, config.context)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents (N, latent_size) to (N, context)."""
        context: Tensor = self.head(self.body(z))
        return context


@final
class _Written(Likelihood):
    """What is seen of a latent (…, N, context), and tokens (N, L) -> the probability of each token, given it and those
    before.
    """

    def __init__(self, config: LineVAEConfig) -> None:
        super().__init__()
        self.parameters_shape = (config.context,)
        self.length, self.begin, self.dropout = config.length, config.vocabulary, config.dropout
        self.embedding = nn.Embedding(config.vocabulary + 1, config.embedding)
        self.lstm = nn.LSTM(config.embedding + config.context, config.width, batch_first=True)
        self.head = nn.Linear(config.width, config.vocabulary)

    def forward(self, parameters: Tensor, x: Tensor) -> Tensor:
        x = x.expand(*parameters.shape[:-2], *x.shape)  # several latents an example
        context, tokens = parameters.flatten(0, -2), x.flatten(0, -2)
        before = F.pad(tokens[:, :-1], (1, 0), value=self.begin)
        if self.training and self.dropout:
            hidden = F.dropout(torch.ones(before.shape, device=x.device), self.dropout) == 0
            before = before.masked_fill(hidden, self.begin)
        read, _ = self.lstm(self._seen(before, context))
        losses = F.cross_entropy(self.head(read).flatten(0, 1).float(), tokens.flatten(), reduction="none")
        return -losses.view(x.shape)

    def mean(self, parameters: Tensor) -> Tensor:
        """The line that is written when the likeliest token is taken each time, (…, N, L) int64: no mean, a mode."""
        context = parameters.flatten(0, -2)
        token = torch.full_like(context[:, :1], self.begin, dtype=torch.int64)
        memory, written = None, []
        for _ in range(self.length):
            read, memory = self.lstm(self._seen(token, context), memory)
            token = self.head(read).argmax(2)
            written.append(token)
        return torch.cat(written, 1).view(*parameters.shape[:-1], self.length)

    def _seen(self, tokens: Tensor, context: Tensor) -> Tensor:
        rows = context[:, None].expand(-1, tokens.shape[1], -1)
        return torch.cat([self.embedding(tokens), rows.to(self.embedding.weight.dtype)], dim=2)


def written_lines(config: LineVAEConfig) -> Likelihood:
    """The likelihood of lines, token by token, as `config` says."""
    return _Written(config)
