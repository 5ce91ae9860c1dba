"""What is wrong with the installed plugins. Each is imported in a process of its own, which it cannot leave."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from typing import Any

from zoo.catalogue.plugins.child import changes_of, in_a_child
from zoo.catalogue.plugins.installed import Installed

__all__ = ["SLOW", "TIME_LIMIT", "Finding", "Problem", "examine", "missing_requirements"]

SLOW = 100.0  # milliseconds to import and ask one plugin
TIME_LIMIT = 20.0  # seconds until a plugin is taken to hang


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong with a plugin."""

    kind: str  # malformed, fails, ends, hangs, slow, prints, heavy, changes, warns, missing, clash
    text: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was seen of one plugin."""

    plugin: Installed
    milliseconds: float | None = None  # to import it and ask its hooks; None where it did not come to that
    names: tuple[tuple[str, str], ...] = ()  # (kind, full name) of its specs
    problems: tuple[Problem, ...] = ()


def examine(found: Iterable[Installed], *, time_limit: float = TIME_LIMIT) -> list[Finding]:
    """Import each plugin in a fresh process of at most `time_limit` seconds, and say what is wrong with it."""
    return _clashes([_examine(plugin, time_limit) for plugin in found])


def _examine(plugin: Installed, time_limit: float) -> Finding:
    leave = f"silence it with `zoo plugins disable {plugin.namespace}`, or uninstall {plugin.distribution}"
    tell = f"report it to the authors of {plugin.distribution}"
    if plugin.problem:
        return Finding(plugin=plugin, problems=(Problem(kind="malformed", text=plugin.problem, remedy=leave),))
    answer, output, how = in_a_child(plugin, time_limit)
    if not how and answer.get("milliseconds", 0) > SLOW:  # the first import compiles: the second is what a user sees
        again, _, how = in_a_child(plugin, time_limit)
        answer["milliseconds"] = min(answer["milliseconds"], again.get("milliseconds", answer["milliseconds"]))
    spent = answer.get("milliseconds")
    problems = []

    def add(kind: str, text: object, remedy: str) -> None:
        if text:
            problems.append(Problem(kind=kind, text=str(text), remedy=remedy))

    add("hangs" if how == "hangs" else "ends", _ending(answer, how, time_limit), leave)
    add("fails", answer.get("error"), f"update {plugin.distribution}, or {leave}")
    if missing := missing_requirements(plugin.distribution):
        add("missing", f"it requires {', '.join(missing)}", f"install {' '.join(missing)}")
    if heavy := answer.get("heavy"):
        add("heavy", f"its spec module imports {', '.join(heavy)}, which every `zoo list` then waits for", tell)
    if spent is not None and spent > SLOW and not answer.get("heavy"):
        add("slow", f"its specs take {spent:.0f} ms; {SLOW:.0f} ms is the limit", tell)
    if output and not how:
        add("prints", f"it prints when it is imported: {output!r:.100}", tell)
    changes, how = _changes(plugin, answer, time_limit)
    if changes:
        add("changes", f"it changes {', '.join(changes)} when it is imported, which is put back", tell)
    add("hangs" if how == "hangs" else "ends", _ending({}, how, time_limit).replace("it is", "its code is"), leave)
    for warning in answer.get("warnings", ()):
        add("warns", warning, tell)
    names = tuple((kind, name) for kind, name in answer.get("names", ()))
    return Finding(plugin=plugin, milliseconds=spent, names=names, problems=tuple(problems))


def _changes(plugin: Installed, answer: Mapping[str, Any], time_limit: float) -> tuple[Sequence[str], str]:
    """What it changes of the process, and how that ended in which its code was imported, if it has any."""
    heavy, code = answer.get("heavy"), answer.get("code") and not plugin.ours
    return changes_of(plugin, time_limit) if heavy or code else (answer.get("changes", ()), "")


def _ending(answer: Mapping[str, Any], how: str, time_limit: float) -> str:
    if how == "hangs" and answer:
        return f"it leaves something running that keeps the program from ending; given up after {time_limit:g} s"
    return {"": "", "hangs": f"it hangs when it is imported; given up after {time_limit:g} s"}.get(
        how, f"it ends the program when it is imported ({how})"
    )


def missing_requirements(name: str) -> list[str]:
    """What a distribution requires and this environment lacks, extras left out: `["foo>=2 (1.0 is installed)"]`."""
    from packaging.requirements import InvalidRequirement, Requirement

    missing = []
    try:
        wanted = _required(distribution(name))
    except (PackageNotFoundError, ValueError):
        return []
    for text in wanted:
        try:
            need = Requirement(text)
            if need.marker is not None and not need.marker.evaluate({"extra": ""}):
                continue
            there = version(need.name)
            if not need.specifier.contains(there, prereleases=True):
                missing.append(f"{need.name}{need.specifier} ({there} is installed)")
        except PackageNotFoundError:
            missing.append(f"{need.name}{need.specifier}")
        except (InvalidRequirement, TypeError):  # TypeError: an installed package without a version
            continue
    return missing


def _required(dist: Distribution) -> list[str]:
    try:
        return dist.requires or []
    except Exception:  # noqa: BLE001 - importlib.metadata raises as it comes across damage
        return []


def _clashes(findings: list[Finding]) -> list[Finding]:
    """The findings, each with the names that another plugin claims too."""
    owners: dict[tuple[str, str], list[Installed]] = {}
    for finding in findings:
        for name in finding.names:
            owners.setdefault(name, []).append(finding.plugin)
    seen = []
    for finding in findings:
        plugin = finding.plugin
        shared = [name for name in finding.names if len(owners[name]) > 1]
        others = sorted({other.owner for name in shared for other in owners[name] if other != plugin})
        if others:
            names = ", ".join(f"{kind} {name}" for kind, name in shared[:5])
            text = f"{names} {'is' if len(shared) == 1 else 'are'} claimed by {' and '.join(others)} too"
            remedy = f"leave it out with `zoo plugins disable {plugin.namespace}@{plugin.distribution}`, or the other"
            problem = Problem(kind="clash", text=text, remedy=re.sub(r"\s+", " ", remedy))
            finding = replace(finding, problems=(*finding.problems, problem))
        seen.append(finding)
    return seen
