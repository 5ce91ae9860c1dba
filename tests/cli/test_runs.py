"""zoo.cli.runs, runs.summary and runs.page: what is told of runs, on the screen, as JSON and on a page."""

from __future__ import annotations

import contextlib
import hashlib
import html.parser
import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.commands import Run
from PIL import Image

from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.recipes.recipe import Recipe
from zoo.catalogue.runs.folder import Recorded, hold, read_run, regular_file
from zoo.catalogue.runs.page import write_page
from zoo.catalogue.runs.summary import details, findings_of, list_runs, summary
from zoo.cli.main import main
from zoo.errors import DataError

FACTS: dict[str, Any] = {
    "data": {"name": "images:/home/me/p", "split": "train", "count": 9, "sha256": "ab" * 32},
    "torch": "2",
    "threads": 3,
}
ROWS = [{"examples": n * 8, "steps": n, "examples_per_second": 5.0, "generator_loss": 1 / n} for n in (1, 2, 3)]


def make(folder: Path, *saved: int, changed: tuple[str, ...] | None = None, **recipe: Any) -> Path:
    """A run folder with checkpoints after so many of 24 examples, as `zoo train` leaves it."""
    values = {"name": "tiny", "architecture": "dcgan", "dataset": "shapes", "trainer": "adversarial", "examples": 24}
    folder.mkdir(parents=True)
    (folder / "samples").mkdir()
    recorded = Recorded(recipe=Recipe(**(values | recipe)), facts=FACTS, changed=changed)
    (folder / "recipe.json").write_text(json.dumps(recorded.to_json()))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS if row["examples"] <= 24))
    for examples in saved:
        checkpoint = folder / "checkpoints" / f"{examples:012d}"
        checkpoint.mkdir(parents=True)
        (checkpoint / "state.safetensors").write_bytes(b"weights")
        (checkpoint / "state.json").write_text(json.dumps({"sha256": hashlib.sha256(b"weights").hexdigest()}))
        Image.new("RGB", (40, 30), (examples, 0, 0)).save(folder / "samples" / f"{examples:012d}.png")
    return folder


# --- list ----------------------------------------------------------------------------------------------------------


def test_each_state_is_told(tmp_path: Path) -> None:
    """Running, finished, stopped, never saved and damaged runs are told apart; a damaged one costs itself alone."""
    make(tmp_path / "a", 16, 24)
    make(tmp_path / "b", 8, 16)
    make(tmp_path / "c")
    make(tmp_path / "d", 8)
    make(tmp_path / "e")
    (tmp_path / "e" / "recipe.json").write_text("{")
    (tmp_path / "no run").mkdir()
    (tmp_path / "file").touch()
    with hold(tmp_path / "d"):
        rows = {row["name"]: row for row in list_runs(tmp_path)}
    assert {name: row["state"] for name, row in rows.items()} == {
        "a": "finished",
        "b": "stopped",
        "c": "never saved",
        "d": "running",
        "e": "damaged",
    }
    assert [rows[name]["examples"] for name in "abcd"] == [24, 16, 0, 24]  # what runs counts by its reports
    assert "recipe.json is damaged" in rows["e"]["problem"]
    assert rows["e"]["recipe"] is None
    assert rows["a"]["metrics"] == {"generator_loss": 1 / 3}


def test_the_list_is_a_table_or_json(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`zoo runs list` looks into ./runs; --json is a list of objects with the name first."""
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "runs" / "mine", 24)
    code, out, err = run("runs", "list")
    assert (code, err) == (0, "")
    head, line = out.splitlines()
    assert head.split() == ["NAME", "RECIPE", "EXAMPLES", "STATE", "WHEN", "LAST"]
    assert re.fullmatch(r"mine +tiny +24/24 +finished +\d{4}-\d\d-\d\d \d\d:\d\d +generator_loss 0\.3333", line)
    (row,) = json.loads(run("runs", "list", "--json")[1])
    assert next(iter(row)) == "name"
    assert (row["examples"], row["wanted"], row["state"]) == (24, 24, "finished")
    assert json.loads(run("runs", "list", str(tmp_path / "runs" / "mine"), "--json")[1])[0]["name"] == "mine"


def test_an_empty_folder_has_no_runs(run: Run, tmp_path: Path) -> None:
    """No runs are a line, or an empty list, and no failure."""
    assert run("runs", "list", str(tmp_path)) == (0, f"{tmp_path}: no runs in it yet\n", "")
    assert json.loads(run("runs", "list", str(tmp_path), "--json")[1]) == []


def test_what_cannot_be_listed_or_shown_is_one_line(run: Run, tmp_path: Path) -> None:
    """No folder, a file, no run, a damaged run, a word too few: the documented exit code and one line."""
    (tmp_path / "file").touch()
    make(tmp_path / "bad")
    (tmp_path / "bad" / "recipe.json").write_text('{"recipe": {"name": 3}, "facts": {}}')
    for argv, code, says in [
        (["list", str(tmp_path / "nothing")], 3, "does not exist; name the folder"),
        (["list", str(tmp_path / "file")], 3, "is no folder; name the folder"),
        (["list", str(tmp_path), "--page"], 2, "unrecognized arguments: --page"),
        (["show", str(tmp_path)], 3, "is no run folder"),
        (["show", str(tmp_path / "nothing"), "--page"], 3, "is no run folder"),
        (["show", str(tmp_path / "bad")], 4, "recipe.json is damaged"),
        (["show"], 2, "required: RUN"),
        (["frobnicate"], 2, "invalid choice"),
    ]:
        found, out, err = run("runs", *argv)
        assert (found, out, err.count("\n")) == (code, "", 1), argv
        assert says in err


def test_hostile_folders_are_bounded(tmp_path: Path) -> None:
    """Pipes, links to devices and in circles, and files of a terabyte in a run's place are told and not waited for."""
    for name in ("a", "b", "c", "d"):
        make(tmp_path / name, 8)
    (tmp_path / "a" / "metrics.jsonl").unlink()
    os.mkfifo(tmp_path / "a" / "metrics.jsonl")
    (tmp_path / "b" / "recipe.json").unlink()
    (tmp_path / "b" / "recipe.json").symlink_to("/dev/zero")
    os.truncate(tmp_path / "c" / "metrics.jsonl", 1 << 40)
    os.truncate(tmp_path / "d" / "checkpoints" / "000000000008" / "state.safetensors", 1 << 40)
    (tmp_path / "e").symlink_to(tmp_path / "e")
    (tmp_path / "f").symlink_to(tmp_path / "d")
    rows = {row["name"]: row for row in list_runs(tmp_path)}
    assert {name: row["state"] for name, row in rows.items()} == {
        "a": "damaged",
        "b": "damaged",
        "c": "stopped",
        "d": "stopped",
        "f": "stopped",
    }
    assert "is no file" in rows["a"]["problem"]
    assert details(tmp_path / "d", read_run(tmp_path / "d"))["checkpoints"] == [
        {"examples": 8, "state": "large, not read"}
    ]
    with pytest.raises(DataError, match="which no run writes"):
        page(tmp_path / "c")


def test_what_steers_a_terminal_is_shown_not_obeyed(run: Run, tmp_path: Path) -> None:
    """Escape sequences in a folder's name or a recipe are printed as text."""
    make(tmp_path / "a\x1b[31m", 24, name="x\x1b[2J")
    for argv in (["list", str(tmp_path)], ["show", str(tmp_path / "a\x1b[31m")]):
        code, out, _ = run("runs", *argv)
        assert code == 0
        assert "\x1b" not in out


# --- show ----------------------------------------------------------------------------------------------------------


def test_show_tells_all(run: Run, tmp_path: Path) -> None:
    """Recipe and what differs, data, progress, last metrics, checkpoints, samples, findings and the next command."""
    folder = make(tmp_path / "mine", 8, 16, changed=("seed: 0 -> 3", "examples: 9 -> 24"))
    (folder / "checkpoints" / "000000000016" / "state.safetensors").write_bytes(b"other")
    finding = {"disease": "mode collapse", "examples": 16, "sentence": "two samples are one; take a larger batch"}
    (folder / "doctor.jsonl").write_text(json.dumps(finding) + "\n{torn")
    code, out, err = run("runs", "show", str(folder))
    assert (code, err) == (0, "")
    for line in (
        "state:        stopped",
        "examples:     16 of 24",
        "recipe:       tiny: dcgan by adversarial, seed 0",
        "changed:      seed: 0 -> 3",
        "              examples: 9 -> 24",
        "checkpoint:   8 examples, whole",
        "              16 examples, damaged",
        "doctor:       at 16 examples, mode collapse: two samples are one; take a larger batch",
        f"next:         zoo train {folder} --resume --threads 3 --device cpu",
    ):
        assert line in out.splitlines()
    (told,) = json.loads(run("runs", "show", str(folder), "--json")[1])
    assert next(iter(told)) == "name"
    assert told["recipe"]["batch_size"] == 64
    assert told["data"]["count"] == 9
    assert [one["state"] for one in told["checkpoints"]] == ["whole", "damaged"]


@pytest.mark.parametrize(
    ("saved", "facts", "says"),
    [
        ((24,), {}, "zoo export {run} -o ./tiny"),
        ((), {}, "zoo train {run} --resume --threads 3 --device cpu"),
        (
            (8,),
            {"processes": 2, "device": "cuda"},
            "torchrun --standalone --nproc_per_node 2 -m zoo train {run} --resume --threads 3 --device cuda",
        ),
    ],
)
def test_the_next_command_is_the_one_that_goes_on(
    saved: tuple[int, ...], facts: dict[str, Any], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finished run is exported, another one resumed as it was begun; nothing comes next while it is running."""
    for key, value in facts.items():
        monkeypatch.setitem(FACTS, key, value)
    folder = make(tmp_path / "my run", *saved)
    assert details(folder, read_run(folder))["next"] == says.format(run=shlex.quote(str(folder)))
    with hold(folder):
        assert details(folder, read_run(folder))["next"] == ""


@pytest.mark.parametrize(
    ("saved", "found", "says"),
    [
        ((8,), 16, "zoo train --from {run} --set settings.lr=0.0005 --set settings.other_lr=0.1 --out {run}-2"),
        ((), 16, "zoo train {run} --set settings.lr=0.0005 --set settings.other_lr=0.1 --out {run}-2"),
        ((8, 16), 16, "zoo train {run} --resume --threads 3 --device cpu"),  # it has gone on since
    ],
)
def test_what_its_doctor_stopped_is_not_resumed_to_the_same_end(
    saved: tuple[int, ...], found: int, says: str, tmp_path: Path
) -> None:
    """After a stop by the doctor the next command goes on from the last checkpoint, or anew, with half of the rates."""
    folder = make(tmp_path / "run", *saved, settings={"lr": 0.001, "other_lr": 0.2, "beta1": 0.5})
    finding = {"disease": "not finite", "examples": found, "sentence": "loss is nan", "action": "stop"}
    (folder / "doctor.jsonl").write_text(json.dumps(finding) + "\n")
    assert details(folder, read_run(folder))["next"] == says.format(run=folder)


def test_findings_that_are_torn_are_passed_over(tmp_path: Path) -> None:
    """Lines of doctor.jsonl that are no findings are left out; no file is no finding."""
    assert findings_of(tmp_path) == []
    (tmp_path / "doctor.jsonl").write_text(
        '[1]\n{"examples": 1}\n"x"\n{"examples": 5, "disease": "d", "sentence": "s"}\n'
    )
    assert findings_of(tmp_path) == ["at 5 examples, d: s"]


# --- the page ------------------------------------------------------------------------------------------------------


class Page(html.parser.HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def page(folder: Path) -> Page:
    recorded, units = read_run(folder), default_registry().trainer("adversarial").units
    path = write_page(folder, recorded, details(folder, recorded), units, default_registry().modality("image"))
    return Page(path.read_text(encoding="utf-8"))


def test_the_page_holds_curves_grids_recipe_data_and_findings(run: Run, tmp_path: Path) -> None:
    """`zoo runs show RUN --page` writes one page: a panel a unit, grids with examples seen, and all that is known."""
    folder = make(tmp_path / "mine", *range(1, 20), changed=("seed: 0 -> 3",))
    (folder / "doctor.jsonl").write_text('{"examples": 5, "disease": "d", "sentence": "take <more> care"}\n')
    assert run("runs", "show", str(folder), "--page")[0] == 0
    found = Page((folder / "report.html").read_text(encoding="utf-8"))
    for text in (
        "mine",
        "loss",
        "generator loss",
        "examples per second",
        "1 examples seen",
        "19 examples seen",
        "ab" * 32,
    ):
        assert text in found.text
    for text in (
        "seed: 0 -> 3",
        "at 5 examples, d: take <more> care",
        'architecture = "dcgan"',
        "19 of 24 examples seen",
    ):
        assert text in found.text
    examples = [attributes["src"] for tag, attributes in found.tags if tag == "img"]
    assert len(examples) == 6
    assert all(source and source.startswith("data:image/png;base64,") for source in examples)


def test_a_run_is_read_once_for_its_page(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page and the lines printed say of the recipe was read once, and each checkpoint was hashed once."""
    folder = make(tmp_path / "mine", 8, 24)
    read: list[str] = []

    @contextlib.contextmanager
    def opened(path: Path) -> Iterator[Any]:
        read.append(path.name)
        with regular_file(path) as stream:
            yield stream

    for module in ("zoo.catalogue.runs.folder", "zoo.catalogue.runs.summary"):
        monkeypatch.setattr(f"{module}.regular_file", opened)
    code, out, _ = run("runs", "show", str(folder), "--page")
    assert code == 0
    assert f"page:         {folder / 'report.html'}" in out
    assert (read.count("recipe.json"), read.count("state.safetensors")) == (1, 2)


def test_the_page_fetches_nothing_and_runs_nothing(tmp_path: Path) -> None:
    """No script, no link, no source but the page's own data, and a policy that allows no other."""
    found = page(make(tmp_path / "mine", 24))
    assert not {tag for tag, _ in found.tags} & {"script", "link", "iframe", "object", "embed", "a", "form"}
    for _, attributes in found.tags:
        assert not [key for key in attributes if key.startswith("on")]
        assert (attributes.get("src") or "data:").startswith("data:")
    policies = [attributes["content"] for _, attributes in found.tags if "http-equiv" in attributes]
    assert policies == ["default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"]


def test_all_that_others_wrote_is_text(tmp_path: Path) -> None:
    """Names, summaries, datasets, metrics and findings with markup in them appear as they are and add no tag."""
    evil = "</pre></svg><img src=x onerror=alert(1)>'\"&"
    folder = make(tmp_path / "<img src=x>", 8, name=evil, summary=evil, dataset=evil, settings={evil: evil})
    (folder / "metrics.jsonl").write_text(json.dumps({"examples": 8, evil: 2.0}) + "\n")
    (folder / "doctor.jsonl").write_text(json.dumps({"examples": 5, "disease": evil, "sentence": evil}) + "\n")
    found = page(folder)
    assert len([tag for tag, _ in found.tags if tag == "img"]) == 1  # the grid
    assert not [key for _, attributes in found.tags for key in attributes if key.startswith("on")]
    assert found.text.count(evil) >= 4


def test_a_bad_grid_costs_itself_alone(tmp_path: Path) -> None:
    """A grid that is no picture is named, and the page is written."""
    folder = make(tmp_path / "mine", 8, 16)
    (folder / "samples" / "000000000008.png").write_bytes(b"no picture")
    found = page(folder)
    assert "000000000008.png cannot be shown" in found.text
    assert "16 examples seen" in found.text


def test_a_run_without_reports_has_a_page(tmp_path: Path) -> None:
    """A run that was cut before its first report, of a trainer that is not installed, can be shown too."""
    folder = make(tmp_path / "mine", trainer="gone")
    (folder / "metrics.jsonl").unlink()
    found = page(folder)
    assert "0 of 24 examples seen; never saved." in found.text
    assert "Learning curves" not in found.text


def test_half_a_page_never_appears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is written aside: when the disk is full the old one stays."""
    folder = make(tmp_path / "mine", 8)
    (folder / "report.html").write_text("old")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert main(["runs", "show", str(folder), "--page"]) == 7
    assert (folder / "report.html").read_text() == "old"
    assert sorted(path.name for path in folder.iterdir()) == [
        "checkpoints",
        "metrics.jsonl",
        "recipe.json",
        "report.html",
        "samples",
    ]


def test_a_summary_of_a_folder_named_dot_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run that one stands in is called by its folder's name."""
    monkeypatch.chdir(make(tmp_path / "mine", 8))
    assert summary(Path())["name"] == "mine"
