"""References: strings that name code or files of installed packages, followed only when they are needed."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo.catalogue.contract.process_state import foreign_code
from zoo.errors import NotFoundError, PluginError, ZooError

__all__ = ["CODE", "FILE", "blamed", "check_reference", "import_reference", "resource"]

CODE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


FILE = re.compile(r"[A-Za-z_]\w*:[\w.-]+(/[\w.-]+)*")
WHOLE: set[str] = set()  # modules that were imported here


def check_reference(text: object, pattern: re.Pattern[str], what: str) -> None:
    """Raise PluginError, naming `what`, unless the text is a reference of that form."""
    if not isinstance(text, str) or not pattern.fullmatch(text) or ".." in text:
        form = "package.module:attribute" if pattern is CODE else "package:path/inside"
        raise PluginError(f"{what} is {text!r}; it must look like {form!r}")


def import_reference(reference: str, owner: str, hint: str = "") -> Any:
    """The object that `package.module:attribute` names.

    Raises PluginError when the module cannot be imported or lacks the attribute; `owner` is named in the message, and
    `hint`, the spec's `install_hint`, where a package is not installed. What the import changes of the process is put
    back.
    """
    module, _, attribute = reference.partition(":")
    try:
        return getattr(_imported(module), attribute)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        cause = f"{type(error).__name__}: {error!s:.300}"
        lacking = isinstance(error, ModuleNotFoundError) and not f"{module}.".startswith(f"{error.name}.")
        remedy = hint if lacking and hint else "reinstall or update its package"
        raise PluginError(f"{owner}: cannot import {reference} ({cause}); {remedy}") from error


def _imported(module: str) -> Any:
    if module.startswith("zoo.") or module in WHOLE:
        return importlib.import_module(module)
    with foreign_code():
        found = importlib.import_module(module)
    WHOLE.add(module)
    return found


@contextmanager
def blamed(failed: str) -> Iterator[None]:
    """Around a call of a plugin's code: a PluginError that begins with `failed` for what it raises, if no ZooError."""
    try:
        yield
    except ZooError:
        raise
    except (Exception, SystemExit) as error:  # a plugin does not end the program
        cause = f"{type(error).__name__}: {error!s:.200}"
        raise PluginError(f"{failed} ({cause}); report it to its author") from error


def resource(reference: str, owner: str) -> Path:
    """The file or folder that `package:path/inside` names, without importing the package.

    A source checkout keeps what the wheel puts into the package beside it, so the folder above is searched as well.
    """
    package, _, inside = reference.partition(":")
    found = importlib.util.find_spec(package)
    roots = list(found.submodule_search_locations or ()) if found else []
    for root in map(Path, roots):
        for base in (root, root.parent):
            if (base / inside).exists():
                return base / inside
    raise NotFoundError(f"{owner}: the installed package {package!r} has no {inside!r}; reinstall it")
