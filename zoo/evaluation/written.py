"""A report on a model of tokens: whether it copies what it has learnt from, and keeps the rules of its kind of data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from zoo.catalogue.contract.registry import Registry
from zoo.data.loading import Examples
from zoo.data.modality import modality_of
from zoo.errors import UsageError
from zoo.evaluation.model import examples_of
from zoo.evaluation.results import check_writable, record
from zoo.nn.abilities import Encodes
from zoo.nn.models import Model

__all__ = ["WrittenReport", "copied_share", "evaluate_written"]

SEED = 0
PIECE = 25  # characters in a row: nobody writes so many as another did, by chance
BASE = 0x5851F42D4C957F2D  # of the polynomial by which pieces are compared (Knuth's MMIX multiplier)
ROWS = 100  # samples that are drawn at a time
MOST_TEST = 1_000  # test examples that are given back


@dataclass(frozen=True, kw_only=True)
class WrittenReport:
    """Shares in [0, 1]; those of the test split, where there is one, are what real examples have."""

    samples: int
    data: str  # the dataset that the model learnt from
    piece: int  # characters of a piece
    copied: float  # of the samples' pieces, those that stand in a training example
    copied_of_test: float | None
    rules: Mapping[str, float] = field(default_factory=dict)  # of this kind of data: the share of what keeps each
    rules_of_test: Mapping[str, float] | None = None
    wrong: float | None = None  # of a model that encodes: the share of test tokens that come back as others
    torch: str = torch.__version__

    def to_json(self) -> dict[str, Any]:
        """The report as JSON-able data."""
        return asdict(self)


def evaluate_written(
    model: Model,
    registry: Registry,
    *,
    samples: int = 200,
    data: str | None = None,
    write: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> WrittenReport:
    """Compare samples of a model of tokens (seed 0) with the examples it was trained on, and those with the test split.

    `data` says where the examples are, where the model's own name of them does not. With `write` the results go into
    the folder, and its card is written again. Raises what loading the data raises, and UsageError for a model that was
    not loaded, for fewer than 2 samples, other data than the model's own, and writing into the Hub's cache.
    """
    folder = model.folder
    if folder is None:
        raise UsageError("a model is evaluated with what its folder says of its data; load it from one")
    if samples < 2:
        raise UsageError(f"{samples} samples are too few; at least 2 are needed")
    if write:
        check_writable(folder)
    train, test, other = examples_of(folder, model, registry, data)
    if other is not None:
        raise UsageError(f"{folder.name} has not learnt from {other['name']}: it has copied nothing there")
    modality, drawn = modality_of(model, registry), []
    for start in range(0, samples, ROWS):
        drawn.append(model.sample(min(ROWS, samples - start), seed=SEED + start).cpu())
        if progress is not None:
            progress(min(start + ROWS, samples), samples)
    made = torch.cat(drawn)
    known, written = (_texts(modality.texts(x)) for x in (train.data, made))
    real = None if test is None else _texts(modality.texts(test.data))
    found = WrittenReport(
        samples=samples,
        data=train.name,
        piece=PIECE,
        copied=copied_share(written, known),
        copied_of_test=None if real is None else copied_share(real, known),
        rules=modality.rules(made),
        rules_of_test=None if test is None else modality.rules(test.data),
        wrong=_wrong(model, train if test is None else test),
    )
    if write:
        record(folder, {"written": found.to_json()}, registry=registry)
    return found


def copied_share(written: Sequence[str], known: Sequence[str], piece: int = PIECE) -> float:
    """The share of all pieces of `piece` characters in a row of the `written` texts that stand in a `known` one.

    0.0 where no text is as long as that. Pieces are compared by a polynomial of 64 bits, so that one of some 10^12
    pieces is taken for another.
    """
    there, mine = _hashes(known, piece).unique(), _hashes(written, piece)
    return float(torch.isin(mine, there).double().mean()) if len(mine) else 0.0


def _hashes(texts: Sequence[str], piece: int) -> Tensor:
    """A number for each piece that lies within one text."""
    joined = "\0".join(texts)
    codes = torch.frombuffer(bytearray(joined.encode("utf-32-le")), dtype=torch.int32).long() if joined else _none()
    if len(codes) < piece:
        return _none()
    ends = torch.nn.functional.pad((codes == 0).cumsum(0), (1, 0))
    count = len(codes) - piece + 1
    found = torch.zeros(count, dtype=torch.int64)
    for at in range(piece):
        found = found * BASE + codes[at : at + count] + 1  # modulo 2^64
    return found[ends[piece:] == ends[:count]]


def _none() -> Tensor:
    return torch.zeros(0, dtype=torch.int64)


def _texts(found: Sequence[str] | None) -> Sequence[str]:
    if found is None:
        raise UsageError("these tokens are no text, and pieces of them are not compared")
    return found


def _wrong(model: Model, examples: Examples) -> float | None:
    if not isinstance(model, Encodes):
        return None
    x = examples.data[:MOST_TEST]
    return float((model.reconstruct(x).cpu() != x).double().mean())
