"""Published archives of data, fetched by torchvision and pinned by sha256. Kept in the cache where that can be."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from zoo.data import DataRequest
from zoo.errors import IntegrityError, NetworkError, NotFoundError, StorageError
from zoo.files import storage_errors
from zoo.images import import_torchvision

__all__ = ["Download", "fetched"]

TIMEOUT = 30.0  # seconds without a byte


@dataclass(frozen=True, kw_only=True)
class Download:
    """An archive, and which bytes it must be."""

    url: str
    md5: str  # what its publisher states, and torchvision checks
    sha256: str  # what is trusted

    @property
    def file_name(self) -> str:
        """The last part of the address."""
        return self.url.rpartition("/")[2]


@contextmanager
def fetched(download: Download, request: DataRequest, *, instead_of: str) -> Iterator[Path]:
    """A file with exactly the pinned bytes, from the cache or the network, while the block lasts.

    `instead_of` is the file that was looked for in ZOO_DATA and is named when there is no other way.
    Raises NotFoundError when offline, NetworkError when the download fails, IntegrityError when it brings
    other bytes, StorageError when there is no room for it.
    """
    kept = None if request.cache is None else request.cache / "downloads" / download.file_name
    if kept is not None and _is(kept, download.sha256):
        yield kept
        return
    advice = f"put {instead_of} into a folder and set ZOO_DATA to it"
    roots = os.pathsep.join(map(str, request.roots)) or "ZOO_DATA, which is not set"
    if request.offline:
        raise NotFoundError(f"{instead_of}: not found in {roots}, and ZOO_OFFLINE forbids its download; {advice}")
    with _folder(kept) as folder:
        path = Path(folder) / download.file_name
        _fetch(download, folder, f"{instead_of}: not found in {roots}", advice)
        if not _is(path, download.sha256):
            raise IntegrityError(f"{download.url}: not the pinned bytes (sha256 {download.sha256[:12]}...); {advice}")
        if kept is not None:
            with suppress(OSError):  # another disk, or a read-only cache: used from where it is
                path.replace(kept)
                path = kept
        yield path


def _folder(kept: Path | None) -> tempfile.TemporaryDirectory[str]:
    """A folder to download to: beside `kept`, so that it can be renamed, else wherever there is room."""
    if kept is not None:
        with suppress(OSError):
            kept.parent.mkdir(parents=True, exist_ok=True)
            return tempfile.TemporaryDirectory(dir=kept.parent, prefix=".", ignore_cleanup_errors=True)
    with storage_errors("cannot make a folder for the download"):
        return tempfile.TemporaryDirectory(ignore_cleanup_errors=True)


def _fetch(download: Download, folder: str, missing: str, advice: str) -> None:
    utils = import_torchvision("torchvision.datasets.utils")
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)  # torchvision sets none, and would wait for ever
    try:
        utils.download_url(download.url, folder, md5=download.md5)
    except RuntimeError as error:  # its word for a wrong md5
        raise IntegrityError(f"{download.url}: not the published bytes ({error}); try again, or {advice}") from error
    except Exception as error:  # urllib, http.client and ssl have no common root but this
        if isinstance(error, OSError) and (error.filename or error.errno in (errno.ENOSPC, errno.EDQUOT)):
            raise StorageError(
                f"{folder}: cannot keep the download ({error.strerror}); make room or {advice}"
            ) from error
        raise NetworkError(f"{missing}, and {download.url} cannot be fetched ({error!r}); {advice}") from error
    finally:
        socket.setdefaulttimeout(before)


def _is(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False
