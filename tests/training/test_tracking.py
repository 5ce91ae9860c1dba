"""zoo.training.tracking: who is told of a run, by name and by plugin; what fails costs itself alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from training.cutting import MakeRecipe, Train, after

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.plugins.loading import discover, load_plugins
from zoo.catalogue.recipes.recipe import Recipe
from zoo.errors import NotFoundError, PluginError

PLUGIN = """
import json
from zoo.api import TrackerSpec, hookimpl
from zoo.training import Tracker
ZOO_API_VERSION = 2

@hookimpl
def zoo_trackers(context):
    made = ("lines", "Lines"), ("early", "early"), ("late", "Late"), ("wrong", "wrong"), ("quits", "Quits")
    for name, attribute in made:
        yield TrackerSpec(name=name, summary="A test's.", tracker=f"{__name__}:{attribute}")
    yield TrackerSpec(name="absent", summary="A test's.", tracker=f"{__name__}_absent:It")

class Lines(Tracker):
    def __init__(self, run):
        self.path = run.folder / "lines.jsonl"
        self.write(["begin", run.name, run.examples, run.recipe["batch_size"], run.known_as("lines")])
        run.call("lines", f"known at {run.examples}")
        self.html = run.html

    def write(self, row):
        with self.path.open("a") as stream:
            stream.write(json.dumps(row) + "\\n")

    def reading(self, reading):
        self.write(["reading", reading.examples, reading.metrics])

    def samples(self, x, path, examples):
        self.write(["samples", examples, list(x.shape), path.name, self.html(path)[:9]])

    def close(self):
        self.write(["close"])

def early(run):
    raise OSError("no board today")

def wrong(run):
    return 3

class Late(Lines):
    def reading(self, reading):
        raise ValueError("lost the\\nconnection")

class Quits(Lines):
    def close(self):
        raise SystemExit(3)
"""


@pytest.fixture
def registry(entry_point: Callable[..., EntryPoint]) -> Registry:
    """The catalogue, with a plugin of six trackers."""
    plugins = load_plugins({}, [entry_point("acme", PLUGIN)])
    assert [plugin.error for plugin in plugins] == [""]
    return discover({}, [*load_plugins({}), *plugins])


@pytest.fixture
def told(tiny_train: Train) -> Callable[..., list[str]]:
    """Train with trackers of these names; gives what was warned of."""

    def run(recipe: Recipe, out: Path, *names: str, **more: Any) -> list[str]:
        warned: list[str] = []
        tiny_train(recipe, out, warn=warned.append, log=names, **more)
        return warned

    return run


def lines(run: Path) -> list[list[Any]]:
    return [json.loads(line) for line in (run / "lines.jsonl").read_text().splitlines()]


def test_a_plugins_tracker_is_told_all(told: Callable[..., list[str]], tmp_path: Path, tiny_recipe: MakeRecipe) -> None:
    """It is told the same numbers as metrics.jsonl, the samples with their files, and that it is over."""
    assert told(tiny_recipe(), tmp_path, "acme/lines") == []
    rows = lines(tmp_path)
    assert rows[0] == ["begin", "tiny", 0, 4, None]
    assert rows[-1] == ["close"]
    written = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    readings = {row[1]: row[2] for row in rows if row[0] == "reading"}
    assert list(readings) == [row["examples"] for row in written]
    assert all(row[key] == value for row in written for key, value in readings[row["examples"]].items())
    drawn = [row for row in rows if row[0] == "samples"]
    assert [row[3] for row in drawn] == sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert all(row[2] == [64, 3, 8, 8] and row[4] == "<img src=" for row in drawn)
    assert not (tmp_path / "tensorboard").exists()


def test_a_run_that_goes_on_is_the_same_run(
    told: Callable[..., list[str]], tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    """After a stop a tracker is told from where the run is, and by what it called the run."""
    told(tiny_recipe(), tmp_path, "acme/lines", stop=after(4))
    told(tiny_recipe(), tmp_path, "acme/lines", resume=True)
    begun = [row for row in lines(tmp_path) if row[0] == "begin"]
    assert begun == [["begin", "tiny", 0, 4, None], ["begin", "tiny", 16, 4, "known at 0"]]
    assert [row[0] for row in lines(tmp_path)].count("close") == 2


def test_what_raises_costs_itself_alone(
    told: Callable[..., list[str]], tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    """One that cannot begin, one that fails later, one that is none, one that quits: a line each, and the others are
    told all; the run is the same as without.
    """
    names = ("acme/early", "acme/late", "acme/wrong", "acme/quits", "acme/lines")
    assert told(tiny_recipe(), tmp_path / "told", *names) == [
        "tracker acme/early failed (OSError: no board today); the run goes on without it",
        "tracker acme/wrong failed (TypeError: it gives a int, no Tracker); the run goes on without it",
        "tracker acme/late failed (ValueError: lost the connection); the run goes on without it",
        "tracker acme/quits failed (SystemExit: 3); the run goes on without it",
    ]
    readings = [row for row in lines(tmp_path / "told") if row[0] == "reading"]
    assert len(readings) == 2 * 4  # of `lines` and `quits`
    told(tiny_recipe(), tmp_path / "alone")
    newest = [next((tmp_path / run / "checkpoints").glob("*32/state.safetensors")) for run in ("told", "alone")]
    assert newest[0].read_bytes() == newest[1].read_bytes()


def test_what_is_not_there_is_said_before_anything_is_written(
    told: Callable[..., list[str]], tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    """A name that is none, and a package that is missing, end it with what to do; no folder is made."""
    out = tmp_path / "run"
    with pytest.raises(NotFoundError, match="no tracker is named 'tensorbord'; did you mean 'tensorboard'"):
        told(tiny_recipe(), out, "tensorbord")
    with pytest.raises(PluginError, match=r"tracker acme/absent: cannot import .*reinstall or update"):
        told(tiny_recipe(), out, "acme/absent")
    for name in ("wandb", "mlflow"):
        if name not in sys.modules:
            with pytest.MonkeyPatch.context() as patch:
                patch.setitem(sys.modules, name, None)
                with pytest.raises(PluginError, match=rf"pip install 'genzoo\[{name}\]'"):
                    told(tiny_recipe(), out, name)
    assert not out.exists()


def test_nothing_is_imported_unless_named() -> None:
    """The specs of trackers are data: neither their packages nor the modules that need them are loaded."""
    code = """
import sys
from zoo.catalogue.plugins.loading import default_registry
names = [owned.name for owned in default_registry().list("tracker")]
assert names == ["mlflow", "tensorboard", "wandb"], names
import zoo.training.train
from zoo.training.tracking import find_trackers
find_trackers(None, default_registry(), print)
find_trackers((), default_registry(), print)
found = {"wandb", "mlflow", "tensorboard", "torch.utils.tensorboard"} & set(sys.modules)
assert not found, found
assert not [name for name in sys.modules if name.startswith("zoo.training.trackers")]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """Stand-ins of both services' modules, which note what they are called with; whatever is installed."""
    calls: list[tuple[Any, ...]] = []

    class Run:
        def __init__(self, name: str) -> None:
            self.id = name

        def __getattr__(self, name: str) -> Callable[..., None]:
            return lambda *given, **more: calls.append((name, *given, more))

    class Client:
        def __init__(self, tracking_uri: str) -> None:
            calls.append(("client", tracking_uri))

        def get_experiment_by_name(self, name: str) -> None:
            return None

        def create_experiment(self, name: str, artifact_location: str | None) -> str:
            calls.append(("create_experiment", artifact_location))
            return f"experiment of {name}"

        def create_run(self, experiment: str, run_name: str) -> SimpleNamespace:
            calls.append(("create_run", experiment, run_name))
            return SimpleNamespace(info=SimpleNamespace(run_id="run 1"))

        def __getattr__(self, name: str) -> Callable[..., None]:
            return lambda *given, **more: calls.append((name, *given, more))

    def init(**more: Any) -> Run:
        calls.append(("init", more))
        return Run(more["id"] or "made")

    wandb = ModuleType("wandb")
    vars(wandb).update(init=init, Settings=lambda **more: more, Html=lambda text: text[:9])
    mlflow, exceptions, tracking = ModuleType("mlflow"), ModuleType("mlflow.exceptions"), ModuleType("mlflow.tracking")
    vars(exceptions).update(MlflowException=type("MlflowException", (Exception,), {}))
    vars(tracking).update(MlflowClient=Client)
    for module in (wandb, mlflow, exceptions, tracking):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    for name in ("WANDB_PROJECT", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    ours = ("zoo.training.trackers.weights_and_biases", "zoo.training.trackers.mlflow_client")
    for name in ours:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield SimpleNamespace(calls=calls)
    for name in ours:
        sys.modules.pop(name, None)


def test_weights_and_biases_is_told(
    fakes: SimpleNamespace, told: Callable[..., list[str]], tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    """A run of the recipe, metrics by examples, samples as HTML; what goes on is the same run there."""
    out = tmp_path / "mine"
    assert told(tiny_recipe(), out, "wandb", stop=after(4)) == []
    assert told(tiny_recipe(), out, "wandb", resume=True) == []
    begun = [call[1] for call in fakes.calls if call[0] == "init"]
    assert [(one["project"], one["name"], one["id"], one["resume"]) for one in begun] == [
        ("genzoo", "mine", None, "allow"),
        ("genzoo", "mine", "made", "allow"),
    ]
    assert begun[0]["config"]["batch_size"] == 4
    assert begun[0]["dir"] == str(out)
    logged = [call[1] for call in fakes.calls if call[0] == "log"]
    written = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    metrics = [row for row in logged if "generator_loss" in row]
    assert metrics == [{key: value for key, value in row.items() if key != "steps"} for row in written]
    assert {"examples": 0, "samples": "<img src="} in logged
    assert [call[0] for call in fakes.calls].count("finish") == 2


def test_mlflow_is_told(
    fakes: SimpleNamespace, told: Callable[..., list[str]], tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    """A run in the run's own folder, parameters once, metrics by examples, the files of samples; and it goes on."""
    out = tmp_path / "mine"
    assert told(tiny_recipe(), out, "mlflow", stop=after(4)) == []
    assert told(tiny_recipe(), out, "mlflow", resume=True) == []
    assert fakes.calls[0] == ("client", f"sqlite:///{(out / 'mlflow' / 'mlflow.db').as_posix()}")
    assert ("create_experiment", (out / "mlflow" / "artifacts").as_uri()) in fakes.calls
    assert [call[:3] for call in fakes.calls if call[0] == "create_run"] == [
        ("create_run", "experiment of genzoo", "mine")
    ]
    assert ("update_run", "run 1", {"status": "RUNNING"}) in fakes.calls
    assert ("log_param", "run 1", "config.image_size", "8", {}) in fakes.calls
    written = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    losses = [call[3:] for call in fakes.calls if call[:3] == ("log_metric", "run 1", "generator_loss")]
    assert losses == [(row["generator_loss"], {"step": row["examples"]}) for row in written]
    files = [call[2] for call in fakes.calls if call[0] == "log_artifact"]
    assert files == [str(path) for path in sorted((out / "samples").iterdir())]
    assert [call[0] for call in fakes.calls].count("set_terminated") == 2
