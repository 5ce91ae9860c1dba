"""The table of checks. A check is one function of (subject, item); the first line of its docstring is its sentence."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from zoo.catalogue.contract.specs import ArchitectureSpec, ModelSpec
from zoo.testing import (
    behaviour,
    build,
    commands,
    datasets,
    discovery,
    families,
    features,
    modalities,
    package,
    starters,
    training,
    weights,
)
from zoo.testing.subject import Item, Subject

__all__ = ["TABLE", "Check", "as_markdown"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing a plugin owes."""

    id: str  # "LEVEL.NAME"
    kinds: tuple[str, ...]  # what it is run on: "plugin" once, or every spec of these kinds
    function: Callable[[Subject, Item], None]  # raises FailedCheck, NotApplicable, or whatever the plugin raises
    needs: tuple[str, ...] = ()  # checks of the same item without which it says nothing
    gate: bool = False  # of the plugin: where it fails, no spec can be looked at
    spares: Callable[[Item], str] = lambda item: ""  # the reason why it does not apply, by what the spec declares

    @property
    def level(self) -> str:
        """Which level it is of."""
        return self.id.partition(".")[0]

    @property
    def sentence(self) -> str:
        """What must be so."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]


PLUGIN, ARCHITECTURE, DATASET = ("plugin",), ("architecture",), ("dataset",)
MODEL, TRAINER, COMMAND = ("model",), ("trainer",), ("command",)
MODALITY, FAMILY, FEATURES = ("modality",), ("family",), ("feature",)
SPECS = (
    *("architecture", "dataset", "model", "trainer", "command", "feature", "family"),
    *("modality", "format", "export", "tracker", "metric"),
)

# What a check needs to have passed before it says anything of its own.
CONFIG = ("build.config",)
BUILT = ("build.meta-and-cpu-alike",)
WHOLE = ("build.interfaces",)
RUNS = ("behaviour.outputs",)
TRAINED = ("behaviour.gradients", "behaviour.players-apart")
NAMED = ("build.names-resolve", "build.recipe")
PINNED = ("weights.pins",)
LOADED = ("weights.header",)
DECLARED = ("datasets.declaration",)
READ = ("datasets.schema",)
KIND = ("modalities.declaration",)
KEPT = ("modalities.round-trip",)
FOUND = ("features.loads",)
CALLED = ("trainers.callable", "trainers.settings")

TABLE: tuple[Check, ...] = (
    Check(id="package.record", kinds=PLUGIN, function=package.record),
    Check(id="package.entry-point", kinds=PLUGIN, function=package.entry_point, gate=True),
    Check(id="package.namespace", kinds=PLUGIN, function=package.namespace),
    Check(id="package.licence", kinds=PLUGIN, function=package.licence),
    Check(id="package.requires-zoo", kinds=PLUGIN, function=package.requires_zoo),
    Check(id="discovery.imports", kinds=PLUGIN, function=discovery.imports, gate=True, needs=("package.entry-point",)),
    Check(id="discovery.hooks", kinds=PLUGIN, function=discovery.hooks, gate=True, needs=("discovery.imports",)),
    Check(id="discovery.specs", kinds=PLUGIN, function=discovery.specs, gate=True, needs=("discovery.hooks",)),
    Check(id="discovery.light", kinds=PLUGIN, function=discovery.light, needs=("discovery.imports",)),
    Check(id="discovery.silent", kinds=PLUGIN, function=discovery.silent, needs=("discovery.imports",)),
    Check(
        id="discovery.changes-nothing",
        kinds=PLUGIN,
        function=discovery.changes_nothing,
        needs=("discovery.imports",),
    ),
    Check(id="discovery.same-twice", kinds=PLUGIN, function=discovery.same_twice, needs=("discovery.specs",)),
    Check(id="discovery.plain-data", kinds=SPECS, function=discovery.plain_data),
    Check(id="discovery.summary", kinds=SPECS, function=discovery.summary),
    Check(id="build.config", kinds=ARCHITECTURE, function=build.config_round_trip),
    Check(id="build.bad-config-refused", kinds=ARCHITECTURE, function=build.bad_config_refused, needs=CONFIG),
    Check(id="build.meta-and-cpu-alike", kinds=ARCHITECTURE, function=build.meta_and_cpu_alike, needs=CONFIG),
    Check(id="build.interfaces", kinds=ARCHITECTURE, function=build.interfaces, needs=BUILT),
    Check(id="build.seed", kinds=ARCHITECTURE, function=build.same_seed_same_start, needs=BUILT),
    Check(id="build.picklable", kinds=ARCHITECTURE, function=build.picklable, needs=BUILT),
    Check(id="build.starter", kinds=ARCHITECTURE, function=starters.starter, needs=WHOLE, spares=starters.no_starter),
    Check(id="build.names-resolve", kinds=MODEL, function=build.model_names_resolve),
    Check(
        id="build.recipe",
        kinds=MODEL,
        function=build.recipe_resolves,
        needs=("build.names-resolve",),
        spares=lambda item: "" if item.of(ModelSpec).recipe else "it has no recipe, only weights",
    ),
    Check(id="behaviour.outputs", kinds=ARCHITECTURE, function=behaviour.outputs, needs=WHOLE),
    Check(id="behaviour.gradients", kinds=ARCHITECTURE, function=behaviour.gradients, needs=RUNS),
    Check(
        id="behaviour.players-apart",
        kinds=ARCHITECTURE,
        function=behaviour.players_apart,
        needs=RUNS,
        spares=lambda item: _without(item, "discriminator"),
    ),
    Check(id="behaviour.batch-invariance", kinds=ARCHITECTURE, function=behaviour.batch_invariance, needs=RUNS),
    Check(id="behaviour.sample-range", kinds=ARCHITECTURE, function=behaviour.sample_range, needs=RUNS),
    Check(id="behaviour.seed", kinds=ARCHITECTURE, function=behaviour.same_seed_same_sample, needs=RUNS),
    Check(
        id="behaviour.encode-decode",
        kinds=ARCHITECTURE,
        function=behaviour.encode_decode,
        needs=RUNS,
        spares=lambda item: _without(item, "encoder"),
    ),
    Check(
        id="behaviour.logits",
        kinds=ARCHITECTURE,
        function=behaviour.logits,
        needs=RUNS,
        spares=lambda item: _without(item, "discriminator"),
    ),
    Check(id="behaviour.state", kinds=ARCHITECTURE, function=behaviour.state_round_trip, needs=RUNS),
    Check(id="behaviour.trains", kinds=ARCHITECTURE, function=training.architecture_trains, needs=TRAINED),
    Check(
        id="behaviour.resumes",
        kinds=ARCHITECTURE,
        function=training.architecture_resumes,
        needs=("build.seed", "behaviour.trains", "behaviour.state"),
    ),
    Check(id="weights.pins", kinds=MODEL, function=weights.pins, needs=NAMED, spares=weights.no_weights),
    Check(id="weights.files", kinds=MODEL, function=weights.files, needs=PINNED, spares=weights.no_weights),
    Check(id="weights.header", kinds=MODEL, function=weights.header, needs=PINNED, spares=weights.no_weights),
    Check(id="weights.config", kinds=MODEL, function=weights.config, needs=LOADED, spares=weights.no_weights),
    Check(id="weights.card", kinds=MODEL, function=weights.card, needs=LOADED, spares=weights.no_weights),
    Check(
        id="weights.golden",
        kinds=MODEL,
        function=weights.golden,
        needs=(*LOADED, "weights.card"),  # verify reads the card as well
        spares=weights.no_weights,
    ),
    Check(id="weights.samples", kinds=MODEL, function=weights.samples, needs=LOADED, spares=weights.no_weights),
    Check(
        id="weights.discriminator",
        kinds=MODEL,
        function=weights.discriminator,
        needs=LOADED,
        spares=weights.no_discriminator,
    ),
    Check(id="datasets.declaration", kinds=DATASET, function=datasets.declaration),
    Check(id="datasets.licence", kinds=DATASET, function=datasets.licence),
    Check(id="datasets.schema", kinds=DATASET, function=datasets.schema, needs=DECLARED, spares=datasets.takes_path),
    Check(id="datasets.splits", kinds=DATASET, function=datasets.splits, needs=READ, spares=datasets.takes_path),
    Check(
        id="datasets.same-twice", kinds=DATASET, function=datasets.same_twice, needs=READ, spares=datasets.takes_path
    ),
    Check(id="datasets.classes", kinds=DATASET, function=datasets.classes, needs=READ, spares=datasets.no_classes),
    Check(id="modalities.declaration", kinds=MODALITY, function=modalities.declaration),
    Check(id="modalities.light", kinds=MODALITY, function=modalities.light),
    Check(id="modalities.round-trip", kinds=MODALITY, function=modalities.round_trip, needs=KIND),
    Check(id="modalities.refuses", kinds=MODALITY, function=modalities.refuses, needs=KEPT),
    Check(id="modalities.files", kinds=MODALITY, function=modalities.files, needs=(*KEPT, "modalities.light")),
    Check(id="modalities.augmentations", kinds=MODALITY, function=modalities.augmentations, needs=KEPT),
    Check(id="families.declaration", kinds=FAMILY, function=families.declaration),
    Check(id="families.sampling", kinds=FAMILY, function=families.sampling, needs=("families.declaration",)),
    Check(id="features.loads", kinds=FEATURES, function=features.loads),
    Check(id="features.vector", kinds=FEATURES, function=features.vector, needs=FOUND),
    Check(id="features.maps", kinds=FEATURES, function=features.maps, needs=FOUND),
    Check(id="trainers.callable", kinds=TRAINER, function=training.trainer_callable),
    Check(id="trainers.settings", kinds=TRAINER, function=training.trainer_settings),
    Check(id="trainers.steps", kinds=TRAINER, function=training.trainer_steps, needs=CALLED),
    Check(id="trainers.resumes", kinds=TRAINER, function=training.trainer_resumes, needs=("trainers.steps",)),
    Check(
        id="trainers.players-apart",
        kinds=TRAINER,
        function=training.trainer_players_apart,
        needs=("trainers.steps",),
        spares=lambda item: "" if item.spec.family == "gan" else f"the family {item.spec.family} has no two players",
    ),
    Check(id="commands.runs", kinds=COMMAND, function=commands.runs),
    Check(id="commands.arguments", kinds=COMMAND, function=commands.arguments, spares=commands.no_arguments),
)


def _without(item: Item, part: str) -> str:
    return "" if part in item.of(ArchitectureSpec).parts else f"it has no {part}"


def as_markdown() -> str:
    """The table as Markdown: what `docs/conformance.md` holds."""
    lines = ["| check | of | what must be so |", "| --- | --- | --- |"]
    for check in TABLE:
        kinds = "every spec" if check.kinds == SPECS else ", ".join(check.kinds)
        lines.append(f"| `{check.id}` | {kinds} | {check.sentence} |")
    return "\n".join(lines) + "\n"
