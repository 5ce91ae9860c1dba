"""weights.publishing: a built list of files, checked, in one commit or none; read back; what comes down is the same."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from loopback_hub import TOKEN, LoopbackHub, Repo

from zoo.catalogue.contract.specs import WeightsSpec
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.card import addressed
from zoo.catalogue.weights.folder import Folder
from zoo.catalogue.weights.publishing import Order, Published, plan, publish, published_names
from zoo.errors import IntegrityError, NetworkError, NotFoundError, UsageError, WeightsError, ZooError
from zoo.nn.golden import verify
from zoo.nn.pretrained import load

# The real client hands its HTTP library a file in a way that the library would rather not:
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def folder(tmp_path: Path, tiny_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weights folder, and a token that may publish it."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_PROGRESS_BARS", True)
    return tmp_path / "tiny-files"


def check(given: Folder) -> object:
    return verify(given, default_registry())


def push(folder: Path, **more: Any) -> Published:
    return publish(folder, Order(repo_id="acme/new", **more), registry=default_registry(), check=check)


def as_published(files: dict[str, bytes], name: str = "hf://acme/new") -> dict[str, bytes]:
    """The files of a folder, with the card that calls the folder by its repository."""
    return files | {"README.md": addressed(files["README.md"].decode(), name).encode()}


def on_hub(hub: LoopbackHub, branch: str = "main") -> dict[str, bytes]:
    repo = hub.repos["acme/new"]
    return {name: body for name, body in repo.commits[repo.refs[branch]].items() if name != ".gitattributes"}


def test_what_is_pushed_comes_down_again(hub: Any, folder: Path, tiny_files: Any) -> None:
    """One commit with exactly the files; fetched into an empty cache they have the same sha256 and give the same."""
    done = push(folder)
    assert on_hub(hub) == as_published(tiny_files)
    assert len(hub.repos["acme/new"].commits) == 2  # the Hub's own first one, and ours
    assert done.commit == hub.repos["acme/new"].refs["main"]
    model, there = load(folder), load(f"hf://acme/new@{done.commit}")
    assert model.sample(2, seed=0).equal(there.sample(2, seed=0))
    assert there.origin == f"hf://acme/new@{done.commit}"
    assert set(done.changed) == set(tiny_files)
    for file, digest in done.pins.items():
        assert hashlib.sha256(tiny_files[file]).hexdigest() == digest


def test_the_spec_it_prints_can_be_pasted(hub: Any, folder: Path) -> None:
    """The text is Python that makes the WeightsSpec of what was published."""
    done = push(folder)
    made = eval(done.spec("zoo:weights/tiny"), {"WeightsSpec": WeightsSpec})  # a text of our own
    assert (made.repo_id, made.revision, made.bundled) == ("acme/new", done.commit, "zoo:weights/tiny")
    assert made.files == done.pins


def test_pushing_again_changes_nothing(hub: Any, folder: Path) -> None:
    """Without a difference there is no commit; with one, only what differs is sent, and what is gone is removed."""
    first = push(folder)
    second = push(folder)
    assert (second.commit, second.changed) == (first.commit, ())
    assert len(hub.repos["acme/new"].commits) == 2
    (folder / "samples.png").write_bytes(b"picture")
    assert push(folder).changed == ("samples.png",)
    (folder / "samples.png").unlink()
    assert push(folder).changed == ("samples.png",)
    assert "samples.png" not in on_hub(hub)


def test_only_the_built_list_is_published(hub: Any, folder: Path, tiny_files: Any) -> None:
    """Dot-files, pickles, folders and strangers stay at home, and are named."""
    (folder / ".env").write_text("TOKEN=x")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    (folder / "notes.txt").write_text("x")
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "config.json").write_text("{}")
    (folder / "link.txt").symlink_to("/etc/passwd")
    done = push(folder)
    assert done.left_out == (".env", "checkpoints", "link.txt", "notes.txt", "pytorch_model.bin")
    assert on_hub(hub) == as_published(tiny_files)
    assert set(tiny_files) <= set(published_names(".png"))


@pytest.mark.parametrize("name", ["samples.png", "model.safetensors", "README.md"])
def test_a_link_in_the_place_of_a_file_is_refused(name: str, hub: Any, folder: Path, tmp_path: Path) -> None:
    """Its target is never published."""
    (tmp_path / "secret").write_text("secret")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(tmp_path / "secret")
    with pytest.raises(WeightsError, match="only plain files"):
        push(folder)
    assert hub.log == []


BAD: dict[str, tuple[Callable[[Path], object], type[ZooError], str]] = {
    "no card": (lambda f: (f / "README.md").unlink(), NotFoundError, "has no README.md"),
    "no golden samples": (lambda f: (f / "golden.safetensors").unlink(), NotFoundError, "has no golden"),
    "cut weights": (lambda f: os.truncate(f / "model.safetensors", 99), WeightsError, "no safetensors"),
    "other weights": (
        lambda f: (f / "model.safetensors").write_bytes((f / "discriminator.safetensors").read_bytes()),
        WeightsError,
        "no tensor of a generator",
    ),
    "another licence": (
        lambda f: (f / "README.md").write_text((f / "README.md").read_text().replace("license: mit", "license: gpl")),
        WeightsError,
        "license is 'gpl'",
    ),
    "no front matter": (lambda f: (f / "README.md").write_text("# tiny"), WeightsError, "front matter"),
    "unknown key": (
        lambda f: (f / "config.json").write_text(json.dumps({**json.loads((f / "config.json").read_text()), "x": 1})),
        WeightsError,
        "exactly the keys",
    ),
}


@pytest.mark.parametrize("bad", BAD)
def test_what_does_not_verify_is_not_sent(bad: str, hub: Any, folder: Path) -> None:
    """The zoo's own loader, golden samples and card are asked first; then the Hub has not heard of it."""
    harm, error, says = BAD[bad]
    harm(folder)
    with pytest.raises(error, match=says):
        push(folder)
    assert hub.log == []


def test_a_commit_by_somebody_else_in_between_is_not_overwritten(hub: Any, folder: Path, tiny_files: Any) -> None:
    """The parent is checked: nothing is written on top of what was not seen, and running again puts it right."""
    hub.repo("acme/new")

    def another(repo: Repo) -> None:
        hub.commit_hook = None
        repo.commit({**repo.commits[repo.refs["main"]], "theirs.txt": b"x"})

    hub.commit_hook = another
    with pytest.raises(NetworkError, match="changed by somebody else"):
        push(folder)
    assert on_hub(hub) == {"theirs.txt": b"x"}
    push(folder)
    assert on_hub(hub) == {**as_published(tiny_files), "theirs.txt": b"x"}


@pytest.mark.parametrize("kind", ["reset", "status"])
def test_a_lost_answer_makes_no_second_commit(kind: str, hub: Any, folder: Path, tiny_files: Any) -> None:
    """The commit arrived, its answer did not: found out, not sent twice."""
    hub.fault("after-commit", kind, 1, (503, {}))
    done = push(folder)
    assert on_hub(hub) == as_published(tiny_files)
    assert done.commit == hub.repos["acme/new"].refs["main"]
    assert len(hub.repos["acme/new"].commits) == 2


@pytest.mark.parametrize("kind", ["reset", "status"])
def test_a_commit_that_passes_at_the_second_attempt(kind: str, hub: Any, folder: Path, tiny_files: Any) -> None:
    """One failure of the commit is survived; lasting ones leave no commit, and running again succeeds."""
    hub.repo("acme/new")
    fault = hub.fault("POST .*/commit/", kind, None, (500, {}))
    with pytest.raises(NetworkError, match="run this again"):
        push(folder)
    assert on_hub(hub) == {}
    fault.times = 1
    push(folder)
    assert on_hub(hub) == as_published(tiny_files)


def test_bytes_that_come_back_otherwise_are_an_integrity_error(hub: Any, folder: Path) -> None:
    """A Hub that gives back something else is found out."""
    hub.fault("cdn GET", "flip", None)
    with pytest.raises(IntegrityError, match="arrived with sha256"):
        push(folder)


def test_without_a_token_that_may_write_it_is_refused(hub: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No token, and a wrong one: a NetworkError that says how to log in, and shows no token."""
    for token in ("", "hf_wrong" + "x" * 20):
        monkeypatch.setenv("HF_TOKEN", token)
        with pytest.raises(NetworkError, match="log in") as caught:
            push(folder)
        assert "hf_wrong" not in str(caught.value)
    assert hub.repos == {}


def test_private_repositories_and_branches(hub: Any, folder: Path, tiny_files: Any) -> None:
    """--private makes a private one and refuses a public one; --revision makes a branch and leaves main alone."""
    push(folder, private=True)
    assert hub.repos["acme/new"].private
    push(folder, private=True)
    hub.repos["acme/new"].private = False
    with pytest.raises(UsageError, match="exists and is public"):
        push(folder, private=True)
    (folder / "samples.png").write_bytes(b"picture")
    push(folder, revision="dev")
    assert "samples.png" not in on_hub(hub)
    assert on_hub(hub, "dev") == {**as_published(tiny_files, "hf://acme/new@dev"), "samples.png": b"picture"}


@pytest.mark.parametrize(
    ("repo", "revision"),
    [
        ("acme", "main"),
        ("acme/new@main", "main"),
        ("../x", "main"),
        ("a/b/c", "main"),
        ("acme/new", "a b"),
        ("acme/new", "f" * 40),
        ("acme/new", "../x"),
    ],
)
def test_malformed_names_are_usage_errors(repo: str, revision: str, hub: Any, folder: Path) -> None:
    """Before anything is read or sent."""
    with pytest.raises(UsageError):
        publish(folder, Order(repo_id=repo, revision=revision), registry=default_registry(), check=check)
    assert hub.log == []


def test_offline_nothing_is_sent(hub: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ZOO_OFFLINE is a NetworkError, after the checks."""
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(NetworkError, match="offline"):
        push(folder)
    assert hub.log == []


def test_the_front_matter_is_what_the_hub_reads(folder: Path) -> None:
    """library_name, pipeline_tag, license, datasets and tags, as YAML."""
    text = (folder / "README.md").read_text()
    assert yaml.safe_load(text.split("---\n")[1]) == {
        "library_name": "genzoo",
        "pipeline_tag": "unconditional-image-generation",
        "license": "mit",
        "datasets": ["shapes"],
        "tags": ["genzoo", "dcgan", "adversarial"],
    }


def test_a_renamed_repository_is_not_written_to(hub: Any, folder: Path) -> None:
    """What was said to go to the old name goes nowhere: the new one is named, and nothing is sent to either."""
    hub.repo("acme/newer")
    hub.renamed["acme/new"] = "acme/newer"
    with pytest.raises(UsageError, match=r"hf://acme/new is now hf://acme/newer; .* write --to acme/newer$"):
        push(folder)
    assert list(hub.repos) == ["acme/newer"]
    assert not hub.asked("^(POST|PUT)")
    done = publish(folder, Order(repo_id="acme/newer"), registry=default_registry(), check=check)
    assert '    repo_id="acme/newer",' in done.spec().splitlines()


def test_a_plan_says_what_would_be_sent_and_touches_nothing(hub: Any, folder: Path, tiny_files: Any) -> None:
    """Of a repository that is not there, of one that lacks a file, has another and one too many, and of a full one."""

    def planned(**more: Any) -> Any:
        order = Order(repo_id="acme/new", **more)
        made = plan(folder, order, registry=default_registry(), check=check)
        assert not hub.asked("^(POST|PUT)")
        return made

    assert planned().commit is None
    assert planned().changes == dict.fromkeys(tiny_files, "new")
    assert planned().files == as_published(tiny_files)
    there = {**as_published(tiny_files), "config.json": b"{}", "samples.png": b"old"}
    del there["README.md"]
    hub.repo("acme/new", there)
    assert planned().changes == {"config.json": "changed", "README.md": "new", "samples.png": "removed"}
    assert planned().commit == hub.repos["acme/new"].refs["main"]
    with pytest.raises(UsageError, match="exists and is public"):
        planned(private=True)
    hub.repos["acme/new"].commit(as_published(tiny_files))
    assert planned().changes == {}


def test_a_commit_has_the_message_and_the_tag_it_was_given(hub: Any, folder: Path, tiny_files: Any) -> None:
    """The tag names the commit, also when it was there already; one that names another commit is refused first."""
    done = push(folder, message="Trained longer\n\n20,000 more pictures", tag="v1.0")
    repo = hub.repos["acme/new"]
    assert repo.messages == ["Trained longer\n20,000 more pictures"]
    assert repo.refs["v1.0"] == repo.refs["main"] == done.commit
    assert push(folder, tag="v1.0").changed == ()
    assert push(folder, tag="latest").commit == repo.refs["latest"]
    (folder / "samples.png").write_bytes(b"picture")
    with pytest.raises(UsageError, match=rf"has v1.0 already, at commit {done.commit}; choose another --tag"):
        push(folder, tag="v1.0")
    assert repo.refs["main"] == done.commit
    assert load("hf://acme/new", revision="v1.0").origin == f"hf://acme/new@{done.commit}"


def test_a_pull_request_leaves_the_branch_alone(hub: Any, folder: Path, tiny_files: Any) -> None:
    """Its commit holds the files and is read back; a repository that is not there, or lacks nothing, gets none."""
    with pytest.raises(NotFoundError, match="no branch main for a pull request"):
        push(folder, create_pr=True)
    assert hub.repos == {}
    repo = hub.repo("acme/new", {"config.json": b"{}"})
    before = repo.refs["main"]
    done = push(folder, create_pr=True)
    assert done.pull_request == f"{hub.url}/acme/new/discussions/1"
    assert repo.refs["main"] == before
    assert on_hub(hub, "refs/pr/1") == as_published(tiny_files)
    assert done.commit == repo.refs["refs/pr/1"]
    assert load("hf://acme/new", revision="refs/pr/1").origin.endswith(done.commit)
    repo.commit(as_published(tiny_files))
    assert push(folder, create_pr=True).pull_request is None
    assert "refs/pr/2" not in repo.refs


def test_a_pull_request_whose_answer_is_lost_is_not_opened_twice(hub: Any, folder: Path) -> None:
    """It may be there: the line says where to look, and nothing is sent again."""
    hub.repo("acme/new")
    hub.fault("after-commit", "status", 1, (503, {}))
    with pytest.raises(NetworkError, match=r"unless the pull request stands at .*/acme/new/discussions already"):
        push(folder, create_pr=True)
    assert [ref for ref in hub.repos["acme/new"].refs if ref.startswith("refs/pr/")] == ["refs/pr/1"]


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ({"message": " "}, "the message of the commit is empty"),
        ({"tag": "a b"}, "tag 'a b' is no name of a tag"),
        ({"tag": "f" * 40}, "is no name of a tag"),
        ({"create_pr": True, "tag": "v1"}, "a pull request goes without --tag"),
        ({"create_pr": True, "private": True}, "a pull request goes without --private"),
    ],
)
def test_an_order_that_cannot_be_meant_is_refused(order: Any, says: str) -> None:
    """Before anything is read."""
    with pytest.raises(UsageError, match=says):
        Order(repo_id="acme/new", **order)
