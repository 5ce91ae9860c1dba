"""The card of a weights folder: README.md with the front matter the Hub understands, from what the folder holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from zoo.errors import WeightsError
from zoo.files import new_file, storage_errors
from zoo.weights import CONFIG, parse_config

__all__ = ["write_card"]

METRICS = ("frechet_efficientnet_lite0", "kernel_efficientnet_lite0", "precision", "recall")


def _toml(value: Any) -> str:
    # Strings, numbers, booleans and lists of them are the same in TOML, but for DEL, and escapes of two surrogates.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _recipe(recipe: dict[str, Any], config: dict[str, Any]) -> str:
    lines = [f"{key} = {_toml(value)}" for key, value in recipe.items() if key != "settings" and value != ""]
    for section, values in (("config", config), ("settings", recipe["settings"])):
        lines += ["", f"[{section}]", *(f"{key} = {_toml(value)}" for key, value in values.items())]
    return "\n".join(lines)


def _front_matter(name: str, data: dict[str, Any], report: dict[str, Any] | None) -> list[str]:
    recipe = data["training"]["recipe"]
    lines = [
        "---",
        "library_name: genzoo",
        "pipeline_tag: unconditional-image-generation",
        f"license: {_toml((recipe['licence'] or 'other').lower())}",  # a JSON text is a YAML text too
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
    path = folder / "evaluation.json"
    with storage_errors(f"cannot read {folder}"):
        raw = (folder / CONFIG).read_bytes()
        figures = path.read_bytes() if path.is_file() else b"null"
    data = parse_config(raw, str(folder / CONFIG))
    try:
        text = "\n".join(_lines(data, json.loads(figures)))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        cause = f"{type(error).__name__}: {error!s:.80}"
        raise WeightsError(
            f"{folder}: {CONFIG} or {path.name} lacks what a card says ({cause}); export it anew"
        ) from error
    with new_file(folder / "README.md") as aside:
        aside.write_text(text, encoding="utf-8")


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
