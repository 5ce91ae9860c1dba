"""How a page shows a sound: a player, and its spectrogram. No torch."""

from __future__ import annotations

import base64
import io
from pathlib import Path

__all__ = ["html"]

SECONDS = 20  # of the spectrogram


def html(path: Path) -> str:
    """A .wav as a player with its spectrogram; a .png as a picture. Raises what reading it raises."""
    if path.suffix.lower() == ".png":
        return _picture(path.read_bytes())
    from zoo_audio.pictures import spectrogram_picture
    from zoo_audio.wav import read_wav

    picture = io.BytesIO()
    spectrogram_picture(read_wav(path, seconds=SECONDS).values).save(picture, "PNG", optimize=True)
    sound = base64.b64encode(path.read_bytes()).decode()
    return f'<audio controls src="data:audio/wav;base64,{sound}"></audio><br>{_picture(picture.getvalue())}'


def _picture(content: bytes) -> str:
    return f'<img src="data:image/png;base64,{base64.b64encode(content).decode()}" alt="spectrograms">'
