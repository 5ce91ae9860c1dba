"""A recipe for data of one's own: what an architecture's starter chooses by the data, completed and checked."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from zoo.catalogue.contract.data_references import absolute, as_reference
from zoo.catalogue.contract.facts import Choice, DataFacts
from zoo.catalogue.contract.references import blamed, import_reference
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.contract.specs import ArchitectureSpec
from zoo.catalogue.recipes.recipe import Recipe, check_modality, known_dataset, neutral, with_values
from zoo.configs import near
from zoo.errors import ConfigError, DataError, NotFoundError, PluginError

__all__ = ["check_given", "chosen_by", "run_name", "start_recipe", "unknown_start"]

NAME_BYTES = 80  # of a run's name: a folder's may have 255
FEWEST = 16  # examples: below, there is nothing to learn from
KEY = re.compile(r"((config|settings|doctor)\.)?[A-Za-z_]\w*")
READINGS, GRIDS = (100, 500, 10_000), (20, 2_000, 50_000)  # of a run, and the fewest and most examples between two


def chosen_by(spec: ArchitectureSpec, facts: DataFacts) -> list[Choice]:
    """What the architecture's starter chooses for data of that kind.

    Raises NotFoundError where it has none, PluginError where what it gives is no list of choices with a trainer.
    """
    owner = f"architecture {spec.name}"
    if not spec.starter:
        raise NotFoundError(f"{owner} has no starter, which chooses by the data; train it from a recipe (a TOML file)")
    starter = import_reference(spec.starter, owner, spec.install_hint)
    with blamed(f"{owner}: its starter failed"):
        choices = list(starter(facts))
    for choice in choices:
        if not isinstance(choice, Choice) or not isinstance(choice.key, str) or not KEY.fullmatch(choice.key):
            raise PluginError(f"{owner}: its starter gives {choice!r:.100}, no Choice of a recipe's key")
    if "trainer" not in [choice.key for choice in choices]:
        raise PluginError(f"{owner}: its starter chooses no trainer")
    return choices


def start_recipe(
    architecture: str, reference: str, facts: DataFacts, registry: Registry
) -> tuple[Recipe, list[Choice]]:
    """A recipe for the data of that reference, and what was chosen: what `facts.given` has set is left to the user.

    Raises NotFoundError, DataError for too few examples, PluginError, and ConfigError for a value out of range or data
    of another modality than the architecture's.
    """
    spec = registry.architecture(architecture)
    reference = as_reference(reference, registry, spec.modality)
    if (dataset := known_dataset(reference, registry)) is not None:
        check_modality(spec, dataset, reference)
    if facts.count < FEWEST:
        advice = f"add more: {FEWEST} is the least, some hundreds are a beginning"
        raise DataError(f"{reference}: {facts.count} examples are too few to learn from; {advice}")
    chosen = chosen_by(spec, facts)
    values = {choice.key: choice.value for choice in chosen} | dict(facts.given)
    known = {choice.key for choice in chosen}
    chosen += [choice for choice in _rhythm(values.get("examples")) if choice.key not in known]
    chosen = [choice for choice in chosen if choice.key not in facts.given]
    plain = neutral(reference)
    start = Recipe(
        name=run_name(architecture, reference),
        summary=f"{architecture} on {plain}, {facts.count:,} examples.",
        architecture=architecture,
        dataset=reference,
        trainer=str(values["trainer"]),
    )
    recipe = with_values(start, {choice.key: choice.value for choice in chosen})
    return with_values(recipe, facts.given), chosen


def _rhythm(examples: Any) -> list[Choice]:
    """How often a run of so many examples reads, draws and saves."""
    if type(examples) is not int or examples < 1:
        return []
    every, grid = (min(examples, max(least, min(examples // parts, most))) for parts, least, most in (READINGS, GRIDS))
    return [
        Choice("log_every", every, "examples between two readings"),
        Choice("sample_every", grid, "examples between two grids of samples"),
        Choice("checkpoint_every", grid, "examples between two checkpoints"),
    ]


def run_name(architecture: str, reference: str) -> str:
    """A name for a run's folder: `acme/tiny` and `sounds:~/my-birds` -> `tiny-my-birds`."""
    plain = neutral(absolute(reference))
    data = plain.partition(":")[2].removesuffix(".tar") or plain
    return f"{architecture.rpartition('/')[2]}-{_word(data)}".strip("-").encode()[:NAME_BYTES].decode(errors="ignore")


def _word(text: str) -> str:
    """The letters and digits of any script, in lower case, joined by "-"; where other signs are lost (an emoji, say) a
    few digits of the text's hash stand for them.
    """
    text = unicodedata.normalize("NFC", text).lower()
    kept = "".join(c if unicodedata.category(c)[0] in "LMN" else "-" for c in text)
    lost = any(not c.isascii() and k == "-" for c, k in zip(text, kept, strict=True))
    digits = hashlib.sha256(os.fsencode(text)).hexdigest()[:6] if lost else ""
    return "-".join(filter(None, [*kept.split("-"), digits]))


def unknown_start(name: str, registry: Registry) -> NotFoundError:
    """The error for a name that is neither a model nor an architecture."""
    if other := registry.of_another_kind("model", name):
        return NotFoundError(other)
    known = [owned.name for kind in ("model", "architecture") for owned in registry.list(kind)]
    hint = near(name, known) or "; `zoo list` and `zoo list --architectures` show what there is"
    return NotFoundError(f"no model or architecture is named {name!r:.100}{hint}")


def check_given(given: Mapping[str, Any]) -> None:
    """Raise ConfigError for a value of the recipe itself that is out of range, before the data are looked at."""
    plain = {key: value for key, value in given.items() if "." not in key}
    like = Recipe(name="given", architecture="x", dataset="x", trainer="x")
    try:
        with_values(like, plain)
    except ConfigError as error:
        raise ConfigError(str(error).replace("recipe given", "--set", 1)) from error
