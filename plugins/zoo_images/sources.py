"""A folder or a tar of pictures, listed in the order of the names. Nothing is unpacked to disk.

What a file is follows from its first bytes, whatever its name. What is no picture that can be read is passed over, and
counted by kind; so are hidden files and folders. Links in a folder are followed wherever they lead, each folder being
entered once; links in a tar to its own members are followed. Only regular files are opened: links that lead nowhere,
devices, pipes, and tar members with absolute or `..` paths are bad files where their names are those of pictures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from zoo.errors import NotFoundError, StorageError, ZooError
from zoo.images import Bad, Picture
from zoo_images.folders import list_folder
from zoo_images.listing import Listing
from zoo_images.tars import file_state, list_tar, open_tar

__all__ = ["Source", "open_source"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """The pictures of a folder or tar, listed when first asked for."""

    where: str
    is_tar: bool
    listed: Callable[[], Listing]
    tar_digest: str = ""  # sha256 of the tar

    @cached_property
    def _listing(self) -> Listing:
        return self.listed()

    @cached_property
    def _sorted(self) -> list[Picture | Bad]:
        return [entry for _, entry in sorted(self._listing.found.items())]

    @cached_property
    def digest(self) -> str:
        """The sha256 of the tar, or of the sorted names and content hashes of the folder."""
        if self.is_tar:
            return self.tar_digest
        digest = hashlib.sha256()
        for entry in self._sorted:
            content = entry.cause if isinstance(entry, Bad) else self.sha256(entry.name)
            digest.update(f"{entry.name}\0{content}\n".encode())
        return digest.hexdigest()

    def sha256(self, name: str) -> str:
        """The sha256 of the content of a picture."""
        return self._listing.digests[name]()

    @property
    def names(self) -> list[str]:
        """All names, sorted."""
        return [entry.name for entry in self._sorted]

    @property
    def pictures(self) -> list[Picture]:
        """The files that may be pictures, sorted by name."""
        return [entry for entry in self._sorted if isinstance(entry, Picture)]

    @property
    def bad(self) -> list[Bad]:
        """The files that only look like pictures, sorted by name."""
        return [entry for entry in self._sorted if isinstance(entry, Bad)]

    @property
    def passed(self) -> Mapping[str, int]:
        """How many files of each other kind there are."""
        return self._listing.passed


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """The pictures below the folder or in the uncompressed tar `path`; `read` works while the block lasts.

    Raises NotFoundError when there is nothing at `path`, StorageError when it cannot be read or changes
    meanwhile, and DataError when it is neither folder nor tar, or a damaged tar.
    """
    try:
        if path.is_dir():
            yield Source(where=str(path), is_tar=False, listed=partial(list_folder, path))
        else:
            with open_tar(path) as file:
                state, digest = file_state(file), hashlib.file_digest(file, "sha256").hexdigest()
                listed = partial(list_tar, path, file, state)
                yield Source(where=str(path), is_tar=True, tar_digest=digest, listed=listed)
    except ZooError:
        raise
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(f"{path}: no such folder or tar; check the path") from error
    except OSError as error:
        raise StorageError(
            f"{error.filename or path}: cannot be read ({error.strerror or error}); check its permissions"
        ) from error
