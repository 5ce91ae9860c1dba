"""A network as an ONNX file, compared with torch before it is kept."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch

from zoo.errors import PluginError
from zoo.files import new_file
from zoo.nn import Model
from zoo_export.graphs import TRIED, Graph, check_outputs, graph_of, quietly, traced

__all__ = ["OPSET", "write"]

OPSET = 18  # of the operators; what runs ONNX has had it since 2023
NEEDED = ("onnx", "onnxscript", "onnxruntime")


def write(model: Model, name: str, out: Path, part: str = "") -> list[Path]:
    """Write the `part` of a model, "" for the one that gives examples, as one ONNX file `out`; gives it.

    `name` is told in the file. Its axis 0 is free, names, ranges and the prior stand in its metadata. Raises UsageError
    where what onnxruntime makes of it differs from torch by more than TOLERANCE, and PluginError for a missing package.
    """
    _check_packages()
    graph = graph_of(model, name, part)
    with new_file(out) as aside:
        _write(graph, aside)
        _compare(graph, aside)
    return [out]


def _check_packages() -> None:
    for package in NEEDED:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise PluginError(f"ONNX needs the package {package}; pip install 'genzoo[export]'") from error


def _write(graph: Graph, path: Path) -> None:
    program = traced(graph)
    with quietly(), torch.no_grad():
        written = torch.onnx.export(
            program,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_shapes=tuple(graph.axes(name) for name in graph.inputs),  # the names of the free axes
            opset_version=OPSET,
            dynamo=True,
            verbose=False,  # else it prints
        )
        assert written is not None
        _set_apart(written.model.graph, {*graph.inputs, *graph.outputs})
        written.model.metadata_props.update(graph.metadata())
        written.save(path, external_data=False)


def _set_apart(graph: Any, names: set[str]) -> None:
    """Rename what inside the graph has the name of an input or output: the exporter looks at none of them."""
    ends = {id(value) for value in (*graph.inputs, *graph.outputs)}
    for node in graph:
        for value in node.outputs:
            if value.name in names and id(value) not in ends:
                value.name = f"{value.name}_inside"


def _compare(graph: Graph, path: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for count in (1, TRIED, 2 * TRIED + 1):
        given = {key: x.numpy() for key, x in zip(graph.inputs, graph.tried(count), strict=True)}
        check_outputs(graph, count, session.run(list(graph.outputs), given))
