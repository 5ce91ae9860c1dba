"""The documentation site: built as it is read, every link, anchor and picture leads somewhere, and nowhere else."""

from __future__ import annotations

import functools
import importlib.util
import re
import shutil
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import numpy as np
import pytest
import yaml
from PIL import Image

import zoo

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.md"))
# Where a link may leave the site; nothing is ever loaded from there.
HOSTS = {"download.pytorch.org", "arxiv.org", "creativecommons.org", "github.com", "huggingface.co", "pypi.org"}
LOADED = {"img": "src", "script": "src", "iframe": "src", "audio": "src", "video": "src", "source": "src"}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def script(name: str) -> ModuleType:
    """A script of docs/, as a module."""
    found = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


class Page(HTMLParser):
    """What a page links to, what it loads, and where it can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.anchors: set[str] = set()
        self.classes: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value for key, value in attrs if value is not None}
        self.classes |= set(given.get("class", "").split())
        self.anchors |= {given[key] for key in ("id", "name") if key in given}
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload", "preconnect", "manifest"):
            self.loads.add(given["href"])
        if given.get(LOADED.get(tag, "")):
            self.loads.add(given[LOADED[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built by docs/build.py, where zensical's strict mode finds nothing wrong."""
    built: Path = script("build").build(tmp_path_factory.mktemp("docs") / "site")
    return built


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    """Each page of the site, by its path in it."""
    return {path.relative_to(site).as_posix(): Page(path) for path in site.rglob("*.html") if path.name != "404.html"}


def leads(site: Path, page: str, link: str) -> tuple[str, str]:
    """The path in the site and the anchor that a link of a page leads to."""
    where, anchor = urldefrag(urljoin(f"/{page}", link))
    return unquote(where).lstrip("/"), unquote(anchor)


def named(entry: object) -> Iterator[str]:
    """The pages of an entry of the navigation."""
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, dict) and "glob" in entry:
        yield entry["glob"]
    elif isinstance(entry, dict):
        yield from (page for inner in entry.values() for page in named(inner))
    elif isinstance(entry, list):
        yield from (page for inner in entry for page in named(inner))


def test_every_page_is_in_the_navigation() -> None:
    """A page is named once in docs/.nav.yml; a new one needs one line in the group that it belongs to."""
    listed = list(named(yaml.safe_load((DOCS / ".nav.yml").read_text(encoding="utf-8"))["nav"]))
    missing = [page for page in PAGES if page not in listed]
    assert not missing, f"name them in a group of docs/.nav.yml: {', '.join(missing)}"
    assert len(set(listed)) == len(listed)


def test_every_public_name_is_documented() -> None:
    """docs/api.md has each name of `import zoo`, and none that is not one."""
    told = re.findall(r"^::: zoo\.(\w+)$", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(told) == sorted(zoo.__all__)


@pytest.mark.parametrize("page", ["../README.md", *PAGES])
def test_a_link_of_a_page_leads_to_a_file_of_the_repository(page: str) -> None:
    """As a viewer of the repository follows it, without the site; the start page and the README lead to most."""
    text = re.sub(r"^```.*?^```", "", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    assert not [target for target in targets if not (DOCS / page).parent.joinpath(target).is_file()]
    assert len(targets) > (20 if page.endswith("README.md") else -1)


def test_the_tree_in_the_readme_is_the_tree() -> None:
    """Each folder of the core, three deep, and each plugin has its line, and no line names what is not there."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"## The tree\n\n```\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    told, way = set(), [""] * 3
    for line in block.splitlines():
        match = re.match(r"( *)([\w]+)/ +\S", line)
        assert match, f"{line!r} is no folder with a line"
        depth = len(match[1]) // 2
        way[depth] = match[2]
        told.add("/".join(way[: depth + 1]))
    there = {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("zoo/**/__init__.py")}
    there = {path for path in there if "scaffold" not in path and path.count("/") < 3}
    there |= {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("plugins/*/__init__.py")}
    assert there | {"plugins", "weights", "benchmarks", "tests", "docs"} == told


def test_the_table_of_models_is_the_catalogues() -> None:
    """Made anew it is the same, on both pages, and so are its pictures, each of a few kilobytes."""
    generator = script("generate_models")
    for path, up in generator.PAGES.items():
        text = path.read_text(encoding="utf-8")
        assert generator.page(text, up) == text, "run `python docs/generate_models.py`"
        assert generator.page(text.replace("| 1.1 M |", "| 9.9 M |"), up) == text
    drawn = generator.pictures()
    assert {path.stem for path in generator.PICTURES.iterdir()} == set(drawn)
    for name, picture in drawn.items():
        path = generator.PICTURES / f"{name}.webp"
        stored = np.asarray(Image.open(path).convert("RGB"), dtype=float)
        assert path.stat().st_size < 5_000
        assert np.abs(stored - np.asarray(picture, dtype=float)).mean() < 8, f"{name}: run docs/generate_models.py"


@pytest.mark.slow
def test_every_link_anchor_and_picture_is_there(site: Path, pages: dict[str, Page]) -> None:
    """Links and pictures lead to files of the site, anchors to a place there; others to https and known hosts."""
    wrong = []
    for name, page in pages.items():
        for link in page.links | page.loads:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.loads or parts.scheme != "https" or parts.hostname not in HOSTS:
                    wrong.append(f"{name}: {link}")
                continue
            where, anchor = leads(site, name, link)
            if not (site / where).is_file():
                wrong.append(f"{name}: {link} leads to nothing")
            elif anchor and where.endswith(".html") and anchor not in pages[where].anchors:
                wrong.append(f"{name}: {link} has no such place")
    assert not wrong, "\n".join(wrong)
    assert len(pages) > 30
    assert (
        sum(load.endswith((".png", ".webp", ".jpg", ".gif", ".svg")) for p in pages.values() for load in p.loads) > 50
    )


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[str, Page]) -> None:
    """No style or drawing names a file of another host, and no page has what a script would fetch from one."""
    assert not [name for name, page in pages.items() if "mermaid" in page.classes]  # which is fetched when it is met
    for path in [*site.rglob("*.css"), *site.rglob("*.svg")]:
        assert not re.findall(r"(?:url\(|@import|href=)\s*[\"']?(?:https?:)?//[^)\s]*", path.read_text("utf-8")), path


@pytest.mark.slow
def test_every_page_and_every_card_is_on_the_site(site: Path, pages: dict[str, Page]) -> None:
    """Every page of docs/, every card and the example is a page of the site, and no script of ours goes along."""
    html = {page.replace("README.md", "index.html").replace(".md", ".html") for page in PAGES}
    html |= {f"weights/{path.parent.name}/index.html" for path in ROOT.glob("weights/*/README.md")}
    examples = {path.relative_to(DOCS).as_posix() for path in DOCS.glob("examples/**/README.md")}
    assert html | {page.replace("README.md", "index.html") for page in examples} == set(pages)
    assert not list(site.glob("*.py"))


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
def test_a_browser_asks_nobody_else(site: Path) -> None:
    """In Chromium, light and dark, wide and narrow: all requests go to the site, nothing fails, no page is too wide."""
    sync_api = pytest.importorskip("playwright.sync_api")
    asked: list[str] = []
    said: list[str] = []
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}/"
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            for scheme, width in (("light", 1280), ("dark", 390)):
                page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 844})
                page.on("request", lambda request: asked.append(request.url))
                page.on("requestfailed", lambda request: said.append(request.url))
                page.on("pageerror", lambda error: said.append(str(error)))
                for name in ("index.html", "chapter.html", "results.html", "api.html", "how-it-works.html"):
                    page.goto(base + name, wait_until="networkidle")
                    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                    assert wide <= 0, f"{name} is {wide} pixels wider than {width}"
                dark = page.evaluate("document.body.getAttribute('data-md-color-scheme')") == "slate"
                assert dark == (scheme == "dark")
            browser.close()
        server.shutdown()
    assert not said
    assert len(asked) > 20
    assert not [url for url in asked if not url.startswith((base, "data:"))]
