"""A page that holds a model's network and runs it: one file, which fetches nothing and may fetch nothing."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.errors import UsageError
from zoo.files import new_file
from zoo.latent import concepts_of
from zoo.nn import Model
from zoo.web import asset
from zoo_export.directions import leading_directions
from zoo_export.graphs import graph_of
from zoo_export.program import program_of

__all__ = ["MOST", "packed", "write"]

MOST = 32_000_000  # bytes of a page; with more a browser is no place for the network
HALF = 1024  # numbers from which on a matrix is kept in 16 bits
DIRECTIONS = 8
POLICY = (
    "default-src 'none'; script-src '{script}' 'wasm-unsafe-eval'; style-src '{style}'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)
SCRIPTS = ("operations.js", "interpreter.js", "latents.js", "page.js")


def write(model: Model, name: str, out: Path) -> list[Path]:
    """Write a page that draws, walks through and moves what a model of pictures gives, as one file `out`; gives it.

    Weights are kept in 16 bits. Raises UsageError for a model of something else than pictures, an operation that the
    page's interpreter lacks, by name, and for a network too large.
    """
    if model.modality != "image" or len(model.data_shape) != 3 or model.data_shape[0] not in (1, 3):
        raise UsageError(f"{name} gives no pictures, and a page shows nothing else; --to onnx writes it")
    text = _page(model, name)
    if len(text) > MOST:
        raise UsageError(f"a page of {name} would have {len(text) / 1e6:.0f} MB, at most {MOST / 1e6:.0f} are sensible")
    with new_file(out) as aside:
        aside.write_text(text, encoding="utf-8")
    return [out]


def packed(tensor: Tensor) -> dict[str, str]:
    """Numbers as the page reads them: matrices in 16 bits, the few others in 32, little-endian, in base64."""
    half = tensor.ndim > 1 and tensor.numel() >= HALF and bool(tensor.half().isfinite().all())
    numbers = tensor.detach().cpu().contiguous().to(torch.float16 if half else torch.float32).numpy()
    return {"half" if half else "float": base64.b64encode(numbers.tobytes()).decode()}


def _page(model: Model, name: str) -> str:
    style = asset("style.css") + _own("page.css")
    scripts = [asset("canvas.js"), asset("controls.js"), *map(_own, SCRIPTS)]
    script = "(() => {\n'use strict';\n" + "\n".join(map(_inner, scripts)) + "\n})();\n"
    policy = POLICY.format(script=_digest(script), style=_digest(style))
    data = json.dumps(_data(model, name), separators=(",", ":")).replace("<", "\\u003c")
    facts = {"policy": policy, "style": style, "script": script, "data": data}
    text = {"title": html.escape(Path(name).name), "policy": html.escape(policy, quote=True)}
    return re.sub(r"\{\{(\w+)\}\}", lambda found: (facts | text)[found[1]], _own("page.html"))


def _own(file: str) -> str:
    return (files("zoo_export") / "web" / file).read_text(encoding="utf-8")


def _inner(script: str) -> str:
    """A module as a part of a script: what it exports is known to what follows."""
    return re.sub(r"^export ", "", script, flags=re.MULTILINE)


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _data(model: Model, name: str) -> dict[str, Any]:
    """All that the page knows of the model."""
    graph = graph_of(model, name)
    program = program_of(graph)
    values = [None if value is None else packed(value) for value in program.values]
    product = (files("zoo_export") / "web" / "product.wasm").read_bytes()
    return {
        "name": Path(name).name,
        "summary": model.info.get("training", {}).get("recipe", {}).get("summary", ""),
        "about": {key: value for key, value in graph.about.items() if isinstance(value, str)},
        "shape": list(model.data_shape),
        "latent": _latent_size(model),
        "classes": _classes(model),
        "prior": _prior(model),
        "truncation": model.truncation,
        "cut_at": model.sampling.get("truncation"),
        "directions": _directions(model),
        "program": asdict(program) | {"values": values},
        "product": base64.b64encode(product).decode(),
    }


def _latent_size(model: Model) -> int:
    """How many numbers a latent has."""
    return int(torch.Size(model.latent_shape).numel())


def _classes(model: Model) -> list[str]:
    """The names of the classes, their numbers where they have none; empty for a model without."""
    return list(model.classes) or [str(number) for number in range(model.num_classes or 0)]


def _prior(model: Model) -> Mapping[str, Any]:
    """What latents are drawn from."""
    prior = model.prior_of()
    if prior.mixture is None:
        return {"name": prior.name}
    mixture = prior.mixture
    told = {"weights": mixture.weights.tolist(), "means": packed(mixture.means)}
    classes = None if mixture.classes is None else mixture.classes.tolist()
    return {"name": "mixture", "factors": packed(mixture.factors), "classes": classes} | told


def _directions(model: Model) -> list[dict[str, Any]]:
    """Concepts that the weights carry, then the directions along which pictures change most."""
    concepts = {} if model.folder is None else concepts_of(model.folder)
    named = [("concept", name, concept.direction) for name, concept in concepts.items()]
    found = leading_directions(model, DIRECTIONS)
    named += [("direction", f"direction {i}", direction) for i, direction in enumerate(found, 1)]
    return [{"kind": kind, "name": name, "direction": packed(z.flatten())} for kind, name, z in named]
