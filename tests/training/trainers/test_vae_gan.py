"""zoo.training.trainers.vae_gan: what each network's gradient contains, against autograd on the formulas."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.recipes.recipe import Recipe, resolve
from zoo.catalogue.weights.locate import locate
from zoo.configs import decode
from zoo.errors import ConfigError
from zoo.images.modality import Images
from zoo.nn import Bounded, Discriminator
from zoo.nn.build import decode_config, initialise_parts
from zoo.nn.golden import verify
from zoo.nn.pretrained import load
from zoo.training.export import export
from zoo.training.machine.processes import ALONE
from zoo.training.train import train
from zoo.training.trainers.vae_gan import VAEGANSettings, VAEGANTrainer

CONFIG: dict[str, Any] = {"image_size": 8, "channels": 3, "latent_size": 4, "hidden": [8], "likelihood": "gaussian"}
CODERS = ("encoder", "decoder", "likelihood")


class TwoMaps(Discriminator):
    """Sees x itself and x halved; a linear head judges each."""

    def __init__(self) -> None:
        super().__init__()
        self.data_shape, self.num_classes = (3, 8, 8), None
        self.heads = nn.ModuleList([nn.Linear(192, 1), nn.Linear(48, 1)])

    def look(self, x: Tensor) -> tuple[Tensor, ...]:
        return x, nn.functional.avg_pool2d(x, 2)

    def judge(self, seen: tuple[Tensor, ...], labels: Tensor | None = None) -> Tensor:
        return torch.cat([head(x.flatten(1)) for head, x in zip(self.heads, seen, strict=True)], 1)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.judge(self.look(x)).sum(1)


def make(**settings: Any) -> VAEGANTrainer:
    spec = default_registry().architecture("mlp-vae")
    parts = initialise_parts(spec, decode_config(spec, CONFIG, "test"), seed=0)
    torch.manual_seed(0)
    parts["discriminator"] = TwoMaps()
    usual: dict[str, Any] = {"loss": "relativistic", "flips": False, "mix_batches": False}
    trainer = VAEGANTrainer(parts, decode(VAEGANSettings, usual | settings, "test"), torch.Generator().manual_seed(0))
    trainer.modality = Images()
    trainer.join(ALONE)
    return trainer


def examples(n: int = 4) -> Tensor:
    return torch.rand(n, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def stepped(trainer: VAEGANTrainer) -> tuple[dict[str, list[Tensor | None]], dict[str, nn.Module]]:
    """The gradients with which a step moved each part, and copies of the parts before it."""
    before = {name: copy.deepcopy(part) for name, part in trainer.parts.items()}
    found: dict[str, list[Tensor | None]] = {}

    def note(*names: str) -> None:
        for name in names:
            found[name] = [None if p.grad is None else p.grad.clone() for p in trainer.parts[name].parameters()]

    trainer.optimizers["vae"].register_step_pre_hook(lambda *_: note(*CODERS))
    trainer.optimizers["discriminator"].register_step_pre_hook(lambda *_: note("discriminator"))
    trainer.step(examples(), None)
    return found, before


def terms(parts: dict[str, Any], judge: nn.Module, settings: VAEGANSettings, *, encoder_plays: bool) -> Tensor:
    """The loss of encoder and decoder by hand; `judge` is the discriminator after its own update."""
    random, x = torch.Generator().manual_seed(0), examples()
    noise, drawn = torch.randn(4, 4, generator=random), torch.randn(4, 4, generator=random)
    posterior = parts["encoder"](x)
    z = posterior.mean + torch.exp(posterior.log_var / 2) * noise
    rebuilt = parts["decoder"](z)
    nats = -settings.on_values * parts["likelihood"].log_prob(rebuilt, x).mean()
    seen = rebuilt.clamp(0, 1) * 2 - 1, x * 2 - 1
    for weight, pooled in zip(settings.on_maps, (lambda v: v, lambda v: nn.functional.avg_pool2d(v, 2)), strict=True):
        a, b = (pooled(v) for v in seen)
        nats = nats + weight / 2 * (a - b).square().sum((1, 2, 3)).mean()
    nats = nats + settings.beta * posterior.kl().mean()
    player = z if encoder_plays else z.detach()
    fakes = parts["decoder"](torch.cat([player, drawn])).clamp(0, 1) * 2 - 1
    on_real = judge.judge(judge.look(torch.cat([x, x]) * 2 - 1)).detach()
    game = softplus(on_real - judge.judge(judge.look(fakes))).mean(0).sum()
    return game + nats / settings.game


@pytest.mark.parametrize("encoder_plays", [True, False])
def test_the_coders_gradients_are_autograds(encoder_plays: bool) -> None:
    """Encoder, decoder and likelihood get the gradient of game + nats / 1000, written out; the encoder that of the game
    through the reconstructions only where it plays.
    """
    trainer = make(encoder_plays=encoder_plays, on_maps=[0.3, 0.2], on_values=0.5, beta=2.0)
    found, before = stepped(trainer)
    loss = terms(before, trainer.discriminator, trainer.settings, encoder_plays=encoder_plays)
    for name in CODERS:
        if weights := list(before[name].parameters()):
            for mine, wanted in zip(found[name], torch.autograd.grad(loss, weights, retain_graph=True), strict=True):
                torch.testing.assert_close(mine, wanted, rtol=1e-3, atol=1e-7)


def test_whether_the_encoder_plays_changes_its_gradient_alone() -> None:
    """The decoder's gradient is the same either way; the encoder's is not."""
    one, _ = stepped(make())
    other, _ = stepped(make(encoder_plays=False))
    for mine, wanted in zip(one["decoder"], other["decoder"], strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-3, atol=1e-7)
    assert any(
        not torch.allclose(a, b, rtol=1e-2)  # type: ignore[arg-type]
        for a, b in zip(one["encoder"], other["encoder"], strict=True)
    )


def test_the_discriminators_gradient_is_autograds() -> None:
    """It tells each example from its reconstruction and from a draw, with R1 and R2 at what it sees."""
    trainer = make(r1=1.0, r2=3.0)
    found, before = stepped(trainer)
    judge: Any = before["discriminator"]
    parts: dict[str, Any] = before
    random, x = torch.Generator().manual_seed(0), examples()
    noise, drawn = torch.randn(4, 4, generator=random), torch.randn(4, 4, generator=random)
    with torch.no_grad():
        posterior = parts["encoder"](x)
        z = posterior.mean + torch.exp(posterior.log_var / 2) * noise
        fakes = parts["decoder"](torch.cat([z, drawn])).clamp(0, 1) * 2 - 1
    on_real, on_fake = (judge.judge(judge.look(v)) for v in (torch.cat([x, x]) * 2 - 1, fakes))
    slopes = sum(head.weight.square().sum() for head in judge.heads)  # of linear heads: the same at any example
    loss = softplus(on_fake - on_real).mean(0).sum() + (0.5 + 1.5) * slopes
    wanted = torch.autograd.grad(loss, list(judge.parameters()))
    for mine, expected in zip(found["discriminator"], wanted, strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-3, atol=1e-7)


def test_an_example_and_its_reconstruction_are_augmented_alike() -> None:
    """What is cut out of an example is cut out of its reconstruction; a draw has a place of its own."""
    trainer = make(augment=["cutout"])
    seen: list[tuple[Tensor, ...]] = []
    look = trainer.discriminator.look
    trainer.discriminator.look = lambda x: (seen.append((x.detach(),)), look(x))[1]  # type: ignore[method-assign, assignment]
    trainer.step(examples(16), None)
    holes = [x[0][:, 0] == 0 for x in seen]
    assert torch.equal(holes[0], holes[1][:16])
    assert not torch.equal(holes[0], holes[1][16:])
    assert bool(holes[0].any())


def test_other_parts_and_several_pieces_are_refused() -> None:
    """Without a discriminator, and where the fakes cannot be made once, it says what it needs."""
    trainer = make()
    with pytest.raises(ConfigError, match="needs an encoder, a decoder, a likelihood and a discriminator, not decoder"):
        VAEGANTrainer({"decoder": trainer.decoder}, trainer.settings, torch.Generator())
    with pytest.raises(ConfigError, match="one process, and accumulate = 1"):
        trainer.join(ALONE, accumulate=2)


def test_a_run_is_exported_loaded_and_verified(tmp_path: Path) -> None:
    """A short run through the frozen network becomes a folder that encodes, carries its discriminator beside it, and
    says which network it was trained against.
    """
    registry = default_registry()
    recipe = decode(
        Recipe,
        {
            "name": "small",
            "architecture": "vae-gan",
            "dataset": "shapes[circle]",
            "trainer": "vae-gan",
            "examples": 16,
            "batch_size": 8,
            "log_every": 8,
            "config": {
                "image_size": 16,
                "latent_size": 4,
                "encoder_widths": [4, 8],
                "decoder_widths": [8, 8, 4],
                "features_size": 32,
                "mixing_width": 4,
            },
            "settings": {"loss": "relativistic", "r1": 0.5, "r2": 0.5, "mix_batches": False},
        },
        "test",
    )
    run = train(resolve(recipe, registry), tmp_path / "run", registry=registry)
    pins = export(run.folder, tmp_path / "out", registry)
    assert "discriminator.safetensors" in pins
    model = load(tmp_path / "out", registry=registry)
    assert isinstance(model, Bounded)
    assert model.encode(torch.rand(2, 3, 16, 16)).mean.shape == (2, 4)
    assert model.info["training"]["trained_against"] == {
        "efficientnet-lite0": registry.features("efficientnet-lite0").sha256
    }
    assert verify(locate(str(tmp_path / "out"), registry), registry)["ok"]
