"""The trainers, and the loop around them. This file is the plugin that contributes the zoo's own trainers."""

from __future__ import annotations

from zoo.api import API_VERSION, PluginContext, TrainerSpec, hookimpl

ZOO_API_VERSION = API_VERSION


@hookimpl
def zoo_trainers(context: PluginContext) -> list[TrainerSpec]:
    """The adversarial loop."""
    return [
        TrainerSpec(
            name="adversarial",
            summary="Two players: a generator against a discriminator.",
            family="gan",
            settings="zoo.training.adversarial:AdversarialSettings",
            trainer="zoo.training.adversarial:AdversarialTrainer",
        )
    ]
