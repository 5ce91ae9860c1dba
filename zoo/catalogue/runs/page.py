"""A run on one page: `report.html` in its folder, with curves, grids and recipe. No script, nothing fetched."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.catalogue.contract.references import import_reference
from zoo.catalogue.contract.specs import ModalitySpec
from zoo.catalogue.runs.curves import grouped, panel
from zoo.catalogue.runs.folder import PAGE, Recorded, metrics_of, samples
from zoo.files import new_file
from zoo.version import __version__

__all__ = ["write_page"]

SHOWN = 6  # files of samples on the page
MOST_PANELS = 40
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 1180px;
  margin: 2em auto; padding: 0 1em }
h1 { margin-bottom: 0 } h2 { margin: 1.6em 0 .5em; border-bottom: 1px solid #ccc }
p.lead { margin-top: .2em; color: #444 }
.panels, .grids { display: grid; gap: 18px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)) }
.panels { grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)) }
figure { margin: 0 } figcaption { color: #444; font-size: 13px } img { width: 100%; max-width: 560px; height: auto }
svg text { font-size: 11px; fill: #333 } svg .title { font-size: 13px; font-weight: 600 }
svg .note { font-weight: 400; fill: #777; font-size: 11px }
svg .end { text-anchor: end } svg .middle { text-anchor: middle }
svg .grid { stroke: #e4e4e4 } svg .frame { fill: none; stroke: #999 } svg .band { opacity: .18 }
svg .curve { fill: none; stroke-width: 1.6; stroke-linejoin: round } svg .key { stroke-width: 3 }
table { border-collapse: collapse } td, th { padding: 2px 14px 2px 0; vertical-align: top; text-align: left }
th { font-weight: 600 } td { overflow-wrap: anywhere } code, pre { font: 13px/1.4 ui-monospace, monospace }
pre { background: #f5f5f5; padding: .8em; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere }
"""


def write_page(
    run: Path, recorded: Recorded, told: Mapping[str, Any], units: Mapping[str, str], modality: ModalitySpec | None
) -> Path:
    """Write `report.html` into the run's folder, complete or not at all; gives its path.

    `recorded` is what `read_run` gave, `told` what `details` did, `units` are the trainer's (metric -> unit), and
    `modality` shows the samples (None: nobody can).

    Raises DataError for files that no run writes, StorageError.
    """
    text = _page(run, recorded, told, units, modality)
    with new_file(run / PAGE) as aside:
        aside.write_text(text, encoding="utf-8", errors="backslashreplace")
    return run / PAGE


def _page(
    run: Path, recorded: Recorded, told: Mapping[str, Any], units: Mapping[str, str], modality: ModalitySpec | None
) -> str:
    name = _text(told["name"])
    sections = [
        f'<h1>{name}</h1>\n<p class="lead">{_text(recorded.recipe.summary)} {_text(_progress(told))}</p>',
        _section("What the doctor said", [_list(told["findings"])]) if told["findings"] else "",
        _section("Learning curves", _panels(metrics_of(run), units), "panels"),
        _section("Samples", _samples(samples(run), modality), "grids"),
        _section("Data", [_table(recorded.facts["data"])]),
        _section("Versions", [_table({"zoo": __version__, **_rest(recorded.facts)})]),
        _section("Recipe", [_recipe(recorded.changed), f"<pre>{_text(_toml(told['recipe']))}</pre>"]),
    ]
    policy = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{name}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(filter(None, sections))
        + "\n</body>\n</html>\n"
    )


def _text(value: Any) -> str:
    return html.escape(str(value), quote=True)


def _section(title: str, parts: Iterable[str], kind: str = "") -> str:
    body = "\n".join(filter(None, parts))
    return f'<h2>{_text(title)}</h2>\n<div class="{kind}">{body}</div>' if body else ""


def _progress(told: Mapping[str, Any]) -> str:
    saved = f", {told['problem']}" if told["problem"] else ""
    return f"{told['examples']:,} of {told['wanted']:,} examples seen; {told['state']}{saved}."


def _panels(rows: Sequence[Mapping[str, float]], units: Mapping[str, str]) -> list[str]:
    groups = list(grouped(rows, units).items())
    drawn = [f"<figure>{panel(title, curves)}</figure>" for title, curves in groups[:MOST_PANELS]]
    left_out = len(groups) - len(drawn)
    return [*drawn, f"<p>{left_out} more are in metrics.jsonl.</p>"] if left_out else drawn


def _samples(paths: Sequence[Path], modality: ModalitySpec | None) -> list[str]:
    """Some files of samples, evenly from the first to the last."""
    count = min(SHOWN, len(paths))
    chosen = [paths[round(index * (len(paths) - 1) / max(1, count - 1))] for index in range(count)]
    return [_sample(path, modality) for path in dict.fromkeys(chosen)]


def _sample(path: Path, modality: ModalitySpec | None) -> str:
    caption = f"{int(path.stem):,} examples seen"
    if modality is None:
        return f"<p>{_text(path.name)} cannot be shown: the plugin that knows its kind of data is not here</p>"
    try:
        show = import_reference(modality.html, f"modality {modality.name}", modality.install_hint)
        shown = str(show(path))
    except Exception as error:  # noqa: BLE001  a file may hold anything, and a modality may be a plugin's
        return f"<p>{_text(path.name)} cannot be shown ({_text(type(error).__name__)})</p>"
    return f"<figure>{shown}<figcaption>{caption}</figcaption></figure>"


def _recipe(changed: Sequence[str] | None) -> str:
    if changed is None:
        return ""
    return (
        f"<p>It differs from the catalogue's:</p>{_list(changed)}" if changed else "<p>As it is in the catalogue.</p>"
    )


def _list(lines: Iterable[str]) -> str:
    items = "".join(f"<li>{_text(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def _toml(recipe: Mapping[str, Any]) -> str:
    lines = [f"{key} = {json.dumps(value)}" for key, value in recipe.items() if not isinstance(value, dict)]
    for section, values in recipe.items():
        if isinstance(values, dict) and values:
            lines += ["", f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    return "\n".join(lines)


def _rest(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if key != "data"}


def _table(values: Mapping[str, Any]) -> str:
    rows = "".join(f"<tr><th>{_text(key)}</th><td>{_text(value)}</td></tr>" for key, value in values.items())
    return f"<table>{rows}</table>"
