"""How a page shows a tune: its notes in time as a picture, what it sounds like, and its text. No torch."""

from __future__ import annotations

import base64
import html as markup
from pathlib import Path

from zoo_music.abc import split_tunes
from zoo_music.notation import Tune
from zoo_music.playing import read_tune

__all__ = ["html"]

MOST = 4  # tunes that are shown
WIDTH, ROW = 720, 5  # pixels: of the picture, and of a semitone
RATE, BITS = 8_000, 8  # of the sound in the page


def html(path: Path) -> str:
    """The first tunes of an .abc file; a .wav as a player; a .mid as a link."""
    if path.suffix.lower() != ".abc":
        kind = {".wav": "audio/wav", ".mid": "audio/midi"}[path.suffix.lower()]
        data = base64.b64encode(path.read_bytes()).decode()
        player = f'<audio controls src="data:{kind};base64,{data}"></audio>'
        return player if kind == "audio/wav" else f'<a download="{path.name}" href="data:{kind};base64,{data}">MIDI</a>'
    texts = split_tunes(path.read_text(encoding="utf-8"))[:MOST]
    return "\n".join(_shown(text) for text in texts)


def _shown(text: str) -> str:
    from zoo_music.synthesis import wav_file

    tune = read_tune(text)
    sound = base64.b64encode(wav_file([tune], rate=RATE, bits=BITS)).decode()
    player = f'<audio controls src="data:audio/wav;base64,{sound}"></audio>'
    return f"{_roll(tune)}<br>{player}<pre>{markup.escape(text)}</pre>"


def _roll(tune: Tune) -> str:
    """Notes as bars: time from left to right, pitch from low to high."""
    if not tune.sounds:
        return "<p>(no notes)</p>"
    low, high = (extreme(sound.pitch for sound in tune.sounds) for extreme in (min, max))
    scale, height = WIDTH / float(tune.length or 1), (high - low + 1) * ROW
    bars = "".join(
        f'<rect x="{float(s.start) * scale:.1f}" y="{(high - s.pitch) * ROW}" '
        f'width="{max(1.0, float(s.length) * scale - 1):.1f}" height="{ROW - 1}"/>'
        for s in tune.sounds
    )
    return f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" fill="#335">{bars}</svg>'
