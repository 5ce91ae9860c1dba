"""Fixtures: tars of pictures that say their number, and a gallery with a browser that looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from plugins.gallery_page import CHROMIUM, WAIT
from plugins.gallery_server import Server
from plugins.shard_files import (
    files_of,
    make,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty shards of ten pictures, numbered as they stand, in the classes 0, 1 and 2; and one of the split test."""
    for shard in range(20):
        rows = range(10 * shard, 10 * shard + 10)
        make(tmp_path / "shards" / f"part-{shard:02}.tar", files_of(rows, lambda row: f"{row % 3}\n"))
    make(tmp_path / "shards" / "test-00.tar", files_of(range(900, 910), lambda row: f"{row % 3}\n"))
    return tmp_path / "shards"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One gallery for all tests."""
    found = Server(tmp_path_factory.mktemp("gallery"))
    yield found
    found.end()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One browser for all tests."""
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def contexts(chromium: Any, server: Server) -> Iterator[Any]:
    """Makes browsers of their own, each with the link opened; none may ask anybody but 127.0.0.1, or show an error."""
    made, asked, wrong = [], [], []

    def make(**settings: Any) -> Any:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 860}} | settings)
        context.set_default_timeout(WAIT)
        context.on("request", lambda request: asked.append(request.url))
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        made.append(context)
        page = context.new_page()
        page.goto(server.link)
        return page

    yield make
    for context in made:
        context.close()
    assert asked
    elsewhere = {url for url in asked if urlsplit(url).scheme != "data" and urlsplit(url).hostname != "127.0.0.1"}
    assert not elsewhere
    assert not wrong


@pytest.fixture
def page(contexts: Any) -> Any:
    """A page that has been let in."""
    return contexts()
