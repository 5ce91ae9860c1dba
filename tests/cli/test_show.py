"""zoo sample --show: pictures in a terminal's colours, other kinds in lines; no escape sequence where none belongs."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from cli.commands import Run, Terminal, code_of

from zoo.cli.lines import colours
from zoo.cli.sample import _show
from zoo.images.terminal import letters_of
from zoo.nn.pretrained import load

pytestmark = pytest.mark.usefixtures("here")


class Screen(Terminal):
    """A terminal of 40 columns that takes Unicode."""

    encoding = "utf-8"


def on_screen(patch: pytest.MonkeyPatch) -> Screen:
    """Standard output, from now on, as of a terminal that shows colours."""
    for name in ("NO_COLOR", "TERM"):
        patch.delenv(name, raising=False)
    patch.setenv("COLUMNS", "40")
    stream = Screen()
    patch.setattr(sys, "stdout", stream)
    return stream


def test_a_terminal_shows_pictures_in_colour(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The samples of that seed as half blocks, as many a row as 40 columns hold; nothing else is printed."""
    x = load(model).sample(6, seed=3)
    screen = on_screen(monkeypatch)
    assert code_of("sample", model, "-n", 6, "--seed", 3, "--show") == 0
    assert screen.getvalue() == letters_of(x, width=40, colour=True) + "\n"
    assert "\x1b[38;2;" in screen.getvalue()


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_without_colours_is_sent_none(
    name: str, value: str, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With NO_COLOR and on a dumb terminal pictures are ASCII letters by brightness."""
    screen = on_screen(monkeypatch)
    monkeypatch.setenv(name, value)
    assert code_of("sample", model, "-n", 2, "--show") == 0
    assert screen.getvalue() == letters_of(load(model).sample(2, seed=0), width=40) + "\n"
    assert screen.getvalue().isascii()
    assert "\x1b" not in screen.getvalue()


def test_a_pipe_is_sent_no_escape(run: Run, model: str) -> None:
    """What is no terminal gets the letters, 80 columns wide."""
    code, out, err = run("sample", model, "--show")
    assert (code, err) == (0, "")
    assert out == letters_of(load(model).sample(8, seed=0), width=80) + "\n"
    assert "\x1b" not in out


def test_an_encoding_without_half_blocks_has_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the terminal's encoding lacks the letter, ASCII is written."""
    screen = on_screen(monkeypatch)
    assert colours(screen)
    monkeypatch.setattr(Screen, "encoding", "latin-1")
    assert not colours(screen)


def test_a_file_is_shown_too(run: Run, model: str, here: Path) -> None:
    """With -o the file is written as ever, and then shown."""
    code, out, err = run("sample", model, "-n", "2", "-o", "a.png", "--show")
    assert (code, err) == (0, "")
    assert out.startswith(f"a.png: 2 samples of {model}, seed 0\n")
    assert (here / "a.png").is_file()
    assert len(out.splitlines()) == 5


def test_only_colours_reach_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """What a kind of data gives is shown without what steers a terminal, but for its colours, and those when wanted."""
    text = "\x1b[38;2;1;2;3ma\x1b[0m\x1b]0;title\x07\x1b[2Jb\u202e\x1b[8mc\n"
    _show(text, colour=True)
    assert capsys.readouterr().out == "\x1b[38;2;1;2;3ma\x1b[0m\\x1b]0;title\\x07\\x1b[2Jb\\u202e\\x1b[8mc\n"
    _show(text)
    assert "\x1b" not in capsys.readouterr().out
    _show("\x1b[48;2;9;9;9mred\n", colour=True)
    assert capsys.readouterr().out == "\x1b[48;2;9;9;9mred\n\x1b[0m"


def test_sounds_and_tunes_are_a_line_each(run: Run) -> None:
    """Of a sound its seconds and how loud it is, of a tune its bars and notes; texts are themselves."""
    code, out, err = run("sample", "vae-spoken-digits", "-n", "2", "--show")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) == 2
    assert all(re.fullmatch(r"\d  1\.02 s, peak [ \d]{3}%  [ .:\-=+*#%@]*@[ .:\-=+*#%@]*", line) for line in lines)
    assert max(map(len, lines)) <= 80
    code, out, err = run("sample", "vae-tunes", "-n", "2", "--show")
    assert (code, err) == (0, "")
    assert all(re.match(r"\d  \d+ bars, \d+ notes, \d+ s  M:", line) for line in out.splitlines())
    code, out, err = run("sample", "vae-lines", "-n", "2", "--show")
    assert (code, out) == run("sample", "vae-lines", "-n", "2")[:2]
