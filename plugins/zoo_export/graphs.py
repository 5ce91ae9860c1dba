"""Which network of a model is written, what goes in and what comes out, and its graph by torch.export."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast, final

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import InputKind

from zoo.errors import UsageError
from zoo.nn import Decoder, Encodes, Generator, Model, folded
from zoo.sequences import Autoregressive, Memory, NextToken

__all__ = ["TOLERANCE", "Graph", "check_outputs", "graph_of", "quietly", "traced"]

TOLERANCE = 1e-4  # the largest difference from torch's outputs, and so much of the largest output where that is above 1
TRIED = 3  # examples that a network is traced with: of 1 a tracer takes the batch for fixed
GROWS = 2  # tokens before, likewise


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A network that is written: called with its inputs one after the other it gives its outputs, a tuple."""

    network: nn.Module  # in eval mode, float32, on the CPU
    inputs: Mapping[str, Tensor]  # name -> an example of TRIED rows, in the order of `forward`
    outputs: tuple[str, ...]  # the names of what it gives
    about: Mapping[str, Any]  # what a reader must know: the kind, ranges, the prior, classes
    growing: Mapping[str, Mapping[int, str]] = field(default_factory=dict)  # input -> its other free axes, by name

    def axes(self, name: str) -> dict[int, str]:
        """The free axes of an input, the batch among them: axis -> what it counts."""
        return {0: "batch"} | dict(self.growing.get(name, {}))

    def metadata(self) -> dict[str, str]:
        """`about` as texts; what is no text is JSON."""
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in self.about.items()}

    def tried(self, count: int) -> tuple[Tensor, ...]:
        """Inputs of `count` rows, those of the examples in turn."""
        rows = torch.arange(count) % TRIED
        return tuple(tensor[rows] for tensor in self.inputs.values())


@torch.no_grad()
def graph_of(model: Model, name: str, part: str = "", *, fold: bool = True) -> Graph:
    """The graph of a model's `part`, "" for the one that gives examples; `name` is told in errors and in `about`.

    With `fold` batch norms are part of the convolutions before them. Raises UsageError for a part that it does not
    have, and a model of which no network gives examples by itself.
    """
    model = copy.deepcopy(model).to("cpu", torch.float32).eval().requires_grad_(False)
    model = folded(model) if fold else model
    about = {"name": name, "modality": model.modality, "zoo": str(model.info.get("zoo", ""))} | _data(model)
    graphs: dict[str, Any] = {}
    if isinstance(model, Autoregressive):
        graphs["network"] = lambda: _step(model.network, about)
    else:
        for child, network in model.named_children():
            if isinstance(network, (Decoder, Generator)):
                graphs[child] = lambda: _decoding(model, about)
    if isinstance(model, Encodes):
        graphs["encoder"] = lambda: _encoding(model, about)
    if not graphs or (part and part not in graphs):
        there = f"; it has {', '.join(graphs)}" if graphs else ": its examples take many steps, with code between them"
        raise UsageError(f"{name} has no {part or 'network that gives examples by itself'}{there}")
    graph: Graph = graphs[part or next(iter(graphs))]()
    return graph


def _data(model: Model) -> dict[str, Any]:
    """What the weights say of data, training and licences, in a few words."""
    data, recipe = model.info.get("data", {}), model.info.get("training", {}).get("recipe", {})
    known = {
        "architecture": model.info.get("architecture"),
        "licence": recipe.get("licence"),
        "data": data.get("name"),
        "data_licence": data.get("licence"),
        "classes": list(model.classes),
        "vocabulary": data.get("about", {}).get("vocabulary"),
    }
    return {key: value for key, value in known.items() if value}


@final
class _Decoding(nn.Module):
    """Latents, and labels where there are classes, to examples as `Model.decode` gives them."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, z: Tensor, labels: Tensor | None = None) -> tuple[Tensor]:
        x = self.model(z, labels)
        return (x.clamp(0, 1) if x.is_floating_point() else x,)


def _decoding(model: Model, about: Mapping[str, Any]) -> Graph:
    inputs = {"z": model.latents(TRIED, seed=0)} | _labels(model)
    told: dict[str, Any] = {"part": "decoder", "prior": model.default_prior, "range": [0, 1]}
    if model.vocabulary is not None:
        told["range"] = [0, model.vocabulary - 1]
    return Graph(network=_Decoding(model).eval(), inputs=inputs, outputs=("x",), about=dict(about) | told)


@final
class _Encoding(nn.Module):
    """Examples, and labels where there are classes, to the mean and log variance of each one's latents."""

    def __init__(self, model: Encodes) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        posterior = self.model.posterior(x, labels)
        return posterior.mean, posterior.log_var


def _encoding(model: Encodes, about: Mapping[str, Any]) -> Graph:
    x = model.sample(TRIED, seed=0)
    told: dict[str, Any] = {"part": "encoder", "range": [0, 1]}
    if model.vocabulary is not None:
        told["range"] = [0, model.vocabulary - 1]
    outputs = ("mean", "log_var")
    return Graph(
        network=_Encoding(model).eval(), inputs={"x": x} | _labels(model), outputs=outputs, about=dict(about) | told
    )


def _labels(model: Model) -> dict[str, Tensor]:
    return {} if model.num_classes is None else {"labels": torch.arange(TRIED) % model.num_classes}


@final
class _Step(nn.Module):
    """Tokens and what was kept of those before them -> logits of the next one, and what is kept then."""

    def __init__(self, network: NextToken) -> None:
        super().__init__()
        self.network = network

    def forward(self, tokens: Tensor, *memory: Tensor) -> tuple[Tensor, ...]:
        logits, after = self.network.read(tokens, memory)
        return (logits[:, -1], *after)


def _step(network: NextToken, about: Mapping[str, Any]) -> Graph:
    """One token in, the logits of the next one out, the memory through both.

    Before the first token every number of the memory is 0, and an axis that grows has no entry.
    """
    begin = torch.full((TRIED, 1), network.vocabulary)
    tokens = (torch.arange(TRIED * GROWS).view(TRIED, -1) * 7 + 3) % network.vocabulary
    _, first = network.read(begin)
    _, memory = network.read(torch.cat([begin, tokens[:, 1:]], 1))
    growing = {f"memory_{i}": _growing(a, b) for i, (a, b) in enumerate(zip(first, memory, strict=True))}
    _check_start(network, begin, [_empty(tensor, growing[f"memory_{i}"]) for i, tensor in enumerate(first)])
    inputs = {"token": tokens[:, :1]} | {f"memory_{i}": tensor for i, tensor in enumerate(memory)}
    outputs = ("logits", *(f"{name}_after" for name in growing))
    told = {"part": "network", "begin": network.vocabulary, "length": network.data_shape[0]}
    told["memory"] = {
        f"memory_{i}": [0 if axis in growing[f"memory_{i}"] else size for axis, size in enumerate(tensor.shape)][1:]
        for i, tensor in enumerate(first)
    }
    return Graph(
        network=_Step(network).eval(),
        inputs=inputs,
        outputs=outputs,
        growing={name: axes for name, axes in growing.items() if axes},
        about=dict(about) | told,
    )


def _growing(one: Tensor, two: Tensor) -> dict[int, str]:
    """The axes along which a memory grows with what is read."""
    return {axis: "past" for axis in range(1, one.ndim) if one.shape[axis] != two.shape[axis]}


def _empty(like: Tensor, growing: Mapping[int, str]) -> Tensor:
    return like.new_zeros([0 if axis in growing else size for axis, size in enumerate(like.shape)])


def _check_start(network: NextToken, begin: Tensor, empty: list[Tensor]) -> None:
    """Raise UsageError unless to begin with an empty memory is to begin with none."""
    difference = (network.read(begin, cast(Memory, tuple(empty)))[0] - network.read(begin)[0]).abs().max()
    if not difference <= TOLERANCE:
        raise UsageError(f"a {type(network).__name__} does not begin with an empty memory, and cannot be written")


@contextmanager
def quietly() -> Iterator[None]:
    """Without what exporters warn of themselves: nothing of it is the user's, and none of it becomes an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def traced(graph: Graph) -> ExportedProgram:
    """The program of a graph, of any batch. Raises UsageError for a network that cannot be traced so."""
    free: dict[str, Any] = {}
    shapes = [
        {axis: free.setdefault(count, Dim.DYNAMIC if count == "past" else Dim(count)) for axis, count in axes.items()}
        for axes in map(graph.axes, graph.inputs)
    ]
    one_each: Any = tuple(shapes)
    if len(shapes) > 1 and isinstance(graph.network, _Step):
        one_each = (shapes[0], tuple(shapes[1:]))
    try:
        with quietly(), torch.no_grad():
            program = torch.export.export(graph.network, tuple(graph.inputs.values()), dynamic_shapes=one_each)
            return _without_unused(program)
    except Exception as error:
        cause = str(error).strip().partition("\n")[0]
        raise UsageError(f"{graph.about['name']} cannot be traced ({type(error).__name__}: {cause:.200})") from error


def _without_unused(program: ExportedProgram) -> ExportedProgram:
    """The program without the weights that it never reads: those of a model's other parts."""
    places = [node for node in program.graph.nodes if node.op == "placeholder"]
    specs = program.graph_signature.input_specs
    for spec, node in list(zip(specs, places, strict=True)):
        if spec.kind in (InputKind.PARAMETER, InputKind.BUFFER) and not node.users:
            program.graph.erase_node(node)
            specs.remove(spec)
            program.state_dict.pop(str(spec.target), None)
    program.graph_module.recompile()
    return program


def check_outputs(graph: Graph, count: int, given: Any) -> None:
    """Raise UsageError where what another program gave for `graph.tried(count)` is not what torch gives."""
    with torch.no_grad():
        wanted = graph.network(*graph.tried(count))
    for name, ours, theirs in zip(graph.outputs, wanted, given, strict=True):
        other = torch.as_tensor(theirs)
        if other.shape != ours.shape:
            raise UsageError(f"what was written gives {name} of shape {tuple(other.shape)}, not {tuple(ours.shape)}")
        difference = float((other.double() - ours.double()).abs().max())
        allowed = TOLERANCE * max(1.0, float(ours.abs().max()))
        if not difference <= allowed:
            raise UsageError(
                f"what was written gives {name} that differs by {difference:.2g}; {allowed:.2g} is allowed"
            )
