"""The networks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from acme_sounds.autoregressive import NextToken
from acme_sounds.configs import GRUConfig, WaveConfig
from zoo.nn import Decoder, DiagonalGaussian, Encoder, Gaussian


class WaveEncoder(Encoder):
    """Sounds (N, 1, T) in [0, 1] -> posteriors over (N, d)."""

    def __init__(self, config: WaveConfig) -> None:
        super().__init__()
        self.latent_shape, self.data_shape = (config.latent_size,), (1, config.length)
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(config.length, config.width), nn.SiLU())
        self.head = nn.Linear(config.width, 2 * config.latent_size)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        mean, log_var = self.head(self.body(x * 2 - 1)).chunk(2, dim=1)
        return DiagonalGaussian(mean, log_var.clamp(-14, 6))


class WaveDecoder(Decoder):
    """Latents (N, d) -> locations (N, 1, T)."""

    def __init__(self, config: WaveConfig) -> None:
        super().__init__()
        self.latent_shape, self.data_shape, self.num_classes = (config.latent_size,), (1, config.length), None
        first, last = nn.Linear(config.latent_size, config.width), nn.Linear(config.width, config.length)
        self.body = nn.Sequential(first, nn.SiLU(), last)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        x: Tensor = self.body(z) + 0.5
        return x.unsqueeze(1)


def likelihood(config: WaveConfig) -> Gaussian:
    """Around what the decoder gives, with a learned scale."""
    return Gaussian((1, 1), sd=0.2, learned=True)


class GRU(NextToken):
    """An embedding, a GRU and a dense layer. The sentence is moved by one, behind a token that begins it."""

    def __init__(self, config: GRUConfig) -> None:
        super().__init__()
        self.data_shape, self.vocabulary = (config.length,), config.vocabulary
        self.embedding = nn.Embedding(config.vocabulary + 1, config.width)
        self.gru = nn.GRU(config.width, config.width, batch_first=True)
        self.head = nn.Linear(config.width, config.vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        begin = torch.full_like(tokens[:, :1], self.vocabulary)
        hidden, _ = self.gru(self.embedding(torch.cat([begin, tokens[:, :-1]], dim=1)))
        logits: Tensor = self.head(hidden)
        return logits
