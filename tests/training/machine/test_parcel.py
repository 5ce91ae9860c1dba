"""zoo.training.machine.parcel: tensors that are filled in one place, and lie in another after one copy."""

from __future__ import annotations

import itertools

import torch

from zoo.training.machine.parcel import ALIGNED, Kind, Parcel

CPU = torch.device("cpu")
KINDS: list[Kind] = [
    (torch.int64, (3,)),
    (torch.uint8, (5, 1, 7)),
    (torch.float32, ()),
    (torch.float32, (0, 4)),
    (torch.bfloat16, (2, 3)),
]


def test_what_is_filled_arrives_when_it_is_sent() -> None:
    """Of every dtype and shape, a scalar and nothing at all among them; not before, and each time in the same place."""
    parcel = Parcel(KINDS, CPU)
    assert [(tensor.dtype, tuple(tensor.shape)) for tensor in parcel.tensors] == KINDS
    places = [tensor.data_ptr() for tensor in parcel.tensors]
    for tensor in parcel.tensors:  # new memory holds anything
        tensor.zero_()
    for value in (1, 2):
        for tensor in parcel.open():
            tensor.fill_(value)
        assert not any((tensor == value).any() for tensor in parcel.tensors)
        parcel.send()
        assert all((tensor == value).all() for tensor in parcel.tensors)
    assert [tensor.data_ptr() for tensor in parcel.tensors] == places


def test_tensors_are_aligned_and_apart() -> None:
    """Each begins at a multiple of 64 bytes, and none reaches into the next."""
    tensors = [tensor for tensor in Parcel(KINDS, CPU).tensors if tensor.numel()]
    first = tensors[0].data_ptr()
    spans = [(tensor.data_ptr() - first, tensor.nbytes) for tensor in tensors]
    assert all(start % ALIGNED == 0 for start, _ in spans)
    assert all(start + size <= other for (start, size), (other, _) in itertools.pairwise(spans))
