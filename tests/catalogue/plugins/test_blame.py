"""A plugin whose code fails where nobody foresaw it is named in one line; its author can see the whole error."""

from __future__ import annotations

from pathlib import Path

import pytest
from sites import HEAD, Site

VERB = (
    HEAD
    + """
import json, os

@hookimpl
def zoo_commands(context):
    return [CommandSpec(name="fail", summary="Fail.", run="acme_zoo:run", arguments="acme_zoo:arguments")]

def arguments(parser):
    parser.add_argument("how")

def run(arguments):
    if arguments.how == "file":
        open("/nowhere/at/all")
    if arguments.how == "deep":
        json.loads("no json")
    if arguments.how == "reader":
        raise BrokenPipeError
    raise RuntimeError("cannot allocate memory" if arguments.how == "memory" else "so")
"""
)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with a plugin whose verb fails as it is told."""
    made = Site(tmp_path)
    made.install("acme", VERB)
    return made


@pytest.mark.parametrize(
    ("how", "where", "what"),
    [
        ("so", "    raise RuntimeError", "RuntimeError: so"),
        ("deep", "        json.loads", "JSONDecodeError: Expecting value: line 1 column 1 (char 0)"),
        ("file", "        open", "FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/at/all'"),
    ],
)
def test_the_plugin_the_line_and_the_cause_are_said(how: str, where: str, what: str, site: Site) -> None:
    """Exit code 8, and one line with the plugin's owner, its own last line, the cause, and what to do next."""
    code, out, err = site.run("acme/fail", how)
    assert (code, out, err.count("\n")) == (8, "", 1)
    line = next(number for number, text in enumerate(VERB.splitlines(), 1) if text.startswith(where))
    assert f"plugin acme (acme-zoo 1.2) failed in acme_zoo, line {line} ({what})" in err
    assert "`zoo plugins check acme` looks closer, ZOO_PLUGIN_ERRORS=raise shows the way there" in err


def test_its_author_sees_the_whole_error(site: Site) -> None:
    """With ZOO_PLUGIN_ERRORS=raise the traceback is Python's."""
    code, _, err = site.run("acme/fail", "so", ZOO_PLUGIN_ERRORS="raise")
    assert code == 1
    assert "Traceback" in err
    assert 'acme_zoo/__init__.py", line' in err


def test_what_is_nobodys_fault_is_not_blamed(site: Site) -> None:
    """A reader that has gone ends a command well, and memory that is used up is said as ever."""
    assert site.run("acme/fail", "reader")[0] == 0
    code, _, err = site.run("acme/fail", "memory")
    assert (code, "out of memory" in err, "acme" in err) == (7, True, False)
