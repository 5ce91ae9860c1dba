"""Level `discovery`: what asking the plugin for its specs does, seen from a fresh process of its own."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from zoo.catalogue.contract.specs import to_json
from zoo.catalogue.plugins.child import changes_of
from zoo.testing.subject import LIMIT, FailedCheck, Item, Subject, require

__all__ = ["changes_nothing", "hooks", "imports", "light", "plain_data", "same_twice", "silent", "specs", "summary"]


def _stage(subject: Subject, stage: str) -> None:
    seen = subject.probe(0)
    if seen["stage"] == stage:
        raise FailedCheck(seen["error"])


def imports(subject: Subject, item: Item) -> None:
    """The spec module can be imported in a fresh process, and is written for this plugin API."""
    _stage(subject, "imports")


def hooks(subject: Subject, item: Item) -> None:
    """Its hooks are known ones, marked by @hookimpl, no wrappers, and take (context) without a default."""
    _stage(subject, "hooks")


def specs(subject: Subject, item: Item) -> None:
    """Its hooks return specs of their own type alone, at least one, with legal names, none twice."""
    _stage(subject, "specs")
    require(subject.probe(0).get("first"), "it contributes nothing; a hook must return a spec")


def light(subject: Subject, item: Item) -> None:
    """Listing its specs imports neither torch, torchvision, numpy nor huggingface_hub."""
    heavy = subject.probe(0)["heavy"]
    require(not heavy, f"its spec module imports {' and '.join(heavy)}; import them where something is built")


def silent(subject: Subject, item: Item) -> None:
    """Listing its specs writes nothing to standard output or standard error."""
    output = subject.probe(0)["output"].strip()
    require(not output, f"listing its specs prints {output!r:.200}")


def changes_nothing(subject: Subject, item: Item) -> None:
    """Importing it, and what its specs refer to, changes nothing of the process: folder, seeds, dtype, handlers."""
    changes, how = changes_of(subject.point, LIMIT)
    require(not how, f"importing what its specs refer to ends the process, or hangs: {how}")
    require(not changes, f"importing it changes {', '.join(changes)}; set that inside a function, and put it back")


def same_twice(subject: Subject, item: Item) -> None:
    """Two calls, and two processes with different hash seeds, give the same specs in the same order."""
    one, other = subject.probe(0), subject.probe(1)
    require(one["first"] == one["second"], f"two calls give different specs{_difference(one['first'], one['second'])}")
    again = other.get("first") or []
    require(one["first"] == again, f"two processes give different specs{_difference(one['first'], again)}")


def _difference(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> str:
    for one, other in zip(first, second, strict=False):
        for key in one:
            if one[key] != other.get(key):
                return f": {one['name']} and {other['name']} differ in {key}"
    return f": {len(first)} and {len(second)} of them"


def plain_data(subject: Subject, item: Item) -> None:
    """A spec is plain data: texts, numbers, lists and tables, the same after a way through JSON."""
    data = asdict(item.spec)
    if problem := _not_plain(data, item.name):
        raise FailedCheck(problem)
    again = json.loads(json.dumps(to_json(item.spec), allow_nan=False))
    require(again == to_json(item.spec), f"{item.name} is not the same after a way through JSON")


def _not_plain(value: Any, where: str) -> str:
    """What JSON could not give back, or ''."""
    if isinstance(value, Mapping):
        keys = [f"{where} has the key {key!r}, which is no text" for key in value if type(key) is not str]
        return next(iter(keys), "") or next(filter(None, (_not_plain(v, f"{where}.{k}") for k, v in value.items())), "")
    if isinstance(value, (list, tuple)):
        return next(filter(None, (_not_plain(v, f"{where}[{i}]") for i, v in enumerate(value))), "")
    plain = value is None or type(value) in (str, int, bool) or (type(value) is float and math.isfinite(value))
    return "" if plain else f"{where} is {value!r:.80}, a {type(value).__name__} that JSON does not know"


def summary(subject: Subject, item: Item) -> None:
    """A spec has a summary of one line, at most 120 characters."""
    text = item.spec.summary
    require(text.strip() == text != "", f"{item.name}: its summary is empty, or has spaces around it")
    require(
        "\n" not in text and len(text) <= 120, f"{item.name}: its summary is longer than one line of 120 characters"
    )
