"""docs/plugin-reference.md is what the code says, has every public name whole, and names nothing that is not public."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pytest

from zoo.catalogue.plugins.loading import HOOKS

DOCS = Path(__file__).resolve().parent.parent / "docs"
TEXT = (DOCS / "plugin-reference.md").read_text(encoding="utf-8")


def _generator() -> ModuleType:
    found = importlib.util.spec_from_file_location("generate_reference", DOCS / "generate_reference.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


GENERATOR = _generator()
PUBLIC = {
    f"{door}.{name}": getattr(importlib.import_module(door), name)
    for door in GENERATOR.DOORS
    for name in importlib.import_module(door).__all__
}
CLASSES = [name for name, value in PUBLIC.items() if inspect.isclass(value)]
BARE = {name.rpartition(".")[2] for name in PUBLIC}


def test_the_page_is_what_the_code_says() -> None:
    """`python docs/generate_reference.py` would change nothing."""
    assert GENERATOR.page() == TEXT, "run `python docs/generate_reference.py`"


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented(hook: str) -> None:
    """Each hook has a row with the spec it returns."""
    assert f"| `{hook}` | `{HOOKS[hook].__name__}` | " in TEXT


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_documented(name: str) -> None:
    """Each name of each door has its place, with more than its name, and its own docstring where it can have one."""
    part = TEXT.partition(f"### `{name}`\n\n")[2].partition("\n#")[0]
    assert len(part) > 10
    value = PUBLIC[name]
    if inspect.isclass(value) or inspect.isfunction(value):
        assert value.__doc__
        assert not (inspect.isclass(value) and value.__doc__.startswith(f"{value.__name__}(")), "made by dataclass"
        assert inspect.getdoc(value).partition("\n")[0] in part  # type: ignore[union-attr]
    assert not inspect.ismodule(value), "a module of that name hides it"


@pytest.mark.parametrize("name", CLASSES)
def test_every_attribute_is_explained(name: str) -> None:
    """Each public field has a meaning in its row, and each public method and property a docstring in its line."""
    part = TEXT.partition(f"### `{name}`\n\n")[2].partition("\n#")[0]
    for field, _, _, meaning in GENERATOR.fields(PUBLIC[name]):
        assert meaning, f"{field} has no comment"
        assert re.search(rf"^\| `{field}` \| .* \| .+ \|$", part, re.MULTILINE), field
    for method, function, _ in GENERATOR.members(PUBLIC[name]):
        assert GENERATOR._documented(PUBLIC[name], method, function).__doc__, f"{method} has no docstring"
        assert re.search(rf"^- `{method}\b.*`: .+", part, re.MULTILINE), method


@pytest.mark.parametrize("name", PUBLIC)
def test_every_argument_is_explained(name: str) -> None:
    """Each argument of a public function or method is named by its docstring, or by the page beside it."""
    value = PUBLIC[name]
    functions = {"": value} if inspect.isfunction(value) else {}
    if inspect.isclass(value):
        functions = {key: GENERATOR._documented(value, key, found) for key, found, _ in GENERATOR.members(value)}
    for key, function in functions.items():
        silent = [argument for argument, meaning in GENERATOR.arguments(function).items() if not meaning]
        assert not silent, f"{key}: name {', '.join(silent)} in the docstring"


def test_what_is_not_explained_is_found() -> None:
    """The two tests above would see a bare field, method and argument."""

    def bare(x: int, other: int) -> None:
        """Take x."""

    assert GENERATOR.arguments(bare) == {"other": ""}
    assert GENERATOR.arguments(PUBLIC["zoo.load_concept"]) == {"registry": GENERATOR.ARGUMENTS["registry"]}


# --- no private name -----------------------------------------------------------------------------------------------


def _homes(module: ModuleType) -> dict[str, str]:
    """Name -> where it is from, of all that a module imports or defines."""
    found: dict[str, str] = {}
    tree = ast.parse(inspect.getsource(module))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = f"{module.__name__}.{node.name}"
        elif isinstance(node, ast.Assign):
            named = [target.id for target in node.targets if isinstance(target, ast.Name)]
            found |= {name: f"{module.__name__}.{name}" for name in named}
    return found


def _annotations(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """(module, annotations) of a function, and of a class with all that it has from the zoo."""
    if inspect.isfunction(value):
        yield value.__module__, value.__annotations__
    for base in (base for base in getattr(value, "__mro__", ()) if base.__module__.startswith("zoo")):
        yield base.__module__, {k: v for k, v in inspect.get_annotations(base).items() if k[0] != "_"}
        inner = [found for _, found, _ in GENERATOR.members(base)]
        start = vars(base).get("__init__")
        for function in [*inner, start] if inspect.isfunction(start) else inner:
            if function.__module__.startswith("zoo"):
                yield function.__module__, function.__annotations__


@pytest.mark.parametrize("name", PUBLIC)
def test_what_a_public_name_mentions_is_public(name: str) -> None:
    """Each type of the zoo that a signature or a field names, and each class that is extended, is in a door."""
    value = PUBLIC[name]
    for base in getattr(value, "__mro__", ()):
        assert not base.__module__.startswith("zoo") or base.__name__ in BARE, f"extends {base.__name__}"
    for module, found in _annotations(value):
        homes = _homes(sys.modules[module])
        for key, text in found.items():
            used = {node.id for node in ast.walk(ast.parse(str(text))) if isinstance(node, ast.Name)}
            private = {word for word in used - BARE if homes.get(word, "").startswith("zoo")}
            free = {w for w in private if isinstance(getattr(sys.modules[module], w, None), TypeVar)}
            assert not private - free, f"{key}: {', '.join(sorted(private))} of {module} is in no door"


def test_what_is_raised_is_public() -> None:
    """Each error that the page says is raised can be caught by a name of `zoo.errors`."""
    named = set(re.findall(r"\b[A-Z]\w+Error\b", TEXT)) - {
        "OSError",
        "ValueError",
        "AttributeError",
        "NotImplementedError",
    }
    assert "DataError" in named
    assert named <= set(importlib.import_module("zoo.errors").__all__)
