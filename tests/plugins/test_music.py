"""zoo_music: tunes as notes, MIDI and sound; collections of them; networks that compose."""

from __future__ import annotations

import io
import os
import wave
from fractions import Fraction
from pathlib import Path

import mido
import numpy as np
import pytest
from cli.commands import Terminal

import zoo
from zoo.catalogue.plugins.loading import default_registry
from zoo.cli.main import main
from zoo.data import load_dataset, load_modality
from zoo.data.facts import data_facts
from zoo.errors import DataError, IntegrityError, NotFoundError, UsageError
from zoo_music.books import group_of
from zoo_music.chords import accompaniment, chord_of
from zoo_music.html import html
from zoo_music.midi import midi_file
from zoo_music.playing import read_tune
from zoo_music.synthesis import wav_file, waveform
from zoo_music.tunes import Tunes, as_text, numbered, tunes

TUNE = 'X:1\nT:A tune\nC:Somebody\n% a remark\nM:3/4\nL:1/4\nQ:1/4=90\nK:G\n"G"G2 B|"D7"A3| % end\n"G"G2 z|]\n'
ROOTS = [Path(root) for root in os.environ.get("ZOO_DATA", "").split(os.pathsep) if root]
needs_book = pytest.mark.skipif(
    not any((root / "nottingham.tar").exists() for root in ROOTS), reason="no nottingham.tar in ZOO_DATA"
)


# --- MIDI and sound ------------------------------------------------------------------------------------------------


def test_midi_is_what_another_program_reads() -> None:
    """Type 0: title, tempo, the melody's notes at their times in one channel, chords in another, each ended."""
    file = mido.MidiFile(file=io.BytesIO(midi_file([read_tune(TUNE)])))
    assert (file.type, file.ticks_per_beat, len(file.tracks)) == (0, 480, 1)
    assert file.tracks[0].name == "A tune"
    now, begun, notes = 0, {}, []
    for message in file.tracks[0]:
        now += message.time
        if message.type == "set_tempo":
            assert round(mido.tempo2bpm(message.tempo)) == 90
        if message.type == "note_on":
            begun[message.channel, message.note] = now
        if message.type == "note_off":
            notes.append((message.channel, begun.pop((message.channel, message.note)) / 480, now / 480, message.note))
    assert not begun
    assert sorted(note[1:] for note in notes if note[0] == 0) == [(0, 2, 67), (2, 3, 71), (3, 6, 69), (6, 8, 67)]
    assert {note[3] for note in notes if note[:2] == (1, 0)} == {55, 59, 62}
    assert {note[1:3] for note in notes if note[0] == 1} == {(0, 3), (3, 6), (6, 8)}
    alone = mido.MidiFile(file=io.BytesIO(midi_file([read_tune(TUNE)], chords=False)))
    assert alone.length == pytest.approx(8 * 60 / 90)


def test_tunes_follow_one_another() -> None:
    """After a whole note of rest, each in its tempo; long waits are written in as many bytes as they need."""
    slow = read_tune(TUNE.replace("1/4=90", "1/4=45"))
    file = mido.MidiFile(file=io.BytesIO(midi_file([read_tune(TUNE), slow])))
    assert file.length == pytest.approx((8 + 4) * 60 / 90 + 8 * 60 / 45)
    long = read_tune("X:1\nL:1/1\nK:C\nZ300|C|")
    assert mido.MidiFile(file=io.BytesIO(midi_file([long]))).length == pytest.approx(301 * 2)
    assert len(mido.MidiFile(file=io.BytesIO(midi_file([]))).tracks[0]) == 1


def test_chords() -> None:
    """Their notes, an inversion's bass below; what is none is passed over."""
    assert chord_of("C") == (48, 52, 55)
    assert chord_of("Am7") == (57, 60, 64, 67)
    assert chord_of("Bb") == (58, 62, 65)
    assert chord_of("F#dim") == (54, 57, 60)
    assert chord_of("D/f+") == (41, 50, 54, 57)
    assert chord_of("Cmaj7") == (48, 52, 55, 59)
    assert chord_of("N.C.") is chord_of("H") is chord_of("") is None
    found = accompaniment(read_tune(TUNE.replace('"D7"', '"what"')))
    assert {(sound.start, sound.length) for sound in found} == {(0, Fraction(3, 2)), (Fraction(3, 2), Fraction(1, 2))}


def test_a_tone_has_its_pitch_and_its_time() -> None:
    """The loudest frequency is the note's; silence before, none at the end; the peak is 0.8."""
    tune = read_tune("X:1\nL:1/4\nQ:1/4=60\nK:C\nzA z|")
    sound = waveform(tune, rate=8000)
    assert sound.dtype == np.float32
    assert float(np.abs(sound).max()) == pytest.approx(0.8)
    assert not sound[:7999].any()
    assert float(np.abs(sound[-10:]).max()) < 0.01
    spectrum = np.abs(np.fft.rfft(sound[8000:16000]))
    assert int(spectrum.argmax()) == 440
    assert spectrum[880] > 0.1 * spectrum[440]


def test_sound_is_a_wav_file() -> None:
    """One channel of 16 or 8 bits, a second of rest between tunes; a tune without notes is silence; hours are not."""
    tune = read_tune(TUNE)
    with wave.open(io.BytesIO(wav_file([tune, tune], rate=8000))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
        seconds = 2 * (8 * 60 / 90 + 0.05) + 1
        assert file.getnframes() / 8000 == pytest.approx(seconds, abs=0.01)
    with wave.open(io.BytesIO(wav_file([tune], rate=8000, bits=8))) as file:
        levels = np.frombuffer(file.readframes(file.getnframes()), dtype="u1")
        assert levels.max() > 220
        assert levels[-1] == 128
    assert not waveform(read_tune("X:1\nK:C\nz|")).any()
    with pytest.raises(UsageError, match="the tune lasts 33,367 minutes"):
        waveform(read_tune("X:1\nM:4/4\nL:1/1\nQ:1/1=30\nK:C\n" + "Z999C|" * 1001))


# --- the modality --------------------------------------------------------------------------------------------------


def test_what_is_learnt_of_a_tune() -> None:
    """Its music and the fields that this needs."""
    text = as_text(TUNE)
    assert text == 'M:3/4\nL:1/4\nQ:1/4=90\nK:G\n"G"G2 B|"D7"A3|\n"G"G2 z|]'
    assert read_tune(numbered(text, 7)).sounds == read_tune(TUNE).sounds
    assert numbered(f"\n\n{text}\n\nM:4/4", 7) == f"X:7\nT:Tune 7\n{text}\n"


def test_files_of_tunes(tmp_path: Path) -> None:
    """One tensor, three kinds of files; a file is read back; one that is none is named."""
    modality = tunes({})
    x = modality.tokens(as_text(TUNE) + "\n\nrest")[None].expand(2, -1)
    for suffix in (".abc", ".mid", ".wav"):
        modality.write(x, tmp_path / f"a{suffix}")
    assert (tmp_path / "a.abc").read_text().count("X:") == 2
    assert mido.MidiFile(tmp_path / "a.mid").length == pytest.approx((8 + 4 + 8) * 60 / 90)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getnframes() > 22_050 * 10
    assert modality.texts(modality.read(tmp_path / "a.abc", (90,)))[0] == numbered(as_text(TUNE), 1)
    for content, words in ((b"RIFF\x00\x00", "has no tune in ABC"), ("X:1\nK:C\nCé".encode(), "the text has 'é'")):
        (tmp_path / "b.abc").write_bytes(content)
        with pytest.raises(DataError, match=words):
            modality.read(tmp_path / "b.abc", (20,))
    with pytest.raises(NotFoundError, match="there is no file"):
        modality.read(tmp_path / "c.abc", (20,))


def test_a_page_shows_and_plays_it(tmp_path: Path) -> None:
    """Notes as a picture, a player, the text; also of files of sound and MIDI. Nothing is fetched, nothing is run."""
    modality = tunes({})
    x = modality.tokens(as_text(TUNE) + "\n\n<b>")[None]
    for suffix in (".abc", ".mid", ".wav"):
        modality.write(x, tmp_path / f"a{suffix}")
        page = html(tmp_path / f"a{suffix}")
        assert "<script" not in page
        assert "http" not in page
        assert "data:audio/" in page
    page = html(tmp_path / "a.abc")
    assert page.count("<rect") == 4
    assert "&quot;D7&quot;A3" in page


# --- collections ---------------------------------------------------------------------------------------------------


def test_copies_in_other_keys_are_one_group() -> None:
    """By the steps between the first notes."""
    high = "X:2\nM:3/4\nL:1/4\nK:C\nC2 E|D3|C2 z|]"
    assert group_of(TUNE) == group_of(high) == "4 -2 -2"
    assert group_of(high.replace("E", "F")) != group_of(TUNE)


@needs_book
def test_nottingham() -> None:
    """1,034 tunes, none of them in both splits; each example begins with one."""
    train, test = (load_dataset("nottingham", split=split, data_shape=(600,)) for split in ("train", "test"))
    assert (len(train.data), len(test.data)) == (942, 92)
    modality = load_modality(default_registry().modality("tune"), train.about)
    assert isinstance(modality, Tunes)
    assert modality.vocabulary == 59
    learnt, held = ({group_of(text) for text in modality.texts(split.data)} for split in (train, test))
    assert not learnt & held
    sound = [tune for text in modality.texts(test.data) if not (tune := read_tune(text)).problems]
    assert len(sound) > 85


def test_collections_of_ones_own(tmp_path: Path) -> None:
    """A file or a folder; the facts of it are known; what is none is named."""
    book = tmp_path / "book.abc"
    book.write_text("\n".join(TUNE.replace("G2 B", f"G2 {note}") for note in "ABcdefgaCDEF" for _ in range(2)))
    train, test = (load_dataset(f"tunes:{book}", split=split, data_shape=(50,)) for split in ("train", "test"))
    assert len(train.data) + len(test.data) == 24
    facts = data_facts(f"tunes:{tmp_path}", registry=default_registry())
    assert (facts.count, facts.vocabulary) == (24, len(set(as_text(book.read_text())) | {"\n"}))
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError, match=r"there is no \.abc file in"):
        load_dataset(f"tunes:{tmp_path / 'empty'}")
    (tmp_path / "none.abc").write_text("no tune")
    with pytest.raises(DataError, match="no line begins with X:"):
        load_dataset(f"tunes:{tmp_path / 'none.abc'}")
    with pytest.raises(NotFoundError, match="put it into a folder"):
        load_dataset("nottingham", env={})
    (tmp_path / "nottingham.tar").write_bytes(b"x")
    with pytest.raises(IntegrityError, match="fetch it anew"):
        load_dataset("nottingham", env={"ZOO_DATA": str(tmp_path)})


def test_a_network_composes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trained on a file of tunes, by its ending alone; what it writes is a tune that can be heard."""
    book = tmp_path / "book.abc"
    book.write_text("\n".join(TUNE for _ in range(20)) + "\n" + TUNE.replace("G2 B", "G2 D").replace("A3", "F3") * 20)
    words = ["--set", "config.width=48", "--set", "config.layers=1", "--set", "examples=1600", "--threads", "1"]
    words += ["--set", "settings.lr=0.01", "--set", "ema_half_life=50", "--set", "log_every=800"]
    assert main(["train", "tune-lstm", "--data", str(book), *words, "--out", str(tmp_path / "run")]) == 0
    assert main(["export", str(tmp_path / "run"), "-o", str(tmp_path / "folk")]) == 0
    capsys.readouterr()
    folk = str(tmp_path / "folk")
    assert main(["sample", folk, "--temperature", "0.3"]) == 0
    told = capsys.readouterr().out
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", screen := Terminal())
        assert main(["sample", folk, "--temperature", "0.3"]) == 0
    assert screen.getvalue() == told  # one head, on a terminal too
    tune = read_tune(told)
    assert not tune.problems
    assert [sound.pitch for sound in tune.sounds][:1] == [67]
    assert (tune.bars, tune.full) == (3, 3)
    for suffix in (".abc", ".mid", ".wav"):
        assert main(["sample", folk, "-n", "2", "--temperature", "0.3", "-o", str(tmp_path / f"a{suffix}")]) == 0
    assert main(["sample", folk, "-o", str(tmp_path / "a.txt")]) == 2
    assert zoo.load(folk).modality == "tune"
