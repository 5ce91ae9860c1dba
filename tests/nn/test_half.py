"""Weights in half precision: stored so, brought to it by `load`, or by torch's own methods; all give float32."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.locate import locate
from zoo.errors import IntegrityError, WeightsError
from zoo.evaluation.likelihood import importance_weighted_nll
from zoo.evaluation.reconstruction import reconstruction_report
from zoo.latent.concepts import ConceptVector
from zoo.latent.fitted_encoder import fit_encoder
from zoo.latent.inversion import invert
from zoo.latent.verification import verify_folder
from zoo.nn.abilities import Bounded
from zoo.nn.golden import golden_samples
from zoo.nn.models import Model
from zoo.nn.pretrained import load
from zoo.nn.serialization import save

Make = Callable[..., SimpleNamespace]
HALVES = [torch.float16, torch.bfloat16]
NEAR = {torch.float16: 2e-3, torch.bfloat16: 2e-2}  # of float32's results


def stored(folder: SimpleNamespace, dtype: torch.dtype, file: str = "model") -> None:
    """Rewrite the floats of a file in another dtype."""
    path = folder.path / f"{file}.safetensors"
    tensors = {key: value.to(dtype) if value.is_floating_point() else value for key, value in load_file(path).items()}
    save_file(tensors, path)


def reports(model: Model) -> dict[str, Any]:
    return verify_folder(locate(model.name, default_registry()), default_registry())


@pytest.mark.parametrize("dtype", HALVES)
def test_a_folder_may_be_stored_in_half(dtype: torch.dtype, make_folder: Make, vae_folder: Make) -> None:
    """What is loaded has the stored dtype, and gives what the same weights give that are brought to it."""
    for folder in (make_folder("gan"), vae_folder("vae")):
        expected = load(folder.path, dtype=dtype).sample(3, seed=0)
        exact = load(folder.path).sample(3, seed=0)
        stored(folder, dtype)
        model = load(folder.path)
        assert model.dtype == dtype
        found = model.sample(3, seed=0)
        assert torch.equal(found, expected)
        assert found.dtype == torch.float32
        assert 0 < float((found - exact).abs().max()) < NEAR[dtype]
        assert load(folder.path, dtype=torch.float32).dtype == torch.float32


@pytest.mark.parametrize("dtype", HALVES)
def test_a_folder_in_half_is_verified(dtype: torch.dtype, vae_folder: Make) -> None:
    """Golden samples of its own are replayed, with a tolerance for its rounding; those of float32 keep theirs."""
    folder = vae_folder()
    golden = load_file(folder.path / "golden.safetensors")
    stored(folder, dtype)
    save(folder.path / "golden.safetensors", golden_samples(load(folder.path)))
    assert reports(load(folder.path))["golden_difference"] == 0
    own = load_file(folder.path / "golden.safetensors")["tolerance"]
    assert float(golden["tolerance"]) < float(own) <= 0.03
    save_file(golden | {"x": (golden["x"] + 0.01).clamp(0, 1)}, folder.path / "golden.safetensors")
    with pytest.raises(IntegrityError, match=r"golden samples differ by .*, allowed is 0\.001"):
        reports(load(folder.path))


@pytest.mark.parametrize("dtype", [*HALVES, torch.float64])
def test_all_that_a_model_does_it_does_in_other_dtypes(dtype: torch.dtype, vae_folder: Make) -> None:
    """Encode, reconstruct, the ELBO, inversion, concepts and evaluation: float32, near what float32 weights give."""
    folder = vae_folder()
    exact, model = load(folder.path), load(folder.path).to(dtype)
    assert isinstance(exact, Bounded)
    assert isinstance(model, Bounded)
    x = exact.sample(12, seed=0)
    data, near = (x * 255).round().to(torch.uint8), NEAR.get(dtype, 1e-5)

    def made(of: Bounded) -> dict[str, Tensor]:
        posterior = of.encode(x)
        return {
            "mean": posterior.mean,
            "log_var": posterior.log_var,
            "reconstructed": of.reconstruct(x),
            "elbo": of.elbo(x, seed=0) / 1000,
            "inverted": invert(of, x[:2], start=posterior.mean[:2], steps=2).z,
            "concept": ConceptVector.fit(of, x[:6], x[6:]).direction,
            "fitted": fit_encoder(of, examples=64).encode(x) / 10,
            "nll": torch.tensor(importance_weighted_nll(of, data[:3], samples=4).nll / 1000).float(),
            "error": torch.tensor(reconstruction_report(of, data).root_mean_square_error).float(),
        }

    expected = made(exact)
    for name, found in made(model).items():
        assert found.dtype == torch.float32, name
        assert float((found - expected[name]).abs().max()) < 2 * near, name


def test_weights_of_several_dtypes_are_refused(make_folder: Make) -> None:
    """Half of the tensors in half, whole numbers for floats, and double precision are a WeightsError that names one."""
    for change in ({1: torch.float16}, {0: torch.float16, 1: torch.bfloat16}, {1: torch.int32}, {1: torch.float64}):
        folder = make_folder(f"tiny-{len(change)}-{str(change[1])[6:]}")
        path = folder.path / "model.safetensors"
        tensors = load_file(path)
        for index, key in enumerate(sorted(key for key, value in tensors.items() if value.is_floating_point())):
            tensors[key] = tensors[key].to(change.get(index, change.get(0, torch.float32) if index else torch.float32))
        save_file(tensors, path)
        with pytest.raises(WeightsError, match=r"is torch\.\w+ \[.*\], the architecture needs torch\.float32"):
            load(folder.path)


def test_a_discriminator_in_half_is_loaded(make_folder: Make) -> None:
    """The second player's file may be in half as well."""
    folder = make_folder()
    for file in ("model", "discriminator"):
        stored(folder, torch.bfloat16, file)
    model: Any = load(folder.path, discriminator=True)
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert model.discriminator(torch.zeros(2, 3, 8, 8, dtype=torch.bfloat16)).shape == (2,)
