"""A plot of two-dimensional codes, coloured by class. It needs matplotlib, which only this file imports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PIL import Image
from torch import Tensor

from zoo.errors import DataError, NotFoundError, UsageError

__all__ = ["scatter"]

INCHES, DOTS = 8.0, 150  # of a side; dots an inch
MOST_NAMED = 20  # classes that a legend can hold and colours can tell apart


def scatter(z: Tensor, labels: Tensor | None = None, classes: Sequence[str] = (), *, title: str = "") -> Image.Image:
    """Draw codes z (N, 2) as dots, those of each class in one colour and named in a legend; 1200 x 1200 pixels.

    `labels` (N,) count into `classes`; without them, or with more than 20 classes, all dots have one colour. Both axes
    have one scale. Raises UsageError for other shapes, DataError for codes that are not finite, NotFoundError where
    matplotlib is not installed.
    """
    if z.ndim != 2 or z.shape[1] != 2 or not len(z):
        raise UsageError(f"codes have shape {tuple(z.shape)}; a scatter plot needs (N, 2)")
    if labels is not None and (labels.shape != z.shape[:1] or not 0 <= int(labels.min()) <= int(labels.max())):
        raise UsageError(f"labels have shape {tuple(labels.shape)}; one from 0 on is needed for each of {len(z)} codes")
    if labels is not None and int(labels.max()) >= len(classes):
        raise UsageError(f"labels go up to {int(labels.max())}, and there are {len(classes)} classes")
    if not bool(z.isfinite().all()):
        raise DataError("the codes hold NaN or infinity")
    try:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise NotFoundError("a scatter plot needs matplotlib: pip install 'genzoo[latent]'") from error
    figure = Figure(figsize=(INCHES, INCHES), dpi=DOTS, layout="constrained")  # no pyplot: no window, no global state
    canvas: Any = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    size = 40.0 if len(z) < 500 else 6.0
    points = z.detach().cpu().double().numpy()
    if labels is None or len(classes) > MOST_NAMED:
        axes.scatter(points[:, 0], points[:, 1], s=size, linewidths=0)
    else:
        colours = matplotlib.colormaps["tab10" if len(classes) <= 10 else "tab20"]
        for index, name in enumerate(classes):
            chosen = points[(labels == index).cpu().numpy()]
            axes.scatter(chosen[:, 0], chosen[:, 1], s=size, linewidths=0, color=colours(index), label=name)
        axes.legend(markerscale=(60 / size) ** 0.5, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes.set(title=title, xlabel="z[0]", ylabel="z[1]", aspect="equal", adjustable="datalim")
    canvas.draw()
    return Image.frombytes("RGBA", canvas.get_width_height(), bytes(canvas.buffer_rgba())).convert("RGB")
