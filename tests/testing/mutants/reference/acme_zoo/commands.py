"""The verb `zoo acme/hello`."""

from __future__ import annotations

import argparse


def hello_arguments(parser: argparse.ArgumentParser) -> None:
    """How loud."""
    parser.add_argument("--loud", action="store_true", help="or else half as loud")


def hello(arguments: argparse.Namespace) -> int:
    """Say nothing."""
    return 0
