"""What a notebook shows of models and of what they give: HTML, by the kind of data's own way onto a page."""

from __future__ import annotations

import html as markup
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from torch import Tensor

from zoo.catalogue.contract.references import blamed, import_reference
from zoo.catalogue.contract.specs import ModalitySpec
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.folder import Folder
from zoo.errors import ZooError

__all__ = ["Shown", "file_html", "page_of", "table_html"]


@final
class Shown:
    """Examples of one kind of data, to be looked at: a notebook shows them, `print` says what they are."""

    def __init__(
        self, x: Tensor, *, modality: str, about: Mapping[str, Any] | None = None, columns: int | None = None
    ) -> None:
        """`x` are examples (N, *data_shape), as a model gives them, of the kind `modality`; `about` is what travels
        with the weights, a sample rate say, and `columns` how many stand in a row.
        """
        self.x, self.modality, self.about, self.columns = x, modality, about, columns

    def _of_kind(self) -> tuple[ModalitySpec, Any]:
        spec = default_registry().modality(self.modality)
        make = import_reference(spec.modality, f"modality {spec.name}", spec.install_hint)
        return spec, make(self.about or {})

    def __repr__(self) -> str:
        """The texts themselves; of other kinds of data how many there are, and of which shape."""
        _, modality = self._of_kind()
        texts: list[str] | None = modality.texts(self.x)
        return "\n".join(texts) if texts else f"{len(self.x)} of {self.modality} {tuple(self.x.shape[1:])}"

    def _repr_html_(self) -> str:
        spec, modality = self._of_kind()
        with tempfile.TemporaryDirectory(prefix="zoo-") as place:
            path = Path(place) / f"samples{spec.suffixes[0]}"
            modality.write(self.x, path, columns=self.columns)
            return file_html(path, spec)


def file_html(path: Path, spec: ModalitySpec) -> str:
    """A file of examples of that kind as HTML. Raises PluginError, and what reading the file raises."""
    html = import_reference(spec.html, f"modality {spec.name}", spec.install_hint)
    with blamed(f"modality {spec.name}: showing {path.name} failed"):
        shown: str = html(path)
    return shown


def page_of(said: str, modality: str, folder: Folder | None) -> str:
    """Two lines that are `said` of a model as HTML, with the samples of its folder where there are some that can be
    read: a notebook shows a model whatever lies beside its weights.
    """
    first, _, rest = said.partition("\n")
    lines = f"<b>{markup.escape(first)}</b><br>{markup.escape(rest)}"
    try:
        spec = default_registry().modality(modality)
        found = [] if folder is None else [f"samples{suffix}" for suffix in spec.suffixes]
        samples = next((folder.path / file for file in found if folder and folder.has(file)), None)
        return lines if samples is None else f"{lines}<br>{file_html(samples, spec)}"
    except (ZooError, OSError):
        return lines


def table_html(title: str, rows: Mapping[str, object]) -> str:
    """Keys and values as a table; figures have four digits, and what is empty is left out."""
    shown = {key: f"{value:,.4g}" if isinstance(value, float) else str(value) for key, value in rows.items()}
    cells = "".join(
        f"<tr><td>{markup.escape(key)}</td><td>{markup.escape(text)}</td></tr>" for key, text in shown.items() if text
    )
    return f"<b>{markup.escape(title)}</b><table>{cells}</table>"
