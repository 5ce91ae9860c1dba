"""zoo.nn.serialization: hostile files are refused before memory is taken or a module touched."""

from __future__ import annotations

import io
import json
import math
import pickle
import random
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from zoo.errors import StorageError, WeightsError
from zoo.nn.serialization import DTYPES, fill, parse, save


def blob(header: Any, data: bytes = b"", length: int | None = None) -> bytearray:
    """A safetensors file with that header (JSON-able, or bytes as they are) and data."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return bytearray(struct.pack("<Q", len(raw) if length is None else length) + raw + data)


def entry(shape: Any = (2,), dtype: Any = "F32", offsets: Any = (0, 8), **more: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


DATA = struct.pack("<2f", 1.0, 2.0)
GOOD = blob({"a": entry()}, DATA)


def _zip() -> bytearray:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": [1.0, 2.0]}))
    return bytearray(stream.getvalue())


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.exit, ("a pickle was run",))


HOSTILE: dict[str, bytearray] = {
    "empty": bytearray(),
    "seven bytes": bytearray(7),
    "zeros": bytearray(64),
    "header of nothing": blob(b""),
    "header of 2^63": blob(b"{}", length=2**63),
    "header of 2^64 - 1": blob(b"{}", length=2**64 - 1),
    "header longer than the file": blob({"a": entry()}, DATA, length=10_000),
    "header cut": GOOD[:20],
    "data cut": GOOD[:-1],
    "no data": GOOD[:-8],
    "a byte more": GOOD + b"\0",
    "header is no JSON": blob(b"not json"),
    "header is no UTF-8": blob(b'{"\xff": 1}'),
    "header is a list": blob([1, 2]),
    "header is a number": blob(b"12"),
    "header is null": blob(b"null"),
    "header is nested deeply": blob(b"[" * 200_000),
    "header is nested deeply in an entry": blob(b'{"a": ' + b'{"a": ' * 100_000),
    "key twice": blob(b'{"a": %b, "a": %b}' % ((json.dumps(entry()).encode(),) * 2), DATA),
    "dtype twice": blob(b'{"a": {"dtype": "F32", "dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}', DATA),
    "entry is a list": blob({"a": [1]}, DATA),
    "entry has a key more": blob({"a": entry(code="os.system")}, DATA),
    "entry lacks a key": blob({"a": {"dtype": "F32", "shape": [2]}}, DATA),
    "unknown dtype": blob({"a": entry(dtype="F128")}, DATA),
    "dtype is a list": blob({"a": entry(dtype=["F32"])}, DATA),
    "dtype is null": blob({"a": entry(dtype=None)}, DATA),
    "dtype of another size": blob({"a": entry(dtype="F64")}, DATA),
    "shape is a number": blob({"a": entry(shape=2)}, DATA),
    "shape is negative": blob({"a": entry(shape=[-2])}, DATA),
    "shape twice negative": blob({"a": entry(shape=[-2, -1])}, DATA),
    "shape is a bool": blob({"a": entry(shape=[2, True])}, DATA),
    "shape is a fraction": blob({"a": entry(shape=[2.0])}, DATA),
    "shape is a text": blob({"a": entry(shape=["2"])}, DATA),
    "shape of 10^30": blob({"a": entry(shape=[10**30])}, DATA),
    "shape of 5000 digits": blob(b'{"a": {"dtype": "F32", "shape": [%b], "data_offsets": [0, 8]}}' % (b"9" * 5000)),
    "shape of nine sides": blob({"a": entry(shape=[2] + [1] * 8)}, DATA),
    "shape does not fill its bytes": blob({"a": entry(shape=[3])}, DATA),
    "shape of nothing, with sides that overflow": blob({"a": entry([0, 2**47, 2**47], offsets=[0, 0])}),
    "offsets backwards": blob({"a": entry(offsets=[8, 0])}, DATA),
    "offsets negative": blob({"a": entry(offsets=[-8, 0])}, DATA),
    "offsets beyond the end": blob({"a": entry(offsets=[8, 16])}, DATA),
    "offsets of 2^62": blob({"a": entry(offsets=[2**62, 2**62 + 8])}, DATA),
    "offsets are three": blob({"a": entry(offsets=[0, 8, 8])}, DATA),
    "offsets overlap": blob({"a": entry(), "b": entry(offsets=[4, 12])}, DATA + DATA),
    "same offsets": blob({"a": entry(), "b": entry()}, DATA),
    "a hole": blob({"a": entry(), "b": entry(offsets=[12, 20])}, DATA + bytes(12)),
    "a hole before": blob({"a": entry(offsets=[4, 12])}, bytes(4) + DATA),
    "metadata is a list": blob({"__metadata__": [1], "a": entry()}, DATA),
    "metadata holds a number": blob({"__metadata__": {"a": 1}, "a": entry()}, DATA),
    "pickle": bytearray(pickle.dumps(_Evil())),
    "zip of a pickle": _zip(),
    "text": bytearray(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 8"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_malformed_file_is_refused_in_bounded_memory(case: str) -> None:
    """Whatever is wrong with a file, it is a WeightsError naming the file in one short line, at no cost in memory."""
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError) as caught:
            parse(HOSTILE[case], "evil.safetensors")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith("evil.safetensors")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    assert peak < 2**20 + 20 * len(HOSTILE[case])


def test_a_header_of_too_many_tensors_is_refused() -> None:
    """More than 100,000 tensors, or a header above 8 MiB, is a WeightsError."""
    with pytest.raises(WeightsError, match="at most 100,000 tensors"):
        parse(blob({str(i): 0 for i in range(100_001)}), "evil")
    with pytest.raises(WeightsError, match="gives its header"):
        parse(blob(b" " * (2**23 + 2)), "evil")


def test_random_damage_never_escapes() -> None:
    """A file with random bytes changed is read as tensors or refused with a WeightsError; nothing else is raised."""
    chance = random.Random(0)
    refused = 0
    for _ in range(2000):
        damaged = bytearray(blob({"a": entry(), "b": entry([1, 2], "F16", [8, 12])}, DATA + bytes(4)))
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            parse(damaged, "evil")
        except WeightsError:
            refused += 1
    assert 1000 < refused < 2000


# --- what is well-formed -------------------------------------------------------------------------------------------


def samples() -> dict[str, Tensor]:
    """One tensor of every dtype, with names, shapes and sizes that bring some to odd addresses."""
    generator = torch.Generator().manual_seed(0)
    made = {
        name: torch.randint(0, 2 if dtype is torch.bool else 100, (3, 1, 5), generator=generator).to(dtype)
        for name, dtype in DTYPES.items()
    }
    return made | {"scalar": torch.tensor(1.5), "nothing": torch.zeros(0, 4), "ünï.weight": torch.ones(1)}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(
        a[key].dtype == b[key].dtype and a[key].shape == b[key].shape and torch.equal(a[key], b[key]) for key in a
    )


def test_the_library_reads_what_is_saved(tmp_path: Path) -> None:
    """`save` writes what safetensors itself reads back bit for bit, transposed tensors included."""
    tensors = samples() | {"turned": torch.arange(6.0).view(2, 3).T}
    save(tmp_path / "a.safetensors", tensors)
    assert same(load_file(tmp_path / "a.safetensors"), tensors)
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_others_may_read_what_is_saved(tmp_path: Path) -> None:
    """The library's own files are for their owner alone; saved weights have the rights of any new file."""
    plain = tmp_path / "plain"
    plain.touch()
    save(tmp_path / "w.safetensors", {"a": torch.zeros(2)})
    assert (tmp_path / "w.safetensors").stat().st_mode == plain.stat().st_mode


def test_tensors_that_share_memory_are_each_written_in_full(tmp_path: Path) -> None:
    """Tied weights, and views of one tensor, come back with their own values; what was saved is left as it was."""
    base = torch.arange(6.0)
    tensors = {"whole": base, "tied": base, "half": base[3:], "turned": base.view(2, 3).t()}
    save(tmp_path / "tied.safetensors", tensors)
    again = parse(bytearray((tmp_path / "tied.safetensors").read_bytes()), "tied")
    assert {key: value.tolist() for key, value in again.items()} == {k: v.tolist() for k, v in tensors.items()}
    assert tensors["tied"] is base


def test_what_the_library_writes_is_parsed(tmp_path: Path) -> None:
    """`parse` reads what safetensors itself writes, bit for bit, with and without metadata."""
    for metadata in (None, {"format": "pt", "note": "ü"}):
        save_file(samples(), tmp_path / "a.safetensors", metadata=metadata)
        assert same(parse(bytearray((tmp_path / "a.safetensors").read_bytes()), "a"), samples())


def test_data_at_odd_addresses_are_read() -> None:
    """A tensor whose bytes begin at an address its dtype does not divide has the right values all the same."""
    data = b"\x07" + DATA
    found = parse(blob({"one": entry([1], "U8", [0, 1]), "two": entry([2], "F32", [1, 9])}, data), "odd")
    assert (found["one"].tolist(), found["two"].tolist()) == ([7], [1.0, 2.0])


def test_tensors_share_the_files_memory() -> None:
    """An aligned tensor is a view of the bytes that were checked: nothing is copied."""
    header = json.dumps({"a": entry()}).encode()
    whole = blob(header + b" " * (-len(header) % 8), DATA)
    found = parse(whole, "a")
    whole[-4:] = struct.pack("<f", 9.0)
    assert found["a"].tolist() == [1.0, 9.0]


def test_a_file_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    """Saving below a missing folder is a StorageError, and leaves nothing."""
    with pytest.raises(StorageError, match="cannot write"):
        save(tmp_path / "absent" / "a.safetensors", samples())
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the library says of the disk in an error of its own is a StorageError with the path; nothing is left."""

    def full(*_: object, **__: object) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("zoo.nn.serialization.save_file", full)
    with pytest.raises(StorageError, match=r"cannot write .*a\.safetensors: I/O error: No space left"):
        save(tmp_path / "a.safetensors", samples())
    assert list(tmp_path.iterdir()) == []


# --- filling -------------------------------------------------------------------------------------------------------


class Net(nn.Module):
    """A linear layer, batch norm (whose state counts in int64), and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.norm = nn.BatchNorm1d(2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.linear(x))
        return y


def empty() -> Net:
    with torch.device("meta"):
        return Net()


def state() -> dict[str, Tensor]:
    return {key: tensor.clone() for key, tensor in Net().state_dict().items()}


def test_filling_gives_the_module_its_tensors() -> None:
    """All parameters and buffers become the given tensors, without a copy and without gradients."""
    net, tensors = empty(), state()
    fill(net, tensors, "a")
    assert same(dict(net.state_dict()), tensors)
    assert net.linear.weight.data_ptr() == tensors["linear.weight"].data_ptr()
    assert not any(parameter.requires_grad for parameter in net.parameters())
    assert net.eval()(torch.ones(1, 3)).shape == (1, 2)


def _without(key: str) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state().items() if name != key}


def _changed(key: str, index: int, value: float) -> dict[str, Tensor]:
    tensors = state()
    tensors[key].view(-1)[index] = value
    return tensors


MISFITS: dict[str, tuple[dict[str, Tensor], str]] = {
    "nothing": ({}, "lacks 'linear.bias', 'linear.weight', 'norm.bias' and 4 more"),
    "one missing": (_without("norm.running_var"), "lacks 'norm.running_var'"),
    "one more": (state() | {"linear.extra": torch.zeros(1)}, "holds 'linear.extra' beyond"),
    "a hostile name more": (state() | {"a\nb" * 10**5: torch.zeros(1)}, r"holds 'a\\nba\\nb"),
    "another shape": (
        state() | {"linear.weight": torch.zeros(2, 4)},
        r"linear.weight is torch.float32 \[2, 4\], .*\[2, 3\]",
    ),
    "turned": (state() | {"linear.weight": torch.zeros(3, 2)}, r"\[3, 2\]"),
    "one side more": (state() | {"linear.bias": torch.zeros(2, 1)}, r"\[2, 1\]"),
    "half precision": (state() | {"linear.weight": torch.zeros(2, 3).half()}, "torch.float16"),
    "whole numbers": (state() | {"linear.weight": torch.zeros(2, 3).long()}, "torch.int64"),
    "a count as float": (state() | {"norm.num_batches_tracked": torch.tensor(0.0)}, "needs torch.int64"),
    "NaN": (_changed("linear.weight", 4, math.nan), "linear.weight holds NaN or infinity"),
    "infinity": (_changed("norm.running_mean", 1, math.inf), "norm.running_mean holds NaN or infinity"),
    "minus infinity": (_changed("linear.bias", 0, -math.inf), "linear.bias holds NaN or infinity"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_tensors_that_do_not_fit_touch_nothing(case: str) -> None:
    """Missing, further, misshapen, mistyped or infinite tensors are a WeightsError, and the module stays on meta."""
    tensors, says = MISFITS[case]
    net = empty()
    before = dict(net.named_parameters()) | dict(net.named_buffers())
    with pytest.raises(WeightsError, match=says) as caught:
        fill(net, tensors, "evil")
    after = dict(net.named_parameters()) | dict(net.named_buffers())
    assert len(str(caught.value)) < 400
    assert all(after[key] is before[key] and after[key].is_meta for key in before)


def test_a_sum_that_overflows_is_no_infinity() -> None:
    """Values near the largest float whose sum is infinite are finite, and are taken."""
    tensors = state() | {"linear.weight": torch.full((2, 3), 3e38)}
    net = empty()
    fill(net, tensors, "big")
    assert torch.equal(net.linear.weight, tensors["linear.weight"])


def test_a_tensor_outside_the_state_is_a_weights_error() -> None:
    """A buffer that a network keeps out of its state can never be filled, so the error names it."""

    class Hidden(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))
            self.register_buffer("table", torch.ones(2), persistent=False)

    with torch.device("meta"):
        net = Hidden()
    with pytest.raises(WeightsError, match="cannot hold 'table'"):
        fill(net, {"scale": torch.ones(1)}, "a")
