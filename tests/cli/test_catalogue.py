"""zoo.cli.catalogue: what is listed, and what is told of a name."""

from __future__ import annotations

import json
import re

import pytest
from cli.commands import Run

import zoo

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
