"""Level `families`: what a kind of model says of its parts and files, and how its models sample."""

from __future__ import annotations

import torch
from torch import nn

from zoo.catalogue.contract.specs import FamilySpec
from zoo.catalogue.weights.folder import DISCRIMINATOR, PRIOR
from zoo.nn.distributions import Likelihood
from zoo.nn.families import load_family
from zoo.nn.interfaces import Decoder, Discriminator, Encoder, Generator
from zoo.testing.cases import fresh_parts, smallest_of_family
from zoo.testing.subject import Item, Subject, require

__all__ = ["declaration", "sampling"]

KNOWN = (Encoder, Decoder, Generator, Discriminator, Likelihood)  # the kit knows what these take


def declaration(subject: Subject, item: Item) -> None:
    """It is a Family of the spec's name; parts, interfaces and files fit, and each part can be tried with something."""
    spec = item.of(FamilySpec)
    family = load_family(spec)
    require(family.name == spec.name, f"{spec.family} is named {family.name!r}, the spec {spec.name!r}")
    require(family.published, "it publishes no part")
    parts = {*family.published, *family.beside}
    require(parts <= set(family.interfaces), f"of {' and '.join(sorted(parts - set(family.interfaces)))} no interface")
    require(not set(family.published) & set(family.beside), "a part is published and kept beside")
    for file in (*family.beside.values(), *family.optional):
        held = file in (DISCRIMINATOR, PRIOR)
        require(
            held, f"{file} is no file of a weights folder; those for parts and more are {DISCRIMINATOR} and {PRIOR}"
        )
    for name, interface in family.interfaces.items():
        require(isinstance(interface, type) and issubclass(interface, nn.Module), f"{name}: {interface!r} is no module")
        tried = name in family.tried_with or issubclass(interface, KNOWN)
        require(tried, f"nobody knows what a {name} takes; say so in Family.tried_with")


def sampling(subject: Subject, item: Item) -> None:
    """A model of it is a function of its noise: a sample depends neither on others nor on torch's state."""
    _, case = smallest_of_family(subject, item.name)
    model = load_family(item.of(FamilySpec)).container(fresh_parts(case))
    require(not model.training, "its container gives a model that is not in eval mode")
    several, state = model.sample(5, seed=0), torch.get_rng_state()
    require(torch.equal(model.sample(3, seed=0), several[:3]), "three samples of a seed are not the first of five")
    require(torch.equal(torch.get_rng_state(), state), "sampling draws from torch's global random state")
    require(torch.equal(model.decode(model.latents(5, seed=0)), several), "its samples are not its decoded latents")
