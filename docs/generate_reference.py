"""Writes docs/plugin-reference.md from the code: `python docs/generate_reference.py`. A test holds the two together."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoo.catalogue.plugins.loading import HOOKS

PAGE = Path(__file__).parent / "plugin-reference.md"
INTERFACES = {
    "zoo.nn.interfaces": ("Encoder", "Decoder", "Generator", "Discriminator"),
    "zoo.nn.features": ("Features", "load_features"),
    "zoo.nn.distributions": ("DiagonalGaussian", "Likelihood", "Bernoulli", "Gaussian", "DiscretizedLogistic"),
    "zoo.data.loading": ("DataRequest", "Examples", "Streamed"),
    "zoo.data.modality": ("Modality", "modality_of"),
    "zoo.data.rows": ("Rows",),
    "zoo.training.trainer": ("Trainer",),
    "zoo.testing": ("conformance",),
}
COMMON = {  # meanings that several specs share
    "name": "without the namespace: lower-case letters and digits joined by `-`, `.` or `_`",
    "summary": "one line for `zoo list`",
    "licence": "an SPDX identifier where there is one",
    "architecture": "full name: `acme/tiny-vae`, or `res-vae` of the zoo",
    "dataset": "full name or reference: `shapes`, `acme/dots`, `cifar10[frog]`",
    "data_shape": "of one example: (C, H, W) for pictures",
    "modality": "what an example is",
    "homepage": "a URL",
    "tags": "free words",
}
HEAD = """# Reference

Generated from the code by `python docs/generate_reference.py`; do not edit. [plugins.md](plugins.md) is where to begin.
"""


def first_lines(value: object) -> str:
    """The docstring, its indentation taken away."""
    return inspect.getdoc(value) or ""


def fields(cls: type) -> Iterator[tuple[str, str, str, str]]:
    """(name, type, default, comment) of each field of a class and of dataclasses it extends, as the source has them."""
    for base in (base for base in cls.__bases__ if "__dataclass_fields__" in vars(base)):
        yield from fields(base)
    source = inspect.getsource(cls)
    lines = source.splitlines()
    (tree,) = ast.parse(source).body
    assert isinstance(tree, ast.ClassDef)
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            default = "" if node.value is None else ast.unparse(node.value)
            default = re.sub(r"^field\(default_factory=(.*)\)$", r"\1()", default)
            comment = lines[(node.end_lineno or 1) - 1][node.end_col_offset :].strip().removeprefix("#").strip()
            yield node.target.id, ast.unparse(node.annotation), default, comment


def table(cls: type) -> str:
    """The fields of a class as a table, or nothing."""
    rows = []
    for name, kind, default, comment in fields(cls):
        given = "must be given" if "__dataclass_fields__" in vars(cls) else "to be set"
        shown = f"`{default}`" if default else given
        cells = (f"`{name}`", f"`{kind}`", shown, comment or COMMON.get(name, ""))
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(["| field | type | default | meaning |", "| --- | --- | --- | --- |", *rows]) if rows else ""


def entry(name: str, value: Any) -> str:
    """One class or function: heading, signature, docstring, fields, and the public methods of its own."""
    parts = [f"### `{name}`"]
    is_spec = inspect.isclass(value) and "__dataclass_fields__" in vars(value)
    is_error = inspect.isclass(value) and issubclass(value, Exception)
    if not is_spec and not is_error and not inspect.isabstract(value):
        signature = re.sub(r"zoo\.[\w.]+\.", "", _plain(value))
        parts.append(f"`{name.rpartition('.')[2]}{signature}`")
    parts.append(first_lines(value))
    if inspect.isclass(value):
        parts.append(table(value))
        own = [(key, member) for key, member in vars(value).items() if inspect.isfunction(member) and key[0] != "_"]
        methods = [
            f"- `{key}{_plain(member)}`: {first_lines(member).splitlines()[0]}" for key, member in own if member.__doc__
        ]
        parts.append("\n".join(methods))
    return "\n\n".join(filter(None, parts))


def _plain(function: Any) -> str:
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(function)))
    return text.replace("(self, ", "(").replace("(self)", "()")


def page() -> str:
    """The whole page."""
    import zoo
    import zoo.api

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
    parts += ["\n".join(rows), "## `zoo.api`", "What a spec module imports. No torch."]
    parts.append(f"`API_VERSION` is {zoo.api.API_VERSION}. `hookimpl` marks a hook: `@hookimpl` above it.")
    named = [name for name in zoo.api.__all__ if inspect.isclass(getattr(zoo.api, name))]
    parts += [entry(name, getattr(zoo.api, name)) for name in named]
    parts += ["## Interfaces", "What a plugin's other modules implement, receive and return. These import torch."]
    for module, names in INTERFACES.items():
        parts += [entry(f"{module}.{name}", getattr(importlib.import_module(module), name)) for name in names]
    parts += ["## The names of `zoo`", "What users call; `zoo` itself imports no torch."]
    parts += [entry(f"zoo.{name}", getattr(zoo, name)) for name in zoo.__all__]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
