"""The containers `load` returns. Final: a new kind of model is a new part, not a subclass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from zoo.errors import UsageError
from zoo.nn.interfaces import Discriminator, Generator
from zoo.nn.sampling import check_labels, draw_latents, in_chunks
from zoo.specs import ModelSpec

__all__ = ["GAN"]


@final
class GAN(nn.Module):
    """A generator, and its discriminator where it was asked for.

    `generator` gives values in `value_range`; `sample` and `decode` give [0, 1]. `spec` is the catalogue entry,
    None for a model that is in none; `info` is what config.json says of the data and the training;
    `origin` where it was loaded from: "bundled", `hf://org/repo@commit`, or a folder.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator | None = None,
        *,
        value_range: tuple[float, float] = (-1.0, 1.0),
        spec: ModelSpec | None = None,
        info: dict[str, Any] | None = None,
        origin: str = "",
    ) -> None:
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        self.value_range = value_range
        self.spec = spec
        self.info = info or {}
        self.origin = origin

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """The shape of one latent."""
        return self.generator.latent_shape

    @property
    def data_shape(self) -> tuple[int, ...]:
        """The shape of one sample, (C, H, W)."""
        return self.generator.data_shape

    def latents(self, n: int, *, seed: int | None = None, truncation: float | None = None) -> Tensor:
        """Draw the latents (n, *latent_shape) that `sample` with the same arguments decodes."""
        return draw_latents(n, self.latent_shape, seed=seed, truncation=truncation, prior=self.generator.prior)

    @torch.inference_mode()
    def sample(
        self,
        n: int,
        *,
        seed: int | None = None,
        labels: Sequence[int] | Tensor | None = None,
        truncation: float | None = None,
    ) -> Tensor:
        """Draw n samples (n, C, H, W), float32 in [0, 1]; the same seed gives the same samples.

        `truncation` t > 0 keeps every latent coordinate within [-t, t]: fewer strange samples, less variety.
        Raises UsageError for an n, seed, truncation or labels that cannot be meant.
        """
        return self.decode(self.latents(n, seed=seed, truncation=truncation), labels)

    @torch.inference_mode()
    def decode(self, z: Tensor, labels: Sequence[int] | Tensor | None = None) -> Tensor:
        """Map latents (N, *latent_shape) to data (N, C, H, W), float32 in [0, 1].

        Raises UsageError for latents of another shape, or that are not finite.
        """
        if z.ndim != 1 + len(self.latent_shape) or tuple(z.shape[1:]) != self.latent_shape or not len(z):
            wanted = ", ".join(map(str, self.latent_shape))
            raise UsageError(f"z has shape {tuple(z.shape)}; this model decodes (N, {wanted})")
        device = next(self.generator.parameters()).device
        z = z.to(device, torch.float32)
        if not bool(torch.isfinite(z).all()):
            raise UsageError("z holds NaN or infinity")
        checked = check_labels(labels, len(z), self.generator.num_classes)
        x = in_chunks(self.generator, z, None if checked is None else checked.to(device))
        low, high = self.value_range
        return ((x - low) / (high - low)).clamp_(0, 1).contiguous()
