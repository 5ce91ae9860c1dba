"""zoo.nn.torch_state: whatever the process has set of torch, a model gives what it gives in a fresh one."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

import zoo
from zoo.catalogue.plugins.loading import default_registry
from zoo.data.modality import load_modality
from zoo.evaluation.features import Observer, vectors
from zoo.evaluation.likelihood import importance_weighted_nll
from zoo.evaluation.metrics import frechet_distance
from zoo.evaluation.reconstruction import reconstruction_report
from zoo.latent.concepts import ConceptVector
from zoo.latent.continuity import continuity
from zoo.latent.fitted_encoder import fit_encoder
from zoo.latent.interpolation import linear, plane, spherical, traversal, within
from zoo.latent.inversion import invert
from zoo.latent.priors import fit_mixture, held_out
from zoo.nn.build import build_parts, decode_config, initialise_parts
from zoo.nn.distributions import GaussianMixture
from zoo.nn.features import load_features
from zoo.nn.gan import GAN
from zoo.nn.golden import golden_samples
from zoo.nn.interfaces import Generator
from zoo.nn.pretrained import load
from zoo.nn.prior import Prior
from zoo.nn.torch_state import default_state
from zoo.nn.vae import VAE

Make = Callable[..., SimpleNamespace]


@contextlib.contextmanager
def setting(put: Callable[[Any], object], value: Any, back: Any) -> Iterator[None]:
    put(value)
    try:
        yield
    finally:
        put(back)


def products(value: str) -> Any:
    return setting(torch.set_float32_matmul_precision, value, "highest")


def convolutions(value: str) -> Any:
    conv: Any = torch.backends.mkldnn.conv  # type: ignore[attr-defined]
    return setting(lambda given: setattr(conv, "fp32_precision", given), value, "none")


SWITCHES: dict[str, Callable[[], Any]] = {
    "default dtype float64": lambda: setting(torch.set_default_dtype, torch.float64, torch.float32),
    "default dtype float16": lambda: setting(torch.set_default_dtype, torch.float16, torch.float32),
    "default dtype bfloat16": lambda: setting(torch.set_default_dtype, torch.bfloat16, torch.float32),
    "default device meta": lambda: setting(torch.set_default_device, "meta", None),
    "a device context": lambda: torch.device("meta"),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "autocast to float16": lambda: torch.autocast("cpu", dtype=torch.float16),
    "no gradients": torch.no_grad,
    "gradients off": lambda: setting(torch.set_grad_enabled, False, True),
    "gradients": torch.enable_grad,
    "inference mode": torch.inference_mode,
    "anomalies looked for": lambda: torch.autograd.set_detect_anomaly(True, check_nan=True),  # type: ignore[attr-defined]
    "deterministic algorithms": lambda: setting(torch.use_deterministic_algorithms, True, False),
    "products in bfloat16": lambda: products("medium"),
    "products in TF32": lambda: products("high"),
    "convolutions in bfloat16": lambda: convolutions("bf16"),
    "another global seed": lambda: setting(torch.manual_seed, 99, 0),
    "two threads": lambda: setting(torch.set_num_threads, 2, 1),
    "denormals flushed": lambda: setting(torch.set_flush_denormal, True, False),
    "sparse tensors checked": lambda: torch.sparse.check_sparse_tensor_invariants(True),
    "no fast path of attention": lambda: setting(torch.backends.mha.set_fastpath_enabled, False, True),
    "weights swapped when moved": lambda: setting(torch.__future__.set_swap_module_params_on_conversion, True, False),
}


class Careless(Generator):
    """A network that makes tensors as they come: of the default dtype, on the default device."""

    def __init__(self) -> None:
        super().__init__()
        self.latent_shape, self.data_shape, self.num_classes, self.prior = (4,), (1, 2, 2), 3, "uniform"
        self.layer = torch.nn.Linear(4, 4)
        self.shift = torch.nn.Buffer(torch.linspace(-1, 1, 4))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        assert labels is not None
        ramp = torch.arange(4) / 3 + torch.full((4,), 0.1) + torch.tensor([0.1, 0.2, 0.3, 0.4]) + torch.zeros(4)
        return torch.tanh((self.layer(z) + self.shift + ramp) @ torch.eye(4) + labels[:, None] / 7).view(-1, 1, 2, 2)


def careless() -> GAN:
    with default_state(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return GAN(Careless()).eval()


def given(gan: Path, vae: Path) -> dict[str, Tensor]:
    """What loading, drawing, decoding, encoding and building give."""
    adversarial, coder, other = load(gan, discriminator=True), load(vae), careless()
    assert isinstance(coder, VAE)
    with torch.device("cpu"):
        x = (torch.arange(2 * 3 * 8 * 8, dtype=torch.int64) % 97).view(2, 3, 8, 8).to(torch.float32) / 96
        means, factors = torch.arange(6, dtype=torch.float32).view(2, 3), torch.eye(3, dtype=torch.float32)
        coder.mixture = GaussianMixture(means[:, 0] + 1, means, factors.expand(2, 3, 3))
    encoded = coder.encode(x)
    spec = default_registry().architecture("dcgan")
    config = decode_config(spec, {"image_size": 8, "latent_size": 3, "generator_widths": [4, 4]}, "test")
    parts = initialise_parts(spec, config, seed=3)
    found = {
        "gan": adversarial.sample(3, seed=1),
        "truncated": adversarial.sample(3, seed=1, truncation=0.5),
        "decoded": adversarial.decode(adversarial.latents(40, seed=2)),
        "vae": coder.sample(3, seed=1),
        "mixture": coder.sample(3, seed=1, prior="mixture"),
        "mean": encoded.mean,
        "log_var": encoded.log_var,
        "reconstructed": coder.reconstruct(x),
        "elbo": coder.elbo(x, samples=2, seed=0),
        "classes": other.sample(4, seed=0),
        "labels": other.sample(3, seed=0, labels=[2, 2, 1]),
        "inverted": invert(adversarial, x, steps=2, draws=2).z,
        "fitted": fit_encoder(adversarial, examples=64).encode(x),
    }
    found |= {f"{part}.{key}": value for part in parts for key, value in parts[part].state_dict().items()}
    empty = build_parts(spec, config)
    for part, module in empty.items():
        described = {key: (value.dtype, value.is_meta) for key, value in module.state_dict().items()}
        assert described == {key: (value.dtype, True) for key, value in parts[part].state_dict().items()}
    return found


def measured(gan: Path, vae: Path) -> dict[str, Any]:
    """What evaluation and the tools of latent spaces give, and what `verify` reports."""
    with torch.device("cpu"):
        rows = (torch.arange(12 * 3 * 8 * 8, dtype=torch.int64) * 37 % 251).view(12, 3, 8, 8)
        data, x = rows.to(torch.uint8), rows.to(torch.float32) / 255
    adversarial, coder = load(gan), load(vae)
    assert isinstance(coder, VAE)
    z = adversarial.latents(4, seed=5)
    posterior = coder.encode(x)
    mixture = fit_mixture(posterior, components=2)
    prior = Prior(name="mixture", shape=(3,), mixture=mixture)
    concept = ConceptVector.fit(coder, x[:6], x[6:])
    observer = Observer(load_features("efficientnet-lite0"), load_modality(default_registry().modality("image")))
    seen = vectors(data[:3], observer)
    return {
        "verify": [zoo.verify(path)["golden_difference"] for path in (gan, vae)],
        "likelihood": importance_weighted_nll(coder, data[:3], samples=3, binarise=True).to_json(),
        "reconstruction": reconstruction_report(coder, data, binarise=True).to_json(),
        "continuity": asdict(continuity(adversarial.decode, z[::2], z[1::2])),
        "spherical": spherical(z[0], z[1], 5).tolist(),
        "linear": linear([0.1, 0.2], [0.3, 0.5], 3).tolist(),
        "traversal": traversal(z[0], 1, 3).tolist(),
        "plane": plane(4).tolist(),
        "prior": [prior.sample(3, seed=1).tolist(), prior.log_prob(posterior.mean).tolist(), prior.limits(1)],
        "within": within(prior, posterior.mean[0], posterior.mean[1], 4).tolist(),
        "quantiles": prior.from_uniform(torch.full((1, 3), 0.3, dtype=torch.float32, device="cpu")).tolist(),
        "concept": concept.direction.tolist(),
        "probe": ConceptVector.fit_latents(posterior.mean[:6], posterior.mean[6:], method="linear_probe").measures,
        "moved": concept.apply(z, 1.5).tolist(),
        "mixture": [mixture.means.tolist(), asdict(held_out(mixture, posterior))],
        "features": seen.tolist(),
        "frechet": frechet_distance(seen, vectors(x[3:6], observer)),
        "examples": [coder.examples(row.movedim(0, -1).numpy()).tolist() for row in data[:2]],
    }


@pytest.mark.parametrize("switch", SWITCHES)
def test_no_switch_changes_what_is_measured(switch: str, make_folder: Make, vae_folder: Make) -> None:
    """Evaluation, walks, concepts, mixtures and `verify` give the same numbers under every global switch."""
    paths = make_folder("gan").path, vae_folder("vae").path
    before = measured(*paths)
    with SWITCHES[switch]():
        after = measured(*paths)
    for name, expected in before.items():
        if name not in ("features", "frechet") or switch != "two threads":  # large sums, in another order
            assert after[name] == expected, name


def test_measuring_leaves_a_model_in_training_as_it_was(vae_folder: Make) -> None:
    """What is measured of a model in training is what is measured of it in eval mode; nothing of it moves."""
    path = vae_folder().path
    still, moving = load(path), load(path).train()
    assert isinstance(still, VAE)
    assert isinstance(moving, VAE)
    data = (still.sample(8, seed=0) * 255).round().to(torch.uint8)
    before = {key: value.clone() for key, value in moving.state_dict().items()}

    def made(model: VAE) -> tuple[Any, ...]:
        x = data.float() / 255
        return (
            importance_weighted_nll(model, data, samples=3),
            reconstruction_report(model, data),
            ConceptVector.fit(model, x[:4], x[4:]).direction.tolist(),
            continuity(model.decode, *model.latents(4, seed=0).chunk(2)),
            invert(model, x[:2], steps=2, draws=2).z.tolist(),
            golden_samples(model)["x"].tolist(),
        )

    assert made(moving) == made(still)
    assert all(module.training for module in moving.modules())
    assert all(torch.equal(value, before[key]) for key, value in moving.state_dict().items())


@pytest.mark.parametrize("switch", SWITCHES)
def test_no_switch_of_the_process_changes_a_result(switch: str, make_folder: Make, vae_folder: Make) -> None:
    """Under every global switch each result has the bytes and the dtype of a fresh process, and can be learned from."""
    paths = make_folder("gan").path, vae_folder("vae").path
    before = given(*paths)
    with SWITCHES[switch]():
        after = given(*paths)
    assert before.keys() == after.keys()
    for name, expected in before.items():
        if name in ("inverted", "fitted") and switch == "two threads":
            continue  # a training sums in another order
        found = after[name]
        assert (found.dtype, found.device, found.shape) == (expected.dtype, expected.device, expected.shape), name
        assert torch.equal(found, expected), name
        assert not found.is_inference(), name


def test_what_the_process_has_set_is_set_afterwards() -> None:
    """Within, all is as in a fresh process; afterwards, and after an error, as it was before."""

    def now() -> tuple[Any, ...]:
        return (
            torch.get_default_dtype(),
            torch.empty(0).device,
            torch.is_autocast_enabled("cpu"),
            torch.is_inference_mode_enabled(),
            torch.is_grad_enabled(),
            torch.backends.mkldnn.matmul.fp32_precision,  # type: ignore[attr-defined]
        )

    outer = [SWITCHES[name] for name in ("default dtype float64", "default device meta", "autocast", "inference mode")]
    with contextlib.ExitStack() as stack:
        for switch in (*outer, SWITCHES["products in bfloat16"]):
            stack.enter_context(switch())
        before = now()
        with contextlib.suppress(ValueError), default_state():
            x = torch.rand(2, 2)
            assert (x.dtype, x.device.type, torch.is_grad_enabled(), (x @ x).dtype) == (
                torch.float32,
                "cpu",
                True,
                torch.float32,
            )
            raise ValueError
        assert now() == before


def test_asking_for_another_dtype_is_heeded() -> None:
    """Where a network asks for float64, or for what its input is, it gets that."""
    with SWITCHES["default dtype float64"](), default_state():
        wide = torch.zeros(2, dtype=torch.float64)
        for tensor in (
            wide,
            wide * 2,
            torch.arange(2).double(),
            torch.arange(2).to(torch.float64),
            torch.empty_like(wide),
        ):
            assert tensor.dtype == torch.float64
        for tensor in (torch.arange(3), torch.full((2,), 1), torch.tensor([1, 2])):
            assert tensor.dtype == torch.int64


def test_other_threads_keep_their_dtype_and_device(make_folder: Make) -> None:
    """While one thread samples, the default dtype that another sees stays as the process has it."""
    model = make_folder("gan").model
    expected = model.sample(4, seed=0)
    results: list[bool] = []

    def draw() -> None:
        results.extend(torch.equal(model.sample(4, seed=0), expected) for _ in range(20))

    with SWITCHES["default dtype float64"](), SWITCHES["products in bfloat16"]():
        threads = [threading.Thread(target=draw) for _ in range(3)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            assert torch.empty(0).dtype == torch.float64
        for thread in threads:
            thread.join()
        assert torch.get_float32_matmul_precision() == "medium"
    assert results == [True] * 60
