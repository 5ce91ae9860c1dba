"""What a plugin says about its models: frozen, plain data, no torch.

A *reference* is a string: `package.module:attribute` for code, imported only when something is
built, and `package:path/inside` for a file that an installed package carries.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from zoo.catalogue.contract.exports import ExportSpec
from zoo.catalogue.contract.formats import FormatSpec
from zoo.catalogue.contract.measures import FeaturesSpec, MetricSpec
from zoo.catalogue.contract.names import check_name, is_suffix
from zoo.catalogue.contract.names import check_strings as _check_strings
from zoo.catalogue.contract.pins import WeightsSpec
from zoo.catalogue.contract.references import CODE, FILE, check_reference
from zoo.catalogue.contract.trackers import TrackerSpec
from zoo.errors import PluginError

__all__ = [
    "ArchitectureSpec",
    "CommandSpec",
    "DatasetSpec",
    "FamilySpec",
    "FeaturesSpec",
    "MetricSpec",
    "ModalitySpec",
    "ModelSpec",
    "Spec",
    "TrainerSpec",
    "WeightsSpec",
    "to_json",
]


@dataclass(frozen=True, kw_only=True)
class ArchitectureSpec:
    """A family of networks with a typed config."""

    name: str
    summary: str
    family: str  # the kind of model: "gan", "vae", or one of a plugin
    modality: str  # the kind of data it works on: "image"
    config: str  # reference to a frozen dataclass with bounds
    parts: Mapping[str, str]  # part name -> reference to a callable (config) -> module
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # name -> some keys of the config
    install_hint: str = ""  # said when its code needs a package that is not installed: "pip install acme-zoo[audio]"
    starter: str = ""  # reference to a callable (DataFacts) -> Iterable[Choice]: a recipe for data of one's own

    def __post_init__(self) -> None:
        check_name(self.name, "architecture")
        _check_strings(self.name, summary=self.summary, family=self.family, modality=self.modality)
        _check_strings(self.name, install_hint=self.install_hint)
        check_reference(self.config, CODE, f"architecture {self.name}: config")
        if self.starter != "":
            check_reference(self.starter, CODE, f"architecture {self.name}: starter")
        if not self.parts:
            raise PluginError(f"architecture {self.name}: it has no parts")
        for part, reference in self.parts.items():
            check_reference(reference, CODE, f"architecture {self.name}: part {part}")
        for preset, values in self.presets.items():
            if not isinstance(preset, str) or not isinstance(values, Mapping):
                raise PluginError(f"architecture {self.name}: preset {preset!r} must be a table of keys and values")


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """A named source of examples."""

    name: str
    summary: str
    load: str  # reference to a callable (DataRequest) -> Examples
    licence: str
    modality: str  # the kind of data: "image"
    data_shape: tuple[int, ...] | None = None  # of one example; None where the data decide
    classes: tuple[str, ...] = ()  # what `name[class]` may select
    splits: Mapping[str, int] = field(default_factory=dict)  # split -> number of examples
    takes_path: bool = False  # `name:PATH`
    plain: bool = False  # whether a path alone, `./folder`, means this dataset to models of its modality
    endings: tuple[str, ...] = ()  # of files that, alone, mean this one among those that are plain: ".txt"
    external: bool = False  # the data are not in the package: found in ZOO_DATA or the cache, or fetched
    homepage: str = ""
    install_hint: str = ""  # said when its code needs a package that is not installed: "pip install acme-zoo[audio]"
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # `name#key=value`: the first is the default
    facts: str = ""  # reference to a callable (DataRequest) -> DataFacts, where only the data know their size

    def __post_init__(self) -> None:
        check_name(self.name, "dataset")
        _check_strings(self.name, summary=self.summary, licence=self.licence, modality=self.modality)
        _check_strings(self.name, install_hint=self.install_hint, homepage=self.homepage)
        check_reference(self.load, CODE, f"dataset {self.name}: load")
        if self.plain and not self.takes_path:
            raise PluginError(f"dataset {self.name}: plain is for datasets that take a path")
        if self.endings and not (self.plain and all(one.startswith(".") and one.islower() for one in self.endings)):
            raise PluginError(f"dataset {self.name}: endings are those of files, .txt, of a dataset that is plain")
        for key, values in self.options.items():
            for word in (key, *(values or ("",))):
                check_name(word, f"dataset {self.name}: option {key!r}:")
        if self.facts != "":
            check_reference(self.facts, CODE, f"dataset {self.name}: facts")


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """A catalogue entry: an architecture, and where its weights and its recipe are."""

    name: str
    summary: str
    architecture: str
    dataset: str
    licence: str
    recipe: str | None = None  # "package:recipes/name.toml"
    weights: WeightsSpec | None = None  # None: to be trained from the recipe
    data_shape: tuple[int, ...] | None = None
    tags: tuple[str, ...] = ()  # "default": named first where the Hub is away and a bundled model would do

    def __post_init__(self) -> None:
        check_name(self.name, "model")
        _check_strings(
            self.name, summary=self.summary, architecture=self.architecture, dataset=self.dataset, licence=self.licence
        )
        if self.recipe is not None:
            check_reference(self.recipe, FILE, f"model {self.name}: recipe")
        if self.recipe is None and self.weights is None:
            raise PluginError(f"model {self.name}: it needs weights or a recipe")
        if self.weights is not None and not isinstance(self.weights, WeightsSpec):
            raise PluginError(f"model {self.name}: weights must be a WeightsSpec, not {self.weights!r}")


@dataclass(frozen=True, kw_only=True)
class TrainerSpec:
    """How the parts of one family learn."""

    name: str
    summary: str
    family: str  # the family of architectures it trains
    settings: str  # reference to a frozen dataclass with bounds
    trainer: str  # reference to a callable (parts, settings, random: torch.Generator) -> Trainer
    install_hint: str = ""  # said when its code needs a package that is not installed: "pip install acme-zoo[audio]"
    units: Mapping[str, str] = field(default_factory=dict)  # metric -> its unit; metrics of one unit share a diagram
    better: Mapping[str, str] = field(default_factory=dict)  # metric -> "lower" or "higher", where one is better

    def __post_init__(self) -> None:
        check_name(self.name, "trainer")
        _check_strings(self.name, summary=self.summary, family=self.family, install_hint=self.install_hint)
        check_reference(self.settings, CODE, f"trainer {self.name}: settings")
        check_reference(self.trainer, CODE, f"trainer {self.name}: trainer")
        if not isinstance(self.units, Mapping) or not all(isinstance(text, str) for text in self.units.values()):
            raise PluginError(
                f"trainer {self.name}: units must be a table of metrics and units, not {self.units!r:.80}"
            )
        if not isinstance(self.better, Mapping) or not all(way in ("lower", "higher") for way in self.better.values()):
            raise PluginError(
                f'trainer {self.name}: better must say "lower" or "higher" of metrics, not {self.better!r:.80}'
            )


@dataclass(frozen=True, kw_only=True)
class CommandSpec:
    """A verb of the command line: the zoo's own are written so too."""

    name: str
    summary: str
    run: str  # reference to a callable (argparse.Namespace) -> int | None: the exit code, None for 0
    arguments: str = ""  # reference to a callable (argparse.ArgumentParser) -> None that adds what the verb takes
    install_hint: str = ""  # said when its code needs a package that is not installed: "pip install acme-zoo[audio]"

    def __post_init__(self) -> None:
        check_name(self.name, "command")
        _check_strings(self.name, summary=self.summary, install_hint=self.install_hint)
        check_reference(self.run, CODE, f"command {self.name}: run")
        if self.arguments != "":
            check_reference(self.arguments, CODE, f"command {self.name}: arguments")


@dataclass(frozen=True, kw_only=True)
class FamilySpec:
    """One kind of model: which parts it has, in which files they are kept, and what holds them."""

    name: str
    summary: str
    family: str  # reference to a zoo.nn.Family
    install_hint: str = ""  # said when its code needs a package that is not installed: "pip install acme-zoo[audio]"

    def __post_init__(self) -> None:
        check_name(self.name, "family")
        _check_strings(self.name, summary=self.summary, install_hint=self.install_hint)
        check_reference(self.family, CODE, f"family {self.name}: family")


@dataclass(frozen=True, kw_only=True)
class ModalitySpec:
    """A kind of data: how examples are stored, seen by networks, read, written and shown."""

    name: str
    summary: str
    modality: str  # reference to a callable (about: Mapping) -> zoo.data.Modality
    suffixes: tuple[str, ...]  # of the files that examples are written to; the first is what the zoo itself writes
    animations: tuple[str, ...] = ()  # of the files that walks move in, where there are such
    html: str  # reference to a callable (path) -> str: how a page shows such a file; its module imports no torch
    task: str = ""  # what the Hub calls generating it: "unconditional-image-generation"
    memory_format: str = "contiguous_format"  # the torch.memory_format in which its networks compute
    install_hint: str = ""  # said when its code needs a package that is not installed: "pip install acme-zoo[audio]"

    def __post_init__(self) -> None:
        check_name(self.name, "modality")
        _check_strings(self.name, summary=self.summary, install_hint=self.install_hint, task=self.task)
        check_reference(self.modality, CODE, f"modality {self.name}: modality")
        check_reference(self.html, CODE, f"modality {self.name}: html")
        if not isinstance(self.suffixes, tuple) or not self.suffixes or not all(map(is_suffix, self.suffixes)):
            raise PluginError(f"modality {self.name}: suffixes are {self.suffixes!r:.80}; write them as ('.wav',)")
        if not isinstance(self.animations, tuple) or not all(map(is_suffix, self.animations)):
            raise PluginError(f"modality {self.name}: animations are {self.animations!r:.80}; write them as ('.gif',)")
        if not isinstance(self.memory_format, str) or not self.memory_format.isidentifier():
            raise PluginError(
                f"modality {self.name}: memory_format {self.memory_format!r:.80} is none of torch's names"
            )


Spec = (
    ArchitectureSpec
    | DatasetSpec
    | ModelSpec
    | TrainerSpec
    | CommandSpec
    | FeaturesSpec
    | FamilySpec
    | ModalitySpec
    | FormatSpec
    | ExportSpec
    | TrackerSpec
    | MetricSpec
)


def to_json(spec: Spec) -> dict[str, Any]:
    """The spec as JSON-able data, `name` first."""
    data: dict[str, Any] = json.loads(json.dumps(asdict(spec)))
    return data
