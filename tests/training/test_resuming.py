"""zoo.training.resuming: cut and resumed a run gives the bytes of an uncut one, and damage is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from training.cutting import KINDS, Contents, Cut, MakeRecipe, Train, after, cut_at, metrics, newest, result

from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.runs.folder import checkpoints, read_run
from zoo.catalogue.weights.locate import locate
from zoo.errors import ConfigError, IntegrityError, NotFoundError, UsageError
from zoo.nn.pretrained import load
from zoo.training.checkpoint import load_at
from zoo.training.export import export
from zoo.training.resuming import finish_early


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 4
    path.write_bytes(content)


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


@pytest.mark.parametrize("examples", [8, 16, 24, 32])
def test_a_run_that_dies_goes_on_from_its_last_checkpoint(
    examples: int, tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents
) -> None:
    """Whenever it dies, before its first checkpoint too, a resumed run ends in the same bytes and the same metrics."""
    recipe = tiny_recipe(config=KINDS["all"]["config"])
    tiny_train(recipe, tmp_path / "whole")
    with pytest.raises(Cut):
        tiny_train(recipe, tmp_path / "cut", report=cut_at(examples))
    warned: list[str] = []
    tiny_train(recipe, tmp_path / "cut", resume=True, warn=warned.append)
    assert any("no checkpoint yet; starting at its beginning" in line for line in warned) == (examples <= 16)
    assert result(tmp_path / "cut", contents) == result(tmp_path / "whole", contents)
    assert metrics(tmp_path / "cut") == metrics(tmp_path / "whole")
    assert [line["examples"] for line in metrics(tmp_path / "cut")] == [8, 16, 24, 32]


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
    """Where no rate depends on the length, a run resumed for longer ends as if it had been that long at once."""
    tiny_train(tiny_recipe(), tmp_path / "long")
    tiny_train(tiny_recipe(examples=12, log_every=4), tmp_path / "short")
    tiny_train(tiny_recipe(), tmp_path / "short", resume=True)
    assert result(tmp_path / "short", contents) == result(tmp_path / "long", contents)


def test_a_run_cannot_be_made_shorter_than_it_is(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents
) -> None:
    """A run that has seen more examples than asked for, by a batch at least, is a ConfigError and stays as it is."""
    tiny_train(tiny_recipe(examples=30), tmp_path)
    before = contents(tmp_path)
    with pytest.raises(ConfigError, match="has seen 32 examples already, more than 28; ask for no fewer"):
        tiny_train(tiny_recipe(examples=28), tmp_path, resume=True)
    assert contents(tmp_path) == before
    tiny_train(tiny_recipe(examples=29), tmp_path, resume=True)
    assert newest(tmp_path).name == "000000000032"


@pytest.mark.parametrize(
    "garbage", [b'{"examples": 40, "st', b"\xff\xfe\0\0", b'{"examples": 12}}', b"[1]\n{}\n", b'{"examples": "x"}\n']
)
def test_torn_metrics_are_dropped(garbage: bytes, tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train) -> None:
    """Lines that are no metrics, torn or damaged, go when a run is resumed; the others are kept."""
    tiny_train(tiny_recipe(), tmp_path, stop=after(6))
    before = (tmp_path / "metrics.jsonl").read_text()
    with (tmp_path / "metrics.jsonl").open("ab") as file:
        file.write(garbage)
    tiny_train(tiny_recipe(), tmp_path, resume=True)
    assert (tmp_path / "metrics.jsonl").read_text().startswith(before)
    assert [line["examples"] for line in metrics(tmp_path)] == [8, 16, 24, 32]


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


def test_a_moved_run_folder_resumes(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents
) -> None:
    """A run folder may be moved or copied: nothing in it names its place."""
    tiny_train(tiny_recipe(), tmp_path / "here", stop=after(3))
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    for name in ("here", "there"):
        tiny_train(tiny_recipe(), tmp_path / name, resume=True)
    assert result(tmp_path / "here", contents) == result(tmp_path / "there", contents)


# --- ended early, and exported from before -------------------------------------------------------------------------


@pytest.mark.parametrize(("anneal", "length"), [(0.5, 40), (0.0, 16)])
def test_a_run_finished_early_is_the_run_that_was_meant_to_be_so_short(
    anneal: float,
    length: int,
    tmp_path: Path,
    tiny_recipe: MakeRecipe,
    tiny_train: Train,
    contents: Contents,
    registry: Any,
) -> None:
    """From where it stands its rates fall over the examples its recipe gives to that (a fifth where it gives none), and
    it ends, cut in between too, in the bytes of a run of that length and `anneal` from its beginning.
    """
    recipe = tiny_recipe(examples=80, settings={"anneal": anneal})
    tiny_train(recipe, tmp_path / "run", stop=after(6))
    short = finish_early(tmp_path / "run", registry)
    assert (short.examples, short.settings["anneal"]) == (24 + length, length / (24 + length))
    tiny_train(short, tmp_path / "run", resume=True, stop=after(2))
    assert finish_early(tmp_path / "run", registry) == short  # its rates are falling
    tiny_train(short, tmp_path / "run", resume=True)
    whole = tiny_recipe(examples=short.examples, settings={"anneal": short.settings["anneal"]})
    tiny_train(whole, tmp_path / "whole")
    assert newest(tmp_path / "run").name == f"{24 + length:012d}"
    assert contents(newest(tmp_path / "run")) == contents(newest(tmp_path / "whole"))
    with pytest.raises(UsageError, match=r"its rates have fallen; export it: zoo export .* -o \./tiny"):
        finish_early(tmp_path / "run", registry)


def test_a_finished_run_whose_rates_never_fell_can_be_finished(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, registry: Any
) -> None:
    """With `anneal = 0` a complete run goes on for a fifth of its length, and its rates fall."""
    tiny_train(tiny_recipe(examples=40), tmp_path / "run")
    assert finish_early(tmp_path / "run", registry).examples == 48
    with pytest.raises(NotFoundError, match="no run folder"):
        finish_early(tmp_path / "none", registry)
    assert not (tmp_path / "none").exists()


def test_a_run_keeps_as_many_checkpoints_as_its_recipe_says(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, registry: Any
) -> None:
    """`keep = 3` keeps three, and `at` exports one of them: its weights, and its examples in config.json."""
    tiny_train(tiny_recipe(keep=3, checkpoint_every=4), tmp_path / "run")
    assert [int(path.name) for path in checkpoints(tmp_path / "run/checkpoints")] == [24, 28, 32]
    export(tmp_path / "run", tmp_path / "out", registry, at=24)
    assert json.loads((tmp_path / "out/config.json").read_text())["training"]["examples"] == 24
    tensors = load_at(tmp_path / "run/checkpoints", 24)[0]
    stem = load(tmp_path / "out").get_submodule("generator").state_dict()["stem.weight"]
    assert torch.equal(stem, tensors["averages.generator.stem.weight"])
    with pytest.raises(NotFoundError, match=r"no checkpoint at 20 examples in .*; there: 24, 28, 32"):
        export(tmp_path / "run", tmp_path / "no", registry, at=20)
    assert not (tmp_path / "no").exists()


def test_what_cannot_be_resumed_says_how_to_go_on(
    tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, registry: Any
) -> None:
    """The refusal names what differs and, where the length is what the rates hang on, that; then the command."""
    tiny_train(tiny_recipe(settings={"anneal": 0.5}), tmp_path / "run")
    with pytest.raises(ConfigError) as refused:
        tiny_train(tiny_recipe(settings={"anneal": 0.5}, examples=64), tmp_path / "run", resume=True)
    says = "(examples: 32 -> 64: its learning rate falls towards its end); resume it unchanged, or go on from it as you"
    assert says in str(refused.value)
    command = f"zoo train --from {tmp_path / 'run'} --out {tmp_path / 'run-2'} --examples 64"
    assert str(refused.value).endswith(f" ask: {command}")


def test_a_run_is_told_from_a_weights_folder(tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train) -> None:
    """Where a weights folder is wanted, a run's folder is a NotFoundError with the command that makes one of it."""
    tiny_train(tiny_recipe(), tmp_path / "run")
    registry = default_registry()
    with pytest.raises(NotFoundError, match=rf"is a run, .*: zoo export {tmp_path / 'run'} -o \./run-weights$"):
        locate(tmp_path / "run", registry)
