"""A zoo of generative models.

    import zoo

    zoo.list_models(trained=True)                # what can be loaded; also list_datasets, list_architectures
    zoo.info("dcgan-cifar-frog")                 # what is known of it
    frogs = zoo.load("dcgan-cifar-frog")         # a zoo.Model; help(frogs.sample) says what it takes
    images = frogs.sample(16, seed=0)            # (16, 3, 32, 32), floats in [0, 1]
    zoo.grid(images, scale=4).save("frogs.png")  # zoo.to_pil(images) gives a list

    faces = zoo.load("vae-faces")                # a model that encodes, too
    photo = zoo.load_image("me.jpg")             # (1, 3, H, W); or give the path, or a Pillow image
    again = faces.reconstruct("me.jpg")

    mine = zoo.train("dcgan", data="./photos")   # a run in runs/; mine.model, mine.export("./mine")
    zoo.save(frogs, "./my-frogs")                # after training it on in a loop of your own

The public names are imported when they are first used; `import zoo` loads no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from zoo.version import __version__ as __version__

if TYPE_CHECKING:
    from zoo.catalogue.questions import info, list_architectures, list_datasets, list_models
    from zoo.catalogue.weights.pulling import pull
    from zoo.errors import ZooError
    from zoo.images.sheet import grid, to_pil
    from zoo.images.values import load_image
    from zoo.latent.concept_file import load_concept
    from zoo.latent.concepts import ConceptVector
    from zoo.latent.verification import verify
    from zoo.nn.gan import GAN
    from zoo.nn.models import Model
    from zoo.nn.pretrained import load
    from zoo.nn.vae import VAE
    from zoo.training.own import save
    from zoo.training.trained import train

__all__ = [
    "GAN",
    "VAE",
    "ConceptVector",
    "Model",
    "ZooError",
    "grid",
    "info",
    "list_architectures",
    "list_datasets",
    "list_models",
    "load",
    "load_concept",
    "load_image",
    "pull",
    "save",
    "to_pil",
    "train",
    "verify",
]

_HOME = {
    "ConceptVector": "zoo.latent.concepts",
    "GAN": "zoo.nn.gan",
    "VAE": "zoo.nn.vae",
    "Model": "zoo.nn.models",
    "ZooError": "zoo.errors",
    "grid": "zoo.images.sheet",
    "info": "zoo.catalogue.questions",
    "list_architectures": "zoo.catalogue.questions",
    "list_datasets": "zoo.catalogue.questions",
    "list_models": "zoo.catalogue.questions",
    "load": "zoo.nn.pretrained",
    "load_concept": "zoo.latent.concept_file",
    "load_image": "zoo.images.values",
    "save": "zoo.training.own",
    "to_pil": "zoo.images.sheet",
    "train": "zoo.training.trained",
    "pull": "zoo.catalogue.weights.pulling",
    "verify": "zoo.latent.verification",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
