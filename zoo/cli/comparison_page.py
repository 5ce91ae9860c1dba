"""Models side by side on one page: their samples in it, and their figures. No script, nothing fetched."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.catalogue.contract.references import import_reference
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.runs.page import STYLE
from zoo.files import new_file

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.catalogue.weights.folder import Folder
    from zoo.nn.models import Model

__all__ = ["write_comparison"]

POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"


def write_comparison(
    out: Path, models: Sequence[tuple[Folder, Model, Tensor]], rows: Sequence[Mapping[str, str]]
) -> None:
    """Write a page with the samples (N, *data_shape) of each model, and a table of `rows`; complete or not at all.

    Raises StorageError, and what the modality raises.
    """
    grids = "\n".join(_grid(*one) for one in models)
    head = "".join(f"<th>{_text(key)}</th>" for key in rows[0]) if rows else ""
    body = "\n".join(f"<tr>{''.join(f'<td>{_text(value)}</td>' for value in row.values())}</tr>" for row in rows)
    title = _text(" and ".join(folder.name for folder, _, _ in models))
    text = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{title}</title>\n'
        f'<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<div class="grids">{grids}</div>\n'
        f"<h2>Figures</h2>\n<table>\n<tr>{head}</tr>\n{body}\n</table>\n</body>\n</html>\n"
    )
    with new_file(out) as aside:
        aside.write_text(text, encoding="utf-8", errors="backslashreplace")


def _grid(folder: Folder, model: Model, x: Tensor) -> str:
    """Samples as a page shows them."""
    from zoo.data.modality import modality_of

    spec = default_registry().modality(model.modality)
    show = import_reference(spec.html, f"modality {spec.name}", spec.install_hint)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / f"samples{spec.suffixes[0]}"
        modality_of(model).write(x, path, columns=round(len(x) ** 0.5), scale=3)
        return f"<figure>{show(path)}<figcaption>{_text(folder.name)}</figcaption></figure>"


def _text(value: object) -> str:
    return html.escape(str(value), quote=True)
