"""What the zoo keeps in the Hub's cache: listed, and removed. Repositories of other programs are left alone."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.catalogue.hub.cache import DIGEST, RepoCache, cached_repos
from zoo.catalogue.weights.folder import CARD, CONFIG, FILES, MOST_CONFIG, parse_config
from zoo.errors import WeightsError
from zoo.files import hashes_of, storage_errors

__all__ = ["CachedModel", "cached_models"]


@dataclass(frozen=True)
class CachedModel:
    """A repository in the cache that is in the zoo's format."""

    cache: RepoCache

    @property
    def name(self) -> str:
        """hf://org/repo."""
        return f"hf://{self.cache.repo}"

    def to_json(self) -> dict[str, Any]:
        """Name, commits, bytes and path."""
        place = str(self.cache.folder)
        return {"name": self.name, "commits": self.cache.commits(), "bytes": self.cache.size(), "path": place}

    def clean(self, *, whole: bool) -> int:
        """Remove the repository, or else what is damaged, unfinished or belongs to no commit; gives the bytes freed.

        Raises StorageError.
        """
        before = self.cache.size()
        if whole:
            self.cache.remove()
            return before
        with self.cache.lock(), storage_errors(f"cannot clean {self.cache.folder}"):
            self.cache.drop_unfinished()
            for path in self._useless():
                path.unlink(missing_ok=True)
        return before - self.cache.size()

    def _useless(self) -> list[Path]:
        blobs = self.cache.folder / "blobs"
        files = list((self.cache.folder / "snapshots").rglob("*"))
        used = {os.path.basename(os.readlink(path)) for path in files if path.is_symlink()}
        names = [path for path in blobs.iterdir() if DIGEST.fullmatch(path.name)] if blobs.is_dir() else []
        plain = [path for path in files if path.is_file() and not path.is_symlink() and self._is_damaged(path)]
        return [
            *plain,
            *(path for path in names if path.name not in used or path.name not in hashes_of(path, path.name)),
        ]

    def _is_damaged(self, path: Path) -> bool:
        """Whether a file that is no link holds something else than was noted."""
        commit, file = path.relative_to(self.cache.folder / "snapshots").parts[0], path.name
        noted = self.cache.digest(commit, file)
        return noted is not None and noted not in hashes_of(path, noted)


def cached_models() -> list[CachedModel]:
    """The cached repositories that are in the zoo's format."""
    return [CachedModel(cache) for cache in cached_repos() if _is_ours(cache)]


def _is_ours(cache: RepoCache) -> bool:
    for commit in cache.commits():
        path = cache.snapshot(commit) / CONFIG
        with contextlib.suppress(OSError, WeightsError):
            if path.stat().st_size <= MOST_CONFIG:
                parse_config(path.read_bytes(), CONFIG)
                return True
    # A damaged one: the zoo fetched it, and there is nothing in it but the zoo's files.
    names = {path.name for commit in cache.commits() for path in cache.snapshot(commit).iterdir()}
    return cache.lock_file.is_file() and names <= {*FILES, CARD}
