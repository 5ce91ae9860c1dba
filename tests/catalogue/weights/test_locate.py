"""weights.locate: a name becomes a folder whose bytes are the pinned ones; the Hub is asked for nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.contract.specs import ModelSpec, WeightsSpec
from zoo.catalogue.hub.transport import is_offline
from zoo.catalogue.weights.folder import Folder, parse_config
from zoo.catalogue.weights.locate import locate
from zoo.errors import IntegrityError, NetworkError, NotFoundError, StorageError, UsageError, WeightsError
from zoo.files import sha256_of

COMMIT = "0123456789" * 4
FACTS: dict[str, Any] = {
    "format": 1,
    "architecture": "acme/net",
    "config": {},
    "data": {},
    "training": {},
    "zoo": "0.1.0",
}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A pinned folder with a config and seven bytes of weights."""
    (tmp_path / "config.json").write_text(json.dumps(FACTS))
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    pins = {name: sha256_of(tmp_path / name) for name in ("config.json", "model.safetensors")}
    return Folder(name="toy", path=tmp_path, pins=pins)


def registry(files: dict[str, str] | None = None, **weights: Any) -> Registry:
    pins = files or {"config.json": "0" * 64, "model.safetensors": "0" * 64}
    spec = ModelSpec(
        name="toy",
        summary="",
        architecture="net",
        dataset="d",
        licence="MIT",
        recipe="acme:toy.toml",
        weights=WeightsSpec(files=pins, **weights) if weights else None,
    )
    return Registry.of([Owned(name=name, spec=spec, owner="acme") for name in ("toy", "acme/toy")])


# --- reading -------------------------------------------------------------------------------------------------------


def test_pinned_bytes_are_read(folder: Folder) -> None:
    """Bytes with the pinned sha256 are given as they are on the disk."""
    assert bytes(folder.read("model.safetensors")) == b"weights"
    assert folder.config() == FACTS
    assert sha256_of(folder.path / "model.safetensors") == hashlib.sha256(b"weights").hexdigest()


@pytest.mark.parametrize("content", [b"weightt", b"weight", b"weights\n", b""])
def test_other_bytes_are_an_integrity_error(content: bytes, folder: Folder) -> None:
    """A flipped, missing or added byte is an IntegrityError with both hashes; restoring the bytes mends it."""
    path = folder.path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(IntegrityError) as caught:
        folder.read("model.safetensors")
    assert folder.pins["model.safetensors"] in str(caught.value)
    assert hashlib.sha256(content).hexdigest() in str(caught.value)
    path.write_bytes(b"weights")
    assert bytes(folder.read("model.safetensors")) == b"weights"


def test_a_file_the_catalogue_does_not_pin_is_not_read(folder: Folder) -> None:
    """Beside pinned files an unpinned one is an IntegrityError; in a folder of the user's own nothing is pinned."""
    (folder.path / "golden.safetensors").write_bytes(b"slipped in")
    with pytest.raises(IntegrityError, match="not pinned"):
        folder.read("golden.safetensors")
    assert bytes(Folder(name="mine", path=folder.path).read("golden.safetensors")) == b"slipped in"


def test_a_missing_file_is_not_found(folder: Folder) -> None:
    """A file that is not there, or is a folder, is a NotFoundError naming its path."""
    (folder.path / "golden.safetensors").mkdir()
    for file in ("discriminator.safetensors", "golden.safetensors"):
        assert not folder.has(file)
        with pytest.raises(NotFoundError, match=file):
            folder.read(file)


def test_a_file_beyond_all_bounds_is_refused_before_it_is_read(folder: Folder) -> None:
    """A config above 1 MiB, weights above 8 GiB, or more than was asked for, is a WeightsError, and takes no memory."""
    for file, size in (("config.json", 2**20 + 1), ("model.safetensors", 2**33 + 1)):
        with (folder.path / file).open("wb") as stream:
            stream.truncate(size)  # a file with a hole takes no room on the disk
        with pytest.raises(WeightsError, match=r"at most [0-9,]+ can be meant"):
            folder.read(file)
    (folder.path / "golden.safetensors").write_bytes(b"12345678")
    with pytest.raises(WeightsError, match="8 bytes; at most 7 can be meant"):
        Folder(name="toy", path=folder.path).read("golden.safetensors", most=7)


def test_hashing_what_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    """`sha256_of` names the path it cannot read."""
    with pytest.raises(StorageError, match="absent"):
        sha256_of(tmp_path / "absent")


BAD_CONFIGS: list[tuple[bytes, str]] = [
    (b"", "is no JSON"),
    (b"\x80\x04pickle", "is no JSON"),
    (b"{", "is no JSON"),
    (b"[" * 10**5, "is no JSON"),
    (b'{"format": ' + b"1" * 5000 + b"}", "is no JSON"),
    (b"[]", "it holds a list"),
    (b"null", "it holds a NoneType"),
    (b"\xef\xbb\xbf{}", "is no JSON"),
    ("{}".encode("utf-16"), "is no JSON"),
    (b'{"format": NaN}', "NaN is no number of JSON"),
    (b'{"config": {"a": 1, "a": 2}}', "a key stands in it twice"),
    (b"{}", "must have exactly the keys"),
    (
        b'{"model_type": "bert", "architectures": ["BertModel"]}',
        "is of a model of transformers, which",
    ),
    (b'{"_class_name": "UNet2DModel"}', "is of a model of diffusers"),
]
BAD_CONFIGS += [
    (json.dumps({**FACTS, **change}).encode(), says)
    for change, says in (
        ({"class": "os.system"}, "must have exactly the keys"),
        ({"x" * 10**5: 1}, "must have exactly the keys"),
        ({"format": 2}, "format 2; this zoo reads format 1: update genzoo"),
        ({"format": True}, "format True"),
        ({"format": 1.0}, "format 1.0"),
        ({"format": "1"}, "format '1'"),
        ({"architecture": 3}, "architecture 3 is no name"),
        ({"architecture": "a/b/c"}, "is no name"),
        ({"architecture": "https://evil.example/net"}, "is no name"),
        ({"architecture": "package.module:attribute"}, "is no name"),
        ({"config": []}, "must be tables"),
        ({"data": None}, "must be tables"),
        ({"training": "x"}, "must be tables"),
    )
]


@pytest.mark.parametrize(("raw", "says"), BAD_CONFIGS, ids=range(len(BAD_CONFIGS)))
def test_a_malformed_config_json_is_refused(raw: bytes, says: str) -> None:
    """What is no JSON of exactly the known keys is a WeightsError: file and cause in one short line."""
    with pytest.raises(WeightsError, match=says) as caught:
        parse_config(raw, "toy/config.json")
    assert str(caught.value).startswith("toy/config.json")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


# --- names ---------------------------------------------------------------------------------------------------------


def test_a_path_is_a_folder_without_pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Path, or a text that starts with '.', '/' or '~' or ends in '/', names a folder of the user's own."""
    (tmp_path / "mine").mkdir()
    for file in ("config.json", "model.safetensors"):
        (tmp_path / "mine" / file).write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (tmp_path / "mine", Path("mine"), str(tmp_path / "mine"), "./mine", "mine/", "~/mine"):
        found = locate(name, registry())
        assert found.path.samefile(tmp_path / "mine")
        assert (dict(found.pins), found.source, found.spec) == ({}, "folder", None)
    for name in ("./absent", tmp_path / "absent", "~/absent"):
        with pytest.raises(NotFoundError, match="there is no folder"):
            locate(name, registry())


@pytest.mark.parametrize(
    "name", ["", "a b", "a/b/c", "a:b", "x\ny", "é", "a" * 10**5 + "!", "name@main", 3, None, b"toy"]
)
def test_what_is_no_name_is_a_usage_error(name: Any) -> None:
    """A name that could be none is a UsageError that shows it, shortened."""
    with pytest.raises(UsageError) as caught:
        locate(name, registry())
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "name",
    [
        "hf://",
        "hf://org",
        "hf://org/",
        "hf://org/repo/more",
        "hf://org/repo@",
        "hf://org/repo@a b",
        "hf://../repo",
        "hf://org/..",
        "hf://org/repo@../../etc",
        "hf://org/repo?x=1",
        "hf://user:token@host/repo",
        "hf://org/repo\n",
        "hf://org/repo@/etc/passwd",
        "hf://org/repo@a//b",
        "hf://.org/repo",
        "hf://org/re--po",
        "hf://org/repo.git",
        "hf://org/" + "r" * 300,
    ],
)
def test_a_malformed_hub_name_is_a_usage_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before the Hub's client is imported."""
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UsageError, match="is malformed; write hf://org/repo"):
        locate(name, registry())


def test_a_model_without_weights_says_how_to_train_it() -> None:
    """A catalogue entry with a recipe only is a NotFoundError with the command."""
    with pytest.raises(NotFoundError, match="toy has no published weights; train it: `zoo train toy`"):
        locate("toy", registry())


def test_an_unknown_model_offers_near_names() -> None:
    """The registry's near names come through."""
    with pytest.raises(NotFoundError, match="did you mean 'toy'"):
        locate("toi", registry())


# --- bundled, and the Hub ------------------------------------------------------------------------------------------


def test_the_bundled_copy_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that an installed package carries are used without the Hub's client, with the catalogue's pins."""
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "zoo_test_carrier" / "toy").mkdir(parents=True)
    (tmp_path / "zoo_test_carrier" / "__init__.py").write_text("")
    catalogue = registry(bundled="zoo_test_carrier:toy", repo_id="acme/toy", revision=COMMIT)
    found = locate("acme/toy", catalogue)
    assert (found.path, found.source) == (tmp_path / "zoo_test_carrier" / "toy", "bundled")
    assert found.spec is not None
    assert found.pins == found.spec.weights.files  # type: ignore[union-attr]


def test_without_a_bundled_copy_and_a_repository_the_error_names_the_package() -> None:
    """A bundle that is not there, and no repo_id, is a NotFoundError."""
    with pytest.raises(NotFoundError, match="'zoo_test_absent'"):
        locate("toy", registry(bundled="zoo_test_absent:toy"))


OFFLINE = [("1", True), ("yes", True), ("0", False), ("", False), ("false", False), (None, False)]


@pytest.mark.parametrize(("value", "expected"), OFFLINE)
def test_zoo_offline_asks_the_cache_alone(value: str | None, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """ZOO_OFFLINE forbids every request; 0, false and nothing at all do not."""
    if value is not None:
        monkeypatch.setenv("ZOO_OFFLINE", value)
    assert is_offline() is expected


def test_the_real_client_offline(reached: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline, a pinned commit is found in the Hub's cache, another is missed, and no connection is opened."""
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    cached = Path(os.environ["HF_HOME"]) / "hub" / "models--acme--toy" / "snapshots" / COMMIT
    cached.mkdir(parents=True, exist_ok=True)
    for file in ("config.json", "model.safetensors"):
        (cached / file).write_bytes(b"weights")
    pins = dict.fromkeys(("config.json", "model.safetensors"), hashlib.sha256(b"weights").hexdigest())
    found = locate("toy", registry(pins, repo_id="acme/toy", revision=COMMIT))
    assert bytes(found.read("model.safetensors")) == b"weights"
    (cached / "model.safetensors").write_bytes(b"weighty")
    with pytest.raises(IntegrityError):
        found.read("model.safetensors")
    with pytest.raises(NetworkError, match=r"hf://acme/toy@f{40}: config.json, model.safetensors not in the cache"):
        locate("toy", registry(pins, repo_id="acme/toy", revision="f" * 40))
    assert reached == []


def test_the_network_is_blocked_in_tests(reached: list[object]) -> None:
    """A connection to anything but this machine fails at once, and is noted."""
    with pytest.raises(OSError, match="tests do not reach the network"):
        socket.create_connection(("192.0.2.1", 443), timeout=1)
    with pytest.raises(OSError, match="tests do not reach the network"):
        socket.getaddrinfo("huggingface.co", 443)
    with socket.socket() as plain, pytest.raises(OSError, match="tests do not reach the network"):
        plain.connect_ex(("192.0.2.1", 443))
    assert len(reached) == 3
