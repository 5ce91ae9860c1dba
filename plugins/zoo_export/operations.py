"""What each of torch's operations is for the page's interpreter."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.fx import Node

from zoo.errors import UsageError
from zoo_export.lowering import Lowering

__all__ = ["BINARY", "OPERATIONS"]

aten = torch.ops.aten
Lower = Callable[[Node, Lowering], None]


def _argument(node: Node, place: int, default: Any) -> Any:
    return node.args[place] if len(node.args) > place else default


def _weight(node: Node, place: int, lowering: Lowering) -> Tensor | None:
    """An argument that is a weight; None where there is none. Raises UsageError for one that hangs on the inputs."""
    given = _argument(node, place, None)
    if given is not None and given not in lowering.known:
        raise UsageError(f"{lowering.name}: {node.target} with weights that are computed is not for a page")
    return None if given is None else lowering.known[given].float()


def _refuse(node: Node, lowering: Lowering, what: str) -> None:
    raise UsageError(f"{lowering.name} uses {node.target} with {what}, which the page's interpreter lacks")


def _product(op: str, node: Node, lowering: Lowering, matrix: Tensor, bias: Tensor | None, **more: Any) -> None:
    """A step that multiplies by a matrix (groups x rows, depth)."""
    reads = [node.args[0]] if bias is None else [node.args[0], lowering.value(bias)]
    rows, depth = len(matrix) // more.get("groups", 1), matrix.shape[1]
    lowering.step(op, node, reads, matrix=lowering.value(matrix), rows=rows, depth=depth, **more)


def _linear(node: Node, lowering: Lowering) -> None:
    weight = cast(Tensor, _weight(node, 1, lowering))
    if len(lowering.shape(node)) != 2:
        _refuse(node, lowering, "more than one axis")
    _product("linear", node, lowering, weight, _weight(node, 2, lowering))


def _convolution(node: Node, lowering: Lowering) -> None:
    weight, groups = cast(Tensor, _weight(node, 1, lowering)), _argument(node, 6, 1)
    if isinstance(_argument(node, 4, 0), str) or set(_argument(node, 5, [1])) != {1}:
        _refuse(node, lowering, "a dilation, or a padding in words")
    shapes = _sides(node, lowering, 3, 4) | {"channels": weight.shape[1], "kernel": list(weight.shape[2:])}
    _product("convolution", node, lowering, weight.flatten(1), _weight(node, 2, lowering), groups=groups, **shapes)


def _transposed(node: Node, lowering: Lowering) -> None:
    weight = cast(Tensor, _weight(node, 1, lowering))
    if _argument(node, 6, 1) != 1 or set(_argument(node, 7, [1])) != {1}:
        _refuse(node, lowering, "groups or a dilation")
    shapes = _sides(node, lowering, 3, 4) | {"kernel": list(weight.shape[2:])}
    _product("transposed", node, lowering, weight.flatten(1).T, _weight(node, 2, lowering), **shapes)


def _sides(node: Node, lowering: Lowering, stride: int, padding: int) -> dict[str, Any]:
    """The input's height and width, and how a kernel goes over it."""
    height, width = lowering.shape(cast(Node, node.args[0]))[2:]
    pairs = {"stride": _argument(node, stride, [1]), "padding": _argument(node, padding, [0])}
    both = {key: list(pair) * (2 if len(pair) == 1 else 1) for key, pair in pairs.items()}
    return {"height": height, "width": width} | both


def _batch_norm(node: Node, lowering: Lowering) -> None:
    """Fixed statistics scale and shift each channel: in the product before, where nothing else reads that."""
    before = cast(Node, node.args[0])
    weight, bias, mean, variance = (_weight(node, place, lowering) for place in range(1, 5))
    assert mean is not None
    assert variance is not None
    scale = (variance + cast(float, node.args[6])).rsqrt() * (1 if weight is None else weight)
    shift = (0 if bias is None else bias) - mean * scale
    last = lowering.steps[-1] if lowering.steps else {}
    own = last.get("to") == lowering.numbers[before] and len(before.users) == 1
    if own and last["op"] == "convolution":
        matrix = cast(Tensor, lowering.values[last["matrix"]])
        lowering.values[last["matrix"]] = matrix * scale[:, None]
        if len(last["from"]) == 2:
            shift = shift + scale * cast(Tensor, lowering.values[last["from"].pop()])
        last["from"].append(lowering.value(shift))
        number = lowering.numbers[before]
    else:
        reads = [before, lowering.value(scale), lowering.value(shift)]
        first = next(iter(node.users))
        lowering.step("affine", first, reads, channels=len(scale))
        number = lowering.numbers[first]
    for user in node.users:  # it gives three values, and only the first is one of inference
        lowering.numbers[user] = number


def _reshape(node: Node, lowering: Lowering) -> None:
    if lowering.shape(node)[:1] != [-1]:
        _refuse(node, lowering, "a batch that moves")
    lowering.step("reshape", node, [node.args[0]])


def _unary(op: str) -> Lower:
    return lambda node, lowering: lowering.step(op, node, [node.args[0]])


def _leaky(node: Node, lowering: Lowering) -> None:
    lowering.step("leaky", node, [node.args[0]], slope=_argument(node, 1, 0.01))


def _clamp(node: Node, lowering: Lowering) -> None:
    low, high = _argument(node, 1, None), _argument(node, 2, None)
    limits = {"low": -3e38 if low is None else low, "high": 3e38 if high is None else high}
    lowering.step("clamp", node, [node.args[0]], **limits)


def _binary(op: str) -> Lower:
    """Two values, or one and a number."""

    def lower(node: Node, lowering: Lowering) -> None:
        a, b = node.args[:2]
        if node.kwargs.get("alpha", 1) != 1 or node.kwargs.get("rounding_mode") is not None:
            _refuse(node, lowering, "a factor or rounding")
        if isinstance(b, Node):
            numbers = [lowering.number(a), lowering.number(b)]
            lowering.step(op, node, numbers, shapes=[lowering.shapes[number] for number in numbers])
            return
        by, add = {"add": (1, b), "sub": (1, -cast(float, b)), "mul": (b, 0), "div": (1 / cast(float, b), 0)}[op]
        lowering.step("scale", node, [a], by=by, add=add)

    return lower


def _reversed(node: Node, lowering: Lowering) -> None:
    lowering.step("scale", node, [node.args[0]], by=-1, add=node.args[1])


def _split(node: Node, lowering: Lowering) -> None:
    """Pieces along one axis: a step for each that is read."""
    given, pieces = cast(Node, node.args[0]), [tensor.shape for tensor in node.meta["val"]]
    axis = int(_argument(node, 2, 0)) % len(lowering.shape(given))
    lengths = [int(piece[axis]) for piece in pieces]
    for user in node.users:
        assert user.target is operator.getitem
        index = cast(int, user.args[1])
        _piece(user, given, lowering, axis, sum(lengths[:index]))


def _piece(node: Node, given: Node, lowering: Lowering, axis: int, start: int) -> None:
    """The step that gives the part of a value which begins at `start` of an axis."""
    shape, length = lowering.shape(given), lowering.shape(node)[axis]
    sizes = {"before": math.prod(shape[1:axis]), "all": shape[axis], "after": math.prod(shape[axis + 1 :])}
    lowering.step("slice", node, [given], start=start, length=length, **sizes)


def _slice(node: Node, lowering: Lowering) -> None:
    given = cast(Node, node.args[0])
    shape, start = lowering.shape(given), int(_argument(node, 2, None) or 0)
    axis = int(_argument(node, 1, 0)) % len(shape)
    if lowering.shape(node) == shape:  # all of it
        lowering.numbers[node] = lowering.number(given)
        return
    if not axis or _argument(node, 4, 1) != 1:
        _refuse(node, lowering, "the batch, or leaving some out between")
    _piece(node, given, lowering, axis, start + shape[axis] if start < 0 else start)


def _join(node: Node, lowering: Lowering) -> None:
    parts = cast(list[Node], node.args[0])
    shape = lowering.shape(node)
    axis = int(_argument(node, 1, 0)) % len(shape)
    if not axis or any(lowering.shape(part)[0] != -1 for part in parts):
        _refuse(node, lowering, "the batch")
    lengths = [lowering.shape(part)[axis] for part in parts]
    sizes = {"before": math.prod(shape[1:axis]), "after": math.prod(shape[axis + 1 :])}
    lowering.step("join", node, parts, lengths=lengths, **sizes)


def _resized(op: str) -> Lower:
    def lower(node: Node, lowering: Lowering) -> None:
        height, width = lowering.shape(cast(Node, node.args[0]))[2:]
        tall, wide = lowering.shape(node)[2:]
        if op == "nearest" and (tall % height or wide % width):
            _refuse(node, lowering, "a factor that is no whole number")
        if op == "bilinear" and node.args[2]:
            _refuse(node, lowering, "aligned corners")
        lowering.step(op, node, [node.args[0]], height=height, width=width)

    return lower


def _norm(node: Node, lowering: Lowering) -> None:
    shape = lowering.shape(cast(Node, node.args[0]))
    if len(shape) != 2 or _argument(node, 1, 2) != 2 or list(_argument(node, 2, [1])) not in ([1], [-1]):
        _refuse(node, lowering, "another norm than the Euclidean one of a row")
    lowering.step("norm", node, [node.args[0]], length=shape[1])


def _embedding(node: Node, lowering: Lowering) -> None:
    rows = cast(Tensor, _weight(node, 0, lowering))
    if len(lowering.shape(node)) != 2:
        _refuse(node, lowering, "more than one number each")
    lowering.step("embedding", node, [lowering.value(rows), node.args[1]], length=rows.shape[1])


BINARY: dict[Any, Lower] = {getattr(aten, op).Tensor: _binary(op) for op in ("add", "sub", "mul", "div")}
OPERATIONS: dict[Any, Lower] = BINARY | {
    aten.linear.default: _linear,
    aten.conv2d.default: _convolution,
    aten.conv_transpose2d.input: _transposed,
    aten._native_batch_norm_legit_no_training.default: _batch_norm,
    **dict.fromkeys((aten.view.default, aten.reshape.default, aten._unsafe_view.default), _reshape),
    **dict.fromkeys((aten.unsqueeze.default, aten.squeeze.dim, aten.squeeze.dims), _reshape),
    **{getattr(aten, op).default: _unary(op) for op in ("relu", "sigmoid", "silu", "tanh")},
    aten.leaky_relu.default: _leaky,
    **dict.fromkeys((aten.clamp.default, aten.clamp_min.default), _clamp),
    aten.rsub.Scalar: _reversed,
    **dict.fromkeys((aten.split.Tensor, aten.split_with_sizes.default), _split),
    aten.slice.Tensor: _slice,
    aten.cat.default: _join,
    aten.upsample_nearest2d.vec: _resized("nearest"),
    aten.upsample_bilinear2d.vec: _resized("bilinear"),
    aten.linalg_vector_norm.default: _norm,
    aten.embedding.default: _embedding,
}
