"""The door to data, for plugin authors. A name is imported when it is first used; `import zoo.data` loads no torch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.data.decoded import Decoded, cached, content_key, fingerprint
    from zoo.data.draws import Draw, Draws
    from zoo.data.loading import DataRequest, Examples, SplitInfo, Streamed, load_dataset, not_found
    from zoo.data.modality import (
        Augmentation,
        Classifier,
        Described,
        Fitted,
        Judge,
        Labelled,
        Modality,
        load_modality,
        modality_of,
    )
    from zoo.data.rows import Rows

__all__ = [
    "Augmentation",
    "Classifier",
    "DataRequest",
    "Decoded",
    "Described",
    "Draw",
    "Draws",
    "Examples",
    "Fitted",
    "Judge",
    "Labelled",
    "Modality",
    "Rows",
    "SplitInfo",
    "Streamed",
    "cached",
    "content_key",
    "fingerprint",
    "load_dataset",
    "load_modality",
    "modality_of",
    "not_found",
]

_NAMES = {  # module -> what it gives
    "decoded": ("Decoded", "cached", "content_key", "fingerprint"),
    "draws": ("Draw", "Draws"),
    "loading": ("DataRequest", "Examples", "SplitInfo", "Streamed", "load_dataset", "not_found"),
    "modality": (
        "Augmentation",
        "Classifier",
        "Described",
        "Fitted",
        "Judge",
        "Labelled",
        "Modality",
        "load_modality",
        "modality_of",
    ),
    "rows": ("Rows",),
}
_HOME = {name: f"zoo.data.{module}" for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zoo.data' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
