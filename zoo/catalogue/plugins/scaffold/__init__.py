"""A new plugin package from templates: `zoo plugins new acme`. Standard library alone, offline."""

from __future__ import annotations

import datetime
import importlib.util
import keyword
import re
import string
import unicodedata
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from zoo.catalogue.plugins.installed import installed
from zoo.errors import StorageError, UsageError
from zoo.files import new_folder
from zoo.version import __version__

__all__ = ["TEMPLATES", "write_plugin"]

TEMPLATES = ("vae", "gan", "dataset", "weights", "trainer", "modality")
FOLDER = Path(__file__).parent / "templates"
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
MOST = 40  # letters of a name
SUFFIX = "-zoo"  # of the distribution
RESERVED = ("zoo", "genzoo", "hf")


def write_plugin(name: str, template: str, into: Path) -> Path:
    """Write the package `NAME-zoo` into the folder `into`, all of it or nothing; gives its folder.

    Raises UsageError for a name that a plugin cannot have, with the reason, and with a name that it can have where one
    is near; StorageError where the folder exists or cannot be written.
    """
    if template not in TEMPLATES:
        raise UsageError(f"no template is named {template!r:.100}; there are {', '.join(TEMPLATES)}")
    if reason := _fault(name):
        like = _like(name)
        instead = f"write {like!r}" if like else "choose another"
        raise UsageError(f"a plugin cannot be named {name!r:.60}: {reason}; {instead}")
    distribution = f"{name}{SUFFIX}"
    package = distribution.replace("-", "_")
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
        for root in (FOLDER / "common", FOLDER / template):
            for source in sorted(root.rglob("*.tmpl")):
                words = [word.replace("dot-", ".", 1) for word in source.relative_to(root).with_suffix("").parts]
                file = aside.joinpath(*(package if word == "_package_" else word for word in words))
                file.parent.mkdir(parents=True, exist_ok=True)
                text = string.Template(source.read_text(encoding="utf-8")).substitute(values)
                file.write_text(text, encoding="utf-8")
    return target


def _fault(name: str) -> str:
    """Why a plugin cannot have that name; nothing where it can."""
    if not NAME.fullmatch(name):
        return "a name begins with a letter, and is lower-case letters a to z and digits, words joined by '-'"
    if len(name) > MOST:
        return f"it has {len(name)} letters; {MOST} is the most"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return "it is a keyword of Python"
    if name in RESERVED:
        return "it is the zoo's own"
    if name.endswith(SUFFIX):
        return f"the package gets the ending {SUFFIX!r} by itself"
    return _taken(name, f"{name}{SUFFIX}", f"{name}{SUFFIX}".replace("-", "_"))


def _like(name: str) -> str:
    """A name like it that a plugin can have; nothing where there is none."""
    plain = unicodedata.normalize("NFKD", name).casefold().encode("ascii", "ignore").decode()
    like = re.sub(r"[^a-z0-9]+", "-", plain).lstrip("-0123456789").removesuffix(SUFFIX)[:MOST].strip("-")
    letters = sum(letter.isalnum() for letter in name)
    kept = sum(letter.isalnum() for letter in like)
    return like if 2 * kept > letters and not _fault(like) else ""


def _taken(name: str, distribution: str, package: str) -> str:
    """Which installed plugin, distribution or module has one of the names already."""
    if there := [one for one in installed() if one.namespace == name]:
        more = "" if there[0].ours else f": uninstall {there[0].distribution} first"
        return f"{there[0].owner} is installed and has that namespace{more}"
    try:
        return f"the distribution {distribution} {version(distribution)} is installed: uninstall it first"
    except PackageNotFoundError:
        pass
    return f"a module {package!r} is installed already" if importlib.util.find_spec(package) is not None else ""
