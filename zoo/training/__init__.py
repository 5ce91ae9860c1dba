"""The door to training, for plugin authors. A name is imported when it is first used; `import zoo.training` loads no
torch.

This file is also the plugin that contributes the zoo's own trainers and trackers.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from zoo.api import API_VERSION, PluginContext, TrackerSpec, TrainerSpec, hookimpl

if TYPE_CHECKING:
    from zoo.training.attendant import Reading
    from zoo.training.judging import FittedClassifier, JudgeDesign, Probe, fit_classifier, fit_probe
    from zoo.training.machine.processes import Processes
    from zoo.training.optimizers import clip_gradients, learning_rate, make_optimizer
    from zoo.training.tracker import Tracked, Tracker
    from zoo.training.trained import Trained
    from zoo.training.trainer import Figures, Precision, Trainer, seen_labels
    from zoo.training.trainers.losses import ADVERSARIAL_LOSSES, AdversarialLoss, PairedLoss

__all__ = [
    "ADVERSARIAL_LOSSES",
    "AdversarialLoss",
    "Figures",
    "FittedClassifier",
    "JudgeDesign",
    "PairedLoss",
    "Precision",
    "Probe",
    "Processes",
    "Reading",
    "Tracked",
    "Tracker",
    "Trained",
    "Trainer",
    "clip_gradients",
    "fit_classifier",
    "fit_probe",
    "learning_rate",
    "make_optimizer",
    "seen_labels",
]

_NAMES = {  # module -> what it gives
    "attendant": ("Reading",),
    "judging": ("FittedClassifier", "JudgeDesign", "Probe", "fit_classifier", "fit_probe"),
    "machine.processes": ("Processes",),
    "optimizers": ("clip_gradients", "learning_rate", "make_optimizer"),
    "tracker": ("Tracked", "Tracker"),
    "trained": ("Trained",),
    "trainer": ("Figures", "Precision", "Trainer", "seen_labels"),
    "trainers.losses": ("ADVERSARIAL_LOSSES", "AdversarialLoss", "PairedLoss"),
}
_HOME = {name: f"zoo.training.{module}" for module, names in _NAMES.items() for name in names}

ZOO_API_VERSION = API_VERSION

GAME = {
    "discriminator_loss": "loss",
    "real_accuracy": "share told right",
    "fake_accuracy": "share told right",
    "r1": "squared slope of the discriminator",
    "r2": "squared slope of the discriminator",
    "gradient_penalty": "squared distance of the slope from 1",
    "augment_share": "share of the examples that are augmented",
}
ERRORS = {  # of a VAE-GAN
    "loss": "loss",
    "decoder_loss": "loss",
    "reconstruction": "error, nats an example",
    "map_error": "error, nats an example",
    "kl": "KL, nats an example",
    "active_units": "latent units in use",
}
AUTOENCODING = {
    "reconstruction": "reconstruction, nats an example",
    "reconstruction_bits_per_dim": "reconstruction, bits a dimension",
    "active_units": "latent units in use",
}
COPYING = {"loss": "lower", "reconstruction": "lower", "reconstruction_bits_per_dim": "lower"}
BOUND = {"elbo": "ELBO, nats an example", "kl": "KL, nats an example", "kl_bits_per_dim": "KL, bits a dimension"}


@hookimpl
def zoo_trainers(context: PluginContext) -> list[TrainerSpec]:
    """The adversarial loop, the variational one, the classical autoencoder's, and the one of two together."""
    return [
        TrainerSpec(
            name="adversarial",
            summary="Two players: a generator against a discriminator.",
            family="gan",
            settings="zoo.training.trainers.adversarial:AdversarialSettings",
            trainer="zoo.training.trainers.adversarial:AdversarialTrainer",
            units=GAME | {"generator_loss": "loss"},
        ),
        TrainerSpec(
            name="vae",
            summary="An encoder and a decoder by a bound on the likelihood: ELBO or importance-weighted.",
            family="vae",
            settings="zoo.training.trainers.vae:VAESettings",
            trainer="zoo.training.trainers.vae:VAETrainer",
            units=AUTOENCODING | BOUND,
            better=COPYING | {"elbo": "higher", "importance_weighted": "higher"},
        ),
        TrainerSpec(
            name="autoencoder",
            summary="An encoder and a decoder that copy, with a sparsity penalty and no prior.",
            family="vae",
            settings="zoo.training.trainers.vae:AutoencoderSettings",
            trainer="zoo.training.trainers.vae:AutoencoderTrainer",
            units=AUTOENCODING,
            better=COPYING,
        ),
        TrainerSpec(
            name="vae-gan",
            summary="An encoder and a decoder by what a discriminator sees, and against it (Larsen et al. 2016).",
            family="vae",
            settings="zoo.training.trainers.vae_gan:VAEGANSettings",
            trainer="zoo.training.trainers.vae_gan:VAEGANTrainer",
            units=GAME | ERRORS,
            better=dict.fromkeys(("loss", "map_error", "reconstruction"), "lower"),
        ),
    ]


@hookimpl
def zoo_trackers(context: PluginContext) -> list[TrackerSpec]:
    """TensorBoard, and two that are services, too."""
    return [
        TrackerSpec(
            name="tensorboard",
            summary="Events in the run's folder, for `tensorboard --logdir runs`.",
            title="TensorBoard",
            tracker="zoo.training.trackers.tensorboard:TensorBoard",
            install_hint="pip install 'genzoo[train]'",
        ),
        TrackerSpec(
            name="wandb",
            summary="Weights & Biases: wandb.ai, or with WANDB_MODE=offline files in the run's folder.",
            title="Weights & Biases",
            tracker="zoo.training.trackers.weights_and_biases:WeightsAndBiases",
            install_hint="pip install 'genzoo[wandb]'",
        ),
        TrackerSpec(
            name="mlflow",
            summary="MLflow: the server of MLFLOW_TRACKING_URI, or a database in the run's folder.",
            title="MLflow",
            tracker="zoo.training.trackers.mlflow_client:MLflow",
            install_hint="pip install 'genzoo[mlflow]'",
        ),
    ]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zoo.training' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
