"""Where a verb writes examples to: a file, a folder with a file for each, or standard output."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import StorageError, UsageError
from zoo.files import new_files, new_folder

__all__ = ["NPZ", "Destination", "check_output", "find_destination"]

NPZ = ".npz"  # numbers, of any kind of data
PIPE = "-"


@dataclass(frozen=True, kw_only=True)
class Destination:
    """What -o and --format mean."""

    path: Path  # `-` for standard output
    suffix: str  # of the file, or of each file of the folder: which format is written
    each: bool = False  # a folder, with a file for each example
    piped: bool = False  # standard output

    def say(self, line: str) -> None:
        """Print what was written: beside it, where standard output holds it."""
        name, stream = ("standard output", sys.stderr) if self.piped else (self.path, sys.stdout)
        print(f"{name}: {line}", file=stream)

    @contextlib.contextmanager
    def file(self) -> Iterator[Path]:
        """A path to write one file to, whole or not at all. Of standard output it is a file elsewhere, whose bytes are
        copied when the block ends well.
        """
        if not self.piped:
            yield self.path
            return
        with tempfile.TemporaryDirectory(prefix="zoo-") as place:
            path = Path(place) / f"samples{self.suffix}"
            yield path
            sys.stdout.buffer.write(path.read_bytes())
            sys.stdout.buffer.flush()

    def files(self, count: int, write: Callable[[int, Path], None]) -> None:
        """Write so many numbered files into the folder, all or none; `write` is given a number and a path.

        A new folder appears when all are in it; in one that is there files of the same name are replaced.
        """
        names = [f"{number:0{max(3, len(str(count - 1)))}d}{self.suffix}" for number in range(count)]
        if self.path.is_dir() and any(self.path.iterdir()):
            with new_files(*(self.path / name for name in names)) as asides:
                for number, aside in enumerate(asides):
                    write(number, aside)
            return
        with new_folder(self.path) as place:
            for number, name in enumerate(names):
                write(number, place / name)


def find_destination(
    arguments: argparse.Namespace, suffixes: Sequence[str], animations: Sequence[str] = (), *, folders: bool = False
) -> Destination:
    """What -o and --format mean, for formats of these `suffixes`, and `animations`; `folders` may be meant, too.

    Raises UsageError for another ending or format and for a terminal, StorageError as `check_output`.
    """
    given, path = arguments.output, Path(arguments.output)
    known = [*suffixes, *(suffix for suffix in animations if suffix not in suffixes)]
    asked = None if arguments.format is None else f".{arguments.format.lower().removeprefix('.')}"
    if asked is not None and asked not in known:
        raise UsageError(f"--format is {arguments.format!r:.40}; it must be one of {', '.join(s[1:] for s in known)}")
    if given == PIPE:
        _check_pipe(asked or suffixes[0])
        return Destination(path=path, suffix=asked or suffixes[0], piped=True)
    if folders and (given.endswith(("/", os.sep)) or path.is_dir()):
        if path.exists() and not path.is_dir():
            raise StorageError(f"cannot write {given}: {path} is a file; name another folder")
        _check_parent(path)
        return Destination(path=path, suffix=asked or suffixes[0], each=True)
    if asked not in (None, path.suffix.lower()):
        raise UsageError(
            f"{path} ends in {path.suffix or 'nothing'}, and --format is {asked[1:]}; leave one of them out"
        )
    return Destination(path=check_output(path, suffixes, animations), suffix=path.suffix.lower())


def _check_pipe(suffix: str) -> None:
    if sys.stdout.isatty():
        raise UsageError(
            f"-o - would write {suffix[1:]} onto the terminal; send it somewhere: … -o - > samples{suffix}"
        )
    if getattr(sys.stdout, "buffer", None) is None:
        raise UsageError("-o -: standard output takes text alone here; name a file")


def _check_parent(out: Path) -> None:
    if not out.parent.is_dir():
        raise StorageError(f"cannot write {out}: there is no folder {out.parent}; make it first")


def check_output(out: Path, suffixes: Sequence[str], animations: Sequence[str] = ()) -> Path:
    """The path `out`, if a file that ends in one of `suffixes` or `animations` can be written there.

    Raises UsageError for another ending and for `-`, StorageError for a folder, and where its folder is not there.
    """
    if str(out) == PIPE:
        raise UsageError(f"-o - is standard output, and a file is written: name one, as in -o samples{suffixes[0]}")
    if out.is_dir():
        raise StorageError(f"cannot write {out}: it is a folder; name a file in it: {out / 'samples'}{suffixes[0]}")
    if out.suffix.lower() not in (*suffixes, *animations):
        moving = f", or for an animation {', '.join(animations)}" if animations else ""
        raise UsageError(f"{out} must end in one of {', '.join(suffixes)}{moving}")
    _check_parent(out)
    return out
