"""zoo_diffusers: pipelines in the latents of an autoencoder, from the Hub, and where they cannot be meant."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import zoo
from zoo.cli.main import main
from zoo.errors import ZooError
from zoo.images import import_torchvision

import_torchvision()
diffusers: Any = pytest.importorskip("diffusers", reason="the extra `diffusers` is not installed")

# The library's schedulers call NumPy in a way that it deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

DIT = {"num_attention_heads": 2, "attention_head_dim": 4, "num_layers": 1, "in_channels": 4, "out_channels": 8}
DIT |= {"sample_size": 8, "patch_size": 2, "num_embeds_ada_norm": 6}
KL = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
KL |= {"block_out_channels": (8, 16), "norm_num_groups": 4, "sample_size": 16}
NAMES = {str(number): f"thing {number}, other {number}" for number in range(6)}
INDEX, NETWORK, CODER = "model_index.json", "transformer/config.json", "vae/config.json"
WIDE = {"num_attention_heads": 4096, "attention_head_dim": 2, "sample_size": 128, "patch_size": 1}
SCHEDULER = "scheduler/scheduler_config.json"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny DiTPipeline as the library writes it, with the class names that the Hub's have."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("dit") / "pipeline"
    parts = diffusers.DiTTransformer2DModel(**DIT), diffusers.AutoencoderKL(**KL), diffusers.DDIMScheduler()
    diffusers.DiTPipeline(*parts).save_pretrained(path)
    changed(path / INDEX, id2label=NAMES)
    return path


@pytest.fixture
def pipeline(written: Path, tmp_path: Path) -> Path:
    shutil.copytree(written, tmp_path / "dit")
    return tmp_path / "dit"


def changed(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refused(place: Path, told: str) -> None:
    """Loading is one short line that says it, and exit code 3 or 4 on the command line."""
    with pytest.raises(ZooError, match=told) as caught:
        zoo.load(place)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert main(["verify", str(place)]) in (3, 4)


@pytest.mark.parametrize(
    ("file", "changes", "told"),
    [
        (NETWORK, {"num_embeds_ada_norm": 10**9}, "num_embeds_ada_norm is 1000000000, which cannot be meant"),
        (NETWORK, {"in_channels": 3}, "its latents have 4 channels and 8 a side, and the network works on 3 and 8"),
        (NETWORK, {"in_channels": 10**9}, "in_channels is"),
        (NETWORK, {"in_channels": None}, "in_channels is None; it must be a whole number"),
        (NETWORK, {"out_channels": 3}, "out_channels must be 4, or 8 with a variance"),
        (NETWORK, WIDE, "16,384 patches of 8,192 numbers: that cannot be meant"),
        (NETWORK, {"sample_size": 513}, "image_size = 513 is not allowed"),
        (NETWORK, {"sample_size": None}, "squares alone are read"),
        (NETWORK, {"num_embeds_ada_norm": None}, "num_embeds_ada_norm is None; it must be a whole number"),
        (NETWORK, {"num_layers": 2}, "belongs to another architecture"),
        (NETWORK, {"_class_name": "UNet2DModel"}, "a DiTTransformer2DModel, transformer/config.json a 'UNet2DModel'"),
        (CODER, {"latent_channels": 3}, "its latents have 3 channels and 8 a side, and the network works on 4 and 8"),
        (CODER, {"latent_channels": 10**9}, "latent_channels is"),
        (CODER, {"latent_channels": None}, "latent_channels is None; it must be a whole number"),
        (CODER, {"latent_channels": "four"}, "latent_channels is 'four'; it must be a whole number"),
        (CODER, {"in_channels": "three"}, "in_channels is 'three'; it must be a whole number"),
        (CODER, {"block_out_channels": [8] * 12}, "image_size = 16384 is not allowed"),
        (CODER, {"block_out_channels": 8}, "block_out_channels is 8; it must be a list of widths"),
        (CODER, {"block_out_channels": []}, "it must be a list of widths"),
        (CODER, {"block_out_channels": [8, 32]}, "the architecture needs"),
        (CODER, {"scaling_factor": 0}, "scaling_factor is 0; it must be a number above 0"),
        (CODER, {"scaling_factor": -0.5}, "scaling_factor is -0.5"),
        (CODER, {"scaling_factor": 1e-300}, "scaling_factor is 1e-300"),
        (CODER, {"scaling_factor": None}, "scaling_factor is None"),
        (CODER, {"scaling_factor": True}, "scaling_factor is True"),
        (CODER, {"shift_factor": 0.1}, "shift_factor is 0.1, which no pipeline heeds"),
        (CODER, {"out_channels": 4}, "in_channels and out_channels differ"),
        (CODER, {"_class_name": "VQModel"}, "names a AutoencoderKL, vae/config.json a 'VQModel'"),
        (SCHEDULER, {"_class_name": "FlowMatchEulerDiscreteScheduler"}, "FlowMatchEulerDiscreteScheduler is not read"),
        (SCHEDULER, {"_class_name": ["DDIMScheduler"]}, "is not read"),
        (SCHEDULER, {"trained_betas": [0.1] * 1000}, "trained_betas is .*, and cannot be translated"),
        (SCHEDULER, {"prediction_type": "flow_prediction"}, "prediction_type is 'flow_prediction'"),
        (INDEX, {"vae": ["diffusers", "AutoencoderDC"]}, "pipeline of diffusers, which the"),
        (INDEX, {"text_encoder": ["transformers", "T5"]}, "pipeline of diffusers, which the"),
        (INDEX, {"transformer": ["evil", "DiTTransformer2DModel"]}, "pipeline of diffusers, which the"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(file: str, changes: dict[str, Any], told: str, pipeline: Path) -> None:
    """Of the network, the autoencoder, the scheduler, and the pipeline: before memory is taken."""
    changed(pipeline / file, **changes)
    refused(pipeline, told)


@pytest.mark.parametrize(
    ("id2label", "told"),
    [
        ({key: name for key, name in NAMES.items() if key != "3"} | {"6": "six"}, "id2label has no class 3, of 6"),
        ({key: name for key, name in NAMES.items() if key != "3"}, "names 5 classes, the network has 6"),
        ({str(number): "x" for number in range(20_000)}, "names 20,000 classes, the network has 6"),
        ({str(number): f"n{number}" for number in range(10**6)}, "which the zoo does not read"),  # over a megabyte
        ("tench", "id2label is 'tench'; it must be a table"),
        (["a", "b", "c", "d", "e", "f"], "it must be a table"),
        (7, "id2label is 7; it must be a table"),
        (NAMES | {"2": 3}, "calls class 2 3, which is no name"),
        (NAMES | {"2": " , ,"}, "calls class 2 ' , ,', which is no name"),
        (NAMES | {"2": "a\x1b[31m"}, "which is no name"),
        (NAMES | {"2": "x", "4": "x", "0": "x (2)"}, "data.classes has a name twice"),
    ],
)
def test_class_names_that_do_not_fit_are_one_line(id2label: Any, told: str, pipeline: Path) -> None:
    """A hole, too many, no table, no names."""
    changed(pipeline / INDEX, id2label=id2label)
    refused(pipeline, told)


def _lost(file: str) -> Callable[[Path], None]:
    return lambda folder: (folder / file).unlink()


def _pickled(folder: Path) -> None:
    file = folder / "vae" / "diffusion_pytorch_model.safetensors"
    file.rename(file.with_suffix(".bin"))


def _swapped(folder: Path) -> None:
    """The weights of the network where those of the autoencoder were."""
    name = "diffusion_pytorch_model.safetensors"
    shutil.copy(folder / "transformer" / name, folder / "vae" / name)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (_lost(CODER), "names a AutoencoderKL, and there is no vae/config.json"),
        (_lost(NETWORK), "names a DiTTransformer2DModel, and there is no transformer/config.json"),
        (_lost("vae/diffusion_pytorch_model.safetensors"), "there are no weights beside vae/config.json"),
        (_pickled, "vae/diffusion_pytorch_model.bin is pickled, and there are no safetensors beside it"),
        (_swapped, "a second time"),
    ],
)
def test_files_that_are_not_there_are_one_line(harm: Callable[[Path], None], told: str, pipeline: Path) -> None:
    """Tables and weights, of both networks."""
    harm(pipeline)
    refused(pipeline, told)


def test_without_names_classes_are_numbers(pipeline: Path) -> None:
    """As the library itself writes a pipeline."""
    table = json.loads((pipeline / INDEX).read_text())
    table.pop("id2label")
    (pipeline / INDEX).write_text(json.dumps(table))
    model = zoo.load(pipeline)
    assert (model.classes, model.num_classes) == ((), 6)
    assert model.sample(1, labels=5, steps=1, seed=0).shape == (1, 3, 16, 16)
    with pytest.raises(zoo.errors.UsageError, match="whole numbers from 0 to 5"):
        model.sample(1, labels=6)  # the class that stands for none is none to ask for


def test_a_network_with_a_condition_beside_the_noise_is_named(tmp_path: Path) -> None:
    """LDMSuperResolutionPipeline has the parts of an LDMPipeline, and needs a picture."""
    blocks = {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2}
    unet = diffusers.UNet2DModel(
        sample_size=8, in_channels=6, out_channels=3, block_out_channels=(8, 8), norm_num_groups=4, **blocks
    )
    coder = diffusers.VQModel(**KL, num_vq_embeddings=8)
    diffusers.LDMPipeline(coder, unet, diffusers.DDIMScheduler()).save_pretrained(tmp_path / "sr")
    changed(tmp_path / "sr" / INDEX, _class_name="LDMSuperResolutionPipeline")
    refused(tmp_path / "sr", "takes a condition beside the noise")


def files_of(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_from_the_hub(hub: Any, pipeline: Path, tmp_path: Path) -> None:
    """Five tables, two files of weights; offline it is there. Pickles on the main branch, and safetensors that somebody
    proposed beside them: the first are refused in a line, the others have a name.
    """
    files = files_of(pipeline)
    old = {name.replace(".safetensors", ".bin"): content for name, content in files.items()}
    repo = hub.repo("some/dit", old)
    cache = tmp_path / "cache"
    with pytest.raises(ZooError, match=r"transformer/diffusion_pytorch_model.bin is pickled"):
        zoo.load("hf://some/dit", cache_dir=cache)
    commit = repo.commit(files | {"vae/evil.py": b"raise SystemExit", "notes.bin": b"x"}, ref="refs/pr/1")
    model = zoo.load("hf://some/dit@refs/pr/1", cache_dir=cache)
    assert model.origin == f"hf://some/dit@{commit}"
    expected = zoo.load(pipeline).sample(2, seed=0, labels="thing 4", steps=2)
    assert torch.equal(model.sample(2, seed=0, labels="thing 4", steps=2), expected)
    assert not hub.asked(r"GET .*\.(bin|py)")
    again = zoo.load("hf://some/dit@refs/pr/1", cache_dir=cache, local_files_only=True)
    assert torch.equal(again.sample(2, seed=0, labels="thing 4", steps=2), expected)
    found = zoo.pull("hf://some/dit@refs/pr/1", to=tmp_path / "mine", cache_dir=cache)
    assert found["files"] == 6
    assert torch.equal(zoo.load(tmp_path / "mine").sample(2, seed=0, labels="thing 4", steps=2), expected)
