"""The library's UNet2DModel."""

from __future__ import annotations

from torch import Tensor

from zoo_diffusers.autoencoders import decoder_behind
from zoo_diffusers.configs import UNetConfig
from zoo_diffusers.diffusion import Denoiser, Steps
from zoo_diffusers.library import at_once, built
from zoo_diffusers.library_schedule import LibrarySchedule
from zoo_diffusers.samplers import Sampler

__all__ = ["LibraryUNet"]


class LibraryUNet(Denoiser):
    """The library's UNet2DModel, on pixels or on latents."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        channels = int(config.settings.get("in_channels", 3))
        self.data_shape = (channels, config.image_size, config.image_size)
        self.num_classes = config.settings.get("num_class_embeds")
        self.schedule = LibrarySchedule(config.schedule)
        self.predicts = self.schedule.predicts
        self.body = built("UNet2DModel", config.settings)
        self.behind = decoder_behind(config.decoder)
        self.chunk = at_once((self.behind or self).data_shape[-1])

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """Tell the noise in pictures, or latents, x (N, C, S, S) at times t (N,)."""
        told: Tensor = self.body(x, t, class_labels=labels).sample
        return told

    def alphas_bar(self) -> Tensor:
        """As the library's scheduler has it, (T,) float32 on the CPU."""
        return self.schedule.alphas_bar()

    def sampler(self, how: Steps) -> Sampler:
        """The library's, of that name."""
        return self.schedule.sampler(how)
