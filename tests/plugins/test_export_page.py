"""zoo_export.page: a page is one file that fetches nothing, and what its interpreter lacks is named when it is made."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import zoo
import zoo_export
from zoo.errors import UsageError
from zoo_export import page
from zoo_export.directions import leading_directions
from zoo_export.graphs import Graph
from zoo_export.program import program_of

Folder = Callable[..., SimpleNamespace]
WEB = Path(zoo_export.__file__).parent / "web"


def of(network: nn.Module, z: Tensor) -> Graph:
    return Graph(network=network.eval(), inputs={"z": z}, outputs=("x",), about={"name": "tiny"})


def sections(code: bytes) -> bytes:
    """A WebAssembly module without the sections that do nothing, such as names."""
    kept, at = code[:8], 8
    while at < len(code):
        start, kind, length, shift = at, code[at], 0, 0
        while True:
            at += 1
            length |= (code[at] & 127) << shift
            shift += 7
            if not code[at] & 128:
                break
        at += 1 + length
        kept += code[start:at] if kind else b""
    return kept


def test_the_product_is_what_its_text_says() -> None:
    """product.wasm is product.wat, assembled."""
    wasmtime: Any = pytest.importorskip("wasmtime", reason="what assembles the text is missing: pip install wasmtime")
    assert sections(bytes(wasmtime.wat2wasm((WEB / "product.wat").read_text()))) == (WEB / "product.wasm").read_bytes()


@pytest.mark.parametrize(("m", "n", "k"), [(4, 8, 1), (4, 16, 5), (12, 8, 3), (8, 24, 33)])
def test_the_product_is_a_product(m: int, n: int, k: int) -> None:
    """Panels of rows by panels of columns, and the bias of each row."""
    wasmtime: Any = pytest.importorskip("wasmtime", reason="what runs it here is missing: pip install wasmtime")
    store = wasmtime.Store()
    memory = wasmtime.Memory(store, wasmtime.MemoryType(wasmtime.Limits(1, None)))
    module = wasmtime.Module(store.engine, (WEB / "product.wasm").read_bytes())
    product: Any = wasmtime.Instance(store, module, [memory]).exports(store)["product"]
    a, b, bias = torch.randn(m, k), torch.randn(k, n), torch.randn(m)
    panels = a.view(m // 4, 4, k).transpose(1, 2), b.view(k, n // 8, 8).transpose(0, 1), bias
    at = [0]
    for tensor in panels:
        memory.write(store, tensor.contiguous().numpy().tobytes(), at[-1])
        at.append(-(-(at[-1] + 4 * tensor.numel()) // 16) * 16)
    product(store, at[0], at[1], at[3], at[2], m, n, k, 4 * n)
    raw = bytearray(memory.read(store, at[3], at[3] + 4 * m * n))
    assert torch.allclose(torch.frombuffer(raw, dtype=torch.float32).view(m, n), a @ b + bias[:, None], atol=1e-5)


def test_a_page_is_one_file_that_may_fetch_nothing(vae_folder: Folder, tmp_path: Path) -> None:
    """Its policy allows its own script and style by their hashes, and no address; it names no other place."""
    out = tmp_path / "tiny.html"
    assert page.write(zoo.load(vae_folder().path), "tiny", out) == [out]
    text = out.read_text(encoding="utf-8")
    policy = html.unescape(re.findall(r'Content-Security-Policy" content="(.*?)"', text)[0])
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.pop("img-src") == "data:"  # the icon, which is none
    script, style = (
        re.findall(r"<script>(.*?)</script>", text, re.DOTALL),
        re.findall(r"<style>(.*?)</style>", text, re.S),
    )
    hashes = [
        "'sha256-" + base64.b64encode(hashlib.sha256(t.encode()).digest()).decode() + "'" for (t,) in (script, style)
    ]
    assert rules == {
        "default-src": "'none'",
        "script-src": f"{hashes[0]} 'wasm-unsafe-eval'",
        "style-src": hashes[1],
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert not re.findall(r"https?:|//www|@import|url\(|\bsrc=|XMLHttp|\bfetch\(", text)
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["tiny.html"]


def test_a_page_shows_what_stands_in_a_name(vae_folder: Folder, tmp_path: Path) -> None:
    """A name or a summary with markup in it is text, in the title and in the data."""
    model = zoo.load(vae_folder().path)
    model.info["training"] = {"recipe": {"summary": "</script><b>bold</b>"}}
    page.write(model, "a<b", tmp_path / "tiny.html")
    text = (tmp_path / "tiny.html").read_text(encoding="utf-8")
    assert "<title>a&lt;b</title>" in text
    assert "</script><b>" not in text
    assert json.loads(re.findall(r'id="model">(.*?)</script>', text)[0])["summary"] == "</script><b>bold</b>"


def test_an_operation_that_is_missing_is_named() -> None:
    """Torch's name of it, and what writes such a network."""

    class Odd(nn.Module):
        def forward(self, z: Tensor) -> tuple[Tensor]:
            return (z.sin(),)

    with pytest.raises(UsageError, match=r"tiny uses aten.sin, which the page's interpreter lacks; --to onnx"):
        program_of(of(Odd(), torch.randn(3, 4)))


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (nn.Conv2d(2, 2, 3, dilation=2), "aten.conv2d.default with a dilation"),
        (nn.ConvTranspose2d(2, 2, 3, groups=2), "aten.conv_transpose2d.input with groups"),
        (nn.UpsamplingBilinear2d(scale_factor=2), "aten.upsample_bilinear2d.vec with aligned corners"),
        (nn.Flatten(0), "a shape that the page's interpreter does not have"),
    ],
)
def test_a_variant_that_is_missing_is_named(layer: nn.Module, says: str) -> None:
    """What is known, in a way that is not, is an error too: never a wrong picture."""

    class One(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, z: Tensor) -> tuple[Tensor]:
            return (self.layer(z),)

    with pytest.raises(UsageError, match=re.escape(says)):
        program_of(of(One().requires_grad_(False), torch.randn(3, 2, 8, 8)))


def test_norms_become_part_of_the_convolution_before() -> None:
    """A batch norm behind a convolution costs the page no step of its own, nor weights."""
    layers = nn.Sequential(nn.Conv2d(2, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).requires_grad_(False)
    nn.init.uniform_(layers[1].running_var, 0.5, 2.0)

    class One(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = layers

        def forward(self, z: Tensor) -> tuple[Tensor]:
            return (self.layers(z),)

    program = program_of(of(One(), torch.randn(3, 2, 8, 8)))
    assert [step["op"] for step in program.steps] == ["convolution", "relu"]
    assert sum(value.numel() for value in program.values if value is not None) == 2 * 8 * 9 + 8


def test_what_is_no_picture_is_refused(vae_folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of another kind of data, or a network too large, is one line; nothing is written."""
    model = zoo.load(vae_folder().path)
    monkeypatch.setattr(page, "MOST", 1000)
    with pytest.raises(UsageError, match="would have 0 MB, at most 0 are sensible"):
        page.write(model, "tiny", tmp_path / "tiny.html")
    model.modality = "audio"
    with pytest.raises(UsageError, match="tiny gives no pictures, and a page shows nothing else; --to onnx writes it"):
        page.write(model, "tiny", tmp_path / "tiny.html")
    assert not list(tmp_path.glob("*.html"))


def test_directions_are_those_of_most_change(vae_folder: Folder) -> None:
    """They are at right angles, of a standard deviation's length, and the first changes examples more than the last."""
    model = zoo.load(vae_folder().path)
    found = torch.stack(leading_directions(model, 8))
    assert torch.allclose(found @ found.T, torch.eye(3), atol=1e-5)
    z = model.latents(32, seed=1)
    change = [float((model.decode(z + 0.1 * way) - model.decode(z)).square().mean()) for way in found]
    assert change == sorted(change, reverse=True)
    assert change[0] > change[-1]
