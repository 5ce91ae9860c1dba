"""zoo.catalogue.runs.curves: reports become diagrams that are well-formed, legible, thinned and harmless."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from zoo.catalogue.runs.curves import BUCKETS, Series, grouped, panel, short, thin

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    """The texts of a diagram, which parses as XML."""
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter(f"{SVG}text")]


def ys(svg: str, index: int = 0) -> list[float]:
    """The heights of the points of a curve: 0 is the top."""
    lines = list(ET.fromstring(svg).iter(f"{SVG}polyline"))
    return [float(point.partition(",")[2]) for point in lines[index].attrib["points"].split()]


def test_metrics_of_one_unit_share_a_panel() -> None:
    """Curves are grouped by unit, a metric without one stands alone under its name, and the speed comes last."""
    rows: list[dict[str, Any]] = [
        {"examples": 10, "steps": 1, "examples_per_second": 5.0, "g": 1.0, "d": 2.0, "active_units": 3.0},
        {"examples": 20, "steps": 2, "examples_per_second": 6.0, "g": 1.5, "late": 9.0},
    ]
    panels = grouped(rows, {"g": "loss", "d": "loss"})
    assert list(panels) == ["loss", "active units", "late", "examples per second"]
    assert panels["loss"] == [Series("g", (10, 20), (1.0, 1.5)), Series("d", (10,), (2.0,))]
    assert panels["late"] == [Series("late", (20,), (9.0,))]


def test_a_panel_has_axes_with_numbers_and_a_legend() -> None:
    """Title, legend, the x axis' name and round numbers on both axes stand in a diagram."""
    svg = panel("loss", [Series("d_loss", (0, 50_000, 100_000), (0.0, 0.5, 1.0)), Series("g", (0,), (0.2,))])
    found = texts(svg)
    assert found[:3] == ["loss", "d loss", "g"]
    assert {"examples seen", "0", "20k", "100k", "0.2", "0.8"} <= set(found)
    assert ys(svg) == sorted(ys(svg), reverse=True)
    assert "<circle" in svg  # a single report is a dot


def test_thousands_of_points_are_thinned_and_none_is_hidden() -> None:
    """A long curve becomes a few hundred means, in a band that reaches from the lowest to the highest value."""
    x = tuple(float(index) for index in range(50_000))
    y = tuple(math.sin(index / 5_000) + (9.0 if index == 30_003 else 0.0) for index in range(50_000))
    points = thin(Series("a", x, y))
    assert len(points) == BUCKETS
    assert max(point.high for point in points) == max(y)
    assert [p.x for p in points] == sorted(p.x for p in points)
    assert all(p.low <= p.mean <= p.high for p in points)
    svg = panel("a", [Series("a", x, y)])
    assert len(svg) < 30_000
    assert "<polygon" in svg


def test_a_few_extreme_values_do_not_press_the_rest_flat() -> None:
    """Where the first values tower over the others, the axis is cut and says how many lie outside."""
    y = (50_000.0, 20_000.0, *(100.0 - index / 10 for index in range(200)))
    svg = panel("loss", [Series("a", tuple(float(i) for i in range(len(y))), y)])
    assert "(2 of 202 values lie outside)" in texts(svg)[0]
    heights = ys(svg)
    assert max(heights) - min(heights) > 100  # of 260
    assert all(math.isfinite(value) for value in heights)


@pytest.mark.parametrize("y", [(3.0,), (0.0, 0.0), (5.0, 5.0, 5.0), (-1e300, 1e300), (1e-300, 2e-300)])
def test_any_values_can_be_drawn(y: tuple[float, ...]) -> None:
    """One value, equal values, and values at the ends of what floats can be give a diagram with finite places."""
    svg = panel("a", [Series("a", tuple(float(i) for i in range(len(y))), y)])
    ET.fromstring(svg)
    assert "nan" not in svg
    assert "inf" not in svg


def test_nothing_to_draw_is_an_error() -> None:
    """A diagram without a value is a ValueError."""
    with pytest.raises(ValueError, match="no values"):
        panel("a", [Series("a", (), ())])


def test_names_are_text() -> None:
    """Whatever a metric or unit is called, the diagram parses and holds no element of its own making."""
    evil = '"><script>alert(1)</script><svg onload="x"'
    svg = panel(evil, [Series(evil, (1.0, 2.0), (1.0, 2.0))])
    assert not [node for node in ET.fromstring(svg).iter() if node.tag == f"{SVG}script"]
    assert texts(svg)[0].startswith(evil)


def test_many_curves_have_their_own_lines_of_legend() -> None:
    """The legend goes on in a further line before it runs out of the picture."""
    svg = panel("a", [Series(f"a_rather_long_name_{index}", (1.0, 2.0), (1.0, 2.0)) for index in range(9)])
    keys = [node for node in ET.fromstring(svg).iter(f"{SVG}line") if node.attrib["class"] == "key"]
    assert len(keys) == 9
    assert len({key.attrib["y1"] for key in keys}) > 1
    assert max(float(key.attrib["x2"]) for key in keys) < 560


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (250, "250"), (9_000, "9000"), (50_000, "50k"), (1_500_000, "1.5M"), (-0.02, "-0.02"), (2e9, "2G")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    """Axis numbers are short and exact enough."""
    assert short(value) == text
