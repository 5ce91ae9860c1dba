"""zoo_music: ABC is read into the notes that are played, as abcnotation.com's standard says."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tarfile
from fractions import Fraction
from pathlib import Path

import pytest

from zoo.data import DataRequest
from zoo_music.abc import Reader, split_tunes
from zoo_music.fields import fraction_of, key_of, metre_of, tempo_of, usual_length
from zoo_music.playing import read_tune

LETTERS = {60: "C", 62: "D", 64: "E", 65: "F", 67: "G", 69: "A", 71: "B", 72: "c"}


def played(music: str, head: str = "M:4/4\nL:1/4\nK:C") -> str:
    """The notes of C major in the order in which they sound, with their lengths in quarters where these are no 1."""
    tune = read_tune(f"X:1\n{head}\n{music}")
    assert not tune.problems, tune.problems
    sounds = sorted(tune.sounds, key=lambda sound: (sound.start, sound.pitch))
    return " ".join(
        LETTERS.get(s.pitch, str(s.pitch)) + ("" if s.length == Fraction(1, 4) else f"({s.length * 4})") for s in sounds
    )


@pytest.mark.parametrize(
    ("music", "expected"),
    [
        ("CDEF|", "C D E F"),
        ("C2 D/2 E/ F3/2 G//|", "C(2) D(1/2) E(1/2) F(3/2) G(1/4)"),
        ("C>D E<F G>>A|", "C(3/2) D(1/2) E(1/2) F(3/2) G(7/4) A(1/4)"),
        ("[CEG]2 [C2E]z|", "C(2) E(2) G(2) C(2) E(2)"),
        ("C,, C, C c c' c''|", "36 48 C c 84 96"),
        # repeats
        ("|:CD:|EF|", "C D C D E F"),
        ("CD:|EF:|", "C D C D E F E F"),
        ("CD::EF:|", "C D C D E F E F"),
        ("|:CD:|:EF:|", "C D C D E F E F"),
        ("|:CD:||:EF:|", "C D C D E F E F"),
        ("|:C|1 D:|2 E|]F|", "C D C E F"),
        ("|:C|1 D:|2 E||F:|G|", "C D C E F F G"),
        ("C|[1 D:|[2 E|]", "C D C E"),
        ("C| [1D:|\n [2E||", "C D C E"),
        ("|:C|1 D:|2 E:|3 F|]G|", "C D C E C F G"),
        ("|:C|1,3 D:|2 E:|", "C D C E C D"),
        ("|:C|1-2 D:|3 E|]", "C D C D C E"),
        ("C||D:|E|", "C D C D E"),
        ("|:C||D:|E|", "C D C D E"),
        ("C||", "C"),
        # tuplets
        ("(3CDE F|", "C(2/3) D(2/3) E(2/3) F"),
        ("(2CD E|", "C(3/2) D(3/2) E"),
        ("(6:4:6CDEFGA B|", "C(2/3) D(2/3) E(2/3) F(2/3) G(2/3) A(2/3) B"),
        ("(3:2:1C D|", "C(2/3) D"),
        ("(1:2:2CD E|", "C(2) D(2) E"),
        ("(3:2CDE F|", "C(2/3) D(2/3) E(2/3) F"),
        ("(3::2CD E|", "C(2/3) D(2/3) E"),
        ("(3C z E F|", "C(2/3) E(2/3) F"),
        ("(3[CE]DE F|", "C(2/3) E(2/3) D(2/3) E(2/3) F"),
        ("(3C2D E|", "C(4/3) D(2/3) E(2/3)"),
        ("{g}(3CDE F|", "C(2/3) D(2/3) E(2/3) F"),
        ("(3{g}CDE F|", "C(2/3) D(2/3) E(2/3) F"),
        ("(3CD{/gab}E F|", "C(2/3) D(2/3) E(2/3) F"),
        # ties and slurs
        ("C-C D|", "C(2) D"),
        ("C2-|C2 D|", "C(4) D"),
        ("C -C D|", "C(2) D"),
        ("C-D|", "C D"),
        ("[CE]-[CE] D|", "C(2) E(2) D"),
        ("[C-E][CE]|", "C(2) E E"),
        ("C-C-C|", "C(3)"),
        ("(CD) (EF)|", "C D E F"),
        ("|:E2 D|1 E2-:|2 C|]", "E(2) D E(4) D C"),  # a first ending goes on with the beginning
        ("|:C2 D|1 E2-:|2 E2|]", "C(2) D E(2) C(2) D E(2)"),  # and not with the second one
        # accidentals
        ("^C C|C|", "61 61 C"),
        ("^F =F _B B|B|", "66 F 70 70 B"),
        ("^^C __D|", "62(1)".replace("(1)", "").replace("62", "D") + " C"),
        ("^C c|", "61 73"),
        # what is not played
        ('"Am"C "^up"D !trill!E .F|', "C D E F"),
        ("~C uD vE TF|", "C D E F"),
        ("C D % E F", "C D"),
        ("C\\\nD|", "C D"),
        ("C`D y E|", "C D E"),
        ("xC z2 D Z|E|", "C D E"),
        ("[M:3/4][L:1/8]C2 [K:D]F|", "C 66(1/2)"),
        ("CD\nL:1/8\nE F|", "C D E(1/2) F(1/2)"),
        ("D:|E|", "D D E"),  # no field
    ],
)
def test_what_is_played(music: str, expected: str) -> None:
    """Notes, lengths, repeats, tuplets, ties, accidentals."""
    assert played(music) == expected


def test_keys() -> None:
    """Sharps and flats by the circle of fifths, modes, accidentals of one's own; what is none is none."""
    assert key_of("C") == key_of("Am") == key_of("D dor") == key_of("none") == key_of("") == {}
    assert key_of("D") == key_of("Bm") == key_of("B minor") == key_of("Dmaj") == {"F": 1, "C": 1}
    assert key_of("Bb") == {"B": -1, "E": -1}
    assert key_of("A mix") == key_of("AMix") == {"F": 1, "C": 1}
    assert key_of("F#") == dict.fromkeys("FCGDAE", 1)
    assert key_of("Cb") == dict.fromkeys("BEADGCF", -1)
    assert key_of("G lyd") == key_of("D")
    assert key_of("HP") == {"F": 1, "C": 1}
    assert key_of("D =c ^g") == {"F": 1, "C": 0, "G": 1}
    assert key_of("H") is None
    assert key_of("C quux") is None
    assert key_of("G#") is None  # eight sharps
    assert played("FC|", "L:1/4\nK:D") == "66 61"


def test_metres_lengths_and_tempi() -> None:
    """As parts of a whole note; a sixteenth is the unit below three quarters."""
    assert metre_of("6/8") == (Fraction(3, 4), True)
    assert metre_of("3/4") == (Fraction(3, 4), False)
    assert metre_of("C|") == metre_of("4/4") == (Fraction(1), False)
    assert metre_of("2+3/8") == (Fraction(5, 8), False)
    assert metre_of("none") == (None, False)
    assert metre_of("waltz") is metre_of("3/0") is None
    assert usual_length(Fraction(2, 4)) == Fraction(1, 16)
    assert usual_length(Fraction(3, 4)) == usual_length(None) == Fraction(1, 8)
    assert fraction_of("1/8") == Fraction(1, 8)
    assert tempo_of("1/4=120", Fraction(1, 8)) == 30
    assert tempo_of('"Slow" 3/8=60', Fraction(1, 8)) == Fraction(45, 2)
    assert tempo_of("120", Fraction(1, 8)) == 15
    assert tempo_of("fast", Fraction(1, 8)) is None
    assert played("C|", "M:2/4\nK:C") == "C(1/4)"
    assert played("(5CDEFG|", "M:6/8\nL:1/4\nK:C") == "C(3/5) D(3/5) E(3/5) F(3/5) G(3/5)"
    assert played("(5CDEFG|", "M:4/4\nL:1/4\nK:C") == "C(2/5) D(2/5) E(2/5) F(2/5) G(2/5)"


def test_parts_are_played_in_their_order() -> None:
    """As the head says; without an order as they stand."""
    music = "P:A\nC:|\nP:B\nD|"
    assert played(music, "P:AABA\nL:1/4\nK:C") == "C C C C D C C"
    assert played(music, "P:A(AB)2\nL:1/4\nK:C") == "C C C C D C C D"
    assert played(music, "L:1/4\nK:C") == "C C D"
    assert played(music, "P:AX\nL:1/4\nK:C") == "C C D"


def test_bars_are_counted() -> None:
    """Full ones, short ones, long ones; upbeats and bars that a repeat cuts are none."""

    def bars(music: str) -> tuple[int, int]:
        tune = read_tune(f"X:1\nM:3/4\nL:1/4\nK:C\n{music}")
        return tune.bars, tune.full

    assert bars("CDE|FGA|") == (2, 2)
    assert bars("G|CDE|FG:|") == (1, 1)
    assert bars("CDE|FG|ABc|") == (3, 2)
    assert bars("CDEF|GAB|") == (2, 1)
    assert bars("CDE|\nM:2/4\nFG|AB|") == (3, 3)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("X:1\nCDE", "there is no K:"),
        ("X:1\nK:C\nC J D", "'J' is not understood"),
        ("X:1\nK:C\n(3CD", "1 notes are missing in a tuplet"),
        ("X:1\nK:C\n(3CD(3EFG", "1 notes are missing in a tuplet"),
        ("X:1\nK:C\n-C", "a tie without a note"),
        ("X:1\nK:C\n>C", "> stands behind no note"),
        ("X:1\nK:C\n[]", "[] is no chord"),
        ("X:1\nK:C\n[CQ]", "[CQ] is no chord"),
        ("X:1\nK:Q\nC", "K:Q is no key"),
        ("X:1\nM:x\nK:C\nC", "M:x is no metre"),
        ("X:1\nL:x\nK:C\nC", "L:x is no length"),
        ("X:1\nK:C\n(0CD", "(0 is no tuplet"),
        ('X:1\nK:C\n"Am C', "'\"' is not understood"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, problem: str) -> None:
    """With its line; the rest is read."""
    tune = read_tune(text)
    assert any(problem in told for told in tune.problems), tune.problems
    assert all(told.startswith("line ") for told in tune.problems)


@pytest.mark.parametrize(
    "text",
    [
        "X:1\nK:C\n" + "C" * 100_000,
        "X:1\nK:C\nC" + "9" * 10_000 + "/" * 10_000,
        "X:1\nP:((((A9)9)9)9)9\nK:C\nP:A\nC",
        "X:1\nK:C\n" + "|:C" * 5000 + ":|" * 5000,
        "X:1\nK:C\n|1-999999999 C:|2-3 D:|",
        "X:1\nM:99999999999999/3\nQ:1/0=5\nK:C\nZ99999999",
        "X:1\nK:C\n" + "(" * 5000 + "[" * 5000 + '"' * 5001,
    ],
)
def test_hostile_tunes_end(text: str) -> None:
    """Numbers without end, repeats of repeats: read in a moment, and no more than 100,000 notes are played."""
    assert len(read_tune(text).sounds) <= 100_001


def test_a_book_is_cut_into_tunes() -> None:
    """At each X: that begins a line."""
    assert split_tunes("intro\nX:1\nK:C\nC X:|\nX:2\r\nK:D\nD\n") == ["X:1\nK:C\nC X:|\n", "X:2\nK:D\nD\n"]
    reader = Reader()
    reader.read("X:1\nT:First\nT:Second\nK:G\nG")
    assert (reader.title, reader.key_name) == ("First", "G")


# --- the oracle ----------------------------------------------------------------------------------------------------


def oracle(text: str, folder: Path) -> list[tuple[float, int]]:
    """When abc2midi plays which note, in whole notes, without chords, graces and the swing of hornpipes."""
    import mido

    text = re.sub(r"(?m)^R:.*\n", "", re.sub(r"\{[^}]*\}", "", text))
    text = re.sub(r"(?m)^(K:.*)$", r"\1\n%%MIDI gchordoff", text, count=1)
    (folder / "a.abc").write_text(text, encoding="utf-8")
    command = ["abc2midi", "a.abc", "-o", "a.mid", "-silent"]
    subprocess.run(command, cwd=folder, capture_output=True, check=True)
    file = mido.MidiFile(folder / "a.mid")
    found = []
    for track in file.tracks:
        now = 0
        for message in track:
            now += message.time
            if message.type == "note_on" and message.velocity:
                found.append((round(Fraction(now, 4 * file.ticks_per_beat) * 480) / 480, message.note))
    return sorted(found)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("abc2midi") is None, reason="abc2midi is not installed")
def test_the_tunes_of_nottingham_sound_as_abc2midi_plays_them(tmp_path: Path) -> None:
    """Every pitch and onset, to a hundredth of a whole note, of at least 1,000 of 1,034 tunes.

    Where they differ, the other program repairs the text.
    """
    import os

    roots = tuple(Path(root) for root in os.environ.get("ZOO_DATA", "").split(os.pathsep) if root)
    path = DataRequest(roots=roots).find("nottingham.tar")
    if path is None:
        pytest.skip("no nottingham.tar in ZOO_DATA")
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as tar:
        files = [tar.extractfile(member) for member in tar if member.name.endswith(".abc")]
        tunes = [tune for file in files if file for tune in split_tunes(file.read().decode("utf-8", "replace"))]
    same = 0
    for text in tunes:
        tune = read_tune(re.sub(r"\{[^}]*\}", "", text))
        found = sorted((round(sound.start * 480) / 480, sound.pitch) for sound in tune.sounds)
        theirs = oracle(text, tmp_path)
        near = (p == q and abs(a - b) < 0.01 for (a, p), (b, q) in zip(found, theirs, strict=False))
        same += len(found) == len(theirs) and all(near)
    assert len(tunes) == 1034
    assert same >= 1000
