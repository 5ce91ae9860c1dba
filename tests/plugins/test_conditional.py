"""Networks that see labels: conditional batch norm, the projection, one-hot labels in dense layers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo.catalogue.plugins.loading import default_registry
from zoo.configs import decode
from zoo.errors import ConfigError
from zoo.nn.build import decode_config, initialise_parts
from zoo.nn.folding import folded, resting
from zoo_gan.conditional import ConditionalNorm
from zoo_gan.configs import DCGANConfig

SMALL: dict[str, Any] = {"image_size": 16, "latent_size": 4, "generator_widths": [4, 3], "discriminator_widths": [3, 4]}
VAES: dict[str, dict[str, Any]] = {
    "conv-vae": {"image_size": 8, "encoder_widths": [3, 4], "decoder_widths": [4, 3], "hidden": 8, "decoder_stem": 4},
    "res-vae": {"image_size": 16, "widths": [3, 4], "blocks": [1, 1], "latent_size": 2},
    "mlp-vae": {"image_size": 4, "hidden": [8, 6], "latent_size": 2},
}
LABELS = torch.tensor([0, 2, 1, 2])


def parts_of(name: str, **config: Any) -> dict[str, Any]:
    """The parts with random weights of seed 0."""
    spec = default_registry().architecture(name)
    return dict(initialise_parts(spec, decode_config(spec, config, "test"), seed=0))


def stirred(module: nn.Module) -> None:
    """Give every weight and statistic a value of its own."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)


@pytest.mark.parametrize("training", [True, False])
def test_a_conditional_norm_is_its_formula(training: bool) -> None:
    """gamma_y (x - mean) / sqrt(var + eps) + beta_y, by the batch's statistics in training, the running ones else."""
    norm = ConditionalNorm(5, 3).train(training)
    stirred(norm)
    x = torch.randn(4, 5, 6, 6, generator=torch.Generator().manual_seed(0))
    inner = norm.norm
    mean, variance = (x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False))
    if not training:
        mean, variance = inner.running_mean.clone(), inner.running_var.clone()
    gamma, beta = norm.scale.weight[LABELS], norm.shift.weight[LABELS]

    def wide(value: Tensor) -> Tensor:
        return value.view(-1, 5, 1, 1)

    expected = wide(gamma) * (x - wide(mean)) / (wide(variance) + inner.eps).sqrt() + wide(beta)
    assert torch.allclose(norm(x, LABELS), expected, atol=1e-5)


@pytest.mark.parametrize("norm", ["batch", "spectral", "none"])
def test_the_projection_is_its_formula(norm: str) -> None:
    """logit = psi(h) + <v_y, h> (Miyato and Koyama 2018, equation 3)."""
    judge = parts_of("dcgan", **SMALL, num_classes=3, discriminator_norm=norm)["discriminator"].eval()
    x = torch.rand(4, 3, 16, 16)
    h = judge.body(x).flatten(1)
    expected = judge.head(h).squeeze(1) + torch.stack([judge.projection.weight[y] @ h[i] for i, y in enumerate(LABELS)])
    assert torch.allclose(judge(x, LABELS), expected, atol=1e-6)
    assert not torch.allclose(judge(x, LABELS), judge(x, (LABELS + 1) % 3))


def test_gradients_reach_the_classes_that_are_there_alone() -> None:
    """The rows of labels in a batch get gradients, equal to autograd's of the formula; those of others are 0."""
    parts = parts_of("dcgan", **SMALL, num_classes=4)
    z = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    judge = parts["discriminator"]
    judge(parts["generator"](z, LABELS), LABELS).sum().backward()
    tables = [m for part in parts.values() for m in part.modules() if isinstance(m, nn.Embedding)]
    assert len(tables) == 5  # scale and shift of both norms of the generator, and the projection
    for table in tables:
        assert table.weight.grad is not None
        rows = table.weight.grad.abs().sum(1)
        assert (rows[:3] > 0).all()
        assert rows[3] == 0
    with torch.no_grad():
        h = judge.body(parts["generator"](z, LABELS)).flatten(1)
    expected = torch.zeros_like(judge.projection.weight).index_add(0, LABELS, h)
    assert torch.allclose(judge.projection.weight.grad, expected, rtol=1e-2, atol=1e-2)


def test_a_conditional_generator_folded_gives_the_same() -> None:
    """What depends on labels is not folded into a convolution; the twin for sampling gives what the network gives."""
    generator = parts_of("dcgan", **SMALL, num_classes=3, generator_convs=[1, 1])["generator"]
    stirred(generator)
    generator.eval().requires_grad_(False)
    z = torch.randn(4, 4)
    twin = folded(resting(generator))
    assert sum(isinstance(module, nn.BatchNorm2d) for module in twin.modules()) == 4
    for labels in (LABELS, (LABELS + 1) % 3):
        assert torch.allclose(twin(z, labels), generator(z, labels), atol=1e-6)


@pytest.mark.parametrize("name", VAES)
def test_a_vae_joins_one_hot_labels(name: str) -> None:
    """A class moves the posterior by its row, and the decoder's first layer gives W z + b + U y."""
    parts = parts_of(name, **VAES[name], num_classes=3)
    encoder, decoder = parts["encoder"], parts["decoder"]
    x = torch.rand(4, *decoder.data_shape)
    first, other = encoder(x, LABELS), encoder(x, (LABELS + 1) % 3)
    moved = encoder.head.class_mean.weight
    assert torch.allclose(first.mean - other.mean, moved[LABELS] - moved[(LABELS + 1) % 3], atol=1e-6)
    z = torch.randn(4, *decoder.latent_shape)
    stem = decoder.body[0] if name == "mlp-vae" else decoder.stem
    one_hot = nn.functional.one_hot(LABELS, 3).float()
    expected = nn.functional.linear(
        torch.cat([z, one_hot], 1), torch.cat([stem.weight, decoder.class_stem.weight.T], 1), stem.bias
    )
    assert torch.allclose(stem(z) + decoder.class_stem(LABELS), expected, atol=1e-6)
    plain = decoder(z, LABELS)
    with torch.no_grad():
        decoder.class_stem.weight.zero_()
    assert not torch.allclose(decoder(z, LABELS), plain)
    assert torch.equal(decoder(z, LABELS), decoder(z, (LABELS + 1) % 3))


@pytest.mark.parametrize("name", [*VAES, "dcgan"])
def test_without_classes_the_networks_are_what_they_were(name: str) -> None:
    """num_classes = 0 adds no table, and every part says how many classes it sees."""
    given = SMALL if name == "dcgan" else VAES[name]
    plain, classed = parts_of(name, **given), parts_of(name, **given, num_classes=3)
    for part in plain.keys() - {"likelihood"}:
        assert (plain[part].num_classes, classed[part].num_classes) == (None, 3)
        assert not any(isinstance(module, nn.Embedding) for module in plain[part].modules())


def test_a_generator_without_norms_sees_no_labels() -> None:
    """Labels enter through the norms: a config with classes and none is refused."""
    with pytest.raises(ConfigError, match="generator_norm"):
        decode(DCGANConfig, {"num_classes": 3, "generator_norm": "none"}, "test")
