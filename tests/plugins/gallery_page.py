"""What the tests of the gallery in a browser share: going to views, waiting, and reading pictures off the page.

Set GALLERY_PICTURES to a folder, and pictures of the views are written there.
"""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zoo.images import to_pil

CHROMIUM = Path("/usr/bin/chromium")
PICTURES = os.environ.get("GALLERY_PICTURES", "")
WAIT = 60_000  # milliseconds


def go(page: Any, link: str) -> None:
    """Open a view and wait until it shows something."""
    page.goto(f"{page.url.partition('#')[0]}#/{link}")
    page.wait_for_selector(".shown, .drop, .preview > :not(span)")


def settled(page: Any) -> None:
    """Wait until what was asked is there."""
    page.wait_for_function(
        "() => [...document.querySelectorAll('.status')].every((one) => one.innerText.startsWith('Done'))"
    )


def pixels(page: Any, place: str) -> np.ndarray[Any, Any]:
    """The picture at a place of the page, as it was sent."""
    source = page.locator(f"{place} img").first.get_attribute("src")
    with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as picture:
        return np.asarray(picture)


def of(x: Any) -> np.ndarray[Any, Any]:
    """The first of a model's pictures."""
    return np.asarray(to_pil(x)[0])


def keep(page: Any, name: str) -> None:
    """Write a picture of the page for the documents, where they are asked for."""
    if PICTURES:
        page.wait_for_timeout(300)
        page.screenshot(path=f"{PICTURES}/gallery-{name}.jpg", type="jpeg", quality=85)
