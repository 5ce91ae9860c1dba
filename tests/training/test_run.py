"""zoo.training.run: a run folder, cut and resumed to the last bit, and what it refuses."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from zoo.catalogue.recipes.recipe import Recipe
from zoo.catalogue.runs.folder import checkpoints, read_run
from zoo.catalogue.runs.summary import details
from zoo.errors import ConfigError, DataError, IntegrityError, NotFoundError, StorageError, UsageError
from zoo.training.checkpoint import load_newest
from zoo.training.export import export
from zoo.training.loop import Progress
from zoo.training.run import Run
from zoo.training.trainers.adversarial import AdversarialTrainer

MakeRecipe = Callable[..., Recipe]
Train = Callable[..., Run]
Contents = Callable[[Path], dict[str, str]]

# Two kinds of run: as the recipes are, and with everything that keeps a state or draws a number.
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "all": {
        "config": {
            "image_size": 8,
            "latent_size": 4,
            "prior": "uniform",
            "generator_widths": [4],
            "discriminator_widths": [4, 4],
            "discriminator_norm": "spectral",
            "dropout": 0.4,
        },
        "settings": {
            "optimizer": "rmsprop",
            "label_noise": 0.1,
            "decay": 0.01,
            "anneal": 0.5,
            "clip_norm": 1.0,
            "mix_batches": False,
            "augment": ["color", "translation", "cutout"],
        },
    },
}


MOVES = ("metrics.jsonl", "report.html")  # they go on with the run, whatever becomes of its checkpoints


class Cut(Exception):
    """Stands for whatever ends a process."""


def after(steps: int) -> Callable[[], bool]:
    """A `stop` that is true from the given step on."""
    left = [steps]

    def stop() -> bool:
        left[0] -= 1
        return left[0] <= 0

    return stop


def cut_at(images: int) -> Callable[[Progress], None]:
    """A `report` that ends the run when so many images have been seen."""

    def report(progress: Progress) -> None:
        if progress.images == images:
            raise Cut

    return report


def newest(out: Path) -> Path:
    return checkpoints(out / "checkpoints")[-1]


def result(out: Path, contents: Contents) -> dict[str, str]:
    """What a run has come to: its last state, its last picture."""
    return contents(newest(out)) | {name: d for name, d in contents(out / "samples").items() if "32" in name}


def metrics(out: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "images_per_second"} for line in lines]


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 4
    path.write_bytes(content)


# --- cut and resumed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_cut_and_resumed_equals_one_that_was_not(
    kind: str, tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents
) -> None:
    """Stopped after 1, 2, 5 and 7 of 8 steps and resumed each time, a run ends in the same bytes as an uncut one."""
    recipe = tiny_recipe(**KINDS[kind])
    tiny_train(recipe, tmp_path / "whole")
    tiny_train(recipe, tmp_path / "cut", stop=after(1))
    assert newest(tmp_path / "cut").name == "000000000004"
    for steps in (1, 3, 2):
        tiny_train(recipe, tmp_path / "cut", resume=True, stop=after(steps))
    assert newest(tmp_path / "cut").name == "000000000028"
    tiny_train(recipe, tmp_path / "cut", resume=True)
    assert newest(tmp_path / "cut").name == "000000000032"
    assert result(tmp_path / "cut", contents) == result(tmp_path / "whole", contents)


def test_the_exported_networks_of_a_resumed_run_are_the_same_bytes(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, registry: Any
) -> None:
    """Generator, discriminator, golden samples and config of a cut run are those of an uncut one, sha256 for sha256."""
    recipe = tiny_recipe()
    tiny_train(recipe, tmp_path / "whole")
    tiny_train(recipe, tmp_path / "cut", stop=after(5))
    tiny_train(recipe, tmp_path / "cut", resume=True)
    pins = [export(tmp_path / name, tmp_path / f"{name}-out", registry) for name in ("whole", "cut")]
    assert pins[0] == pins[1]
    assert set(pins[0]) == {"config.json", "model.safetensors", "discriminator.safetensors", "golden.safetensors"}


@pytest.mark.parametrize("images", [8, 16, 24, 32])
def test_a_run_that_dies_goes_on_from_its_last_checkpoint(
    images: int, tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents
) -> None:
    """Whenever it dies, before its first checkpoint too, a resumed run ends in the same bytes and the same metrics."""
    recipe = tiny_recipe(config=KINDS["all"]["config"])
    tiny_train(recipe, tmp_path / "whole")
    with pytest.raises(Cut):
        tiny_train(recipe, tmp_path / "cut", report=cut_at(images))
    warned: list[str] = []
    tiny_train(recipe, tmp_path / "cut", resume=True, warn=warned.append)
    assert any("no checkpoint yet; starting at its beginning" in line for line in warned) == (images <= 16)
    assert result(tmp_path / "cut", contents) == result(tmp_path / "whole", contents)
    assert metrics(tmp_path / "cut") == metrics(tmp_path / "whole")
    assert [line["images"] for line in metrics(tmp_path / "cut")] == [8, 16, 24, 32]


def test_what_a_killed_process_was_writing_goes(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents
) -> None:
    """Files that a killed process had not finished go when the run is resumed, and nothing of the user's does."""
    tiny_train(tiny_recipe(), tmp_path, stop=after(4))
    (tmp_path / ".notes").write_text("mine")
    before = set(contents(tmp_path))
    for name in (".recipe.json.x1.json", ".metrics.jsonl.x2.jsonl", "samples/.000000000016.png.x3.png"):
        (tmp_path / name).write_bytes(b"half")
    tiny_train(tiny_recipe(), tmp_path, resume=True, stop=after(1))
    assert {name for name in contents(tmp_path) if "checkpoints" not in name} == {
        name for name in before if "checkpoints" not in name
    }


def test_a_finished_run_resumes_to_itself(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents
) -> None:
    """Resuming what is complete changes no file."""
    tiny_train(tiny_recipe(), tmp_path)
    before = contents(tmp_path)
    tiny_train(tiny_recipe(), tmp_path, resume=True)
    assert contents(tmp_path) == before


def test_a_finished_run_made_longer_equals_a_long_one(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents
) -> None:
    """Where no rate depends on the length, a run resumed with more images ends as if it had been that long at once."""
    tiny_train(tiny_recipe(), tmp_path / "long")
    tiny_train(tiny_recipe(images=12, log_every=4), tmp_path / "short")
    tiny_train(tiny_recipe(), tmp_path / "short", resume=True)
    assert result(tmp_path / "short", contents) == result(tmp_path / "long", contents)


def test_a_run_cannot_be_made_shorter_than_it_is(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents
) -> None:
    """A run that has seen more images than asked for, by a batch at least, is a ConfigError and stays as it is."""
    tiny_train(tiny_recipe(images=30), tmp_path)
    before = contents(tmp_path)
    with pytest.raises(ConfigError, match="has seen 32 images already, more than 28; ask for no fewer"):
        tiny_train(tiny_recipe(images=28), tmp_path, resume=True)
    assert contents(tmp_path) == before
    tiny_train(tiny_recipe(images=29), tmp_path, resume=True)
    assert newest(tmp_path).name == "000000000032"


@pytest.mark.parametrize(
    "garbage", [b'{"images": 40, "st', b"\xff\xfe\0\0", b'{"images": 12}}', b"[1]\n{}\n", b'{"images": "x"}\n']
)
def test_torn_metrics_are_dropped(garbage: bytes, tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train) -> None:
    """Lines that are no metrics, torn or damaged, go when a run is resumed; the others are kept."""
    tiny_train(tiny_recipe(), tmp_path, stop=after(6))
    before = (tmp_path / "metrics.jsonl").read_text()
    with (tmp_path / "metrics.jsonl").open("ab") as file:
        file.write(garbage)
    tiny_train(tiny_recipe(), tmp_path, resume=True)
    assert (tmp_path / "metrics.jsonl").read_text().startswith(before)
    assert [line["images"] for line in metrics(tmp_path)] == [8, 16, 24, 32]


# --- damage --------------------------------------------------------------------------------------------------------


def test_a_damaged_newest_checkpoint_is_named_and_made_good(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents
) -> None:
    """A resumed run names the damaged newest checkpoint, goes on from the one before it, and ends in the same bytes."""
    recipe = tiny_recipe()
    tiny_train(recipe, tmp_path)
    wanted, lines = result(tmp_path, contents), metrics(tmp_path)
    flip_a_bit(newest(tmp_path) / "state.safetensors")
    warned: list[str] = []
    tiny_train(recipe, tmp_path, resume=True, warn=warned.append)
    named = [line for line in warned if "000000000032 is damaged" in line]
    assert len(named) == 1
    assert named[0].endswith("using the one before it")
    assert result(tmp_path, contents) == wanted
    assert metrics(tmp_path) == lines


def test_when_all_checkpoints_are_damaged_it_says_so(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents
) -> None:
    """With every checkpoint damaged a run is an IntegrityError, and nothing is written."""
    tiny_train(tiny_recipe(), tmp_path)
    for path in checkpoints(tmp_path / "checkpoints"):
        flip_a_bit(path / "state.safetensors")
    before = contents(tmp_path)
    with pytest.raises(IntegrityError, match=r"every checkpoint in .* is damaged"):
        tiny_train(tiny_recipe(), tmp_path, resume=True)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"recipe": {}}',
        b'{"recipe": {}, "facts": []}',
        b'{"recipe": {}, "facts": {"data": {}}}',
        b'{"recipe": {}, "facts": {"data": {}, "torch": "", "threads": 1}}',
    ],
    ids=range(10),
)
def test_a_damaged_recipe_is_named(content: bytes, tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train) -> None:
    """A run folder whose recipe.json cannot be read is a ConfigError that names the file."""
    (tmp_path / "recipe.json").write_bytes(content)
    with pytest.raises(ConfigError, match=r"recipe\.json"):
        read_run(tmp_path)
    with pytest.raises(ConfigError, match=r"recipe\.json"):
        tiny_train(tiny_recipe(), tmp_path, resume=True)


# --- what is refused -----------------------------------------------------------------------------------------------


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
    with pytest.raises(ConfigError, match="images: 32 -> 64"):
        tiny_train(tiny_recipe(settings={"anneal": 0.5}, images=64), tmp_path, resume=True)


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
    monkeypatch.setattr(torch, "__version__", "99.0")
    with pytest.raises(ConfigError, match=r"torch: '.*' -> '99\.0'"):
        tiny_train(tiny_recipe(), tmp_path, resume=True)


def test_changed_data_are_refused(tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train) -> None:
    """The same folder of pictures with other pixels in it is other data: both fingerprints are shown."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for index in range(4):
        Image.new("RGB", (8, 8), (index * 60, 0, 0)).save(photos / f"{index}.png")
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
        ({"batch_size": 8192, "images": 10_000}, DataError),  # more than there are circles
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

    def second(progress: Progress) -> None:
        for resume in (True, False):
            with pytest.raises(StorageError, match="another process is training in"):
                tiny_train(tiny_recipe(), tmp_path / "run", resume=resume)
            refused.append(f"{progress.images} {resume}")

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


# --- failures in the middle ----------------------------------------------------------------------------------------


def poison(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """From its step `at` on (1, 2, …) the generator holds a NaN."""
    step, count = AdversarialTrainer.step, [0]

    def poisoned(self: AdversarialTrainer, *batch: Any) -> Any:
        count[0] += 1
        if count[0] >= at:
            with torch.no_grad():
                next(self.generator.parameters()).fill_(float("nan"))
        return step(self, *batch)

    monkeypatch.setattr(AdversarialTrainer, "step", poisoned)


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
    assert [line["images"] for line in metrics(tmp_path / "run")] == [4, 8, 12, 16, 20]
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


# --- what a run leaves ---------------------------------------------------------------------------------------------


def test_a_run_leaves_what_its_docstring_says(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents
) -> None:
    """Recipe, report, two checkpoints, grids of 64 samples by images seen, a line of metrics a report; nothing else."""
    reports: list[Progress] = []
    run = tiny_train(tiny_recipe(), tmp_path, report=reports.append)
    assert set(contents(tmp_path)) == {
        "recipe.json",
        "metrics.jsonl",
        "report.html",
        *(f"checkpoints/0000000000{n}/{file}" for n in (16, 32) for file in ("state.safetensors", "state.json")),
        "samples/000000000016.png",
        "samples/000000000032.png",
    }
    for path in (tmp_path / "samples").iterdir():
        with Image.open(path) as picture:
            assert picture.size == (8 * 24 + 7 * 2,) * 2
            assert picture.convert("L").getextrema()[0] < 255
    assert contents(tmp_path)["samples/000000000016.png"] != contents(tmp_path)["samples/000000000032.png"]
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    wanted = [
        {"images": p.images, "steps": p.steps, "images_per_second": p.images_per_second} | p.metrics for p in reports
    ]
    assert lines == wanted
    assert [(p.images, p.steps, p.total) for p in reports] == [(8, 2, 32), (16, 4, 32), (24, 6, 32), (32, 8, 32)]
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
    assert [line["images"] for line in four] == [16, 32]
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
    photos.mkdir()
    for index in range(20):
        Image.new("RGB", (8, 8), (index * 10, 0, 0)).save(photos / f"{index:02}.png")
    (photos / "07.png").write_bytes(b"no picture")
    warned: list[str] = []
    run = tiny_train(tiny_recipe(dataset=f"images:{photos}"), tmp_path / "run", warn=warned.append)
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
    assert found == pytest.approx({int(line["images"]): line["generator_loss"] for line in metrics(tmp_path)})
    grids = events.Images("samples")
    assert [event.step for event in grids] == [16, 32]
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


def test_a_moved_run_folder_resumes(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents
) -> None:
    """A run folder may be moved or copied: nothing in it names its place."""
    tiny_train(tiny_recipe(), tmp_path / "here", stop=after(3))
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    for name in ("here", "there"):
        tiny_train(tiny_recipe(), tmp_path / name, resume=True)
    assert result(tmp_path / "here", contents) == result(tmp_path / "there", contents)


# --- what is told of it --------------------------------------------------------------------------------------------


def test_a_run_has_a_report_when_it_ends(tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train) -> None:
    """A run that was stopped has a report that says how far it is; a finished one says that it is."""
    tiny_train(tiny_recipe(), tmp_path, stop=after(3))
    assert "12 of 32 images seen; stopped." in (tmp_path / "report.html").read_text()
    tiny_train(tiny_recipe(), tmp_path, resume=True)
    assert "32 of 32 images seen; finished." in (tmp_path / "report.html").read_text()


def test_a_run_that_fails_has_a_report_too(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the zoo's own in the middle leaves a report of what came before it."""
    poison(monkeypatch, 6)
    with pytest.raises(DataError, match="is nan"):
        tiny_train(tiny_recipe(log_every=4), tmp_path)
    assert "16 of 32 images seen; stopped." in (tmp_path / "report.html").read_text()


def test_a_report_that_fails_costs_a_line(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong with the report, the run ends well, whole, and with one warning."""
    tiny_train(tiny_recipe(), tmp_path / "good")
    monkeypatch.setattr("zoo.training.record.write_report", lambda *_, **__: 1 / 0)
    warned: list[str] = []
    tiny_train(tiny_recipe(), tmp_path / "bad", warn=warned.append)
    assert [line for line in warned if "the report was not written (ZeroDivisionError" in line]
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
