"""Level `build`: an architecture's starter, on data of every kind."""

from __future__ import annotations

import itertools

from zoo.catalogue.contract.facts import DataFacts
from zoo.catalogue.contract.specs import ArchitectureSpec
from zoo.catalogue.recipes.recipe import resolve
from zoo.catalogue.recipes.starters import chosen_by, start_recipe
from zoo.nn.build import build_parts
from zoo.testing.cases import data_shape_of
from zoo.testing.subject import Item, Subject, require

__all__ = ["no_starter", "starter"]

COUNTS, SIDES, CHANNELS = (16, 300, 60_000), (8, 28, 64, 1_500), (1, 3)
REFERENCE = "images:pictures"
FEWEST_IMAGES = 64  # a user may ask for a short run


def no_starter(item: Item) -> str:
    """The reason why it does not apply, or nothing."""
    return "" if item.of(ArchitectureSpec).starter else "it has no starter"


def starter(subject: Subject, item: Item) -> None:
    """For few and many, small and large, grey and coloured pictures the starter's recipe decodes and can be built."""
    spec = item.of(ArchitectureSpec)
    for count, side, channels in itertools.product(COUNTS, SIDES, CHANNELS):
        facts = DataFacts(count=count, side=side, channels=channels)
        label = f"{count} pictures of {side} pixels, channels {channels}"
        require(chosen_by(spec, facts) == chosen_by(spec, facts), f"{label}: it chooses otherwise the second time")
        recipe, _ = start_recipe(item.name, REFERENCE, facts, subject.registry)
        config = resolve(recipe, subject.registry).config
        require(recipe.batch_size <= count, f"{label}: a batch of {recipe.batch_size} is more than there are")
        require(recipe.batch_size <= recipe.images, f"{label}: the recipe ends before its first batch")
        shape = data_shape_of(dict(build_parts(spec, config)))
        square = len(shape) == 3 and shape[0] in CHANNELS and shape[1] == shape[2]
        require(square, f"{label}: it is built for data of shape {shape}, which no pictures are made into")
    facts = DataFacts(count=300, side=64, given={"images": FEWEST_IMAGES})
    resolve(start_recipe(item.name, REFERENCE, facts, subject.registry)[0], subject.registry)
