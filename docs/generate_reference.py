"""Writes docs/plugin-reference.md from the code: `python docs/generate_reference.py`. A test holds the two together."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from zoo.catalogue.plugins.loading import HOOKS

PAGE = Path(__file__).parent / "plugin-reference.md"
DOORS = {  # what stands above the names of each
    "zoo.api": "What a spec module imports. No torch.",
    "zoo.nn": "Networks and models: what parts implement, and what holds them. Imports torch when a name is used.",
    "zoo.data": "Kinds of data, and what a dataset's loader receives and gives.",
    "zoo.training": "What a trainer is built of.",
    "zoo.latent": "Paths through latent spaces, and concepts.",
    "zoo.images": "Pictures: for plugins that deal in them too.",
    "zoo.sequences": "Tokens in a row: for plugins of text, tunes and the like.",
    "zoo.cli": "What verbs share: messages, tables, progress, the file that is written.",
    "zoo.web": "What pages share: styles, a canvas, controls.",
    "zoo.testing": "The conformance kit.",
    "zoo": "What users call; `zoo` itself imports no torch.",
    "zoo.errors": "What is raised; `exit_code` is what the command line returns.",
    "zoo.configs": "Settings with bounds.",
    "zoo.files": "Files that appear whole or not at all, and what the file system says.",
}
COMMON = {  # meanings that several specs share
    "name": "without the namespace: lower-case letters and digits joined by `-`, `.` or `_`",
    "summary": "one line for `zoo list`",
    "licence": "an SPDX identifier where there is one",
    "architecture": "full name: `acme/tiny-vae`, or `res-vae` of the zoo",
    "dataset": "full name or reference: `shapes`, `acme/dots`, `cifar10[frog]`",
    "data_shape": "of one example: (C, H, W) for pictures",
    "modality": "the kind of data: `image`, or one of a plugin",
    "homepage": "a URL",
    "tags": "free words",
}
ARGUMENTS = {  # and those that several functions share
    "action": "called without arguments",
    "balance": "as `fit_latents` takes it",
    "content": "the bytes of a file",
    "count": "how many",
    "counts": "kind -> how many",
    "data": "bytes, or pixels (N, C, H, W)",
    "default_channels": "where no shape is asked for",
    "default_size": "where no shape is asked for",
    "error": "what was raised",
    "extras": "what a model is given besides its parts",
    "facts": "what a starter is given",
    "failures": "namespace -> what went wrong",
    "figures": "numbers by name",
    "fit": "as `Rules` has it",
    "generator": "where random numbers come from; None: torch's own",
    "key": "of a recipe, as `--set` takes it",
    "kind": '"architecture", "model", "dataset" or another of what plugins contribute',
    "labels": "(N,) int64, where there are classes",
    "like": "a digest of 64 or 40 digits",
    "method": "as `fit_latents` takes it",
    "n": "how many",
    "name": "full name: `acme/dots`",
    "names": "by which they are known",
    "negatives": "examples or latents without the property",
    "noise": "N(0, 1), (K, N, *latent_shape)",
    "num_classes": "of the networks; None: without labels",
    "parameters": "what the decoder gives, of the data's shape",
    "parts": "networks by name",
    "path": "a file or a folder",
    "paths": "what to write",
    "pattern": "with the wildcards `*` and `?`",
    "positives": "examples or latents with the property",
    "posterior": "of each example",
    "prior": "as `sample` takes it",
    "progress": "share of the run that is done, from 0 to 1",
    "raw": "a text or bytes",
    "registry": "where names are looked up; None: what is installed",
    "replica": "what `replicate` gave",
    "rules": "what every picture is brought to",
    "scale": "how many times larger they are drawn",
    "seen": "what `look` gives",
    "seed": "of the random numbers; None: another each time",
    "spec": "as a plugin gave it",
    "step": "at how many examples",
    "stored": "examples (N, ...) as a loader gives them",
    "tensor": "of this process",
    "tensors": "by name",
    "total": "how many there are, good and bad",
    "truncation": "as `sample` takes it",
    "value": "what is given",
    "wanted": "the name that was asked for",
    "what": "the kind of thing: `split of shapes`",
    "words": "of a command, one each",
    "x": "examples (N, *data_shape)",
    "z": "latents (N, *latent_shape)",
}
HEAD = """# Reference

Generated from the code by `python docs/generate_reference.py`; do not edit. [plugins.md](plugins.md) is where to begin.
What stands here is part of the contract; a plugin needs no other name.
"""


def first_lines(value: object) -> str:
    """The docstring, its indentation taken away."""
    return inspect.getdoc(value) or ""


def fields(cls: type) -> Iterator[tuple[str, str, str, str]]:
    """(name, type, default, meaning) of each public field as the source has it; of a dataclass those it extends too."""
    for base in (base for base in cls.__bases__ if "__dataclass_fields__" in vars(base)):
        yield from fields(base)
    lines = inspect.getsource(sys.modules[cls.__module__]).splitlines()
    (found,) = (
        node for node in _tree(cls.__module__).body if isinstance(node, ast.ClassDef) and node.name == cls.__name__
    )
    for node in found.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id[0] != "_":
            default = "" if node.value is None else ast.unparse(node.value)
            default = re.sub(r"^field\(default_factory=(.*)\)$", r"\1()", default)
            comment = lines[(node.end_lineno or 1) - 1][node.end_col_offset :].strip().removeprefix("#").strip()
            meaning = comment.partition("  # noqa")[0] or COMMON.get(node.target.id, "")
            yield node.target.id, ast.unparse(node.annotation), default, meaning


def _tree(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(sys.modules[module]))


def table(cls: type) -> str:
    """The fields of a class as a table, or nothing."""
    rows = {}
    for name, kind, default, meaning in fields(cls):
        given = "must be given" if "__dataclass_fields__" in vars(cls) else "to be set"
        cells = (f"`{name}`", f"`{kind}`", f"`{default}`" if default else given, meaning)
        rows[name] = "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    return (
        "\n".join(["| field | type | default | meaning |", "| --- | --- | --- | --- |", *rows.values()]) if rows else ""
    )


def members(cls: type) -> Iterator[tuple[str, Callable[..., Any], bool]]:
    """(name, function, whether it is read as an attribute) of each public method of its own."""
    for name, member in vars(cls).items():
        inner = getattr(member, "__func__", member)  # of a classmethod
        read = getattr(inner, "fget", None) or getattr(inner, "func", None)  # of a property, and of a cached one
        function = read or inner
        if name[0] != "_" and inspect.isfunction(function) and name not in inspect.get_annotations(cls):
            yield name, function, read is not None


def arguments(function: Callable[..., Any]) -> dict[str, str]:
    """What each argument means that the docstring does not name; empty where nothing says it."""
    text = first_lines(function)
    names = [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]
    known = COMMON | ARGUMENTS
    return {name: known.get(name, "") for name in names if not re.search(rf"\b{name}\b", text)}


def told(function: Callable[..., Any], lead: str = "\n\n") -> str:
    """The docstring, and what it leaves out of the arguments."""
    more = "; ".join(f"`{name}`: {meaning}" for name, meaning in arguments(function).items())
    return first_lines(function) + (f"{lead}{more[0].upper()}{more[1:]}." if more else "")


def entry(name: str, value: Any) -> str:
    """A class, function or value: heading, signature, docstring, fields, and the public methods of its own."""
    parts = [f"### `{name}`"]
    if not inspect.isclass(value) and not inspect.isfunction(value):
        return "\n\n".join([*parts, _value(name)])
    bare = name.rpartition(".")[2]
    is_class = inspect.isclass(value)
    if not is_class:
        return "\n\n".join([*parts, f"`{bare}{_plain(value)}`", told(value)])
    is_data, is_error = "__dataclass_fields__" in vars(value), issubclass(value, Exception)
    is_protocol = bool(getattr(value, "_is_protocol", False))
    if not is_data and not is_error and not is_protocol and not inspect.isabstract(value):
        parts.append(f"`{bare}{_plain(value)}`")
    parts.append(_bases(value) + first_lines(value))
    parts.append(table(value))
    rows = []
    for key, function, read in members(value):
        told_of = " ".join(told(_documented(value, key, function), " ").split())
        rows.append(f"- `{key}`: {told_of}" if read else f"- `{key}{_plain(function)}`: {told_of}")
    parts.append("\n".join(rows))
    return "\n\n".join(filter(None, parts))


def _documented(cls: type, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, or the one that it implements, where that one has the docstring."""
    for base in cls.__mro__:
        for key, found, _ in members(base):
            if key == name and found.__doc__:
                return found
    return function


def _bases(cls: type) -> str:
    names = [f"`{base.__name__}`" for base in cls.__bases__ if base.__module__.startswith("zoo")]
    return f"A {' and '.join(names)}. " if names else ""


def _value(name: str) -> str:
    """The line of a constant or of a name for a type, where it is defined."""
    door, _, bare = name.rpartition(".")
    module = home(door, bare)
    lines = inspect.getsource(module).splitlines()
    for node in _tree(module.__name__).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == bare for target in targets):
            assert isinstance(node, (ast.Assign, ast.AnnAssign))
            assert node.value
            comment = lines[(node.end_lineno or 1) - 1].partition("  # ")[2]
            text = ast.unparse(node.value)
            shown = text if len(text) <= 300 else ", ".join(map(str, getattr(module, bare)))
            return f"`{bare} = {shown}`" + (f": {comment}." if comment else "")
    raise LookupError(f"{name} is defined in no line of {module.__name__}")


def home(door: str, name: str) -> ModuleType:
    """The module that a door has a name from."""
    for node in ast.walk(_tree(door)):
        if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]:
            return importlib.import_module(node.module or "")
    return sys.modules[door]


def _plain(function: Any) -> str:
    text = re.sub(r"zoo\.[\w.]+\.", "", str(inspect.signature(function))).replace(repr(os.environ), "os.environ")
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)
    return re.sub(r"<function (\w+) at \w+>", r"\1", text).replace("(self, ", "(").replace("(self)", "()")


def page() -> str:
    """The whole page."""
    hookspecs = importlib.import_module("zoo.catalogue.contract.hookspecs")
    parts = [
        HEAD,
        "## Hooks",
        "A hook takes `context`, or nothing, and returns or yields frozen specs. All may be left out.",
    ]
    rows = ["| hook | returns | what |", "| --- | --- | --- |"]
    rows += [
        f"| `{name}` | `{cls.__name__}` | {first_lines(getattr(hookspecs, name))} |" for name, cls in HOOKS.items()
    ]
    parts += ["\n".join(rows)]
    for door, text in DOORS.items():
        module = importlib.import_module(door)
        parts += [f"## `{door}`", text]
        parts += [entry(f"{door}.{name}", getattr(module, name)) for name in module.__all__]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
