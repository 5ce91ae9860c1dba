"""What the verb `zoo gallery` takes."""

from __future__ import annotations

import argparse

__all__ = ["HOST", "PORT", "arguments"]

HOST, PORT = "127.0.0.1", 8642


def arguments(command: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    text = "shown beside the catalogue: ./folder, or hf://org/repo that was pulled"
    command.add_argument("models", nargs="*", metavar="MODEL", help=text)
    command.add_argument("--port", type=int, help=f"to listen on (default {PORT}, or the next that is free; 0: any)")
    text = f"address to listen on (default {HOST}: this machine alone; 0.0.0.0: whoever can reach it and has the link)"
    command.add_argument("--host", default=HOST, metavar="ADDRESS", help=text)
    text = "another name under which browsers may ask for it; again for more"
    command.add_argument("--allow-host", action="append", default=[], metavar="NAME", help=text)
    text = "the secret in the link, 8 to 128 letters, digits, - and _ (default: a new one at each start)"
    command.add_argument("--token", metavar="TEXT", help=text)
    command.add_argument("--open", action="store_true", help="show it in the browser")
