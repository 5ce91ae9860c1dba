"""zoo.images.terminal: pictures as half blocks in colour, and as letters without any."""

from __future__ import annotations

import re

import torch

from zoo.images.terminal import letters_of

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def painted(line: str) -> list[tuple[tuple[int, ...], tuple[int, ...] | None]]:
    """The colours (upper, lower) of each half block of a line, as a terminal would show them."""
    shown, upper, lower = [], (), None
    for word in re.split(r"(\x1b\[[0-9;]*m)", line):
        if word == "\x1b[0m":
            upper, lower = (), None
        elif word.startswith("\x1b"):
            codes = [int(code) for code in word[2:-1].split(";")]
            assert codes[:2] == [38, 2]
            upper = tuple(codes[2:5])
            lower = tuple(codes[7:10]) if codes[5:7] == [48, 2] else None
        else:
            assert set(word) <= {"▀"}
            shown += [(upper, lower)] * len(word)
    return shown


def test_a_half_block_is_two_pixels() -> None:
    """Each letter's colours are those of the two pixels it stands for; below the last odd row there is nothing."""
    levels = torch.randint(256, (1, 3, 5, 4), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    lines = letters_of(levels, width=80, colour=True).split("\n")
    assert len(lines) == 3
    for number, line in enumerate(lines):
        for column, (upper, lower) in enumerate(painted(line)):
            assert upper == tuple(levels[0, :, 2 * number, column].tolist())
            below = None if number == 2 else tuple(levels[0, :, 2 * number + 1, column].tolist())
            assert lower == below
        assert line.endswith("\x1b[0m")


def test_an_even_colour_is_said_once() -> None:
    """A line of one colour has one escape sequence and the end's."""
    (line,) = letters_of(torch.zeros(1, 1, 2, 40), width=80, colour=True).split("\n")
    assert ESCAPE.findall(line) == ["\x1b[38;2;0;0;0;48;2;0;0;0m", "\x1b[0m"]


def test_pictures_stand_side_by_side_as_far_as_they_fit() -> None:
    """As many stand in a row as the width holds, or so many as are asked for, made smaller; no line is wider."""
    x = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    for width, columns, rows, longest in ((26, None, 2, 26), (17, None, 3, 17), (80, None, 1, 44), (11, 2, 3, 11)):
        text = letters_of(x, width=width, columns=columns, colour=True)
        assert len(text.split("\n\n")) == rows
        assert max(len(ESCAPE.sub("", line)) for line in text.split("\n")) == longest
    narrow = letters_of(x[:1], width=4, colour=True).split("\n")
    assert len(narrow) == 2
    assert max(len(painted(line)) for line in narrow) == 4


def test_without_colour_brighter_is_heavier() -> None:
    """Black is a space, white the heaviest letter, and nothing but ASCII is written."""
    ramp = torch.linspace(0, 1, 10).expand(1, 1, 2, 10)
    text = letters_of(ramp, width=80)
    assert text == " .:-=+*#%@"
    assert text.isascii()
