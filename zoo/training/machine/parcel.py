"""What a replayed step needs anew each time, sent to the device in one piece."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["Kind", "Parcel"]

Kind = tuple[torch.dtype, tuple[int, ...]]  # of a tensor: its dtype and shape
ALIGNED = 64  # bytes: where a tensor may begin
PIECES = 2  # of the host's memory for a GPU: one is filled while the other is on its way


class Parcel:
    """Tensors of the given kinds that stay where they are on `device`: filled on the host, sent by one copy.

    For a GPU the host's memory is pinned, so that nobody waits for the copy but who fills the same piece again.
    """

    def __init__(self, kinds: Sequence[Kind], device: torch.device) -> None:
        self.kinds, self.ends = kinds, [0]
        for dtype, shape in kinds:
            taken = dtype.itemsize * math.prod(shape)
            self.ends.append(self.ends[-1] + -(-taken // ALIGNED) * ALIGNED)
        gpu = device.type == "cuda"
        self.there = torch.empty(self.ends[-1], dtype=torch.int8, device=device)
        pieces = [torch.empty_like(self.there, device="cpu", pin_memory=gpu) for _ in range(PIECES if gpu else 1)]
        self.here = [(piece, self._views(piece)) for piece in pieces]
        self.sent = [torch.cuda.Event() for _ in pieces] if gpu else []
        self.turn = 0
        self.tensors = self._views(self.there)

    def _views(self, piece: Tensor) -> list[Tensor]:
        found = []
        for (dtype, shape), start in zip(self.kinds, self.ends, strict=False):
            taken = dtype.itemsize * math.prod(shape)
            found.append(piece[start : start + taken].view(dtype).view(shape))
        return found

    def open(self) -> list[Tensor]:
        """The tensors on the host, to be filled."""
        self.turn = (self.turn + 1) % len(self.here)
        if self.sent:
            self.sent[self.turn].synchronize()  # at once where it was never sent
        return self.here[self.turn][1]

    def send(self) -> None:
        """Copy what was filled into `tensors`."""
        self.there.copy_(self.here[self.turn][0], non_blocking=True)
        if self.sent:
            self.sent[self.turn].record()
