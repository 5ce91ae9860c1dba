"""zoo.nn.given: numbers, arrays and lists are taken where they have one meaning; the rest is refused in words."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
import torch

from zoo.errors import UsageError
from zoo.latent.concepts import ConceptVector
from zoo.latent.interpolation import linear, plane, spherical, traversal
from zoo.latent.inversion import invert
from zoo.nn.given import as_tensor, number, whole
from zoo.nn.pretrained import load
from zoo.nn.vae import VAE

Make = Callable[..., SimpleNamespace]
Z = [[0.5, -1.0, 2.0], [0.0, 0.25, 1.5]]

ALIKE: dict[str, Callable[[], object]] = {
    "lists": lambda: Z,
    "tuples": lambda: tuple(map(tuple, Z)),
    "float64 array": lambda: numpy.array(Z),
    "float32 array": lambda: numpy.array(Z, dtype=numpy.float32),
    "float16 array": lambda: numpy.array(Z, dtype=numpy.float16),
    "array of the other byte order": lambda: numpy.array(Z, dtype=">f4"),
    "array that goes backwards": lambda: numpy.array(Z)[::-1][::-1, ::-1][:, ::-1],
    "array that cannot be written": lambda: numpy.broadcast_to(numpy.array(Z), (2, 3)),
    "list of arrays": lambda: [numpy.array(row) for row in Z],
    "list of tensors": lambda: [torch.tensor(row) for row in Z],
    "tensor and list": lambda: [torch.tensor(Z[0]), Z[1]],
    "float64 tensor": lambda: torch.tensor(Z, dtype=torch.float64),
    "bfloat16 tensor": lambda: torch.tensor(Z, dtype=torch.bfloat16),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("form", ALIKE)
def test_latents_of_every_form_decode_alike(form: str, make_folder: Make) -> None:
    """Arrays of every dtype and layout and lists of them give what the tensor of the same numbers gives, unwarned."""
    model = make_folder().model
    assert torch.equal(model.decode(ALIKE[form]()), model.decode(torch.tensor(Z)))


def test_one_latent_alone_is_a_batch_of_one(make_folder: Make, vae_folder: Make) -> None:
    """A latent or an example without the batch gives what a batch of it alone gives, in each thing a model does."""
    model, coder = make_folder().model, load(vae_folder("vae").path)
    assert isinstance(coder, VAE)
    z, x = torch.tensor(Z), coder.sample(2, seed=0)
    for alone in (z[0], Z[0], numpy.array(Z[0])):
        assert torch.equal(model.decode(alone), model.decode(z[:1]))
    for alone in (x[0], x[0].numpy(), x[0].tolist()):
        assert torch.equal(coder.encode(alone).mean, coder.encode(x[:1]).mean)
        assert torch.equal(coder.reconstruct(alone), coder.reconstruct(x[:1]))
        assert torch.equal(coder.elbo(alone, seed=0), coder.elbo(x[:1], seed=0))
        assert torch.equal(invert(model, alone, steps=1, draws=1).z, invert(model, x[:1], steps=1, draws=1).z)


def test_whole_numbers_of_numpy_are_whole_numbers(make_folder: Make) -> None:
    """n, seed, labels, steps and strengths may be NumPy's numbers, and give what Python's give."""
    model = make_folder().model
    expected = model.sample(3, seed=7, truncation=2.0)
    for kind in (numpy.int64, numpy.int32, numpy.uint8):
        assert torch.equal(model.sample(kind(3), seed=kind(7), truncation=numpy.float32(2)), expected)
    a, b = torch.tensor(Z)
    assert torch.equal(linear(a, b, numpy.int64(4)), linear(a, b, 4))  # type: ignore[arg-type]
    assert torch.equal(traversal(a, numpy.int64(1), 4), traversal(a, 1, 4))  # type: ignore[arg-type]
    assert torch.equal(plane(numpy.int16(3)), plane(3))  # type: ignore[arg-type]
    concept = ConceptVector(name="one", direction=torch.ones(3))
    assert torch.equal(concept.apply(Z, numpy.float32(0.5)), torch.tensor(Z) + 0.5)  # type: ignore[arg-type]
    assert torch.equal(concept.apply(Z[0], 1), torch.tensor(Z[:1]) + 1)
    assert torch.equal(concept.score(numpy.array(Z)), concept.score(torch.tensor(Z, dtype=torch.float64)))


def test_ways_are_walked_between_arrays() -> None:
    """`linear` and `spherical` take arrays and lists, of whole numbers too."""
    a, b = torch.tensor(Z)
    assert torch.allclose(spherical(Z[0], Z[1], 5).float(), spherical(a, b, 5))
    assert torch.equal(linear([0, 2], [4, 2], 3), torch.tensor([[0.0, 2.0], [2.0, 2.0], [4.0, 2.0]]))


BAD: dict[str, tuple[object, str]] = {
    "a text": ("noise", "z is a str; give a tensor, an array or lists of numbers"),
    "nothing": (None, "z is a NoneType"),
    "a table": ({"z": 1}, "z is a dict"),
    "rows of several lengths": ([[1.0, 2.0, 3.0], [1.0]], r"z is a list \(setting an array element"),
    "tensors of several lengths": ([torch.zeros(3), torch.zeros(2)], r"z is a list \(stack expects"),
    "texts": ([["a", "b", "c"]], "z is a list"),
    "objects": (numpy.array([[object()] * 3]), "z is a ndarray"),
    "truth values": (torch.zeros(1, 3, dtype=torch.bool), "z is torch.bool; floats or whole numbers"),
    "truth values of NumPy": (numpy.zeros((1, 3), dtype=bool), "z is torch.bool"),
    "complex numbers": (torch.zeros(1, 3, dtype=torch.complex64), "z is torch.complex64"),
    "complex numbers of NumPy": (numpy.zeros((1, 3), dtype=complex), "z is a ndarray"),
    "a sparse tensor": (torch.zeros(1, 3).to_sparse(), "values are not at hand"),
    "a tensor without values": (torch.zeros(1, 3, device="meta"), "values are not at hand"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("form", BAD)
def test_what_is_no_latent_is_refused(form: str, make_folder: Make) -> None:
    """Texts, objects, ragged rows, truth values, complex numbers and empty shells are a UsageError that says so."""
    value, message = BAD[form]
    with pytest.raises(UsageError, match=message):
        make_folder().model.decode(value)


def test_gradients_go_through_lists_of_tensors(make_folder: Make) -> None:
    """A list of latents that ask for gradients gets them."""
    rows = [torch.tensor(row, requires_grad=True) for row in Z]
    make_folder().model.decode(rows).sum().backward()
    assert all(row.grad is not None and bool(row.grad.any()) for row in rows)


@pytest.mark.parametrize("value", [True, 1.0, "1", None, numpy.float64(1), numpy.bool_(True), 0, 5])
def test_what_is_no_such_whole_number_is_refused(value: Any) -> None:
    """Truth values, fractions, texts and numbers out of bounds are a UsageError with name, value and bounds."""
    with pytest.raises(UsageError, match=r"^n is .*; it must be a whole number from 1 to 4$"):
        whole("n", value, 1, 4)


def test_numbers() -> None:
    """Python's and NumPy's numbers are floats; what is none is NaN; what is beyond all floats is the largest."""
    assert [number(v) for v in (1, 0.5, numpy.float32(0.5), numpy.int8(3))] == [1.0, 0.5, 0.5, 3.0]
    assert number(10**400) == -number(-(10**400)) > 1e308
    assert all(number(v) != number(v) for v in (True, "1", None, [1]))


def test_tensors_are_themselves() -> None:
    """A tensor is not copied; an array is, so that changing it later changes nothing."""
    z = torch.ones(2)
    assert as_tensor("z", z) is z
    array = numpy.ones(2)
    found = as_tensor("z", array)
    array[0] = 9
    assert found.tolist() == [1, 1]


def test_a_loaded_model_can_be_copied_and_pickled(vae_folder: Make) -> None:
    """A deep copy, and one through pickle, sample, encode paths and tell their name as the model does."""
    model = load(vae_folder().path)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(twin.sample(2, seed=0), model.sample(2, seed=0))
        assert (twin.name, twin.card, twin.concepts) == (model.name, model.card, model.concepts)
