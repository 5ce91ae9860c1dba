"""Level `package`: what is installed."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
from importlib.metadata import Distribution, PackageNotFoundError, version
from pathlib import Path

from zoo.catalogue.plugins.loading import CORE
from zoo.testing.subject import FailedCheck, Item, NotApplicable, Subject, require

__all__ = ["entry_point", "licence", "namespace", "record", "requires_zoo"]


def _distribution(subject: Subject) -> Distribution:
    if subject.distribution is None:
        raise FailedCheck(f"the entry point {subject.name} belongs to no distribution; install the package with pip")
    return subject.distribution


def record(subject: Subject, item: Item) -> None:
    """Every file that RECORD lists is installed with the bytes it lists."""
    distribution = _distribution(subject)
    files = distribution.files
    require(files, f"{distribution.name} has no RECORD of its files; install it with pip")
    for file in files or ():
        if file.hash is None:  # RECORD itself, and what Python compiles
            continue
        path = Path(str(file.locate()))
        require(path.is_file(), f"{file} is in RECORD and not installed; install {distribution.name} again")
        digest = hashlib.new(file.hash.mode, path.read_bytes()).digest()
        found = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        require(found == file.hash.value, f"{file} has been changed since it was installed")


def entry_point(subject: Subject, item: Item) -> None:
    """The entry point names a module that is installed."""
    module = subject.point.value.partition(":")[0].strip()
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        found = None
    stale = f"the entry point {subject.name} = {subject.point.value!r} names no installed module"
    require(found is not None, f"{stale}; correct it in pyproject.toml and install again")


def namespace(subject: Subject, item: Item) -> None:
    """No other installed distribution has an entry point of this name."""
    owners = sorted({point.distribution for point in subject.points})
    require(len(owners) == 1, f"the namespace {subject.name} is claimed by {' and '.join(owners)}; uninstall one")


def licence(subject: Subject, item: Item) -> None:
    """The package's metadata say its licence."""
    distribution = _distribution(subject)
    metadata = distribution.metadata
    fields = [text for key in ("License-Expression", "License") for text in metadata.get_all(key) or ()]
    fields += [text for text in metadata.get_all("Classifier") or () if text.startswith("License ::")]
    require(any(fields), f'{distribution.name} states no licence; add license = "…" to pyproject.toml')


def requires_zoo(subject: Subject, item: Item) -> None:
    """The package requires genzoo in a range of versions that holds this one."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    distribution = _distribution(subject)
    if distribution.name.lower() == CORE:
        raise NotApplicable(f"{subject.name} is of the distribution {CORE} itself")
    needed = [Requirement(text) for text in distribution.requires or ()]
    ranges = [need.specifier for need in needed if canonicalize_name(need.name) == CORE and need.marker is None]
    require(ranges, f'{distribution.name} does not require {CORE}; add "{CORE}>=…" to its dependencies')
    require(all(map(str, ranges)), f"{distribution.name} requires any {CORE}; give the versions it works with")
    try:
        ours = version(CORE)
    except PackageNotFoundError as error:
        raise NotApplicable(f"{CORE} itself is not installed as a distribution") from error
    require(all(ours in r for r in ranges), f"{distribution.name} requires {CORE}{ranges[0]}, installed is {ours}")
