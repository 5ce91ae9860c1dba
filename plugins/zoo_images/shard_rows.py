"""The pictures of tar shards as rows: read where they lie, decoded by a few threads, the next batches ahead.

The order of an epoch: the shards are permuted, eight at a time are a window, and the pictures of a window are permuted
among themselves. Batches are cut from that, so few files are read at a time, and two pictures meet in a batch only
where their shards fell into one window, or into neighbouring ones.
"""

from __future__ import annotations

import bisect
import itertools
import os
import threading
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Generator, Tensor

from zoo.data import Rows
from zoo.errors import DataError, IntegrityError
from zoo.files import storage_errors
from zoo.images import MAX_BAD, MAX_FILE_BYTES, Bad, Rules, decode_picture
from zoo_images.listing import TOO_LARGE
from zoo_images.shard_index import Shard

__all__ = ["WINDOW", "ShardRows"]

WINDOW = 8  # shards whose pictures are mixed
MOST_OPEN = 2 * WINDOW  # files
MOST_THREADS = 8


class _File:
    """A shard that is open for as long as somebody holds this: other threads may still read what has fallen out."""

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def __del__(self) -> None:
        os.close(self.handle)


class _Files:
    """The shards last read from, open."""

    def __init__(self) -> None:
        self.files: OrderedDict[Path, _File] = OrderedDict()
        self.lock = threading.Lock()

    def open(self, path: Path) -> _File:
        with self.lock:
            file = self.files.pop(path, None) or _File(os.open(path, os.O_RDONLY))
            self.files[path] = file
            if len(self.files) > MOST_OPEN:
                self.files.popitem(last=False)
            return file


class ShardRows(Rows):
    """The pictures of `shards`, numbered in their order, decoded by `rules`, which give a size.

    `threads` decode at once (None: half the processors, at most 8); what is read does not depend on it.
    """

    def __init__(self, shards: Sequence[Shard], rules: Rules, *, where: str, threads: int | None = None) -> None:
        self.shards = [shard for shard in shards if len(shard.offsets)]
        self.ends = list(itertools.accumulate(len(shard.offsets) for shard in self.shards))
        self.rules, self.where = rules, where
        workers = max(1, min(MOST_THREADS, (os.cpu_count() or 2) // 2)) if threads is None else threads
        self.pool = ThreadPoolExecutor(workers, thread_name_prefix="shards")
        self.files = _Files()
        self.ahead: dict[int, Future[Tensor | Bad]] = {}  # row -> what was asked for early
        self.bad: dict[int, Bad] = {}
        self.told = 0

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def order(self, generator: Generator) -> Tensor:
        """A permutation of all rows, (N,) int64: shards permuted, and pictures within each window of 8 shards."""
        shards = torch.randperm(len(self.shards), generator=generator).tolist()
        windows = []
        for first in range(0, len(shards), WINDOW):
            spans = [self._span(shard) for shard in shards[first : first + WINDOW]]
            rows = torch.cat([torch.arange(start, end) for start, end in spans])
            windows.append(rows[torch.randperm(len(rows), generator=generator)])
        return torch.cat(windows)

    def read(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Examples (n, C, S, S) uint8 for rows (n,), and the rows they are: the next good one stands in for a bad one.

        Raises DataError where more than a tenth of all is bad, IntegrityError where a picture is not what was indexed,
        StorageError where a shard cannot be read.
        """
        wanted: list[int] = rows.tolist()
        futures = [self.ahead.pop(row) if row in self.ahead else self._begin(row) for row in wanted]
        pixels, real = [], []
        for row, future in zip(wanted, futures, strict=True):
            result = future.result()
            while isinstance(result, Bad):
                self._note(row, result)
                row = (row + 1) % len(self)
                result = self._decoded(row)
            pixels.append(result)
            real.append(row)
        return torch.stack(pixels), torch.tensor(real)

    def expect(self, rows: Tensor) -> None:
        """Begin to decode rows (n,), and drop what else was begun."""
        wanted: list[int] = rows.tolist()
        before, self.ahead = self.ahead, {}
        for row in wanted:
            self.ahead[row] = before.pop(row) if row in before else self._begin(row)
        for future in before.values():
            future.cancel()

    def news(self) -> list[str]:
        """The bad pictures found since the last call."""
        fresh = [str(bad) for bad in itertools.islice(self.bad.values(), self.told, None)]
        self.told = len(self.bad)
        return fresh

    def content(self, row: int) -> bytes:
        """The file of a row. Raises DataError for one that is too large, else what `read` raises."""
        shard, index = self._place(row)
        size, offset = int(shard.sizes[index]), int(shard.offsets[index])
        if size > MAX_FILE_BYTES:
            raise DataError(TOO_LARGE)
        with storage_errors(f"cannot read {shard.path}"):
            content = os.pread(self.files.open(shard.path).handle, size, offset)
        if zlib.crc32(content) != int(shard.checks[index]):
            raise IntegrityError(
                f"{shard.path}: the picture at byte {offset:,} is not the one that was there; put the old shard back"
            )
        return content

    def name(self, row: int) -> str:
        """How a row is named in a message: shard, and where in it."""
        shard, index = self._place(row)
        return f"{shard.path.name}, picture {index} at byte {int(shard.offsets[index]):,}"

    def _span(self, shard: int) -> tuple[int, int]:
        return (self.ends[shard - 1] if shard else 0), self.ends[shard]

    def _place(self, row: int) -> tuple[Shard, int]:
        shard = bisect.bisect_right(self.ends, row)
        return self.shards[shard], row - self._span(shard)[0]

    def _begin(self, row: int) -> Future[Tensor | Bad]:
        return self.pool.submit(self._decoded, row)

    def _decoded(self, row: int) -> Tensor | Bad:
        try:
            return decode_picture(self.content(row), self.rules)
        except DataError as error:
            return Bad(name=self.name(row), cause=str(error))

    def _note(self, row: int, bad: Bad) -> None:
        self.bad.setdefault(row, bad)
        if len(self.bad) > MAX_BAD * len(self):
            names = "; ".join(map(str, itertools.islice(self.bad.values(), 5)))
            raise DataError(
                f"{self.where}: more than a tenth of {len(self):,} pictures are bad: {names}; repair or remove them"
            )
