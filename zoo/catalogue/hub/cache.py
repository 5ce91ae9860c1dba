"""The Hub's own cache folder, in its own layout, where a file's name says which bytes it must hold.

    models--org--repo/refs/main                      the commit a branch or tag was last found at
    models--org--repo/snapshots/COMMIT/FILE          a link to ../../blobs/DIGEST
    models--org--repo/blobs/DIGEST                   sha256, or Git's blob id of a small file
    models--org--repo/.no_exist/COMMIT/FILE          the Hub has no such file

Files appear complete: written beside, flushed, renamed. Other programs use the same folder, so what is not the zoo's is
left alone.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from zoo.files import new_file, storage_errors, umask
from zoo.locks import locked

__all__ = ["RepoCache", "cached_repos", "hub_folder"]

DIGEST = re.compile(r"[0-9a-f]{64}|[0-9a-f]{40}")
REPO = re.compile(r"models--(?P<org>[\w.-]+?)--(?P<name>[\w.-]+)")
ASIDE = ".zoo-"  # what an unfinished file's name begins with
LONGEST_LOCK = 60.0  # seconds to wait for another process; then both write, which costs time and harms nothing
STALE = 300.0  # seconds without a byte after which an unfinished file is of a process that was killed


def hub_folder() -> Path:
    """HF_HUB_CACHE, as the Hub's client sees it."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def cached_repos() -> list[RepoCache]:
    """The model repositories in the cache, of whatever format."""
    root = hub_folder()
    with contextlib.suppress(OSError):
        names = sorted(path.name for path in root.iterdir() if path.is_dir())
        return [RepoCache(root, f"{m['org']}/{m['name']}") for name in names if (m := REPO.fullmatch(name))]
    return []


@dataclass(frozen=True)
class RepoCache:
    """One repository in the cache folder `root`."""

    root: Path
    repo: str  # "org/repo"

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self.root / ("models--" + self.repo.replace("/", "--"))

    @property
    def lock_file(self) -> Path:
        """What the zoo locks while it downloads."""
        return self.root / ".locks" / self.folder.name / "zoo.lock"

    def snapshot(self, commit: str) -> Path:
        """The folder of a commit's files."""
        return self.folder / "snapshots" / commit

    def commits(self) -> list[str]:
        """The commits of which there is anything."""
        with contextlib.suppress(OSError):
            return sorted(path.name for path in (self.folder / "snapshots").iterdir() if path.is_dir())
        return []

    def has(self, commit: str, file: str) -> bool:
        """Whether there is such a file, whatever its bytes."""
        return (self.snapshot(commit) / file).is_file()

    def digest(self, commit: str, file: str) -> str | None:
        """What its bytes must hash to, as the name of the blob says; None where nothing says it."""
        with contextlib.suppress(OSError):
            name = os.path.basename(os.readlink(self.snapshot(commit) / file))
            return name if DIGEST.fullmatch(name) else None
        return None

    def lacks(self, commit: str, file: str) -> bool:
        """Whether the Hub is known to have no such file."""
        return (self.folder / ".no_exist" / commit / file).is_file()

    def ref(self, revision: str) -> str | None:
        """The commit a branch or tag was last found at."""
        with contextlib.suppress(OSError, UnicodeError):
            text = (self.folder / "refs" / revision).read_text(encoding="ascii").strip()
            return text if re.fullmatch(r"[0-9a-f]{40}", text) else None
        return None

    # --- writing -----------------------------------------------------------------------------------------------

    def _small(self, path: Path, text: str) -> None:
        with storage_errors(f"cannot write {path}"):
            path.parent.mkdir(parents=True, exist_ok=True)
        with new_file(path) as aside:
            aside.write_text(text, encoding="ascii")

    def set_ref(self, revision: str, commit: str) -> None:
        """Record where a branch or tag was found. Raises StorageError."""
        if self.ref(revision) != commit:
            self._small(self.folder / "refs" / revision, commit)

    def set_lacks(self, commit: str, file: str) -> None:
        """Record that the Hub has no such file. Raises StorageError."""
        self._small(self.folder / ".no_exist" / commit / file, "")

    @contextlib.contextmanager
    def writing(self) -> Iterator[tuple[BinaryIO, Path]]:
        """An unfinished file, its stream and its path; removed when the block ends unless it was kept."""
        blobs = self.folder / "blobs"
        blobs.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=ASIDE, suffix=".incomplete", dir=blobs)
        try:
            with os.fdopen(descriptor, "w+b") as stream:
                yield stream, Path(name)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(name)

    def keep(self, stream: BinaryIO, aside: Path, commit: str, file: str, digest: str) -> None:
        """Make an unfinished file the content of a commit's file, at once and for every reader."""
        stream.flush()
        os.fsync(stream.fileno())
        os.chmod(aside, 0o666 & ~umask())
        os.replace(aside, self.folder / "blobs" / digest)
        path = self.snapshot(commit) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        link = path.with_name(f"{ASIDE}{os.getpid()}-{time.monotonic_ns()}")
        os.symlink(os.path.join("..", "..", "blobs", digest), link)
        try:
            os.replace(link, path)
        except OSError:
            os.unlink(link)
            raise

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Let one process at a time download; a killed one lets go of it. Where no lock can be had, go on without."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                self.lock_file.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(locked(self.lock_file, wait=LONGEST_LOCK))
            yield

    # --- cleaning ----------------------------------------------------------------------------------------------

    def unfinished(self) -> list[Path]:
        """Unfinished files of processes that were killed."""
        with contextlib.suppress(OSError):
            found = (self.folder / "blobs").glob(f"{ASIDE}*.incomplete")
            return [path for path in found if time.time() - path.stat().st_mtime > STALE]
        return []

    def remove(self) -> None:
        """Remove the repository from the cache. Raises StorageError."""
        with storage_errors(f"cannot remove {self.folder}"):
            shutil.rmtree(self.folder)
            shutil.rmtree(self.root / ".locks" / self.folder.name, ignore_errors=True)

    def size(self) -> int:
        """Bytes on the disk."""
        total = 0
        for folder, _, files in os.walk(self.folder):
            for file in files:
                with contextlib.suppress(OSError):
                    total += os.lstat(os.path.join(folder, file)).st_size
        return total
