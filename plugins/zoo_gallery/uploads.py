"""Files that users send: how large they may be, and that they are what they say. No torch."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

from zoo.errors import DataError, UsageError
from zoo.files import storage_errors

__all__ = ["MOST_BYTES", "MOST_KEPT", "MOST_PIXELS", "TooLarge", "make_room", "receive"]

MOST_BYTES = 10_000_000
MOST_PIXELS = 40_000_000
MOST_KEPT = 40  # files; the oldest goes


class TooLarge(UsageError):
    """More than is taken."""


async def receive(name: str, length: str | None, body: AsyncIterator[bytes], folder: Path) -> str:
    """Keep what comes as a file in `folder`; gives what to call it when it is asked for.

    `name` is what the user calls it, `length` what the request says of its size: one that says too much is not read.
    Raises TooLarge, DataError for what is no picture though it is called one, StorageError.
    """
    if length is not None and (not length.isdecimal() or int(length) > MOST_BYTES):
        raise _too_large(name)
    content = bytearray()
    async for piece in body:
        content += piece
        if len(content) > MOST_BYTES:
            raise _too_large(name)
    ending = Path(name).suffix.lower()
    if not content or not ending[1:].isalnum() or len(ending) > 6 or not ending.isascii():
        raise DataError(f"{name:.80} is empty or has no ending that says what it is; choose another file")
    _check_picture(name, bytes(content))
    kept = f"{secrets.token_hex(12)}{ending}"
    with storage_errors("cannot keep the file that was sent"):
        folder.mkdir(parents=True, exist_ok=True)
        make_room(folder)
        (folder / kept).write_bytes(content)
    return kept


def make_room(folder: Path) -> None:
    """Remove the oldest files of a folder, so that with one more there are no more than are kept. Raises OSError."""
    files = sorted((path for path in folder.iterdir() if path.is_file()), key=lambda path: path.stat().st_mtime)
    for path in files[: max(0, len(files) - MOST_KEPT + 1)]:
        path.unlink(missing_ok=True)


def _too_large(name: str) -> TooLarge:
    return TooLarge(f"{name:.80} has more than {MOST_BYTES // 1_000_000} MB; make it smaller, and send it again")


def _check_picture(name: str, content: bytes) -> None:
    """Refuse what is called or begins like a picture and is none, or one of too many pixels, before it is decoded."""
    from zoo.images import FORMATS, HEAD, kind_of

    kind = kind_of(name, content[:HEAD])
    if kind not in FORMATS:
        return  # its modality reads it, and says what is wrong with it
    import io

    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            width, height = picture.size
    except Exception as error:  # on hostile bytes Pillow raises nearly anything
        raise DataError(f"{name:.80} is no picture that can be read; choose a JPEG or PNG file") from error
    if width * height > MOST_PIXELS:
        most = f"at most {MOST_PIXELS // 1_000_000} million are taken"
        raise TooLarge(f"{name:.80} has {width:,} x {height:,} pixels, and {most}; make it smaller")
