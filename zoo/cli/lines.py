"""How text is fitted to a terminal: wrapped between words, fields left out, commands that can be pasted."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Sequence
from typing import TextIO

from zoo.files import shell_line

__all__ = ["USUAL", "advice", "cells", "colours", "columns", "fitted", "say", "wrapped"]

USUAL, LEAST = 80, 20  # columns where a terminal does not know, and below which nothing is fitted
INDENT = "    "


def columns(stream: TextIO | None) -> int | None:
    """The width of the terminal that a stream writes to, as it is now; None where it is none: lines stay whole there.

    COLUMNS counts where it is set, as for `shutil.get_terminal_size`, which knows standard output alone.
    """
    try:
        if stream is None or not stream.isatty():
            return None
        given = os.environ.get("COLUMNS", "")
        width = int(given) if given.isdecimal() else 0
        return max(width or os.get_terminal_size(stream.fileno()).columns or USUAL, LEAST)
    except (OSError, ValueError):  # ValueError: a stream without a file, or a closed one
        return USUAL


def colours(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal that shows 24-bit colours and half blocks: not where NO_COLOR is set or TERM is
    "dumb" (https://no-color.org), nor where its encoding has no such letters.
    """
    if columns(stream) is None or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    try:
        "\N{UPPER HALF BLOCK}".encode(getattr(stream, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def cells(text: str) -> int:
    """The columns that a text takes: two a letter where letters are wide, none for a combining one."""
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text
    )


def wrapped(text: str, width: int | None, *, indent: str = "") -> str:
    """The text in lines of at most `width` columns, broken between words; the later ones begin with `indent`, or below
    the last of the text's columns where these leave room.

    A word that is longer has a line of its own. Spaces at the beginning stay.
    """
    if width is None or cells(text) <= width:
        return text
    gaps = [gap.end() for gap in re.finditer(r"(?<=\S)  +(?=\S)", text)]
    if gaps and len(indent) < gaps[-1] <= width * 3 // 5:
        indent = " " * gaps[-1]
    first, *words = text.split(" ")
    lines = [first]
    for word in words:
        if not lines[-1].strip() or cells(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        elif word:
            lines.append(indent + word)
    return "\n".join(line.rstrip() for line in lines)


def fitted(fields: Sequence[tuple[int, str]], width: int | None) -> str:
    """The fields, each (how far it may be left out, text), on one line of at most `width` columns.

    The one of the highest number is left out first; the empty ones are no fields.
    """
    kept = [field for field in fields if field[1]]
    while width is not None and len(kept) > 1 and cells("  ".join(text for _, text in kept)) > width:
        kept.remove(max(kept, key=lambda field: field[0]))
    return "  ".join(text for _, text in kept)


def advice(text: str, command: Sequence[str], width: int | None) -> str:
    """The text and, after a colon, the command that it speaks of, which a shell takes as it stands.

    Where both do not fit into one line the command has lines of its own, joined by backslashes.
    """
    words = [shell_line([word]) for word in command]
    line = f"{text}: {' '.join(words)}"
    if width is None or cells(line) <= width:
        return line
    lines = [INDENT + words[0]]
    for word in words[1:]:
        if cells(f"{lines[-1]} {word} \\") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(2 * INDENT + word)
    return wrapped(f"{text}:", width) + "\n" + " \\\n".join(lines)


def say(text: str, *, indent: str = INDENT) -> None:
    """Print the lines of `text` on standard output, each wrapped to the terminal where there is one; what is wrapped
    goes on behind `indent`.
    """
    for line in text.split("\n"):
        print(wrapped(line, columns(sys.stdout), indent=indent), flush=True)
