"""The verb `help`: `zoo help VERB` is `zoo VERB --help`."""

from __future__ import annotations

import argparse

__all__ = ["help_arguments", "show_help"]


def help_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo help` takes."""
    text = "a verb, and of a verb of verbs which: `zoo help concept fit` (default: all verbs)"
    command.add_argument("words", nargs="*", metavar="VERB", help=text)


def show_help(arguments: argparse.Namespace) -> int:
    """Print a verb's help, or that of `zoo`. Raises UsageError for a verb that is none."""
    from zoo.cli.main import main

    return main([*arguments.words, "--help"])
