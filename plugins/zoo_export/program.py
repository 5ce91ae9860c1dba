"""A traced network as a program of the page's interpreter: a list of steps, and the values that they read."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx import Node

from zoo.errors import UsageError
from zoo_export.graphs import Graph, quietly, traced
from zoo_export.lowering import Lowering
from zoo_export.operations import BINARY, OPERATIONS

__all__ = ["Program", "program_of"]

aten = torch.ops.aten
SAME = {  # what changes nothing here: layout, dtype (all is float32), what only checks
    aten.clone.default,
    aten.contiguous.default,
    aten.alias.default,
    aten.detach.default,
    aten.dropout.default,
    aten.expand.default,  # what reads it repeats by itself
    aten._to_copy.default,
    aten.to.dtype,
}
SKIPPED = {aten._assert_tensor_metadata.default, aten._assert_scalar.default}


@dataclass(frozen=True)
class Program:
    """What the interpreter runs: see web/interpreter.js."""

    steps: list[dict[str, Any]]
    values: list[Tensor | None]  # what is known beforehand, by number; None: an input or what a step writes
    inputs: Mapping[str, int]  # name -> number
    result: int  # the number of what comes out


def program_of(graph: Graph) -> Program:
    """The program of a graph that gives one value.

    Raises UsageError, which names it, for an operation that the interpreter lacks, and what tracing raises.
    """
    with quietly():
        exported = traced(graph).run_decompositions({})
    lowering = Lowering(str(graph.about["name"]))
    inputs = _read_inputs(exported, lowering, list(graph.inputs))
    for node in exported.graph.nodes:
        if node.op == "call_function":
            _lower(node, lowering)
    (result,) = next(node for node in exported.graph.nodes if node.op == "output").args[0]
    result_number = lowering.number(result)
    read = {one for step in lowering.steps for one in (*step["from"], step.get("matrix"))}
    values = [value if number in read else None for number, value in enumerate(lowering.values)]
    return Program(lowering.steps, values, inputs, result_number)


def _read_inputs(exported: ExportedProgram, lowering: Lowering, names: list[str]) -> dict[str, int]:
    """Tell weights from what is given; gives the numbers of the latter."""
    places = [node for node in exported.graph.nodes if node.op == "placeholder"]
    inputs: dict[str, int] = {}
    for spec, node in zip(exported.graph_signature.input_specs, places, strict=True):
        if spec.kind == InputKind.USER_INPUT:
            number = inputs[names[len(inputs)]] = lowering.numbers[node] = lowering.value()
            lowering.batch = str(node.meta["val"].shape[0])
            lowering.shapes[number] = lowering.shape(node)
        else:
            target = str(spec.target)
            found = exported.state_dict.get(target, exported.constants.get(target))
            lowering.known[node] = cast(Tensor, found)
    return inputs


def _lower(node: Node, lowering: Lowering) -> None:
    if node.target in SKIPPED or isinstance(node.meta["val"], torch.SymInt):  # sizes: the steps have theirs
        return
    inner = [one for one in node.all_input_nodes if not isinstance(one.meta["val"], torch.SymInt)]
    if inner and all(one in lowering.known for one in inner):
        args = torch.fx.node.map_arg(node.args, lambda one: lowering.known[one])
        lowering.known[node] = cast(Any, node.target)(*args, **node.kwargs)
        return
    repeats = node.target is aten.expand.default
    if node.target in SAME and not (repeats and any(user.target not in BINARY for user in node.users)):
        lowering.numbers[node] = lowering.number(node.args[0])
        return
    if node.target is operator.getitem:  # what gives several values has named each
        return
    if node.target not in OPERATIONS:
        name = str(node.target).removesuffix(".default")
        raise UsageError(f"{lowering.name} uses {name}, which the page's interpreter lacks; --to onnx writes it")
    OPERATIONS[node.target](node, lowering)
