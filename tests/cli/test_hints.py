"""Every command, option, extra and name that a message tells of is one: a hint cannot outlive what it names."""

from __future__ import annotations

import argparse
import ast
import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.commands import verbs

import zoo
from zoo.catalogue.contract.references import import_reference
from zoo.cli.main import _Parser, join_negatives
from zoo.errors import UsageError

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for folder in ("zoo", "plugins") for path in (ROOT / folder).rglob("*.py"))
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "zoo").rglob("*.md.tmpl")])
FRONT = {"--help", "--version"}
PIP = {"--break-system-packages", "--editable"}
ELSEWHERE = PIP | {
    "--no-deps",
    "--python",
    "--with",
    "--with-editable",
    "--standalone",
    "--nproc",
    "--logdir",
}  # of uv, torchrun and TensorBoard


class Lenient(_Parser):
    """The command line's own parser of a verb, for a command of which a message names the beginning alone."""

    def add_argument(self, *names: str, **more: object) -> argparse.Action:  # type: ignore[override]
        action = super().add_argument(*names, **more)  # type: ignore[arg-type]
        action.required = False
        if not action.option_strings and action.nargs is None:
            action.nargs = "?"
        elif action.nargs == "+":
            action.nargs = "*"
        return action

    def add_subparsers(self, **more: object) -> argparse._SubParsersAction:  # type: ignore[override, type-arg]
        return super().add_subparsers(**more | {"required": False})  # type: ignore[arg-type]


def parser_of(verb: str) -> Lenient:
    spec = next((one for one in verbs() if one.name == verb), None)
    if spec is None:
        raise UsageError(f"no command is named {verb!r}")
    parser = Lenient(prog=f"zoo {verb}")
    import_reference(spec.arguments, verb)(parser)
    return parser


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    found = set(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= set().union(*(options_of(under) for under in action.choices.values()))
    return found


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of each string that is no docstring; what is put into it is a 1."""
    bodies = [getattr(node, "body", None) for node in ast.walk(tree)]
    firsts = [body[0] for body in bodies if isinstance(body, list) and body]
    skip = {id(first.value) for first in firsts if isinstance(first, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skip |= {id(part) for part in node.values}
            parts = [part.value if isinstance(part, ast.Constant) else "1" for part in node.values]
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skip:
            yield node.lineno, node.value
        elif isinstance(node, ast.List) and node.elts and ast.unparse(node.elts[0]) == "'zoo'":
            parts = [part for part in node.elts if not isinstance(part, ast.Starred)]
            words = [part.value if isinstance(part, ast.Constant) else "1" for part in parts]
            yield node.lineno, shlex.join(map(str, words))  # words that are joined for the shell


STRINGS = [
    (f"{path.relative_to(ROOT)}:{line}", text)
    for path in SOURCES
    for line, text in texts(ast.parse(path.read_text(encoding="utf-8")))
]
STARTS = re.compile(rf"\s*zoo (?=({'|'.join(verb.name for verb in verbs())})\b)")  # a string that is a command
COMMANDS = [(where, command) for where, text in STRINGS for command in re.findall(r"`zoo ([^`\[]+)`", text)]
COMMANDS += [(where, STARTS.sub("", text)) for where, text in STRINGS if STARTS.match(text)]


def complaint(command: str) -> str:
    """What the command line says against a command, whose words in capitals stand for anything; or ''."""
    plain = re.sub(r"\{\w+\}|(?<![\w-])[A-Z][A-Z/_]*(?![\w-])", "1", re.split(r"&&|\|\||[>|;]", command)[0])
    words = [word for word in shlex.split(plain, comments=True) if word not in ("…", "...", "[1]")]
    if words[0] == "1" or "/" in words[0]:  # any verb, or a plugin's
        return ""
    if words[0].startswith("-"):
        return "" if words[0] in FRONT else f"no option {words[0]}"
    try:
        parser_of(words[0]).parse_args(join_negatives(words[1:]))
    except UsageError as error:
        return str(error)
    except SystemExit:  # --help
        return ""
    return ""


def test_there_are_hints() -> None:
    """The search finds them."""
    assert len(COMMANDS) > 25
    assert complaint("plugins doctor")
    assert complaint("sample x --frobnicate")
    assert complaint("frobnicate")
    assert not complaint("list --architectures")


def test_every_command_in_a_message_is_one() -> None:
    """Each `zoo …` in a string of the code is taken by the command line's own parser, as far as it goes."""
    found = [f"{where}: zoo {command}: {said}" for where, command in COMMANDS if (said := complaint(command))]
    assert not found, "\n".join(found)


def test_a_command_in_a_message_stands_in_backquotes() -> None:
    """So that it can be told from prose, and is tested above."""
    bare = re.compile(rf"(?<![`\w/.'-]){STARTS.pattern[3:]}(?![\w-])")
    found = [
        f"{where}: {text}"
        for where, text in STRINGS
        if not STARTS.match(text) and bare.search(re.sub(r"`[^`]*`", "", text))
    ]
    assert not found, "\n".join(found)


def test_every_option_in_a_message_is_one() -> None:
    """Each --option that a string of the code names is taken by some verb, or is another program's."""
    known = set().union(*(options_of(parser_of(verb.name)) for verb in verbs())) | FRONT | ELSEWHERE
    found = [
        f"{where}: {option}"
        for where, text in STRINGS
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", text)
        if option not in known
    ]
    assert not found, "\n".join(found)


def test_every_extra_in_a_message_is_one() -> None:
    """Each genzoo[extra] is an extra of the distribution."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {(where, extra) for where, text in STRINGS for extra in re.findall(r"genzoo\[([\w-]+)\]", text)}
    pages = {(path.name, extra) for path in PAGES for extra in re.findall(r"genzoo\[([\w-]+)\]", path.read_text())}
    assert len(named) > 3
    assert not [f"{where}: {extra}" for where, extra in named | pages if extra not in extras and extra != "1"]


def test_every_python_name_in_a_message_is_one() -> None:
    """Each `zoo.name(` of a string is a public name, or one of a module that can be imported."""
    named = [(where, name) for where, text in STRINGS for name in re.findall(r"(?<![\w.])zoo\.([\w.]+)\(", text)]
    assert named
    for where, name in named:
        module, _, attribute = name.rpartition(".")
        assert attribute in (dir(importlib.import_module(f"zoo.{module}")) if module else zoo.__all__), where


@pytest.mark.parametrize("page", PAGES, ids=lambda path: "/".join(path.parts[-2:]))
def test_every_command_on_a_page_is_one(page: Path) -> None:
    """Each line of a shell block that begins with `zoo`, and each `zoo …` in the text, of README and docs."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in re.sub(r"\\\n", " ", block).splitlines()]
    found = [line.removeprefix("zoo ") for line in lines if line.startswith("zoo ")]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    found += [command for command in re.findall(r"`zoo ([a-z][^`]*)`", prose) if "|" not in command]
    past = page.name == "plugin-changes.md"  # which tells of commands that are gone
    told = [f"zoo {command}: {said}" for command in found if not past and (said := complaint(command))]
    assert not told, "\n".join(told)
