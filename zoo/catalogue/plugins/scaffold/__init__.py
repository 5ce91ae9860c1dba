"""A new plugin package from templates: `zoo plugins new acme`. Standard library alone, offline."""

from __future__ import annotations

import datetime
import importlib.util
import keyword
import re
import string
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from zoo.catalogue.plugins.installed import installed
from zoo.errors import StorageError, UsageError
from zoo.files import new_folder
from zoo.version import __version__

__all__ = ["KINDS", "write_plugin"]

KINDS = ("architecture", "dataset", "weights", "trainer", "modality")
TEMPLATES = Path(__file__).parent / "templates"
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
RESERVED = ("zoo", "genzoo", "hf")


def write_plugin(name: str, kind: str, into: Path) -> Path:
    """Write the package `NAME-zoo` into the folder `into`, all of it or nothing; gives its folder.

    Raises UsageError for a name that a plugin cannot have, with the reason, and StorageError where the folder exists or
    cannot be written.
    """
    if kind not in KINDS:
        raise UsageError(f"no kind of plugin is named {kind!r:.100}; there are {', '.join(KINDS)}")
    _check_name(name)
    distribution = f"{name}-zoo"
    package = distribution.replace("-", "_")
    _check_free(name, distribution, package)
    target = into / distribution
    if target.exists() or target.is_symlink():
        raise StorageError(f"{target} exists; nothing was written: remove it, or name another folder with --into")
    values = {
        "name": name,
        "distribution": distribution,
        "package": package,
        "zoo": __version__.rpartition(".")[0],
        "year": str(datetime.date.today().year),
    }
    with new_folder(target) as aside:
        for root in (TEMPLATES / "common", TEMPLATES / kind):
            for template in sorted(root.rglob("*.tmpl")):
                words = [word.replace("dot-", ".", 1) for word in template.relative_to(root).with_suffix("").parts]
                file = aside.joinpath(*(package if word == "_package_" else word for word in words))
                file.parent.mkdir(parents=True, exist_ok=True)
                text = string.Template(template.read_text(encoding="utf-8")).substitute(values)
                file.write_text(text, encoding="utf-8")
    return target


def _check_name(name: str) -> None:
    reason = ""
    if name != name.lower():
        reason = f"names are lower-case; write {name.lower()!r:.60}"
    elif "_" in name:
        reason = f"words are joined by '-'; write {name.replace('_', '-')!r:.60}"
    elif len(name) > 40:
        reason = f"it has {len(name)} letters; 40 is the most"
    elif not NAME.fullmatch(name):
        reason = "a name begins with a letter, and is lower-case letters and digits, words joined by '-'"
    elif keyword.iskeyword(name) or keyword.issoftkeyword(name):
        reason = "it is a keyword of Python; choose a name that can stand in code"
    elif name in RESERVED:
        reason = "it is the zoo's own"
    if reason:
        raise UsageError(f"a plugin cannot be named {name!r:.60}: {reason}")


def _check_free(name: str, distribution: str, package: str) -> None:
    """Raise UsageError where an installed distribution, module or plugin has one of the names already."""
    taken = [one.owner for one in installed() if one.namespace == name]
    if taken:
        raise UsageError(f"a plugin cannot be named {name!r}: {taken[0]} is installed and has that namespace")
    try:
        there = version(distribution)
    except PackageNotFoundError:
        there = ""
    if there:
        raise UsageError(f"a plugin cannot be named {name!r}: the distribution {distribution} {there} is installed")
    if importlib.util.find_spec(package) is not None:
        raise UsageError(f"a plugin cannot be named {name!r}: a module {package!r} is installed already")
