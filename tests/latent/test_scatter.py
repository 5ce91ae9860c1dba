"""zoo.latent.scatter: a plot that shows where the codes of each class are."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
import torch

from zoo.errors import DataError, NotFoundError, UsageError
from zoo.latent.scatter import scatter

BLUE, ORANGE = (31, 119, 180), (255, 127, 14)  # the first two of tab10
Z = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])


def columns(picture: Any, colour: tuple[int, int, int]) -> list[int]:
    """The columns in which a colour stands."""
    pixels = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).view(picture.height, picture.width, 3)
    found: list[int] = (pixels == torch.tensor(colour)).all(2).any(0).nonzero().flatten().tolist()
    return found


def test_each_class_has_its_colour_where_its_codes_are() -> None:
    """The class at the left is blue, that at the right orange, in the plot and in the legend beyond both."""
    pytest.importorskip("matplotlib")
    picture = scatter(Z, torch.tensor([0, 1]), ("left", "right"), title="two")
    assert (picture.size, picture.mode) == ((1200, 1200), "RGB")
    blue, orange = columns(picture, BLUE), columns(picture, ORANGE)
    assert min(blue) < 300 < 600 < min(orange)
    assert max(blue) > 1000  # in the legend
    plain = scatter(Z)
    assert columns(plain, BLUE)
    assert not columns(plain, ORANGE)


def test_what_cannot_be_drawn_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes that are not in a plane or not finite, labels that do not fit, and no matplotlib are errors."""
    with pytest.raises(UsageError, match=r"needs \(N, 2\)"):
        scatter(torch.zeros(4, 3))
    with pytest.raises(UsageError, match=r"needs \(N, 2\)"):
        scatter(torch.zeros(0, 2))
    with pytest.raises(UsageError, match="labels have shape"):
        scatter(Z, torch.tensor([0]), ("a",))
    with pytest.raises(UsageError, match="labels go up to 1"):
        scatter(Z, torch.tensor([0, 1]), ("a",))
    with pytest.raises(DataError, match="NaN"):
        scatter(Z * math.nan)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(NotFoundError, match=r"genzoo\[latent\]"):
        scatter(Z)
