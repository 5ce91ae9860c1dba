"""The rules of Chollet's GAN chapter on the frogs, each switched off alone, with several seeds as the noise.

    python benchmarks/ablation/ablation.py --out runs/ablation [--seeds 1 2 3] [--only NAME …]   # trains, or goes on
    python benchmarks/ablation/ablation.py --out runs/ablation --table                          # the runs that are done

The base is `all-rules.toml`; a variant is that recipe with one value changed. Fréchet and kernel distance of 2,000
samples of the last weights to the 5,000 training frogs, on EfficientNet-Lite0 features.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.recipes.recipe import Recipe, override, read_recipe, resolve
from zoo.cli.progress import stop_signals
from zoo.data.loading import Examples, load_dataset
from zoo.evaluation.report import evaluate
from zoo.files import new_file
from zoo.settings import cache_folder
from zoo.training.attendant import Attendant
from zoo.training.checkpoint import load_newest
from zoo.training.run import Run, averaged_model
from zoo.training.state import first_state
from zoo.training.train import train

SAMPLES, SEEDS = 2_000, 9
NETWORK = "efficientnet-lite0"
BASE = Path(__file__).with_name("all-rules.toml")

# name -> (what is switched off, what is changed)
VARIANTS = {
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


def folder_of(name: str, seed: int) -> str:
    """What the run of a variant is called."""
    return name if seed == 1 else f"{name}-seed-{seed}"


def recipe_of(name: str, seed: int, examples: int | None) -> Recipe:
    """The variant's recipe, for another number of examples where one is given."""
    changes = [*VARIANTS[name][1], f"seed={seed}", *([] if examples is None else [f"examples={examples}"])]
    return replace(override(read_recipe(BASE), changes), name=folder_of(name, seed))


def measure(run: Run, train_set: Examples, test_set: Examples) -> dict[str, Any]:
    """The distances of a finished run's samples."""
    tensors, numbers, _ = load_newest(run.folder / "checkpoints")
    state = first_state(run.resolved)
    state.restore(tensors, numbers)
    model = averaged_model(state, run.family())
    report = evaluate(
        model.sample(SAMPLES, seed=0),
        train_set.data,
        test_set.data,
        NETWORK,
        seed=0,
        cache_dir=cache_folder(os.environ),
    )
    return {
        "examples": state.examples,
        "frechet": report.figures.frechet,
        "kernel": report.figures.kernel,
        "kernel_standard_error": report.figures.kernel_standard_error,
    }


def table(out: Path) -> None:
    """Print the runs that are measured as a Markdown table: medians over seeds, and each seed's distance."""
    print("| switched off | Fréchet | of each seed | kernel |\n| --- | --- | --- | --- |")
    for name, (rule, _) in VARIANTS.items():
        paths = [out / folder_of(name, seed) / "distances.json" for seed in range(1, SEEDS + 1)]
        found = [json.loads(path.read_text()) for path in paths if path.exists()]
        if found:
            frechet, kernel = ([run[key] for run in found] for key in ("frechet", "kernel"))
            each = ", ".join(f"{value:.0f}" for value in frechet)
            print(f"| {rule} | {statistics.median(frechet):.0f} | {each} | {statistics.median(kernel):.3f} |")


def main() -> None:
    """Train and measure what is not done yet, one variant after the other; Ctrl-C saves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--only", nargs="*", choices=VARIANTS, default=list(VARIANTS), metavar="NAME")
    parser.add_argument("--seeds", nargs="*", type=int, choices=range(1, SEEDS + 1), default=[1], metavar="SEED")
    parser.add_argument("--examples", type=int)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    if args.table:
        table(args.out)
        return
    torch.set_num_threads(args.threads)
    registry = default_registry()
    reference = read_recipe(BASE).dataset
    train_set, test_set = (load_dataset(reference, registry=registry, split=split) for split in ("train", "test"))
    with stop_signals() as stopped:
        for seed, name in itertools.product(args.seeds, args.only):
            folder = args.out / folder_of(name, seed)
            if (folder / "distances.json").exists():
                continue
            started = (folder / "recipe.json").exists()
            resolved = resolve(recipe_of(name, seed, args.examples), registry)
            run = train(resolved, folder, registry=registry, resume=started, attendant=Attendant(stop=stopped))
            if stopped():
                break
            found = measure(run, train_set, test_set)
            with new_file(folder / "distances.json") as aside:
                aside.write_text(json.dumps(found, indent=1) + "\n")
            print(folder.name, found, flush=True)
    table(args.out)


if __name__ == "__main__":
    main()
