"""How a page shows a text. No torch."""

from __future__ import annotations

import html as markup
from pathlib import Path

__all__ = ["html"]


def html(path: Path) -> str:
    """The file as it stands."""
    return f"<pre>{markup.escape(path.read_text(encoding='utf-8'))}</pre>"
