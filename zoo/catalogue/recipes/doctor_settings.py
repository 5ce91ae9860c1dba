"""What the doctor of a run watches for and does: the recipe's table `[doctor]`. The doctor is `zoo.training.doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

__all__ = ["DoctorSettings"]

Share = Annotated[float, Meta(ge=0, le=1)]
Images = Annotated[int, Meta(ge=0, le=10**12)]


@dataclass(frozen=True, kw_only=True)
class DoctorSettings:
    """A threshold of 0 switches its disease off; `docs/doctor.md` says where each comes from."""

    action: Literal["warn", "stop", "rollback", "off"] = "warn"
    patience: Images = 20_000  # images over which every reading must show a disease before it is one
    look_every: Images = 0  # images between looks at samples and held-out images; 0: the recipe's sample_every
    samples: Annotated[int, Meta(ge=8, le=4096)] = 256  # of the generator, and images of each kind, in a look
    discriminator_wins: Share = 0.99  # share of the real and of the fake images told right, each: at least,
    discriminator_loss: Annotated[float, Meta(ge=0, le=1e6)] = 0.05  # and its loss, where it is reported: at most
    generator_wins: Share = 0.53  # share of all images told right (chance is 0.5): at most
    spread: Share = 0.3  # mean distance between samples, over that between training images: at most
    nearest: Share = 0.1  # median distance to the nearest other sample, over that of training images: at most
    overfitting: Share = 0.7  # r_v, 0 to 1 (Karras et al. 2020): at least
    active_units: Share = 0.05  # share of the latent units in use: at most
    kl: Annotated[float, Meta(ge=0, le=1e6)] = 0.1  # nats an example: at most
    held_out: Annotated[float, Meta(ge=0, le=0.5)] = 0.0  # share of the training data kept out of it, for r_v
    held_out_split: str = ""  # a split of the dataset, for r_v, instead of a share
    rollbacks: Annotated[int, Meta(ge=1, le=100)] = 3  # "rollback": how often, before the run is stopped
    rollback_lr: Annotated[float, Meta(gt=0, le=1)] = 0.5  # "rollback": every learning rate times this, each time

    def __post_init__(self) -> None:
        if self.held_out and self.held_out_split:
            raise ValueError("held_out and held_out_split are two ways to the same; give one")
