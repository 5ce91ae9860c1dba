"""The configs an architecture is looked at with, and batches of made-up data for its parts.

The cases of an architecture are its default config, unless that has required keys, and each of its presets. What is
only built is built for all of them, on the meta device. What is run, is run for those of at most MOST_PARAMETERS
parameters, and always for the smallest. What is trained is the smallest of these and of the configs of the plugin's
own recipes.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

from zoo.catalogue.contract.references import import_reference, resource
from zoo.catalogue.contract.specs import ArchitectureSpec, ModalitySpec
from zoo.catalogue.recipes.recipe import Recipe, read_recipe, resolve
from zoo.data.modality import load_modality
from zoo.nn.build import build_parts, decode_config, initialise_parts
from zoo.nn.distributions import DiagonalGaussian, Likelihood
from zoo.nn.families import load_family
from zoo.nn.interfaces import Decoder, Discriminator, Encoder, Generator
from zoo.testing.subject import FailedCheck, Item, NotApplicable, Subject, require

__all__ = [
    "Bench",
    "Case",
    "cases",
    "data_shape_of",
    "examples_of",
    "fresh_parts",
    "given_by",
    "is_frozen",
    "own_recipes",
    "runnable",
    "size_of",
    "smallest",
    "smallest_of_family",
]

BATCH = 2
MOST_PARAMETERS = 20_000_000


@dataclass(frozen=True, kw_only=True)
class Case:
    """A config of an architecture; `label` says which, for messages."""

    spec: ArchitectureSpec
    label: str
    config: Any


def cases(spec: ArchitectureSpec) -> list[Case]:
    """The default config, where it needs no keys, and every preset. Raises ConfigError, PluginError."""
    cls = import_reference(spec.config, f"architecture {spec.name}")
    required = [f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING]
    given: dict[str, Any] = {} if required else {"the default config": {}}
    given |= {f"preset {name}": values for name, values in spec.presets.items()}
    require(given, f"{spec.name}: its config needs {', '.join(required)}, and no preset gives them")
    return [Case(spec=spec, label=label, config=decode_config(spec, values, label)) for label, values in given.items()]


def is_frozen(cls: Any) -> bool:
    """Whether it is a frozen dataclass."""
    return is_dataclass(cls) and bool(cls.__dataclass_params__.frozen)  # type: ignore[union-attr]


def size_of(case: Case) -> int:
    """How many parameters all parts have together; no memory is taken."""
    return sum(p.numel() for part in build_parts(case.spec, case.config).values() for p in part.parameters())


def runnable(spec: ArchitectureSpec) -> list[Case]:
    """The cases that are small enough to be run, the smallest first and always."""
    by_size = sorted(((size_of(case), index, case) for index, case in enumerate(cases(spec))), key=lambda row: row[:2])
    return [case for size, _, case in by_size if size <= max(MOST_PARAMETERS, by_size[0][0])]


def own_recipes(subject: Subject, architecture: str) -> list[Recipe]:
    """The readable recipes of the plugin's models of that architecture; what is wrong with others their check says."""
    found = []
    for item in subject.items:
        if item.kind == "model" and item.spec.recipe is not None and item.spec.architecture == architecture:
            try:
                recipe = read_recipe(resource(item.spec.recipe, item.name))
                resolve(recipe, subject.registry)
            except (LookupError, ValueError, OSError):
                continue
            found.append(recipe)
    return found


def smallest(subject: Subject, item: Item) -> Case:
    """The smallest of the cases and of the configs of the plugin's own recipes.

    Recipes for tokens fit the vocabulary of their own data, and are left out.
    """
    spec = item.of(ArchitectureSpec)
    if load_modality(subject.registry.modality(spec.modality)).vocabulary is not None:
        return runnable(spec)[0]
    recipes = [
        Case(spec=spec, label=f"recipe {recipe.name}", config=resolve(recipe, subject.registry).config)
        for recipe in own_recipes(subject, item.name)
    ]
    return min([runnable(spec)[0], *recipes], key=size_of)


def smallest_of_family(subject: Subject, family: str, first: str = "") -> tuple[str, Case]:
    """The name of an architecture of the family and its smallest case: that named `first`, the plugin's own, the zoo's.

    Raises NotApplicable where none is installed.
    """
    own = {other.name for other in subject.items if other.kind == "architecture"}
    found: list[tuple[bool, bool, int, str, Case]] = []
    for owned in subject.registry.list("architecture"):
        usable = owned.name in own or "/" not in owned.name  # other people's may be broken
        if usable and isinstance(owned.spec, ArchitectureSpec) and owned.spec.family == family:
            case = runnable(owned.spec)[0]
            found.append((owned.name != first, owned.name not in own, size_of(case), owned.name, case))
    if not found:
        raise NotApplicable(f"no architecture of the family {family} is installed")
    return min(found, key=lambda row: row[:4])[3:]


def fresh_parts(case: Case) -> dict[str, Any]:
    """The parts, with random weights of seed 0."""
    return dict(initialise_parts(case.spec, case.config, seed=0))


def data_shape_of(parts: dict[str, Any]) -> tuple[int, ...]:
    """The shape of one example, on which all parts must agree."""
    shapes = {tuple(part.data_shape) for part in parts.values() if not isinstance(part, Likelihood)}
    require(len(shapes) == 1, f"its parts are of data of different shapes: {sorted(shapes)}")
    return shapes.pop()


def examples_of(modality: ModalitySpec, n: int, data_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Made-up examples as a model takes them: anywhere in [0, 1], or tokens."""
    kind = load_modality(modality)
    x = kind.values(kind.made_up(n, data_shape, torch.Generator().manual_seed(0)))
    return torch.rand(n, *data_shape, generator=generator) if x.is_floating_point() else x


@dataclass(frozen=True)
class Bench:
    """A case with its parts, and what they are tried with."""

    subject: Subject
    case: Case
    parts: dict[str, Any]

    @classmethod
    def of(cls, subject: Subject, case: Case) -> Bench:
        """With random weights of seed 0."""
        return cls(subject, case, fresh_parts(case))

    def given(self, name: str, n: int = BATCH) -> tuple[tuple[Any, ...], tuple[int, ...] | None]:
        """A batch of n that the part takes, and the shape it must give; None where only its family knows.

        A posterior's mean and log_var are stacked.
        """
        registry, generator = self.subject.registry, torch.Generator().manual_seed(0)
        family = load_family(registry.family(self.case.spec.family))
        if name in family.tried_with:
            return family.tried_with[name](self.parts[name], n, generator), None
        x = examples_of(registry.modality(self.case.spec.modality), n, data_shape_of(self.parts), generator)
        return _given_to(self.parts[name], x, self._parameters_shape(), generator)

    def _parameters_shape(self) -> tuple[int, ...]:
        """Of what a decoder gives for one example."""
        stated = [part.parameters_shape for part in self.parts.values() if isinstance(part, Likelihood)]
        return next((shape for shape in stated if shape is not None), data_shape_of(self.parts))


def _given_to(
    part: nn.Module, x: Tensor, parameters: tuple[int, ...], generator: torch.Generator
) -> tuple[tuple[Any, ...], tuple[int, ...] | None]:
    n = len(x)
    if isinstance(part, Likelihood):
        stated = part.parameters_shape is None  # else only the likelihood knows which values it is of
        return (torch.rand(n, *parameters, generator=generator), x.round()), (n, *parameters) if stated else None
    if isinstance(part, (Encoder, Generator, Decoder, Discriminator)):
        labels = None if part.num_classes is None else torch.arange(n) % part.num_classes
        if isinstance(part, Encoder):
            return (x, labels), (n, 2, *part.latent_shape)
        if isinstance(part, Discriminator):
            return (x * 2 - 1 if x.is_floating_point() else x, labels), (n,)
        given = parameters if isinstance(part, Decoder) else part.data_shape
        return (torch.randn(n, *part.latent_shape, generator=generator), labels), (n, *given)
    raise FailedCheck(
        f"a {type(part).__name__} implements none of the interfaces of zoo.nn, and its family does not say what it is "
        "tried with; add it to Family.tried_with"
    )


def given_by(part: nn.Module, given: tuple[Any, ...]) -> Tensor:
    """What the part gives, as one tensor."""
    out = part(*given)
    if isinstance(out, DiagonalGaussian):
        return torch.stack([out.mean, out.log_var], dim=1)
    require(isinstance(out, Tensor), f"a {type(part).__name__} gives a {type(out).__name__}, no tensor")
    tensor: Tensor = out
    return tensor
