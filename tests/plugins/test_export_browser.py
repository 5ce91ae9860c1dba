"""zoo_export.page in Chromium, from a file and without a network: its pixels are torch's, and its controls move them.

Set PAGE_PICTURES to a folder, and pictures of the pages are written there; AXE_CORE to axe.min.js of axe-core, and the
pages are checked for how they can be used without eyes or mouse.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import zoo
from zoo.api import default_registry
from zoo.nn.build import decode_config, initialise_parts
from zoo_export import page as pages
from zoo_export.graphs import Graph
from zoo_export.program import program_of

playwright: Any = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
CHROMIUM = Path("/usr/bin/chromium")
PICTURES, AXE = os.environ.get("PAGE_PICTURES", ""), os.environ.get("AXE_CORE", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no /usr/bin/chromium: apt-get install chromium"),
]
WAIT = 120_000  # milliseconds
MODELS = ("dcgan-cifar-frog", "frog-gan", "vae-faces")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One browser for all tests."""
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module", params=MODELS)
def shown(request: pytest.FixtureRequest, chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A model, and its page, opened from a file with the network off; it has asked for nothing and shown no error."""
    model, name = zoo.load(request.param), request.param
    file = tmp_path_factory.mktemp("page") / f"{name}.html"
    pages.write(model, name, file)
    assert file.stat().st_size < 4_000_000
    context = chromium.new_context(offline=True, viewport={"width": 1280, "height": 860})
    context.set_default_timeout(WAIT)
    asked, wrong = [], []
    context.on("request", lambda request: asked.append(request.url))
    context.on("weberror", lambda error: wrong.append(str(error.error)))
    context.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page = context.new_page()
    page.goto(file.as_uri())
    page.wait_for_selector("#page[data-ready]")
    yield model, page
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES, f"{name}.png")), full_page=True)
    context.close()
    assert asked == [file.as_uri()]
    assert not wrong


def pixels(page: Any, selector: str) -> Tensor:
    """What a canvas shows, (3, H, W) in [0, 1]."""
    read = """canvas => [canvas.height, canvas.width,
        Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data)]"""
    height, width, data = page.eval_on_selector(selector, read)
    return torch.tensor(data, dtype=torch.float32).view(height, width, 4)[..., :3].permute(2, 0, 1) / 255


def move(page: Any, label: str, value: float) -> None:
    """Set a slider as a hand would."""
    change = "(e, v) => { e.value = v; e.dispatchEvent(new Event('input')); e.dispatchEvent(new Event('change')); }"
    page.get_by_label(label, exact=True).evaluate(change, value)


def test_its_pictures_are_those_of_the_model(shown: Any) -> None:
    """Values of latents that the model drew, and the pixels on the canvas of the sample that is moved."""
    model, page = shown
    z = model.latents(5, seed=3)
    found = torch.tensor(page.evaluate("z => genzoo.decode(z)", z.tolist())).view(5, *model.data_shape)
    assert float((found - model.decode(z)).abs().max()) < 2e-3
    z = torch.tensor(page.evaluate("() => genzoo.moved()"))
    wanted = model.decode(z[None])[0].expand(3, -1, -1)
    assert float((pixels(page, "[aria-label='The chosen sample, moved']") - wanted).abs().max()) < 2e-3 + 0.5 / 255


def test_its_latents_are_of_the_prior(shown: Any) -> None:
    """Drawn in the page they have the prior's mean and spread, and the same seed gives the same."""
    model, page = shown
    draw = "([seed, n]) => genzoo.draws(seed, n)"
    first = torch.tensor(page.evaluate(draw, [7, 400]))
    assert first.tolist() == torch.tensor(page.evaluate(draw, [7, 400])).tolist()
    ours = model.latents(4000, seed=0, truncation=math.inf)  # `draws` is asked for no cut
    assert float((first.mean(0) - ours.mean(0)).abs().max()) < 0.3
    assert abs(float(first.std(0).mean() / ours.std(0).mean()) - 1) < 0.05


def test_a_slider_moves_along_its_direction(shown: Any) -> None:
    """Each one by its own direction; a concept is the one of the weights; Back takes it all back."""
    model, page = shown
    before = torch.tensor(page.evaluate("() => genzoo.moved()"))
    picture = pixels(page, "[aria-label='The chosen sample, moved']")
    move(page, "direction 1", 3)
    after = torch.tensor(page.evaluate("() => genzoo.moved()"))
    assert float((after - before).norm()) == pytest.approx(3 * model.prior_of().variance ** 0.5, rel=0.01)
    assert float((pixels(page, "[aria-label='The chosen sample, moved']") - picture).abs().mean()) > 0.01
    for concept in model.concepts:
        start = torch.tensor(page.evaluate("() => genzoo.moved()"))
        move(page, concept, 2)
        moved = torch.tensor(page.evaluate("() => genzoo.moved()")) - start
        assert torch.allclose(moved, 2 * zoo.load_concept(model.name, concept).direction, atol=2e-2)
    page.get_by_text("coordinates of its latent").click()
    move(page, "z3", 2.5)
    assert page.evaluate("() => genzoo.state.base[3]") == 2.5
    page.get_by_role("button", name="Back to the sample").click()
    assert torch.tensor(page.evaluate("() => genzoo.moved()")).equal(before)
    assert pixels(page, "[aria-label='The chosen sample, moved']").equal(picture)


def test_a_walk_goes_from_stop_to_stop(shown: Any) -> None:
    """At a whole number it is at a sample; between two it is neither; Play moves it, Pause holds it."""
    _, page = shown
    move(page, "Place", 2)
    assert pixels(page, "[aria-label='The walk']").equal(pixels(page, "[aria-label='Stop 3 of the walk']"))
    move(page, "Place", 2.5)
    middle = pixels(page, "[aria-label='The walk']")
    for stop in (3, 4):
        assert float((middle - pixels(page, f"[aria-label='Stop {stop} of the walk']")).abs().mean()) > 0.01
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => genzoo.state.at > 2.6 || genzoo.state.at < 2.5")
    page.get_by_role("button", name="Pause").click()
    held = page.evaluate("() => genzoo.state.at")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("() => genzoo.state.at") == held


def test_other_samples_are_drawn_and_chosen(shown: Any) -> None:
    """A seed gives the samples it gave before; a click on one moves that one from then on."""
    model, page = shown
    samples = page.evaluate("() => genzoo.state.samples.map((z) => Array.from(z))")
    ready = int(page.get_attribute("#page", "data-ready"))
    page.get_by_role("button", name="New samples").click()
    page.wait_for_selector(f"#page[data-ready='{ready + 1}']")
    assert page.evaluate("() => genzoo.state.samples.map((z) => Array.from(z))") != samples
    page.get_by_label("Seed").fill("1")
    page.get_by_label("Seed").blur()
    page.wait_for_selector(f"#page[data-ready='{ready + 2}']")
    assert page.evaluate("() => genzoo.state.samples.map((z) => Array.from(z))") == samples
    page.get_by_role("button", name="Sample 5: move it below").click()
    assert page.evaluate("() => genzoo.moved()") == samples[4]
    shown_now = pixels(page, "[aria-label='Sample 5: move it below'] canvas")
    wanted = model.decode(torch.tensor(samples[4])[None])[0].expand(3, -1, -1)
    assert float((shown_now - wanted).abs().max()) < 2e-3 + 0.5 / 255


@pytest.mark.skipif(not AXE, reason="AXE_CORE names no axe.min.js: npm pack axe-core")
def test_it_can_be_used_without_eyes_or_mouse(shown: Any) -> None:
    """axe-core finds nothing."""
    _, page = shown
    page.evaluate(Path(AXE).read_text(encoding="utf-8"))  # as a console would: the page's own policy stays
    found = page.evaluate("() => axe.run()")["violations"]
    assert not found, json.dumps([(one["id"], [node["html"] for node in one["nodes"]]) for one in found])[:2000]


GAN = {"image_size": 16, "latent_size": 5}
NETWORKS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "dcgan": ("dcgan", "generator", GAN | {"generator_widths": [12, 6], "generator_activation": "leaky_relu"}),
    "dcgan with classes": ("dcgan", "generator", GAN | {"num_classes": 3, "generator_widths": [6, 5], "channels": 1}),
    "dcgan of odd kernels": (
        "dcgan",
        "generator",
        GAN
        | {"kernel_size": 5, "generator_widths": [6, 5], "generator_convs": [1, 1], "head": "conv", "output": "linear"},
    ),
    "residual": (
        "res-gan",
        "generator",
        GAN | {"widths": [8, 8, 4], "group_size": 4, "num_classes": 3, "class_size": 3},
    ),
    "projected with classes": (
        "projected-gan",
        "generator",
        GAN | {"image_size": 16, "num_classes": 3, "generator_widths": [6, 5, 4]},
    ),
    "vae": ("conv-vae", "decoder", {"image_size": 28, "num_classes": 3, "decoder_stem": 5, "decoder_widths": [6, 5]}),
    "residual vae": ("res-vae", "decoder", {"image_size": 28, "widths": [5, 6], "blocks": [1, 1], "latent_size": 4}),
    "dense vae": ("mlp-vae", "decoder", {"image_size": 5, "hidden": [7, 6], "num_classes": 3}),
}


class Wrapped(nn.Module):
    """A network alone, as the page's interpreter takes it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, z: Tensor, labels: Tensor | None = None) -> tuple[Tensor]:
        return (self.network(z, labels),)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("count", [1, 7])
def test_every_network_of_pictures_is_computed_as_by_torch(kind: str, count: int, chromium: Any) -> None:
    """Of every architecture of the zoo for pictures, with and without classes, one example and several."""
    architecture, part, config = NETWORKS[kind]
    registry = default_registry()
    spec = registry.architecture(architecture)
    network: Any = initialise_parts(spec, decode_config(spec, config, "test"), seed=0)[part].eval()
    torch.manual_seed(1)
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.is_floating_point():
            nn.init.uniform_(tensor.data, 0.5, 1.5) if tensor.ndim == 1 else nn.init.normal_(tensor.data, std=0.3)
    network.requires_grad_(False)
    z = torch.randn(count, *network.latent_shape)
    labels = torch.arange(count) % 3
    inputs = {"z": torch.randn(3, *network.latent_shape)}
    inputs |= {"labels": torch.arange(3)} if network.num_classes else {}
    program = program_of(Graph(network=Wrapped(network), inputs=inputs, outputs=("x",), about={"name": kind}))
    data = asdict(program) | {"values": [None if value is None else pages.packed(value) for value in program.values]}
    page = chromium.new_page()
    page.set_content(
        f"<script>{''.join(map(pages._inner, map(pages._own, ('operations.js', 'interpreter.js'))))}</script>"
    )
    code = list((Path(pages.__file__).parent / "web" / "product.wasm").read_bytes())
    run = """([data, code, z, labels, n]) => {
        const values = data.values.map((value) => value && decoded(value));
        const product = new WebAssembly.Module(new Uint8Array(code));
        return Array.from(new Interpreter({ ...data, values }, product).run({ z: Float32Array.from(z), labels }, n));
    }"""
    found = torch.tensor(page.evaluate(run, [data, code, z.flatten().tolist(), labels.tolist(), count]))
    page.close()
    wanted = network(z, labels) if network.num_classes else network(z)
    assert float((found.view_as(wanted) - wanted).abs().max()) < 3e-3 * max(1.0, float(wanted.abs().max()))
