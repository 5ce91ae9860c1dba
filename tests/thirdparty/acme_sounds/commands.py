"""The verb `zoo sounds/say`."""

from __future__ import annotations

import argparse


def say_arguments(parser: argparse.ArgumentParser) -> None:
    """Which model, and how many."""
    parser.add_argument("model")
    parser.add_argument("-n", type=int, default=2, help="sentences (default 2)")


def say(given: argparse.Namespace) -> None:
    """Print samples as text."""
    import zoo
    from acme_sounds.phrases import Phrases
    from zoo.data import modality_of
    from zoo.errors import UsageError

    model = zoo.load(given.model)
    modality = modality_of(model)
    if not isinstance(modality, Phrases):
        raise UsageError(f"{given.model} makes no sentences; its kind of data is {model.modality}")
    print("\n".join(modality.text(model.sample(given.n, seed=0))))
