"""The card of a weights folder: README.md with the front matter the Hub understands, from what the folder holds."""

from __future__ import annotations

import codecs
import json
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from zoo.catalogue.contract.specs import ModalitySpec
from zoo.catalogue.weights.card_sections import SAMPLES, displayed, metrics_of, sections
from zoo.catalogue.weights.folder import CARD, CONFIG, EVALUATION, Folder, parse_config
from zoo.configs import strict_json
from zoo.errors import WeightsError
from zoo.files import new_file, storage_errors

__all__ = ["card_of", "check_card", "write_card"]

YAML_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}
ANEW = "write it anew with `zoo export` or `zoo eval --write`"
MOST_FRONT_MATTER = 2**16  # bytes: beyond, reading YAML takes its time


def _toml(value: Any) -> str:
    # Strings, numbers, booleans and lists of them are the same in TOML, but for DEL, and escapes of two surrogates.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _recipe(recipe: dict[str, Any], config: dict[str, Any]) -> str:
    lines = [f"{key} = {_toml(value)}" for key, value in recipe.items() if not isinstance(value, dict) and value != ""]
    tables = {"config": config, "settings": recipe["settings"], "doctor": recipe.get("doctor", {})}
    for section, values in tables.items():
        if not values and section == "doctor":
            continue
        lines += ["", f"[{section}]", *(f"{key} = {_toml(value)}" for key, value in values.items())]
    return "\n".join(lines)


def _yaml(text: str) -> str:
    """A text as YAML: plain where it can be, else as JSON, which YAML contains."""
    return text if re.fullmatch(r"[a-z][a-z0-9]*([.-][a-z0-9]+)*", text) and text not in YAML_WORDS else _toml(text)


def dataset_of(data: dict[str, Any]) -> str:
    """The name of the dataset without selection and path: `cifar10` of `cifar10[frog]`."""
    return str(re.split(r"[\[:]", data["data"]["name"])[0])


def _front_matter(name: str, data: dict[str, Any], evaluation: dict[str, Any], modality: ModalitySpec) -> list[str]:
    recipe, metrics = data["training"]["recipe"], metrics_of(evaluation)
    lines = [
        "---",
        "library_name: genzoo",
        *([f"pipeline_tag: {_yaml(modality.task)}"] if modality.task else []),
        f"license: {_yaml((recipe['licence'] or 'other').lower())}",
        f"datasets: [{_yaml(dataset_of(data))}]",
        f"tags: [genzoo, {data['architecture']}, {recipe['trainer']}]",
    ]
    if metrics:
        lines += [
            "model-index:",
            f"- name: {_toml(name)}",
            "  results:",
            f"  - task: {{type: {_yaml(modality.task or 'other')}}}",
        ]
        kind = _yaml(modality.name)
        lines += [f"    dataset: {{name: {_toml(data['data']['name'])}, type: {kind}}}", "    metrics:"]
        lines += [
            f"    - {{type: {key}, {_seen(key, evaluation)}value: {value:.5g}}}" for key, value in metrics.items()
        ]
    return [*lines, "---", ""]


def _seen(key: str, evaluation: dict[str, Any]) -> str:
    """Which feature network a metric is of, as the Hub shows it."""
    if key not in SAMPLES:
        return ""
    text = f"{key} on {evaluation['network']} features"
    return f"name: {_toml(text)}, "


def write_card(folder: Path, modality: ModalitySpec) -> None:
    """Write README.md of a weights folder from its config.json, and evaluation.json where there is one.

    `modality` is that of the model's data.

    Raises WeightsError when either is malformed, StorageError when one cannot be read or the card cannot be written.
    """
    path = folder / EVALUATION
    with storage_errors(f"cannot read {folder}"):
        raw = (folder / CONFIG).read_bytes()
        figures = path.read_bytes() if path.is_file() else b"{}"
        files = os.listdir(folder)
    text = card_of(folder, parse_config(raw, str(folder / CONFIG)), figures, files, modality)
    with new_file(folder / CARD) as aside:
        aside.write_text(text, encoding="utf-8")


def card_of(folder: Path, data: dict[str, Any], figures: bytes, files: Collection[str], modality: ModalitySpec) -> str:
    """The card of a folder with this config.json, this evaluation.json (`{}` for none) and these files, for data of
    that modality.

    Raises WeightsError where they do not say enough.
    """
    try:
        text = "\n".join(_lines(data, strict_json(figures), files, modality))
        text.encode("utf-8")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        cause = f"{type(error).__name__}: {error!s:.80}"
        raise WeightsError(
            f"{folder}: {CONFIG} or {EVALUATION} lacks what a card says ({cause}); export it anew"
        ) from error
    return text


def _lines(
    data: dict[str, Any], evaluation: dict[str, Any], files: Collection[str], modality: ModalitySpec
) -> list[str]:
    recipe, source = data["training"]["recipe"], data["data"]
    name = data["training"].get("model", recipe["name"])
    suffix = modality.suffixes[0]
    title = name.removeprefix("./")  # a folder, of a model that no catalogue has
    form = "in [0, 1]" if "range" in source else "int64"
    classes = source.get("classes", [])
    one = json.dumps(classes[0]) if classes else ""
    seen = f"samples, {one}" if classes else "samples"
    return [
        *_front_matter(title, data, evaluation, modality),
        f"# {title}",
        "",
        recipe["summary"],
        "",
        displayed("samples", f"samples{suffix}"),
        "",
        f"64 samples of seed 0, not selected{'; a row a class' if classes else ''}.",
        "",
        "## Use",
        "",
        "```python",
        "import zoo",
        "",
        f'model = zoo.load("{name}")' + ("  # this folder; from the Hub: hf://ORG/REPO" if name != title else ""),
        f"samples = model.sample(16, seed=0)  # (16, {', '.join(map(str, source['shape']))}) {form}",
        *([f"samples = model.sample(16, seed=0, labels={one})  # of {len(classes)} classes"] if classes else []),
        *([f"codes = model.encode({seen}).mean"] if "reconstruction" in evaluation else []),
        "```",
        "",
        *sections(name, source["name"], evaluation, files, suffix),
        "## Data",
        "",
        f"{source['count']:,} examples of `{source['name']}`, split `{source['split']}`, as they are stored "
        f"sha256 `{source['sha256']}`. Licence of the data: {source['licence']}.",
        *(["", f"Classes: {', '.join(f'`{name}`' for name in classes)}."] if classes else []),
        "",
        "## Training",
        "",
        f"{data['training']['examples']:,} examples seen (torch {data['training']['torch']}, threads: "
        f"{data['training']['threads']}). The recipe, with every default written out:",
        "",
        "```toml",
        _recipe(recipe, data["config"]),
        "```",
        "",
    ]


# --- reading it back -----------------------------------------------------------------------------------------------


def check_card(folder: Folder) -> str:
    """Compare the card with config.json and evaluation.json: "consistent", or "none" where there is no card.

    Raises WeightsError naming what they disagree about.
    """
    if not folder.has(CARD):
        return "none"
    where, data = str(folder.path / CARD), folder.config()
    text = read_card(bytes(folder.read(CARD)), where)
    front = _read_front_matter(text, where)
    for problem in _problems(front, text, data, folder.evaluation()):
        raise WeightsError(f"{where}: {problem}; {ANEW}")
    return "consistent"


def read_card(raw: bytes, where: str) -> str:
    """The text of a card, whatever the editor made of it: with a byte order mark, and with CRLF or CR at line ends.

    Raises WeightsError for another encoding.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        cause = "it is UTF-16" if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else f"{error!s:.80}"
        raise WeightsError(f"{where} is no UTF-8 ({cause}); save it as UTF-8 in your editor") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read_front_matter(text: str, where: str) -> dict[str, Any]:
    import yaml

    match = re.match(r"\s*---[ \t]*\n(.*?)\n---[ \t]*(\n|$)", text, re.DOTALL)
    if match is None or len(match[1]) > MOST_FRONT_MATTER:
        raise WeightsError(f"{where} does not begin with front matter between two lines of ---; {ANEW}")
    try:
        front = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise WeightsError(f"{where}: its front matter is no YAML ({_place(error)}); mend it, or {ANEW}") from error
    if not isinstance(front, dict):
        raise WeightsError(f"{where}: its front matter is no table of keys and values; {ANEW}")
    return front


def _place(error: Exception) -> str:
    """What is wrong with YAML, and in which line of the card: the front matter begins in its second."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return type(error).__name__
    return f"line {mark.line + 2}: {getattr(error, 'problem', '') or type(error).__name__}"


def _problems(front: dict[str, Any], text: str, data: dict[str, Any], report: dict[str, Any]) -> list[str]:
    """What the card says otherwise than config.json and evaluation.json do."""
    tags, found = front.get("tags"), []
    recipe = data["training"].get("recipe")
    licence = recipe.get("licence") if isinstance(recipe, dict) else None
    if front.get("library_name") != "genzoo" or not isinstance(tags, list) or "genzoo" not in tags:
        found.append("library_name and tags do not say genzoo")
    elif data["architecture"] not in tags:
        found.append(f"its tags lack the architecture of {CONFIG}, {data['architecture']}")
    if isinstance(licence, str) and front.get("license") != (licence or "other").lower():
        found.append(f"license is {front.get('license')!r:.40}, {CONFIG} says {licence!r:.40}")
    for key in ("name", "sha256"):
        value = data["data"].get(key)
        if isinstance(value, str) and value not in text:
            found.append(f"it does not name the data of {CONFIG} ({value:.80})")
    metrics = _metrics(front)
    for key, figure in metrics_of(report).items():
        if type(figure) in (int, float) and metrics.get(key) != _rounded(figure):
            found.append(f"{key} is {metrics.get(key)!r:.40}, {EVALUATION} says {_rounded(figure)}")
    return found


def _rounded(value: float) -> float:
    """As `_front_matter` writes it; a whole number beyond all floats is infinity."""
    try:
        return float(f"{value:.5g}")
    except OverflowError:
        return float("inf")


def _metrics(front: dict[str, Any]) -> dict[str, float]:
    """The figures of `model-index`; none where it is malformed."""
    try:
        rows = [m for one in front["model-index"] for result in one["results"] for m in result["metrics"]]
        return {str(row["type"]): float(row["value"]) for row in rows}
    except (KeyError, TypeError, ValueError, OverflowError):
        return {}
