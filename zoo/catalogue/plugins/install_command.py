"""The command that installs a package beside the zoo, by how the zoo itself was installed. It is printed, never run."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from zoo.catalogue.plugins.installed import CORE
from zoo.errors import UsageError

__all__ = ["install_command"]

REQUIREMENT = re.compile(r"[A-Za-z0-9][\w.-]*(\[[\w., -]*\])?\s*([<>=!~]=?[\w.*+!,<>=~ ]+)?")
ADDRESS = re.compile(r"(git\+|hg\+)?(https?|ssh|file)://\S+")


def install_command(what: str, *, editable: bool = False, prefix: Path | None = None) -> str:
    """The shell command for a requirement, a path (`./acme-zoo`) or an address, with pipx, uv or pip.

    `prefix` is the environment's folder (default: this one's). Raises UsageError for what no installer would take.
    """
    path = what in (".", "..") or "/" in what or "\\" in what
    fits = path or REQUIREMENT.fullmatch(what) or ADDRESS.fullmatch(what)
    if not fits or what.startswith("-") or any(ord(letter) < 32 for letter in what):
        raise UsageError(f"{what!r:.100} is no package: give a name (acme-zoo), a path (./acme-zoo) or an address")
    words = _installer(Path(sys.prefix) if prefix is None else prefix, editable)
    return shlex.join([*words, what])


def _installer(prefix: Path, editable: bool) -> list[str]:
    """The words before the package."""
    option = ["--editable"] if editable else []
    parts = [part.lower() for part in prefix.parts]
    if "pipx" in parts and parts[-2:-1] == ["venvs"]:
        return ["pipx", "inject", *option, prefix.name]
    if parts[-3:-1] == ["uv", "tools"]:
        return ["uv", "tool", "install", prefix.name, "--with-editable" if editable else "--with"]
    if _by_uv(prefix):
        return ["uv", "pip", "install", "--python", sys.executable, *option]
    if importlib.util.find_spec("pip") is None:
        return ["python3", "-m", "pip", "--python", sys.executable, "install", *option]
    return [sys.executable, "-m", "pip", "install", *option]


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
