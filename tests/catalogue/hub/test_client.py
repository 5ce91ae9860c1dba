"""hub.client, hub.cache, and what weights.locate makes of them, against a loopback Hub: pinned, mended, refused."""

from __future__ import annotations

import hashlib
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from loopback_hub import TOKEN, LoopbackHub, git_id

from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.contract.specs import ModelSpec, WeightsSpec
from zoo.catalogue.hub.client import Hub
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.folder import FILES, Folder
from zoo.catalogue.weights.locate import locate
from zoo.errors import IntegrityError, NetworkError, NotFoundError, StorageError, UsageError, WeightsError, ZooError
from zoo.nn.pretrained import load

MODEL = "model.safetensors"


@pytest.fixture
def commit(hub: LoopbackHub, tiny_files: dict[str, bytes]) -> str:
    """The one commit of hf://acme/tiny."""
    return hub.repo("acme/tiny", tiny_files).refs["main"]


@pytest.fixture
def catalogue(commit: str, tiny_files: dict[str, bytes]) -> Registry:
    """The catalogue with the model `pinned`, whose weights are those of hf://acme/tiny."""
    pins = {name: hashlib.sha256(body).hexdigest() for name, body in tiny_files.items() if name in FILES}
    weights = WeightsSpec(files=pins, repo_id="acme/tiny", revision=commit)
    spec = ModelSpec(name="pinned", summary="", architecture="dcgan", dataset="shapes", licence="MIT", weights=weights)
    known = [owned for claims in default_registry().entries.values() for owned in claims]
    return Registry.of([*known, Owned(name="pinned", spec=spec, owner="test")])


def read_all(name: str, registry: Registry) -> dict[str, bytes]:
    folder = locate(name, registry)
    return {file: bytes(folder.read(file)) for file in FILES if folder.has(file) or file in folder.pins}


def blob(hub: Any, commit: str, file: str = MODEL) -> Path:
    return Path(os.path.realpath(hub.cache / "models--acme--tiny" / "snapshots" / commit / file))


@contextmanager
def away(hub: LoopbackHub) -> Iterator[None]:
    """The Hub answers nobody."""
    fault = hub.fault(".", "reset")
    yield
    fault.times = 0


@contextmanager
def ignored_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


both = pytest.mark.parametrize("name", ["pinned", "hf://acme/tiny"])


# --- the way there -------------------------------------------------------------------------------------------------


@both
def test_what_is_fetched_is_what_was_published(name: str, hub: Any, catalogue: Registry, tiny_files: Any) -> None:
    """Every file of the format has its bytes, in the layout of the Hub's cache; the second time asks for no body."""
    wanted = {file: tiny_files[file] for file in FILES if file in tiny_files}
    assert read_all(name, catalogue) == wanted
    bodies = hub.asked("^GET ")
    assert read_all(name, catalogue) == wanted
    assert hub.asked("^GET ") == bodies
    assert not list(hub.cache.rglob("*.incomplete"))


def test_the_commit_of_a_hub_name_is_shown_and_recorded(
    hub: Any, commit: str, catalogue: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    """A branch becomes a commit: in the log, in `model.origin`, and in the cache's refs."""
    with caplog.at_level("INFO", "zoo"):
        model = load("hf://acme/tiny", registry=catalogue)
    assert f"hf://acme/tiny is commit {commit}" in caplog.text
    assert model.origin == f"hf://acme/tiny@{commit}"
    assert (hub.cache / "models--acme--tiny" / "refs" / "main").read_text() == commit


def test_a_pinned_commit_is_never_asked_for_twice(hub: Any, commit: str, catalogue: Registry) -> None:
    """A catalogue name, and hf:// with a commit, need no request once they are cached."""
    for name in ("pinned", f"hf://acme/tiny@{commit}"):
        read_all(name, catalogue)
        asked = len(hub.log)
        read_all(name, catalogue)
        assert len(hub.log) == asked


def test_a_branch_follows_the_hub(hub: Any, commit: str, catalogue: Registry, tiny_files: Any) -> None:
    """A new commit of the branch is fetched; the old one stays reachable by its name."""
    old = read_all("hf://acme/tiny", catalogue)
    changed = {**tiny_files, "config.json": tiny_files["config.json"] + b"\n"}
    assert locate("hf://acme/tiny", catalogue).commit == commit
    new = hub.repos["acme/tiny"].commit(changed)
    assert locate("hf://acme/tiny", catalogue).commit == new
    assert read_all(f"hf://acme/tiny@{commit}", catalogue) == old
    hub.repos["acme/tiny"].refs["v1"] = commit
    assert locate("hf://acme/tiny@v1", catalogue).commit == commit


def test_what_the_hub_lacks_is_asked_for_once(hub: Any, catalogue: Registry, tiny_files: Any) -> None:
    """A repository without a discriminator loads; that it lacks one is remembered for the commit."""
    rest = {name: body for name, body in tiny_files.items() if name != "discriminator.safetensors"}
    commit = hub.repo("acme/half", rest).refs["main"]
    for _ in range(2):
        assert set(read_all(f"hf://acme/half@{commit}", catalogue)) == {"config.json", MODEL, "golden.safetensors"}
    assert hub.asked("HEAD .*discriminator") == 1


# --- faults on the way ---------------------------------------------------------------------------------------------

PASSING: list[tuple[str, str, int, Any]] = [
    ("hub HEAD", "reset", 1, None),
    ("hub HEAD", "status", 3, (503, {})),
    ("hub HEAD", "status", 1, (500, {})),
    ("hub HEAD", "status", 1, (502, {})),
    ("hub HEAD", "status", 2, (429, {"Retry-After": "0"})),
    ("hub GET", "reset", 3, None),
    ("hub GET", "status", 1, (503, {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"})),
    ("cdn GET", "reset", 2, None),
    ("cdn GET", "cut", 1, None),
    ("cdn GET", "flip", 1, None),
    ("cdn GET", "endless", 1, 64),
    ("cdn GET", "status", 1, (504, {})),
    ("GET .*config.json", "cut", 1, None),
    ("GET .*config.json", "flip", 1, None),
]


@both
@pytest.mark.parametrize("fault", PASSING, ids=[f"{where}-{kind}" for where, kind, _, _ in PASSING])
def test_a_passing_fault_is_survived(name: str, fault: Any, hub: Any, catalogue: Registry, tiny_files: Any) -> None:
    """Resets, 5xx, 429, cut, flipped and endless bodies that pass are repeated, and the bytes are right."""
    put = hub.fault(*fault)
    assert read_all(name, catalogue)[MODEL] == tiny_files[MODEL]
    assert put.times == 0


LASTING: list[tuple[str, str, Any, type[ZooError], str]] = [
    ("HEAD", "reset", None, NetworkError, "broke the connection"),
    ("HEAD", "status", (503, {}), NetworkError, "error 503; try again later"),
    ("HEAD", "status", (500, {}), NetworkError, "error 500"),
    ("HEAD", "status", (429, {}), NetworkError, "too many requests"),
    ("HEAD", "status", (429, {"Retry-After": "3600"}), NetworkError, "it asks to wait 3600 s, more than 30"),
    ("HEAD", "status", (418, {}), NetworkError, "refuses"),
    ("HEAD", "html", None, NetworkError, "no Hub"),
    ("HEAD", "redirect", None, NetworkError, "redirects more than"),
    ("HEAD", "redirect", "file:///etc/passwd", NetworkError, "no address of the web"),
    ("HEAD", "redirect", "http://[broken", NetworkError, "no address of the web"),
    ("HEAD", "redirect", "http://portal.example/login", NetworkError, "no Hub"),
    ("HEAD .*config", "size", 10**12, WeightsError, "1,000,000,000,000 bytes"),
    ("HEAD .*model", "size", 10**12, WeightsError, "1,000,000,000,000 bytes"),
    ("HEAD .*model", "header", {"X-Linked-Size": "x"}, NetworkError, "does not say how large"),
    ("HEAD", "header", {"X-Repo-Commit": "../../../../tmp/x"}, NetworkError, "no Hub"),
    ("HEAD .*[0-9a-f]{40}/", "header", {"X-Repo-Commit": "f" * 40}, IntegrityError, "another commit"),
    ("GET", "html", None, NetworkError, "announced were"),
    ("cdn GET", "cut", None, NetworkError, "was cut at|broke the connection"),
    ("cdn GET", "endless", None, NetworkError, "does not end"),
    ("cdn GET", "reset", None, NetworkError, "broke the connection"),
    ("cdn GET", "flip", None, IntegrityError, "arrived with sha256"),
    ("cdn GET", "header", {"Content-Encoding": "gzip"}, NetworkError, "compressed"),
    ("GET .*config", "flip", None, IntegrityError, "arrived with sha256"),
    ("GET .*config", "endless", None, NetworkError, "does not end"),
]


@both
@pytest.mark.parametrize("fault", LASTING, ids=[f"{n}-{row[0]}-{row[1]}" for n, row in enumerate(LASTING)])
def test_a_lasting_fault_is_a_typed_error_and_leaves_no_trace(
    name: str, fault: Any, hub: Any, catalogue: Registry, tiny_files: Any
) -> None:
    """It ends soon with one line; nothing damaged is kept, and the same call succeeds once the fault is gone."""
    pattern, kind, value, error, says = fault
    put, begun = hub.fault(pattern, kind, None, value), time.monotonic()
    with pytest.raises(error, match=says) as caught:
        read_all(name, catalogue)
    assert time.monotonic() - begun < 20
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert not list(hub.cache.rglob("*.incomplete"))
    assert sum(path.stat().st_size for path in hub.cache.rglob("*") if path.is_file()) < 100_000
    put.times = 0
    assert read_all(name, catalogue) == {file: tiny_files[file] for file in FILES if file in tiny_files}


@pytest.mark.parametrize(
    "etag", ['"../../../../escaped"', '"/tmp/zoo-escaped"', '""', '"a\x00b"', '"' + "e" * 5000 + '"']
)
@both
def test_an_etag_never_becomes_a_file_name(name: str, etag: str, hub: Any, catalogue: Registry, tmp_path: Path) -> None:
    """Whatever the ETag says, what is written lies in the cache, under a digest of its own bytes."""
    hub.fault("HEAD", "etag", None, etag.replace("\x00", ""))
    before = {path for path in tmp_path.rglob("*") if hub.cache not in path.parents}
    read_all(name, catalogue)
    assert {path for path in tmp_path.rglob("*") if hub.cache not in path.parents} <= {*before, hub.cache}
    for path in (hub.cache / "models--acme--tiny" / "blobs").iterdir():
        body = path.read_bytes()
        assert path.name in (hashlib.sha256(body).hexdigest(), git_id(body))


def test_retry_after_is_honoured(hub: Any, catalogue: Registry) -> None:
    """The Hub's wait, in seconds, is waited; without one the pauses double."""
    slept: list[float] = []
    hub.fault("HEAD", "status", 1, (429, {"Retry-After": "7"}))
    hub.fault("HEAD", "status", 1, (503, {}))
    Hub(sleep=slept.append).look("acme/tiny", "main", "config.json")
    assert slept == [7.0, 0.02]


def test_a_slow_body_is_given_up(hub: Any, catalogue: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that drip in below the least rate end in a NetworkError."""
    monkeypatch.setattr("zoo.catalogue.hub.transport.GRACE", 0.3)
    hub.fault("GET .*config", "slow", None, 0.05)
    begun = time.monotonic()
    with pytest.raises(NetworkError, match="bytes a second"):
        locate("pinned", catalogue)
    assert time.monotonic() - begun < 5


def test_a_hub_that_hangs_costs_one_timeout(hub: Any, catalogue: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer within HF_HUB_ETAG_TIMEOUT is a NetworkError at once, not after several."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_ETAG_TIMEOUT", 1)
    hub.fault("HEAD", "hang", None, 3)
    begun = time.monotonic()
    with pytest.raises(NetworkError, match="did not answer in time"):
        locate("pinned", catalogue)
    assert time.monotonic() - begun < 2.5


# --- who may see what ----------------------------------------------------------------------------------------------


def test_the_token_goes_to_the_hub_alone(hub: Any, catalogue: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_TOKEN is in every request to the Hub and in none to the host it redirects to, nor in the cache."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.repos["acme/tiny"].private = True
    read_all("pinned", catalogue)
    for server, _, _, headers in hub.log:
        assert (headers.get("authorization") == f"Bearer {TOKEN}") == (server == "hub")
        assert server == "hub" or TOKEN not in str(headers)
    for path in hub.cache.rglob("*"):
        assert path.is_dir() or TOKEN.encode() not in path.read_bytes()


def test_a_redirect_of_the_hub_to_another_host_carries_no_token(
    hub: Any, catalogue: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even the first answer may send elsewhere: without the token."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.fault("hub (GET|HEAD)", "redirect", None, f"{hub.cdn}/stolen")
    with pytest.raises(ZooError):
        read_all("pinned", catalogue)
    assert not [headers for server, _, _, headers in hub.log if server == "cdn" and "authorization" in headers]


def test_a_token_that_is_no_header_appears_in_no_message(
    hub: Any, catalogue: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token with a character that no header may hold is an error that does not show it."""
    monkeypatch.setenv("HF_TOKEN", "hf_secret\x01\x7fé")
    with pytest.raises(NetworkError) as caught:
        read_all("pinned", catalogue)
    assert "hf_secret" not in str(caught.value)
    assert caught.value.__cause__ is None


REFUSED: list[tuple[str, type[ZooError], str]] = [
    ("hf://acme/absent", NotFoundError, "no such public repository"),
    ("hf://acme/private", NotFoundError, "no such public repository.*log in"),
    ("hf://acme/gated", NotFoundError, "is gated"),
    ("hf://acme/disabled", NetworkError, "refuses"),
    ("hf://acme/tiny@absent", NotFoundError, "no such revision"),
    (f"hf://acme/tiny@{'a' * 40}", NotFoundError, "no such revision"),
    ("hf://acme/pickle", NotFoundError, "no model in the zoo's format"),
    ("hf://acme/other", WeightsError, "must have exactly the keys"),
    ("hf://acme/code", WeightsError, "is no name of the catalogue"),
]


@pytest.mark.parametrize(("name", "error", "says"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_cannot_be_had_is_said(
    name: str, error: Any, says: str, hub: Any, catalogue: Registry, tiny_files: Any
) -> None:
    """Unknown, private, gated, disabled, no such revision, a pickle only, another format: before any weights."""
    hub.repo("acme/private", tiny_files, private=True)
    hub.repo("acme/gated", tiny_files, gated=True)
    hub.repo("acme/disabled", tiny_files, disabled=True)
    hub.repo("acme/pickle", {"pytorch_model.bin": b"\x80\x04."})
    hub.repo("acme/other", {"config.json": b'{"model_type": "bert"}', MODEL: b"x"})
    code = tiny_files["config.json"].replace(b'"dcgan"', b'"os.path:system"')
    hub.repo("acme/code", {**tiny_files, "config.json": code})
    with pytest.raises(error, match=says):
        locate(name, catalogue)
    assert hub.asked("GET .*(safetensors|bin)") == 0


def test_an_unknown_file_of_a_pinned_model_is_named(hub: Any, catalogue: Registry) -> None:
    """A pinned file that the repository lacks is a NotFoundError naming it."""
    hub.repos["acme/tiny"].commits[hub.repos["acme/tiny"].refs["main"]].pop(MODEL)
    with pytest.raises(NotFoundError, match=MODEL):
        locate("pinned", catalogue)


def test_a_renamed_repository_is_followed_and_named(
    hub: Any, commit: str, catalogue: Registry, tiny_files: Any
) -> None:
    """A pinned model stays the same bytes under the new name; of a hf:// name the new one is told."""
    hub.repos["acme/moved"] = hub.repos.pop("acme/tiny")
    hub.renamed["acme/tiny"] = "acme/moved"
    assert read_all("pinned", catalogue)[MODEL] == tiny_files[MODEL]
    with pytest.warns(UserWarning, match="is now hf://acme/moved"):
        locate("hf://acme/tiny", catalogue)


def test_a_name_taken_over_by_somebody_else_does_not_load(
    hub: Any, commit: str, catalogue: Registry, tiny_files: Any
) -> None:
    """Another repository under the pinned name: its commits are not the pinned one; if they claim to be, its bytes."""
    other = {**tiny_files, MODEL: tiny_files[MODEL][:-1] + b"\x01"}
    hub.repo("acme/tiny", other)
    with pytest.raises(NotFoundError, match="no such revision"):
        read_all("pinned", catalogue)
    hub.repos["acme/tiny"].commits[commit] = other
    with pytest.raises(IntegrityError, match="pinned is"):
        read_all("pinned", catalogue)


# --- the cache -----------------------------------------------------------------------------------------------------

DAMAGE: dict[str, Callable[[Path], object]] = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "edited": lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\x01"),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "emptied": lambda path: path.write_bytes(b""),
    "deleted": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@both
@pytest.mark.parametrize("file", [MODEL, "config.json"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_in_the_cache_is_mended_online_and_refused_offline(
    name: str, file: str, damage: str, hub: Any, commit: str, catalogue: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the right size or not, below the same name: offline and with the Hub away it is refused, online fetched."""
    good = read_all(name, catalogue)
    DAMAGE[damage](blob(hub, commit, file))
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises((IntegrityError, NetworkError)):
        read_all(name, catalogue)
    monkeypatch.delenv("ZOO_OFFLINE")
    with away(hub), ignored_warnings(), pytest.raises((IntegrityError, NetworkError)):
        read_all(name, catalogue)
    if damage == "a folder":
        blob(hub, commit, file).rmdir()
    assert read_all(name, catalogue) == good
    asked = hub.asked("^GET ")
    assert read_all(name, catalogue) == good
    assert hub.asked("^GET ") == asked


def test_a_model_loads_while_its_cached_blob_is_damaged(hub: Any, commit: str, catalogue: Registry) -> None:
    """`zoo.load` gives the same samples before and after its blob was damaged and mended."""
    before = load("pinned", registry=catalogue).sample(2, seed=0)
    DAMAGE["edited"](blob(hub, commit))
    assert load("pinned", registry=catalogue).sample(2, seed=0).equal(before)


@pytest.mark.parametrize("how", ["reset", "503", "portal"])
def test_the_cached_copy_is_used_and_said_when_the_hub_is_away(
    how: str, hub: Any, commit: str, catalogue: Registry
) -> None:
    """A branch falls back to the commit it was last found at, with a warning that names it."""
    good = read_all("hf://acme/tiny", catalogue)
    kinds = {"reset": ("reset", None), "503": ("status", (503, {})), "portal": ("html", None)}
    fault = hub.fault(".", kinds[how][0], None, kinds[how][1])
    with pytest.warns(UserWarning, match=f"using commit {commit} of hf://acme/tiny from the cache"):
        assert read_all("hf://acme/tiny", catalogue) == good
    fault.times = 0
    read_all("hf://acme/tiny", catalogue)


def test_offline_a_branch_is_the_commit_last_found(
    hub: Any, commit: str, catalogue: Registry, monkeypatch: Any
) -> None:
    """ZOO_OFFLINE uses the recorded commit without a request; what was never found is a NetworkError with a hint."""
    read_all("hf://acme/tiny", catalogue)
    asked = len(hub.log)
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    assert locate("hf://acme/tiny", catalogue).commit == commit
    with pytest.raises(NetworkError, match="not in the cache"):
        locate("hf://acme/tiny@dev", catalogue)
    assert len(hub.log) == asked


def test_a_cache_that_cannot_be_written_serves_its_good_copy(
    hub: Any, commit: str, catalogue: Registry, tiny_files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a newer commit on the Hub and no way to keep it, the good copy is used, and that is said."""
    good = read_all("hf://acme/tiny", catalogue)
    hub.repos["acme/tiny"].commit({**tiny_files, "config.json": tiny_files["config.json"] + b" "})

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.warns(UserWarning, match="Read-only file system.*using commit"):
        assert read_all("hf://acme/tiny", catalogue) == good
    DAMAGE["edited"](blob(hub, commit))
    with pytest.raises(IntegrityError, match=r"cannot be fetched anew.*Read-only"):
        locate("pinned", catalogue).read(MODEL)


def test_a_cache_nobody_can_write_is_a_storage_error(hub: Any, catalogue: Registry) -> None:
    """A file in the place of the cache folder is a StorageError naming it."""
    hub.cache.write_text("a file")
    with pytest.raises(StorageError, match="cannot write the Hub's cache"):
        locate("pinned", catalogue)


# --- bundled -------------------------------------------------------------------------------------------------------


@pytest.fixture
def bundle(
    tmp_path: Path, catalogue: Registry, tiny_files: Any, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Registry]:
    """A bundled copy of `pinned`, which is on the Hub as well."""
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "zoo_test_bundle" / "tiny"
    path.mkdir(parents=True)
    for name, body in tiny_files.items():
        (path / name).write_bytes(body)
    spec = catalogue.model("pinned")
    assert spec.weights is not None
    both_places = WeightsSpec(
        files=spec.weights.files,
        repo_id=spec.weights.repo_id,
        revision=spec.weights.revision,
        bundled="zoo_test_bundle:tiny",
    )
    known = [item for claims in default_registry().entries.values() for item in claims]
    made = ModelSpec(
        name="pinned", summary="", architecture="dcgan", dataset="shapes", licence="MIT", weights=both_places
    )
    return path, Registry.of([*known, Owned(name="pinned", spec=made, owner="test")])


def test_a_good_bundle_asks_nobody(hub: Any, bundle: tuple[Path, Registry]) -> None:
    """The bundled copy wins when its bytes are the pinned ones."""
    assert locate("pinned", bundle[1]).source == "bundled"
    read_all("pinned", bundle[1])
    assert hub.log == []


def test_a_damaged_bundle_falls_back_to_the_hub(hub: Any, bundle: tuple[Path, Registry], tiny_files: Any) -> None:
    """The Hub's copy of the damaged file is used, and that is said; with the Hub away it is an IntegrityError."""
    path, registry = bundle
    DAMAGE["edited"](path / MODEL)
    with away(hub), pytest.raises(IntegrityError, match="the Hub's copy cannot be had either"):
        read_all("pinned", registry)
    with pytest.warns(UserWarning, match="the bundled model.safetensors is damaged"):
        assert read_all("pinned", registry)[MODEL] == tiny_files[MODEL]


def test_the_hint_names_a_bundled_model(hub: Any, bundle: tuple[Path, Registry]) -> None:
    """When the Hub is away the error names a model that needs no network."""
    with away(hub), pytest.raises(NetworkError, match=r"'[a-z-]+' is bundled and needs no network"):
        locate("hf://acme/nothing", bundle[1])


# --- searching -----------------------------------------------------------------------------------------------------


def test_searching_gives_the_tagged_repositories(hub: Any, commit: str, tiny_files: Any) -> None:
    """Only repositories tagged as the zoo's, by a wildcard or a part of their name."""
    hub.repo("acme/other", tiny_files).tags = ["bert"]
    hub.repo("beta/vae-faces", tiny_files)
    assert [row["name"] for row in Hub().search()] == ["hf://acme/tiny", "hf://beta/vae-faces"]
    for pattern in ("vae-*", "faces", "beta/*", "*face?"):
        assert [row["name"] for row in Hub().search(pattern)] == ["hf://beta/vae-faces"]
    assert Hub().search("absent") == []


@pytest.mark.parametrize("kind", ["endless", "html", "cut"])
def test_a_search_that_is_answered_with_nonsense_is_a_network_error(kind: str, hub: Any, commit: str) -> None:
    """More than 8 MiB, no JSON, or half of one."""
    hub.fault("GET /api/models", kind, None, None)
    with pytest.raises(NetworkError):
        Hub().search()


@pytest.mark.parametrize("tags", [5, {"genzoo": 1}, "genzoo", [None]])
def test_a_row_of_a_search_that_is_malformed_is_left_out(tags: Any, hub: Any, commit: str) -> None:
    """Rows whose tags are no list of texts are no model's, and cost themselves alone."""
    hub.repo("acme/odd").tags = tags
    rows = Hub().json("/api/models/acme/odd")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Hub, "json", lambda *_, **__: [rows, None, 3, {"id": "acme/tiny", "tags": ["genzoo"]}])
        assert [row["name"] for row in Hub().search()] == ["hf://acme/tiny"]


def test_a_config_that_is_none_is_not_kept(hub: Any, catalogue: Registry, tiny_files: Any) -> None:
    """What the Hub once gave as config.json, and was none, is not in the way when it gives the right one."""
    repo = hub.repo("acme/late", tiny_files | {"config.json": b"<html>soon</html>"})
    commit = repo.refs["main"]
    with pytest.raises(WeightsError, match=r"config\.json is no JSON"):
        locate(f"hf://acme/late@{commit}", catalogue)
    repo.commits[commit] = tiny_files
    assert read_all(f"hf://acme/late@{commit}", catalogue)["config.json"] == tiny_files["config.json"]


def test_a_folder_reads_what_it_says() -> None:
    """Names that are malformed never reach the Hub."""
    with pytest.raises(UsageError):
        locate("hf://acme/tiny@../../x", default_registry())
    assert Folder(name="x", path=Path("x")).digests == {}


def test_a_client_that_cannot_start_is_a_network_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy or certificates that the client refuses are one line that says where to look, without their text."""

    def refuse() -> None:
        raise ValueError(f"http://user:{TOKEN}@proxy is no proxy")

    monkeypatch.setattr("huggingface_hub.get_session", refuse)
    with pytest.raises(NetworkError, match=r"client cannot start \(ValueError\); check proxies") as caught:
        Hub()
    assert TOKEN not in str(caught.value)
