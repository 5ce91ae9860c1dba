"""Recipes: TOML that reproduces a model. Strict: an unknown key is an error."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from zoo.catalogue.contract.data_references import as_reference, parse_reference
from zoo.catalogue.contract.references import import_reference
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.contract.specs import ArchitectureSpec, DatasetSpec, FamilySpec, ModalitySpec, TrainerSpec
from zoo.configs import as_data, decode
from zoo.errors import ConfigError, NotFoundError, UsageError, ZooError
from zoo.files import storage_errors

__all__ = [
    "DoctorSettings",
    "Recipe",
    "Resolved",
    "check_modality",
    "known_dataset",
    "neutral",
    "neutral_start",
    "override",
    "parse_changes",
    "parse_recipe",
    "read_recipe",
    "resolve",
    "with_values",
]

Count = Annotated[int, Meta(ge=1, le=10**12)]
SECTIONS = ("config", "settings", "doctor", "sampling")  # the tables of a recipe
Share = Annotated[float, Meta(ge=0, le=1)]
Examples = Annotated[int, Meta(ge=0, le=10**12)]
SHORTEST, LONGEST, GRACE = 1_000, 20_000, 7_500  # examples: the doctor's patience where nothing else is set


@dataclass(frozen=True, kw_only=True)
class DoctorSettings:
    """The table `[doctor]`: what `zoo.training.doctor` watches for and does.

    A threshold of 0 switches its disease off; `docs/doctor.md` says where each comes from.
    """

    action: Literal["warn", "stop", "rollback", "off"] = "warn"
    patience: Examples = 0  # examples over which every reading must show a disease before it is one; 0: `in_run` says
    grace: Examples = 0  # examples at the beginning of a run that do not count into that; 0: `in_run` says
    look_every: Examples = 0  # examples between looks at samples and held-out examples; 0: `in_run` says
    samples: Annotated[int, Meta(ge=8, le=4096)] = 256  # of the generator, and examples of each kind, in a look
    discriminator_wins: Share = 0.99  # share of the real and of the fake examples told right, each: at least,
    discriminator_loss: Annotated[float, Meta(ge=0, le=1e6)] = 0.05  # and its loss, where it is reported: at most
    generator_wins: Share = 0.53  # share of all examples told right (chance is 0.5): at most
    spread: Share = 0.3  # mean distance between samples, over that between training examples: at most
    nearest: Share = 0.1  # median distance to the nearest other sample, over that of training examples: at most
    overfitting: Share = 0.7  # r_v, 0 to 1 (Karras et al. 2020): at least
    active_units: Share = 0.05  # share of the latent units in use: at most
    kl: Annotated[float, Meta(ge=0, le=1e6)] = 0.1  # nats an example: at most
    held_out: Annotated[float, Meta(ge=0, le=0.5)] = 0.0  # share of the training data kept out of it, for r_v
    held_out_split: str = ""  # a split of the dataset, for r_v, instead of a share
    rollbacks: Annotated[int, Meta(ge=1, le=100)] = 3  # "rollback": how often, before the run is stopped
    rollback_lr: Annotated[float, Meta(gt=0, le=1)] = 0.5  # "rollback": every learning rate times this, each time

    def __post_init__(self) -> None:
        if self.held_out and self.held_out_split:
            raise ValueError("held_out and held_out_split are two ways to the same; give one")

    def in_run(self, examples: int, sample_every: int) -> DoctorSettings:
        """These settings in a run of so many examples, with what 0 leaves open.

        The patience is two fifths of the run, from 1,000 to 20,000 examples. It begins after three eighths of the run,
        and at most 7,500 examples: samples of a generator that has hardly learnt are all alike. A look comes as often
        as a grid of samples, or four times in a run, but not for less than 1,000 examples. So what is ill for the whole
        run, or from its middle on, is told, and of a run of a few steps nothing is. A patience that is set has no
        grace, unless that is set too.
        """
        return replace(
            self,
            patience=self.patience or max(SHORTEST, min(LONGEST, examples * 2 // 5)),
            grace=self.grace or (0 if self.patience else min(GRACE, examples * 3 // 8)),
            look_every=self.look_every or min(sample_every, max(SHORTEST, examples // 4)),
        )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that a run depends on. Durations are in examples seen."""

    name: str
    architecture: str
    dataset: str
    trainer: str
    summary: str = ""
    licence: str = ""
    split: str = "train"
    preset: str = ""  # of the architecture; `config` goes on top
    start_from: str = ""  # a model or a run whose weights it begins with; "": with random ones
    start_matching: bool = False  # of a model of another config: the weights whose names and shapes match
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    examples: Count = 100_000
    batch_size: Annotated[int, Meta(ge=2, le=65_536)] = 64  # of a step, over all processes
    accumulate: Annotated[int, Meta(ge=1, le=65_536)] = 1  # pieces a batch is cut into, one after the other
    shared_batch_norm: bool = True  # with several processes, batch norm over the whole batch
    deterministic: bool = False  # on a GPU: kernels that give the same bytes each time; a CPU's always do
    graphs: bool = True  # on a GPU: steps are recorded and replayed whole, where they can be
    ema_half_life: Annotated[float, Meta(ge=0, le=1e12)] = 10_000.0
    log_every: Count = 2_000
    sample_every: Count = 20_000
    checkpoint_every: Count = 50_000
    keep: Annotated[int, Meta(ge=2, le=10**6)] = 2  # checkpoints that stay, the newest ones
    default_prior: Literal["", "mixture"] = ""  # what is drawn from; "": what it was trained with. Fitted on export
    components: Annotated[int, Meta(ge=1, le=1000)] = 10  # normal distributions of a mixture
    stored: Literal["float32", "float16"] = "float32"  # what its weights are exported in; float16: half the size
    config: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    doctor: dict[str, Any] = field(default_factory=dict)  # zoo.catalogue.recipes.recipe.DoctorSettings
    sampling: dict[str, Any] = field(default_factory=dict)  # options of `sample` where no others are asked for


def parse_recipe(text: str, where: str) -> Recipe:
    """Decode TOML. Raises ConfigError naming the line, or the key, its value and what is allowed."""
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: malformed, or a number of thousands of digits
        raise ConfigError(f"{where} is no TOML: {error}") from error
    return decode(Recipe, data, where)


def read_recipe(path: Path) -> Recipe:
    """Read a recipe file. Raises StorageError where it cannot be read, ConfigError where it is wrong."""
    with storage_errors(f"cannot read the recipe {path}"):
        raw = path.read_bytes()
    try:
        return parse_recipe(raw.decode("utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no UTF-8 text") from error


def parse_changes(changes: Iterable[str]) -> dict[str, Any]:
    """`key=value` texts as key -> value; the value is TOML or a bare word. Raises UsageError for a malformed one."""
    values = {}
    for change in changes:
        key, equals, text = change.partition("=")
        section, dot, inner = key.strip().partition(".")
        if not equals or not section or (dot and not inner) or (dot and section not in SECTIONS):
            inside = " or ".join(f"{section}.KEY=VALUE" for section in SECTIONS)
            raise UsageError(f"--set {change!r}: write KEY=VALUE, {inside}")
        values[key.strip()] = _value(text.strip())
    return values


def override(recipe: Recipe, changes: Iterable[str]) -> Recipe:
    """Apply `key=value` texts. Raises UsageError for a malformed one, ConfigError for a key or value not allowed."""
    return with_values(recipe, parse_changes(changes))


def with_values(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with these values; a key may be that of a table, `settings.KEY`. Raises ConfigError."""
    data = as_data(recipe)
    for key, value in changes.items():
        section, dot, inner = key.partition(".")
        if dot and isinstance(data[section], dict):
            data[section] = {**data[section], inner: value}
        elif not dot:
            data[section] = value
    return decode(Recipe, data, f"recipe {recipe.name}")


def _value(text: str) -> Any:
    """The text as one TOML value, or as itself."""
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return table["value"] if len(table) == 1 else text


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """All that a recipe means here: looked up, checked and decoded once for a command, and handed on."""

    recipe: Recipe  # its preset and every default written out
    architecture: ArchitectureSpec
    dataset: DatasetSpec | None  # None: not known here, where a run can still be exported; loading it says why
    trainer: TrainerSpec
    modality: ModalitySpec  # the kind of data, of the architecture and of the dataset
    family: FamilySpec  # of the architecture and of the trainer
    config: Any  # the architecture's
    settings: Any  # the trainer's
    doctor: DoctorSettings  # as they are in a run of that length


def resolve(recipe: Recipe, registry: Registry) -> Resolved:
    """Look up the recipe's names and decode its tables.

    A path is a dataset too: of the architecture's modality. Raises NotFoundError for an architecture, a trainer or a
    modality that the registry lacks, ConfigError for values out of range and for an architecture and a dataset of two
    modalities.
    """
    architecture, trainer = registry.architecture(recipe.architecture), registry.trainer(recipe.trainer)
    owner = f"recipe {recipe.name}"
    if trainer.family != architecture.family:
        raise ConfigError(
            f"{owner}: trainer {trainer.name} is for the family {trainer.family!r}, "
            f"architecture {architecture.name} is of {architecture.family!r}"
        )
    reference = as_reference(recipe.dataset, registry, architecture.modality)
    dataset = known_dataset(reference, registry)
    if dataset is not None:
        check_modality(architecture, dataset, owner)
    if recipe.preset and recipe.preset not in architecture.presets:
        known = ", ".join(architecture.presets) or "none"
        raise ConfigError(f"{owner}: {architecture.name} has no preset {recipe.preset!r}; it has: {known}")
    start = dict(architecture.presets[recipe.preset]) if recipe.preset else {}
    of_config = import_reference(architecture.config, owner, architecture.install_hint)
    of_settings = import_reference(trainer.settings, owner, trainer.install_hint)
    config = decode(of_config, start | recipe.config, f"{owner}: config")
    settings = decode(of_settings, recipe.settings, f"{owner}: settings")
    doctor = decode(DoctorSettings, recipe.doctor, f"{owner}: doctor")
    written_out = replace(recipe, preset="", config=as_data(config), settings=as_data(settings), doctor=as_data(doctor))
    return Resolved(
        recipe=replace(written_out, dataset=reference),
        architecture=architecture,
        dataset=dataset,
        trainer=trainer,
        modality=registry.modality(architecture.modality),
        family=_family(architecture, registry, owner),
        config=config,
        settings=settings,
        doctor=doctor.in_run(recipe.examples, recipe.sample_every),
    )


def check_modality(architecture: ArchitectureSpec, dataset: DatasetSpec, owner: str) -> None:
    """Raise ConfigError, naming `owner`, where the architecture works on another kind of data than the dataset has."""
    if architecture.modality != dataset.modality:
        raise ConfigError(
            f"{owner}: architecture {architecture.name} works on the modality {architecture.modality!r}, "
            f"dataset {dataset.name} is of {dataset.modality!r}; choose two of one"
        )


def _family(architecture: ArchitectureSpec, registry: Registry, owner: str) -> FamilySpec:
    try:
        return registry.family(architecture.family)
    except NotFoundError as error:
        raise ConfigError(f"{owner}: {error}") from error


def known_dataset(reference: str, registry: Registry) -> DatasetSpec | None:
    """The dataset that a reference names, or None where it is not known here."""
    try:
        return registry.dataset(parse_reference(reference).name)
    except ZooError:
        return None


def neutral(reference: str) -> str:
    """A dataset reference without the place on this computer: `images[cat]:/home/me/photos` -> `images[cat]:photos`."""
    name, colon, path = reference.partition(":")
    words = [word for word in re.split(r"[/\\]", path) if word not in ("", ".", "..", "~")]
    return name + colon + (words[-1] if words else "data") if colon else reference


def neutral_start(name: str) -> str:
    """What a recipe starts from, without the place on this computer: `/home/me/frogs` -> `./frogs`."""
    local = name.startswith((".", "/", "~", "\\")) or name.endswith("/")
    return "./" + neutral(f":{name}")[1:] if local else name
