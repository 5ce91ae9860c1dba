"""What networks of tokens can be asked to be. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

__all__ = ["LSTMConfig", "LineVAEConfig", "TransformerConfig"]


@dataclass(frozen=True, kw_only=True)
class LSTMConfig:
    """Layers of long short-term memory (Hochreiter and Schmidhuber 1997), which carry what they have read along."""

    vocabulary: Annotated[int, Meta(ge=1, le=65_536)] = 96  # different tokens: as many as the data have
    length: Annotated[int, Meta(ge=1, le=65_536)] = 128  # tokens that are learnt from at once
    embedding: Annotated[int, Meta(ge=1, le=4096)] = 64  # numbers that a token is read as
    width: Annotated[int, Meta(ge=1, le=4096)] = 256  # of each layer
    layers: Annotated[int, Meta(ge=1, le=64)] = 2  # behind one another
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.0  # between the layers, while training


@dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """Layers of attention to the tokens before, each after a norm (Vaswani et al. 2017; Radford et al. 2019)."""

    vocabulary: Annotated[int, Meta(ge=1, le=65_536)] = 96  # different tokens: as many as the data have
    length: Annotated[int, Meta(ge=1, le=65_536)] = 128  # tokens that are learnt from at once, and looked back at
    width: Annotated[int, Meta(ge=1, le=4096)] = 128  # numbers a token; a multiple of twice the heads
    heads: Annotated[int, Meta(ge=1, le=64)] = 4  # that look for different things
    layers: Annotated[int, Meta(ge=1, le=64)] = 4  # behind one another
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.0  # of what each layer adds, while training

    def __post_init__(self) -> None:
        if self.width % (2 * self.heads):
            raise ValueError(f"width = {self.width} is no multiple of twice the {self.heads} heads; choose one that is")


@dataclass(frozen=True, kw_only=True)
class LineVAEConfig:
    """An encoder that reads in both directions, and a writer that sees the latent at each token; both of LSTM."""

    vocabulary: Annotated[int, Meta(ge=2, le=65_536)] = 96  # different tokens: as many as the data have
    length: Annotated[int, Meta(ge=2, le=4096)] = 56  # tokens of a line, its end and what fills it up among them
    latent_size: Annotated[int, Meta(ge=1, le=4096)] = 32  # numbers that a line is coded in
    embedding: Annotated[int, Meta(ge=1, le=4096)] = 48  # numbers that a token is read as
    encoder_width: Annotated[int, Meta(ge=1, le=4096)] = 128  # in each direction
    context: Annotated[int, Meta(ge=1, le=4096)] = 64  # numbers that the writer sees of the latent
    width: Annotated[int, Meta(ge=1, le=4096)] = 256  # of the writer
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.0  # share of tokens that the writer does not see, while training
