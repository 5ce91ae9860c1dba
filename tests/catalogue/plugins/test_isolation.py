"""A bad plugin that is really installed costs itself alone, seen from outside: the command line in its own process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sites import GOOD, HEAD, Site

HOOK = HEAD + "@hookimpl\ndef zoo_models(context):\n    "
TALK = """
import os, subprocess, sys
print("hello from a plugin")
sys.__stdout__.write("hello past the redirection\\n")
os.write(1, b"hello from C\\n")
subprocess.run([sys.executable, "-S", "-c", "print('hello from a child')"])
"""

BAD: dict[str, tuple[str, str]] = {  # namespace -> its code, and what is said of it
    "raises": ("raise RuntimeError('ouch')", "RuntimeError: ouch"),
    "exits": ("raise SystemExit(0)", "SystemExit: 0"),
    "own-base": ("class Stop(BaseException): pass\nraise Stop('now')", "Stop: now"),
    "cancels": ("import asyncio\nraise asyncio.CancelledError('off')", "CancelledError: off"),
    "generator-exit": (HOOK + "raise GeneratorExit('out')", "GeneratorExit: out"),
    "raises-in-hook": (HOOK + "raise ValueError('no')", "ValueError: no"),
    "half-way": (HOOK + "yield model('a')\n    raise OSError('torn')", "OSError: torn"),
    "exits-half-way": (HOOK + "yield model('a')\n    raise SystemExit(0)", "SystemExit: 0"),
    "number": (HOOK + "return 7", "zoo_models returned 7, not a list of ModelSpec"),
    "text": (HOOK + "return 'abc'", "not a list of ModelSpec"),
    "nothing": (HOOK + "return None", "zoo_models returned None"),
    "class-itself": (HOOK + "return [ModelSpec]", "every item must be a ModelSpec"),
    "look-alike": (HOOK + "return [dict(name='a')]", "every item must be a ModelSpec"),
    "bad-name": (HOOK + "return [model('../a')]", "a name is lower-case"),
    "misspelt": (GOOD.replace("zoo_models", "zoo_modles"), "unknown hook 'zoo_modles'; did you mean 'zoo_models'"),
    "needs": ("import zoo_absent_package", "No module named 'zoo_absent_package'; install it"),
    "future": (GOOD + "ZOO_API_VERSION = 99\n", "written for plugin API 99, this zoo has 2; update the zoo"),
    "odd-version": (GOOD + "ZOO_API_VERSION = '1'\n", "ZOO_API_VERSION is '1'; it must be a whole number"),
    "recursion": ("def f(): return f()\nf()", "RecursionError"),
    "syntax": ("def", "SyntaxError"),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """All bad plugins at once, and two good ones, at the beginning and at the end."""
    made = Site(tmp_path_factory.mktemp("bad"))
    for name, (code, _) in BAD.items():
        made.install(name, code)
    made.install("stale", None)
    made.install("gone", GOOD, points="[zoo]\ngone = gone_zoo:plugin.inner\n")
    made.install("broken-line", points="[console_scripts]\nx = y:z\n[zoo]\nno equals sign\nhalf = broken_line_zoo\n")
    made.install("other-line", points="[console_scripts]\nno equals sign\n[zoo]\nother-line = other_line_zoo\n")
    made.install("not-a-module", points="[zoo]\nnot-a-module = 3 blind mice!\n")
    made.install("latin", points=b"[zoo]\nlatin = latin_zoo\nl\xe4tin = latin_zoo\xff\n")
    made.install("talks", TALK + GOOD)
    made.install("a-good")
    made.install("z-good", HOOK + "yield model('toy')\n", requires="torch")
    return made


@pytest.fixture(scope="module")
def listed(site: Site) -> tuple[int, str, str]:
    """`zoo list --json` beside them."""
    return site.run("list", "--json")


@pytest.fixture(scope="module")
def states(site: Site) -> dict[str, list[dict[str, str]]]:
    """`zoo plugins list --json` beside them, by distribution."""
    code, out, err = site.run("plugins", "list", "--json")
    assert (code, "hello from a plugin" in err) == (0, True)
    rows: dict[str, list[dict[str, str]]] = {}
    for row in json.loads(out):
        rows.setdefault(row["distribution"], []).append(row)
    return rows


def test_the_others_are_listed_and_the_output_is_json(listed: tuple[int, str, str]) -> None:
    """Beside two dozen bad plugins the zoo's models and the good plugins' are there, and nothing else is printed."""
    code, out, err = listed
    assert code == 0
    foreign = {row["name"] for row in json.loads(out) if "/" in row["name"]}
    assert foreign == {"a-good/toy", "z-good/toy", "talks/toy", "half/toy", "other-line/toy", "latin/toy"}
    assert "dcgan-cifar-frog" in {row["name"] for row in json.loads(out)}
    for said in ("a plugin", "C", "a child"):
        assert f"hello from {said}" in err
    assert "hello past the redirection" in err


@pytest.mark.parametrize("name", BAD)
def test_each_bad_plugin_is_named_with_its_cause(
    name: str, states: dict[str, list[dict[str, str]]], listed: tuple[int, str, str]
) -> None:
    """One line on standard error says plugin, distribution, version, cause and the way out; so does `plugins list`."""
    (row,) = states[f"{name}-zoo"]
    assert (row["name"], row["state"], row["version"]) == (name, "failed", "1.2")
    assert BAD[name][1] in row["error"]
    lines = [line for line in listed[2].splitlines() if f"plugin {name} ({name}-zoo 1.2) failed:" in line]
    assert len(lines) == 1
    assert lines[0].endswith(f"to silence it: `zoo plugins disable {name}`")


def test_damaged_metadata_costs_its_own_lines(states: dict[str, list[dict[str, str]]]) -> None:
    """A malformed line of entry_points.txt is a failed plugin; the file's other lines and groups do not matter."""
    assert "the entry point is stale" in states["stale-zoo"][0]["error"]
    assert "AttributeError" in states["gone-zoo"][0]["error"]
    assert [(row["name"], row["state"]) for row in states["broken-line-zoo"]] == [
        ("broken-line-zoo", "failed"),
        ("half", "loaded"),
    ]
    assert "a line that cannot be read, 'no equals sign'; reinstall" in states["broken-line-zoo"][0]["error"]
    assert [row["state"] for row in states["other-line-zoo"]] == ["loaded"]
    assert "cannot be read" in states["not-a-module-zoo"][0]["error"]
    assert sorted(row["state"] for row in states["latin-zoo"]) == ["failed", "loaded"]


def test_a_name_of_a_failed_plugin_is_a_plugin_error(site: Site) -> None:
    """Using a bad plugin's name is exit code 8 with the cause; a good one's name works."""
    code, out, err = site.run("info", "raises/toy", ZOO_PLUGIN_ERRORS="ignore")
    assert (code, out) == (8, "")
    assert "'raises/toy' is unknown because its plugin failed: RuntimeError: ouch" in err
    assert (
        site.rows("info", "a-good/toy", ZOO_PLUGIN_ERRORS="ignore")["a-good/toy"]["owner"] == "a-good (a-good-zoo 1.2)"
    )


def test_two_owners_of_a_name_until_the_user_chooses(tmp_path: Path) -> None:
    """Two distributions of one namespace: using the shared name names both; disabling one by its owner settles it."""
    site = Site(tmp_path)
    site.install("acme", dist="first-zoo", points="[zoo]\nacme = first_zoo\n")
    site.install("acme", dist="second-zoo", points="[zoo]\nacme = second_zoo\n")
    code, _, err = site.run("info", "acme/toy")
    assert code == 8
    assert "acme (first-zoo 1.2) and acme (second-zoo 1.2); keep one: `zoo plugins disable acme@first-zoo` or" in err
    assert site.run("plugins", "disable", "acme@first-zoo")[0] == 0
    assert site.rows("info", "acme/toy")["acme/toy"]["owner"] == "acme (second-zoo 1.2)"
    owners = {row["owner"] for row in json.loads(site.run("list", "acme/*", "--json", ZOO_PLUGINS="acme")[1])}
    assert owners == {"acme (first-zoo 1.2)", "acme (second-zoo 1.2)"}  # the environment wins over the file
    one = json.loads(site.run("list", "acme/*", "--json", ZOO_PLUGINS="acme@First_Zoo")[1])
    assert [row["owner"] for row in one] == ["acme (first-zoo 1.2)"]


def test_a_distribution_that_is_on_the_path_twice_counts_once(tmp_path: Path) -> None:
    """The first of two copies is the one that is imported, and the one that is listed."""
    site = Site(tmp_path)
    site.install("acme")
    twice = f"{site.folder}:{site.folder}/."
    assert len(json.loads(site.run("list", "acme/*", "--json", PYTHONPATH=twice)[1])) == 1


def test_the_authors_hint_is_said_when_a_package_is_missing(tmp_path: Path) -> None:
    """`install_hint` of a spec stands in the error of what needs a package that is not installed, and nowhere else."""
    site = Site(tmp_path)
    spec = "CommandSpec(name={!r}, summary='', run='acme_zoo.{}:run', install_hint='pip install acme-zoo[sing]')"
    specs = ", ".join(spec.format(name, name) for name in ("sing", "typo"))
    site.install("acme", HEAD + f"@hookimpl\ndef zoo_commands(context):\n    return [{specs}]\n")
    (site.folder / "acme_zoo" / "sing.py").write_text("import zoo_absent_package\n")
    code, _, err = site.run("acme/sing")
    assert code == 8
    assert err.rstrip().endswith(
        "(ModuleNotFoundError: No module named 'zoo_absent_package'); pip install acme-zoo[sing]"
    )
    assert "reinstall or update its package" in site.run("acme/typo")[2]


def test_ctrl_c_while_a_plugin_loads_names_it(tmp_path: Path) -> None:
    """KeyboardInterrupt is the user's: exit code 130, and the line says which plugin was being loaded."""
    site = Site(tmp_path)
    site.install("acme", "raise KeyboardInterrupt")
    code, out, err = site.run("list")
    assert (code, out) == (130, "")
    assert "interrupted while plugin acme (acme-zoo 1.2) was loaded; `zoo plugins examine`" in err
