"""zoo_dream: photos change towards what a layer sees more of, tile by tile, the same for the same seed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from plugins.torch_files import pinned, untrained
from torch import Tensor, nn

import zoo
import zoo_dream
from zoo.cli.main import main
from zoo.errors import DataError, NotFoundError, UsageError, ZooError
from zoo.images import import_torchvision
from zoo.nn import Features, load_features
from zoo_dream import layers as layers_module
from zoo_dream.ascent import Ascent, _smoothed
from zoo_dream.dreaming import Dreamer, Settings, _resized, as_picture, zoom
from zoo_dream.layers import Layers, parse_layers

LAYER = "blocks.4.expand"


@pytest.fixture(scope="module")
def layers() -> Layers:
    return Layers()


@pytest.fixture(scope="module")
def photo() -> Tensor:
    """Soft spots and edges, (3, 96, 120) in [0, 1]."""
    random = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 12, 15, generator=random)
    return nn.functional.interpolate(coarse, (96, 120), mode="bicubic").clamp(0, 1)[0]


@pytest.fixture
def file(photo: Tensor, tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    zoo.to_pil(photo[None])[0].save(path)
    return path


def worth(layers: Layers, x: Tensor) -> float:
    with torch.no_grad():
        return float(layers.maps(x[None], [LAYER])[LAYER].square().mean())


def dreamer(layers: Layers, **given: int | float) -> Dreamer:
    return Dreamer(layers, {LAYER: 1.0}, Settings(**given))  # type: ignore[arg-type]


def test_the_layers_are_known_by_name(layers: Layers) -> None:
    """Every block and its stages, in order, with channels and stride; what three fifths lie before is the usual one."""
    found = {layer.name: (layer.channels, layer.stride) for layer in layers.known}
    assert found["stem"] == (32, 2)
    assert found["blocks.9.expand"] == (672, 16)
    assert found["blocks.15.project"] == (320, 32)
    assert "blocks.15" not in found  # the same maps again
    assert list(found).index("blocks.2") < list(found).index("blocks.11.project")
    assert layers.usual == {"blocks.10.expand": 1.0}


def test_strides_are_stated_whatever_the_rim_loses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """torchvision's Inception-v3, whose convolutions are not padded: each block by its name, and it dreams."""
    models = import_torchvision("torchvision.models")
    name = "inception-v3-torchvision"
    found = pinned(name, untrained(models.inception_v3(weights=None, init_weights=False), 299), tmp_path)
    monkeypatch.setenv("ZOO_DATA", str(tmp_path))
    monkeypatch.setattr(layers_module, "load_features", lambda name: load_features(name, found))
    known = {layer.name: (layer.channels, layer.stride) for layer in Layers(name).known}
    assert known["Conv2d_2b_3x3"] == (64, 2)
    assert known["Conv2d_4a_3x3"] == (192, 4)
    assert [known[f"Mixed_{mixed}"] for mixed in ("5d", "6a", "6b", "6c", "7c")] == [
        (288, 8),
        (768, 16),
        (768, 16),
        (768, 16),
        (2048, 32),
    ]
    x = torch.rand(3, 40, 50, generator=torch.Generator().manual_seed(0))
    dreamt = Dreamer(Layers(name), {"Mixed_5d": 0.2, "Mixed_6a": 3.0}, Settings(steps=1, octaves=1)).dream(x)
    assert dreamt.shape == x.shape
    assert 0 < float((dreamt - x).abs().mean()) < 0.02


def test_a_network_without_maps_cannot_dream(monkeypatch: pytest.MonkeyPatch) -> None:
    """FID's Inception-v3 gives vectors alone: one line says so."""

    class Vectors(Features):
        strides, dimensions, modality = (), 1, "image"

        def vector(self, x: Tensor) -> Tensor:
            return x.mean((1, 2, 3))[:, None]

        def maps(self, x: Tensor) -> tuple[Tensor, ...]:
            return ()

    monkeypatch.setattr(layers_module, "load_features", lambda name: Vectors())
    with pytest.raises(UsageError, match="inception-v3 gives no maps to dream of; `zoo list --features`"):
        zoo_dream.dream(torch.rand(3, 40, 40), network="inception-v3")


def test_a_network_without_inner_modules_shows_all_that_it_has() -> None:
    """Another family of networks has its own names; the shared network is not hooked into."""
    other = Layers("thin-resnet50")
    assert len(other.known) > 10
    assert {layer.stride for layer in other.known} >= {4, 8, 16, 32}
    shared = zoo.nn.load_features("thin-resnet50")
    other.maps(torch.rand(1, 3, 64, 64), [other.known[0].name])
    assert not any(module._forward_hooks for module in shared.modules())


def test_what_comes_after_the_layer_is_not_computed(layers: Layers) -> None:
    """A shallow layer costs a shallow pass; an error in between leaves no hook."""
    called: list[str] = []
    deep = layers._modules["blocks.5.expand"]
    handle = deep.register_forward_hook(lambda *_: called.append("deep"))
    layers.maps(torch.rand(1, 3, 64, 64), [LAYER])
    assert called == []
    layers.maps(torch.rand(1, 3, 64, 64), ["blocks.5.project"])
    assert called == ["deep"]
    handle.remove()
    assert not any(module._forward_hooks for module in layers._network.modules())


def test_a_dream_is_what_the_layer_sees_more_of(layers: Layers, photo: Tensor) -> None:
    """The mean square of its maps grows, where a random change of the same size lessens it."""
    found = dreamer(layers, steps=5, octaves=2).dream(photo)
    assert found.shape == photo.shape
    assert 0 <= float(found.min()) <= float(found.max()) <= 1
    change = (found - photo).abs().mean()
    noise = torch.randn(photo.shape, generator=torch.Generator().manual_seed(1))
    shaken = (photo + noise * change / noise.abs().mean()).clamp(0, 1)
    assert worth(layers, found) > 1.15 * worth(layers, photo)
    assert worth(layers, shaken) < worth(layers, photo)


def test_a_negative_weight_takes_away(layers: Layers, photo: Tensor) -> None:
    """What a layer saw is less after steps away from it."""
    found = Dreamer(layers, {LAYER: -1.0}, Settings(steps=5, octaves=1)).dream(photo)
    assert worth(layers, found) < 0.8 * worth(layers, photo)


def test_the_gradient_is_that_of_the_weighted_mean_squares(layers: Layers, photo: Tensor) -> None:
    """With one tile it is what autograd gives for sum(weight x mean square) x the pixels, smoothed."""
    weights = {"stem": 2.0, LAYER: 0.5}
    x = photo[None, :, :64, :64].clone().requires_grad_()
    maps = layers.maps(x, [*weights])
    total = sum((weight * maps[name].square().mean() for name, weight in weights.items()), torch.zeros(()))
    (expected,) = torch.autograd.grad(total * 64**2, x)
    found = Ascent(layers, weights, tile=512).gradient(photo[:, :64, :64].contiguous())
    torch.testing.assert_close(found, _smoothed(expected)[0], rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


def test_smoothing_keeps_a_constant_and_spreads_a_point() -> None:
    """It is a mean of the thing itself and of two Gaussians, of 1 and 2 pixels."""
    torch.testing.assert_close(_smoothed(torch.full((1, 3, 20, 20), 0.7)), torch.full((1, 3, 20, 20), 0.7))
    point = torch.zeros(1, 3, 31, 31)
    point[0, 1, 15, 15] = 1
    found = _smoothed(point)
    places = torch.arange(-6, 7.0)
    peaks = [float(1 / torch.exp(-(places[abs(places) <= 3 * s] ** 2) / (2 * s**2)).sum() ** 2) for s in (1.0, 2.0)]
    assert float(found[0, 1, 15, 15]) == pytest.approx((1 + sum(peaks)) / 3, rel=1e-5)
    assert float(found.sum()) == pytest.approx(1, rel=1e-5)
    assert not found[0, 0].any()


def test_tiles_leave_no_edge(layers: Layers) -> None:
    """The gradient of tiles is that of the whole, and neighbours differ no more across an edge than elsewhere."""
    random = torch.Generator().manual_seed(3)
    x = nn.functional.interpolate(torch.rand(1, 3, 40, 40, generator=random), (320, 320), mode="bicubic")[0].clamp(0, 1)
    whole = Ascent(layers, {LAYER: 1.0}, tile=512).gradient(x)
    tiled = Ascent(layers, {LAYER: 1.0}, tile=64).gradient(x, offset=(16, 32))
    inside = (..., slice(40, -40), slice(40, -40))
    alike = nn.functional.cosine_similarity(whole[inside].flatten(), tiled[inside].flatten(), dim=0)
    assert float(alike) > 0.9
    steps = (tiled[:, :, 1:] - tiled[:, :, :-1]).abs().mean((0, 1))
    edges = torch.arange(63 - 32, 319, 64)
    elsewhere = torch.ones(319, dtype=torch.bool)
    elsewhere[edges] = False
    assert float(steps[edges].mean()) < 1.15 * float(steps[elsewhere].mean())


def test_detail_is_put_back(layers: Layers, photo: Tensor) -> None:
    """Where nothing is dreamt, the photo comes back from all its sizes as it was."""
    found = dreamer(layers, steps=1, rate=1e-12, octaves=3).dream(photo)
    torch.testing.assert_close(found, photo, atol=1e-5, rtol=0)


def test_what_is_kept_from_size_to_size_changes_no_byte(layers: Layers, photo: Tensor) -> None:
    """A photo in 256 levels, resized anew at each size, gives what its floats and all their sizes in memory give."""
    levels = as_picture(photo)
    mine, other = (dreamer(layers, steps=2, octaves=3) for _ in range(2))
    x = levels.float().div(255)
    expected = base = _resized(x, other.sizes(x)[0])
    for size in other.sizes(x):
        detail = _resized(x, size) - _resized(base, size)
        expected = (_resized(expected, size) + detail).clamp(0, 1)
        base = _resized(x, size)
        for _ in range(2):
            other.ascent.step(expected, other.settings.rate, other.random)
    assert torch.equal(mine.dream(levels), expected)
    assert torch.equal(levels, photo.mul(255).round().byte())


def test_the_sizes(layers: Layers, photo: Tensor) -> None:
    """Each is 1.4 times the one before; those below 32 pixels are left out."""
    assert dreamer(layers, octaves=3).sizes(photo) == [(49, 61), (69, 86), (96, 120)]
    assert dreamer(layers, octaves=16).sizes(photo) == [(35, 44), (49, 61), (69, 86), (96, 120)]


def test_the_seed_decides(photo: Tensor) -> None:
    """The same picture for the same seed, bit for bit; another for another."""
    first, again, other = (
        zoo_dream.dream(photo, layers={LAYER: 1}, octaves=1, steps=3, seed=seed) for seed in (0, 0, 1)
    )
    assert first.shape == (1, *photo.shape)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("form", ["file", "pillow", "array", "tensor", "grey"])
def test_any_picture_is_taken(form: str, photo: Tensor, file: Path) -> None:
    """A path, a Pillow image, an array, a tensor; a grey one is dreamt on in colour."""
    with Image.open(file) as opened:
        image = opened.copy()
    given = {
        "file": file,
        "pillow": image,
        "array": np.asarray(image),
        "tensor": photo,
        "grey": image.convert("L"),
    }[form]
    assert zoo_dream.dream(given, layers={"stem": 1}, octaves=1, steps=1, size=60).shape == (1, 3, 48, 60)


def test_a_zoom_goes_in(layers: Layers, photo: Tensor) -> None:
    """Frames of one size, each nearer to the middle of the one before than to all of it; steps are counted."""
    counted: list[tuple[int, int]] = []
    frames = list(zoom(dreamer(layers, octaves=1, steps=2), photo, 3, progress=lambda *at: counted.append(at)))
    assert [frame.shape for frame in frames] == [photo.shape] * 3
    assert counted[-1] == (8, 8)
    assert [done for done, _ in counted] == sorted(done for done, _ in counted)
    middle = nn.functional.interpolate(frames[0][None, :, 2:-2, 3:-3], (96, 120), mode="bicubic")[0]
    assert (frames[1] - middle).abs().mean() < (frames[1] - frames[0]).abs().mean()


def test_layers_are_parsed() -> None:
    """Names with weights, 1 where none is given."""
    assert parse_layers("a=1,b, c=-0.5") == {"a": 1.0, "b": 1.0, "c": -0.5}


@pytest.mark.parametrize("text", ["", "a,,b", "a=x", "a=nan", "a=inf", "a=0", "a,a", "=1"])
def test_what_is_no_layer_is_refused(text: str) -> None:
    """A line says how they are written."""
    with pytest.raises(UsageError, match=r"--layers is .*; write names with commas between"):
        parse_layers(text)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: zoo_dream.dream(x, layers={"blocks.9.expnd": 1}), UsageError, "did you mean 'blocks.9.expand'"),
        (lambda x: zoo_dream.dream(x, network="lite"), NotFoundError, "lite"),
        (lambda x: zoo_dream.dream(x, octaves=0), UsageError, "octaves = 0 is not allowed"),
        (lambda x: zoo_dream.dream(x, rate=float("nan")), UsageError, "rate = nan is not allowed"),
        (lambda x: zoo_dream.dream(x, tile=10), UsageError, "tile = 10 is not allowed"),
        (lambda x: zoo_dream.dream(x, seed=-1), UsageError, "seed = -1 is not allowed"),
        (lambda x: zoo_dream.dream(torch.stack([x, x])), UsageError, "2 pictures are given"),
        (lambda _: zoo_dream.dream(Image.new("RGB", (1, 1))), DataError, "1 x 1 pixels, and a side of at least 32"),
        (lambda _: zoo_dream.dream(Image.new("RGB", (120, 2)), size=40), DataError, "40 x 1 pixels, and a side of 32"),
    ],
)
def test_bad_input_is_named(call: Callable[[Tensor], Tensor], error: type[ZooError], words: str, photo: Tensor) -> None:
    """Thing, cause, next step, before anything is dreamt."""
    with pytest.raises(error, match=words):
        call(photo)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["dream", *words])
    return code, *capsys.readouterr()


def test_the_verb(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A photo of any shape is written as large as it was, or as asked; a line says of what it was dreamt."""
    out = tmp_path / "out.webp"
    code, said, _ = run(capsys, str(file), "-o", str(out), "--layers", f"{LAYER}=0.5", "--octaves", "1", "--steps", "1")
    assert code == 0
    assert f"120 x 96 pixels, dreamt of by {LAYER} times 0.5 of efficientnet-lite0" in said
    with Image.open(out) as still:
        assert still.size == (120, 96)
    out = tmp_path / "out.gif"
    code, _, _ = run(capsys, str(file), "-o", str(out), "--size", "40", "--steps", "1", "--frames", "3")
    assert code == 0
    with Image.open(out) as moving:
        assert (moving.size, moving.n_frames) == ((40, 32), 3)  # type: ignore[attr-defined]


def test_the_verb_takes_a_device(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The CPU, which it takes unasked, gives the same bytes by its name."""
    words = [str(file), "--layers", LAYER, "--octaves", "1", "--steps", "1", "-o"]
    outs = [tmp_path / "unasked.png", tmp_path / "cpu.png"]
    assert run(capsys, *words, str(outs[0]))[0] == run(capsys, *words, str(outs[1]), "--device", "cpu")[0] == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()


def test_all_that_a_dream_computes_with_lies_where_its_network_does() -> None:
    """On a device that holds no numbers, where whatever lay elsewhere would fail."""
    there = torch.device("meta")
    layers = Layers(device=there)
    assert {tensor.device for tensor in (*layers._network.parameters(), *layers._network.buffers())} == {there}
    x = torch.rand(3, 64, 64, device=there)
    assert layers.maps(x[None], [LAYER])[LAYER].device == there
    assert Ascent(layers, {LAYER: 1.0}, tile=64).gradient(x).device == there


def test_the_layers_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table, and a sheet of what each dreams of noise where a file is named."""
    out = tmp_path / "layers.png"
    code, said, _ = run(capsys, "--list-layers", "-o", str(out), "--octaves", "1", "--steps", "1")
    assert code == 0
    assert "blocks.10.expand     672       16      *" in said
    assert "what each of 57 layers dreams of noise" in said
    with Image.open(out) as sheet:
        assert sheet.size == (8 * 132 - 4, 8 * 146 - 4)
        assert np.asarray(sheet)[14:142, :128].std() > 10
    code, said, _ = run(capsys, "--list-layers")
    assert code == 0
    assert "zoo dream --list-layers -o layers.png" in said


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["{photo}"], 2, "give a photo and a file"),
        (["-o", "{out}.png"], 2, "give a photo and a file"),
        (["{photo}", "-o", "{out}.txt"], 2, "must end in one of .png"),
        (["{photo}", "-o", "{out}.gif"], 2, "must end in one of .png"),
        (["{photo}", "-o", "{out}.png", "--frames", "3"], 2, "must end in one of .gif"),
        (["{photo}", "-o", "{out}.gif", "--frames", "1"], 2, "--frames is 1; it must be a whole number from 2"),
        (["{photo}", "-o", "{out}.png", "--layers", "nose"], 2, "has no layer 'nose'; `zoo dream --list-layers`"),
        (["{photo}", "-o", "{out}.png", "--size", "31"], 2, "size = 31 is not allowed"),
        (["{photo}", "--list-layers"], 2, "--list-layers shows all layers"),
        (["{absent}", "-o", "{out}.png"], 3, "absent.jpg"),
        (["{music}", "-o", "{out}.png"], 4, "not a picture"),
        (["{dot}", "-o", "{out}.png"], 4, "1 x 1 pixels, and a side of at least 32 are needed: enlarge it with --size"),
        (["{huge}", "-o", "{out}.png"], 4, "10000 x 10000 pixels are more than"),
        (["{photo}", "-o", "{out}.png", "--network", "inception"], 3, "inception"),
    ],
)
def test_wrong_words_are_one_line(
    words: list[str], code: int, line: str, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each with the exit code of its kind, and no file."""
    (tmp_path / "song.jpg").write_bytes(b"ID3\x04" + bytes(4000))
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    Image.new("1", (10_000, 10_000)).save(tmp_path / "huge.png")
    names = {"photo": file, "out": tmp_path / "out", "absent": tmp_path / "absent.jpg", "music": tmp_path / "song.jpg"}
    names |= {"dot": tmp_path / "dot.png", "huge": tmp_path / "huge.png"}
    found, _, told = run(capsys, *(word.format(**names) for word in words))
    assert (found, told.count("\n")) == (code, 1), told
    assert line in told
    assert not list(tmp_path.glob("out.*"))


LARGE = """
import resource, sys
from zoo.cli.main import main
code = main(["dream", sys.argv[1], "-o", sys.argv[2], "--octaves", "2", "--steps", "1"])
print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_twelve_megapixels_need_less_than_two_gigabytes(photo: Tensor, tmp_path: Path) -> None:
    """A camera's photo fits, read and written: what is differentiated at once is a tile, and little else is kept."""
    zoo.to_pil(photo[None])[0].resize((4000, 3000)).save(tmp_path / "photo.jpg")
    words = [sys.executable, "-c", LARGE, str(tmp_path / "photo.jpg"), str(tmp_path / "dream.png")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    code, kibibytes = map(int, done.stdout.splitlines()[-1].split())
    with Image.open(tmp_path / "dream.png") as picture:
        assert (code, picture.size) == (0, (4000, 3000))
    assert 100_000_000 < kibibytes * 1024 < 2_000_000_000
