"""The Hub's own cache folder, in its own layout, where a file's name says which bytes it must hold.

    models--org--repo/refs/main                      the commit a branch or tag was last found at
    models--org--repo/snapshots/COMMIT/FILE          a link to ../../blobs/DIGEST
    models--org--repo/blobs/DIGEST                   sha256, or Git's blob id of a small file
    models--org--repo/.no_exist/COMMIT/FILE          the Hub has no such file

Where links are not wanted (HF_HUB_DISABLE_SYMLINKS) or not to be had, a snapshot holds the files themselves, and beside
them the zoo keeps what a blob's name would have said:

    models--org--repo/.digests/COMMIT/FILE           the digest

Files appear complete: written beside, flushed, renamed. Other programs use the same folder, so what is not the zoo's is
left alone.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from zoo.catalogue.hub.settings import hub_settings
from zoo.errors import StorageError
from zoo.files import create, new_file, storage_errors
from zoo.locks import is_locked, locked

__all__ = ["RepoCache", "cached_repos", "hub_folder"]

DIGEST = re.compile(r"[0-9a-f]{64}|[0-9a-f]{40}")
REPO = re.compile(r"models--(?P<org>[\w.-]+?)--(?P<name>[\w.-]+)")
ASIDE, UNFINISHED = ".zoo-", ".incomplete"  # how an unfinished file's name begins and ends
SILENT, LONGEST_LOCK = 1.0, 60.0  # seconds to wait for another process unsaid, and in all; both may write, with no harm
STALE = 300.0  # seconds without a byte after which an unfinished file is a dead process's where no lock tells


def hub_folder() -> Path:
    """HF_HUB_CACHE, as the Hub's client sees it."""
    return Path(hub_settings().HF_HUB_CACHE)


def cached_repos() -> list[RepoCache]:
    """The model repositories in the cache, of whatever format."""
    root = hub_folder()
    with _reading(root):
        names = sorted(path.name for path in root.iterdir() if path.is_dir())
        return [RepoCache(root, f"{m['org']}/{m['name']}") for name in names if (m := REPO.fullmatch(name))]
    return []


@contextlib.contextmanager
def _reading(folder: Path) -> Iterator[None]:
    """What is not there ends the block. Raises StorageError for what may not be read: another user's cache, say."""
    try:
        yield
    except PermissionError as error:
        advice = "ask for the right to read it, or set HF_HOME to a folder of your own"
        text = f"cannot read the Hub's cache {folder}: {error.strerror}, it may be another user's; {advice}"
        raise StorageError(text) from error
    except (OSError, UnicodeError):
        pass


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
        with _reading(self.folder):
            return sorted(path.name for path in (self.folder / "snapshots").iterdir() if path.is_dir())
        return []

    def has(self, commit: str, file: str) -> bool:
        """Whether there is such a file, whatever its bytes."""
        return self._is_file(self.snapshot(commit) / file)

    def _is_file(self, path: Path) -> bool:
        with _reading(self.folder):
            return stat.S_ISREG(path.stat().st_mode)
        return False

    def digest(self, commit: str, file: str) -> str | None:
        """What its bytes must hash to, as the blob's name or the note beside says; None where nothing says it."""
        path = self.snapshot(commit) / file
        with _reading(self.folder):
            name = os.path.basename(os.readlink(path)) if path.is_symlink() else self._note(commit, file).read_text()
            return name if DIGEST.fullmatch(name) else None
        return None

    def _note(self, commit: str, file: str) -> Path:
        return self.folder / ".digests" / commit / file

    def lacks(self, commit: str, file: str) -> bool:
        """Whether the Hub is known to have no such file."""
        return self._is_file(self.folder / ".no_exist" / commit / file)

    def ref(self, revision: str) -> str | None:
        """The commit a branch or tag was last found at."""
        with _reading(self.folder):
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

    def set_digest(self, commit: str, file: str, digest: str) -> None:
        """Note what a file that is no link must hash to. Raises StorageError."""
        self._small(self._note(commit, file), digest)

    @contextlib.contextmanager
    def writing(self) -> Iterator[tuple[BinaryIO, Path]]:
        """An unfinished file, its stream and its path; removed when the block ends unless it was kept."""
        blobs = self.folder / "blobs"
        blobs.mkdir(parents=True, exist_ok=True)
        aside = blobs / f"{ASIDE}{os.urandom(4).hex()}{UNFINISHED}"
        descriptor = create(aside)
        lock = aside.with_suffix(".lock")
        try:
            with contextlib.ExitStack() as stack, os.fdopen(descriptor, "w+b") as stream:
                with contextlib.suppress(OSError):  # a disk without locks
                    stack.enter_context(locked(lock, wait=0))
                yield stream, aside
        finally:
            _remove(aside, lock)

    def keep(self, stream: BinaryIO, aside: Path, commit: str, file: str, digest: str) -> None:
        """Make an unfinished file the content of a commit's file, at once and for every reader."""
        stream.flush()
        os.fsync(stream.fileno())
        path = self.snapshot(commit) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        link = None if hub_settings().HF_HUB_DISABLE_SYMLINKS else self._link(path, digest)
        if link is None:
            self.set_digest(commit, file, digest)  # first: a process may be killed in between
            os.replace(aside, path)
            return
        try:
            os.replace(aside, self.folder / "blobs" / digest)
            os.replace(link, path)
        except OSError:
            os.unlink(link)
            raise

    def _link(self, path: Path, digest: str) -> Path | None:
        """A new link to a blob, beside `path`; None on a disk that has none."""
        link = path.with_name(f"{ASIDE}{os.getpid()}-{time.monotonic_ns()}")
        with contextlib.suppress(OSError, NotImplementedError):
            os.symlink(os.path.relpath(self.folder / "blobs" / digest, link.parent), link)
            return link
        return None

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Let one process at a time download; a killed one lets go of it. Where no lock can be had, go on without."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                self.lock_file.parent.mkdir(parents=True, exist_ok=True)
                self._wait(stack)
            yield

    def _wait(self, stack: contextlib.ExitStack) -> None:
        if not stack.enter_context(locked(self.lock_file, wait=SILENT)):
            text = f"another process is fetching hf://{self.repo}; waiting for it, at most {LONGEST_LOCK:.0f} s"
            warnings.warn(text, stacklevel=2)
            stack.enter_context(locked(self.lock_file, wait=LONGEST_LOCK))

    # --- cleaning ----------------------------------------------------------------------------------------------

    def drop_unfinished(self) -> None:
        """Remove the unfinished files of processes that were killed."""
        with contextlib.suppress(OSError):
            for path in (self.folder / "blobs").glob(f"{ASIDE}*{UNFINISHED}"):
                if _is_left(path):
                    _remove(path, path.with_suffix(".lock"))

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


def _is_left(path: Path) -> bool:
    """Whether nobody writes an unfinished file any more: a process that does holds the lock beside it."""
    lock = path.with_suffix(".lock")
    with contextlib.suppress(OSError):  # a disk without locks
        if lock.is_file():
            return not is_locked(lock)
    with contextlib.suppress(OSError):
        return time.time() - path.stat().st_mtime > STALE
    return False


def _remove(*paths: Path) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()
