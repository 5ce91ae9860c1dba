"""Learning curves as SVG, drawn by hand: one panel for each unit, no script, no font, nothing fetched."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Series", "grouped", "panel", "short", "thin"]

WIDTH, HEIGHT = 560, 260  # of a panel, in its own units
LEFT, RIGHT, BOTTOM = 58, 14, 40
LINE = 16  # height of a line of the legend
LETTER = 6.4  # width of a letter at 11 units, about
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#56b4e9")  # told apart by the colour-blind too
BUCKETS = 240  # points of a curve
TICKS = 6
EXTREME = 4.0  # a range so many times that of the middle 96 % is cut to it


@dataclass(frozen=True)
class Series:
    """One curve: x ascending."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class _Point:
    x: float
    mean: float
    low: float
    high: float


def grouped(rows: Sequence[Mapping[str, float]], units: Mapping[str, str]) -> dict[str, list[Series]]:
    """Reports as curves over `examples`: title of a panel -> its curves. A metric without a unit has its own panel."""
    names = list(dict.fromkeys(name for row in rows for name in row if name not in ("examples", "steps")))
    panels: dict[str, list[Series]] = {}
    for name in sorted(names, key=lambda name: name == "examples_per_second"):  # the speed comes last
        points = [(float(row["examples"]), float(row[name])) for row in rows if name in row]
        series = Series(name, tuple(x for x, _ in points), tuple(y for _, y in points))
        panels.setdefault(units.get(name, name.replace("_", " ")), []).append(series)
    return panels


def thin(series: Series, most: int = BUCKETS) -> list[_Point]:
    """At most so many points, evenly over x: the mean of each stretch, and its lowest and highest value."""
    if len(series.x) <= most:
        return [_Point(x, y, y, y) for x, y in zip(series.x, series.y, strict=True)]
    first, span = series.x[0], (series.x[-1] - series.x[0]) or 1.0
    buckets: dict[int, list[int]] = {}
    for index, x in enumerate(series.x):
        buckets.setdefault(min(most - 1, int((x - first) / span * most)), []).append(index)
    points = []
    for held in buckets.values():
        values = [series.y[index] for index in held]
        middle = sum(series.x[index] for index in held) / len(held)
        points.append(_Point(middle, math.fsum(values) / len(values), min(values), max(values)))
    return points


def short(value: float) -> str:
    """A number for an axis: `250`, `50k`, `1.5M`, `0.02`."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * (10 if letter == "k" else 1):
            return f"{value / size:.4g}{letter}"
    return f"{value:.5g}" if value else "0"


def _ticks(low: float, high: float, count: int = TICKS) -> list[float]:
    """Round numbers within a range: multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / count
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _inner(values: Sequence[float]) -> tuple[float, float]:
    """The range of a curve, without a few extreme values that would press the rest flat."""
    ordered = sorted(values)
    low, high = ordered[0], ordered[-1]
    inner = ordered[len(ordered) // 50], ordered[-1 - len(ordered) // 50]
    if len(ordered) >= 20 and inner[1] > inner[0] and high - low > EXTREME * (inner[1] - inner[0]):
        return inner
    return low, high


def _range(curves: Sequence[Sequence[float]]) -> tuple[float, float]:
    """What the y axis shows of these curves."""
    ranges = [_inner(values) for values in curves]
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    pad = 0.05 * (high - low) or 0.05 * abs(high) or 0.5
    return low - pad, high + pad


def panel(title: str, curves: Sequence[Series]) -> str:
    """One diagram: axes with numbers, a legend, and the curves. Raises ValueError where there is nothing to draw."""
    drawn = [(series, thin(series)) for series in curves if series.x]
    if not drawn:
        raise ValueError("no values to draw")
    values = [y for series, _ in drawn for y in series.y]
    low, high = _range([series.y for series, _ in drawn])
    start, end = 0.0, max(1.0, *(series.x[-1] for series, _ in drawn))
    legend = _legend([series.name for series, _ in drawn])
    top = 30 + LINE * (1 + max(line for line, _, _ in legend))
    height = HEIGHT + top - 30 - LINE

    def place(x: float, y: float) -> tuple[float, float]:
        across = LEFT + (x - start) / (end - start) * (WIDTH - LEFT - RIGHT)
        y = min(max(y, low), high)
        return across, height - BOTTOM - (y - low) / (high - low) * (height - BOTTOM - top)

    outside = sum(not low <= y <= high for y in values)
    note = f"  ({outside} of {len(values)} values lie outside)" if outside else ""
    parts = [f'<text x="{LEFT}" y="16" class="title">{html.escape(title)}<tspan class="note">{note}</tspan></text>']
    for (line, left, name), colour in zip(legend, _colours(), strict=False):
        row = 26 + LINE * line
        parts.append(
            f'<line x1="{left}" y1="{row + 4}" x2="{left + 16}" y2="{row + 4}" stroke="{colour}" class="key"/>'
        )
        parts.append(f'<text x="{left + 21}" y="{row + 8}">{html.escape(name)}</text>')
    for tick in _ticks(low, high):
        y = place(start, tick)[1]
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" class="end">{short(tick)}</text>')
    for tick in _ticks(start, end):
        x = place(tick, low)[0]
        parts.append(f'<text x="{x:.1f}" y="{height - BOTTOM + 16}" class="middle">{short(tick)}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{height - 6}" class="middle">examples seen</text>')
    inside = f'x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" height="{height - BOTTOM - top}"'
    for (_, points), colour in zip(drawn, _colours(), strict=False):
        parts.append(_curve([(place(p.x, p.low), place(p.x, p.mean), place(p.x, p.high)) for p in points], colour))
    parts.append(f'<rect {inside} class="frame"/>')
    label = html.escape(f"{title}: {', '.join(series.name for series, _ in drawn)}", quote=True)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{label}">'
        + "\n".join(parts)
        + "</svg>"
    )


def _curve(points: Sequence[tuple[tuple[float, float], ...]], colour: str) -> str:
    """The band from the lowest to the highest values, and the line of the means; a single point is a dot."""
    parts = []
    if any(low != high for low, _, high in points):
        edge = [low for low, _, _ in points] + [high for _, _, high in reversed(points)]
        parts.append(f'<polygon points="{_points(edge)}" fill="{colour}" class="band"/>')
    parts.append(f'<polyline points="{_points([mean for _, mean, _ in points])}" stroke="{colour}" class="curve"/>')
    if len(points) == 1:
        (_, (x, y), _) = points[0]
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
    return "".join(parts)


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _colours() -> list[str]:
    return [*COLOURS] * 20


def _legend(names: Sequence[str]) -> list[tuple[int, float, str]]:
    """(line, x, text) of each name, as many in a line as there is room for."""
    line, x = 0, float(LEFT)
    placed: list[tuple[int, float, str]] = []
    for name in names:
        text = name.replace("_", " ")[:60]
        width = 21 + LETTER * len(text) + 14
        if x > LEFT and x + width > WIDTH:
            line, x = line + 1, float(LEFT)
        placed.append((line, x, text))
        x += width
    return placed
