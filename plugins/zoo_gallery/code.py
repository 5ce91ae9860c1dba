"""The lines that make a view again: of Python, and of a shell."""

from __future__ import annotations

import json
from typing import Any

from zoo.api import ModalitySpec
from zoo.files import shell_line
from zoo.nn import Encodes, Model
from zoo_gallery.asked import Asked, latent_values
from zoo_gallery.own import STEPS
from zoo_gallery.samples import label_of

__all__ = ["lines"]

FEW = 4  # coordinates of a latent that stand in a line; of more the file that holds them is read


def lines(asked: Asked, model: Model, spec: ModalitySpec) -> dict[str, str]:
    """`python`, which leaves the examples in x, and `shell`, which writes a file.

    A place in the latent space that a line cannot hold is read from the file of arrays that the page gives; a user's
    own file is called photo.jpg.
    """
    found = _PYTHON[asked.view](asked, model)
    imports = [f"import {name}" for name in ("numpy", "torch", "zoo") if any(f"{name}." in line for line in found)]
    out = f"{asked.view}{spec.suffixes[0]}"
    verb = _verb(asked, model)
    if verb is None:
        write = [f"modality_of(model).write(x, Path({_value(out)}))"]
        more = ["from pathlib import Path", "from zoo.data import modality_of"]
        shell = shell_line(["python", "-c", "; ".join([*imports, *more, *found, *write])])
    else:
        shell = shell_line(["zoo", *verb, "-o", out])
    return {"python": "\n".join([*imports, *found]), "shell": shell}


def _verb(asked: Asked, model: Model) -> list[str] | None:
    """The words of the zoo's own command, where one shows the same."""
    common = [f"--label={asked.label}"] * bool(asked.label) + [f"--prior={asked.prior}"] * bool(asked.prior)
    seed = ["--seed", str(asked.seed)]
    if asked.view == "sample" and (asked.label or model.num_classes is None):
        cut = [] if asked.truncation is None else [f"--truncation={asked.truncation:g}"]
        options = [f"--{name.replace('_', '-')}={value}" for name, value in asked.options.items()]
        return ["sample", asked.model, "-n", str(asked.n), *seed, *common, *cut, *options]
    if asked.view == "walk" and (asked.start, asked.end, asked.truncation) == (0, 1, None):
        return ["interpolate", asked.model, *seed, "--rows", "1", "--steps", str(asked.steps), *common]
    if asked.view == "map":
        return ["manifold", asked.model, "-n", str(asked.n), *common]
    if asked.view == "place" and asked.upload and len(asked.concepts) == 1 and not asked.dims:
        ((name, strength),) = asked.concepts.items()
        how = [f"--label={asked.label}"] * bool(asked.label)
        how += [] if isinstance(model, Encodes) else [f"--inversion-steps={STEPS}"]
        return ["edit", "photo.jpg", "--model", asked.model, "--concept", name, f"--strength={strength:g}", *how]
    return None


def _call(**given: Any) -> str:
    """Keyword arguments, those that are given."""
    return ", ".join(f"{name}={_value(value)}" for name, value in given.items() if value not in (None, ""))


def _value(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _drawn(asked: Asked, model: Model, n: int) -> str:
    given = {"seed": asked.seed, "labels": label_of(model, asked), "truncation": asked.truncation, "prior": asked.prior}
    return f"model.latents({n}, {_call(**given)})"


def _decode(asked: Asked, model: Model, z: str) -> str:
    label = _call(labels=label_of(model, asked))
    return f"x = model.decode({z}{', ' if label else ''}{label})"


def _load(asked: Asked) -> str:
    return f"model = zoo.load({_value(asked.model)})"


def _sample(asked: Asked, model: Model) -> list[str]:
    given = {
        "seed": asked.seed,
        "labels": label_of(model, asked, one=False),
        "truncation": asked.truncation,
        "prior": asked.prior,
    }
    return [_load(asked), f"x = model.sample({asked.n}, {_call(**given, **asked.options)})"]


def _walk(asked: Asked, model: Model) -> list[str]:
    rows = [asked.start, asked.end]
    some = "" if rows == [0, 1] else f"[{rows}]"
    path = f"within(model.prior_of({_call(name=asked.prior)}), start, end, {asked.steps})"
    ends = f"start, end = {_drawn(asked, model, max(rows) + 1)}{some}"
    return ["from zoo.latent import within", _load(asked), ends, _decode(asked, model, path)]


def _place(asked: Asked, model: Model) -> list[str]:
    if asked.z and len(latent_values(asked.z)) > FEW:  # the file holds the place itself
        name = "-".join([asked.model.strip("./").replace("/", "-"), "place", str(asked.seed)])
        return [_load(asked), _decode(asked, model, f'numpy.load("{name}.npz")["z"]')]
    looked_for = bool(asked.upload) and not isinstance(model, Encodes)
    found = ["from zoo.latent import invert"] * looked_for + [_load(asked), f"z = {_begin(asked, model)}"]
    found += [f"z.view(-1)[{name}] = {value:.7g}" for name, value in asked.dims.items()]
    concept = f"zoo.load_concept({_value(asked.model)}, {{}}).direction"
    found += [f"z = z + {s:.7g} * {concept.format(_value(name))}" for name, s in asked.concepts.items()]
    return [*found, _decode(asked, model, "z")]


def _begin(asked: Asked, model: Model) -> str:
    """Where a place begins, (1, *latent_shape)."""
    if asked.upload:
        label = _call(labels=label_of(model, asked))
        if isinstance(model, Encodes):
            return f'model.encode("photo.jpg"{", " if label else ""}{label}).mean'
        return f'invert(model, "photo.jpg", {_call(labels=label_of(model, asked), steps=STEPS)}).z'
    if asked.at is not None:
        return f"model.prior_of({_call(name=asked.prior)}).from_uniform(torch.tensor([{list(asked.at)}]))"
    if asked.z:
        values = [float(f"{value:.7g}") for value in latent_values(asked.z)]
        return f"torch.tensor({values}).view(1, {', '.join(map(str, model.latent_shape))})"
    return _drawn(asked, model, asked.start + 1) + ("[-1:]" if asked.start else "")


def _map(asked: Asked, model: Model) -> list[str]:
    path = f"plane({asked.n}, prior=model.prior_of({_call(name=asked.prior)}))"
    return ["from zoo.latent import plane", _load(asked), _decode(asked, model, path)]


_PYTHON = {"sample": _sample, "walk": _walk, "place": _place, "map": _map}
