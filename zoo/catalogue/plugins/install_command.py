"""The command that installs a package beside the zoo, by how the zoo itself was installed. It is printed, never run."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
import sysconfig
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from zoo.catalogue.plugins.installed import CORE
from zoo.catalogue.plugins.uv_receipt import RECEIPT, tool_words
from zoo.errors import UsageError

__all__ = ["install_command"]

PIPX = "pipx_metadata.json"  # in the folder of an environment that pipx made
REQUIREMENT = re.compile(r"[A-Za-z0-9][\w.-]*(\[[\w., -]*\])?\s*([<>=!~]=?[\w.*+!,<>=~ ]+)?")
ADDRESS = re.compile(r"(git\+|hg\+)?(https?|ssh|file)://\S+")


def install_command(what: str, *, editable: bool = False, prefix: Path | None = None) -> str:
    """The shell command for a requirement, a path (`./acme-zoo`) or an address, with pipx, uv or pip.

    It keeps what is installed: a tool of uv, which begins anew, is named with all it was installed with. `prefix` is
    the environment's folder (default: this one's). Raises UsageError for what no installer would take.
    """
    path = what in (".", "..") or "/" in what or "\\" in what
    fits = path or REQUIREMENT.fullmatch(what) or ADDRESS.fullmatch(what)
    if not fits or what.startswith("-") or any(ord(letter) < 32 for letter in what):
        raise UsageError(f"{what!r:.100} is no package: give a name (acme-zoo), a path (./acme-zoo) or an address")
    prefix = Path(sys.prefix) if prefix is None else prefix
    if (prefix / RECEIPT).is_file():
        name = "" if path or ADDRESS.fullmatch(what) else re.split(r"[^\w.-]", what, maxsplit=1)[0]
        words = [*tool_words(prefix, name), "--with-editable" if editable else "--with"]
    else:
        words = _installer(prefix, editable)
    return shlex.join([*words, what])


def _installer(prefix: Path, editable: bool) -> list[str]:
    """The words before the package, where the installer adds to what is there."""
    option = ["--editable"] if editable else []
    if (prefix / PIPX).is_file():
        return ["pipx", "inject", *option, prefix.name]
    if _managed(prefix):  # pip and uv refuse otherwise; the zoo itself came there so
        option = ["--break-system-packages", *option]
    if _by_uv(prefix):
        return ["uv", "pip", "install", "--python", sys.executable, *option]
    if importlib.util.find_spec("pip") is None:
        return ["python3", "-m", "pip", "--python", sys.executable, "install", *option]
    return [sys.executable, "-m", "pip", "install", *option]


def _managed(prefix: Path) -> bool:
    """Whether a distribution of the system looks after this Python (PEP 668) and it is no virtual environment."""
    mark = Path(sysconfig.get_path("stdlib", vars={"installed_base": str(prefix)})) / "EXTERNALLY-MANAGED"
    return not (prefix / "pyvenv.cfg").exists() and mark.is_file()


def _by_uv(prefix: Path) -> bool:
    """Whether uv made the environment, or installed the zoo into it."""
    try:
        if re.search(r"^uv\s*=", (prefix / "pyvenv.cfg").read_text(encoding="utf-8"), re.MULTILINE):
            return True
    except (OSError, UnicodeDecodeError):
        pass
    return _installer_of(CORE) == "uv"


def _installer_of(name: str) -> str:
    try:
        dist: Distribution = distribution(name)
        return (dist.read_text("INSTALLER") or "").strip()
    except (PackageNotFoundError, OSError, UnicodeDecodeError):
        return ""
