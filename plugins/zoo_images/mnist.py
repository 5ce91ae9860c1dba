"""MNIST, from `mnist.tar` in a ZOO_DATA folder: `train/<digit>/*.png` and `test/<digit>/*.png`, white on black."""

from __future__ import annotations

from functools import partial

from zoo.data import DataRequest, Examples
from zoo.images import Rules
from zoo_images import MNIST_CLASSES
from zoo_images.pictures import by_folder, load_pictures, required
from zoo_images.sources import open_source

TAR = "mnist.tar"


def load(request: DataRequest) -> Examples:
    """The split's digits, (N, 1, 28, 28) unless the request says otherwise; with a selection, of that digit alone.

    Raises NotFoundError when there is no tar, and DataError when it is damaged.
    """
    rules = Rules.of(request.data_shape, default_channels=1)
    with open_source(required(TAR, request)) as source:
        choose = partial(by_folder, request, MNIST_CLASSES)
        return load_pictures(source, choose, rules=rules, request=request, version="mnist-1")
