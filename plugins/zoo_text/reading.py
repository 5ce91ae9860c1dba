"""Text files. No torch."""

from __future__ import annotations

from pathlib import Path

from zoo.errors import DataError, NotFoundError
from zoo.files import storage_errors

__all__ = ["MOST_BYTES", "read_text", "read_texts"]

MOST_BYTES = 1 << 28
SUFFIX = ".txt"


def read_text(path: Path) -> str:
    """A file as text: UTF-8, a mark at its beginning left out, lines ended by newlines alone.

    Raises NotFoundError where there is none, DataError for one that is empty, too large or no text, StorageError.
    """
    if not path.is_file():
        raise NotFoundError(f"there is no text file {path}")
    with storage_errors(f"cannot read {path}"):
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path} is larger than {MOST_BYTES >> 20} MiB; cut it into several and train on a part")
        content = path.read_bytes()
    try:
        found = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8 (byte {error.start:,}); convert it: iconv -t UTF-8") from error
    if "\0" in found:
        raise DataError(f"{path} is no text: it holds bytes of zero")
    found = found.replace("\r\n", "\n").replace("\r", "\n")
    if not found.strip():
        raise DataError(f"{path} is empty")
    return found


def read_texts(path: Path) -> str:
    """A file, or the .txt files of a folder in the order of their names, an empty line between two.

    Raises as `read_text`.
    """
    if not path.is_dir():
        return read_text(path)
    files = sorted(file for file in path.rglob(f"*{SUFFIX}") if file.is_file())
    if not files:
        raise NotFoundError(f"there is no {SUFFIX} file in {path}")
    return "\n\n".join(map(read_text, files))
