"""Pictures that move: GIF, WebP and APNG with as many frames as were given, and MP4 where something can write it.

Pillow writes each frame alone, and the frames are put together here: what writes an animation in one go (Pillow's GIF
and APNG, libwebp) makes one frame of several that are equal, and a walk that stands still would lose its steps.
"""

from __future__ import annotations

import importlib.util
import io
import shutil
import struct
import subprocess
import zlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import NotFoundError, UsageError
from zoo.files import new_file

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["MOVING", "check_animation", "save_animation"]

MOVING = (".gif", ".webp", ".apng", ".mp4")  # how the files of animations end
LONGEST_SIDE = 2**14  # pixels that a frame of WebP may have


def save_animation(frames: Sequence[Image], path: Path, *, duration: int) -> None:
    """Write pictures of one size as an animation that runs for ever, each shown for `duration` milliseconds.

    The suffix names the format: `.gif` (256 colours a frame; its time is counted in hundredths of a second), `.webp` or
    `.apng` (all colours, without loss), `.mp4` (H.264, runs once). Complete or not at all. Raises UsageError for
    another suffix, no frames, and frames that are too large for WebP; NotFoundError where nothing writes MP4;
    StorageError.
    """
    suffix = path.suffix.lower()
    if suffix not in MOVING or not frames:
        raise UsageError(f"{path}: an animation has frames, and ends in one of {', '.join(MOVING)}")
    check_animation(path)
    grey = all(frame.mode == "L" for frame in frames)
    pictures = [frame.convert("L" if grey else "RGB") for frame in frames]
    if suffix == ".webp" and max(pictures[0].size) > LONGEST_SIDE:
        raise UsageError(
            f"{path}: a frame has at most {LONGEST_SIDE:,} pixels a side; use fewer rows or a smaller scale"
        )
    with new_file(path) as aside:
        if suffix == ".mp4":
            _mp4(pictures, aside, duration)
        else:
            aside.write_bytes({".gif": _gif, ".webp": _webp, ".apng": _apng}[suffix](pictures, duration))


def check_animation(path: Path) -> None:
    """Raise NotFoundError where what writes such a file is not there: before any work is done."""
    if path.suffix.lower() == ".mp4" and not _has_av() and not shutil.which("ffmpeg"):
        raise NotFoundError(
            f"{path}: nothing here writes MP4; pip install 'genzoo[video]', or install ffmpeg; .webp needs neither"
        )


def _alone(picture: Image, kind: str, **how: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return file.getvalue()


# --- GIF (CompuServe 1990, GIF89a) ---------------------------------------------------------------------------------


def _gif(pictures: Sequence[Image], duration: int) -> bytes:
    """Whole frames, each with the palette of its own; hundredths of a second are dealt so that the sum is right."""
    width, height = pictures[0].size
    parts = [b"GIF89a", struct.pack("<HHBBB", width, height, 0, 0, 0), b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"]
    for index, picture in enumerate(pictures):
        hundredths = round((index + 1) * duration / 10) - round(index * duration / 10)
        few = picture if picture.mode == "L" else picture.quantize(256)
        table, image = _gif_image(_alone(few, "GIF", interlace=0))
        parts += [struct.pack("<4sHBB", b"!\xf9\x04\x04", hundredths, 0, 0), image[:9]]
        parts += [bytes([0x80 | (len(table) // 3).bit_length() - 2]), table, image[10:]]
    return b"".join([*parts, b";"])


def _gif_image(content: bytes) -> tuple[bytes, bytes]:
    """The palette of a GIF of one picture, and its image block: the descriptor's ten bytes, and the codes."""
    size = 3 * 2 ** ((content[10] & 7) + 1) if content[10] & 0x80 else 0
    at = 13 + size
    while content[at] == 0x21:  # an extension: a label, and blocks up to an empty one
        at += 2
        while content[at]:
            at += 1 + content[at]
        at += 1
    return content[13 : 13 + size], content[at:-1]


# --- WebP (Google 2010, the extended file format) ------------------------------------------------------------------


def _webp(pictures: Sequence[Image], duration: int) -> bytes:
    """A chunk ANMF a frame, each a whole lossless picture."""
    sides = b"".join(_three(side - 1) for side in pictures[0].size)
    body = _riff(b"VP8X", struct.pack("<I", 2) + sides)  # 2: it moves
    body += _riff(b"ANIM", struct.pack("<IH", 0xFFFFFFFF, 0))  # on white, for ever
    for picture in pictures:
        inside = b"".join(_riff(name, data) for name, data in _riff_chunks(_alone(picture, "WEBP", lossless=True)))
        frame = _three(0) + _three(0) + sides + _three(duration) + bytes([2])  # 2: it replaces what was there
        body += _riff(b"ANMF", frame + inside)
    return _riff(b"RIFF", b"WEBP" + body)


def _three(number: int) -> bytes:
    return number.to_bytes(3, "little")


def _riff(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _riff_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a WebP of one picture that hold the picture."""
    at = 12
    while at < len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        if name in (b"VP8L", b"VP8 ", b"ALPH"):
            yield name, content[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


# --- APNG (Mozilla 2008) -------------------------------------------------------------------------------------------


def _apng(pictures: Sequence[Image], duration: int) -> bytes:
    """A chunk fcTL a frame, and its pixels: IDAT of the first, fdAT of the others."""
    width, height = pictures[0].size
    number = 0
    for index, picture in enumerate(pictures):
        chunks = list(_png_chunks(_alone(picture, "PNG")))
        pixels = b"".join(data for name, data in chunks if name == b"IDAT")
        control = struct.pack(">IIIIIHHBB", number, width, height, 0, 0, duration, 1000, 0, 0)
        if index == 0:
            parts = [b"\x89PNG\r\n\x1a\n", *(_png(name, data) for name, data in chunks if name == b"IHDR")]
            parts.append(_png(b"acTL", struct.pack(">II", len(pictures), 0)))
            parts += [_png(b"fcTL", control), _png(b"IDAT", pixels)]
        else:
            parts += [_png(b"fcTL", control), _png(b"fdAT", struct.pack(">I", number + 1) + pixels)]
        number += 1 if index == 0 else 2
    return b"".join([*parts, _png(b"IEND", b"")])


def _png(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(content):
        size, name = struct.unpack_from(">I4s", content, at)
        yield name, content[at + 8 : at + 8 + size]
        at += 12 + size


# --- MP4 -----------------------------------------------------------------------------------------------------------


def _has_av() -> bool:
    return importlib.util.find_spec("av") is not None


def _mp4(pictures: Sequence[Image], path: Path, duration: int) -> None:
    """H.264 of half the colour resolution, as players want it; a side that is odd gets a white row or column."""
    from PIL import Image

    width, height = (side + side % 2 for side in pictures[0].size)
    even = [Image.new("RGB", (width, height), "white") for _ in pictures]
    for sheet, picture in zip(even, pictures, strict=True):
        sheet.paste(picture)
    (_by_av if _has_av() else _by_ffmpeg)(even, path, Fraction(1000, duration))


def _by_av(pictures: Sequence[Image], path: Path, rate: Fraction) -> None:
    import av

    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=rate)
        stream.width, stream.height = pictures[0].size
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            out.mux(stream.encode(av.VideoFrame.from_image(picture)))
        out.mux(stream.encode())


def _by_ffmpeg(pictures: Sequence[Image], path: Path, rate: Fraction) -> None:
    width, height = pictures[0].size
    given = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(rate), "-i", "-"]
    wanted = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-f", "mp4", str(path)]
    command = ["ffmpeg", "-y", "-loglevel", "error", *given, *wanted]
    done = subprocess.run(command, input=b"".join(p.tobytes() for p in pictures), capture_output=True, check=False)
    if done.returncode:
        cause = " ".join(done.stderr.decode("utf-8", "replace").split())
        raise NotFoundError(f"ffmpeg could not write {path.name} ({cause:.200}); pip install 'genzoo[video]'")
