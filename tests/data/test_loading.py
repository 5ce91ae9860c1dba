"""zoo.data.loading and zoo.data.decoded: references, requests, checks, and decoded tensors on disk."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.contract.specs import DatasetSpec
from zoo.catalogue.plugins.loading import default_registry
from zoo.data.decoded import Decoded, cached, content_key, fingerprint
from zoo.data.loading import DataRequest, Examples, Streamed, load_dataset, stream_dataset
from zoo.data.rows import Rows
from zoo.errors import NotFoundError, PluginError, UsageError

CLASSES = ("cat", "dog")
RECEIVED: list[DataRequest] = []


def load_toy(request: DataRequest) -> Examples:
    RECEIVED.append(request)
    data = torch.arange(48, dtype=torch.uint8).view(4, 3, 2, 2)
    return Examples(data=data, labels=torch.tensor([0, 1, 0, 1]), classes=CLASSES)


def load_broken(request: DataRequest) -> Examples:
    raise KeyError("gone")


def load_nonsense(request: DataRequest) -> list[int]:
    return [1, 2]


def load_floats(request: DataRequest) -> Examples:
    return Examples(data=torch.zeros(4, 3, 2, 2))


def load_and_exit(request: DataRequest) -> Examples:
    raise SystemExit(0)


def load_wrong_labels(request: DataRequest) -> Examples:
    return Examples(data=torch.zeros(2, 3, 2, 2, dtype=torch.uint8), labels=torch.tensor([0, 2]), classes=CLASSES)


class TwoRows(Rows):
    """Two black pictures."""

    def __len__(self) -> int:
        return 2

    def order(self, generator: torch.Generator) -> torch.Tensor:
        return torch.arange(2)

    def read(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros(len(rows), 3, 2, 2, dtype=torch.uint8), rows

    def expect(self, rows: torch.Tensor) -> None:
        pass

    def news(self) -> list[str]:
        return []


def load_stream(request: DataRequest) -> Examples | Streamed:
    return Streamed(data=TwoRows(), sha256="0" * 64) if request.stream else load_toy(request)


def load_stream_always(request: DataRequest) -> Streamed:
    return Streamed(data=TwoRows(), sha256="0" * 64)


def load_stream_unnamed(request: DataRequest) -> Streamed:
    return Streamed(data=TwoRows())


def load_stream_wrong_labels(request: DataRequest) -> Streamed:
    return Streamed(data=TwoRows(), sha256="0" * 64, labels=torch.tensor([0, 1, 1]), classes=CLASSES)


GIVEN: dict[str, Any] = {}  # what the loader of that name gives


def load_given(request: DataRequest) -> Examples:
    return Examples(**GIVEN)


def registry(load: Callable[..., object] = load_toy, name: str = "toy", **values: object) -> Registry:
    settings: dict[str, object] = {"classes": CLASSES, "splits": {"train": 4, "test": 4}, "modality": "image"} | values
    spec = DatasetSpec(
        name=name.rpartition("/")[2],
        summary="",
        licence="MIT",
        load=f"{__name__}:{load.__name__}",
        **settings,  # type: ignore[arg-type]
    )
    image = default_registry().owned("modality", "image")
    return Registry.of([Owned(name=name, spec=spec, owner="test"), image])


def load(reference: str, owner: Registry | None = None, env: Mapping[str, str] | None = None, **rest: str) -> Examples:
    return load_dataset(reference, registry=owner or registry(), env=env or {}, **rest)  # type: ignore[arg-type]


def test_what_a_loader_leaves_empty_is_filled_in() -> None:
    """Examples carry the reference, split, licence and a fingerprint even when their loader gives none of them."""
    examples = load("toy[cat]", split="test")
    assert (examples.name, examples.split, examples.licence) == ("toy[cat]", "test", "MIT")
    assert examples.labels is not None
    assert examples.sha256 == fingerprint({"data": examples.data, "labels": examples.labels})


def test_only_who_asks_for_a_stream_gets_one() -> None:
    """`stream_dataset` takes what stays where it is, and what does not; `load_dataset` has all in memory."""
    streamed = stream_dataset("toy", registry=registry(load_stream), env={})
    assert isinstance(streamed, Streamed)
    assert (streamed.name, streamed.licence, streamed.sha256, len(streamed.data)) == ("toy", "MIT", "0" * 64, 2)
    assert isinstance(load("toy", registry(load_stream)), Examples)
    plain = stream_dataset("toy", registry=registry(), env={})
    assert isinstance(plain, Examples)
    assert plain.sha256 == load("toy").sha256


@pytest.mark.parametrize(
    ("loader", "stream", "words"),
    [
        (load_stream_always, False, "returned Streamed, not Examples"),
        (load_stream_unnamed, True, "must be some, and have their sha256"),
        (load_stream_wrong_labels, True, "one int64 for each of the 2 examples"),
    ],
)
def test_a_stream_is_checked(loader: Callable[..., object], stream: bool, words: str) -> None:
    """A stream that nobody asked for, one without a fingerprint, and wrong labels are the plugin's error."""
    ask = stream_dataset if stream else load_dataset
    with pytest.raises(PluginError, match=words):
        ask("toy", registry=registry(loader), env={})


def test_the_environment_becomes_a_request() -> None:
    """ZOO_DATA, ZOO_CACHE and ZOO_OFFLINE reach the loader as folders and a flag."""
    load("toy", env={"ZOO_DATA": os.pathsep.join(["/a", "", "/b"]), "ZOO_CACHE": "/c", "ZOO_OFFLINE": "1"})
    request = RECEIVED[-1]
    assert (request.roots, request.cache, request.offline) == ((Path("/a"), Path("/b")), Path("/c"), True)
    load("toy", env={"XDG_CACHE_HOME": "/x", "ZOO_OFFLINE": "0"})
    assert (RECEIVED[-1].cache, RECEIVED[-1].offline) == (Path("/x/genzoo"), False)


def test_roots_are_searched_in_order(tmp_path: Path) -> None:
    """A file is taken from the first folder of ZOO_DATA that has it; folders that are not there are passed over."""
    for folder in ("b", "c"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.tar").touch()
    request = DataRequest(roots=(tmp_path / "a", tmp_path / "b", tmp_path / "c"))
    assert request.find("x.tar") == tmp_path / "b" / "x.tar"
    assert request.find("y.tar") is None


@pytest.mark.parametrize(
    ("reference", "split", "words"),
    [
        ("tyo", "train", "did you mean 'toy'"),
        ("toy[dgo]", "train", "did you mean 'dog'"),
        ("toy[zebra]", "train", "there are cat, dog"),
        ("toy", "tset", "did you mean 'test'"),
    ],
)
def test_unknown_names_get_near_ones(reference: str, split: str, words: str) -> None:
    """An unknown dataset, class or split is a NotFoundError that names near or known ones."""
    with pytest.raises(NotFoundError, match=words):
        load(reference, split=split)


def test_a_path_goes_only_where_it_is_meant() -> None:
    """A dataset that takes a path needs one, and one that takes none refuses it."""
    with pytest.raises(UsageError, match="toy:PATH"):
        load("toy", registry(takes_path=True))
    with pytest.raises(UsageError, match="takes no path"):
        load("toy:./x")
    with pytest.raises(NotFoundError, match="no classes"):
        load("toy[cat]", registry(classes=()))


@pytest.mark.parametrize("loader", [load_broken, load_nonsense, load_floats, load_wrong_labels, load_and_exit])
def test_a_broken_loader_is_the_plugins_fault(loader: Callable[..., object]) -> None:
    """A loader that raises, or returns what Examples do not allow, is a PluginError that names the dataset."""
    with pytest.raises(PluginError, match="acme/toy"):
        load("acme/toy", registry(loader, name="acme/toy"))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"labels": torch.tensor([0.0, 1.0])}, r"labels \(\(2,\) torch\.float32\) must be one int64 for each of the 2"),
        ({"labels": torch.tensor([0, -1])}, r"must lie in 0\.\.1, as its classes do"),
        ({"labels": torch.tensor([0, 2])}, r"must lie in 0\.\.1, as its classes do"),
        ({"labels": torch.tensor([0])}, "one int64 for each of the 2 examples"),
        ({"labels": [0, 1]}, "its labels are a list, no tensor of int64"),
        ({"data": [1, 2]}, "its data are a list, no tensor of examples"),
        ({"data": torch.zeros(2, 3, 7, 7, dtype=torch.uint8)}, r"asked was for examples of the shape \(3, 8, 8\)"),
    ],
)
def test_what_a_loader_gives_is_refused_in_words(
    given: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labels of another type, number or range, data that are no tensor, and a size that was not asked for."""
    plain: dict[str, Any] = {"data": torch.zeros(2, 3, 8, 8, dtype=torch.uint8), "classes": ("a", "b")}
    for key, value in (plain | given).items():
        monkeypatch.setitem(GIVEN, key, value)
    with pytest.raises(PluginError, match=rf"^dataset toy: .*{says}"):
        load("toy", registry(load_given), data_shape=(3, 8, 8))


# --- the cache


def decoded() -> Decoded:
    return Decoded(tensors={"data": torch.arange(60, dtype=torch.uint8).view(5, 12)}, notes={"skipped": ["a"]})


def refuse() -> Decoded:
    raise AssertionError("decoded again")


def entry(folder: Path) -> Path:
    (path,) = (folder / "decoded").iterdir()
    return path


def test_an_entry_is_decoded_once(tmp_path: Path) -> None:
    """The second request for a key comes from the disk, tensors and notes alike."""
    key = content_key(source="x")
    cached(tmp_path, key, decoded)
    again = cached(tmp_path, key, refuse)
    assert torch.equal(again.tensors["data"], decoded().tensors["data"])
    assert again.notes == decoded().notes
    assert content_key(source="x", split="test") != key


def test_a_damaged_entry_is_rebuilt(tmp_path: Path) -> None:
    """Whichever byte of an entry is changed, the right tensors come back and the entry is whole again."""
    key = content_key(source="x")
    cached(tmp_path, key, decoded)
    whole = entry(tmp_path).read_bytes()
    damaged = [whole[:-1], whole[:20], b"", b"text", whole + b"x"]
    damaged += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(0, len(whole), 19)]
    for content in damaged:
        entry(tmp_path).write_bytes(content)
        again = cached(tmp_path, key, decoded)
        assert (again.sha256, again.notes) == (decoded().sha256, decoded().notes)
    entry(tmp_path).write_bytes(damaged[0])
    cached(tmp_path, key, decoded)
    assert entry(tmp_path).read_bytes() == whole


def test_a_cache_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    """Without a cache, below a file, or where a folder stands in the way, the tensors come all the same."""
    (tmp_path / "file").touch()
    key = content_key(source="x")
    (tmp_path / "blocked" / "decoded" / f"{key}.safetensors").mkdir(parents=True)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    for folder in (None, tmp_path / "file", tmp_path / "blocked", closed, Path("/proc/none")):
        assert cached(folder, key, decoded).sha256 == decoded().sha256


def _cache_once(folder: Path, results: multiprocessing.SimpleQueue[str]) -> None:
    results.put(cached(folder, content_key(source="x"), decoded).sha256)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_two_processes_leave_one_whole_entry(tmp_path: Path) -> None:
    """Processes that build one entry at the same time all get it, and leave exactly one file."""
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    workers = [context.Process(target=_cache_once, args=(tmp_path, results)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=30)
    assert [results.get() for _ in workers] == [decoded().sha256] * 4
    assert cached(tmp_path, content_key(source="x"), refuse).sha256 == decoded().sha256
    assert entry(tmp_path).suffix == ".safetensors"
