"""zoo_diffusers.transformers: DiTTransformer2DModel on pixels, asked for a class."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import zoo
from zoo.errors import UsageError, WeightsError
from zoo.images import import_torchvision

import_torchvision()
diffusers: Any = pytest.importorskip("diffusers", reason="the extra `diffusers` is not installed")

# The library's schedulers call NumPy in a way that it deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
DIT = {"num_attention_heads": 2, "attention_head_dim": 4, "num_layers": 2, "norm_num_groups": 1, "in_channels": 3}
DIT |= {"sample_size": 8, "patch_size": 2, "num_embeds_ada_norm": 5}


def made(folder: Path, **changes: Any) -> Any:
    """A network with weights that are not small, and its scheduler beside it."""
    torch.manual_seed(0)
    network = diffusers.DiTTransformer2DModel(**DIT | changes)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    network.save_pretrained(folder / "transformer")
    diffusers.DDIMScheduler().save_pretrained(folder / "scheduler")
    return network.eval()


@pytest.mark.parametrize("variance", [False, True])
def test_it_samples_as_the_library_does(variance: bool, tmp_path: Path) -> None:
    """From the same noise, of the same classes; what it tells of a variance is left aside, as the library does."""
    network = made(tmp_path, out_channels=6 if variance else None)
    model = zoo.load(tmp_path)
    assert (model.num_classes, model.data_shape) == (5, (3, 8, 8))
    z, labels = model.latents(3, seed=0), torch.tensor([4, 0, 2])
    scheduler = diffusers.DDIMScheduler()
    scheduler.set_timesteps(5)
    x = z
    with torch.no_grad():
        for t in scheduler.timesteps:
            told = network(x, timestep=t.expand(3), class_labels=labels).sample[:, :3]
            x = scheduler.step(told, t, x).prev_sample
    mine = model.decode(z, labels, steps=5, guidance_scale=1)
    assert torch.allclose(mine, ((x + 1) / 2).clamp(0, 1), atol=1e-5)
    assert torch.equal(model.sample(3, seed=0, labels=[4, 0, 2], steps=5, guidance_scale=1), mine)
    assert not torch.equal(model.sample(1, seed=0, labels=1, steps=5, guidance_scale=1), mine[:1])
    assert not torch.equal(model.sample(3, seed=0, labels=[4, 0, 2], steps=5), mine)  # guided, where nobody says not
    with pytest.raises(UsageError, match="labels"):
        model.sample(1, labels=5)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"in_channels": 4}, "latents of an autoencoder, which stands in no pipeline with it"),
        ({"num_layers": 10**6}, "num_layers is"),
        ({"num_attention_heads": 8_000, "attention_head_dim": 8_000}, "cannot be meant"),
        ({"patch_size": 3}, "multiple of patch_size"),
        ({"patch_size": 0}, "multiple of patch_size"),
        ({"out_channels": 7}, "out_channels must be"),
        ({"num_embeds_ada_norm": 0}, "no classes"),
        ({"num_attention_heads": None}, "must be a whole number"),
        ({"sample_size": [8, 8]}, "sample_size is"),
        ({"num_embeds_ada_norm": 10**9}, "num_embeds_ada_norm is"),
        ({"norm_type": "__import__"}, "norm_type is"),
        ({"num_layers": 3}, "belongs to another architecture"),
    ],
)
def test_what_cannot_be_meant_is_one_line(changes: dict[str, Any], told: str, tmp_path: Path) -> None:
    """Before memory is taken."""
    made(tmp_path)
    path = tmp_path / "transformer" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises((WeightsError, ValueError), match=told) as caught:
        zoo.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_pipeline_that_needs_a_text_is_named(tmp_path: Path, hub: Any) -> None:
    """What it is stands in the error."""
    index = {"_class_name": "PixArtPipeline", "transformer": ["diffusers", "Transformer2DModel"]}
    index |= {"vae": ["diffusers", "AutoencoderKL"], "text_encoder": ["transformers", "T5EncoderModel"]}
    files = {"model_index.json": json.dumps(index).encode(), "transformer/x.safetensors": b"x"}
    hub.repo("some/dit", files)
    with pytest.raises(zoo.errors.NotFoundError, match="is a PixArtPipeline of diffusers, which no plugin reads"):
        zoo.load("hf://some/dit", cache_dir=tmp_path / "cache")
