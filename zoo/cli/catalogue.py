"""The verbs that ask the catalogue: list, info."""

from __future__ import annotations

import argparse
import contextlib
import json
from typing import TYPE_CHECKING, Any

from zoo.cli.output import complain, show, takes_json, takes_offline
from zoo.cli.verbs import VERBS
from zoo.errors import NotFoundError, UsageError, ZooError

if TYPE_CHECKING:
    from zoo.catalogue.contract.registry import Registry
    from zoo.catalogue.contract.specs import ModelSpec, Spec

__all__ = ["info", "info_arguments", "list_arguments", "list_names"]


def list_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo list` takes."""
    from zoo.catalogue.contract.registry import PLURALS

    text = "a kind, as in `zoo list datasets`; words of name, summary or tags; wildcards of the name: 'dcgan-*'"
    command.add_argument("words", nargs="*", metavar="[KIND] [WORD ...]", help=text)
    kinds = command.add_mutually_exclusive_group()
    for kind in PLURALS.values():
        kinds.add_argument(f"--{kind}", action="store_true")
    kinds.add_argument(
        "--hub", action="store_true", help="models on the Hub by anybody, in the zoo's format or --format"
    )
    text = "only what is of this kind of data: image, text, tune, audio (see `zoo list modalities`)"
    command.add_argument("--kind", metavar="MODALITY", help=text)
    text = "only models in this other program's format (see `zoo list formats`), here or with --hub"
    command.add_argument("--format", metavar="FORMAT", help=text)
    takes_json(command)


def list_names(arguments: argparse.Namespace) -> None:
    """Print the names of a kind, and what is known of each."""
    kind, arguments.pattern = _asked(arguments)
    if arguments.format is not None:
        _check_format(arguments.format, kind)
    if arguments.hub:
        from zoo.cli.hub import search

        search(arguments)
        return
    from zoo.catalogue.contract.registry import PLURALS
    from zoo.catalogue.contract.specs import ModelSpec, to_json
    from zoo.catalogue.plugins.loading import default_registry

    registry = default_registry()
    rows = []
    if arguments.kind is not None:
        registry.modality(arguments.kind)  # of a name that is none it says what there is
    for owned in registry.list(kind, arguments.pattern):
        if arguments.kind is not None and _modality_of(owned.spec, registry) != arguments.kind:
            continue
        if arguments.format is not None and not _is_in(arguments.format, owned.spec):
            continue
        row = {"name": owned.name} | to_json(owned.spec) | {"name": owned.name, "owner": owned.owner}
        if isinstance(owned.spec, ModelSpec):
            row["available"] = _available(owned.name, owned.spec)
        rows.append(row)
    if not rows and arguments.pattern != "*":
        from zoo.configs import near  # a list that finds something does without

        others = [plural for other, plural in PLURALS.items() if registry.list(other, arguments.pattern)]
        see = " and ".join(f"`zoo list {plural} {arguments.pattern}`" for plural in others)
        names = [*PLURALS.values(), *(owned.name for owned in registry.list(kind))]
        there = f"; see {see}" if see else near(arguments.pattern, names)
        complain(f"no {kind} matches {arguments.pattern!r}{there}")
    columns = {
        "model": ("name", "available", "architecture", "dataset", "summary"),
        "dataset": ("name", "licence", "summary"),
        **dict.fromkeys(("command", "export", "family", "modality", "format"), ("name", "summary")),
        "feature": ("name", "modality", "licence", "summary"),
    }
    show(rows, columns.get(kind, ("name", "family", "summary")), arguments.json)


def _check_format(name: str, kind: str) -> None:
    """Raise NotFoundError for a format that no plugin reads, UsageError where the kind has none."""
    from zoo.catalogue.plugins.loading import default_registry

    default_registry().format(name)
    if kind != "model":
        raise UsageError(f"--format is of models; leave it out, or list models instead of {kind}")


def _is_in(format_name: str, spec: Spec) -> bool:
    from zoo.catalogue.contract.specs import ModelSpec

    return isinstance(spec, ModelSpec) and spec.weights is not None and spec.weights.format == format_name


def _available(name: str, spec: ModelSpec) -> str:
    """Where a model's weights are: "recipe" where there are none yet, "unpinned" where nobody says which they are."""
    from zoo.catalogue.contract.references import resource
    from zoo.catalogue.weights.first_seen import known_pins

    weights = spec.weights
    if weights is None:
        return "recipe"
    if weights.bundled is not None:
        with contextlib.suppress(NotFoundError):  # a wheel may leave to the Hub what is there
            resource(weights.bundled, name)
            return "bundled"
    return "hub" if weights.bundled or known_pins(name, weights)[1] else "unpinned"


def _modality_of(spec: Spec, registry: Registry) -> str:
    """The kind of data that a spec is of; "" for one that is of none."""
    from zoo.catalogue.contract.specs import ModelSpec

    if isinstance(spec, ModelSpec):
        with contextlib.suppress(ZooError):  # its architecture's plugin may have failed
            return registry.modality_of(spec.architecture).name
        return ""
    return getattr(spec, "modality", "")


def _asked(arguments: argparse.Namespace) -> tuple[str, str]:
    """The kind that is asked for, by its option or as the first word, and the pattern of all words but that one."""
    from zoo.catalogue.contract.registry import PLURALS

    words = list(arguments.words)
    kinds = {plural: kind for kind, plural in PLURALS.items()} | {kind: kind for kind in PLURALS}
    found = next((kind for kind, plural in PLURALS.items() if getattr(arguments, plural)), None)
    if found is None and not arguments.hub and words and words[0] in kinds:
        found = kinds[words.pop(0)]
    return found or "model", " ".join(words) or "*"


def info_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo info` takes."""
    text = (
        "a name of `zoo list`, a weights folder (./folder), hf://org/repo[@revision], a recipe file, a plugin or a verb"
    )
    command.add_argument("name", help=text)
    takes_offline(command)
    takes_json(command)


def info(arguments: argparse.Namespace) -> None:
    """Print what is known of a name."""
    from zoo.cli.facts import show_facts

    rows = _known(arguments.name)
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    for facts in rows:
        show_facts(facts)


def _known(name: str) -> list[dict[str, Any]]:
    """The facts of a name. What the catalogue lacks may be one of the zoo's own verbs, or a plugin."""
    from zoo.catalogue.questions import info as known

    try:
        return [known(name)]
    except NotFoundError as error:
        if (verb := next((verb for verb in VERBS if verb.name == name), None)) is not None:
            return [{"name": name, "kind": "command", "summary": verb.summary}]
        with contextlib.suppress(NotFoundError):
            from zoo.cli.plugins import plugin_facts

            return [{"name": name, "kind": "plugin"} | facts for facts in plugin_facts(name)]
        raise error from None
