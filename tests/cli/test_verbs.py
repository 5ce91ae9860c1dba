"""zoo.cli.verbs: the core's verbs and the plugins', in the help and when they run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from cli.commands import Run, python, verbs

from zoo.catalogue.contract.references import import_reference
from zoo.catalogue.contract.specs import CommandSpec
from zoo.catalogue.plugins import loading as plugins
from zoo.cli.verbs import VERBS

pytestmark = pytest.mark.usefixtures("here")


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
ZOO_API_VERSION = 2

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
    listed = json.loads(run("list", "--commands", "--json")[1])
    assert [row["name"] for row in listed] == ["acme/count", "dream", "gallery"]
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
        plugins.BUILT.clear()
        code, out, err = run("--help")
        assert (code, err.count("\n")) == (0, 1)
        assert "  mixture  " in out


def test_no_plugin_of_ours_takes_a_verb_of_the_core() -> None:
    """A verb without a namespace has one owner: the core's are found first, so another would never run."""
    own = [verb.name for verb in VERBS]
    assert len(set(own)) == len(own)
    assert not {owned.name for owned in plugins.default_registry().list("command")} & set(own)


@pytest.mark.parametrize("verb", verbs(), ids=lambda verb: verb.name)
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
    shared = {"lines", "main", "output", "process", "verbs"}
    found = {name[8:] for name in sys.modules if name.startswith("zoo.cli.")}
    assert found == shared | own, found
"""
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
