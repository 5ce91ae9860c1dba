"""What a tool of uv was installed with, read from the receipt in its environment: `uv tool install` begins anew."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["RECEIPT", "tool_words"]

RECEIPT = "uv-receipt.toml"


def tool_words(prefix: Path, without: str) -> list[str]:
    """`uv tool install NAME` with all that is there besides, so that nothing of it goes; but for the package `without`,
    which is to be named anew.

    Constraints of what is installed are kept as requirements: their file cannot be named any more.
    """
    entries = _entries(prefix)
    main = next((one for one in entries if _normal(one["name"]) == _normal(prefix.name)), {"name": prefix.name})
    words = ["uv", "tool", "install", *_word(main, editable="--editable", plain=None)]
    for one in entries:
        if _normal(one["name"]) not in (_normal(main["name"]), _normal(without)):
            words += _word(one, editable="--with-editable", plain="--with")
    return words


def _entries(prefix: Path) -> list[Mapping[str, Any]]:
    try:
        tool = tomllib.loads((prefix / RECEIPT).read_text(encoding="utf-8"))["tool"]
        return [*tool["requirements"], *(one for one in tool.get("constraints", ()) if _is_here(one["name"]))]
    except (OSError, ValueError, KeyError, TypeError):  # damaged, or of another uv
        return []


def _is_here(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _word(entry: Mapping[str, Any], *, editable: str, plain: str | None) -> list[str]:
    """One requirement of a receipt as `uv` takes it, behind its option."""
    before = [plain] if plain else []
    if "editable" in entry:
        return [editable, entry["editable"]]
    extras = f"[{','.join(entry['extras'])}]" if entry.get("extras") else ""
    marker = f" ; {entry['marker']}" if entry.get("marker") else ""
    place = entry.get("directory") or entry.get("path")
    if place and not extras and not marker:
        return [*before, place]
    address = Path(place).as_uri() if place else _git(entry["git"]) if "git" in entry else entry.get("url")
    return [*before, f"{entry['name']}{extras}{f' @ {address}' if address else entry.get('specifier', '')}{marker}"]


def _git(text: str) -> str:
    """`https://host/repo?rev=v1&subdirectory=a`, as a receipt has it, as a requirement has it."""
    parts = urlsplit(text)
    asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
    revision = next((f"@{asked[key]}" for key in ("rev", "tag", "branch") if key in asked), "")
    below = f"#subdirectory={asked['subdirectory']}" if "subdirectory" in asked else ""
    return f"git+{parts._replace(query='', fragment='').geturl()}{revision}{below}"
