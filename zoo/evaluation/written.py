"""A report on a model of tokens: whether it copies what it has learnt from, and keeps the rules of its kind of data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from zoo.catalogue.contract.registry import Registry
from zoo.data.modality import Modality, modality_of
from zoo.errors import UsageError
from zoo.evaluation.model import Asked, examples_of, origin_of
from zoo.evaluation.records import Record, record_of
from zoo.evaluation.results import check_writable, record
from zoo.nn.abilities import Encodes
from zoo.nn.models import Model

__all__ = ["WrittenReport", "copied_share", "evaluate_written"]

PIECE = 25  # characters in a row: nobody writes so many as another did, by chance
BASE = 0x5851F42D4C957F2D  # of the polynomial by which pieces are compared (Knuth's MMIX multiplier)
ROWS = 100  # samples that are drawn at a time
MOST_TEST = 1_000  # test examples that are given back


@dataclass(frozen=True, kw_only=True)
class WrittenReport:
    """Shares in [0, 1], each beside what real, held-out examples have."""

    records: tuple[Record, ...]
    data: str  # the dataset that the model learnt from
    piece: int  # characters of a piece
    rules: tuple[str, ...]  # of this kind of data; a record says which share keeps one

    def to_json(self) -> dict[str, Any]:
        """As evaluation.json has it."""
        about = {"data": self.data, "piece": self.piece, "rules": list(self.rules)}
        return {"records": {one.key: one.to_json() for one in self.records}, "written": about}


def evaluate_written(
    model: Model,
    registry: Registry,
    asked: Asked,
    *,
    write: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> WrittenReport:
    """Compare samples of a model of tokens with the examples it was trained on, and those with the test split.

    Of what is `asked` samples, seeds and data count. With `write` the results go into the folder, and its card is
    written again. Raises what loading the data raises, and UsageError for a model that was not loaded, for fewer than 2
    samples, other data than the model's own, and writing into the Hub's cache.
    """
    folder = model.folder
    if folder is None:
        raise UsageError("a model is evaluated with what its folder says of its data; load it from one")
    if asked.samples < 2 or not asked.seeds:
        raise UsageError(f"{asked.samples} samples are too few; at least 2 are needed, and a seed")
    if write:
        check_writable(folder)
    train, test, other = examples_of(folder, model, registry, asked.data)
    if other is not None:
        raise UsageError(f"{folder.name} has not learnt from {other['name']}: it has copied nothing there")
    modality = modality_of(model, registry)
    known, real = _texts(modality.texts(train.data)), None if test is None else test.data
    drawn = _drawn(model, asked, progress)
    origin = origin_of(model, folder, registry, asked, train)
    counts = len(train.data) if test is None else len(test.data), asked.samples

    def told(metric: str, of: Callable[[Tensor], float], better: str) -> Record:
        floor = None if real is None else of(real)
        return record_of(metric, [of(x) for x in drawn], origin, better=better, counts=counts, floor=floor)

    def copied(x: Tensor) -> float:
        return copied_share(_texts(modality.texts(x)), known)

    rules = tuple(modality.rules(drawn[0]))
    found = [told("copied", copied, "lower")]
    found += [told(rule, partial(_kept, modality, rule), "higher") for rule in rules]
    if isinstance(model, Encodes):
        x = (train if test is None else test).data[:MOST_TEST]
        wrong = float((model.reconstruct(x).cpu() != x).double().mean())
        found.append(record_of("wrong", [wrong], origin, better="lower", counts=(len(x), 0)))
    report = WrittenReport(records=tuple(found), data=train.name, piece=PIECE, rules=rules)
    if write:
        record(folder, report.to_json(), registry=registry)
    return report


def _kept(modality: Modality, rule: str, x: Tensor) -> float:
    return float(modality.rules(x)[rule])


def _drawn(model: Model, asked: Asked, progress: Callable[[int, int], None] | None) -> list[Tensor]:
    """Samples of each seed."""
    found: list[Tensor] = []
    total = asked.samples * len(asked.seeds)
    for seed in asked.seeds:
        parts: list[Tensor] = []
        for start in range(0, asked.samples, ROWS):
            parts.append(model.sample(min(ROWS, asked.samples - start), seed=seed + start).cpu())
            if progress is not None:
                progress(len(found) * asked.samples + start + len(parts[-1]), total)
        found.append(torch.cat(parts))
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
