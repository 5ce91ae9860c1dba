"""zoo.cli.catalogue: what is listed, and what is told of a name."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from cli.commands import Run, code_of, parsed

import zoo
from zoo.catalogue.plugins.loading import default_registry

pytestmark = pytest.mark.usefixtures("here")


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


def test_list_takes_a_kind_and_words(run: Run) -> None:
    """The first word may be a kind; words are looked for in names, summaries and tags; other kinds are pointed to."""
    names = [row["name"] for row in json.loads(run("list", "frog", "--json")[1])]
    assert names == zoo.list_models("frog")
    assert [row["name"] for row in json.loads(run("list", "models", "Frog", "--json")[1])] == names
    assert "mnist" in [row["name"] for row in json.loads(run("list", "dataset", "digits", "--json")[1])]
    assert run("list", "datasets")[1] == run("list", "--datasets")[1]
    assert run("list", "modles")[2].startswith("zoo: no model matches 'modles'; did you mean 'models'")
    code, out, err = run("list", "imagenet")
    assert (code, out) == (0, "")
    assert re.match(r"zoo: no model matches 'imagenet'; see .*`zoo list features imagenet`", err)


WEIGHTS = Path(__file__).parents[2] / "weights"
ENTRIES = sorted({name for _, name in default_registry().entries})


@pytest.mark.parametrize("columns", [80, 100])
def test_info_fits_the_terminal_and_what_it_tells_to_do_is_a_command(
    columns: int, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every entry: lines of at most so many columns, no JSON, steps that the command line and Python take."""
    monkeypatch.setenv("COLUMNS", str(columns))
    for name in ENTRIES:
        code, out, err = run("info", name)
        assert (code, err) == (0, ""), name
        told, _, steps = out.partition("\nnext:\n")
        long = [line for line in told.splitlines() if len(line) > columns]
        assert all(str(WEIGHTS) in line or "https://" in line for line in long), out  # an address is not cut
        assert "{" not in told
        assert told.startswith(f"{name}: a")
        for step in steps.splitlines():
            if step.strip().startswith("python: "):
                assert step.strip() == f'python: zoo.load("{name}")'
            else:
                zoo_word, *words = shlex.split(step)
                assert zoo_word == "zoo"
                with contextlib.suppress(SystemExit) if words[-1] == "--help" else contextlib.nullcontext():
                    parsed(words)


def test_info_says_where_a_model_lies_what_it_has_and_both_licences(run: Run) -> None:
    """The facts that decide whether a model is taken: on lines with a label."""
    out = " ".join(run("info", "vae-faces")[1].split())
    place = str(WEIGHTS / "vae-faces")
    for fact in (
        "vae-faces: a model, of zoo_vae",
        "gives: examples of shape 3 x 64 x 64",
        "latent: shape 128",
        "concepts: gender, smile",
        "prior: a mixture of 5 Gaussians by default",
        f"where: bundled, in {place}",
        "licence: the weights: Apache-2.0",
        "faces: none stated; photographs of named people, for research use",
        "500,000 examples seen, each of the 11,079 about 45.1 times",
        "Fréchet distance, by ",
        "(lower is better; held-out examples have ",
        "recall: share of real examples that lie where samples lie, by ",
        "zoo sample vae-faces -n 16 --seed 0 -o samples.png",
        "zoo edit PHOTO --model vae-faces --concept gender -o edited.png",
    ):
        assert fact in out


def test_info_of_a_folder_and_of_a_repository(run: Run, model: str, hub: Any) -> None:
    """Both are printed, the Hub's with its revisions; nothing is fetched."""
    code, out, err = run("info", model)
    assert (code, err) == (0, "")
    assert f"in {model}" in " ".join(out.split())
    repo = hub.repo("acme/tiny", {path.name: path.read_bytes() for path in Path(model).iterdir()})
    code, out, err = run("info", "hf://acme/tiny")
    assert (code, err) == (0, "")
    assert f"branch main: {repo.refs['main']}" in out
    assert "  zoo pull hf://acme/tiny\n" in out


def test_info_knows_verbs_plugins_and_recipes(run: Run) -> None:
    """What is no entry of the catalogue and has a name is told too; what has none is one line."""
    assert run("info", "interpolate")[1].startswith("interpolate: a command\n")
    assert run("info", "zoo_gan")[1].startswith("zoo_gan: a plugin\n")
    recipe = str(Path(__file__).parents[2] / "plugins" / "zoo_vae" / "recipes" / "vae-faces.toml")
    assert f"zoo train {recipe}\n" in run("info", recipe)[1]
    code, out, err = run("info", "vae-face")
    assert (code, out) == (3, "")
    assert err.startswith("zoo: nothing is named 'vae-face'; did you mean 'vae-faces'")


@pytest.mark.parametrize("name", ["vae-faces", "dcgan-shapes", "dcgan", "shapes", "adversarial"])
def test_info_as_json_is_what_python_gives(name: str, run: Run) -> None:
    """`--json` prints one object, `name` first: config, figures and card with it."""
    data = json.loads(run("info", name, "--json")[1])
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


def test_names_of_one_kind_of_data(capsys: pytest.CaptureFixture[str]) -> None:
    """`zoo list --kind` keeps models, architectures and datasets of that kind; a kind that is none is refused."""
    for words, there, gone in (
        (["--kind", "tune"], "gpt-folk", "frog-gan"),
        (["--kind", "audio"], "vae-spoken-digits", "gpt-folk"),
        (["architectures", "--kind", "text"], "char-lstm", "dcgan"),
        (["datasets", "--kind", "image"], "faces", "nottingham"),
    ):
        assert code_of("list", *words) == 0
        said = capsys.readouterr().out
        assert there in said
        assert gone not in said
    assert code_of("list", "--kind", "smell") == 3
    assert "no modality is named 'smell'" in capsys.readouterr().err
