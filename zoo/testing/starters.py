"""Level `build`: an architecture's starter, on data of every kind."""

from __future__ import annotations

import itertools

from zoo.catalogue.contract.facts import DataFacts
from zoo.catalogue.contract.specs import ArchitectureSpec, DatasetSpec
from zoo.catalogue.recipes.recipe import resolve
from zoo.catalogue.recipes.starters import chosen_by, start_recipe
from zoo.data.modality import load_modality
from zoo.nn.build import build_parts
from zoo.testing.cases import data_shape_of
from zoo.testing.subject import Item, NotApplicable, Subject, require

__all__ = ["no_starter", "starter"]

COUNTS = (16, 300, 60_000)
FEWEST_EXAMPLES = 64  # a user may ask for a short run


def no_starter(item: Item) -> str:
    """The reason why it does not apply, or nothing."""
    return "" if item.of(ArchitectureSpec).starter else "it has no starter"


def starter(subject: Subject, item: Item) -> None:
    """For few and many, small and large examples of its modality the starter's recipe decodes and can be built."""
    spec = item.of(ArchitectureSpec)
    reference, shapes = _data(subject, spec.modality)
    for count, shape in itertools.product(COUNTS, shapes):
        facts = DataFacts(count=count, shape=shape)
        label = f"{count} examples of the shape {shape}"
        require(chosen_by(spec, facts) == chosen_by(spec, facts), f"{label}: it chooses otherwise the second time")
        recipe, _ = start_recipe(item.name, reference, facts, subject.registry)
        config = resolve(recipe, subject.registry).config
        require(recipe.batch_size <= count, f"{label}: a batch of {recipe.batch_size} is more than there are")
        require(recipe.batch_size <= recipe.examples, f"{label}: the recipe ends before its first batch")
        built = data_shape_of(dict(build_parts(spec, config)))
        require(len(built) == len(shape), f"{label}: it is built for data of the shape {built}")
    facts = DataFacts(count=300, shape=shapes[-1], given={"examples": FEWEST_EXAMPLES})
    resolve(start_recipe(item.name, reference, facts, subject.registry)[0], subject.registry)


def _data(subject: Subject, modality: str) -> tuple[str, list[tuple[int, ...]]]:
    """A reference to data of the modality, and shapes that they have: the modality's own, else those of datasets."""
    registry = subject.registry
    specs = [(o.name, o.spec) for o in registry.list("dataset") if isinstance(o.spec, DatasetSpec)]
    datasets = {name: spec for name, spec in specs if spec.modality == modality}
    if not datasets:
        raise NotApplicable(f"no dataset of the modality {modality} is installed")
    shapes = list(load_modality(registry.modality(modality)).shapes())
    shapes = shapes or [spec.data_shape for spec in datasets.values() if spec.data_shape is not None]
    if not shapes:
        raise NotApplicable(f"no dataset of the modality {modality} says of which shape it is")
    plain = next((name for name, spec in datasets.items() if spec.plain), "")
    return f"{plain}:examples" if plain else next(iter(datasets)), shapes
