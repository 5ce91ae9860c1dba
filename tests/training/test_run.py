"""zoo.training.run: a run folder, cut and resumed to the last bit, and what it refuses."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from training.cutting import KINDS, Contents, Cut, MakeRecipe, Train, after, cut_at, poison, result

from zoo.catalogue.recipes.recipe import Recipe
from zoo.catalogue.runs.folder import checkpoints, read_run
from zoo.catalogue.runs.summary import details
from zoo.errors import ConfigError, DataError, IntegrityError, NotFoundError, StorageError, UsageError
from zoo.training.attendant import Reading
from zoo.training.checkpoint import load_newest
from zoo.training.run import Run

OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"seed": 1}, r"\(seed: 0 -> 1\)"),
    ({"dataset": "shapes[square]"}, r"dataset: 'shapes\[circle\]' -> 'shapes\[square\]'"),
    ({"batch_size": 8}, r"\(batch_size: 4 -> 8\)"),
    ({"name": "other"}, r"\(name: 'tiny' -> 'other'\)"),
    ({"settings": {"beta1": 0.9}}, r"\(settings\.beta1: 0\.5 -> 0\.9\)"),
    ({"settings": {"augment": ["color"]}}, r"\(settings\.augment: \[\] -> \['color'\]\)"),
    ({"config": {**KINDS["all"]["config"], "dropout": 0.1}}, r"config\.dropout: 0\.0 -> 0\.1"),
]


@pytest.mark.parametrize(("changes", "says"), OTHERS, ids=lambda value: str(value)[:24])
def test_another_run_is_refused(
    changes: dict[str, Any],
    says: str,
    tmp_path: Path,
    tiny_recipe: MakeRecipe,
    tiny_train: Train,
    contents: Contents,
) -> None:
    """Resuming with another seed, dataset or setting is a ConfigError that shows the difference; nothing is written."""
    tiny_train(tiny_recipe(), tmp_path, stop=after(2))
    before = contents(tmp_path)
    with pytest.raises(ConfigError, match=f"holds another run .*{says}.*resume it unchanged"):
        tiny_train(tiny_recipe(**changes), tmp_path, resume=True)
    assert contents(tmp_path) == before


def test_an_annealed_run_cannot_be_made_longer(tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train) -> None:
    """Where the rates depend on the length, another length is another run."""
    tiny_train(tiny_recipe(settings={"anneal": 0.5}), tmp_path)
    with pytest.raises(ConfigError, match="examples: 32 -> 64"):
        tiny_train(tiny_recipe(settings={"anneal": 0.5}, examples=64), tmp_path, resume=True)


def test_other_threads_and_another_torch_are_refused(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run under another number of threads or version of torch would not be the same: it is a ConfigError."""
    tiny_train(tiny_recipe(), tmp_path, stop=after(2))
    threads = torch.get_num_threads()
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads + 1)
    with pytest.raises(ConfigError, match=rf"\(threads: {threads} -> {threads + 1}\)"):
        tiny_train(tiny_recipe(), tmp_path, resume=True)
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.delitem(sys.modules, "zoo.training.trackers.tensorboard", raising=False)  # it may hold it already
    monkeypatch.setattr(torch, "__version__", "99.0")
    with pytest.raises(ConfigError, match=r"torch: '.*' -> '99\.0'"):
        tiny_train(tiny_recipe(), tmp_path, resume=True)


def test_changed_data_are_refused(tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train) -> None:
    """The same folder of pictures with other pixels in it is other data: both fingerprints are shown."""
    photos = tmp_path / "photos"
    (photos / "test").mkdir(parents=True)
    for index in range(4):
        Image.new("RGB", (8, 8), (index * 60, 0, 0)).save(photos / f"{index}.png")
    Image.new("RGB", (8, 8)).save(photos / "test" / "0.png")
    recipe = tiny_recipe(dataset=f"images:{photos}")
    tiny_train(recipe, tmp_path / "run", stop=after(2))
    Image.new("RGB", (8, 8), (1, 2, 3)).save(photos / "0.png")
    with pytest.raises(ConfigError, match=r"\(data\.sha256: '[0-9a-f]{64}' -> '[0-9a-f]{64}'\)"):
        tiny_train(recipe, tmp_path / "run", resume=True)


def test_a_folder_with_a_run_needs_resume(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents
) -> None:
    """Training into a folder that holds a run, complete or cut, is a UsageError; the run stays as it is."""
    tiny_train(tiny_recipe(), tmp_path / "done")
    with pytest.raises(Cut):
        tiny_train(tiny_recipe(), tmp_path / "cut", report=cut_at(8))
    for name in ("done", "cut"):
        before = contents(tmp_path / name)
        with pytest.raises(UsageError, match="holds a run already; add --resume"):
            tiny_train(tiny_recipe(), tmp_path / name)
        assert contents(tmp_path / name) == before


def test_there_must_be_something_to_resume(tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train) -> None:
    """Resuming where there is no run is a NotFoundError, and no folder is made."""
    for out in (tmp_path, tmp_path / "nothing" / "here"):
        with pytest.raises(NotFoundError, match=r"is no run folder: it has no recipe\.json"):
            tiny_train(tiny_recipe(), out, resume=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"batch_size": 8192, "examples": 10_000}, DataError),  # more than there are circles
        ({"config": {"image_size": 9}}, ConfigError),
        ({"dataset": "shapes[hexagon]"}, NotFoundError),
        ({"dataset": "images:/nonexistent/photos"}, NotFoundError),
        ({"architecture": "unknown"}, NotFoundError),
        ({"trainer": "unknown"}, NotFoundError),
        ({"preset": "unknown"}, ConfigError),
    ],
    ids=str,
)
def test_what_cannot_start_leaves_no_folder(
    changes: dict[str, Any], error: type[Exception], tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train
) -> None:
    """A recipe whose data, networks or batches cannot be had fails before the run folder is made."""
    with pytest.raises(error):
        tiny_train(tiny_recipe(**changes), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("resumed", [False, True])
def test_a_second_process_in_one_folder_is_refused(
    resumed: bool, tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents
) -> None:
    """While a run is going, new or resumed, another into its folder is a StorageError; the first is not disturbed."""
    refused: list[str] = []

    def second(progress: Reading) -> None:
        for resume in (True, False):
            with pytest.raises(StorageError, match="another process is training in"):
                tiny_train(tiny_recipe(), tmp_path / "run", resume=resume)
            refused.append(f"{progress.examples} {resume}")

    if resumed:
        tiny_train(tiny_recipe(), tmp_path / "run", stop=after(4))
    tiny_train(tiny_recipe(), tmp_path / "run", report=second, resume=resumed)
    assert len(refused) == (4 if resumed else 8)
    tiny_train(tiny_recipe(), tmp_path / "alone")
    assert result(tmp_path / "run", contents) == result(tmp_path / "alone", contents)
    tiny_train(tiny_recipe(), tmp_path / "run", resume=True)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train) -> None:
    """A run folder that is a file, or below one, is a StorageError with the path."""
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(StorageError, match=f"cannot write into {out}"):
            tiny_train(tiny_recipe(), out)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_run_has_a_report_when_it_ends(tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train) -> None:
    """A run that was stopped has a report that says how far it is; a finished one says that it is."""
    tiny_train(tiny_recipe(), tmp_path, stop=after(3))
    assert "12 of 32 examples seen; stopped." in (tmp_path / "report.html").read_text()
    tiny_train(tiny_recipe(), tmp_path, resume=True)
    assert "32 of 32 examples seen; finished." in (tmp_path / "report.html").read_text()


def test_a_run_that_fails_has_a_report_too(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the zoo's own in the middle leaves a report of what came before it."""
    poison(monkeypatch, 6)
    with pytest.raises(DataError, match="is nan"):
        tiny_train(tiny_recipe(log_every=4), tmp_path)
    assert "16 of 32 examples seen; stopped." in (tmp_path / "report.html").read_text()


def test_a_page_that_fails_costs_a_line(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong with the page, the run ends well, whole, and with one warning."""
    tiny_train(tiny_recipe(), tmp_path / "good")
    monkeypatch.setattr("zoo.training.record.write_page", lambda *_, **__: 1 / 0)
    warned: list[str] = []
    tiny_train(tiny_recipe(), tmp_path / "bad", warn=warned.append)
    assert [line for line in warned if "the page was not written (ZeroDivisionError" in line]
    assert result(tmp_path / "bad", contents) == result(tmp_path / "good", contents)


def test_how_a_recipe_differs_from_the_catalogues_is_recorded(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train
) -> None:
    """A recipe of a catalogue's name is compared with it, key by key; one of another name with nothing."""
    recipe = tiny_recipe(name="dcgan-shapes", seed=3)
    changed = read_run(tiny_train(recipe, tmp_path / "named").folder).changed
    assert changed is not None
    assert "seed: 0 -> 3" in changed
    assert "config.image_size: 32 -> 8" in changed
    assert "settings.flips: True -> True" not in changed
    assert read_run(tiny_train(tiny_recipe(), tmp_path / "other").folder).changed is None


def test_what_is_told_of_a_run_calls_its_checkpoints_what_a_resume_does(
    tmp_path: Path, tiny_recipe: Callable[..., Recipe], tiny_train: Callable[..., Run]
) -> None:
    """A run's own checkpoints are told as whole; one whose numbers or tensors were changed as damaged."""
    tiny_train(tiny_recipe(), tmp_path / "run")
    assert [one["state"] for one in details(tmp_path / "run", read_run(tmp_path / "run"))["checkpoints"]] == [
        "whole",
        "whole",
    ]
    first, second = checkpoints(tmp_path / "run" / "checkpoints")
    numbers = json.loads((first / "state.json").read_text())
    (first / "state.json").write_text(json.dumps(numbers | {"steps": 1}))
    content = (second / "state.safetensors").read_bytes()
    (second / "state.safetensors").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert [one["state"] for one in details(tmp_path / "run", read_run(tmp_path / "run"))["checkpoints"]] == [
        "damaged",
        "damaged",
    ]
    with pytest.raises(IntegrityError, match="every checkpoint"):
        load_newest(tmp_path / "run" / "checkpoints")
