"""How a dataset is named: `name`, `name[selection]`, `name:path`, `name:path#option=value`; and a path alone."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zoo.catalogue.contract.names import NAME
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.contract.specs import DatasetSpec
from zoo.errors import UsageError
from zoo.files import check_text

__all__ = ["Reference", "absolute", "as_reference", "parse_reference", "with_options_of"]

OPTIONS = rf"(?P<options>(?:#{NAME.pattern}={NAME.pattern})*)"
REFERENCE = re.compile(
    rf"(?P<name>(?:{NAME.pattern}/)?{NAME.pattern})(?:\[(?P<selection>[^\[\]]+)\])?(?::(?P<path>[^\x00]+?))?{OPTIONS}",
    re.DOTALL,
)
PATH = re.compile(rf"(?P<path>[^\x00]+?){OPTIONS}", re.DOTALL)
SELECTED = re.compile(r"(?P<path>[^\x00]+)\[(?P<selection>[^\[\]]+)\]", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A dataset's name, taken apart."""

    name: str  # may carry a namespace: acme/photos
    selection: str | None = None  # the text in brackets: cifar10[frog]
    path: Path | None = None  # after the colon: images:./photos
    options: Mapping[str, str] = field(default_factory=dict)  # at the end: images:./photos#fit=pad


def parse_reference(text: str) -> Reference:
    """`name`, `name[selection]`, `name:path` or `name[selection]:path`, and options, `#fit=pad`, at the end of each.

    Raises UsageError when `text` is none of these.
    """
    match = REFERENCE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise UsageError(
            f"dataset {text!r:.100}: cannot be read; write NAME, NAME[CLASS] or NAME:PATH, as in cifar10[frog]"
        )
    options = dict(option.split("=", 1) for option in match["options"].split("#")[1:])
    path = None if match["path"] is None else Path(match["path"])
    return Reference(name=match["name"], selection=match["selection"], path=path, options=options)


def as_reference(text: str | os.PathLike[str], registry: Registry, modality: str | None = None) -> str:
    """A path as the dataset of that path, `./photos` -> `images:./photos`; what names a dataset stays as it is.

    A path is what has a separator, or is there and no dataset's name. `modality` says of which kind the files are,
    where that is known. Raises UsageError where not one dataset, but none or several, would read such a path, and for a
    path that is no text.
    """
    text = os.fspath(text)
    check_text(text)
    named = REFERENCE.fullmatch(text)
    if named and ("dataset", named["name"]) in registry.entries:
        return text
    match = PATH.fullmatch(text)
    if match is None or not _is_path(match["path"], named):
        return text  # what it lacks is said by who looks it up
    dataset, path = _of_paths(registry, modality, match["path"]), match["path"]
    inside = SELECTED.fullmatch(path)
    if inside and not _there(path) and _there(inside["path"]):
        return f"{dataset}[{inside['selection']}]:{inside['path']}{match['options']}"
    return f"{dataset}:{text}"


def absolute(reference: str) -> str:
    """The reference with its path, where it has one, from the root on; links in it stay."""
    named, colon, path = reference.partition(":")
    if not colon:
        return reference
    try:
        whole = os.path.abspath(os.path.expanduser(path))
        whole.encode()
    except (OSError, UnicodeEncodeError):  # the working directory is gone, or its name is no text
        return reference
    return f"{named}:{whole}"


def with_options_of(reference: str, like: str) -> str:
    """The reference with the options of another one of that dataset, where it has none: it is read in the same way."""
    given, other = parse_reference(reference), parse_reference(like)
    if given.options or given.name != other.name:
        return reference
    options = other.options
    return reference + "".join(f"#{key}={value}" for key, value in options.items())


def _is_path(text: str, named: re.Match[str] | None) -> bool:
    if text.startswith((".", "/", "~")) or text.endswith(".tar") or _there(text):
        return True
    return not named and (os.sep in text or "/" in text)  # else a dataset's name: misspelt, or of a plugin not here


def _there(text: str) -> bool:
    try:
        return Path(text).expanduser().exists()
    except (OSError, RuntimeError, ValueError):  # a name too long, no home
        return False


def _of_paths(registry: Registry, modality: str | None, path: str) -> str:
    """The dataset that a path alone stands for: the one of its ending, or one without; the zoo's own before a plugin's.

    Where the modality is known a dataset with endings reads a folder, too.
    """
    found = {
        owned.name: owned.spec.endings
        for owned in registry.list("dataset")
        if isinstance(owned.spec, DatasetSpec) and owned.spec.plain and modality in (None, owned.spec.modality)
    }
    ending = Path(path).suffix.lower()
    fitting = [name for name, endings in found.items() if ending in endings]
    fitting = fitting or [name for name, endings in found.items() if not endings] or [*found]
    first = [name for name in fitting if "/" not in name] or fitting
    if len(first) != 1:
        there = f"{' and '.join(first)} read" if first else "no dataset reads"
        what = "" if modality is None else f"of the modality {modality}, "
        raise UsageError(f"{what}{there} a path alone; write DATASET:PATH")
    return first[0]
