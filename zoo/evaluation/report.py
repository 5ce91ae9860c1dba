"""One report on a generator: distance to the training data, the floor real data have, and the search for copies."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.errors import DataError, UsageError
from zoo.evaluation.metrics import frechet_distance, kernel_distance, nearest_neighbours, precision_recall
from zoo.images.features import NETWORK, WEIGHTS_SHA256, Progress, cached_features, features, to_uint8

__all__ = ["Distances", "Floor", "Neighbour", "Report", "evaluate", "neighbour_pictures"]

LEAST = 4  # images of each set: precision and recall look at the third neighbour


@dataclass(frozen=True, kw_only=True)
class Floor:
    """What real images score that the model has not seen: the test set against the training set.

    The Fréchet distance is biased upward by about the inverse of the count, so `frechet_of_samples` is that of as many
    samples as there are test images: those two compare, and `Report.frechet_efficientnet_lite0` with neither.
    """

    test_images: int
    frechet_efficientnet_lite0: float
    frechet_of_samples: float  # of the first `test_images` samples, or of all if there are fewer
    kernel_efficientnet_lite0: float
    kernel_standard_error: float


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """The nearest training image of one sample, by features and by pixels."""

    sample: int
    by_features: int  # index into the training set
    feature_distance: float  # Euclidean, between 1280-vectors
    by_pixels: int
    pixel_distance: float  # root mean square over pixels and channels, in [0, 1]


@dataclass(frozen=True, kw_only=True)
class Distances:
    """Distances from each of `count` images to its nearest training image: the median, and the 5 % quantile."""

    count: int
    feature_median: float
    feature_5_percent: float
    pixel_median: float
    pixel_5_percent: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """Numbers on one generator, with all that is needed to compare them. `to_json` gives plain data."""

    network: str
    network_sha256: str
    torch: str
    seed: int  # of the kernel distance's subsets; the samples' own seed belongs to whoever draws them
    samples: int
    train_images: int
    frechet_efficientnet_lite0: float
    kernel_efficientnet_lite0: float
    kernel_standard_error: float
    precision: float
    recall: float
    floor: Floor | None  # None without test images
    neighbours: tuple[Neighbour, ...]  # of the first samples
    sample_distances: Distances
    test_distances: Distances | None  # the yardstick: samples nearer than these are suspect

    def to_json(self) -> dict[str, Any]:
        """The report as JSON-able data."""
        return asdict(self)


def _pixels(images: Tensor) -> Tensor:
    """(N, C, H, W) uint8 -> (N, C*H*W) scaled so that a Euclidean distance is a root mean square in [0, 1]."""
    flat = images.flatten(1).double()
    return flat.div_(255 * math.sqrt(flat.shape[1]))


@dataclass(frozen=True)
class _Set:
    images: Tensor  # (N, C, H, W) uint8
    features: Tensor  # (N, 1280)


@dataclass(frozen=True)
class _Nearest:
    """For each image of a set its nearest training image; every field is (N,)."""

    by_features: Tensor
    feature_distance: Tensor
    by_pixels: Tensor
    pixel_distance: Tensor

    def first(self, count: int) -> tuple[Neighbour, ...]:
        columns = (self.by_features, self.feature_distance, self.by_pixels, self.pixel_distance)
        rows = zip(*(column[:count].tolist() for column in columns), strict=True)
        return tuple(
            Neighbour(sample=i, by_features=f, feature_distance=df, by_pixels=p, pixel_distance=dp)
            for i, (f, df, p, dp) in enumerate(rows)
        )

    def distances(self) -> Distances:
        levels = torch.tensor([0.5, 0.05], dtype=torch.float64)
        feature_median, feature_low = self.feature_distance.quantile(levels).tolist()
        pixel_median, pixel_low = self.pixel_distance.quantile(levels).tolist()
        return Distances(
            count=len(self.by_features),
            feature_median=feature_median,
            feature_5_percent=feature_low,
            pixel_median=pixel_median,
            pixel_5_percent=pixel_low,
        )


def _nearest(queries: _Set, train: _Set) -> _Nearest:
    by_features, feature_distance = nearest_neighbours(queries.features, train.features)
    by_pixels, pixel_distance = nearest_neighbours(_pixels(queries.images), _pixels(train.images))
    return _Nearest(by_features[:, 0], feature_distance[:, 0], by_pixels[:, 0], pixel_distance[:, 0])


def _offset(progress: Progress | None, before: int, total: int) -> Progress | None:
    return None if progress is None else lambda done, _: progress(before + done, total)


def _checked(images: Tensor, what: str, shape: torch.Size, least: int = LEAST) -> Tensor:
    try:
        images = to_uint8(images).cpu()
    except DataError as error:
        raise DataError(f"{what}: {error}") from error
    if images.shape[1:] != shape or len(images) < least:
        wanted = f"at least {least} of shape {tuple(shape)}"
        raise DataError(f"{what}: {len(images)} images of shape {tuple(images.shape[1:])}; {wanted} are needed")
    return images


def evaluate(
    sample: Callable[[int], Tensor],
    train: Tensor,
    test: Tensor | None,
    *,
    samples: int = 5000,
    seed: int = 0,
    neighbours: int = 16,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Compare `samples` generated images with the training images, and the test images with them likewise.

    `sample(n)` is called once and returns (n, C, H, W), uint8 or float in [0, 1]; `train` and `test` are images of the
    same shape. `neighbours` is how many of the samples are listed beside their nearest training image. Features of
    real images are kept in `cache_dir`. `progress` is called with (images done, images in all).

    The Fréchet distance is named after its network, EfficientNet-Lite0: it does not compare with one on Inception's
    features. It is biased upward when samples are few, so only numbers of the same count compare; see `Floor`.
    Precision and recall take as many random training images as there are samples, at most.

    Raises DataError for samples that are not finite, not in [0, 1] or of another shape or count; UsageError for
    counts too small; NotFoundError or IntegrityError when the feature network cannot be had.
    """
    if samples < LEAST or not 0 <= neighbours <= samples:
        raise UsageError(f"samples={samples}, neighbours={neighbours}: {LEAST} <= samples >= neighbours >= 0 is needed")
    shape = train.shape[1:]
    train = _checked(train, "training images", shape)
    test = None if test is None else _checked(test, "test images", shape)
    images = _checked(sample(samples), "samples", shape, samples)[:samples]  # drawn first: what diverged fails soon
    total = len(train) + samples + (0 if test is None else len(test))
    known = _Set(train, cached_features(train, cache_dir, progress=_offset(progress, 0, total)))
    drawn = _Set(images, features(images, progress=_offset(progress, len(train), total)))
    unseen = None
    if test is not None:
        unseen = _Set(test, cached_features(test, cache_dir, progress=_offset(progress, total - len(test), total)))

    nearest = _nearest(drawn, known)
    kernel, kernel_error = kernel_distance(drawn.features, known.features, seed=seed)
    some = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))[:samples]
    precision, recall = precision_recall(known.features[some], drawn.features)
    return Report(
        network=NETWORK,
        network_sha256=WEIGHTS_SHA256,
        torch=torch.__version__,
        seed=seed,
        samples=samples,
        train_images=len(train),
        frechet_efficientnet_lite0=frechet_distance(drawn.features, known.features),
        kernel_efficientnet_lite0=kernel,
        kernel_standard_error=kernel_error,
        precision=precision,
        recall=recall,
        floor=None if unseen is None else _floor(unseen, drawn, known, seed),
        neighbours=nearest.first(neighbours),
        sample_distances=nearest.distances(),
        test_distances=None if unseen is None else _nearest(unseen, known).distances(),
    )


def _floor(unseen: _Set, drawn: _Set, known: _Set, seed: int) -> Floor:
    count = len(unseen.features)
    kernel, kernel_error = kernel_distance(unseen.features, known.features, seed=seed)
    return Floor(
        test_images=count,
        frechet_efficientnet_lite0=frechet_distance(unseen.features, known.features),
        frechet_of_samples=frechet_distance(drawn.features[:count], known.features),
        kernel_efficientnet_lite0=kernel,
        kernel_standard_error=kernel_error,
    )


def neighbour_pictures(images: Tensor, train: Tensor, neighbours: Sequence[Neighbour]) -> Tensor:
    """Pictures in pairs, each sample followed by its nearest training image by features: (2K, 3, H, W), uint8.

    `images` are the samples the report was made of, or its first K: draw them once and pass
    `lambda n: images[:n]` to `evaluate`. Raises DataError where an index lies outside of them.
    """
    images, train = to_uint8(images), to_uint8(train)
    if any(n.sample >= len(images) or n.by_features >= len(train) for n in neighbours):
        raise DataError(f"neighbours of other images: {len(images)} samples and {len(train)} training images are here")
    pairs = [picture for n in neighbours for picture in (images[n.sample], train[n.by_features])]
    stacked = torch.stack(pairs) if pairs else images[:0]
    return stacked.expand(-1, 3, -1, -1).contiguous()
