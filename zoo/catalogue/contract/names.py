"""What a name may look like: of the catalogue, of the Hub, of a commit."""

from __future__ import annotations

import re

from zoo.errors import PluginError, UsageError

__all__ = ["COMMIT", "REPO", "SHA256", "check_name", "split_hub_name"]

NAME = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")


SHA256 = re.compile(r"[0-9a-f]{64}")


HUB_NAME = re.compile(r"hf://(?P<repo>\w[\w.-]*/\w[\w.-]*?)(@(?P<revision>\w[\w.-]*(/\w[\w.-]*)*))?", re.ASCII)


REPO = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


COMMIT = re.compile(r"[0-9a-f]{40}")


def check_name(name: object, what: str) -> str:
    """Return `name` if it is lower-case words joined by `-`, `.` or `_`, else raise PluginError."""
    if not isinstance(name, str) or len(name) > 96 or not NAME.fullmatch(name):
        raise PluginError(f"{what} {name!r}: a name is lower-case letters and digits joined by '-', '.' or '_'")
    return name


def split_hub_name(name: str) -> tuple[str, str | None]:
    """The repository and revision of hf://org/repo[@revision]. Raises UsageError."""
    match = HUB_NAME.fullmatch(name)
    if not match or ".." in name or "--" in match["repo"] or match["repo"].endswith(".git") or len(name) > 200:
        raise UsageError(f"{name!r:.120} is malformed; write hf://org/repo or hf://org/repo@revision")
    return match["repo"], match["revision"]
