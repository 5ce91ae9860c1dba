"""zoo_text: books and texts of one's own, learnt from and written, in files and on the terminal."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from cli.commands import Terminal

import zoo
from zoo.catalogue.plugins.loading import default_registry
from zoo.cli.main import main
from zoo.data import load_dataset
from zoo.data.facts import data_facts
from zoo.errors import DataError, IntegrityError, NotFoundError, UsageError
from zoo_text.html import html
from zoo_text.reading import read_text, read_texts
from zoo_text.text import Text, text

LINE = "the quick brown fox jumps over the lazy dog. "
DATA = os.environ.get("ZOO_DATA", "")
needs_books = pytest.mark.skipif(
    not any((Path(root) / "text").is_dir() for root in DATA.split(os.pathsep) if root), reason="no books in ZOO_DATA"
)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.txt"
    path.write_text(LINE * 100, encoding="utf-8")
    return path


def test_texts_are_read_as_people_write_them(tmp_path: Path) -> None:
    """A mark at the beginning and the ends of Windows' and old Macs' lines go; the rest stays."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n\xc3\xa9")
    assert read_text(path) == "one\ntwo\nthree\né"
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.txt").write_text("more")
    (tmp_path / "c.md").write_text("left out")
    assert read_texts(tmp_path) == "one\ntwo\nthree\né\n\nmore"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n\n ", "is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "is no text in UTF-8"),
        ("größe".encode("latin-1"), "convert it: iconv -t UTF-8"),
        (b"abc\0def", "holds bytes of zero"),
        (b"aaaaaaaaaaaaaaaaaaaaaaaa", "has one character alone, 'a'"),
        (b"abc", "has 2 characters, and a piece has 128"),
    ],
)
def test_what_is_no_text_is_named(content: bytes, words: str, tmp_path: Path) -> None:
    """The file, the cause, and what to do."""
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.txt") as caught:
        load_dataset(f"text:{path}")
    assert words in str(caught.value)


def test_missing_texts_and_splits(book: Path, tmp_path: Path) -> None:
    """Are not found, with near names."""
    with pytest.raises(NotFoundError, match="there is no text file"):
        load_dataset(f"text:{tmp_path / 'absent.txt'}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError, match=r"there is no \.txt file in"):
        load_dataset(f"text:{tmp_path / 'empty'}")
    with pytest.raises(NotFoundError, match="valid"):
        load_dataset(f"text:{book}", split="valid")
    with pytest.raises(NotFoundError, match="put it into a folder and name that one in ZOO_DATA"):
        load_dataset("nietzsche", env={})


def test_the_last_tenth_is_held_out(tmp_path: Path) -> None:
    """No piece of the training split has a character of it; the vocabulary is that of the whole."""
    path = tmp_path / "a.txt"
    path.write_text("abcdefgh" * 90 + "xyz." * 20, encoding="utf-8")
    train, test = (load_dataset(f"text:{path}", split=split, data_shape=(40,)) for split in ("train", "test"))
    assert train.about == test.about == {"vocabulary": ".abcdefghxyz"}
    modality = text(train.about)
    assert set("".join(modality.texts(train.data))) == set("abcdefgh")
    assert "".join(modality.texts(test.data)) == "xyz." * 20
    assert train.data.shape == ((720 - 40) // 5 + 1, 40)
    assert modality.texts(train.data[:2]) == ["abcdefgh" * 5, ("fgh" + "abcdefgh" * 5)[:40]]


def test_facts_are_known_without_loading(book: Path) -> None:
    """How many pieces, how long, of how many characters."""
    facts = data_facts(f"text:{book}", registry=default_registry())
    assert (facts.shape, facts.vocabulary) == ((128,), 28)
    train = load_dataset(f"text:{book}", data_shape=facts.shape)
    assert facts.count == pytest.approx(len(train.data), rel=0.05)


@needs_books
@pytest.mark.parametrize(("name", "characters", "kinds"), [("nietzsche", 600_893, 84), ("shakespeare", 1_115_394, 65)])
def test_the_books(name: str, characters: int, kinds: int) -> None:
    """As many characters as are told, of as many kinds."""
    train, test = (load_dataset(name, split=split) for split in ("train", "test"))
    assert len(train.about["vocabulary"]) == kinds
    assert train.data.shape[1] == 128
    assert len(test.data) == -(-(characters - characters * 9 // 10) // 128)
    assert len(train.data) == -(-(characters * 9 // 10 - 128) // 16) + 1


def test_another_book_of_that_name_is_refused(tmp_path: Path) -> None:
    """By its sha256."""
    (tmp_path / "nietzsche.txt").write_text("God is alive.")
    with pytest.raises(IntegrityError, match="fetch it anew"):
        load_dataset("nietzsche", env={"ZOO_DATA": str(tmp_path)})


def test_files_of_text(tmp_path: Path) -> None:
    """What is written can be read; a page shows it as text, not as markup."""
    modality = Text("ab<>\n")
    path = tmp_path / "a.txt"
    modality.write(torch.tensor([[0, 1], [2, 3]]), path)
    assert path.read_text() == "ab\n" + "-" * 40 + "\n<>\n"
    assert html(path).startswith("<pre>ab\n")
    assert "&lt;&gt;" in html(path)
    path.write_text("abba")
    assert modality.read(path, (3,)).tolist() == [[0, 1, 1]]
    with pytest.raises(DataError, match="has 4 characters, and 5 are read"):
        modality.read(path, (5,))
    path.write_text("abc")
    with pytest.raises(DataError, match=r"a.txt: the text has 'c'"):
        modality.read(path, (3,))


# --- the command line ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that has learnt one line, trained on a file of one's own."""
    place = tmp_path_factory.mktemp("text")
    path = place / "book.txt"
    path.write_text(LINE * 400, encoding="utf-8")
    words = ["--set", "config.width=48", "--set", "config.layers=1", "--set", "config.length=32", "--threads", "1"]
    words += ["--set", "examples=4800", "--set", "settings.lr=0.01", "--set", "ema_half_life=100"]
    words += ["--set", "log_every=1600"]
    assert main(["train", "char-lstm", "--data", str(path), *words, "--out", str(place / "run")]) == 0
    assert main(["export", str(place / "run"), "-o", str(place / "fox")]) == 0
    return place / "fox"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main([*words])
    return code, *capsys.readouterr()


def test_a_text_of_ones_own_is_learnt_and_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It goes on with the prompt as the text does; the same seed writes the same, in Python too."""
    code, said, _ = run(
        capsys, "sample", str(folder), "--prompt", "the quick ", "--temperature", "0.3", "--length", "35", "-n", "2"
    )
    assert code == 0
    first, line, second = said.rstrip("\n").split("\n")
    assert first == second == LINE
    assert line == "-" * 40
    x = zoo.load(folder).sample(2, seed=0, prompt="the quick ", temperature=0.3, length=35)
    assert x.shape == (2, 45)
    code, said, _ = run(capsys, "likelihood", str(folder), "--data", str(folder.parent / "book.txt"), "--json")
    assert code == 0
    (row,) = json.loads(said)
    (bits,) = (record for record in row["records"].values() if record["metric"] == "bits")
    assert 0 < bits["value"] < 0.6
    assert run(capsys, "verify", str(folder))[0] == 0


def test_characters_appear_as_they_are_written(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal the first text comes character by character, the others whole; all as in a file."""
    words = ("sample", str(folder), "--prompt", "the ", "-n", "3", "--seed", "5")
    expected = run(capsys, *words)[1]

    written: list[str] = []

    class Slow(Terminal):
        def write(self, text: str) -> int:
            written.append(text)
            return super().write(text)

    monkeypatch.setattr("sys.stdout", Slow())
    assert main([*words]) == 0
    assert "".join(written) == expected
    assert [piece for piece in written if piece][:6] == [*"the ", *expected[4:6]]


def test_texts_in_a_file(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """64 of them, unless another number is said."""
    out = tmp_path / "many.txt"
    assert run(capsys, "sample", str(folder), "-o", str(out))[0] == 0
    assert out.read_text().count("-" * 40) == 63
    assert run(capsys, "sample", str(folder), "-o", str(tmp_path / "many.png"))[0] == 2


def test_what_steers_a_terminal_is_not_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A vocabulary may hold an escape: it is shown as one."""
    from zoo.cli.sample import _show

    capsys.readouterr()
    _show("a\x1b[31mb\tc\n\u202e")
    assert capsys.readouterr().out == "a\\x1b[31mb\tc\n\\u202e"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--prompt", "Ünder"], "the text has 'Ü', and these weights know"),
        (["--temperature", "0"], "temperature = 0.0 is not allowed; it takes a number above 0"),
        (["--temperature", "nan"], "temperature = nan is not allowed"),
        (["--top-p", "2"], "top_p = 2.0 is not allowed"),
        (["--length", "0"], "length = 0 is not allowed"),
        (["--prior", "normal"], "choose from"),
    ],
)
def test_bad_wishes_are_one_line(folder: Path, words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And exit code 2."""
    code, _, told = run(capsys, "sample", str(folder), *words)
    if line != "choose from":
        assert (code, told.count("\n")) == (2, 1)
        assert line in told


def test_pictures_go_into_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """No picture is printed, and none is written after a prompt."""
    code, _, told = run(capsys, "sample", "dcgan-cifar-frog")
    assert code == 2
    assert "the following arguments are required: -o/--output" in told
    code, _, told = run(capsys, "sample", "dcgan-cifar-frog", "--prompt", "frog", "-o", "frog.png")
    assert code == 2
    assert "this model takes no prompt" in told


def test_prompts_are_for_text() -> None:
    """Other kinds of data say that they have none."""
    from zoo.data import modality_of

    images = modality_of(zoo.load("dcgan-cifar-frog"))
    with pytest.raises(UsageError, match="this kind of data is no text"):
        images.tokens("frog")
    assert images.texts(torch.zeros(1, 3, 32, 32)) is None
    assert images.vocabulary is None
