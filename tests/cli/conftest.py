"""Fixtures of the command line: a tiny model made by it, and how it is run."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import SimpleNamespace

import pytest
from cli.commands import RECIPE, Run
from PIL import Image

from zoo.catalogue.plugins import loading as plugins
from zoo.catalogue.plugins.installed import Installed
from zoo.cli.main import main


@pytest.fixture(autouse=True)
def _no_line_for_a_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long a training here takes does not decide what it prints."""
    monkeypatch.setattr("zoo.cli.progress.SILENCE", float("inf"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test runs in a folder of its own, and without TensorBoard."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.delitem(sys.modules, "zoo.training.trackers.tensorboard", raising=False)  # it may hold it already
    return tmp_path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `tiny.toml`, its run `run`, and the weights folder `tiny`, all made by the command line."""
    place = tmp_path_factory.mktemp("made")
    (place / "tiny.toml").write_text(RECIPE)
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.setitem(sys.modules, "torch.utils.tensorboard", None)
        patch.delitem(sys.modules, "zoo.training.trackers.tensorboard", raising=False)  # it may hold it already
        assert main(["train", str(place / "tiny.toml"), "--out", str(place / "run")]) == 0
        assert main(["export", str(place / "run"), "-o", str(place / "tiny")]) == 0
    return place


@pytest.fixture
def model(made: Path) -> str:
    """The path of a weights folder, to be read only."""
    return str(made / "tiny")


@pytest.fixture
def recipe(here: Path) -> str:
    """The name of a recipe file in the test's folder."""
    (here / "tiny.toml").write_text(RECIPE)
    return "tiny.toml"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process: its exit code, what it printed, and what it complained of."""

    def call(*argv: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(list(argv))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def tiny(vae_folder: Callable[..., SimpleNamespace]) -> SimpleNamespace:
    """A weights folder of a tiny VAE, and the model it was written from."""
    return vae_folder()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """An orange picture that is not square."""
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (40, 30), (200, 100, 50)).save(path)
    return path


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[EntryPoint], None]]:
    """Add a plugin to those that are installed, for one test."""

    def install(point: EntryPoint) -> None:
        found = [*entry_points(group="zoo"), point]
        monkeypatch.setattr(plugins, "installed", lambda: [Installed.of(one) for one in found])
        plugins.BUILT.clear()

    yield install
    monkeypatch.undo()
    plugins.BUILT.clear()
