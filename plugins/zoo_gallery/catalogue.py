"""What the page shows of the catalogue before anything is loaded. No torch."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import zoo
from zoo.api import ModalitySpec, default_registry
from zoo.errors import ZooError
from zoo_gallery.references import shown_by

__all__ = ["catalogue", "preview"]

VERBS = ("dream",)  # that have a view of their own
TOLD = ("name", "summary", "architecture", "dataset", "licence", "classes", "concepts", "parameters", "source", "owner")
PLAYERS = re.compile(r"<audio\b.*?</audio>|<a\b.*?</a>", re.DOTALL)  # what a preview does without
MOST_PREVIEW = 2_000_000  # characters


def catalogue(more: Iterable[str] = ()) -> dict[str, Any]:
    """The models by kind of data, those of `more` among them; what failed; and which verbs have a view.

    Each says whether it is `ready` to be sampled, and if not, the `command` that makes it so.
    """
    registry = default_registry()
    failures = [
        f"plugin {name} failed ({error}), and what it brings is missing; `zoo plugins check {name}` says more"
        for name, error in registry.failures.items()
    ]
    found: dict[str, list[dict[str, Any]]] = {}
    for name in [*zoo.list_models(), *more]:
        try:
            facts = zoo.info(name, local_files_only=True)
            kind = registry.modality_of(facts["architecture"]).name
        except ZooError as error:
            text = " ".join(str(error).split())
            failures.append(text if text.startswith(name) else f"{name}: {text}")
            continue
        found.setdefault(kind, []).append(_model(facts))
    kinds = []
    for kind in sorted(found):
        spec, models = registry.modality(kind), sorted(found[kind], key=_order)
        kinds.append({"name": kind, "summary": spec.summary, "suffixes": spec.suffixes, "models": models})
    verbs = [name for name in VERBS if ("command", name) in registry.entries]
    return {"kinds": kinds, "failures": failures, "verbs": verbs, "version": zoo.__version__}


def _order(model: dict[str, Any]) -> tuple[bool, str]:
    return not model["ready"], model["name"]


def _model(facts: dict[str, Any]) -> dict[str, Any]:
    found = {key: facts[key] for key in TOLD if key in facts}
    ready, name = facts.get("path") is not None, facts["name"]
    views = ["sample", "walk", "place"] if ready else []
    views += ["map"] if ready and facts["latent_shape"] == [2] else []
    views += ["edit"] if ready and {"encoder", "generator"} & set(facts["parts"]) else []  # of a GAN by inversion
    verb = "pull" if facts.get("source") == "hub" else "train"
    figures = [
        {"name": figure.get("what", figure["name"]), "value": figure["value"], "better": figure["better"]}
        for figure in facts.get("figures", [])
    ]
    more = {"ready": ready, "views": views, "figures": figures, "command": "" if ready else f"zoo {verb} {name}"}
    return found | more


def preview(name: str) -> str:
    """The samples that lie beside a model's weights, in HTML; "" where there are none. Raises what reading raises."""
    facts = zoo.info(name, local_files_only=True)
    spec: ModalitySpec = default_registry().modality_of(facts["architecture"])
    folder = facts.get("path")
    if folder is None:
        return ""
    for suffix in spec.suffixes:
        path = Path(folder) / f"samples{suffix}"
        if path.is_file():
            shown = PLAYERS.sub("", shown_by(spec, path))
            return shown if len(shown) <= MOST_PREVIEW else ""
    return ""
