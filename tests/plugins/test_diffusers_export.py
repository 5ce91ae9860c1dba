"""zoo_diffusers.exporting: what is written is loaded by the library itself, and gives what the zoo gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import zoo
from zoo.catalogue.contract.references import import_reference
from zoo.catalogue.plugins.loading import default_registry
from zoo.errors import StorageError, UsageError
from zoo.images import import_torchvision
from zoo_diffusers.exporting import write

import_torchvision()
diffusers: Any = pytest.importorskip("diffusers", reason="the extra `diffusers` is not installed")

# The library's schedulers call NumPy in a way that it deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

CONFIG = {"image_size": 8, "widths": [8, 16], "attention": [4], "groups": 4, "head_size": 8}


def trained(folder: Path, **config: Any) -> Any:
    return zoo.train("ddpm", data="shapes", folder=folder, examples=32, batch_size=8, config=CONFIG | config).model


@pytest.mark.parametrize(
    "config",
    [{}, {"num_classes": 3, "schedule": "linear", "predicts": "v_prediction", "blocks": 2, "attention": []}],
    ids=["plain", "all"],
)
def test_the_library_loads_a_ddpm_and_samples_the_same(config: dict[str, Any], tmp_path: Path) -> None:
    """UNet2DModel tells the same noise; DDIMScheduler, as written, leads to the same pictures; so does the zoo."""
    model = trained(tmp_path / "run", **config)
    files = write(model, "mine", tmp_path / "out")
    assert [str(path.relative_to(tmp_path / "out")) for path in files] == [
        "model_index.json",
        "scheduler/scheduler_config.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
    ]
    pipeline = diffusers.DDIMPipeline.from_pretrained(tmp_path / "out")
    assert isinstance(pipeline.unet, diffusers.UNet2DModel)
    z = model.latents(2, seed=0)
    labels = torch.tensor([0, 2]) if config else None
    t = torch.tensor([5, 900])
    with torch.no_grad():
        mine, theirs = model.denoiser(z, t, labels), pipeline.unet(z, t, labels).sample
    assert torch.allclose(mine, theirs, atol=1e-5)
    assert float(mine.std()) > 0.01
    x, scheduler = z, pipeline.scheduler
    scheduler.set_timesteps(10)
    with torch.no_grad():
        for t in scheduler.timesteps:
            x = scheduler.step(pipeline.unet(x, t, labels).sample, t, x).prev_sample
    expected = model.decode(z, labels, steps=10)
    assert torch.allclose(((x + 1) / 2).clamp(0, 1), expected, atol=1e-5)
    assert torch.allclose(zoo.load(tmp_path / "out").decode(z, labels, steps=10), expected, atol=1e-5)
    ancestral = diffusers.DDPMScheduler.from_pretrained(tmp_path / "out", subfolder="scheduler")
    assert ancestral.config.prediction_type == model.denoiser.predicts == config.get("predicts", "v_prediction")


def test_the_librarys_own_models_come_back(tmp_path: Path) -> None:
    """An autoencoder and a pipeline that were loaded are written as they were, tensor for tensor."""
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
    coder = diffusers.AutoencoderKL(**blocks, block_out_channels=(8, 16), norm_num_groups=4, sample_size=16)
    coder.save_pretrained(tmp_path / "coder")
    unet = diffusers.UNet2DModel(
        sample_size=8,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(8, 16),
        norm_num_groups=4,
    )
    diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler(beta_end=0.01)).save_pretrained(tmp_path / "unet")
    for name, network in (("coder", coder), ("unet", unet)):
        write(zoo.load(tmp_path / name), name, tmp_path / f"{name}-out")
        place = tmp_path / f"{name}-out" / ("unet" if name == "unet" else "")
        again = type(network).from_pretrained(place).state_dict()
        assert again.keys() == network.state_dict().keys()
        assert all(torch.equal(again[key], tensor) for key, tensor in network.state_dict().items())
        assert zoo.load(tmp_path / f"{name}-out").info["config"] == zoo.load(tmp_path / name).info["config"]


def test_what_does_not_fit_is_told(tmp_path: Path) -> None:
    """Other networks in one line that names what fits; a folder with something in it stays as it is."""
    fits = "which diffusers lacks; what fits: ddpm, diffusers-unet, diffusers-autoencoder"
    with pytest.raises(UsageError, match=f"vae-mnist is a conv-vae, {fits}"):
        write(zoo.load("vae-mnist"), "vae-mnist", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note").write_text("x")
    model = trained(tmp_path / "run")
    with pytest.raises(StorageError):
        write(model, "mine", tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["note"]


def test_it_is_registered() -> None:
    """As the export `diffusers`, of a folder."""
    spec = default_registry().export("diffusers")
    assert import_reference(spec.code, "export diffusers", "") is write
    assert not spec.suffix
