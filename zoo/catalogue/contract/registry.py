"""The catalogue: who owns which name, fixed once it is built."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from zoo.catalogue.contract.exports import ExportSpec
from zoo.catalogue.contract.formats import FormatSpec
from zoo.catalogue.contract.specs import (
    ArchitectureSpec,
    CommandSpec,
    DatasetSpec,
    FamilySpec,
    FeaturesSpec,
    MetricSpec,
    ModalitySpec,
    ModelSpec,
    Spec,
    TrainerSpec,
)
from zoo.catalogue.contract.trackers import TrackerSpec
from zoo.errors import NotFoundError, PluginError

__all__ = ["KINDS", "PLURALS", "Owned", "Registry"]

KINDS: dict[type, str] = {  # in the order in which a bare name is looked up
    ModelSpec: "model",
    ArchitectureSpec: "architecture",
    DatasetSpec: "dataset",
    TrainerSpec: "trainer",
    FeaturesSpec: "feature",
    MetricSpec: "metric",
    FamilySpec: "family",
    ModalitySpec: "modality",
    FormatSpec: "format",
    ExportSpec: "export",
    TrackerSpec: "tracker",
    CommandSpec: "command",
}
PLURALS = {kind: kind[:-1] + "ies" if kind.endswith("y") else f"{kind}s" for kind in KINDS.values()}
S = TypeVar(
    "S",
    ArchitectureSpec,
    DatasetSpec,
    ModelSpec,
    TrainerSpec,
    CommandSpec,
    FeaturesSpec,
    FamilySpec,
    ModalitySpec,
    FormatSpec,
    ExportSpec,
    TrackerSpec,
    MetricSpec,
)


@dataclass(frozen=True, kw_only=True)
class Owned:
    """A spec under its full name, `namespace/name`, and the plugin it came from."""

    name: str  # full: `acme/tiny-vae`
    spec: Spec  # as the plugin gave it
    owner: str  # "zoo_gan (genzoo 0.1.0)"
    selector: str = ""  # "zoo_gan@genzoo": what `zoo plugins disable` takes


@dataclass(frozen=True)
class Registry:
    """Immutable. `entries` maps (kind, full name) to what owns it; a name with two owners is an error when it is used.

    `failures` maps the namespace of a plugin that could not be loaded to what went wrong.
    """

    entries: Mapping[tuple[str, str], tuple[Owned, ...]]  # (kind, full name) -> every claim on it
    failures: Mapping[str, str] = field(default_factory=dict)  # namespace -> what went wrong

    @classmethod
    def of(cls, owned: Iterable[Owned], failures: Mapping[str, str] | None = None) -> Registry:
        """Build a registry from owned specs, keeping every claim on a name."""
        entries: dict[tuple[str, str], tuple[Owned, ...]] = {}
        for item in owned:
            key = KINDS[type(item.spec)], item.name
            entries[key] = (*entries.get(key, ()), item)
        return cls(MappingProxyType(dict(sorted(entries.items()))), MappingProxyType(dict(failures or {})))

    def _names(self, kind: str) -> list[str]:
        return [name for of_kind, name in self.entries if of_kind == kind]

    def owned(self, kind: str, name: str) -> Owned:
        """The one claim on a name. Raises NotFoundError with near names, or PluginError naming both owners."""
        claims = self.entries.get((kind, name), ())
        if len(claims) == 1:
            return claims[0]
        if claims:
            owners = " and ".join(claim.owner for claim in claims)
            ways = " or ".join(f"`zoo plugins disable {claim.selector or claim.owner}`" for claim in claims)
            raise PluginError(f"{kind} {name!r} is claimed by {owners}; keep one: {ways}")
        namespace = name.partition("/")[0] if "/" in name else ""
        if namespace in self.failures:
            raise PluginError(f"{kind} {name!r} is unknown because its plugin failed: {self.failures[namespace]}")
        from zoo.configs import near  # at start-up it would cost as much as the rest of this file's imports

        if other := self.of_another_kind(kind, name):
            raise NotFoundError(other)
        hint = near(name, self._names(kind)) or f"; `zoo list {PLURALS[kind]}` shows what there is"
        lost = f"; plugins that failed: {', '.join(self.failures)}" if self.failures and not namespace else ""
        raise NotFoundError(f"no {kind} is named {name!r:.100}{hint}{lost}")

    def of_another_kind(self, kind: str, name: str) -> str:
        """What to say of a name that something of another kind has: what it is, and what of `kind` goes with it.

        "" where nothing has it.
        """
        found = next((other for other in KINDS.values() if (other, name) in self.entries), None)
        if found is None:
            return ""
        spec = self.owned(found, name).spec
        if isinstance(spec, ModelSpec) and kind in ("architecture", "dataset"):
            own = spec.architecture if kind == "architecture" else spec.dataset
            return f"{name!r} is a model, no {kind}; its {kind} is {own!r}"
        if kind == "model" and (models := self.models_of(found, name)):
            trained = {one.name for one in self.list("model") if isinstance(one.spec, ModelSpec) and one.spec.weights}
            ready = [model for model in models if model in trained]
            lists = {"models of it": ready, "to be trained first": [model for model in models if model not in ready]}
            told = "; ".join(f"{label}: {', '.join(some)}" for label, some in lists.items() if some)
            return f"{name!r} is {_article(found)}, no model; {told}"
        return f"{name!r} is {_article(found)}, no {kind}; `zoo info {name}` says more"

    def models_of(self, kind: str, name: str) -> list[str]:
        """The models of that architecture, or of that dataset whatever they select of it."""
        specs = [(owned.name, owned.spec) for owned in self.list("model") if isinstance(owned.spec, ModelSpec)]
        if kind == "dataset":
            return [model for model, spec in specs if re.split(r"[\[:#]", spec.dataset)[0] == name]
        return [model for model, spec in specs if kind == "architecture" and spec.architecture == name]

    def _get(self, cls: type[S], name: str) -> S:
        spec = self.owned(KINDS[cls], name).spec
        assert isinstance(spec, cls)
        return spec

    def architecture(self, name: str) -> ArchitectureSpec:
        """The architecture of that full name. Raises NotFoundError, PluginError."""
        return self._get(ArchitectureSpec, name)

    def dataset(self, name: str) -> DatasetSpec:
        """The dataset of that full name. Raises NotFoundError, PluginError."""
        return self._get(DatasetSpec, name)

    def model(self, name: str) -> ModelSpec:
        """The model of that full name. Raises NotFoundError, PluginError."""
        return self._get(ModelSpec, name)

    def trainer(self, name: str) -> TrainerSpec:
        """The trainer of that full name. Raises NotFoundError, PluginError."""
        return self._get(TrainerSpec, name)

    def command(self, name: str) -> CommandSpec:
        """The command of that full name. Raises NotFoundError, PluginError."""
        return self._get(CommandSpec, name)

    def features(self, name: str) -> FeaturesSpec:
        """The feature network of that full name. Raises NotFoundError, PluginError."""
        return self._get(FeaturesSpec, name)

    def metric(self, name: str) -> MetricSpec:
        """The metric of that full name. Raises NotFoundError, PluginError."""
        return self._get(MetricSpec, name)

    def family(self, name: str) -> FamilySpec:
        """The family of that full name. Raises NotFoundError, PluginError."""
        return self._get(FamilySpec, name)

    def modality(self, name: str) -> ModalitySpec:
        """The modality of that full name. Raises NotFoundError, PluginError."""
        return self._get(ModalitySpec, name)

    def format(self, name: str) -> FormatSpec:
        """The format of that full name. Raises NotFoundError, PluginError."""
        return self._get(FormatSpec, name)

    def export(self, name: str) -> ExportSpec:
        """The export of that full name. Raises NotFoundError, PluginError."""
        return self._get(ExportSpec, name)

    def tracker(self, name: str) -> TrackerSpec:
        """The tracker of that full name. Raises NotFoundError, PluginError."""
        return self._get(TrackerSpec, name)

    def modality_of(self, architecture: str) -> ModalitySpec:
        """The modality on which that architecture works. Raises NotFoundError, PluginError."""
        return self.modality(self.architecture(architecture).modality)

    def list(self, kind: str, pattern: str = "*") -> list[Owned]:
        """All claims of a kind that match, sorted by name.

        A pattern with wildcards is of the full name; without any, each of its words must stand in the name, the summary
        or the tags, whatever its capitals.
        """
        return [
            claim
            for (of_kind, name), claims in self.entries.items()
            if of_kind == kind
            for claim in claims
            if _matches(claim, pattern)
        ]


def _matches(claim: Owned, pattern: str) -> bool:
    if re.search(r"[*?\[]", pattern):
        return fnmatch.fnmatchcase(claim.name, pattern)
    tags = claim.spec.tags if isinstance(claim.spec, (ModelSpec, FeaturesSpec, MetricSpec)) else ()
    text = " ".join([claim.name, claim.spec.summary, *tags]).lower()
    return all(word in text for word in pattern.lower().split())


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {'feature network' if kind == 'feature' else kind}"
