"""zoo_diffusers: models that the diffusers library writes are read, and give what the library gives."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import zoo
from zoo.cli.main import main
from zoo.errors import DataError, IntegrityError, NetworkError, NotFoundError, UsageError, WeightsError
from zoo.images import import_torchvision
from zoo.nn.abilities import Encodes

import_torchvision()
diffusers: Any = pytest.importorskip("diffusers", reason="the extra `diffusers` is not installed")

# The library's schedulers call NumPy in a way that it deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

KL = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
KL |= {"block_out_channels": (8, 16), "norm_num_groups": 4, "sample_size": 16}
UNET = {"down_block_types": ("DownBlock2D", "AttnDownBlock2D"), "up_block_types": ("AttnUpBlock2D", "UpBlock2D")}
UNET |= {"block_out_channels": (8, 16), "norm_num_groups": 4, "attention_head_dim": 4, "layers_per_block": 1}
PICTURES = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def made(build: Any, **settings: Any) -> Any:
    torch.manual_seed(0)
    network = build(**settings)
    for parameter in network.parameters():  # what is zero at the start would hide a wrong name
        torch.nn.init.normal_(parameter, std=0.05)
    return network.eval()


@pytest.fixture
def kl(tmp_path: Path) -> Path:
    made(diffusers.AutoencoderKL, **KL).save_pretrained(tmp_path / "kl")
    return tmp_path / "kl"


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    unet = made(diffusers.UNet2DModel, sample_size=8, **UNET)
    diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler()).save_pretrained(tmp_path / "ddpm")
    return tmp_path / "ddpm"


def rewritten(path: Path, **changes: Any) -> None:
    """A JSON table with some keys changed."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_an_autoencoder_encodes_and_decodes_as_the_library_does(kl: Path) -> None:
    """Mean and log variance are the library's, scaled; what is decoded is its picture, moved to [0, 1]."""
    model = zoo.load(kl)
    assert isinstance(model, Encodes)
    library = diffusers.AutoencoderKL.from_pretrained(kl).eval()
    posterior = model.encode(PICTURES)
    with torch.no_grad():
        theirs = library.encode(PICTURES * 2 - 1).latent_dist
        scale = library.config.scaling_factor
        assert torch.allclose(posterior.mean, theirs.mean * scale, atol=1e-5)
        assert torch.allclose(posterior.log_var.exp().sqrt(), theirs.std * scale, atol=1e-5)
        back = (library.decode(theirs.mean).sample + 1) / 2
    assert model.latent_shape == (4, 8, 8)
    assert torch.allclose(model.reconstruct(PICTURES), back.clamp(0, 1), atol=1e-5)


def test_it_is_not_saved_in_the_zoos_format(kl: Path, tmp_path: Path) -> None:
    """It has no recipe: a line says how to keep it, and nothing is written."""
    with pytest.raises(UsageError, match="another library's format, and has no recipe to write; zoo pull"):
        zoo.save(zoo.load(str(kl)), tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(("dtype", "variant"), [("float16", "fp16"), ("bfloat16", None), ("float32", None)])
@pytest.mark.parametrize("shards", ["20KB", "1GB"])
def test_sixteen_bits_and_several_files_are_the_librarys_own(
    dtype: str, variant: str | None, shards: str, tmp_path: Path
) -> None:
    """As the library writes them, in a folder below, in one file or several: what it makes of them itself."""
    network = made(diffusers.AutoencoderKL, **KL).to(getattr(torch, dtype))
    network.save_pretrained(tmp_path / "vae", variant=variant, max_shard_size=shards)
    assert (len([*(tmp_path / "vae").glob("*.safetensors")]) > 1) == (shards == "20KB")
    model = zoo.load(tmp_path).float()
    assert isinstance(model, Encodes)
    how = {"subfolder": "vae", "variant": variant, "torch_dtype": torch.float32}
    library = diffusers.AutoencoderKL.from_pretrained(tmp_path, **how).eval()
    with torch.no_grad():
        theirs = library.encode(PICTURES * 2 - 1).latent_dist.mean
        back = (library.decode(theirs).sample + 1) / 2
    assert torch.allclose(model.encode(PICTURES).mean, theirs * library.config.scaling_factor, atol=1e-5)
    assert torch.allclose(model.reconstruct(PICTURES), back.clamp(0, 1), atol=1e-5)


@pytest.mark.parametrize("kind", ["AutoencoderTiny", "VQModel"])
def test_other_autoencoders(kind: str, tmp_path: Path) -> None:
    """Without a variance their posteriors are points; a codebook is looked through on the way back."""
    tiny = {"encoder_block_out_channels": (8, 8), "decoder_block_out_channels": (8, 8)}
    tiny |= {"num_encoder_blocks": (1, 1), "num_decoder_blocks": (1, 1)}
    settings = tiny if kind == "AutoencoderTiny" else KL | {"num_vq_embeddings": 16}
    library = made(getattr(diffusers, kind), **settings)
    library.save_pretrained(tmp_path / "model")
    model = zoo.load(tmp_path / "model")
    assert isinstance(model, Encodes)
    x = torch.rand(2, *model.data_shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        encoded = library.encode(x * 2 - 1)
        latents = encoded.latents
        back = (library.decode(latents).sample + 1) / 2
    scale = library.config.scaling_factor
    assert torch.allclose(model.encode(x).mean, latents * scale, atol=1e-5)
    assert torch.allclose(model.reconstruct(x), back.clamp(0, 1), atol=1e-4)


def test_a_codebook_of_another_width_and_a_scale_that_is_not_said(tmp_path: Path) -> None:
    """Latents are as wide as the entries of the codebook; a scale that no table says is the library's usual one."""
    library = made(diffusers.VQModel, **KL | {"num_vq_embeddings": 16, "vq_embed_dim": 2})
    library.save_pretrained(tmp_path / "model")
    table = json.loads((tmp_path / "model" / "config.json").read_text())
    table.pop("scaling_factor")
    (tmp_path / "model" / "config.json").write_text(json.dumps(table))
    model = zoo.load(tmp_path / "model")
    assert isinstance(model, Encodes)
    assert model.latent_shape == (2, 8, 8)
    with torch.no_grad():
        latents = library.encode(PICTURES * 2 - 1).latents
    assert torch.allclose(model.encode(PICTURES).mean, latents * library.config.scaling_factor, atol=1e-5)
    assert model.reconstruct(PICTURES).shape == PICTURES.shape


@pytest.mark.parametrize(
    ("sampler", "scheduler"),
    [("ddim", "DDIMScheduler"), ("dpm", "DPMSolverMultistepScheduler"), ("euler", "EulerDiscreteScheduler")],
)
def test_a_diffusion_model_samples_as_the_library_does(sampler: str, scheduler: str, pipeline: Path) -> None:
    """From the same first noise, by each deterministic scheduler."""
    model = zoo.load(pipeline)
    z = model.latents(2, seed=3)
    mine = model.decode(z, steps=7, sampler=sampler)
    of = diffusers.DDPMPipeline.from_pretrained(pipeline)
    settings = dict(of.scheduler.config)
    if sampler != "ddim":
        settings = {key: value for key, value in settings.items() if not key.startswith("clip_sample")}
    steps = getattr(diffusers, scheduler).from_config(settings)
    steps.set_timesteps(7)
    x = z * steps.init_noise_sigma
    with torch.no_grad():
        for t in steps.timesteps:
            x = steps.step(of.unet(steps.scale_model_input(x, t), t).sample, t, x).prev_sample
    assert torch.allclose(mine, ((x + 1) / 2).clamp(0, 1), atol=1e-5)
    assert torch.equal(model.sample(2, seed=3, steps=7, sampler=sampler), mine)
    assert torch.equal(model.sample(1, seed=3, steps=7, sampler=sampler), mine[:1])


@pytest.mark.parametrize(
    "settings", [{}, {"variance_type": "fixed_large", "clip_sample": False}], ids=["small", "large"]
)
def test_the_ancestral_sampler_is_the_librarys(
    settings: dict[str, Any], pipeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DDPMScheduler given the same noises, which are the latent: of both variances that are fixed."""
    rewritten(pipeline / "scheduler" / "scheduler_config.json", **settings)
    model = zoo.load(pipeline)
    z = model.latents(2, seed=3, steps=7, sampler="ddpm")
    assert z.shape == (2, 7, 3, 8, 8)
    mine = model.decode(z, steps=7, sampler="ddpm")
    of = diffusers.DDPMPipeline.from_pretrained(pipeline)
    of.scheduler.set_timesteps(7)
    drawn = iter(z[:, 1:].unbind(1))
    monkeypatch.setattr("diffusers.schedulers.scheduling_ddpm.randn_tensor", lambda *_, **__: next(drawn))
    x = z[:, 0]
    with torch.no_grad():
        for t in of.scheduler.timesteps:
            x = of.scheduler.step(of.unet(x, t).sample, t, x).prev_sample
    assert torch.allclose(mine, ((x + 1) / 2).clamp(0, 1), atol=1e-5)
    assert next(drawn, None) is None
    assert torch.equal(model.sample(1, seed=3, steps=7, sampler="ddpm"), mine[:1])


def test_the_librarys_own_pipeline_agrees(pipeline: Path) -> None:
    """DDIMPipeline with no noise added gives the same pictures from the same noise."""
    model = zoo.load(pipeline)
    of = diffusers.DDIMPipeline.from_pretrained(pipeline)
    of.set_progress_bar_config(disable=True)
    z = model.latents(2, seed=0)
    generators = [torch.Generator().manual_seed(0)] * 2
    original = diffusers.pipelines.ddim.pipeline_ddim.randn_tensor
    diffusers.pipelines.ddim.pipeline_ddim.randn_tensor = lambda *_, **__: z
    try:
        theirs = of(batch_size=2, generator=generators, num_inference_steps=5, output_type="np", eta=0.0).images
    finally:
        diffusers.pipelines.ddim.pipeline_ddim.randn_tensor = original
    mine = model.decode(z, steps=5)
    assert torch.allclose(mine, torch.from_numpy(theirs).permute(0, 3, 1, 2), atol=1e-5)


def test_options_are_checked(pipeline: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Steps and samplers that cannot be meant are one line, here and on the command line."""
    model = zoo.load(pipeline)
    for bad in ({"steps": 0}, {"steps": 10**9}, {"sampler": "heun"}, {"step": 3}):
        with pytest.raises(UsageError):
            model.sample(1, **bad)
    out = tmp_path / "x.png"
    assert main(["sample", str(pipeline), "-n", "2", "--steps", "2", "--sampler", "euler", "-o", str(out)]) == 0
    assert out.is_file()
    assert main(["sample", str(pipeline), "-n", "2", "--steps", "0", "-o", str(out)]) == 2
    assert main(["sample", "vae-mnist", "-n", "2", "--steps", "2", "-o", str(out)]) == 2
    assert "takes no steps" in capsys.readouterr().err


def test_older_names_halves_and_pieces(pipeline: Path, tmp_path: Path) -> None:
    """Attention as it was named before 0.11, weights of 16 bits, and weights in several files."""
    from safetensors.torch import load_file, save_file

    model = zoo.load(pipeline)
    expected = model.sample(2, seed=0, steps=3)
    file = pipeline / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    older = {}
    for key, tensor in tensors.items():
        for new, old in names.items():
            key = key.replace(f".{new}.", f".{old}.") if ".attentions." in key else key
        older[key] = tensor
    assert older.keys() != tensors.keys()
    save_file(older, file)
    assert torch.equal(zoo.load(pipeline).sample(2, seed=0, steps=3), expected)
    halves = {key: tensor.half() for key, tensor in tensors.items()}
    save_file(halves, file.with_name("diffusion_pytorch_model.fp16.safetensors"))
    file.unlink()
    assert (zoo.load(pipeline).sample(2, seed=0, steps=3) - expected).abs().max() < 0.05
    file.with_name("diffusion_pytorch_model.fp16.safetensors").unlink()
    half = len(tensors) // 2
    pieces = [dict([*tensors.items()][:half]), dict([*tensors.items()][half:])]
    places = {}
    for number, piece in enumerate(pieces, 1):
        name = f"diffusion_pytorch_model-{number:05}-of-00002.safetensors"
        save_file(piece, file.with_name(name))
        places |= dict.fromkeys(piece, name)
    index = file.with_name("diffusion_pytorch_model.safetensors.index.json")
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    assert torch.equal(zoo.load(pipeline).sample(2, seed=0, steps=3), expected)
    index.write_text(json.dumps({"weight_map": dict.fromkeys(places, "../../secret.safetensors")}))
    with pytest.raises(WeightsError, match="files that are not there"):
        zoo.load(pipeline)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"block_out_channels": [10**9, 10**9]}, "block_out_channels is"),
        ({"layers_per_block": 10**6}, "layers_per_block is"),
        ({"auto": "x"}, "'auto' is no setting that is known"),
        ({"act_fn": "__import__('os')"}, "act_fn is"),
        ({"down_block_types": ["DownEncoderBlock2D"] * 99}, "down_block_types is"),
        ({"block_out_channels": [8, 32]}, "the architecture needs"),
        ({"block_out_channels": 8}, "must be a list of widths"),
        ({"out_channels": 1}, "in_channels and out_channels differ"),
    ],
)
def test_settings_that_cannot_be_meant(changes: dict[str, Any], told: str, kl: Path) -> None:
    """One line, before memory is taken; nothing of the repository is executed."""
    rewritten(kl / "config.json", **changes)
    with pytest.raises(DataError, match=told):
        zoo.load(kl)


def test_a_swapped_class_does_not_load(kl: Path) -> None:
    """The settings of one class are none of another's; an unknown class is nobody's; pickled weights stay closed."""
    rewritten(kl / "config.json", _class_name="VQModel")
    with pytest.raises(WeightsError):
        zoo.load(kl)
    rewritten(kl / "config.json", _class_name="Evil", auto_map={"AutoModel": "evil.py"})
    with pytest.raises(NotFoundError):
        zoo.load(kl)
    table = json.loads((kl / "config.json").read_text())
    table.pop("auto_map")
    (kl / "config.json").write_text(json.dumps(table | {"_class_name": "AutoencoderKL"}))
    (kl / "diffusion_pytorch_model.safetensors").rename(kl / "diffusion_pytorch_model.bin")
    with pytest.raises(WeightsError, match="is pickled"):
        zoo.load(kl)


# --- the Hub -------------------------------------------------------------------------------------------------------


def files_of(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_from_the_hub(hub: Any, pipeline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tables and safetensors alone are fetched, into the Hub's cache; every byte is checked; offline it is there."""
    extra = {"unet/diffusion_pytorch_model.bin": b"pickle", "unet/evil.py": b"raise SystemExit", "notes.md": b"x"}
    hub.repo("google/ddpm", files_of(pipeline) | extra)
    cache = tmp_path / "cache"
    model = zoo.load("hf://google/ddpm", cache_dir=cache)
    expected = zoo.load(pipeline).sample(2, seed=0, steps=3)
    assert torch.equal(model.sample(2, seed=0, steps=3), expected)
    assert model.origin.startswith("hf://google/ddpm@")
    assert not hub.asked(r"GET .*\.(bin|py|md)")
    assert torch.equal(
        zoo.load("hf://google/ddpm", cache_dir=cache, local_files_only=True).sample(2, seed=0, steps=3), expected
    )
    told = zoo.info("hf://google/ddpm", cache_dir=cache)
    assert told["architecture"] == "diffusers-unet"
    assert told["data_shape"] == [3, 8, 8]
    found = zoo.pull("hf://google/ddpm", to=tmp_path / "mine", cache_dir=cache)
    assert (tmp_path / "mine" / "unet" / "config.json").is_file()
    assert found["files"] == 4
    assert torch.equal(zoo.load(tmp_path / "mine").sample(2, seed=0, steps=3), expected)
    blob = next(path for path in (cache / "models--google--ddpm" / "blobs").iterdir() if path.stat().st_size > 10_000)
    blob.write_bytes(blob.read_bytes()[:-1] + b"\1")
    with pytest.raises(IntegrityError):
        zoo.load("hf://google/ddpm", cache_dir=cache, local_files_only=True)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"pytorch_model.bin": b"x", "config.json": b'{"model_type": "gpt2"}'}, "has pickled weights alone"),
        ({"model.ckpt": b"x"}, "has pickled weights alone"),
        (
            {"a.safetensors": b"x", "config.json": b'{"model_type": "gpt2", "architectures": []}'},
            "is a gpt2 of transformers, which no plugin reads",
        ),
        (
            {"vae/x.safetensors": b"x", "model_index.json": b'{"_class_name": "StableDiffusionPipeline"}'},
            "is a StableDiffusionPipeline of diffusers, which no plugin reads",
        ),
    ],
)
def test_what_is_not_read_is_named(files: dict[str, bytes], told: str, hub: Any, tmp_path: Path) -> None:
    """In one line, with what it looks like; nothing large was fetched."""
    hub.repo("some/body", files)
    with pytest.raises((NotFoundError, WeightsError), match=told):
        zoo.load("hf://some/body", cache_dir=tmp_path / "cache")
    assert not hub.asked("cdn GET")


def test_a_tampered_file_is_refused(hub: Any, kl: Path, tmp_path: Path) -> None:
    """Bytes that are not those which the Hub states never become a model."""
    hub.repo("some/vae", files_of(kl))
    hub.fault("cdn GET", "flip")
    with pytest.raises((IntegrityError, NetworkError)):
        zoo.load("hf://some/vae", cache_dir=tmp_path / "cache")


def test_nothing_is_left_of_the_librarys_files(kl: Path) -> None:
    """A folder without weights says so."""
    (kl / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(WeightsError, match="there are no weights beside"):
        zoo.load(kl)
    shutil.rmtree(kl)
