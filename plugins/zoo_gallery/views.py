"""What each view shows of a model: examples, the latents that they come from, and what the page is told of them."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import zoo
from zoo.api import ModalitySpec, default_registry
from zoo.data import Modality, modality_of
from zoo.errors import UsageError
from zoo.latent import plane, within
from zoo.nn import Model
from zoo.sequences import Autoregressive
from zoo_gallery.about import about
from zoo_gallery.asked import Asked, latent_text, latent_values
from zoo_gallery.code import lines
from zoo_gallery.dreams import dreamt
from zoo_gallery.own import Found, latent_of, uploaded
from zoo_gallery.pace import Tell
from zoo_gallery.samples import Rows, decoded, label_of, written
from zoo_gallery.shown import html_of, in_a_file

__all__ = ["show"]

KEPT = 4  # models in memory
MOST_SIDE = 32  # examples a side of a map
MOST_LINKED = 4096  # coordinates of a latent that a link carries
FOUND: Found = {}  # latents of users' files


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """Examples, which may be made as they are taken, and what they are of."""

    rows: Rows
    z: Tensor | None = None  # (N, *latent_shape)
    base: Tensor | None = None  # the latent (*latent_shape) before coordinates were set and concepts added
    columns: int | None = None  # all in one picture, with so many in a row
    seen: Tensor | None = None  # the user's file as the model sees it (1, *data_shape)
    error: float | None = None  # how far what its latent decodes to is from it, where the latent was looked for

    def x(self) -> Tensor:
        """All of them, (N, *data_shape)."""
        return torch.cat([x for _, x in sorted(self.rows, key=lambda row: row[0])])


def show(asked: Asked, folder: Path, tell: Tell) -> dict[str, Any]:
    """What a view shows, JSON-able: `items`, numbers with HTML, which are made as they are taken, or the `file` that
    was written below `folder`.

    Raises UsageError and what loading and sampling raise.
    """
    if asked.view == "dream":
        return dreamt(asked, folder, tell)
    tell("status", text=f"{asked.model} is at work")
    model = _model(asked.model)
    modality, spec = modality_of(model), default_registry().modality(model.modality)
    if asked.view == "about":
        return {"about": about(model, modality, spec)}
    shown = VIEWS[asked.view](model, modality, asked, folder, tell)
    if asked.format:
        return {"file": in_a_file(shown.x(), shown.z, asked, modality, spec, folder)}
    return _as_html(shown, modality, spec, folder) | {"code": lines(asked, model, spec)}


def _as_html(shown: _Shown, modality: Modality, spec: ModalitySpec, folder: Path) -> dict[str, Any]:
    path = folder / f"{secrets.token_hex(8)}{spec.suffixes[0]}"
    rows = shown.rows if shown.columns is None else iter([(0, shown.x())])
    items = ((index, html_of(x, modality, spec, path, columns=shown.columns)) for index, x in rows)
    found: dict[str, Any] = {"items": items}
    if shown.error is not None:
        found["error"] = shown.error
    if shown.base is not None and shown.base.numel() <= MOST_LINKED:
        found["z"] = latent_text(shown.base.flatten().tolist())
        found["coordinates"] = shown.base.flatten().tolist()
    if shown.seen is not None:
        found["seen"] = html_of(shown.seen, modality, spec, path, columns=1)
    return found


@functools.lru_cache(maxsize=KEPT)
def _model(name: str) -> Model:
    return zoo.load(name, local_files_only=True)


@functools.lru_cache(maxsize=64)
def _concept(model: str, name: str) -> zoo.ConceptVector:
    return zoo.load_concept(model, name, local_files_only=True)


def _sample(model: Model, modality: Modality, asked: Asked, folder: Path, tell: Tell) -> _Shown:
    given: dict[str, Any] = {"truncation": asked.truncation, "prior": asked.prior or None} | asked.options
    if isinstance(model, Autoregressive) and asked.n <= model.at_once and not asked.format:
        return _Shown(rows=written(model, modality, asked, given, tell))
    label = label_of(model, asked, one=False)
    z = model.latents(asked.n, seed=asked.seed, labels=label, **given)
    return _Shown(rows=decoded(model, z, label, tell, **asked.options), z=z)


def _drawn(model: Model, asked: Asked, rows: list[int]) -> Tensor:
    """The latents of some of a seed's samples, (len(rows), *latent_shape)."""
    n = max(rows) + 1
    given: dict[str, Any] = {"truncation": asked.truncation, "prior": asked.prior or None}
    return model.latents(n, seed=asked.seed, labels=label_of(model, asked), **given)[rows]


def _walk(model: Model, modality: Modality, asked: Asked, folder: Path, tell: Tell) -> _Shown:
    start, end = _drawn(model, asked, [asked.start, asked.end])
    z = within(model.prior_of(asked.prior or None), start, end, asked.steps)
    return _Shown(rows=decoded(model, z, label_of(model, asked), tell), z=z)


def _place(model: Model, modality: Modality, asked: Asked, folder: Path, tell: Tell) -> _Shown:
    """One place in the latent space: where it begins, with coordinates set, moved along concepts."""
    seen, error = uploaded(model, asked, folder), None
    if seen is None:
        base = _base(model, asked)
    else:
        base, error = latent_of(model, seen, label_of(model, asked), asked, FOUND, tell)
    z = base.clone()
    for name, value in asked.dims.items():
        if int(name) >= z.numel():
            raise UsageError(f"{asked.model} has {z.numel()} latent dimensions, 0 to {z.numel() - 1}; {name} is none")
        z.view(-1)[int(name)] = value
    z = z[None]
    for name, strength in asked.concepts.items():
        z = _concept(asked.model, name).apply(z, strength)
    return _Shown(rows=decoded(model, z, label_of(model, asked), tell), z=z, base=base, seen=seen, error=error)


def _base(model: Model, asked: Asked) -> Tensor:
    """The latent (*latent_shape) that a place begins at: of a link, on the map, or a seed's first sample."""
    if asked.z:
        values = torch.tensor(latent_values(asked.z), dtype=torch.float32)
        if values.numel() != torch.Size(model.latent_shape).numel():
            raise UsageError(f"the link's place has {values.numel()} dimensions, {asked.model} has another number")
        return values.view(model.latent_shape)
    if asked.at is not None:
        _check_plane(model, asked)
        inside = [min(max(share, 1e-4), 1 - 1e-4) for share in asked.at]
        return model.prior_of(asked.prior or None).from_uniform(torch.tensor([inside], dtype=torch.float64))[0]
    return _drawn(model, asked, [asked.start])[0]


def _check_plane(model: Model, asked: Asked) -> None:
    if model.latent_shape != (2,):
        shape = " x ".join(map(str, model.latent_shape))
        raise UsageError(f"{asked.model} has {shape} latent dimensions, and a map has 2; look at single dimensions")


def _map(model: Model, modality: Modality, asked: Asked, folder: Path, tell: Tell) -> _Shown:
    _check_plane(model, asked)
    side = min(max(asked.n, 2), MOST_SIDE)
    z = plane(side, prior=model.prior_of(asked.prior or None))
    return _Shown(rows=decoded(model, z, label_of(model, asked), tell), z=z, columns=side)


VIEWS: dict[str, Callable[[Model, Modality, Asked, Path, Tell], _Shown]] = {
    "sample": _sample,
    "walk": _walk,
    "place": _place,
    "map": _map,
}
