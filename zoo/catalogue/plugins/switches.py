"""Which plugins the user wants: environment variables first, then the plugins that `zoo plugins disable` wrote down.

A *selector* is a namespace, `acme`, or one owner of it, `acme@acme-zoo`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from zoo.catalogue.plugins.installed import Installed
from zoo.errors import ConfigError, StorageError
from zoo.files import new_file, storage_errors
from zoo.settings import config_file

__all__ = ["chosen", "matches", "read_disabled", "switched_off", "write_disabled"]


def matches(plugin: Installed, selectors: Iterable[str]) -> bool:
    """Whether one of the selectors means this plugin; names of distributions compare as pip compares them."""
    owner = f"{plugin.namespace}@{_normal(plugin.distribution)}"
    for selector in selectors:
        namespace, at, distribution = selector.partition("@")
        if (f"{namespace}@{_normal(distribution)}" if at else namespace) in (plugin.namespace, owner):
            return True
    return False


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def chosen(value: str) -> frozenset[str]:
    """The selectors of a variable: words joined by commas."""
    return frozenset(filter(None, (word.strip() for word in value.split(","))))


def switched_off(plugin: Installed, env: Mapping[str, str], disabled: frozenset[str]) -> str:
    """What keeps a plugin from being loaded, or "". `disabled` is what `read_disabled` gave."""
    if plugin.core:
        return ""
    if matches(plugin, chosen(env.get("ZOO_PLUGINS_DISABLE", ""))):
        return "ZOO_PLUGINS_DISABLE"
    if "ZOO_PLUGINS" in env:
        return "" if matches(plugin, chosen(env["ZOO_PLUGINS"])) else "ZOO_PLUGINS"
    if matches(plugin, disabled):
        return "zoo plugins disable"
    return "ZOO_DISABLE_PLUGIN_AUTOLOAD" if env.get("ZOO_DISABLE_PLUGIN_AUTOLOAD") and not plugin.ours else ""


def read_disabled(env: Mapping[str, str]) -> frozenset[str]:
    """The selectors of the user's file; none where there is no file.

    Raises ConfigError for a file that is not what `write_disabled` wrote, StorageError for a ZOO_CONFIG that cannot be
    read.
    """
    return frozenset(_read(env).get("plugins", {}).get("disable", ()))


def _read(env: Mapping[str, str]) -> dict[str, Any]:
    path = config_file(env)
    if path is None:
        return {}
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        if isinstance(error, PermissionError) and not env.get("ZOO_CONFIG"):
            return {}  # a home that is somebody else's
        raise StorageError(f"cannot read the configuration {path}: {error.strerror}; check ZOO_CONFIG") from error
    try:
        data = json.loads(raw) if raw.strip() else {}
        plugins = data.get("plugins", {})
        disable = plugins.get("disable", [])
        if not isinstance(disable, list) or not all(isinstance(name, str) for name in disable):
            raise ValueError("plugins.disable must be a list of names")
    except (ValueError, AttributeError, RecursionError) as error:
        raise ConfigError(
            f'the configuration {path} cannot be read ({error!s:.100}); write {{"plugins": {{"disable": []}}}} '
            f"into it, or remove it"
        ) from error
    return dict(data)


def write_disabled(env: Mapping[str, str], names: Iterable[str]) -> Path:
    """Write the selectors into the user's file, whose other keys stay; gives its path. Raises StorageError."""
    path = config_file(env)
    if path is None:
        raise StorageError("there is no home folder to keep the choice in; set ZOO_CONFIG to a file's path")
    data = _read(env)
    data["plugins"] = dict(data.get("plugins", {})) | {"disable": sorted(names)}
    with storage_errors(f"cannot write {path}"):
        path = path.resolve()  # a link stays a link
        path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as aside:
        aside.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    return path
