"""zoo.training.train: failures in the middle cost nothing that was saved, and what a run leaves."""

from __future__ import annotations

import errno
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from training.cutting import KINDS, Contents, Cut, MakeRecipe, Train, after, cut_at, metrics, newest, poison, result

from zoo.catalogue.runs.folder import checkpoints, read_run
from zoo.errors import DataError, StorageError
from zoo.training.attendant import Reading

MOVES = ("metrics.jsonl", "report.html")  # they go on with the run, whatever becomes of its checkpoints


def test_a_loss_that_is_not_finite_stops_the_run(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A NaN loss is a DataError that names the step; the last good checkpoint is whole, and a resumed run goes on."""
    recipe = tiny_recipe(log_every=4)
    tiny_train(recipe, tmp_path / "whole")
    with monkeypatch.context() as patch:
        poison(patch, 6)
        with pytest.raises(DataError, match="is nan at step 6; lower the learning rates or clip gradients"):
            tiny_train(recipe, tmp_path / "run")
    assert [path.name for path in checkpoints(tmp_path / "run/checkpoints")] == ["000000000016"]
    assert [line["examples"] for line in metrics(tmp_path / "run")] == [4, 8, 12, 16, 20]
    tiny_train(recipe, tmp_path / "run", resume=True)
    assert result(tmp_path / "run", contents) == result(tmp_path / "whole", contents)


def test_weights_that_are_not_finite_are_not_saved(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no report is due, a checkpoint itself refuses weights that are not finite, on a stop too."""
    recipe = tiny_recipe(checkpoint_every=12, log_every=1000)
    more: list[dict[str, Any]] = [{}, {"stop": after(6)}]
    for index, arguments in enumerate(more):
        out = tmp_path / str(index)
        with monkeypatch.context() as patch:
            poison(patch, 6)
            with pytest.raises(DataError, match="the sum of all weights is nan at step 6"):
                tiny_train(recipe, out, **arguments)
        assert [path.name for path in checkpoints(out / "checkpoints")] == ["000000000012"]


@pytest.mark.parametrize("victim", ["checkpoints", "samples", "recipe.json"])
def test_a_full_disk_costs_nothing_that_was_saved(
    victim: str,
    tmp_path: Path,
    tiny_recipe: MakeRecipe,
    tiny_train: Train,
    contents: Contents,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When the disk is full it is a StorageError; the last checkpoint is whole, nothing half is left, and with room
    again the run resumes to the same bytes.
    """
    recipe = tiny_recipe()
    tiny_train(recipe, tmp_path / "whole")
    tiny_train(recipe, tmp_path / "run", stop=after(5))
    saved = contents(tmp_path / "run")
    replace = os.replace

    def full(source: Any, target: Any) -> None:
        if victim in str(target):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(StorageError, match="No space left on device"):
            tiny_train(recipe, tmp_path / "run", resume=True)
    left = contents(tmp_path / "run")
    assert {name: digest for name, digest in left.items() if name in saved and name not in MOVES} == {
        name: digest for name, digest in saved.items() if name not in MOVES
    }
    assert not [name for name in left if "/." in name or name.startswith(".")]
    tiny_train(recipe, tmp_path / "run", resume=True)
    assert result(tmp_path / "run", contents) == result(tmp_path / "whole", contents)


def test_metrics_that_cannot_be_written_are_a_storage_error(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When metrics.jsonl itself meets a full disk, it is a StorageError that names it, when it is closed too."""
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    plain = Path.open

    def opened(self: Path, mode: str = "r", **more: Any) -> Any:
        return plain(Path("/dev/full") if (self.name, mode) == ("metrics.jsonl", "a") else self, mode, **more)

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(StorageError, match=r"cannot write .*metrics\.jsonl: No space left on device"):
        tiny_train(tiny_recipe(), tmp_path)


def test_a_run_leaves_what_its_docstring_says(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents
) -> None:
    """Recipe, page, two checkpoints, grids of 64 samples by examples seen, a line of metrics a reading; no more."""
    reports: list[Reading] = []
    run = tiny_train(tiny_recipe(), tmp_path, report=reports.append)
    assert set(contents(tmp_path)) == {
        "recipe.json",
        "metrics.jsonl",
        "report.html",
        *(f"checkpoints/0000000000{n}/{file}" for n in (16, 32) for file in ("state.safetensors", "state.json")),
        *(f"samples/0000000000{n}.png" for n in ("00", "04", "16", "32")),
    }
    for path in (tmp_path / "samples").iterdir():
        with Image.open(path) as picture:
            assert picture.size == (8 * 24 + 7 * 2,) * 2
            assert picture.convert("L").getextrema()[0] < 255
    assert contents(tmp_path)["samples/000000000016.png"] != contents(tmp_path)["samples/000000000032.png"]
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    wanted = [
        {"examples": p.examples, "steps": p.steps, "examples_per_second": p.examples_per_second} | p.metrics
        for p in reports
    ]
    assert lines == wanted
    assert [(p.examples, p.steps, p.total) for p in reports] == [(8, 2, 32), (16, 4, 32), (24, 6, 32), (32, 8, 32)]
    assert set(lines[0]) > {"discriminator_loss", "generator_loss", "real_accuracy", "fake_accuracy"}
    opened = read_run(tmp_path)
    assert opened == run.recorded
    assert opened.recipe.config["latent_size"] == 4
    assert opened.recipe.settings["beta1"] == 0.5
    assert opened.facts["data"]["count"] == 3334


def test_reports_are_means_over_their_steps(tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train) -> None:
    """A report's metrics are the means of its steps' metrics."""
    tiny_train(tiny_recipe(log_every=4), tmp_path / "each")
    tiny_train(tiny_recipe(log_every=16), tmp_path / "four")
    each, four = metrics(tmp_path / "each"), metrics(tmp_path / "four")
    assert [line["examples"] for line in four] == [16, 32]
    for key in ("discriminator_loss", "generator_loss", "real_accuracy"):
        means = [sum(line[key] for line in each[start : start + 4]) / 4 for start in (0, 4)]
        assert [line[key] for line in four] == pytest.approx(means)


def test_the_callers_random_state_stays(tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train) -> None:
    """Training neither depends on the caller's random state nor changes it, whether it ends well or not."""
    recipe = tiny_recipe(config=KINDS["all"]["config"])
    digests = []
    for seed, name in ((3, "one"), (4, "two")):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            before = torch.get_rng_state()
            tiny_train(recipe, tmp_path / name, stop=after(3))
            tiny_train(recipe, tmp_path / name, resume=True)
            with pytest.raises(Cut):
                tiny_train(recipe, tmp_path / f"{name}-cut", report=cut_at(8))
            assert torch.equal(torch.get_rng_state(), before)
        digests.append((newest(tmp_path / name) / "state.safetensors").read_bytes())
    assert digests[0] == digests[1]


def test_bad_pictures_are_named(tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train) -> None:
    """Pictures that were skipped are named in warnings, and the run goes on without them."""
    photos = tmp_path / "photos"
    (photos / "test").mkdir(parents=True)
    for index in range(20):
        Image.new("RGB", (8, 8), (index * 10, 0, 0)).save(photos / f"{index:02}.png")
    Image.new("RGB", (8, 8)).save(photos / "test" / "0.png")
    (photos / "07.png").write_bytes(b"no picture")
    warned: list[str] = []
    run = tiny_train(tiny_recipe(dataset=f"images:{photos}"), tmp_path / "run", warn=warned.append)
    assert warned[0] == "split train: 20 pictures; there is test too"
    assert [line for line in warned if line.startswith("skipped: 07.png")]
    assert run.recorded.facts["data"]["count"] == 19


@pytest.mark.parametrize("cut", [4, 5])  # at a report, and between two
def test_tensorboard_gets_the_same_numbers(
    cut: int, tensorboard: None, tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train
) -> None:
    """Where TensorBoard is installed a run writes its metrics as events too, and warns of nothing."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    warned: list[str] = []
    tiny_train(tiny_recipe(), tmp_path, stop=after(cut), warn=warned.append)
    tiny_train(tiny_recipe(), tmp_path, resume=True, warn=warned.append)
    assert warned == []
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    found = {event.step: event.value for event in events.Scalars("generator_loss")}
    assert found == pytest.approx({int(line["examples"]): line["generator_loss"] for line in metrics(tmp_path)})
    grids = events.Images("samples")
    assert [event.step for event in grids] == [0, 4, 16, 32]
    shown = Image.open(io.BytesIO(grids[-1].encoded_image_string))
    assert shown.tobytes() == Image.open(tmp_path / "samples" / "000000000032.png").tobytes()


def test_without_tensorboard_a_line_says_so(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents
) -> None:
    """Where TensorBoard is missing a run says how to install it, and writes metrics.jsonl alone."""
    warned: list[str] = []
    tiny_train(tiny_recipe(), tmp_path, warn=warned.append)
    assert len(warned) == 1
    assert "pip install 'genzoo[train]'" in warned[0]
    assert not (tmp_path / "tensorboard").exists()
    assert (tmp_path / "metrics.jsonl").exists()
