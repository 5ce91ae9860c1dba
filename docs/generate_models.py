"""Write the table of models and its pictures anew, in README.md and docs/models.md: `python docs/generate_models.py`.

What stands in a row is the catalogue's; a picture is the beginning of the samples that lie beside the weights.
"""

from __future__ import annotations

import re
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import zoo
from zoo.images.sheet import card_scale
from zoo_music.abc import split_tunes
from zoo_music.playing import read_tune

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures" / "models"
PAGES = {ROOT / "README.md": "", ROOT / "docs" / "models.md": "../"}  # page -> what leads from it to the repository
HEAD = ("samples", "model", "what it makes", "learnt from", "parameters")
COUNT, HEIGHT, GAP = 4, 40, 3  # pictures in a strip, and pixels
SIZE = (COUNT * HEIGHT + (COUNT - 1) * GAP, HEIGHT)
INK, PAPER = (31, 76, 40), (255, 255, 255)
SECONDS = 2.0  # of a recording that are drawn
BARS = 8  # of four quarters that are drawn of a tune at most
LETTERS = 60  # of a text


def strip(path: Path, shape: list[int]) -> Image.Image:
    """The first pictures of a sheet as the card has it."""
    sheet = Image.open(path).convert("RGB")
    height, width = (side * card_scale(tuple(shape)) for side in shape[-2:])
    made = Image.new("RGB", SIZE, PAPER)
    for place in range(min(COUNT, (sheet.width + 2) // (width + 2))):
        left = place * (width + 2)
        one = sheet.crop((left, 0, left + width, height)).resize((HEIGHT, HEIGHT), Image.Resampling.LANCZOS)
        made.paste(one, (place * (HEIGHT + GAP), 0))
    return made


def notes(path: Path, shape: list[int]) -> Image.Image:
    """The first tune's notes, time from left to right."""
    tune = read_tune(split_tunes(path.read_text(encoding="utf-8"))[0])
    pitches = [sound.pitch for sound in tune.sounds]
    low, high = min(pitches), max(pitches)
    wide = SIZE[0] / min(BARS, max(float(sound.start + sound.length) for sound in tune.sounds))
    made = np.full((SIZE[1], SIZE[0], 3), PAPER, np.uint8)
    for sound in tune.sounds:
        left, right = (round(float(time) * wide) for time in (sound.start, sound.start + sound.length))
        top = 2 + round((high - sound.pitch) * (SIZE[1] - 6) / max(high - low, 1))
        made[top : top + 3, left : max(left + 1, right - 1)] = INK
    return Image.fromarray(made)


def waves(path: Path, shape: list[int]) -> Image.Image:
    """The beginning of the recording: how loud it is, time from left to right."""
    with wave.open(str(path)) as file:
        raw = file.readframes(int(SECONDS * file.getframerate()))
    loud = np.abs(np.frombuffer(raw, np.int16).astype(np.float32))
    peaks = np.array([piece.max() for piece in np.array_split(loud, SIZE[0])]) / max(loud.max(), 1)
    away = np.abs(np.arange(SIZE[1]) - (SIZE[1] - 1) / 2) / (SIZE[1] / 2)
    made = np.where((away[:, None] <= peaks)[..., None], INK, PAPER)
    return Image.fromarray(made.astype(np.uint8))


DRAWN: dict[str, Callable[[Path, list[int]], Image.Image]] = {".png": strip, ".abc": notes, ".wav": waves}


def begins(path: Path) -> str:
    """The first words of a text, on one line."""
    words = re.sub(r"[^\w ,.;:'!?]", "", " ".join(path.read_text(encoding="utf-8").split()))
    return f"*{words[:LETTERS].rpartition(' ')[0]} …*"


def models() -> dict[str, dict[str, Any]]:
    """What the catalogue knows of each model that is bundled, by name."""
    return {name: zoo.info(name) for name in zoo.list_models(trained=True) if (ROOT / "weights" / name).is_dir()}


def pictures() -> dict[str, Image.Image]:
    """The picture of each model whose samples can be drawn, by name."""
    found = {}
    for name, about in models().items():
        samples = ROOT / "weights" / name / f"samples{about['suffix']}"
        if samples.suffix in DRAWN and samples.is_file():
            found[name] = DRAWN[samples.suffix](samples, about["data_shape"])
    return found


def table(up: str) -> str:
    """As Markdown, for a page from which `up` leads to the repository."""
    rows = [HEAD, tuple("---" for _ in HEAD)]
    for name, about in models().items():
        samples = ROOT / "weights" / name / f"samples{about['suffix']}"
        place = "docs/pictures/models" if not up else "pictures/models"
        drawn = f"![samples of {name}]({place}/{name}.webp)"
        rows.append(
            (
                drawn if samples.suffix in DRAWN else begins(samples),
                f"[`{name}`]({up}weights/{name}/README.md)",
                about["summary"],
                f"`{about['dataset']}`",
                f"{about['parameters'] / 1e6:.1f} M",
            )
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def page(text: str, up: str) -> str:
    """A page with its table made anew, below the comment that names it."""
    text, count = re.subn(r"(<!-- table: models -->\n\n)(\|[^\n]*\n)*", lambda m: f"{m[1]}{table(up)}\n", text)
    if count != 1:
        raise ValueError("the page has no place for the table of models")
    return text


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    for path in PICTURES.glob("*.webp"):
        path.unlink()
    for name, picture in pictures().items():
        picture.save(PICTURES / f"{name}.webp", quality=85, method=6)
    for path, up in PAGES.items():
        path.write_text(page(path.read_text(encoding="utf-8"), up), encoding="utf-8")
