"""hub.client, hub.cache, and what weights.locate makes of them, against a loopback Hub: pinned, mended, refused."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import pytest
from catalogue.hub.fetching import MODEL, both, read_all
from loopback_hub import TOKEN, git_id

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.hub.client import Hub
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.folder import FILES, Folder
from zoo.catalogue.weights.locate import locate
from zoo.errors import IntegrityError, NetworkError, NotFoundError, StorageError, UsageError, WeightsError, ZooError
from zoo.nn.pretrained import load


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
    ("HEAD", "html", None, NetworkError, "answers as no Hub does"),
    ("HEAD", "redirect", None, NetworkError, "redirects more than"),
    ("HEAD", "redirect", "file:///etc/passwd", NetworkError, "no address of the web"),
    ("HEAD", "redirect", "http://[broken", NetworkError, "no address of the web"),
    ("HEAD", "redirect", "http://portal.example/login", NetworkError, "answers as no Hub does"),
    ("HEAD .*config", "size", 10**12, WeightsError, "1,000,000,000,000 bytes"),
    ("HEAD .*model", "size", 10**12, WeightsError, "1,000,000,000,000 bytes"),
    ("HEAD .*model", "header", {"X-Linked-Size": "x"}, NetworkError, "does not say how large"),
    ("HEAD", "header", {"X-Repo-Commit": "../../../../tmp/x"}, NetworkError, "answers as no Hub does"),
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
    ("hf://acme/other", WeightsError, "is of a model of transformers, which the zoo does not read"),
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


def test_a_token_that_is_refused_is_named(
    hub: Any, commit: str, catalogue: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a public repository too: it is the token, and the next step; what is cached is used, with a warning."""
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    for name in ("hf://acme/tiny", "pinned"):
        with pytest.raises(NetworkError, match=r"refuses the token, .*hf auth login.*unset HF_TOKEN") as caught:
            load(name, registry=catalogue)
        assert "hf_expired" not in str(caught.value)
    with pytest.raises(NetworkError, match="refuses the token"):
        Hub().search()
    monkeypatch.delenv("HF_TOKEN")
    good = read_all("hf://acme/tiny", catalogue)
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    with pytest.warns(UserWarning, match=f"refuses the token.*; using commit {commit}"):
        assert read_all("hf://acme/tiny", catalogue) == good


def test_a_wrong_path_of_a_mirror_names_the_endpoint(
    hub: Any, catalogue: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its 404 is no Hub's: no model is said to be missing, and the setting is named."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"{hub.url}/wrong")
    for name in ("hf://acme/tiny", "pinned"):
        with pytest.raises(NetworkError, match=f"{hub.url}/wrong answers 404 as no Hub does; check HF_ENDPOINT"):
            locate(name, catalogue)


def test_a_missing_package_of_the_client_is_told_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """A SOCKS proxy needs one; the client says which."""

    def refuse() -> None:
        raise ImportError("Using SOCKS proxy, but the 'socksio' package is not installed. Use `pip install x[socks]`.")

    monkeypatch.setattr("huggingface_hub.get_session", refuse)
    with pytest.raises(NetworkError, match=r"cannot start: Using SOCKS proxy, .*`pip install x\[socks\]`$"):
        Hub()


def test_a_token_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's, or no text: its path, and what to set."""
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    with pytest.raises(StorageError, match=r"token cannot be read .*set HF_TOKEN_PATH"):
        Hub()
