"""Level `behaviour`: what the parts of an architecture give, with random weights, in the cases that are run."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zoo.catalogue.contract.specs import ArchitectureSpec
from zoo.data.modality import load_modality
from zoo.nn.abilities import Bounded
from zoo.nn.build import build_parts, initialise_parts
from zoo.nn.families import family_of
from zoo.nn.interfaces import Decoder, Generator
from zoo.nn.models import Model
from zoo.nn.serialization import fill, parse, save
from zoo.testing.cases import Bench, Case, examples_of, fresh_parts, given_by, runnable
from zoo.testing.subject import Item, Subject, require

__all__ = [
    "batch_invariance",
    "check_samples",
    "encode_decode",
    "gradients",
    "logits",
    "outputs",
    "players_apart",
    "same_seed_same_sample",
    "sample_range",
    "state_round_trip",
]

CLOSE = 1e-4  # of values around 1: convolution kernels round differently for different batch sizes
FAR_OUT = 0.5  # share of an untrained network's values that may lie more than its range's width outside that range
SEEDS = 8  # of initial weights, in which logits must be seen outside (0, 1)


def _first(item: Item) -> Case:
    return runnable(item.of(ArchitectureSpec))[0]


def _model(subject: Subject, case: Case, item: Item) -> Model:
    return family_of(case.spec.family, subject.registry, item.name).container(fresh_parts(case))


def outputs(subject: Subject, item: Item) -> None:
    """Every part gives float32 of its interface's shape, all finite, in training and in eval mode."""
    for case in runnable(item.of(ArchitectureSpec)):
        bench = Bench.of(subject, case)
        for part, module in bench.parts.items():
            given, shape = bench.given(part)
            for mode in (True, False):
                out = given_by(module.train(mode), given)
                where = f"{case.label}: {part} in {'training' if mode else 'eval'} mode"
                wanted = shape or (len(given[0]), *out.shape[1:])
                found = (tuple(out.shape), out.dtype)
                require(found == (wanted, torch.float32), f"{where} gives {out.dtype} {found[0]}, not float32 {wanted}")
                require(out.isfinite().all(), f"{where} gives NaN or infinity")


def _given(model: Model, network: nn.Module, seed: int) -> Tensor:
    """What a network that takes the model's latents gives for four of the seed."""
    with torch.no_grad():
        return given_by(network, (model.latents(4, seed=seed), _labels(model, 4)))


def sample_range(subject: Subject, item: Item) -> None:
    """Samples are what its modality stores, and an untrained network gives values of about the range it declares."""
    model = _model(subject, _first(item), item)
    x = model.sample(4, seed=0)
    check_samples(subject, item.of(ArchitectureSpec).modality, x, (4, *model.data_shape))
    if not x.is_floating_point():
        return
    low, high = model.value_range
    raw = _given(model, model, 0)
    out = float(((raw < -1) | (raw > 2)).float().mean())
    require(out <= FAR_OUT, f"{out:.0%} of what it gives lies far outside [{low:g}, {high:g}]: its range is another")


def check_samples(subject: Subject, modality: str, x: Tensor, shape: tuple[int, ...]) -> None:
    """Raise FailedCheck unless x are float32 in [0, 1] or int64 tokens of that shape, DataError for none of the kind.

    What the kind needs to know of its data is not known here: a vocabulary is the modality's usual one.
    """
    kind = load_modality(subject.registry.modality(modality))
    given = f"samples are {x.dtype} {tuple(x.shape)}"
    require(tuple(x.shape) == shape and x.dtype in (torch.float32, torch.int64), f"{given}, not {shape}")
    require(not x.is_floating_point() or bool(((x >= 0) & (x <= 1)).all()), "samples lie outside [0, 1]")
    kind.check(kind.stored(x))


def same_seed_same_sample(subject: Subject, item: Item) -> None:
    """The same seed gives the same sample bit for bit, whatever the global random state is; another seed another."""
    model = _model(subject, _first(item), item)
    one = model.sample(4, seed=0)
    torch.rand(3)
    require(torch.equal(model.sample(4, seed=0), one), "the same seed gives another sample the second time")
    # Of the part that reads z, since an untrained model's data may all lie beyond [0, 1], and be cut alike.
    reader = next((part for part in model.children() if isinstance(part, (Generator, Decoder))), model)
    alike = torch.equal(_given(model, reader, 0), _given(model, reader, 1))
    require(not alike, "another seed gives the same sample")


def batch_invariance(subject: Subject, item: Item) -> None:
    """In eval mode the output for one example does not depend on the others in its batch."""
    for case in runnable(item.of(ArchitectureSpec)):
        bench = Bench.of(subject, case)
        for part, module in bench.parts.items():
            given, _ = bench.given(part, 3)
            module.eval()
            with torch.no_grad():
                together = given_by(module, given)[:1]
                alone = given_by(module, tuple(None if value is None else value[:1] for value in given))
            scale = float(together.abs().max().clamp(min=1))
            difference = float((together - alone).abs().max()) / scale
            require(difference <= CLOSE, f"{case.label}: {part} gives {difference:.2g} of its values else when alone")


def gradients(subject: Subject, item: Item) -> None:
    """Every parameter gets a gradient that is finite and not all zero, once those that begin at zero have left it."""
    for case in runnable(item.of(ArchitectureSpec)):
        bench = Bench.of(subject, case)
        for part, module in bench.parts.items():
            _backward(bench, part)
            shut = [p for p in module.parameters() if not p.any()]  # behind a branch that begins so nothing learns yet
            if shut and not all(p.grad is None or p.grad.any() for p in module.parameters()):
                _move(shut)
                module.zero_grad(set_to_none=True)
                _backward(bench, part)
            for key, parameter in module.named_parameters():
                where = f"{case.label}: {part}.{key}"
                require(parameter.grad is not None, f"{where} gets no gradient")
                assert parameter.grad is not None
                require(parameter.grad.isfinite().all(), f"{where} gets a gradient that is not finite")
                require(parameter.grad.any(), f"{where} gets a gradient of zeros")


def _backward(bench: Bench, part: str) -> None:
    given, _ = bench.given(part)
    out = given_by(bench.parts[part].train(), given)
    if out.requires_grad:  # a likelihood may have nothing to learn
        weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
        (out * weights).sum().backward()


@torch.no_grad()
def _move(parameters: Sequence[Tensor]) -> None:
    generator = torch.Generator().manual_seed(2)
    for parameter in parameters:
        parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))


def players_apart(subject: Subject, item: Item) -> None:
    """Learning of one player alone leaves the other without a gradient: they share no parameter."""
    bench = Bench.of(subject, _first(item))
    parts = bench.parts
    for part, module in parts.items():
        given, _ = bench.given(part)
        for other in parts.values():
            other.zero_grad(set_to_none=True)
        out = given_by(module.train(), given)
        if out.requires_grad:
            out.sum().backward()
        for name, other in parts.items():
            reached = [key for key, value in other.named_parameters() if value.grad is not None]
            require(name == part or not reached, f"{name}.{reached and reached[0]} gets a gradient of the {part}'s")


def encode_decode(subject: Subject, item: Item) -> None:
    """encode gives mean and log_var of latent_shape; decode of the mean gives data in [0, 1]; the ELBO is finite."""
    model = _model(subject, _first(item), item)
    assert isinstance(model, Bounded)
    modality = subject.registry.modality(item.of(ArchitectureSpec).modality)
    x = examples_of(modality, 3, model.data_shape, torch.Generator().manual_seed(0)).round()
    labels = _labels(model, 3)
    posterior = model.encode(x, labels)
    for name, value in (("mean", posterior.mean), ("log_var", posterior.log_var)):
        require(value.shape == (3, *model.latent_shape), f"{name} has shape {tuple(value.shape)}")
    again = model.decode(posterior.mean, labels)
    require(again.shape == x.shape, f"a reconstruction has shape {tuple(again.shape)}, not {tuple(x.shape)}")
    inside = not again.is_floating_point() or (float(again.min()) >= 0 and float(again.max()) <= 1)
    require(inside, "a reconstruction lies outside [0, 1]")
    bound = model.elbo(x, labels, seed=0)
    require(bound.shape == (3,) and bound.isfinite().all(), f"the ELBO is {bound.tolist()}")


def logits(subject: Subject, item: Item) -> None:
    """The discriminator judges the model's own samples by finite logits of shape (N,), never probabilities."""
    case = _first(item)
    values = []
    for seed in range(SEEDS):
        parts: dict[str, Any] = initialise_parts(case.spec, case.config, seed=seed)
        model = family_of(case.spec.family, subject.registry, item.name).container(parts)
        discriminator = parts["discriminator"]
        maker = next(part for part in parts.values() if isinstance(part, (Generator, Decoder)))
        with torch.no_grad():
            given, _ = Bench(subject, case, parts).given("discriminator", 3)
            fakes = maker(model.latents(3, seed=seed), _labels(model, 3))
            values += [discriminator(x, *given[1:]) for x in (fakes, 100 * given[0])]
    found = torch.cat(values)
    require(all(value.shape == (3,) for value in values), f"logits have shape {tuple(values[0].shape)}, not (3,)")
    require(found.isfinite().all(), "logits are not finite")
    inside = bool(((found >= 0) & (found <= 1)).all())
    require(not inside, "all its outputs lie in [0, 1]: these are probabilities; leave the sigmoid to the loss")


def _labels(part: Any, n: int) -> Tensor | None:
    return None if part.num_classes is None else torch.arange(n) % part.num_classes


def state_round_trip(subject: Subject, item: Item) -> None:
    """Every part's state goes through safetensors bit for bit, shared tensors too, and gives the same values."""
    case = _first(item)
    bench, empty = Bench.of(subject, case), build_parts(case.spec, case.config)
    with tempfile.TemporaryDirectory(prefix="zoo-check-") as folder:
        for part, module in bench.parts.items():
            path = Path(folder) / f"{part}.safetensors"
            save(path, module.state_dict())
            fill(empty[part], parse(bytearray(path.read_bytes()), part), part)
            again = empty[part].state_dict()
            for key, tensor in module.state_dict().items():
                require(torch.equal(tensor, again[key]), f"{part}.{key} is not the same after safetensors")
            given, _ = bench.given(part)
            with torch.no_grad():
                one, other = given_by(module.eval(), given), given_by(empty[part].eval(), given)
            # Close, not equal: another memory layout of the same weights runs through other kernels.
            same = torch.allclose(one, other, atol=CLOSE)
            require(
                same, f"{part} gives other values after safetensors: something it computes with is not in its state"
            )
