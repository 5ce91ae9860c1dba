"""zoo.cli.train: an architecture on pictures of one's own, from the folder to the Hub, and what is refused."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from cli.commands import Run
from loopback_hub import TOKEN
from PIL import Image

import zoo
from zoo import configs

SMALL = ["--examples", "32", "--set", "config.image_size=8", "--set", "batch_size=8", "--threads", "1"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test runs in a folder of its own, without TensorBoard, with 24 pictures of mixed sizes and kinds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.delitem(sys.modules, "zoo.training.trackers.tensorboard", raising=False)  # it may hold it already
    photos = tmp_path / "My Photos"
    photos.mkdir()
    for index in range(24):
        size = (8 + index, 30 - index)
        mode, colour = ("L", index * 10) if index % 3 else ("RGB", (index * 10, 0, 90))
        Image.new(mode, size, colour).save(photos / f"{index:02}.{'jpg' if index % 2 else 'png'}")
    return tmp_path


def recipe_in(folder: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((Path(folder) / "recipe.json").read_text())["recipe"]
    return data


def test_an_architecture_trains_on_a_folder(run: Run, here: Path) -> None:
    """It says in a line each what it chose, leaves what was set to the user, and the run is like any other."""
    code, out, err = run("train", "dcgan", "--data", "./My Photos", *SMALL)
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0] == "images:./My Photos: 20 examples, typically 3 x 13 x 13"
    assert lines[1] == "what dcgan begins with on these; --set KEY=VALUE changes it:"
    assert re.fullmatch(r" {4}config\.channels = 3 +colour", lines[3])
    assert not [line for line in lines if line.strip().startswith(("config.image_size", "batch_size", "examples ="))]
    assert lines[-1].endswith("then: zoo export runs/dcgan-my-photos -o ./dcgan-my-photos")
    told = recipe_in("runs/dcgan-my-photos")
    assert (told["dataset"], told["examples"], told["batch_size"]) == (f"images:{Path('My Photos').resolve()}", 32, 8)
    assert (told["config"]["image_size"], told["config"]["channels"]) == (8, 3)
    assert "20 examples" in told["summary"]


@pytest.mark.parametrize("recipe", ["dcgan", "one.toml", "dcgan-shapes"])
def test_a_command_resolves_its_recipe_once(recipe: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the words to the page: one look-up of the run's names, and one of the catalogue's recipe of its name."""
    Path("one.toml").write_text('name = "one"\narchitecture = "dcgan"\ndataset = "x"\ntrainer = "adversarial"\n')
    decoded: list[str] = []

    def decode(cls: Any, data: Any, where: str) -> Any:
        decoded.append(where)
        return configs.decode(cls, data, where)

    monkeypatch.setattr("zoo.catalogue.recipes.recipe.decode", decode)
    words = [*SMALL, "--set", "config.generator_widths=[4]", "--set", "config.discriminator_widths=[4, 4]"]
    words += ["--set", "doctor.held_out_split=", "--set", "config.num_classes=0"]
    code, _, err = run("train", recipe, "--data", "./My Photos", "--out", "run", *words)
    assert code == 0, err
    of_doctors = [where for where in decoded if where.endswith(": doctor")]
    assert len(of_doctors) == (2 if recipe == "dcgan-shapes" else 1)
    assert len([where for where in decoded if where.endswith(": config")]) == len(of_doctors)


@pytest.mark.parametrize("name", ["conv-vae", "res-vae"])
def test_every_kind_of_architecture_goes_all_the_way(name: str, run: Run, here: Path) -> None:
    """Train, look, export, load, sample: nothing but a folder of pictures and an architecture's name."""
    assert run("train", name, "--data", "./My Photos", *SMALL)[0] == 0
    (row,) = json.loads(run("runs", "list", "--json")[1])
    assert (row["state"], row["architecture"], row["examples"]) == ("finished", name, 32)
    code, _, err = run(*shlex.split(json.loads(run("runs", "show", row["folder"], "--json")[1])[0]["next"])[1:])
    assert code == 0, err
    model = zoo.load(f"./{row['recipe']}")
    assert model.sample(2, seed=0).shape == (2, 3, 8, 8)
    assert run("sample", f"./{row['recipe']}", "-n", "4", "-o", "a.png")[0] == 0


def test_the_recipe_in_the_folder_gives_the_run_again(run: Run, here: Path) -> None:
    """A run folder stands for its recipe: trained anew into another folder it gives the same weights."""
    assert run("train", "dcgan", "--data", "./My Photos", "--out", "one", *SMALL)[0] == 0
    code, out, err = run("train", "one", "--out", "two", "--threads", "1")
    assert code == 0, err
    assert "begins with" not in out
    state = "checkpoints/000000000032/state.safetensors"
    assert (here / "one" / state).read_bytes() == (here / "two" / state).read_bytes()


@pytest.mark.parametrize(
    "again", [["dcgan", "--data", "./My Photos"], ["runs/dcgan-my-photos"], ["dcgan", "--out", "runs/dcgan-my-photos"]]
)
def test_a_run_of_ones_own_is_resumed(again: list[str], run: Run, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same words with --resume go on, and so does the folder's name; the starter is not asked again."""
    code, _, _ = run("train", "dcgan", "--data", "./My Photos", *SMALL, "--set", "settings.anneal=0")
    assert code == 0

    def moved(*_: object) -> None:
        raise AssertionError("the recipe is in the folder")

    monkeypatch.setattr("zoo.catalogue.recipes.starters.start_recipe", moved)
    code, out, err = run("train", *again, "--examples", "48", "--resume", "--threads", "1")
    assert code == 0, err
    assert out.splitlines()[0].startswith("48/48")
    assert (here / "runs/dcgan-my-photos/checkpoints/000000000048").is_dir()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("dcgan", 2, "dcgan is an architecture, and needs something to learn from: give --data ./my-photos"),
        ("dcgan --out x --resume", 2, "needs something to learn from"),
        ("dcgn --data ./photos", 3, "no model or architecture is named 'dcgn'; did you mean 'dcgan'"),
        ("dcgan --data ./nothing", 3, "no such folder or tar; check the path"),
        ("dcgan --data photso", 3, "shows what there is; nor is 'photso' a folder or tar here"),
        ("dcgan --data ./photos/00.png", 4, "give the folder it is in"),
        ("dcgan --data ./empty", 4, "no pictures found"),
        ("dcgan --data ./few", 4, "2 examples are too few to learn from; add more: 16 is the least"),
        ("dcgan --data ./photos --examples 0", 4, "--set: examples = 0 is not allowed"),
        ("dcgan --data ./photos --set config.image_size=20", 4, "image_size = 20 is not a power of two"),
        ("dcgan --data ./photos --set config.size=8", 4, "unknown key 'size'"),
        ("dcgan --data ./photos --set settings.flip=8", 4, "unknown key 'flip'"),
        ("dcgan --data ./photos --set name=../x", 2, "cannot name a folder"),
        ("dcgan --data ./photos --resume", 3, "is no run folder"),
        ("conv-vae --data ./photos --set batch_size=1000", 4, "fewer than a batch of 1000"),
    ],
)
def test_what_cannot_begin_is_one_line_and_no_folder(words: str, code: int, says: str, run: Run, here: Path) -> None:
    """Each thing that is wrong with the data or the words has its exit code and next step, and leaves no run."""
    (here / "My Photos").rename(here / "photos")
    (here / "empty").mkdir()
    (here / "few").mkdir()
    for index in range(3):
        Image.new("L", (9, 9), index).save(here / "few" / f"{index}.png")
    found, _, err = run("train", *shlex.split(words))
    assert (found, err.count("\n")) == (code, 1), err
    assert says in err
    assert sorted(path.name for path in here.iterdir()) == ["empty", "few", "photos"]


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the real client's way with its HTTP library
def test_from_a_folder_to_the_hub(hub: Any, run: Run, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train on one's own pictures, export, push; what comes back from the Hub samples the same and names no place."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_PROGRESS_BARS", True)
    photos = str(here / "My Photos")
    assert run("train", "dcgan", "--data", photos, *SMALL)[0] == 0
    assert run("export", "runs/dcgan-my-photos", "-o", "./mine")[0] == 0
    code, out, err = run("push", "./mine", "--to", "me/mine")
    assert code == 0, err
    assert "me/mine" in out
    for path in (here / "mine").iterdir():
        assert str(here).encode() not in path.read_bytes()
    mine, back = zoo.load("./mine"), zoo.load("hf://me/mine")
    assert mine.sample(2, seed=0).equal(back.sample(2, seed=0))
    assert back.info["data"]["name"] == "images:My Photos"


def test_an_evaluation_asks_where_the_pictures_are(run: Run, here: Path) -> None:
    """What was exported knows only the last word of the path: where that is not here --data says it."""
    assert run("train", "dcgan", "--data", str(here / "My Photos"), *SMALL)[0] == 0
    assert run("export", "runs/dcgan-my-photos", "-o", "./mine")[0] == 0
    (here / "My Photos").rename(here / "elsewhere")
    code, _, err = run("eval", "./mine", "--samples", "8")
    assert code == 3
    assert "the model was trained on images:My Photos: say where it is with --data ./FOLDER" in err
    (here / "My Photos").mkdir()
    for index in range(20):
        Image.new("L", (9, 9), index).save(here / "My Photos" / f"{index}.png")
    code, _, err = run("eval", "./mine", "--samples", "8")
    assert code == 4
    assert "images:My Photos here has sha256" in err
    assert "to measure against them all the same, name them with --data" in err


def test_other_data_are_measured_against_and_are_not_the_models_own(run: Run, here: Path) -> None:
    """What is said, printed and recorded names the other data; the card and the model's own figures stay."""
    assert run("train", "dcgan", "--data", "./My Photos", *SMALL)[0] == 0
    assert run("export", "runs/dcgan-my-photos", "-o", "./mine")[0] == 0
    words = ("eval", "./mine", "--samples", "8", "--seeds", "0", "--features", "pixels", "--write")
    code, out, err = run(*words, "--data", "./My Photos")
    assert code == 0, err
    assert "against images:My Photos (train)." in " ".join(out.split())
    own, card = json.loads(Path("mine/evaluation.json").read_text()), Path("mine/README.md").read_text()
    (here / "others").mkdir()
    for index in range(30):
        Image.effect_noise((13, 13), 5 * index).save(here / "others" / f"{index}.png")
    code, out, err = run(*words, "--data", "./others")
    assert code == 0, err
    assert "images:others (train), which ./mine was not trained on" in " ".join(out.split())
    recorded = json.loads(Path("mine/evaluation.json").read_text())
    found = recorded.pop("other_data")
    assert list(found) == ["images:others"]
    assert found["images:others"]["other_data"]["name"] == "images:others"
    key = "frechet/pixels@8"
    assert found["images:others"]["records"][key]["value"] != own["records"][key]["value"]
    assert (recorded, Path("mine/README.md").read_text()) == (own, card)
    assert run(*words, "--data", str(here / "My Photos"))[0] == 0
    recorded = json.loads(Path("mine/evaluation.json").read_text())
    assert recorded["records"][key]["value"] == own["records"][key]["value"]
    assert list(recorded["other_data"]) == ["images:others"]


def test_the_same_data_are_the_same_run_wherever_they_lie(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`./p/` for `./p`, an absolute path, another working directory and moved data go on with the run; other data,
    of the same name too, are another run.
    """
    assert run("train", "dcgan", "--data", "./My Photos", *SMALL, "--set", "settings.anneal=0")[0] == 0
    folder = here / "runs" / "dcgan-my-photos"
    longer = ("--resume", "--threads", "1", "--examples")
    ways = [
        ("dcgan", "--data", "./My Photos/", *longer, "40"),
        ("dcgan", "--data", str(here / "My Photos"), *longer, "48"),
        ("dcgan", "--data", "My Photos", *longer, "56"),
    ]
    for words in ways:
        code, _, err = run("train", *words)
        assert code == 0, err
    (here / "deeper").mkdir()
    monkeypatch.chdir(here / "deeper")
    code, _, err = run("train", str(folder), *longer, "64")
    assert code == 0, err
    (here / "My Photos").rename(here / "moved")
    code, _, err = run("train", str(folder), *longer, "72")
    assert (code, "if the run's data have moved, say where to with --data" in err) == (3, True), err
    code, _, err = run("train", str(folder), "--data", "../moved", *longer, "72")
    assert code == 0, err
    code, _, err = run("train", "dcgan", "--data", "../moved", "--out", str(folder), *longer, "80")
    assert code == 0, err
    assert recipe_in(str(folder))["dataset"] == f"images:{here / 'moved'}"
    Image.new("RGB", (13, 13), "white").save(here / "moved" / "00.png")
    code, _, err = run("train", str(folder), *longer, "88")
    assert (code, "holds another run (data.sha256: '" in " ".join(err.split())) == (4, True), err


def test_a_path_that_is_no_text_is_refused_before_anything_is_made(run: Run, here: Path) -> None:
    """Names of bytes that are no UTF-8 could not be written into the run: one line, and no folder is left."""
    odd = os.fsdecode(b"./caf\xe9")
    (here / "My Photos").rename(here / odd)
    before = sorted(here.iterdir())
    for words in (["--data", odd], ["--data", f"images:{odd}"], ["--data", "shapes", "--out", odd]):
        code, _, err = run("train", "dcgan", *words, *SMALL)
        assert (code, err.count("\n")) == (2, 1), err
        assert r"caf\xe9: the path is not UTF-8; rename it" in err
    assert sorted(here.iterdir()) == before
