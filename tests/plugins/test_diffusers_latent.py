"""zoo_diffusers: diffusion in the latents of an autoencoder, DiTPipeline and LDMPipeline, and guidance."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import zoo
from zoo.cli.main import main
from zoo.errors import ConfigError, UsageError
from zoo.images import import_torchvision
from zoo_diffusers.exporting import write
from zoo_diffusers.training import DiffusionSettings, DiffusionTrainer

import_torchvision()
diffusers: Any = pytest.importorskip("diffusers", reason="the extra `diffusers` is not installed")

# The library's schedulers call NumPy in a way that it deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

COUNT = 1000  # the library's pipeline takes class 1000 for none, whatever the network has
DIT = {"num_attention_heads": 2, "attention_head_dim": 4, "num_layers": 2, "in_channels": 4, "out_channels": 8}
DIT |= {"sample_size": 8, "patch_size": 2, "num_embeds_ada_norm": COUNT}
KL = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
KL |= {"block_out_channels": (8, 16), "norm_num_groups": 4, "sample_size": 16}
UNET = {"down_block_types": ("DownBlock2D", "AttnDownBlock2D"), "up_block_types": ("AttnUpBlock2D", "UpBlock2D")}
UNET |= {"block_out_channels": (8, 16), "norm_num_groups": 4, "attention_head_dim": 4, "layers_per_block": 1}
OLDER = {"norm_type": "ada_norm_zero", "activation_fn": "gelu-approximate", "attention_bias": True}
OLDER |= {"norm_elementwise_affine": False}
LABELS = {str(number): f"thing {number}, something {number}" for number in range(COUNT)}
LABELS |= {"1": "golden retriever", "3": "crane", "5": "crane", "7": "maillot", "9": "maillot, tank suit"}


def made(build: Any, std: float = 0.2, **settings: Any) -> Any:
    torch.manual_seed(0)
    network = build(**settings)
    for parameter in network.parameters():  # what is zero at the start would hide a wrong name
        torch.nn.init.normal_(parameter, std=std)
    return network.eval()


def saved(folder: Path, scheduler: Any = None, **changes: Any) -> Any:
    """A tiny DiTPipeline as the library writes it, and the class names that the Hub's have besides; loaded again."""
    network = made(diffusers.DiTTransformer2DModel, **DIT | changes)
    coder = made(diffusers.AutoencoderKL, 0.1, **KL, scaling_factor=0.5)
    diffusers.DiTPipeline(network, coder, scheduler or diffusers.DDIMScheduler(clip_sample=False)).save_pretrained(
        folder
    )
    names = {key: name for key, name in LABELS.items() if int(key) < network.config.num_embeds_ada_norm}
    rewritten(folder / "model_index.json", id2label=names)
    return loaded(diffusers.DiTPipeline, folder)


def loaded(kind: Any, folder: Path) -> Any:
    pipeline = kind.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def rewritten(path: Path, **changes: Any) -> None:
    """A JSON table with some keys changed; None takes one out."""
    table = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in table.items() if value is not None}))


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets a pipeline of the library begin with a certain noise."""

    def give(module: str, z: Tensor) -> None:
        monkeypatch.setattr(f"diffusers.pipelines.{module}.randn_tensor", lambda *_, **__: z)

    return give


def as_ours(pictures: Any) -> Tensor:
    return torch.from_numpy(pictures).permute(0, 3, 1, 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DiTPipeline."""
    path = tmp_path_factory.mktemp("dit") / "pipeline"
    saved(path)
    return path


@pytest.mark.parametrize("scale", [1.0, 4.0])
@pytest.mark.parametrize("sampler", ["ddim", "dpm"])
def test_a_dit_samples_as_the_librarys_pipeline_does(sampler: str, scale: float, given: Any, tmp_path: Path) -> None:
    """From the same noise, of two classes, with guidance and without, by both its usual schedulers."""
    kinds = {"ddim": diffusers.DDIMScheduler(clip_sample=False), "dpm": diffusers.DPMSolverMultistepScheduler()}
    library = saved(tmp_path / "dit", kinds[sampler])
    model = zoo.load(tmp_path / "dit")
    assert (model.latent_shape, model.data_shape, model.num_classes) == ((4, 8, 8), (3, 16, 16), COUNT)
    z = model.latents(2, seed=3)
    given("dit.pipeline_dit", z)
    classes = library.get_label_ids(["golden retriever", "tank suit"])
    theirs = as_ours(library(classes, guidance_scale=scale, num_inference_steps=5, output_type="np").images)
    how: dict[str, Any] = {"steps": 5, "sampler": sampler, "guidance_scale": scale}
    mine = model.decode(z, ["golden retriever", "tank suit"], **how)
    assert torch.allclose(mine, theirs, atol=1e-5)
    assert float(mine.std()) > 0.03
    assert torch.equal(model.sample(2, seed=3, labels=[1, 9], **how), mine)
    assert torch.equal(model.sample(1, seed=3, labels=1, **how), mine[:1])
    if scale == 4:  # what it is where nobody says another
        assert torch.equal(model.decode(z, [1, 9], steps=5, sampler=sampler), mine)
    else:
        assert (model.decode(z, [1, 9], steps=5, sampler=sampler) - mine).abs().max() > 1e-3


def test_an_older_repository_is_the_same_model(given: Any, tmp_path: Path) -> None:
    """What the Hub's repositories are: Transformer2DModel in both tables, and an autoencoder without its scale."""
    network = made(diffusers.Transformer2DModel, **DIT | OLDER)
    coder = made(diffusers.AutoencoderKL, 0.1, **KL)
    pipeline = diffusers.DiTPipeline(network, coder, diffusers.DDIMScheduler(clip_sample=False))
    pipeline.save_pretrained(tmp_path)
    table = tmp_path / "transformer" / "config.json"
    assert json.loads(table.read_text())["_class_name"] == "Transformer2DModel"
    rewritten(tmp_path / "vae" / "config.json", scaling_factor=None)
    rewritten(tmp_path / "model_index.json", transformer=["diffusers", "Transformer2DModel"])
    model, library = zoo.load(tmp_path), loaded(diffusers.DiTPipeline, tmp_path)
    z = model.latents(2, seed=0)
    given("dit.pipeline_dit", z)
    theirs = as_ours(library([4, 2], num_inference_steps=3, output_type="np").images)
    assert torch.allclose(model.decode(z, [4, 2], steps=3), theirs, atol=1e-5)
    rewritten(table, cross_attention_dim=16)
    with pytest.raises(zoo.ZooError, match="'cross_attention_dim' is no setting that is known"):
        zoo.load(tmp_path)


def test_guidance_leads_away_from_the_class_that_stands_for_none(tmp_path: Path) -> None:
    """Of any number of classes it is the one behind them, and none + s (class - none); both in one pass, in pairs."""
    library = saved(tmp_path, num_embeds_ada_norm=12)
    model = zoo.load(tmp_path)
    assert model.num_classes == 12
    z, labels = model.latents(2, seed=1), torch.tensor([3, 11])
    scheduler = diffusers.DDIMScheduler.from_config(library.scheduler.config)
    scheduler.set_timesteps(3)
    x = z
    with torch.no_grad():
        for t in scheduler.timesteps:
            times, none = t.expand(2), torch.tensor([12, 12])
            of_class, of_none = (
                library.transformer(x, timestep=times, class_labels=asked).sample[:, :4] for asked in (labels, none)
            )
            x = scheduler.step(of_none + 2.5 * (of_class - of_none), t, x).prev_sample
        theirs = (library.vae.decode(x / 0.5).sample / 2 + 0.5).clamp(0, 1)
    seen: list[int] = []
    hook = model.get_submodule("denoiser.body").register_forward_pre_hook(lambda _, rows: seen.append(len(rows[0])))
    assert torch.allclose(model.decode(z, labels, steps=3, guidance_scale=2.5), theirs, atol=1e-5)
    hook.remove()
    assert seen == [2 * model.chunk] * 3


def test_guidance_is_checked(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is a number of at least 1, of a model that has a class for none; here and on the command line."""
    model = zoo.load(folder)
    for bad in (0.5, 0, -4, float("nan"), float("inf"), 10**400, "4", None, True):
        with pytest.raises(UsageError, match="guidance_scale"):
            model.sample(1, steps=1, guidance_scale=bad)
    with pytest.raises(UsageError, match="unknown key 'guidance'; did you mean 'guidance_scale'"):
        model.sample(1, guidance=4)
    with pytest.raises(UsageError, match="unknown key 'guidance_scale'; known: steps, sampler"):
        zoo.load("ddpm-mnist").sample(1, steps=1, guidance_scale=2)
    asked = ["sample", str(folder), "-n", "2", "--steps", "1", "-o", str(tmp_path / "x.png")]
    assert main([*asked, "--label", "golden retriever", "--guidance-scale", "2.5"]) == 0
    assert (tmp_path / "x.png").is_file()
    assert main([*asked, "--guidance-scale", "0.5"]) == 2
    assert "guidance_scale = 0.5 is not allowed; it takes a number from 1 to 1000" in capsys.readouterr().err
    assert main(["sample", "ddpm-mnist", "-n", "1", "--guidance-scale", "2", "-o", str(tmp_path / "y.png")]) == 2
    assert "guidance_scale" in capsys.readouterr().err


def test_classes_have_the_names_that_are_theirs_alone(folder: Path) -> None:
    """The first that no other class has, which the library's pipeline finds, too; else the first with the number."""
    model, library = zoo.load(folder), loaded(diffusers.DiTPipeline, folder)
    assert model.classes[:2] == ("thing 0", "golden retriever")
    assert (model.classes[3], model.classes[5]) == ("crane (3)", "crane (5)")
    assert (model.classes[7], model.classes[9]) == ("maillot (7)", "tank suit")
    assert len(set(model.classes)) == COUNT
    for number, name in enumerate(model.classes):
        assert f"({number})" in name or library.labels[name] == number
    named = model.sample(2, seed=0, labels=["crane (5)", "thing 0"], steps=1)
    assert torch.equal(named, model.sample(2, seed=0, labels=[5, 0], steps=1))
    with pytest.raises(UsageError, match="no class is named 'golden retreiver'; did you mean 'golden retriever'"):
        model.sample(1, labels="golden retreiver")


@pytest.mark.parametrize("kind", ["VQModel", "AutoencoderKL"])
def test_an_ldm_samples_as_the_librarys_pipeline_does(kind: str, given: Any, tmp_path: Path) -> None:
    """A U-Net in the latents of an autoencoder, of a codebook or not, from the same noise."""
    more = {"num_vq_embeddings": 32, "vq_embed_dim": 3, "latent_channels": 5} if kind == "VQModel" else {}
    coder = made(getattr(diffusers, kind), 0.1, **KL | more)
    channels = 3 if kind == "VQModel" else 4
    unet = made(diffusers.UNet2DModel, 0.05, sample_size=8, in_channels=channels, out_channels=channels, **UNET)
    diffusers.LDMPipeline(coder, unet, diffusers.DDIMScheduler(clip_sample=False)).save_pretrained(tmp_path)
    model, library = zoo.load(tmp_path), loaded(diffusers.LDMPipeline, tmp_path)
    assert (model.latent_shape, model.data_shape, model.num_classes) == ((channels, 8, 8), (3, 16, 16), None)
    z = model.latents(2, seed=0)
    given("deprecated.latent_diffusion_uncond.pipeline_latent_diffusion_uncond", z)
    theirs = as_ours(library(batch_size=2, num_inference_steps=5, output_type="np").images)
    mine = model.decode(z, steps=5)
    assert torch.allclose(mine, theirs, atol=1e-5)
    assert float(mine.std()) > 0.03
    assert torch.equal(model.sample(1, seed=0, steps=5), mine[:1])
    with pytest.raises(UsageError, match="unknown key 'guidance_scale'"):
        model.sample(1, guidance_scale=2)


def test_what_is_told_of_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`zoo info`: what it is there, its classes, that its encoder is not read."""
    assert main(["info", str(folder)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "DiTTransformer2DModel of diffusers" in told
    assert "AutoencoderKL" in told
    assert "the decoder alone" in told
    assert "golden retriever" in told


def test_what_a_model_of_its_family_can_do(folder: Path, tmp_path: Path) -> None:
    """It is verified, loaded in sixteen bits, sampled with noise in each step, copied, and walked through."""
    model = zoo.load(folder)
    assert zoo.verify(folder)["parameters"] == sum(weight.numel() for weight in model.state_dict().values())
    half = zoo.load(folder, dtype=torch.bfloat16).sample(2, seed=0, labels=1, steps=2)
    assert (half - model.sample(2, seed=0, labels=1, steps=2)).abs().max() < 0.05
    assert model.latents(2, seed=0, steps=3, sampler="ddpm").shape == (2, 3, 4, 8, 8)
    noisy = model.sample(2, seed=0, labels=1, steps=3, sampler="ddpm")
    assert torch.equal(copy.deepcopy(model).sample(1, seed=0, labels=1, steps=3, sampler="ddpm"), noisy[:1])
    assert main(["interpolate", str(folder), "--rows", "1", "--steps", "2", "-o", str(tmp_path / "walk.png")]) == 0


def test_what_it_cannot_do_is_one_line(folder: Path, tmp_path: Path) -> None:
    """It is not trained: photos become no latents here; nor written back for the library, which has it already."""
    model = zoo.load(folder)
    with pytest.raises(UsageError, match="the decoder alone was read"):
        write(model, "mine", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="on an autoencoder's latents: it is sampled here, and not trained"):
        DiffusionTrainer({"denoiser": model.get_submodule("denoiser")}, DiffusionSettings(), torch.Generator())
