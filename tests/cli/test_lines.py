"""zoo.cli.lines: what is printed fits the terminal, and a command that is printed can be pasted."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli.commands import Terminal

from zoo.catalogue.runs.summary import export_words
from zoo.cli.lines import advice, cells, columns, fitted, wrapped
from zoo.cli.output import complain

SENTENCE = "doctor, at 6,016 examples: mode collapse: two samples differ by 12.8 % of what two training examples do"


@pytest.mark.parametrize("width", [60, 80, 100])
def test_text_is_wrapped_between_words(width: int) -> None:
    """No line is wider than the terminal, no word is cut, and none is lost."""
    lines = wrapped(SENTENCE, width, indent="     ").split("\n")
    assert max(map(cells, lines)) <= width
    assert " ".join(line.strip() for line in lines) == SENTENCE
    assert all(line.startswith("     ") for line in lines[1:])


def test_wide_letters_take_two_columns() -> None:
    """Names in Chinese are counted as the terminal draws them."""
    assert cells("\u9752\u86d9 frog") == 9
    assert wrapped("\u9752\u86d9 \u9752\u86d9", 8) == "\u9752\u86d9\n\u9752\u86d9"


def test_the_last_column_of_a_table_is_wrapped_below_itself() -> None:
    """What a line says after a gap stays there."""
    text = "    batch_size = 32    of the pictures there are"
    assert wrapped(text, 40, indent="      ") == "    batch_size = 32    of the pictures\n" + 23 * " " + "there are"


def test_a_word_longer_than_the_terminal_stays_whole() -> None:
    """A path is not broken."""
    assert wrapped("a /very/long/path/of/one b", 12) == "a\n/very/long/path/of/one\nb"


def test_the_least_important_field_is_left_out_first() -> None:
    """By its number, whatever its place; the most important one stays."""
    fields = [(0, "aaaa"), (9, "bbbb"), (1, "cccc"), (2, "")]
    assert [fitted(fields, width) for width in (None, 16, 15, 9, 1)] == [
        "aaaa  bbbb  cccc",
        "aaaa  bbbb  cccc",
        "aaaa  cccc",
        "aaaa",
        "aaaa",
    ]


def test_a_stream_that_is_no_terminal_has_no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then a message is one line, whatever its length; on a terminal it is wrapped."""
    monkeypatch.setenv("COLUMNS", "60")
    assert columns(io.StringIO()) is None
    for screen, lines in ((io.StringIO(), 1), (Terminal(), 2)):
        monkeypatch.setattr(sys, "stderr", screen)
        complain(SENTENCE)
        assert screen.getvalue().count("\n") == lines


@pytest.mark.parametrize("width", [None, 60, 30])
@pytest.mark.parametrize(
    "name",
    [
        "plain",
        "two  spaces",
        "it's",
        'quo"te',
        "-dash",
        "$HOME `x`",
        "tab\tend",
        "new\nline",
        "\u9752\u86d9",
        "esc\x1b[31m",
    ],
)
def test_a_command_that_is_printed_can_be_executed(name: str, width: int | None, tmp_path: Path) -> None:
    """A shell hands over the very words, also of a folder with spaces, quotes, a dash or a new line in its name."""
    command = export_words(Path(name), name)
    text = advice("then", command, width)
    said, _, pasted = text.partition(":")
    show = f"{sys.executable} -c 'import os, sys; os.write(1, os.fsencode(chr(0).join(sys.argv[1:])))'"
    shell = "bash" if Path("/bin/bash").exists() else "sh"
    found = subprocess.run(
        [shell, "-c", pasted.strip().replace("zoo", show, 1)], capture_output=True, check=True, cwd=tmp_path
    )
    assert said == "then"
    assert os.fsdecode(found.stdout).split("\0") == command[1:]
    assert not command[2].startswith("-")
    assert "\x1b" not in text


def test_the_folder_that_is_proposed_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run's own folder, or one that is there, is not to be written over."""
    monkeypatch.chdir(tmp_path)
    assert export_words(Path("run"), "frogs") == ["zoo", "export", "run", "-o", "./frogs"]
    Path("frogs").mkdir()
    Path("frogs-2").write_text("")
    assert export_words(Path("frogs"), "frogs")[-1] == "./frogs-3"
    assert export_words(Path("run"), "../out")[-1] == "./out"
