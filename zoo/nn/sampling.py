"""Latents from a seed, and a network run over them in pieces.

Sample i of a seed is the same whatever n and the batch size are: latents are drawn one by one from a
generator of their own, and the network always sees full chunks, because convolution kernels round differently
for different batch sizes. The global random state is neither read nor advanced.
"""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from zoo.configs import near
from zoo.errors import UsageError
from zoo.nn.distributions import GaussianMixture
from zoo.nn.given import number, whole

__all__ = [
    "Labels",
    "Progress",
    "check_labels",
    "check_truncation",
    "cut_at",
    "draw_from_mixture",
    "draw_latents",
    "draw_noise",
    "in_chunks",
    "in_rows",
    "passes",
    "seeded",
]

# Of one class for all, or a class each: names or numbers; of some models shares of the classes.
Labels = str | int | Sequence[str | int] | Tensor | None
Progress = Callable[[int, int], None]  # (done, in all)
CHUNK = 32
TRUNCATION = "truncation"  # the key of a model's own options that every model can have
FLOAT: dict[str, Any] = {"dtype": torch.float32, "device": "cpu"}  # whatever the process's defaults are
DOUBLE = FLOAT | {"dtype": torch.float64}
MOST = 1_000_000
T = TypeVar("T")


def seeded(seed: int | None) -> torch.Generator:
    """A generator of that seed, or of a fresh one from the system. Raises UsageError for a seed out of range."""
    whole = isinstance(seed, numbers.Integral) and not isinstance(seed, bool)
    if seed is not None and not (whole and 0 <= seed < 2**63):
        raise UsageError(f"seed is {seed!r}; it must be a whole number from 0 to 2**63 - 1")
    generator = torch.Generator(device="cpu")
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(int(seed))
    return generator


def draw_latents(
    n: int, shape: Sequence[int], *, seed: int | None = None, truncation: float | None = None, prior: str = "normal"
) -> Tensor:
    """Draw n latents (n, *shape), float32.

    `seed` is a whole number in [0, 2^63), of which torch's generator takes the low 32 bits; None takes a fresh one from
    the system. `truncation` t > 0 draws each coordinate from the normal cut to [-t, t], by its inverse distribution
    function (the truncation trick of Brock et al. 2019, section 3.1); a uniform prior is shrunk to it. None and
    infinity cut nothing. Raises UsageError for an n below 1 or above 1,000,000, or a bad seed or truncation.
    """
    n, generator, truncation = whole("n", n, 1, MOST), seeded(seed), check_truncation(truncation)
    if prior == "uniform":
        side = 1.0 if truncation is None else float(min(1.0, truncation))
        return torch.stack([(torch.rand(*shape, generator=generator, **FLOAT) * 2 - 1) * side for _ in range(n)])
    if truncation is None:
        return torch.stack([torch.randn(*shape, generator=generator, **FLOAT) for _ in range(n)])
    bound = float(min(truncation, 100.0))  # no normal number lies beyond
    mass = math.erf(bound / math.sqrt(2))
    uniform = torch.stack([torch.rand(*shape, generator=generator, **DOUBLE) for _ in range(n)])
    normal = math.sqrt(2) * torch.erfinv((uniform * 2 - 1) * mass)
    return normal.float().clamp(-bound, bound)


def check_truncation(truncation: object) -> float | None:
    """A truncation as a number above 0, None where it cuts nothing: for None and infinity. Raises UsageError."""
    if truncation is None:
        return None
    if not (value := number(truncation)) > 0:
        raise UsageError(f"truncation is {truncation!r}; it must be a number above 0: infinity cuts nothing")
    return None if math.isinf(value) else value


def cut_at(asked: object, own: Mapping[str, Any], helps: tuple[float, float] | None) -> float | None:
    """The truncation `asked` for, None: that of a model's `own` options. Warns where samples decay: below the range in
    which truncation `helps`. Raises UsageError.
    """
    truncation = check_truncation(own.get(TRUNCATION) if asked is None else asked)
    if truncation is not None and helps is not None and truncation < helps[0]:
        low, high = (f"{value:g}" for value in helps)
        text = (
            f"truncation {truncation:g} is below {low}, where this model's samples decay; it helps from {low} to {high}"
        )
        warnings.warn(text, stacklevel=4)
    return truncation


def draw_from_mixture(
    n: int,
    mixture: GaussianMixture,
    *,
    seed: int | None = None,
    truncation: float | None = None,
    labels: Tensor | None = None,
) -> Tensor:
    """Draw n latents (n, d) from a mixture, float32; sample i of a seed does not depend on n.

    `truncation` cuts the normal noise inside each component; `labels` (n,) as for `GaussianMixture.transform`. Raises
    UsageError as `draw_latents`.
    """
    if seed is None:
        seed = torch.Generator(device="cpu").seed() % 2**63
    noise = draw_latents(n, mixture.means.shape[1:], seed=seed, truncation=truncation)
    other = int(seed) ^ 0x5BD1E995  # another stream than the noise
    uniform = (draw_latents(n, (1,), seed=other, prior="uniform").squeeze(1) + 1) / 2
    return mixture.transform(uniform, noise, labels)


def draw_noise(samples: int, shape: Sequence[int], *, seed: int | None = None) -> Tensor:
    """Normal noise (samples, *shape) float32. Raises UsageError for a number of samples below 1 or above 1,000,000."""
    samples = whole("samples", samples, 1, MOST)
    return torch.randn(samples, *shape, generator=seeded(seed), **FLOAT)


def check_labels(
    labels: Labels, n: int, num_classes: int | None, classes: Sequence[str] = (), *, mixed: bool = False
) -> Tensor | None:
    """Labels as int64 (n,) on the CPU or where they are, None for a model without classes.

    One name or number is that of all n; None takes the classes in turn. Where `mixed`, shares of the classes are
    labels, too: float32 (n, num_classes). Raises UsageError where they do not match the model, naming near names for
    one that is none of `classes`.
    """
    if num_classes is None:
        if labels is not None:
            raise UsageError("this model has no classes; leave labels out")
        return None
    if labels is None:
        return torch.arange(n, device="cpu") % num_classes
    if isinstance(labels, Tensor) and labels.is_floating_point():
        return _shares(labels, n, num_classes, mixed=mixed)
    if isinstance(labels, (str, int, numbers.Integral)):
        labels = [labels] * n
    elif isinstance(labels, Tensor) and labels.ndim == 0:
        labels = labels.expand(n)
    try:
        each = labels if isinstance(labels, Tensor) else [_number(label, classes) for label in labels]
        given = torch.as_tensor(each, device=None if isinstance(labels, Tensor) else "cpu")
        kind = given.dtype is not torch.bool and not given.is_floating_point() and not given.is_complex()
        fits = kind and given.shape == (n,) and bool(((given >= 0) & (given < num_classes)).all())
    except (TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, UsageError):
            raise
        fits = False
    if not fits:
        names = " or names of classes" if classes else ""
        raise UsageError(f"labels must be {n} whole numbers from 0 to {num_classes - 1}{names}, one for each sample")
    return given.long()


def _shares(labels: Tensor, n: int, num_classes: int, *, mixed: bool) -> Tensor:
    if not mixed:
        raise UsageError("this model takes one class for each sample, and no shares of several")
    whole = labels.shape == (n, num_classes) and bool((labels >= 0).all())
    if not whole or not torch.allclose(labels.float().sum(1), torch.ones(n, device=labels.device), atol=1e-4):
        raise UsageError(f"shares of classes are ({n}, {num_classes}) numbers of at least 0; a row adds up to 1")
    return labels.float()


def in_rows(n: int, rows: Sequence[T]) -> tuple[list[T] | None, int | None]:
    """Labels of n samples that stand in a grid with a row for each of `rows`, and its columns; None without rows.

    The last row may be shorter, and where there are more rows than samples the last ones are missing.
    """
    if not rows:
        return None, None
    columns = max(1, -(-n // len(rows)))
    return [rows[index // columns] for index in range(n)], columns


def _number(label: str | int, classes: Sequence[str]) -> int:
    """The number of a class. Raises UsageError for a name that is none."""
    if not isinstance(label, str):
        return label
    if not classes:
        raise UsageError(f"label {label!r:.100}: these weights do not name their classes; give a number")
    if label not in classes:
        some = ", ".join(classes[:12]) + (", …" if len(classes) > 12 else "")
        raise UsageError(f"no class is named {label!r:.100}{near(label, classes) or f'; there are {some}'}")
    return list(classes).index(label)


def in_chunks(
    network: Callable[[Tensor, Tensor | None], Tensor], z: Tensor, labels: Tensor | None, size: int = CHUNK
) -> Tensor:
    """Run `network` over z (N, …) in chunks of one `size`; the last is filled up with its own last row."""
    pieces = []
    for start in range(0, len(z), size):
        rows = torch.arange(start, start + size, device="cpu").clamp(max=len(z) - 1)
        piece = network(z[rows], None if labels is None else labels[rows])
        pieces.append(piece[: len(z) - start])
    return torch.cat(pieces)


def passes(progress: Progress | None, index: int, count: int) -> Progress | None:
    """The progress of one of `count` passes of equal length, as that of all."""
    return None if progress is None else lambda done, total: progress(index * total + done, count * total)
