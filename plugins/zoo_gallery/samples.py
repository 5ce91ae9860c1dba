"""Samples as they come: a piece after the other, and of what is written each as soon as it has ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from zoo.data import Modality
from zoo.nn import Model
from zoo.sequences import Autoregressive, Tokens
from zoo_gallery.asked import Asked
from zoo_gallery.pace import Pace, Tell

__all__ = ["Rows", "decoded", "label_of", "written"]

Rows = Iterator[tuple[int, Tensor]]  # examples (1, *data_shape), each with its number


def label_of(model: Model, asked: Asked, *, one: bool = True) -> str | int | None:
    """The class that is asked for; without one each in turn (None), or where `one` is needed the first."""
    if asked.label:
        return int(asked.label) if asked.label.isdecimal() and asked.label not in model.classes else asked.label
    return 0 if one and model.num_classes is not None else None


def decoded(model: Model, z: Tensor, label: str | int | None, tell: Tell, **options: Any) -> Rows:
    """What latents z (N, *latent_shape) decode to, as many at a time as the networks see; without a `label` the classes
    of a model that has some stand in turn.
    """
    starts = range(0, len(z), model.chunk)
    for piece, start in enumerate(starts):
        rows = range(start, min(start + model.chunk, len(z)))
        labels = [row % model.num_classes for row in rows] if label is None and model.num_classes else label
        pace = Pace(tell, index=piece, count=len(starts))
        x = model.decode(z[start : rows.stop], labels, progress=pace, **options).cpu()
        yield from zip(rows, x.split(1), strict=True)


def written(model: Autoregressive, modality: Modality, asked: Asked, given: dict[str, Any], tell: Tell) -> Rows:
    """Samples as they are written: their texts so far are told now and then, and each comes when it has ended. When all
    have, nothing more is written.
    """
    how = model.sampling | asked.options
    total = int(how.get("length") or model.latent_shape[0]) + len(str(how.get("prompt", "")))
    steps: list[Tensor] = []
    ended: set[int] = set()
    pace = Pace(tell)
    for tokens in model.stream(asked.n, seed=asked.seed, **given):
        steps.append(tokens)
        if not pace.due():
            continue
        tell("progress", done=len(steps), total=max(total, len(steps)))
        if not isinstance(modality, Tokens):
            continue
        x = torch.stack(steps, 1)
        tell("text", texts=[None if i in ended else modality.texts(row)[0] for i, row in enumerate(x.split(1))])
        for index in (index for index, over in enumerate(modality.ended(x)) if over and index not in ended):
            ended.add(index)
            yield index, x[index : index + 1]
        if len(ended) == asked.n:
            return
    for index, row in enumerate(torch.stack(steps, 1).split(1)):
        if index not in ended:
            yield index, row
