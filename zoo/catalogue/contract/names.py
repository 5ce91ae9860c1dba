"""What a name may look like: of the catalogue, of the Hub, of a commit."""

from __future__ import annotations

import re

from zoo.errors import PluginError, UsageError

__all__ = [
    "COMMIT",
    "INSIDE",
    "REPO",
    "SHA256",
    "check_name",
    "check_strings",
    "hub_name_at",
    "hub_name_of",
    "is_suffix",
    "split_hub_name",
]

NAME = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")


SHA256 = re.compile(r"[0-9a-f]{64}")


HUB_NAME = re.compile(r"hf://(?P<repo>\w[\w.-]*/\w[\w.-]*?)(@(?P<revision>\w[\w.-]*(/\w[\w.-]*)*))?", re.ASCII)


# What people paste in its place: a page's address, a prefix too many or one without its slashes.
HUB_PAGE = re.compile(
    r"(?:hf:/{0,3}|https?://|www\.|(?:huggingface\.co|hf\.co)/|models/)*"
    r"(?P<repo>\w[\w.-]*/\w[\w.-]*?)(?:@(?P<revision>\w[\w./-]*)|/(?:tree|blob|resolve)/(?P<branch>\w[\w.-]*)(/.*)?|/.*)?",
    re.ASCII,
)


ELSEWHERE = re.compile(r"https?://(?!(www\.)?(huggingface\.co|hf\.co)/)")


REPO = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


COMMIT = re.compile(r"[0-9a-f]{40}")


INSIDE = re.compile(r"(?!.*\.\.)[\w-][\w.-]*(/[\w-][\w.-]*){0,4}", re.ASCII)  # a file's name that leads nowhere else


def check_name(name: object, what: str) -> str:
    """Return `name` if it is lower-case words joined by `-`, `.` or `_`, else raise PluginError."""
    if not isinstance(name, str) or len(name) > 96 or not NAME.fullmatch(name):
        raise PluginError(f"{what} {name!r}: a name is lower-case letters and digits joined by '-', '.' or '_'")
    return name


def is_suffix(text: object) -> bool:
    """Whether it is the ending of a file's name, lower-case, its dot with it: ".wav"."""
    return isinstance(text, str) and text.startswith(".") and text[1:].isalnum() and text == text.lower()


def split_hub_name(name: str) -> tuple[str, str | None]:
    """The repository and revision of hf://org/repo[@revision]. Raises UsageError."""
    if (match := _hub_name(name)) is None:
        meant = hub_name_of(name)
        raise UsageError(f"{name!r:.120} is malformed; write {meant or 'hf://org/repo or hf://org/repo@revision'}")
    return match["repo"], match["revision"]


def _hub_name(name: str) -> re.Match[str] | None:
    match = HUB_NAME.fullmatch(name)
    if not match or ".." in name or "--" in match["repo"] or match["repo"].endswith(".git") or len(name) > 200:
        return None
    return match


def hub_name_of(text: str) -> str | None:
    """The name hf://org/repo[@revision] that an address such as https://huggingface.co/org/repo/tree/main means.

    None where it means none, or a page of the Hub that is no model's.
    """
    plain = text.strip().removesuffix("/").removesuffix(".git")
    match = HUB_PAGE.fullmatch(plain)
    if match is None or ELSEWHERE.search(plain) or match["repo"].partition("/")[0] in ("datasets", "spaces", "docs"):
        return None
    revision = match["revision"] or match["branch"]
    name = f"hf://{match['repo']}{f'@{revision}' if revision not in (None, 'main') else ''}"
    return name if _hub_name(name) else None


def hub_name_at(name: str, revision: str | None) -> tuple[str, str | None]:
    """The repository of hf://org/repo[@revision], and its revision or the one beside. Raises UsageError for two."""
    repo, said = split_hub_name(name)
    if revision is None or revision == said:
        return repo, said
    if said is not None:
        raise UsageError(f"{name} names the revision {said!r}, beside it stands {revision!r:.60}; name one")
    return split_hub_name(f"hf://{repo}@{revision}")


def check_strings(owner: object, **values: object) -> None:
    """Raise PluginError, naming `owner` and the key, unless each of the `values` is a string."""
    for key, value in values.items():
        if not isinstance(value, str):
            raise PluginError(f"{owner}: {key} must be a string, not {value!r}")
