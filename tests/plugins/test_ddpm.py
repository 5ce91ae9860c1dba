"""zoo_diffusers' own diffusion: schedules, samplers and the U-Net, against formulas and against the library."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.catalogue.plugins.loading import default_registry
from zoo.configs import decode
from zoo.errors import ConfigError, UsageError
from zoo.latent.interpolation import spherical
from zoo.nn.build import initialise_parts
from zoo_diffusers.ddpm_config import DDPMConfig
from zoo_diffusers.diffusion import Diffusion, Steps
from zoo_diffusers.samplers import SAMPLERS, Path, path_of
from zoo_diffusers.schedules import alphas_bar
from zoo_diffusers.unet import UNet, time_embedding

SPEC = default_registry().architecture("ddpm")
SMALL: dict[str, Any] = {"image_size": 8, "channels": 1, "widths": [8, 16], "attention": [4], "groups": 4}
SMALL |= {"head_size": 8}
MEAN, SD = 0.3, 0.5  # of the data that are known exactly


def net(**change: Any) -> UNet:
    parts: dict[str, Any] = initialise_parts(SPEC, decode(DDPMConfig, SMALL | change, "test"), seed=0)
    generator = torch.Generator().manual_seed(0)
    for parameter in parts["denoiser"].parameters():  # what is nearly nothing at the start would hide a wrong name
        torch.nn.init.normal_(parameter, std=0.1, generator=generator)
    found: UNet = parts["denoiser"].eval().requires_grad_(False)
    return found


def model(**change: Any) -> Diffusion:
    return Diffusion(net(**change)).eval()


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- schedules -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [10, 1000])
def test_the_schedules_are_the_papers(times: int) -> None:
    """Cosine: f(t) / f(0) until a beta reaches 0.999; linear: the products of 1 - beta from 1e-4 to 0.02."""

    def f(t: int) -> float:
        return math.cos((t / times + 0.008) / 1.008 * math.pi / 2) ** 2

    cosine, linear = alphas_bar("cosine", times).tolist(), alphas_bar("linear", times).tolist()
    assert cosine[:-1] == pytest.approx([f(t + 1) / f(0) for t in range(times - 1)], rel=1e-9)
    assert cosine[-1] == pytest.approx(cosine[-2] * 0.001, rel=1e-9)  # f(T) is 0: the last beta is cut
    left = 1.0
    for t, found in enumerate(linear):
        left *= 1 - (1e-4 + (0.02 - 1e-4) * t / (times - 1))
        assert found == pytest.approx(left, rel=1e-9)


def test_times_are_evenly_spaced_and_begin_with_all_noise() -> None:
    """1,000 times in 4 steps, in 3, and in more steps than there are times."""
    left = alphas_bar("cosine", 1000)
    assert path_of(left, 4).times == (999, 749, 499, 249)
    assert path_of(left, 3).times == (999, 666, 332)
    assert path_of(left[:5], 50).times == (4, 3, 2, 1, 0)
    assert path_of(left, 4).left == (*left[[999, 749, 499, 249]].tolist(), 1.0)


# --- samplers of what is known exactly -------------------------------------------------------------------------------


def exactly(path: Path) -> Any:
    """The noise that is expected in x_t, of data N(MEAN, SD^2): their score is known."""
    left = dict(zip(path.times, path.left[:-1], strict=True))

    def told(x: Tensor, t: Tensor) -> Tensor:
        a = left[int(t)]
        return math.sqrt(1 - a) * (x - math.sqrt(a) * MEAN) / (a * SD**2 + 1 - a)

    return told


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
@pytest.mark.parametrize("sampler", ["ddim", "dpm", "euler"])
def test_of_gaussian_data_the_flow_is_the_straight_map(sampler: str, schedule: str) -> None:
    """With the exact noise of N(m, s^2) the deterministic samplers give m + s z: the data's mean and variance."""
    path = path_of(alphas_bar(schedule, 1000), 1000, clip=0)
    z = normal(512, 1, 2, 2).double()
    x = SAMPLERS[sampler](exactly(path), z, path)
    assert torch.allclose(x, MEAN + SD * z, atol=0.02)


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_of_gaussian_data_the_ancestral_sampler_has_mean_and_variance(schedule: str) -> None:
    """Those of the data, within what 8,000 numbers tell; and it is no function of the first noise alone."""
    path = path_of(alphas_bar(schedule, 1000), 1000, clip=0)
    z = normal(2000, 1000, 1, 2, 2).double()
    x = SAMPLERS["ddpm"](exactly(path), z, path)
    assert float(x.mean()) == pytest.approx(MEAN, abs=0.02)
    assert float(x.std()) == pytest.approx(SD, abs=0.02)
    assert abs(float(torch.corrcoef(torch.stack([x.flatten(), z[:, 0].flatten()]))[0, 1])) < 0.1


def test_the_second_order_needs_fewer_steps() -> None:
    """At 20 steps DPM-Solver++(2M) is more than twice as near to the exact flow as DDIM; Euler is DDIM."""
    path = path_of(alphas_bar("linear", 1000), 20, clip=0)
    z = normal(64, 1, 2, 2).double()
    found = {name: SAMPLERS[name](exactly(path), z, path) for name in ("ddim", "dpm", "euler")}
    off = {name: float((x - MEAN - SD * z).abs().max()) for name, x in found.items()}
    assert off["dpm"] < off["ddim"] / 2
    assert torch.allclose(found["ddim"], found["euler"], atol=1e-9)


@pytest.mark.parametrize("sampler", ["ddim", "dpm", "euler"])
def test_the_velocity_says_the_same_as_the_noise(sampler: str) -> None:
    """v = sqrt(a) noise - sqrt(1 - a) x_0 leads to the same example as the noise that it is made of."""
    path = path_of(alphas_bar("cosine", 1000), 12)
    z, noise = normal(3, 1, 2, 2).double(), exactly(path)

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        a = path.left[path.times.index(int(t))]
        start = (x - math.sqrt(1 - a) * noise(x, t)) / math.sqrt(a)
        return math.sqrt(a) * noise(x, t) - math.sqrt(1 - a) * start

    by_velocity = SAMPLERS[sampler](velocity, z, replace(path, velocity=True))
    assert torch.allclose(by_velocity, SAMPLERS[sampler](noise, z, path), atol=1e-6)


def test_what_is_foreseen_is_held_to_the_data() -> None:
    """A network that tells no noise foresees x / sqrt(alpha_bar), far beyond the data: it is cut to [-1, 1]."""
    path = path_of(alphas_bar("cosine", 1000), 10)
    for name, sampler in SAMPLERS.items():
        x = sampler(lambda x, t: torch.zeros_like(x), normal(4, *[10] * (name == "ddpm"), 1, 2, 2), path)
        assert float(x.abs().max()) <= 1 + 1e-6


# --- and as the library does -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def diffusers() -> Any:
    from zoo.images import import_torchvision

    import_torchvision()
    return pytest.importorskip("diffusers", reason="the extra `diffusers` is not installed")


SCHEDULERS: dict[str, tuple[str, dict[str, Any]]] = {
    "ddim": ("DDIMScheduler", {"clip_sample": True}),
    "ddpm": ("DDPMScheduler", {"clip_sample": True}),
    "dpm": ("DPMSolverMultistepScheduler", {}),
    "euler": ("EulerDiscreteScheduler", {}),
}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("predicts", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("sampler", SCHEDULERS)
def test_each_sampler_is_the_librarys(
    sampler: str, predicts: str, diffusers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same steps from the same noise, of a network that is no line; clipped where the library clips."""
    name, settings = SCHEDULERS[sampler]
    settings = settings | {"prediction_type": predicts}
    clip = float("clip_sample" in settings)
    path = path_of(alphas_bar("linear", 1000), 10, clip=clip, velocity=predicts == "v_prediction")
    z = normal(2, *[10] * (sampler == "ddpm"), 1, 8, 8)

    def told(x: Tensor, t: Tensor) -> Tensor:
        return 0.9 * x + 0.2 * torch.sin(3 * x + t / 300)

    scheduler = getattr(diffusers, name)(beta_schedule="linear", timestep_spacing="trailing", **settings)
    scheduler.set_timesteps(10)
    drawn = iter([*z[:, 1:].unbind(1), z[:, 0]] if sampler == "ddpm" else [])  # the last one weighs 1e-10
    if sampler == "ddpm":
        patched = "diffusers.schedulers.scheduling_ddpm.randn_tensor"
        monkeypatch.setattr(patched, lambda *_, **__: next(drawn))
    x = z[:, 0] if sampler == "ddpm" else z
    x = x / math.sqrt(path.left[0]) if sampler == "euler" else x
    for t in scheduler.timesteps:
        x = scheduler.step(told(scheduler.scale_model_input(x, t), t.round()), t, x).prev_sample
    assert torch.allclose(SAMPLERS[sampler](told, z, path), x, atol=1e-5)
    assert next(drawn, None) is None


@pytest.mark.parametrize("schedule", [("cosine", "squaredcos_cap_v2"), ("linear", "linear")])
def test_the_schedules_are_the_librarys(schedule: tuple[str, str], diffusers: Any) -> None:
    """alpha_bar of each, within float32."""
    theirs = diffusers.DDPMScheduler(beta_schedule=schedule[1]).alphas_cumprod
    assert torch.allclose(alphas_bar(schedule[0], 1000).float(), theirs, rtol=1e-4, atol=1e-7)


# --- the network -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [{}, {"num_classes": 3, "blocks": 2}, {"widths": [8], "attention": []}, {"channels": 3, "image_size": 20}],
    ids=str,
)
def test_the_network_tells_a_picture_of_noise(change: dict[str, Any]) -> None:
    """Of the picture's shape, each example by itself; time, class and picture all matter."""
    network = net(**{"attention": [], **change})
    x, t = normal(3, *network.data_shape), torch.tensor([0, 500, 999])
    labels = torch.tensor([0, 1, 2]) if network.num_classes else None
    told = network(x, t, labels)
    assert told.shape == x.shape
    for i in range(3):
        of = None if labels is None else labels[i : i + 1]
        assert torch.allclose(network(x[i : i + 1], t[i : i + 1], of), told[i : i + 1], atol=1e-5)
    assert not torch.allclose(network(x, t.flip(0), labels), told, atol=1e-4)
    if labels is not None:
        assert not torch.allclose(network(x, t, labels.flip(0)), told, atol=1e-4)


def test_times_are_waves() -> None:
    """cos and sin of t / 10,000^(i / half)."""
    found = time_embedding(torch.tensor([0, 7]), 8)
    angles = [7 / 10_000 ** (i / 4) for i in range(4)]
    assert found[0].tolist() == [1.0] * 4 + [0.0] * 4
    assert found[1].tolist() == pytest.approx([*map(math.cos, angles), *map(math.sin, angles)], abs=1e-6)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"image_size": 9}, "cannot be halved 1 times"),
        ({"widths": [8, 18]}, "18 is no multiple of groups"),
        ({"attention": [5]}, "no map has 5 pixels a side; there are 8, 4"),
        ({"head_size": 5}, "head_size = 5 does not divide 16"),
        ({"schedule": "square"}, "schedule"),
    ],
)
def test_configs_that_cannot_be(change: dict[str, Any], told: str) -> None:
    """One line, before a network is built."""
    with pytest.raises(ConfigError, match=told):
        decode(DDPMConfig, SMALL | change, "test")


# --- the model ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("predicts", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_sample_is_a_function_of_its_noise(sampler: str, predicts: str) -> None:
    """The same noise is the same picture, whatever stands beside it; another noise is another one."""
    mine, how = model(predicts=predicts), {"steps": 5, "sampler": sampler}
    x = mine.sample(3, seed=1, **how)
    z = mine.latents(3, seed=1, **how)
    assert z.shape == (3, *[5] * (sampler == "ddpm"), 1, 8, 8)
    assert torch.equal(mine.decode(z, **how), x)
    assert torch.equal(mine.sample(2, seed=1, **how), x[:2])
    assert torch.equal(mine.decode(z[2], **how), x[2:])
    assert not torch.allclose(mine.sample(3, seed=2, **how), x, atol=1e-3)
    walk = mine.decode(spherical(z[0], z[1], 5), **how)
    assert torch.allclose(walk[[0, -1]], x[:2], atol=1e-5)
    assert float((walk[1:] - walk[:-1]).abs().max()) > 0


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_each_step_is_told(sampler: str) -> None:
    """Whoever asks is told how often the network was asked, of all pieces, and can end it; the samples are the same."""
    told: list[tuple[int, int]] = []
    mine, how = model(times=6), {"seed": 1, "steps": 9, "sampler": sampler}  # there are no more steps than times
    x = mine.sample(33, progress=lambda done, total: told.append((done, total)), **how)
    assert told == [(done, 12) for done in range(1, 13)]
    assert torch.equal(x, mine.sample(33, **how))

    def ended(done: int, total: int) -> None:
        if done == 4:
            raise InterruptedError(f"{done} of {total}")

    with pytest.raises(InterruptedError, match="4 of 6"):
        mine.sample(1, progress=ended, **how)


def test_random_state_is_left_alone() -> None:
    """The ancestral sampler draws nothing by itself: all its noise is the latent."""
    torch.manual_seed(5)
    before = torch.get_rng_state()
    mine = model(num_classes=2)
    x = mine.sample(2, seed=0, labels=1, steps=4, sampler="ddpm")
    assert torch.equal(torch.get_rng_state(), before)
    z = mine.latents(2, seed=0, steps=4, sampler="ddpm")
    z[:, 2] += 1
    assert not torch.allclose(mine.decode(z, 1, steps=4, sampler="ddpm"), x, atol=1e-3)


def test_noise_that_fills_the_memory_is_refused() -> None:
    """The ancestral sampler's noise is one picture for each step; more steps than there are times are those."""
    mine = model()
    assert mine.noise_shape(Steps(steps=1000, sampler="ddpm")) == (1000, 1, 8, 8)
    assert model(times=7).noise_shape(Steps(sampler="ddpm")) == (7, 1, 8, 8)
    large = Diffusion(net())
    large.latent_shape = (3, 256, 256)
    with pytest.raises(UsageError, match="use at most 341, or another sampler"):
        large.latents(1, steps=500, sampler="ddpm")
    assert large.noise_shape(Steps(steps=500)) == (3, 256, 256)
