"""zoo.catalogue.weights.header: what a safetensors file says of its tensors, without torch and without reading them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from zoo.catalogue.weights.header import Header, header_of, read_header
from zoo.errors import WeightsError

TABLE = {
    "__metadata__": {"about": "it"},
    "encoder.a.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    "encoder.norm.running_mean": {"dtype": "F32", "shape": [3], "data_offsets": [24, 36]},
    "decoder.scale": {"dtype": "F32", "shape": [], "data_offsets": [36, 40]},
}


def blob(table: object, data: bytes = b"\0" * 40) -> bytes:
    text = json.dumps(table).encode()
    return len(text).to_bytes(8, "little") + text + data


def test_a_header_gives_shapes_texts_and_counts(tmp_path: Path) -> None:
    """Shapes by name, texts, and the parameters of each part: a scalar is one, statistics of norms are none."""
    (tmp_path / "x.safetensors").write_bytes(blob(TABLE))
    found = header_of(tmp_path / "x.safetensors")
    shapes = {"encoder.a.weight": (2, 3), "encoder.norm.running_mean": (3,), "decoder.scale": ()}
    assert found == Header(shapes, {"about": "it"})
    assert found.parameters() == {"encoder": 6, "decoder": 1}


def test_no_more_is_taken_than_the_header_needs() -> None:
    """Of a file that comes in pieces, those behind the header are never asked for."""
    whole = blob(TABLE)
    end = len(whole) - 40

    def pieces() -> Iterator[bytes]:
        yield whole[:5]
        yield whole[5:end]
        raise AssertionError("the tensors were read")

    assert read_header(pieces(), len(whole), "x").texts == {"about": "it"}


def test_a_pointer_of_git_lfs_is_named() -> None:
    """A clone without its large files: said so, with the command that fetches them."""
    raw = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12345\n"
    with pytest.raises(WeightsError, match="is a Git LFS pointer, which stands for the file; run `git lfs pull`"):
        read_header([raw], len(raw), "x.safetensors")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x01",
        b"\xff" * 20,
        blob([]),
        blob({"a": 1}),
        blob({"a": {"shape": [-1]}}),
        blob({"a": {"shape": "x"}}),
        blob({"__metadata__": {"a": 1}}),
        blob(TABLE)[:30],
    ],
    ids=range(9),
)
def test_what_is_no_header_is_a_weights_error(raw: bytes) -> None:
    """Cut, of another format, or with shapes and texts that are none."""
    with pytest.raises(WeightsError, match=r"x\.safetensors"):
        read_header([raw], len(raw), "x.safetensors")
