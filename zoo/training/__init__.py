"""The trainers, and the loop around them. This file is the plugin that contributes the zoo's own trainers."""

from __future__ import annotations

from zoo.api import API_VERSION, PluginContext, TrainerSpec, hookimpl

ZOO_API_VERSION = API_VERSION

AUTOENCODING = {
    "reconstruction": "reconstruction, nats an example",
    "reconstruction_bits_per_dim": "reconstruction, bits a dimension",
    "active_units": "latent units in use",
}
BOUND = {"elbo": "ELBO, nats an example", "kl": "KL, nats an example", "kl_bits_per_dim": "KL, bits a dimension"}


@hookimpl
def zoo_trainers(context: PluginContext) -> list[TrainerSpec]:
    """The adversarial loop, the variational one, and the classical autoencoder's."""
    return [
        TrainerSpec(
            name="adversarial",
            summary="Two players: a generator against a discriminator.",
            family="gan",
            settings="zoo.training.trainers.adversarial:AdversarialSettings",
            trainer="zoo.training.trainers.adversarial:AdversarialTrainer",
            units={
                "discriminator_loss": "loss",
                "generator_loss": "loss",
                "real_accuracy": "share told right",
                "fake_accuracy": "share told right",
            },
        ),
        TrainerSpec(
            name="vae",
            summary="An encoder and a decoder by a bound on the likelihood: ELBO or importance-weighted.",
            family="vae",
            settings="zoo.training.trainers.vae:VAESettings",
            trainer="zoo.training.trainers.vae:VAETrainer",
            units=AUTOENCODING | BOUND,
        ),
        TrainerSpec(
            name="autoencoder",
            summary="An encoder and a decoder that copy, with a sparsity penalty and no prior.",
            family="vae",
            settings="zoo.training.trainers.vae:AutoencoderSettings",
            trainer="zoo.training.trainers.vae:AutoencoderTrainer",
            units=AUTOENCODING,
        ),
    ]
