"""What the zoo's pages share: how they look, what draws on them and what steers them. A door; no torch.

    style.css     colours (light and dark), type, spacing, controls
    canvas.js     values to pixels on a canvas, marks, and where a click fell
    controls.js   elements, sliders, numbers, choices

The two scripts import nothing and share no name, so that a page may load them as modules or hold them inside itself.
"""

from __future__ import annotations

from importlib.resources import files

from zoo.errors import NotFoundError

__all__ = ["ASSETS", "asset"]

ASSETS = ("canvas.js", "controls.js", "style.css")


def asset(name: str) -> str:
    """The text of one of ASSETS, by its `name`. Raises NotFoundError for another."""
    if name not in ASSETS:
        raise NotFoundError(f"zoo.web has no {name!r:.60}; there are {', '.join(ASSETS)}")
    return (files("zoo.web") / name).read_text(encoding="utf-8")


def __dir__() -> list[str]:
    return sorted(__all__)
