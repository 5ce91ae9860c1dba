"""The card of a weights folder: README.md with the front matter the Hub understands, from what the folder holds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from zoo.configs import strict_json
from zoo.errors import WeightsError
from zoo.files import new_file, storage_errors
from zoo.weights import CARD, CONFIG, EVALUATION, Folder, parse_config

__all__ = ["card_of", "check_card", "write_card"]

YAML_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}
MOST_FRONT_MATTER = 2**16  # bytes: beyond, reading YAML takes its time
METRICS = ("frechet_efficientnet_lite0", "kernel_efficientnet_lite0", "precision", "recall")


def _toml(value: Any) -> str:
    # Strings, numbers, booleans and lists of them are the same in TOML, but for DEL, and escapes of two surrogates.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _recipe(recipe: dict[str, Any], config: dict[str, Any]) -> str:
    lines = [f"{key} = {_toml(value)}" for key, value in recipe.items() if key != "settings" and value != ""]
    for section, values in (("config", config), ("settings", recipe["settings"])):
        lines += ["", f"[{section}]", *(f"{key} = {_toml(value)}" for key, value in values.items())]
    return "\n".join(lines)


def _yaml(text: str) -> str:
    """A text as YAML: plain where it can be, else as JSON, which YAML contains."""
    return text if re.fullmatch(r"[a-z][a-z0-9]*([.-][a-z0-9]+)*", text) and text not in YAML_WORDS else _toml(text)


def dataset_of(data: dict[str, Any]) -> str:
    """The name of the dataset without selection and path: `cifar10` of `cifar10[frog]`."""
    return str(re.split(r"[\[:]", data["data"]["name"])[0])


def _front_matter(name: str, data: dict[str, Any], report: dict[str, Any] | None) -> list[str]:
    recipe = data["training"]["recipe"]
    lines = [
        "---",
        "library_name: genzoo",
        "pipeline_tag: unconditional-image-generation",
        f"license: {_yaml((recipe['licence'] or 'other').lower())}",
        f"datasets: [{_yaml(dataset_of(data))}]",
        f"tags: [genzoo, {data['architecture']}, {recipe['trainer']}]",
    ]
    if report is not None:
        lines += [
            "model-index:",
            f"- name: {_toml(name)}",
            "  results:",
            "  - task: {type: unconditional-image-generation}",
        ]
        lines += [f"    dataset: {{name: {_toml(data['data']['name'])}, type: image}}", "    metrics:"]
        for key in METRICS:
            lines.append(f"    - {{type: {key}, value: {report[key]:.5g}}}")
    return [*lines, "---", ""]


def _figures(name: str, report: dict[str, Any]) -> list[str]:
    lines = [
        "## Figures",
        "",
        f"On {report['network']} features, each set against the {report['train_images']:,} training images. They "
        "compare with one another and not with published FID figures; a Fréchet distance is biased upward by a "
        "small count, so the floor stands beside as many samples.",
        "",
        "| | images | Fréchet distance | kernel distance ± standard error |",
        "| --- | --- | --- | --- |",
        f"| samples | {report['samples']:,} | {report['frechet_efficientnet_lite0']:.2f} | {_kernel(report)} |",
    ]
    floor = report["floor"]
    if floor is not None:
        count = f"{floor['test_images']:,}"
        lines += [
            f"| as many samples as test images | {count} | {floor['frechet_of_samples']:.2f} | |",
            f"| test images (the floor) | {count} | {floor['frechet_efficientnet_lite0']:.2f} | {_kernel(floor)} |",
        ]
    how = f"Computed by `zoo eval {name} --samples {report['samples']}` (samples of seed 0, torch {report['torch']})."
    more = f"Precision {report['precision']:.3f}, recall {report['recall']:.3f} (Kynkäänniemi et al. 2019, k = 3)."
    return [*lines, "", more, "", how, ""]


def _kernel(row: dict[str, Any]) -> str:
    return f"{row['kernel_efficientnet_lite0']:.5f} ± {row['kernel_standard_error']:.5f}"


def _neighbours(report: dict[str, Any]) -> list[str]:
    mine, real = report["sample_distances"], report["test_distances"]
    lines = [
        "## Nearest training images",
        "",
        "![nearest training images](neighbours.png)",
        "",
        f"Each pair: one of the first {len(report['neighbours'])} samples, and to its right the training image nearest "
        "to it in feature space. Median distance of all samples to their nearest: "
        f"{mine['feature_median']:.2f} in features, {mine['pixel_median']:.3f} in pixels (root mean square, of 1).",
    ]
    if real is not None:
        lines.append(
            f"Test images, which are no copies: {real['feature_median']:.2f} and {real['pixel_median']:.3f}, "
            f"the nearest 5 % below {real['feature_5_percent']:.2f} and {real['pixel_5_percent']:.3f}. "
            "A copy would lie far below that."
        )
    return [*lines, ""]


def write_card(folder: Path) -> None:
    """Write README.md of a weights folder from its config.json, and evaluation.json where there is one.

    Raises WeightsError when either is malformed, StorageError when one cannot be read or the card cannot be written.
    """
    path = folder / EVALUATION
    with storage_errors(f"cannot read {folder}"):
        raw = (folder / CONFIG).read_bytes()
        figures = path.read_bytes() if path.is_file() else b"null"
    text = card_of(folder, parse_config(raw, str(folder / CONFIG)), figures)
    with new_file(folder / CARD) as aside:
        aside.write_text(text, encoding="utf-8")


def card_of(folder: Path, data: dict[str, Any], figures: bytes) -> str:
    """The card of a folder with this config.json and this evaluation.json, `null` for none. Raises WeightsError."""
    try:
        text = "\n".join(_lines(data, strict_json(figures)))
        text.encode("utf-8")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        cause = f"{type(error).__name__}: {error!s:.80}"
        raise WeightsError(
            f"{folder}: {CONFIG} or {EVALUATION} lacks what a card says ({cause}); export it anew"
        ) from error
    return text


def _lines(data: dict[str, Any], report: dict[str, Any] | None) -> list[str]:
    recipe, source = data["training"]["recipe"], data["data"]
    name = recipe["name"]
    return [
        *_front_matter(name, data, report),
        f"# {name}",
        "",
        recipe["summary"],
        "",
        "![samples](samples.png)",
        "",
        "64 samples of seed 0, not selected.",
        "",
        "## Use",
        "",
        "```python",
        "import zoo",
        "",
        f'model = zoo.load("{name}")',
        f"images = model.sample(16, seed=0)  # (16, {', '.join(map(str, source['shape']))}) in [0, 1]",
        "```",
        "",
        *(_figures(name, report) + _neighbours(report) if report is not None else []),
        "## Data",
        "",
        f"{source['count']:,} images of `{source['name']}`, split `{source['split']}`, decoded bytes "
        f"sha256 `{source['sha256']}`. Licence of the data: {source['licence']}.",
        "",
        "## Training",
        "",
        f"{data['training']['images']:,} images seen (torch {data['training']['torch']}, threads: "
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
    text = _decoded(bytes(folder.read(CARD)), where)
    front = _read_front_matter(text, where)
    for problem in _problems(front, text, data, folder.evaluation()):
        raise WeightsError(f"{where}: {problem}; write it anew with `zoo export` or `zoo eval --write`")
    return "consistent"


def _decoded(raw: bytes, where: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise WeightsError(f"{where} is no UTF-8: {error!s:.80}") from error


def _read_front_matter(text: str, where: str) -> dict[str, Any]:
    import yaml

    match = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    if match is None or len(match[1]) > MOST_FRONT_MATTER:
        raise WeightsError(f"{where} does not begin with front matter between two lines of ---")
    try:
        front = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise WeightsError(f"{where}: its front matter is no YAML ({type(error).__name__})") from error
    if not isinstance(front, dict):
        raise WeightsError(f"{where}: its front matter is no table of keys and values")
    return front


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
    for key in METRICS:
        figure: Any = report.get(key)
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
