"""How a page shows the files. It imports no torch."""

from __future__ import annotations

import base64
import html
from pathlib import Path


def player(path: Path) -> str:
    """A sound that can be played."""
    content = base64.b64encode(path.read_bytes()).decode()
    return f'<audio controls src="data:audio/wav;base64,{content}"></audio>'


def lines(path: Path) -> str:
    """The text as it is."""
    return f"<pre>{html.escape(path.read_text(encoding='utf-8'))}</pre>"
