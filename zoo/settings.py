"""The environment variables the core reads. `ZOO_PLUGINS*` are read by `zoo.catalogue.plugins`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path

from zoo.errors import UsageError

__all__ = ["OFFLINE", "cache_folder", "config_file", "data_folders", "expand", "offline", "pins_file"]

OFFLINE = ContextVar("OFFLINE", default=False)  # what ZOO_OFFLINE says, of one command: --offline


def expand(path: Path) -> Path:
    """The path with `~` written out. Raises UsageError where the home folder is not known."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise UsageError(f"{path}: the home folder is not known; write the path in full") from error


def data_folders(env: Mapping[str, str]) -> tuple[Path, ...]:
    """ZOO_DATA: folders searched for data sets first, joined by the path separator."""
    return tuple(expand(Path(root)) for root in env.get("ZOO_DATA", "").split(os.pathsep) if root)


def cache_folder(env: Mapping[str, str]) -> Path | None:
    """ZOO_CACHE: where decoded data and feature statistics are kept; else `genzoo` in the user's cache folder.

    None where there is no home.
    """
    if env.get("ZOO_CACHE"):
        return expand(Path(env["ZOO_CACHE"]))
    if env.get("XDG_CACHE_HOME"):
        return Path(env["XDG_CACHE_HOME"]) / "genzoo"
    try:
        return Path.home() / ".cache" / "genzoo"
    except RuntimeError:  # an account without a home
        return None


def config_file(env: Mapping[str, str]) -> Path | None:
    """ZOO_CONFIG: the file with the user's own choices; else `genzoo/config.json` in the user's configuration folder.

    None where `env` names no home.
    """
    if env.get("ZOO_CONFIG"):
        return expand(Path(env["ZOO_CONFIG"]))
    home = env.get("HOME") or env.get("USERPROFILE")
    folder = env.get("XDG_CONFIG_HOME") or (home and os.path.join(home, ".config"))
    return Path(folder) / "genzoo" / "config.json" if folder else None


def pins_file(env: Mapping[str, str]) -> Path | None:
    """ZOO_PINS: the file in which `zoo pin` keeps what nobody else has pinned; else `pins.toml` beside `config_file`.

    None where `env` names no home.
    """
    if env.get("ZOO_PINS"):
        return expand(Path(env["ZOO_PINS"]))
    beside = config_file(env)
    return None if beside is None else beside.with_name("pins.toml")


def offline(env: Mapping[str, str]) -> bool:
    """ZOO_OFFLINE, or OFFLINE: nothing is fetched; empty, 0, false, no and off mean online."""
    return OFFLINE.get() or env.get("ZOO_OFFLINE", "").strip().lower() not in ("", "0", "false", "no", "off")
