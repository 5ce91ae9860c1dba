"""runs.folder: a run folder is read with bounds, whoever wrote it, and its lock says whether it is going on."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest

from zoo import locks
from zoo.catalogue.recipes.recipe import Recipe
from zoo.catalogue.runs import folder as runs
from zoo.catalogue.runs.folder import (
    Recorded,
    checkpoints,
    examples_of,
    hold,
    is_held,
    last_metrics,
    metrics_of,
    read_run,
    samples,
)
from zoo.errors import ConfigError, DataError, NotFoundError, StorageError

RECIPE = Recipe(name="tiny", architecture="dcgan", dataset="shapes", trainer="adversarial", examples=32)
FACTS: dict[str, Any] = {"data": {"name": "shapes"}, "torch": "2", "threads": 1}


def write(run: Path, *, changed: tuple[str, ...] | None = None, lines: list[str] | None = None) -> Path:
    run.mkdir(parents=True, exist_ok=True)
    (run / "recipe.json").write_text(json.dumps(Recorded(recipe=RECIPE, facts=FACTS, changed=changed).to_json()))
    if lines is not None:
        (run / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    return run


@pytest.mark.parametrize("changed", [None, (), ("seed: 0 -> 3",)])
def test_what_is_written_is_read(changed: tuple[str, ...] | None, tmp_path: Path) -> None:
    """Recipe, facts and what changed survive recipe.json."""
    found = read_run(write(tmp_path, changed=changed))
    assert found == Recorded(recipe=RECIPE, facts=FACTS, changed=changed)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"recipe": {}}', '{"recipe": {}, "facts": {"data": 1}}', "[" * 10_000, '{"a": NaN}'],
)
def test_a_damaged_recipe_is_named(text: str, tmp_path: Path) -> None:
    """Whatever recipe.json holds instead of a run is a ConfigError with its path."""
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(ConfigError, match=r"recipe\.json"):
        read_run(tmp_path)


def test_changes_must_be_texts(tmp_path: Path) -> None:
    """A list of changes that is none is damage."""
    data = Recorded(recipe=RECIPE, facts=FACTS).to_json() | {"changed": [1]}
    (tmp_path / "recipe.json").write_text(json.dumps(data))
    with pytest.raises(ConfigError, match="what changed is no list of texts"):
        read_run(tmp_path)


def test_what_is_no_run_is_said(tmp_path: Path) -> None:
    """A folder without recipe.json, and one in whose place is a pipe or a huge file, are typed errors at once."""
    with pytest.raises(NotFoundError, match="is no run folder"):
        read_run(tmp_path)
    os.mkfifo(tmp_path / "recipe.json")
    with pytest.raises(NotFoundError, match="is no run folder"):
        read_run(tmp_path)
    (tmp_path / "recipe.json").unlink()
    (tmp_path / "recipe.json").touch()
    os.truncate(tmp_path / "recipe.json", 1 << 40)
    with pytest.raises(DataError, match="which no run writes"):
        read_run(tmp_path)


def test_names_that_are_numbers_count(tmp_path: Path) -> None:
    """Checkpoints and grids are sorted by examples; what a killed process left, and other things, are none."""
    for name in ("000000000016", "000000000004", ".000000000020.tmp", "x", "²", "9" * 30):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
    (tmp_path / "checkpoints" / "000000000032").touch()
    assert [path.name for path in checkpoints(tmp_path / "checkpoints")] == ["000000000004", "000000000016"]
    (tmp_path / "samples").mkdir()
    for name in ("8.png", "000000000016.png", "x.png", "4.jpg", "2", ".000000000032.png"):
        (tmp_path / "samples" / name).touch()
    assert [path.name for path in samples(tmp_path)] == ["4.jpg", "8.png", "000000000016.png"]
    assert checkpoints(tmp_path / "nothing") == []


def test_metrics_pass_over_what_is_torn(tmp_path: Path) -> None:
    """Lines that are no reports, numbers that are not finite and texts are left out; the rest is in order."""
    good = ['{"examples": 8, "loss": 1.5}', '{"examples": 16, "loss": 1.0, "name": "x", "flag": true, "bad": NaN}']
    write(
        tmp_path,
        lines=[good[0], "{", "[1]", '"x"', '{"examples": "8"}', '{"examples": NaN}', good[1], '{"examples": 24, '],
    )
    assert metrics_of(tmp_path) == [{"examples": 8, "loss": 1.5}, {"examples": 16, "loss": 1.0}]
    assert last_metrics(tmp_path) == {"examples": 16, "loss": 1.0}
    assert examples_of(good[0]) == 8
    assert examples_of("{") == float("inf")
    assert (metrics_of(tmp_path / "no"), last_metrics(tmp_path / "no")) == ([], {})


def test_of_many_reports_some_are_kept_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many reports some thousands are kept, the first and the last among them."""
    monkeypatch.setattr(runs, "POINTS", 100)
    write(tmp_path, lines=[json.dumps({"examples": index}) for index in range(5_003)])
    found = [row["examples"] for row in metrics_of(tmp_path)]
    assert 100 <= len(found) <= 202
    assert (found[0], found[-1]) == (0, 5_002)
    assert len({after - before for before, after in itertools.pairwise(found[:-1])}) == 1


def test_a_huge_file_of_metrics_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a size no run has it is a DataError; the last report is found without reading the rest."""
    monkeypatch.setattr(runs, "MOST_METRICS", 10_000)
    write(tmp_path, lines=["x" * 200_000, '{"examples": 8}'])
    with pytest.raises(DataError, match="which no run writes"):
        metrics_of(tmp_path)
    assert last_metrics(tmp_path) == {"examples": 8}


def test_the_lock_says_whether_a_run_is_going_on(tmp_path: Path) -> None:
    """It is held inside of `hold` alone; asking takes it from nobody, and there need not be one."""
    assert not is_held(tmp_path)
    with hold(tmp_path):
        assert is_held(tmp_path)
        assert is_held(tmp_path)
        with pytest.raises(StorageError, match="another process is training in"), hold(tmp_path):
            pass
    assert not is_held(tmp_path)
    assert (tmp_path / "samples").is_dir()


def test_who_asks_for_the_lock_does_not_stop_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that starts in the moment in which somebody looks waits for that moment."""
    with hold(tmp_path):
        pass
    looking = (tmp_path / ".lock").open()
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr(locks.time, "sleep", lambda _: looking.close())
    with hold(tmp_path):
        assert is_held(tmp_path)


def test_a_lock_that_is_none_is_not_held(tmp_path: Path) -> None:
    """A pipe or a folder in the place of the lock holds nothing up."""
    os.mkfifo(tmp_path / ".lock")
    assert not is_held(tmp_path)
    (tmp_path / ".lock").unlink()
    (tmp_path / ".lock").mkdir()
    assert not is_held(tmp_path)
