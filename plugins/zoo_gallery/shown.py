"""Examples as a page shows them and as files to keep: their modality is asked for both."""

from __future__ import annotations

import secrets
from pathlib import Path

import numpy as np
from torch import Tensor

from zoo.api import ModalitySpec
from zoo.data import Modality
from zoo.errors import UsageError
from zoo.files import new_file
from zoo_gallery.asked import Asked
from zoo_gallery.references import shown_by

__all__ = ["ARRAYS", "html_of", "in_a_file"]

SCALE = 3  # screen pixels a pixel in files, as the command line has it
ARRAYS = ".npz"  # latents and examples, as numpy keeps them


def html_of(x: Tensor, modality: Modality, spec: ModalitySpec, path: Path, *, columns: int | None) -> str:
    """Examples x (N, *data_shape) in HTML, by way of a file at `path` that is removed again."""
    try:
        modality.write(x, path, columns=columns, scale=1)
        return shown_by(spec, path)
    finally:
        path.unlink(missing_ok=True)


def in_a_file(
    x: Tensor, z: Tensor | None, asked: Asked, modality: Modality, spec: ModalitySpec, folder: Path
) -> dict[str, str]:
    """Write examples x (N, *data_shape) into a file that ends as asked, and say where (`path`) and what to call it.

    The arrays hold the latents z (N, *latent_shape) too, where there are. Raises UsageError for another ending.
    """
    moving = spec.animations if asked.view == "walk" else ()
    endings = (*spec.suffixes, *moving, ARRAYS)
    if asked.format not in endings:
        raise UsageError(f"{asked.model} is written as {', '.join(endings)}, not as {asked.format}")
    path = folder / f"{secrets.token_hex(8)}{asked.format}"
    if asked.format == ARRAYS:
        arrays = {"x": x.numpy()} | ({} if z is None else {"z": z.detach().cpu().numpy()})
        with new_file(path) as aside:
            np.savez(aside, allow_pickle=False, **arrays)
    elif asked.format in moving:
        modality.animate(x[:, None], path, scale=SCALE)
    else:
        columns = len(x) if asked.view == "walk" else asked.n if asked.view == "map" else None
        modality.write(x, path, columns=columns, scale=SCALE)
    stem = "-".join([asked.model.strip("./").replace("/", "-"), asked.view, str(asked.seed)])
    return {"path": path.name, "name": f"{stem}{asked.format}"}
