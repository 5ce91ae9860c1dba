"""What a rule or a setting is worth: a recipe against the same recipe with one value changed, seed by seed.

    python benchmarks/ablation/ablation.py rules --out runs/ablation [--seeds 1 2 3] [--only NAME …]  # or goes on
    python benchmarks/ablation/ablation.py encoder --out runs/encoder --examples 52000
    python benchmarks/ablation/ablation.py rules --out runs/ablation --table                          # what is done

`rules` are those of Chollet's GAN chapter on the frogs, each switched off alone. `encoder` asks whether the gradient of
a VAE-GAN's game should reach its encoder. Fréchet and kernel distance are those of samples of the averaged weights to
5,000 training examples, by a network that none of the runs is trained against; of a model that encodes also the root
mean square error of held-out reconstructions, the KL in nats and the active units.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.recipes.recipe import Recipe, override, read_recipe, resolve
from zoo.cli.progress import stop_signals
from zoo.data.loading import load_dataset
from zoo.data.modality import modality_of
from zoo.evaluation.features import Observer, cached_vectors, vectors
from zoo.evaluation.metrics import frechet_distance, kernel_distance
from zoo.evaluation.reconstruction import reconstruction_report
from zoo.files import new_file
from zoo.nn import Bounded, load_features
from zoo.settings import cache_folder
from zoo.training.attendant import Attendant
from zoo.training.checkpoint import load_newest
from zoo.training.run import Run, averaged_model
from zoo.training.state import first_state
from zoo.training.train import train

SEEDS = 9
FIGURES = ("frechet", "kernel", "error", "kl", "active_units")
SAMPLES, REAL, FOR_EACH = 2_000, 5_000, 4  # samples; real examples at most; and at most so many for each sample


@dataclass(frozen=True)
class Study:
    """A base recipe, the network that measures, and name -> (what is changed in words, the changed values)."""

    base: str  # a file beside this one
    network: str
    variants: dict[str, tuple[str, list[str]]]


RULES = {
    "all-rules": ("nothing: all rules", []),
    "linear-output": ("no tanh at the generator's end", ["config.output=linear"]),
    "uniform-prior": ("z from a uniform distribution", ["config.prior=uniform"]),
    "no-label-noise": ("no noise on the labels", ["settings.label_noise=0.0"]),
    "no-dropout": ("no dropout in the discriminator", ["config.dropout=0.0"]),
    "max-pooling": ("max pooling for strides", ["config.downsampling=max_pool"]),
    "relu": ("ReLU for LeakyReLU", ["config.discriminator_activation=relu", "config.generator_activation=relu"]),
    "kernel-5": ("kernel 5, which the stride 2 does not divide", ["config.kernel_size=5"]),
    "batches-apart": ("real and fake in batches of their own", ["settings.mix_batches=false"]),
    "minimax": ("the generator minimises log(1 - D)", ["settings.loss=minimax"]),
    "no-clipping": ("no gradient clipping", ["settings.clip_value=0.0"]),
    "no-decay": ("no learning-rate decay", ["settings.decay=0.0"]),
    "discriminator-not-frozen": ("discriminator not frozen", ["settings.freeze_discriminator=false"]),
}


ENCODER = {
    "encoder-plays": ("the game's gradient reaches the encoder", ["settings.encoder_plays=true"]),
    "encoder-apart": ("the encoder learns from likelihood and KL alone", ["settings.encoder_plays=false"]),
}
STUDIES = {
    "rules": Study("all-rules.toml", "efficientnet-lite0", RULES),
    "encoder": Study("vae-gan.toml", "efficientnet-lite1", ENCODER),  # a sister of what the discriminator looks through
}


def folder_of(name: str, seed: int) -> str:
    """What the run of a variant is called."""
    return name if seed == 1 else f"{name}-seed-{seed}"


def recipe_of(study: Study, name: str, seed: int, changes: list[str]) -> Recipe:
    """The variant's recipe, changed as the user has asked for of all variants."""
    base = read_recipe(Path(__file__).with_name(study.base))
    return replace(override(base, [*study.variants[name][1], *changes, f"seed={seed}"]), name=folder_of(name, seed))


def measure(run: Run, network: str, count: int) -> dict[str, Any]:
    """The distances of a finished run's samples, and what a model that encodes gives back."""
    tensors, numbers, _ = load_newest(run.folder / "checkpoints")
    state = first_state(run.resolved)
    state.restore(tensors, numbers)
    model = averaged_model(state, run.family())
    real = {
        split: load_dataset(run.resolved.recipe.dataset, split=split, data_shape=model.data_shape)
        for split in ("train", "test")
    }
    train, test = (examples.data[: min(REAL, FOR_EACH * count)] for examples in real.values())
    observer = Observer(load_features(network), modality_of(model))
    drawn = vectors(model.sample(count, seed=0), observer)
    known = cached_vectors(train, observer, cache_folder(os.environ))
    kernel, error = kernel_distance(drawn, known)
    found = {"examples": state.examples, "frechet": frechet_distance(drawn, known), "kernel": kernel}
    found["kernel_standard_error"] = error
    if isinstance(model, Bounded):
        coded = reconstruction_report(model, test)
        found |= {"error": coded.root_mean_square_error, "kl": coded.kl, "active_units": coded.active_units}
    return found


def table(study: Study, out: Path) -> None:
    """Print the runs that are measured as a Markdown table: medians over seeds, and each seed's Fréchet distance."""
    rows = {}
    for name, (change, _) in study.variants.items():
        paths = [out / folder_of(name, seed) / "distances.json" for seed in range(1, SEEDS + 1)]
        if found := [json.loads(path.read_text()) for path in paths if path.exists()]:
            rows[change] = found
    keys = [key for key in FIGURES if any(key in found[0] for found in rows.values())]
    print(f"| changed | {' | '.join(keys)} | Fréchet of each seed |\n|{' --- |' * (len(keys) + 2)}")
    for change, found in rows.items():
        medians = [f"{statistics.median(run[key] for run in found):.3g}" for key in keys]
        each = ", ".join(f"{run['frechet']:.0f}" for run in found)
        print(f"| {change} | {' | '.join(medians)} | {each} |")


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--only", nargs="*", metavar="NAME")
    parser.add_argument("--seeds", nargs="*", type=int, choices=range(1, SEEDS + 1), default=[1], metavar="SEED")
    parser.add_argument("--examples", type=int)
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of every variant's recipe")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    if unknown := set(args.only or ()) - set(STUDIES[args.study].variants):
        parser.error(f"--only: {', '.join(sorted(unknown))}; there are {', '.join(STUDIES[args.study].variants)}")
    return args


def main() -> None:
    """Train and measure what is not done yet, one variant after the other; Ctrl-C saves."""
    args = arguments()
    study = STUDIES[args.study]
    changes = [*args.set, *([] if args.examples is None else [f"examples={args.examples}"])]
    if args.table:
        table(study, args.out)
        return
    torch.set_num_threads(args.threads)
    registry = default_registry()
    with stop_signals() as stopped:
        for seed, name in itertools.product(args.seeds, args.only or study.variants):
            folder = args.out / folder_of(name, seed)
            if (folder / "distances.json").exists():
                continue
            started = (folder / "recipe.json").exists()
            resolved = resolve(recipe_of(study, name, seed, changes), registry)
            run = train(resolved, folder, registry=registry, resume=started, attendant=Attendant(stop=stopped))
            if stopped():
                break
            found = measure(run, study.network, args.samples)
            with new_file(folder / "distances.json") as aside:
                aside.write_text(json.dumps(found, indent=1) + "\n")
            print(folder.name, found, flush=True)
    table(study, args.out)


if __name__ == "__main__":
    main()
