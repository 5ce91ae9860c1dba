"""zoo_diffusers' trainer: its loss against closed forms, its gradient, what it refuses, and runs cut and resumed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import zoo
import zoo_diffusers
from zoo.api import DataFacts
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.recipes.recipe import read_recipe, resolve
from zoo.configs import decode
from zoo.data.modality import load_modality
from zoo.errors import ConfigError, PluginError
from zoo.nn.build import build_parts
from zoo.training.machine.processes import ALONE
from zoo_diffusers.configs import UNetConfig
from zoo_diffusers.ddpm_config import DDPMConfig
from zoo_diffusers.diffusion import Denoiser, Steps
from zoo_diffusers.samplers import Sampler, own_sampler
from zoo_diffusers.schedules import alphas_bar
from zoo_diffusers.starters import ddpm
from zoo_diffusers.training import DiffusionSettings, DiffusionTrainer, noised

SHAPE = (1, 2, 2)
X = torch.rand(6, *SHAPE, generator=torch.Generator().manual_seed(0)) * 2 - 1


class Line(Denoiser):
    """Tells noise w x, whatever the time."""

    data_shape, predicts = SHAPE, "epsilon"

    def __init__(self, slope: float = 0.7, num_classes: int | None = None, times: int = 1000) -> None:
        super().__init__()
        self.slope, self.num_classes, self.times = nn.Parameter(torch.tensor(slope)), num_classes, times

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.slope * x

    def alphas_bar(self) -> Tensor:
        return alphas_bar("cosine", self.times)

    def sampler(self, how: Steps) -> Sampler:
        return own_sampler(how.sampler, self.alphas_bar(), how.steps)


def trainer(denoiser: Denoiser | None = None, **settings: Any) -> DiffusionTrainer:
    random = torch.Generator().manual_seed(1)
    made = DiffusionTrainer({"denoiser": denoiser or Line()}, decode(DiffusionSettings, settings, "settings"), random)
    made.modality = load_modality(default_registry().modality("image"), {})
    made.join(ALONE)
    return made


def test_an_example_and_noise_have_the_variance_of_both() -> None:
    """x_t = sqrt(a) x + sqrt(1 - a) noise: all the example at a = 1, all the noise at a = 0."""
    noise = torch.randn(X.shape, generator=torch.Generator().manual_seed(2))
    assert torch.equal(noised(X, noise, torch.ones(6)), X)
    assert torch.equal(noised(X, noise, torch.zeros(6)), noise)
    assert torch.allclose(noised(X, noise, torch.full((6,), 0.36)), 0.6 * X + 0.8 * noise)


def test_the_loss_is_the_closed_form_of_a_line() -> None:
    """E |n - w x_t|^2 = (1 - w sqrt(1 - a))^2 + w^2 a x^2, for each time, over many draws; and of one draw exactly."""
    mine = trainer()
    x = X.repeat(20_000, 1, 1, 1)
    for t in (10, 500, 990):
        a = float(mine.left[t])
        noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(t))
        loss, figures = mine._loss(x, torch.full((len(x),), t), noise)
        loss = loss.detach()
        expected = (1 - 0.7 * (1 - a) ** 0.5) ** 2 + 0.49 * a * float(X.square().mean())
        assert float(loss) == pytest.approx(expected, rel=0.01)
        assert float(figures["loss"]) == float(loss)
        x_t = a**0.5 * x + (1 - a) ** 0.5 * noise
        assert float(loss) == pytest.approx(float((noise - 0.7 * x_t).square().mean()), rel=1e-5)


def test_the_gradient_is_that_of_the_loss() -> None:
    """d/dw mean (w x_t - n)^2 = mean 2 (w x_t - n) x_t, also where a batch comes in pieces."""
    found = []
    for pieces in (1, 3):
        mine = trainer(clip_norm=0.0)
        mine.join(ALONE, accumulate=pieces)
        mine.step(X, None)
        found.append(float(mine.parts["denoiser"].slope.grad))
    draws = trainer().draws
    t, noise = draws.integers(0, 1000, 6), draws.normal(*X.shape)
    x_t = noised(X, noise, alphas_bar("cosine", 1000).float()[t])
    assert found == pytest.approx([float((2 * (0.7 * x_t - noise) * x_t).mean())] * 2, rel=1e-5)


def test_other_targets_than_the_noise() -> None:
    """The example itself, or v = sqrt(a) noise - sqrt(1 - a) x (Salimans and Ho 2022)."""
    noise = torch.randn(X.shape, generator=torch.Generator().manual_seed(3))
    t = torch.tensor([0, 100, 400, 600, 900, 999])
    a = alphas_bar("cosine", 1000).float()[t].view(-1, 1, 1, 1)
    told = 0.7 * (a.sqrt() * X + (1 - a).sqrt() * noise)
    for predicts, target in (("sample", X), ("v_prediction", a.sqrt() * noise - (1 - a).sqrt() * X)):
        network = Line()
        network.predicts = predicts
        loss = trainer(network)._loss(X, t, noise)[0].detach()
        assert float(loss) == pytest.approx(float((told - target).square().mean()), rel=1e-5)


def test_a_line_learns_the_best_slope() -> None:
    """Of data N(0, 1/4) the best w is E sqrt(1 - a) / E (a / 4 + 1 - a), over all times."""
    mine, generator = trainer(Line(0.0), lr=0.02), torch.Generator().manual_seed(0)
    for step in range(400):
        mine.set_rates(step=step, progress=step / 400)
        mine.step(torch.randn(64, *SHAPE, generator=generator) / 2, None)
    left = alphas_bar("cosine", 1000)
    best = float((1 - left).sqrt().mean() / (left / 4 + 1 - left).mean())
    assert float(mine.parts["denoiser"].slope.detach()) == pytest.approx(best, rel=0.05)


def test_what_cannot_be_trained_is_one_line() -> None:
    """Networks that are none of the family or tell something else, and classes without labels."""
    with pytest.raises(ConfigError, match="needs a denoiser, not generator"):
        DiffusionTrainer({"generator": nn.Identity()}, DiffusionSettings(), torch.Generator())
    other = Line()
    other.predicts = "flow"
    with pytest.raises(ConfigError, match="epsilon, sample, v_prediction; this network tells 'flow'"):
        trainer(other)
    with pytest.raises(ConfigError, match="see labels of 3 classes"):
        trainer(Line(num_classes=3)).step(X, None)


class Watching(Line):
    """Keeps what it sees."""

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        self.seen = x
        return self.slope * x


def test_flips_mirror_the_examples() -> None:
    """About half of them, and nothing without the setting."""
    seen = []
    for flips in (False, True):
        network = Watching()
        mine = trainer(network, flips=flips)
        mine.left = torch.ones(1000)  # no noise: the network sees the examples
        mine.step(X, None)
        seen.append(network.seen)
    assert torch.equal(seen[0], X)
    mirrored = [torch.equal(row, x.flip(-1)) for row, x in zip(seen[1], X, strict=True)]
    assert 0 < sum(mirrored) < 6
    assert all(m or torch.equal(row, x) for m, row, x in zip(mirrored, seen[1], X, strict=True))


TINY: dict[str, Any] = {"data": "shapes", "batch_size": 4, "sample_every": 10_000, "checkpoint_every": 8}
TINY |= {"config": {"image_size": 8, "widths": [8, 8], "attention": [], "groups": 4, "head_size": 8, "times": 20}}


def contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.rglob("*.safetensors"))]


@pytest.mark.parametrize(
    "more",
    [{}, {"settings": {"precision": "bfloat16", "flips": True}, "config": {"num_classes": 3, "dropout": 0.2}}],
    ids=["plain", "all"],
)
def test_a_run_cut_and_resumed_is_the_uncut_one(more: dict[str, Any], tmp_path: Path) -> None:
    """Byte for byte; what it comes to is exported, verified, and samples."""
    asked = TINY | {key: value for key, value in more.items() if key != "config"}
    asked["config"] = TINY["config"] | more.get("config", {})
    whole = zoo.train("ddpm", folder=tmp_path / "whole", examples=24, **asked)
    with pytest.raises(KeyError):
        zoo.train("ddpm", folder=tmp_path / "cut", examples=24, progress=stop_after(2), log_every=8, **asked)
    cut = zoo.train("ddpm", folder=tmp_path / "cut", examples=24, resume=True, log_every=8, **asked)
    newest = [run.folder / "checkpoints" / "000000000024" for run in (whole, cut)]
    assert contents(newest[0]) == contents(newest[1]) != []
    folder = whole.export(tmp_path / "weights")
    assert zoo.verify(folder)["golden_difference"] < 1e-5
    model = zoo.load(folder)
    labels = 1 if model.num_classes else None
    samples = [one.sample(2, seed=0, labels=labels) for one in (model, whole.model)]
    assert torch.allclose(*samples, atol=1e-4)
    assert bool(samples[0].std() > 0.01)


def stop_after(readings: int) -> Any:
    left = [readings]

    def progress(reading: object) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyError("cut")

    return progress


def test_the_recipes_are_read_and_built() -> None:
    """Both models of the plugin name networks that can be built, and settings that the trainer knows."""
    registry = default_registry()
    for name in ("ddpm-mnist", "ddpm-cifar-frog"):
        resolved = resolve(read_recipe(Path(zoo_diffusers.__file__).parent / "recipes" / f"{name}.toml"), registry)
        parts = build_parts(resolved.architecture, resolved.config)
        assert parts["denoiser"].data_shape == registry.model(name).data_shape
        assert sum(p.numel() for p in parts["denoiser"].parameters()) * 4 < 16e6


@pytest.mark.parametrize(("side", "widths"), [(8, 1), (16, 2), (20, 3), (28, 3), (32, 3), (64, 4)])
def test_the_starter_chooses_what_can_be_built(side: int, widths: int) -> None:
    """Of pictures of any side, also the user's: as many maps as lead to one of 8 pixels or fewer."""
    facts = DataFacts(count=500, shape=(3, side, side), given={"config.image_size": side})
    chosen = {choice.key: choice.value for choice in ddpm(facts)}
    config = {key.removeprefix("config."): value for key, value in chosen.items() if key.startswith("config.")}
    assert len(decode(DDPMConfig, config, "config").widths) == widths
    assert decode(DDPMConfig, config, "config").sides[-1] <= 8


def test_without_the_library_it_trains_and_samples(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The zoo's own network needs no diffusers; the library's says what to install."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "diffusers" else find(name, *a))
    run = zoo.train("ddpm", folder=tmp_path / "run", examples=4, **TINY)
    assert run.model.sample(1, seed=0, steps=3, sampler="ddpm").shape == (1, 3, 8, 8)
    with pytest.raises(PluginError, match=r"pip install 'genzoo\[diffusers\]'"):
        build_parts(default_registry().architecture("diffusers-unet"), UNetConfig())
