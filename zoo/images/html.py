"""A picture as a page shows it: in the page itself, made small. No torch."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from zoo.catalogue.runs.folder import read_bounded
from zoo.errors import DataError

__all__ = ["html"]

MOST_BYTES = 2**24  # of a file
SIDE = 560  # pixels that it is made to fit into


def html(path: Path) -> str:
    """`<img>` with the picture in it, at most 560 pixels a side. Raises DataError for no PNG, StorageError."""
    from PIL import Image

    content = read_bounded(path, MOST_BYTES)
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
            picture.draft("RGB", (SIDE, SIDE))
            small = picture.convert("L" if picture.mode == "L" else "RGB")
            small.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
        file = io.BytesIO()
        small.save(file, "PNG", optimize=True)
    except Exception as error:  # on hostile bytes Pillow raises nearly anything
        raise DataError(f"{path} is no picture ({type(error).__name__})") from error
    return f'<img src="data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}" alt="samples">'
