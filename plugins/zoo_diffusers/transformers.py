"""The library's diffusion transformer (DiT, Peebles and Xie 2023, arXiv:2212.09748) of pictures, asked for a class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from zoo_diffusers.autoencoders import decoder_behind
from zoo_diffusers.configs import DiTConfig
from zoo_diffusers.diffusion import Denoiser, Steps
from zoo_diffusers.library import at_once, built, of_library
from zoo_diffusers.library_schedule import LibrarySchedule
from zoo_diffusers.samplers import Sampler

__all__ = ["LibraryDiT", "places_of"]


def places_of(settings: Mapping[str, Any]) -> Tensor:
    """The table of positions (1, patches, width) that the library makes of a network's settings, and does not write."""
    side, patch = int(settings.get("sample_size", 32)), int(settings.get("patch_size", 2))
    width = int(settings.get("num_attention_heads", 16)) * int(settings.get("attention_head_dim", 72))
    table: Tensor = of_library("models.embeddings:PatchEmbed")(side, side, patch, 1, width).pos_embed
    return table


class LibraryDiT(Denoiser):
    """The library's DiTTransformer2DModel, on pixels or on latents; the label behind the classes stands for none."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.channels = int(config.settings.get("in_channels", 4))
        self.data_shape = (self.channels, config.image_size, config.image_size)
        self.num_classes = int(config.settings.get("num_embeds_ada_norm", 1000))
        self.null_class = self.num_classes if config.guided else None
        self.schedule = LibrarySchedule(config.schedule)
        self.predicts = self.schedule.predicts
        self.body = built("DiTTransformer2DModel", config.settings)
        places = self.body.pos_embed  # its table follows from the settings; here it is a part of the state, as all is
        places.register_buffer("pos_embed", places.pos_embed, persistent=True)
        self.behind = decoder_behind(config.decoder)
        self.chunk = at_once((self.behind or self).data_shape[-1])
        for block in self.body.transformer_blocks:  # it would forget labels by the process's own random numbers
            block.norm1.emb.class_embedder.dropout_prob = 0.0

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """Tell the noise in pictures, or latents, x (N, C, S, S) at times t (N,), of classes (N,).

        What it tells of a variance is left aside.
        """
        told: Tensor = self.body(x, timestep=t, class_labels=labels).sample
        return told[:, : self.channels]

    def alphas_bar(self) -> Tensor:
        """As the library's scheduler has it, (T,) float32 on the CPU."""
        return self.schedule.alphas_bar()

    def sampler(self, how: Steps) -> Sampler:
        """The library's, of that name."""
        return self.schedule.sampler(how)
