"""A network as a program of torch.export, which PyTorch runs without the zoo's code."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from zoo.files import new_file
from zoo.nn import Model
from zoo_export.graphs import TRIED, check_outputs, graph_of, quietly, traced

__all__ = ["ABOUT", "write"]

ABOUT = "about.json"  # the file inside it that holds names, ranges and the prior


def write(model: Model, name: str, out: Path, part: str = "") -> list[Path]:
    """Write the `part` of a model, "" for the one that gives examples, as one file `out`; gives it.

    `name` is told in the file. Its axis 0 is free. Raises UsageError where what is read back differs from the model by
    more than TOLERANCE.
    """
    graph = graph_of(model, name, part, fold=False)
    program = traced(graph)
    about = {"inputs": list(graph.inputs), "outputs": list(graph.outputs)} | dict(graph.about)
    with new_file(out) as aside:
        with quietly():
            torch.export.save(program, aside, extra_files={ABOUT: json.dumps(about)})
            again = torch.export.load(aside).module()
        for count in (1, TRIED, 2 * TRIED + 1):
            with torch.no_grad():
                check_outputs(graph, count, again(*graph.tried(count)))
    return [out]
