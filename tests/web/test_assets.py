"""What the zoo's pages share can be had as text, and stands alone."""

from __future__ import annotations

import re

import pytest

from zoo.errors import NotFoundError
from zoo.web import ASSETS, asset


def test_each_asset_is_a_text_that_fetches_nothing() -> None:
    """Every asset can be read, and neither imports nor names another address."""
    for name in ASSETS:
        text = asset(name)
        assert len(text) > 500
        assert not re.search(r"^\s*(@?import)\b|https?:|url\(", text, re.MULTILINE)


def test_the_scripts_share_no_name() -> None:
    """What the scripts define differs, so that one page may hold both inside itself."""
    defined = [
        re.findall(r"^(?:export )?(?:function|let|const|class) (\w+)", asset(name), re.MULTILINE)
        for name in ("canvas.js", "controls.js")
    ]
    assert all(defined)
    assert not set(defined[0]) & set(defined[1])


def test_an_unknown_asset_is_named() -> None:
    """Another name is a NotFoundError that says what there is."""
    with pytest.raises(NotFoundError, match=r"no 'style.js'; there are canvas.js"):
        asset("style.js")
