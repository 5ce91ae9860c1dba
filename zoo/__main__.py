"""`python -m zoo` is the command `zoo`."""

from __future__ import annotations

import sys

__all__ = ["start"]


def start() -> int:
    """Run the command of the program's words: its exit code. Ctrl-C is one line from the first import on."""
    try:
        from zoo.cli.main import main

        return main()
    except KeyboardInterrupt:
        sys.stderr.write("zoo: interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(start())
