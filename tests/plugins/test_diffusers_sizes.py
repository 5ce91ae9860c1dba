"""Autoencoders of the diffusers library on pictures of any size: tiles, sizes, mixtures, and what is said of priors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import zoo
from zoo.cli.main import main
from zoo.errors import UsageError
from zoo.images import import_torchvision
from zoo.latent.priors import fit_mixture, held_out, save_mixture
from zoo.nn.abilities import Encodes

import_torchvision()
diffusers: Any = pytest.importorskip("diffusers", reason="the extra `diffusers` is not installed")

TINY = {"encoder_block_out_channels": (8, 8), "decoder_block_out_channels": (8, 8), "latent_channels": 2}
TINY |= {"num_encoder_blocks": (1, 1), "num_decoder_blocks": (1, 1)}
KL = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
KL |= {"block_out_channels": (8, 16), "norm_num_groups": 4, "sample_size": 16}
UNEVEN = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
UNEVEN |= {"down_block_out_channels": (8, 8), "up_block_out_channels": (8, 16), "norm_num_groups": 4, "sample_size": 16}


def drawn(build: Any, settings: dict[str, Any], folder: Path) -> tuple[Any, Encodes]:
    """A network of the library with weights that are not small, and the zoo's model of it."""
    torch.manual_seed(0)
    network = build(**settings)
    for parameter in network.parameters():  # what is zero at the start would hide a wrong name
        torch.nn.init.normal_(parameter, std=0.05)
    network.save_pretrained(folder)
    model = zoo.load(folder)
    assert isinstance(model, Encodes)
    return network.eval(), model


def pictures(n: int, height: int, width: int) -> torch.Tensor:
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("height", "width"), [(16, 16), (30, 44), (2, 8)])
def test_an_asymmetric_autoencoder_is_the_librarys(height: int, width: int, tmp_path: Path) -> None:
    """Its decoder is larger than its encoder; of any size, mean, deviation and picture are those of the library."""
    library, model = drawn(diffusers.AsymmetricAutoencoderKL, UNEVEN, tmp_path / "model")
    x = pictures(2, height, width)
    posterior = model.encode(x)
    with torch.no_grad():
        theirs = library.encode(x * 2 - 1).latent_dist
        back = (library.decode(theirs.mean).sample + 1) / 2
    scale = library.config.scaling_factor
    assert posterior.mean.shape == (2, 4, height // 2, width // 2)
    assert torch.allclose(posterior.mean, theirs.mean * scale, atol=1e-5)
    assert torch.allclose(posterior.log_var.exp().sqrt(), theirs.std * scale, atol=1e-5)
    assert torch.allclose(model.reconstruct(x), back.clamp(0, 1), atol=1e-5)


@pytest.mark.parametrize("kind", ["AutoencoderKL", "AutoencoderTiny", "VQModel"])
def test_other_sizes_than_the_trained_one(kind: str, tmp_path: Path) -> None:
    """Any multiple of the factor is encoded and decoded as the library does; one picture alone is a batch of one."""
    settings = TINY if kind == "AutoencoderTiny" else KL | ({"num_vq_embeddings": 16} if kind == "VQModel" else {})
    library, model = drawn(getattr(diffusers, kind), settings, tmp_path / "model")
    x = pictures(2, 24, 40)
    with torch.no_grad():
        encoded = library.encode(x * 2 - 1)
        latents = encoded.latent_dist.mean if kind == "AutoencoderKL" else encoded.latents
        back = (library.decode(latents).sample + 1) / 2
    assert torch.allclose(model.encode(x).mean, latents * library.config.scaling_factor, atol=1e-5)
    assert torch.allclose(model.reconstruct(x), back.clamp(0, 1), atol=1e-4)
    assert model.encode(x[0]).mean.shape == (1, *latents.shape[1:])
    for bad in (pictures(1, 25, 40), pictures(1, 24, 40)[:, :1], torch.rand(24, 40)):
        with pytest.raises(UsageError):
            model.encode(bad)
    with pytest.raises(UsageError):
        model.decode(torch.zeros(1, latents.shape[1] + 1, 4, 4))


def test_large_pictures_go_through_in_tiles(tmp_path: Path) -> None:
    """The networks never see more than a tile; where tiles meet, the picture is that of the whole."""
    library, model = drawn(diffusers.AutoencoderTiny, TINY, tmp_path / "model")
    seen: list[tuple[int, ...]] = []
    for part in (model.get_submodule("encoder.body"), model.get_submodule("decoder.body")):
        part.register_forward_hook(lambda _, given, __: seen.append(tuple(given[0].shape)))
    x = pictures(2, 520, 900)
    mine = model.reconstruct(x)
    assert max(max(shape[2:]) for shape in seen) <= 512
    assert {shape[0] for shape in seen} == {1}
    assert mine.shape == x.shape
    with torch.no_grad():
        whole = ((library.decode(library.encode(x[:1] * 2 - 1).latents).sample + 1) / 2).clamp(0, 1)
    assert (mine[:1] - whole).abs().max() < 1e-5
    seen.clear()
    model.reconstruct(pictures(1, 512, 512))
    assert len(seen) == 2  # whole


def test_a_photo_is_reconstructed_at_its_own_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What no multiple of the factor covers is cut; several photos have the trained size; one too small is one line."""
    drawn(diffusers.AutoencoderTiny, TINY, tmp_path / "model")
    photo, out = tmp_path / "photo.png", tmp_path / "out.png"
    Image.new("RGB", (61, 35), (200, 30, 90)).save(photo)
    assert main(["reconstruct", str(photo), "--model", str(tmp_path / "model"), "-o", str(out), "--scale", "1"]) == 0
    with Image.open(out) as sheet:
        assert sheet.width >= 60
        assert sheet.height >= 2 * 34
        assert sheet.width < 80
    Image.new("RGB", (1, 1)).save(photo)
    assert main(["reconstruct", str(photo), "--model", str(tmp_path / "model"), "-o", str(out)]) == 4
    assert "at least 2 a side" in capsys.readouterr().err


def test_info_says_that_its_prior_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a folder: what it is there, and that drawn noise decodes to nothing."""
    drawn(diffusers.AutoencoderKL, KL, tmp_path / "model")
    assert "fill no N(0, I)" in " ".join(zoo.info(tmp_path / "model")["notes"])
    assert main(["info", str(tmp_path / "model")]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "it is AutoencoderKL of diffusers" in told
    assert "no picture" in told


def test_a_mixture_is_fitted_to_latents_of_several_axes(tmp_path: Path) -> None:
    """It is kept beside the model, drawn from, and likelier for other codes than N(0, I)."""
    pytest.importorskip("sklearn", reason="the extra `latent` is not installed")
    drawn(diffusers.AutoencoderTiny, TINY, tmp_path / "model")
    model = zoo.load(tmp_path / "model")
    assert isinstance(model, Encodes)
    seen, unseen = model.encode(pictures(80, 8, 8)), model.encode(pictures(100, 8, 8)[80:])
    report = held_out(fit_mixture(seen, components=2), unseen)
    assert report.mixture > report.normal


def test_a_mixture_beside_a_model(tmp_path: Path) -> None:
    """A folder with prior.safetensors beside the library's files samples from it."""
    pytest.importorskip("sklearn", reason="the extra `latent` is not installed")
    _, model = drawn(diffusers.AutoencoderKL, KL | {"sample_size": 8}, tmp_path / "model")
    assert model.latent_shape == (4, 4, 4)
    assert model.folder is not None
    save_mixture(model.folder, fit_mixture(model.encode(pictures(90, 8, 8)), components=2))
    again = zoo.load(tmp_path / "model")
    assert again.priors == ("normal", "mixture")
    assert again.sample(3, seed=0, prior="mixture").shape == (3, 3, 8, 8)
    assert torch.equal(again.sample(3, seed=0, prior="mixture"), again.sample(3, seed=0, prior="mixture"))
