"""What `zoo info` prints: the facts of a model, or of another entry of the catalogue, laid out for a terminal."""

from __future__ import annotations

import json
import shlex
import shutil
import textwrap
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from zoo.cli.output import plain

__all__ = ["show_facts"]

Facts = Mapping[str, Any]
Rows = Iterable[tuple[str, Any]]  # label, and a text or a list of texts, each on lines of its own
LABEL, NARROW, WIDE = 15, 60, 100  # columns
UNITS = ((2**30, "GB"), (2**20, "MB"), (2**10, "kB"))


def show_facts(facts: Facts) -> None:
    """Print what `zoo.info` gave: what it is, what it has, where it lies, what it may be used for, what to do next."""
    width = min(max(shutil.get_terminal_size((80, 24)).columns, NARROW), WIDE)
    print(plain(f"{facts['name']}: {_kind(facts)}"))
    if facts.get("summary"):
        print(textwrap.fill(plain(facts["summary"]), width))
    before = "\n"
    for label, value in KINDS.get(facts["kind"], _other)(facts):
        for text in value if isinstance(value, list) else [value]:
            if text not in (None, "", (), [], {}):
                print(before + _row(label, text, width))
                label = before = ""
    steps = _next(facts)
    if steps:
        print("\nnext:")
        print("\n".join(f"  {plain(step)}" for step in steps))  # never wrapped: they are there to be copied


def _row(label: str, text: Any, width: int) -> str:
    """A label and its text, wrapped beside it."""
    first = f"{label + ':' if label else '':<{LABEL}}"
    lines = textwrap.wrap(
        plain(str(text)),
        width,
        initial_indent=first,
        subsequent_indent=" " * (LABEL + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines)


def _kind(facts: Facts) -> str:
    kind = "feature network" if facts["kind"] == "feature" else facts["kind"]
    article = "an" if kind[0] in "aeiou" else "a"
    owner = f", of {facts['owner']}" if "owner" in facts else ""
    return f"{article} {kind}{owner}"


# --- a model -------------------------------------------------------------------------------------------------------


def _model(facts: Facts) -> Rows:
    shape, latent = facts.get("data_shape"), facts.get("latent_shape")
    yield "architecture", facts["architecture"]
    yield "gives", f"examples of shape {_shape(shape)}" if shape else ""
    yield "latent", f"shape {_shape(latent)}" if latent else ""
    yield "classes", _some(facts.get("classes", []))
    yield "parts", ", ".join(f"{part} {count:,}" for part, count in facts.get("parts", {}).items())
    yield "parameters", f"{facts['parameters']:,}" if "parameters" in facts else ""
    yield "concepts", ", ".join(facts.get("concepts", []))
    prior = facts.get("prior")
    yield "prior", _prior(prior["components"], facts.get("default_prior")) if prior else ""
    helps = facts.get("truncation")
    yield "truncation", f"helps from {helps[0]:g} to {helps[1]:g} (--truncation {helps[0]:g})" if helps else ""
    own = facts.get("sampling") or {}
    options = ", ".join(f"{key} = {value}" for key, value in own.items())
    yield "sampling", f"{options} unless asked otherwise" if own else ""
    yield "size", f"{_size(facts['bytes'])} in {len(facts['files'])} files" if "bytes" in facts else ""
    yield "where", _where(facts)
    yield "notes", list(facts.get("notes", []))
    yield "revisions", [f"{one['kind']} {one['name']}: {one['commit']}" for one in facts.get("revisions", [])]
    yield "card", _card(facts)
    yield "licence", f"the weights: {facts['licence'] or 'none stated'}"
    yield "", f"the data they were trained on, {facts['dataset']}: {facts['data_licence'] or 'not known'}"
    yield "trained", _trained(facts)
    yield "figures", [_figure(row) for row in facts.get("figures", [])]
    network = facts.get("evaluation", {}).get("network")
    yield "", f"distances, precision and recall are on {network} features" if network else ""


def _prior(components: int, default: str | None) -> str:
    if default == "mixture":
        return f"a mixture of {components} Gaussians by default; --prior names the usual one"
    return f"a mixture of {components} Gaussians beside the usual one (--prior mixture)"


def _where(facts: Facts) -> str:
    source, path = facts.get("source"), facts.get("path")
    if source == "bundled":
        return f"bundled, in {path}"
    if source == "cache":
        return f"{facts['origin']}, pulled into {path}"
    if source == "hub":
        unpinned = "" if facts.get("pinned", True) else ", of which nobody has pinned a commit yet"
        return f"on the Hub, would be pulled from {facts['origin']}{unpinned}"
    return f"in {path}" if path else "nowhere yet: it has a recipe and no published weights"


def _card(facts: Facts) -> str:
    if "config" not in facts:
        return ""
    if not facts.get("card"):
        return "none"
    if facts.get("path"):
        return f"{facts['path'].rstrip('/')}/README.md"
    return str(facts["page"])


def _trained(facts: Facts) -> str:
    told = facts.get("training", {})
    recipe, data = told.get("recipe"), facts.get("data", {})
    if not isinstance(recipe, dict) and "examples" not in facts:
        return ""
    if not isinstance(recipe, dict):
        return f"not yet; its recipe takes {facts['examples']:,} examples of {facts['dataset']}"
    seen, count = told.get("examples"), data.get("count")
    if not isinstance(seen, int) or not isinstance(count, int) or not count:
        return f"by {recipe.get('trainer')} on {facts['dataset']}"
    rounds = f"{seen:,} examples seen, each of the {count:,} about {seen / count:.3g} times"
    way = f"by {recipe.get('trainer')} on {facts['dataset']}, split {data.get('split')}"
    return (
        f"{way}: {rounds}; batches of {recipe.get('batch_size')}, seed {recipe.get('seed')}, torch {told.get('torch')}"
    )


def _figure(row: Facts) -> str:
    floor = f"held-out examples have {_number(row['floor'])}" if "floor" in row else ""
    if "of_as_many" in row:
        floor += f", as many samples {_number(row['of_as_many'])}"
    more = floor and f"; {floor}"
    more += f"; not recorded: {', '.join(row['not_recorded'])}" if "not_recorded" in row else ""
    return f"{row['what']}: {_number(row['value'])} ({row['better']} is better{more})"


def _number(value: float) -> str:
    return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.4f}"


# --- what else the catalogue holds ---------------------------------------------------------------------------------


def _architecture(facts: Facts) -> Rows:
    yield "family", facts["family"]
    yield "data", facts["modality"]
    yield "parts", ", ".join(facts["parts"])
    yield "presets", ", ".join(facts["presets"])
    yield "trainers", ", ".join(facts["trainers"])
    yield "datasets", ", ".join(facts["datasets"])
    yield "models", ", ".join(facts["models"])
    yield "config", _options(facts["options"])
    yield "needs", facts["install_hint"]


def _dataset(facts: Facts) -> Rows:
    shape = facts["data_shape"]
    yield "data", facts["modality"]
    yield "shape", _shape(shape) if shape else "as the data are"
    yield "splits", ", ".join(f"{split} {count:,}" for split, count in facts["splits"].items())
    yield "classes", _some(facts["classes"])
    yield "licence", facts["licence"]
    yield (
        "where",
        "not in the package: in a folder of ZOO_DATA, or fetched where it can be" if facts["external"] else "",
    )
    yield "homepage", facts["homepage"]
    yield "models", ", ".join(facts["models"])
    yield "needs", facts["install_hint"]


def _trainer(facts: Facts) -> Rows:
    yield "family", facts["family"]
    yield "trains", ", ".join(facts["architectures"])
    yield "reports", ", ".join(f"{metric} ({unit})" for metric, unit in facts["units"].items())
    yield "settings", _options(facts["options"])
    yield "needs", facts["install_hint"]


def _recipe(facts: Facts) -> Rows:
    yield "architecture", facts["architecture"]
    yield "dataset", f"{facts['dataset']}, split {facts['split']}"
    yield "trainer", facts["trainer"]
    yield "length", f"{facts['examples']:,} examples in batches of {facts['batch_size']}, seed {facts['seed']}"
    yield "licence", facts["licence"]
    for table in ("config", "settings", "doctor"):
        yield table, [f"{key} = {json.dumps(value)}" for key, value in facts[table].items()]


def _feature(facts: Facts) -> Rows:
    yield "looks at", facts["modality"]
    yield "family", facts["family"]
    yield "licence", facts["licence"]
    yield "installed", "yes" if facts["installed"] else f"no; {facts['install_hint']}"
    yield "used", "by default in `zoo eval`" if "default" in facts["tags"] else "with --features"
    yield "sha256", facts["sha256"]


def _other(facts: Facts) -> Rows:
    """All that is known and is no name of code: families, modalities, formats, commands."""
    hidden = {"name", "kind", "owner", "summary", facts["kind"], "run", "arguments", "html", "memory_format"}
    hidden |= {"recognise", "translate"}
    for key, value in facts.items():
        if key not in hidden:
            text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
            yield key.replace("_", " ").replace("install hint", "needs"), text


KINDS: dict[str, Callable[[Facts], Rows]] = {
    "model": _model,
    "architecture": _architecture,
    "dataset": _dataset,
    "trainer": _trainer,
    "recipe": _recipe,
    "feature": _feature,
}


# --- what to do next -----------------------------------------------------------------------------------------------


def _next(facts: Facts) -> list[str]:
    name = shlex.quote(facts["name"])
    if facts["kind"] == "model":
        return _next_of_model(facts, name)
    if facts["kind"] == "architecture" and facts["starter"]:
        return [f"zoo train {name} --data {data}" for data in facts["datasets"][:1]]
    if facts["kind"] == "dataset" and facts["architectures"]:
        reference = shlex.quote(f"{facts['name']}:PATH") if facts["takes_path"] else name
        return [f"zoo train {facts['architectures'][0]} --data {reference}"]
    return {
        "recipe": [f"zoo train {name}"],
        "trainer": [f"zoo info {one}" for one in facts.get("architectures", [])[:1]],
        "family": [f"zoo info {one}" for one in facts.get("architectures", [])[:1]],
        "modality": [f"zoo info {one}" for one in facts.get("datasets", [])[:1]],
        "feature": [f"zoo eval MODEL --features {name}"],
        "command": [f"zoo {name} --help"],
    }.get(facts["kind"], [])


def _next_of_model(facts: Facts, name: str) -> list[str]:
    if facts.get("source") == "recipe":
        short = name.rpartition("/")[2]
        return [f"zoo train {name}", f"zoo export runs/{short} -o ./{short}"]
    suffix = facts.get("suffix", "")
    steps = [f"zoo pull {name}"] if facts.get("source") == "hub" else []
    steps.append(f"zoo sample {name} -n 16 --seed 0 -o samples{suffix}")
    if facts.get("concepts"):
        steps.append(f"zoo edit PHOTO --model {name} --concept {facts['concepts'][0]} -o edited{suffix}")
    return [*steps, f"python: zoo.load({json.dumps(facts['name'], ensure_ascii=False)})"]


# --- words ---------------------------------------------------------------------------------------------------------


def _shape(shape: Iterable[int]) -> str:
    return " x ".join(map(str, shape))


def _some(names: list[str]) -> str:
    """Names of classes, and how many where there are many."""
    more = f", ... ({len(names)} in all)" if len(names) > 12 else ""
    return ", ".join(map(str, names[:12])) + more


def _size(count: int) -> str:
    unit, word = next(((unit, word) for unit, word in UNITS if count >= unit), (1, "bytes"))
    return f"{count / unit:.3g} {word}"


def _options(rows: list[Facts]) -> list[str]:
    return [
        f"{row['name']}: {row['allowed']}"
        if isinstance(row["default"], dict)
        else f"{row['name']} = {json.dumps(row['default'])}: {row['allowed']}"
        for row in rows
    ]
