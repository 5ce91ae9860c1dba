"""zoo.images.animation: every frame is there, for its time, whatever the frames are; and MP4, where that is written."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from zoo.errors import NotFoundError, StorageError, UsageError
from zoo.images import animation
from zoo.images.animation import check_animation, save_animation
from zoo.images.sheet import to_pil


def noise(n: int, channels: int = 3) -> list[Image.Image]:
    """Pictures of 9 x 13 pixels, no two alike, of fewer than 256 colours each."""
    return to_pil(torch.rand(n, channels, 9, 13, generator=torch.Generator().manual_seed(0)))


def read(path: Path) -> tuple[list[float], list[bytes]]:
    """The times in milliseconds and the pixels of an animation's frames."""
    times, pixels = [], []
    with Image.open(path) as found:
        for index in range(getattr(found, "n_frames", 1)):
            found.seek(index)
            found.load()
            times.append(found.info["duration"])
            pixels.append(found.convert("RGB").tobytes())
    return times, pixels


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("suffix", [".gif", ".webp", ".apng", ".WEBP"])
def test_equal_frames_stay_frames(suffix: str, channels: int, tmp_path: Path) -> None:
    """A walk that stands still has all its frames, each for its time, with its own colours, for ever."""
    first, second, last = noise(3, channels)
    white = Image.new(first.mode, first.size, "white")
    frames = [first, first, second, second, second, first, white, white, last]
    path = tmp_path / f"walk{suffix}"
    save_animation(frames, path, duration=80)
    times, pixels = read(path)
    assert times == [80] * len(frames)
    assert pixels == [frame.convert("RGB").tobytes() for frame in frames]
    with Image.open(path) as found:
        assert (found.size, found.info["loop"]) == ((13, 9), 0)


def test_a_gifs_hundredths_add_up(tmp_path: Path) -> None:
    """GIF counts hundredths of a second: what rounding takes from one frame the next one gets."""
    save_animation(noise(8), tmp_path / "walk.gif", duration=33)
    times, _ = read(tmp_path / "walk.gif")
    assert set(times) == {30, 40}
    assert abs(sum(times) - 8 * 33) <= 5


def test_more_colours_than_a_gif_has(tmp_path: Path) -> None:
    """A frame of thousands of colours is near itself in 256 of its own; the frame before has no part in them."""
    side = 48
    x = torch.linspace(0, 1, side)
    sheet = torch.stack([x[None].expand(side, side), x[:, None].expand(side, side), torch.full((side, side), 0.5)])
    red = torch.zeros(3, side, side)
    red[0] = 1
    frames = to_pil(torch.stack([red, sheet]))
    save_animation(frames, tmp_path / "walk.gif", duration=100)
    _, pixels = read(tmp_path / "walk.gif")
    found = torch.frombuffer(bytearray(pixels[1]), dtype=torch.uint8).float()
    given = torch.frombuffer(bytearray(frames[1].tobytes()), dtype=torch.uint8).float()
    assert float((found - given).abs().mean()) < 6


def test_one_frame_is_an_animation_too(tmp_path: Path) -> None:
    """A single frame is written as it is."""
    for suffix in (".gif", ".webp", ".apng"):
        save_animation(noise(1), tmp_path / f"one{suffix}", duration=80)
        with Image.open(tmp_path / f"one{suffix}") as found:
            assert found.convert("RGB").tobytes() == noise(1)[0].tobytes()


def test_what_is_no_animation_is_refused(tmp_path: Path) -> None:
    """Another ending, no frames, and a frame that WebP cannot hold are one line, and nothing is written."""
    with pytest.raises(UsageError, match=r"ends in one of \.gif, \.webp, \.apng, \.mp4"):
        save_animation(noise(2), tmp_path / "walk.png", duration=80)
    with pytest.raises(UsageError, match="has frames"):
        save_animation([], tmp_path / "none.gif", duration=80)
    with pytest.raises(UsageError, match="at most 16,384 pixels a side"):
        save_animation([Image.new("L", (16_385, 1))], tmp_path / "wide.webp", duration=80)
    with pytest.raises(StorageError):
        save_animation(noise(2), tmp_path / "nowhere" / "walk.gif", duration=80)
    assert list(tmp_path.iterdir()) == []


def test_without_a_writer_mp4_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither PyAV nor ffmpeg is there it is said, and nothing is written."""
    monkeypatch.setattr(animation, "_has_av", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(NotFoundError, match=r"pip install 'genzoo\[video\]', or install ffmpeg"):
        save_animation(noise(2), tmp_path / "walk.mp4", duration=80)
    check_animation(tmp_path / "walk.webp")
    assert list(tmp_path.iterdir()) == []


FFMPEG = """#!{python}
import pathlib, sys
given = sys.stdin.buffer.read()
pathlib.Path(sys.argv[-1]).write_bytes(" ".join(sys.argv[1:-1]).encode() + b"|" + given)
"""


def test_ffmpeg_is_given_the_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PyAV the frames go to ffmpeg as they are, of even sides, at their rate; what it says is the error."""
    if sys.platform == "win32":
        pytest.skip("needs a script that runs by its first line")
    monkeypatch.setattr(animation, "_has_av", lambda: False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    ffmpeg = tmp_path / "bin" / "ffmpeg"
    ffmpeg.write_text(FFMPEG.format(python=sys.executable))
    ffmpeg.chmod(0o755)
    frames = noise(3)
    save_animation(frames, tmp_path / "walk.mp4", duration=80)
    command, _, pixels = (tmp_path / "walk.mp4").read_bytes().partition(b"|")
    assert b"-s 14x10 -r 25/2" in command
    assert len(pixels) == 3 * 14 * 10 * 3
    even = Image.frombytes("RGB", (14, 10), pixels[: 14 * 10 * 3])
    assert even.crop((0, 0, 13, 9)).tobytes() == frames[0].tobytes()
    assert even.getpixel((13, 9)) == (255, 255, 255)
    ffmpeg.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('no such encoder')\n")
    with pytest.raises(NotFoundError, match="no such encoder"):
        save_animation(frames, tmp_path / "other.mp4", duration=80)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "walk.mp4"]


@pytest.mark.skipif(importlib.util.find_spec("av") is None, reason="needs PyAV")
def test_an_mp4_has_its_frames(tmp_path: Path) -> None:
    """PyAV's file has as many frames, at their times, near in colour."""
    import av

    frames = [Image.new("RGB", (33, 31), (i * 30, 100, 200 - i * 20)) for i in range(8)]
    save_animation([*frames, frames[-1], frames[-1]], tmp_path / "walk.mp4", duration=80)
    with av.open(str(tmp_path / "walk.mp4")) as found:
        shown = list(found.decode(video=0))
    assert [round(float(frame.time) * 1000) for frame in shown] == [80 * i for i in range(10)]
    pixel = shown[3].to_ndarray(format="rgb24")[5, 5].tolist()
    assert all(abs(a - b) < 8 for a, b in zip(pixel, (90, 100, 140), strict=True))
