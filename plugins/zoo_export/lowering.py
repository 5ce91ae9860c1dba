"""A program of the page's interpreter while it is written: its steps, its values, and which of them stands for what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node

from zoo.errors import UsageError

__all__ = ["Lowering"]


@dataclass
class Lowering:
    """A program while it is written."""

    name: str  # of the model, for errors
    batch: str = ""  # what the traced shapes call it
    values: list[Tensor | None] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    numbers: dict[Node, int] = field(default_factory=dict)  # what stands for a node
    known: dict[Node, Tensor] = field(default_factory=dict)  # nodes whose value does not hang on the inputs
    shapes: dict[int, list[int]] = field(default_factory=dict)  # of values, as they lie there; -1 is the batch

    def value(self, tensor: Tensor | None = None) -> int:
        """A new value's number: one that is known beforehand, or else will be written."""
        self.values.append(None if tensor is None else tensor.detach().float().contiguous())
        return len(self.values) - 1

    def number(self, node: Any) -> int:
        """The number of a node's value."""
        if node not in self.numbers:
            self.numbers[node] = self.value(self.known[node])
            self.shapes[self.numbers[node]] = list(self.known[node].shape)
        return self.numbers[node]

    def shape(self, node: Node) -> list[int]:
        """The shape of a node's value; -1 stands for the batch. Raises UsageError for one with the batch elsewhere."""
        found = [-1 if isinstance(size, torch.SymInt) else int(size) for size in node.meta["val"].shape]
        if -1 in found[1:] or (found[:1] == [-1] and str(node.meta["val"].shape[0]) != self.batch):
            raise UsageError(f"{self.name}: {node.target} gives a shape that the page's interpreter does not have")
        return found

    def step(self, op: str, node: Node, reads: Sequence[Any], **more: Any) -> None:
        """Write a step that gives the value of `node` out of those it `reads`."""
        numbers = [self.number(one) if isinstance(one, Node) else one for one in reads]
        self.numbers[node] = to = self.value()
        self.shapes[to] = self.shape(node)
        self.steps.append({"op": op, "from": numbers, "to": to, "shape": self.shape(node)[1:]} | more)
