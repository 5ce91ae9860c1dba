"""zoo.cli.push and the options of zoo.cli.hub, in this process: what is printed, and the exit code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from loopback_hub import TOKEN

from zoo.catalogue.contract.pins import read_pins, write_pins
from zoo.catalogue.weights.folder import FILES
from zoo.cli.main import main

# The real client hands its HTTP library a file in a way that the library would rather not:
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
Zoo = Callable[..., str]


@pytest.fixture
def zoo(hub: Any, tiny_files: Any, tmp_path: Path, monkeypatch: Any, capsys: Any) -> Zoo:
    """Run words in a folder that has the weights folder `tiny-files`; gives standard output, checks code and error."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.chdir(tmp_path)

    def run(words: str, code: int = 0, says: str = "") -> str:
        found = main(words.split())
        out, err = capsys.readouterr()
        assert (found, says in err) == (code, True), (out, err)
        text: str = out
        return text

    return run


def test_a_dry_run_says_what_would_be_sent(zoo: Zoo, hub: Any, tiny_files: Any) -> None:
    """Each file with its size and what would happen to it, as a table and as JSON; nothing is made or sent."""
    sizes = {name: len(body) for name, body in tiny_files.items() if name != "README.md"}
    (row,) = json.loads(zoo("push ./tiny-files --to acme/new --dry-run --json"))
    assert {change["file"]: change["bytes"] for change in row["changes"] if change["file"] in sizes} == sizes
    assert {change["what"] for change in row["changes"]} == {"new"}
    assert (row["name"], row["commit"]) == ("hf://acme/new@main", None)
    lines = zoo("push ./tiny-files --to acme/new --dry-run").splitlines()
    assert lines[0].startswith("hf://acme/new@main (to be made): one commit would write ")
    assert [line.split()[0] for line in lines[2:]] == [change["file"] for change in row["changes"]]
    assert hub.repos == {}
    zoo("push ./tiny-files --to acme/new")
    assert zoo("push ./tiny-files --to acme/new --dry-run").strip() == (
        "hf://acme/new@main: nothing to do, it is there already"
    )
    assert len(hub.repos["acme/new"].commits) == 2


def test_message_tag_and_pull_request(zoo: Zoo, hub: Any, tmp_path: Path) -> None:
    """What the options say stands on the Hub; of a pull request the address is printed in place of pins."""
    assert "WeightsSpec(" in zoo("push ./tiny-files --to acme/new --message First --tag v1.0")
    repo = hub.repos["acme/new"]
    assert (repo.messages, repo.refs["v1.0"]) == (["First"], repo.refs["main"])
    (tmp_path / "tiny-files" / "samples.png").write_bytes(b"picture")
    zoo("push ./tiny-files --to acme/new --tag v1.0", 2, "has v1.0 already")
    out = zoo("push ./tiny-files --to acme/new --create-pr")
    assert out.splitlines()[-1] == f"{hub.url}/acme/new/discussions/1"
    assert "WeightsSpec" not in out
    zoo("push ./tiny-files --to acme/absent --create-pr", 3, "has no branch main for a pull request to go to")
    zoo("push ./tiny-files --to acme/new --create-pr --tag v2", 2, "a pull request goes without --tag")


def test_pins_are_written_into_a_file(zoo: Zoo, hub: Any, tiny_files: Any, tmp_path: Path) -> None:
    """Repository, commit and sha256 of each file; other tables stay; what could not be written is said first."""
    path = tmp_path / "pins.toml"
    write_pins(path, {"other": {"files": {"config.json": "a" * 64}}})
    out = zoo("push ./tiny-files --to acme/new --pins pins.toml")
    assert out.splitlines()[-1].startswith("pins.toml: 1 models pinned")
    assert "WeightsSpec" not in out
    told = read_pins(path)["tiny-files"]
    assert (told["repo_id"], told["revision"]) == ("acme/new", hub.repos["acme/new"].refs["main"])
    assert told["files"] == {file: hashlib.sha256(tiny_files[file]).hexdigest() for file in FILES if file in tiny_files}
    assert set(read_pins(path)) == {"other", "tiny-files"}
    before = path.read_text()
    zoo("pin ./tiny-files --to pins.toml")
    assert path.read_text() == before  # the bytes are the same: the Hub's place stays
    (tmp_path / "tiny-files" / "golden.safetensors").write_bytes(b"other")
    zoo("pin ./tiny-files --to pins.toml")
    assert set(read_pins(path)["tiny-files"]) == {"files"}
    path.write_text("[new")
    commits = len(hub.repos["acme/new"].commits)
    zoo("push ./tiny-files --to acme/new --pins pins.toml", 4, "is no pins file")
    zoo("push ./tiny-files --to acme/new --pins away/pins.toml", 2, "away is no folder")
    zoo("push ./tiny-files --to acme/new --pins a.toml --create-pr", 2, "--pins goes without --create-pr")
    assert len(hub.repos["acme/new"].commits) == commits


def test_a_renamed_repository_is_told_and_not_written_to(zoo: Zoo, hub: Any) -> None:
    """One line with the name to write; a dry run says the same."""
    hub.repo("acme/newer")
    hub.renamed["acme/old"] = "acme/newer"
    for words in ("push ./tiny-files --to acme/old", "push ./tiny-files --to acme/old --dry-run"):
        assert zoo(words, 2, "hf://acme/old is now hf://acme/newer; if that is meant, write --to acme/newer") == ""
    assert len(hub.repos["acme/newer"].commits) == 1


def test_pull_takes_a_revision_a_folder_and_force(zoo: Zoo, hub: Any, tiny_files: Any, tmp_path: Path) -> None:
    """What they say is what lies there; several models into one folder cannot be meant."""
    repo = hub.repo("acme/tiny", tiny_files)
    repo.refs["v1.0"] = repo.refs["main"]
    repo.commit({**tiny_files, "config.json": tiny_files["config.json"] + b"\n"})
    (row,) = json.loads(zoo("pull hf://acme/tiny --revision v1.0 --to ./mine --json"))
    assert row["origin"] == f"hf://acme/tiny@{repo.refs['v1.0']}"
    assert (tmp_path / "mine" / "config.json").read_bytes() == tiny_files["config.json"]
    assert "True" in zoo("verify ./mine")
    assert "True" in zoo("verify hf://acme/tiny --revision v1.0")
    zoo("pull hf://acme/tiny --to ./mine", 7, "mine exists and is not empty")
    zoo("pull hf://acme/tiny dcgan-cifar-frog --to ./two", 2, "--to takes one model into ./two")
    zoo("pull dcgan-cifar-frog --revision v1", 2, "the catalogue pins dcgan-cifar-frog to one set of files")
    bodies = hub.asked("GET .*config")
    zoo("pull hf://acme/tiny --revision v1.0 --force")
    assert hub.asked("GET .*config") == bodies + 1


@pytest.mark.filterwarnings("always::UserWarning")
def test_info_tells_of_the_cache_where_the_token_is_refused(
    zoo: Zoo, hub: Any, tiny_files: Any, monkeypatch: Any
) -> None:
    """What is there is told, with a warning; what is not there is the token's error."""
    hub.repo("acme/tiny", tiny_files)
    zoo("pull hf://acme/tiny")
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    assert "dcgan" in zoo("info hf://acme/tiny", 0, "; telling of commit")
    zoo("info hf://acme/other", 5, "refuses the token")
