"""A file of the user's own in a latent space: encoded, or where there is no encoder found by optimisation."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from zoo.errors import UsageError
from zoo.latent import Inversion, invert
from zoo.nn import Encodes, Model
from zoo_gallery.asked import Asked
from zoo_gallery.pace import Pace, Tell
from zoo_gallery.uploads import MOST_KEPT

__all__ = ["STEPS", "Found", "latent_of", "uploaded"]

STEPS = 200  # of inversion

Found = dict[tuple[str, str, str], Inversion]  # by model, file and class


def uploaded(model: Model, asked: Asked, folder: Path) -> Tensor | None:
    """The file that was sent as the model sees it, (1, *data_shape); None where none was.

    Raises UsageError for one that is not kept any longer, and what reading it raises.
    """
    if not asked.upload:
        return None
    path = folder / "uploads" / Path(asked.upload).name
    if not path.is_file():
        raise UsageError("the file that was sent is not kept any longer; choose it again")
    return model.examples(path)


def latent_of(
    model: Model, seen: Tensor, label: str | int | None, asked: Asked, found: Found, tell: Tell
) -> tuple[Tensor, float | None]:
    """The latent (*latent_shape) of the example `seen` (1, *data_shape); where it had to be looked for also the root
    mean square error of what it decodes to, of 1. What was `found` once is not looked for again.
    """
    if isinstance(model, Encodes):
        return model.encode(seen, label).mean[0].cpu(), None
    key = (asked.model, asked.upload, str(label))
    if key not in found:
        tell("status", text=f"{asked.model} has no encoder: a latent is looked for in {STEPS} steps")
        made = invert(model, seen, labels=label, steps=STEPS, progress=Pace(tell))
        while len(found) >= MOST_KEPT:
            found.pop(next(iter(found)))
        found[key] = made
    return found[key].z[0].cpu(), float(found[key].error)
