"""Which plugins are installed, read from one distribution's metadata after another. Nothing of theirs is imported.

`importlib.metadata.entry_points()` reads all distributions in one go, so one malformed file ends it for everybody.
Here a line that cannot be read is a plugin with a `problem`, and every other line stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions

__all__ = ["CORE", "GROUP", "Installed", "identity", "installed"]

GROUP = "zoo"  # of entry points
CORE = "genzoo"  # the distribution whose names carry no prefix
VALUE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*(:[^\W\d]\w*(\.[^\W\d]\w*)*)?")
FACT = re.compile(r"^(Name|Version):[ \t]*(.*\S)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Installed:
    """One entry point of the group `zoo`. `problem` says why it cannot even be tried."""

    namespace: str  # the entry point's name; where its line cannot be read, the distribution's
    value: str  # package.module or package.module:attribute
    distribution: str  # "unknown" where the metadata is damaged
    version: str
    problem: str = ""

    @property
    def owner(self) -> str:
        """How messages name it: `acme (acme-zoo 1.2)`."""
        return f"{self.namespace} ({self.distribution} {self.version})"

    @property
    def ours(self) -> bool:
        """Whether the distribution that ships the core brings it."""
        return self.distribution.lower() == CORE

    @property
    def core(self) -> bool:
        """Whether it is a part of the core itself, which can neither be left out nor switched off."""
        return self.ours and self.value.startswith("zoo.")

    @classmethod
    def of(cls, point: EntryPoint) -> Installed:
        """The same from an entry point that `importlib.metadata` has read."""
        name, version = identity(point.dist) if point.dist else ("unknown", "?")
        return cls(namespace=point.name, value=point.value, distribution=name, version=version)


def identity(dist: Distribution) -> tuple[str, str]:
    """The name and version of a distribution; ("unknown", "?") where its metadata is missing or damaged."""
    try:
        text = dist.read_text("METADATA") or dist.read_text("PKG-INFO") or ""
    except (OSError, UnicodeDecodeError):
        text = ""
    facts = dict(FACT.findall(text.replace("\r\n", "\n").partition("\n\n")[0]))
    return facts.get("Name", "unknown"), facts.get("Version", "?")


def installed(found: Iterable[Distribution] | None = None) -> list[Installed]:
    """Every entry point of the group on the path, sorted by namespace; of a distribution found twice the first."""
    plugins: list[Installed] = []
    seen: set[str] = set()
    for dist in distributions() if found is None else found:
        text = _entry_points(dist)
        if f"[{GROUP}]" not in text:
            continue
        name, version = identity(dist)
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in seen and name != "unknown":
            continue
        seen.add(key)
        plugins += _points(text, name, version)
    return sorted(plugins, key=lambda plugin: (plugin.namespace, plugin.value, plugin.distribution))


def _entry_points(dist: Distribution) -> str:
    try:
        return dist.read_text("entry_points.txt") or ""
    except UnicodeDecodeError as error:
        return error.object.decode("utf-8", "replace")
    except OSError:
        return ""


def _points(text: str, name: str, version: str) -> Iterator[Installed]:
    """The lines of the group, whatever the rest of the file is."""
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line.strip("[]")
        elif section == GROUP and line and not line.startswith("#"):
            namespace, _, value = (half.strip() for half in line.partition("="))
            value = value.partition("[")[0].replace(" ", "")  # `module [extra]` is an old form of `module`
            if namespace and VALUE.fullmatch(value):
                yield Installed(namespace=namespace, value=value, distribution=name, version=version)
            else:
                problem = f"its entry_points.txt has a line that cannot be read, {line!r:.80}; reinstall {name}"
                yield Installed(namespace=name, value="", distribution=name, version=version, problem=problem)
