"""The diffusers format on the Hub and on hostile input: what is listed and told, what is named, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import zoo
from zoo.cli.main import main
from zoo.errors import NotFoundError, WeightsError, ZooError
from zoo.images import import_torchvision

import_torchvision()
diffusers: Any = pytest.importorskip("diffusers", reason="the extra `diffusers` is not installed")

TINY = {"encoder_block_out_channels": (8, 8), "decoder_block_out_channels": (8, 8), "latent_channels": 2}
TINY |= {"num_encoder_blocks": (1, 1), "num_decoder_blocks": (1, 1)}
UNET = {"down_block_types": ("DownBlock2D", "AttnDownBlock2D"), "up_block_types": ("AttnUpBlock2D", "UpBlock2D")}
UNET |= {"block_out_channels": (8, 16), "norm_num_groups": 4, "attention_head_dim": 4, "layers_per_block": 1}


def files_of(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def coder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    diffusers.AutoencoderTiny(**TINY).save_pretrained(tmp_path / "coder")
    return tmp_path / "coder"


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    unet = diffusers.UNet2DModel(sample_size=8, **UNET)
    diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler()).save_pretrained(tmp_path / "ddpm")
    return tmp_path / "ddpm"


def test_what_is_on_the_hub_is_listed_and_told(hub: Any, coder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`zoo list --hub --format diffusers` by the library's tag, and `zoo info` of one, of which little is fetched."""
    hub.repo("some/coder", files_of(coder)).tags = ["diffusers", "safetensors"]
    hub.repo("some/zoo", {"config.json": b"{}"})
    assert main(["list", "--hub", "--format", "diffusers", "--json"]) == 0
    out, err = capsys.readouterr()
    assert [row["name"] for row in json.loads(out)] == ["hf://some/coder"]
    assert "`zoo info hf://some/coder` says what it is" in err
    assert main(["list", "--hub", "--json"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == ["hf://some/zoo"]
    assert main(["info", "hf://some/coder"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "it is AutoencoderTiny of diffusers" in told
    assert "fill no N(0, I)" in told
    assert main(["list", "--format", "diffusers", "--json"]) == 0
    assert {row["architecture"] for row in json.loads(capsys.readouterr().out)} == {
        "diffusers-autoencoder",
        "diffusers-unet",
    }
    assert main(["list", "--format", "gguf"]) == 3
    assert main(["list", "datasets", "--format", "diffusers"]) == 2


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {"a.safetensors": b"x", "config.json": b'{"model_type": "gpt2"}'},
            "is a gpt2 of transformers, which no plugin reads; none for transformers is installed",
        ),
        (
            {"unet/x.safetensors": b"x", "model_index.json": b'{"_class_name": "StableDiffusionPipeline"}'},
            "is a StableDiffusionPipeline of diffusers, which no plugin reads; of diffusers the plugin zoo_diffusers "
            ".* reads: AutoencoderKL",
        ),
        ({"G.pth": b"x", "config.json": b'{"model_type": "stylegan"}'}, "has pickled weights alone .G.pth."),
    ],
)
def test_what_is_not_read_is_named_with_who_reads_its_like(
    files: dict[str, bytes], told: str, hub: Any, tmp_path: Path
) -> None:
    """A transformers model, a pipeline for texts, and a GAN that is pickled alone, each in one line."""
    hub.repo("some/body", files)
    with pytest.raises((NotFoundError, WeightsError), match=told) as caught:
        zoo.load("hf://some/body", cache_dir=tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert not hub.asked("cdn GET")


def rewritten(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refused(place: Path, *words: str) -> None:
    """Loading is one line with these words, and exit code 3 or 4 in the command line."""
    with pytest.raises(ZooError) as caught:
        zoo.load(place)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 700
    assert all(word in text for word in words), text
    assert main(["verify", str(place)]) in (3, 4)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_train_timesteps": 10**9}, ["num_train_timesteps"]),
        ({"beta_start": 1e300}, ["beta_start"]),
        ({"beta_schedule": "__import__('os').system('id')"}, ["beta_schedule"]),
        ({"num_train_timesteps": 0}, ["num_train_timesteps"]),
    ],
)
def test_a_scheduler_that_cannot_be_meant(changes: dict[str, Any], words: list[str], pipeline: Path) -> None:
    """Before anything is built."""
    rewritten(pipeline / "scheduler" / "scheduler_config.json", **changes)
    refused(pipeline, *words)


def test_swapped_classes(pipeline: Path, coder: Path, tmp_path: Path) -> None:
    """A network that says that it is another one, a pipeline that hides a network of a class it does not have."""
    rewritten(pipeline / "unet" / "config.json", _class_name="AutoencoderKL")
    refused(pipeline)
    rewritten(coder / "config.json", _class_name="UNet2DModel")
    refused(coder, "no setting that is known")
    for name in ("UNet2DModel'; import os", "zoo_diffusers.library:built", "../UNet2DModel", 3, None, ["UNet2DModel"]):
        rewritten(coder / "config.json", _class_name=name, auto_map={"AutoModel": "evil--evil.Evil"})
        refused(coder)


def test_code_of_the_repository_is_not_even_fetched(hub: Any, pipeline: Path, tmp_path: Path) -> None:
    """A pipeline of a class of its own, in a file beside it: nothing of it runs, and it is named."""
    ran = tmp_path / "ran"
    evil = f"open({str(ran)!r}, 'w').close()".encode()
    rewritten(pipeline / "model_index.json", _class_name="Evil", unet=["evil", "UNet2DModel"])
    hub.repo("some/evil", files_of(pipeline) | {"evil.py": evil, "unet/evil.py": evil})
    with pytest.raises(ZooError, match="is a Evil of diffusers"):
        zoo.load("hf://some/evil", cache_dir=tmp_path / "cache")
    assert not hub.asked(r"GET .*\.py")
    assert not ran.exists()


def test_an_index_that_leads_elsewhere(pipeline: Path, tmp_path: Path) -> None:
    """Out of the folder, into a link, to a file that is none of weights, or to thousands."""
    unet = pipeline / "unet"
    (unet / "diffusion_pytorch_model.safetensors").rename(tmp_path / "outside.safetensors")
    index = unet / "diffusion_pytorch_model.safetensors.index.json"
    maps: list[Any] = [
        {"a": "../../outside.safetensors"},
        {"a": str(tmp_path / "outside.safetensors")},
        {"a": "config.json"},
        {"a": 3},
        {},
        [],
        "x",
        {str(number): f"{number}.safetensors" for number in range(1_000)},
    ]
    for weight_map in maps:
        index.write_text(json.dumps({"weight_map": weight_map}))
        refused(pipeline)
    index.write_bytes(b"[" * 10**6)
    refused(pipeline)
