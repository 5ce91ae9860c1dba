"""The shape of the code: what may import what, the line above which there is no torch, and the budgets."""

from __future__ import annotations

import ast
import importlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeGuard

import pytest

import zoo
from zoo.catalogue.plugins.loading import default_registry

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "torchvision", "huggingface_hub", "accelerate", "gradio", "numpy", "PIL", "safetensors", "tqdm"}

PUBLIC = [
    *("ConceptVector", "GAN", "Model", "VAE", "ZooError"),
    *("grid", "info", "list_architectures", "list_datasets", "list_models", "load", "load_concept", "load_image"),
    *("pull", "save", "to_pil", "train", "verify"),
]

# The folders of zoo/ in rows: a file imports from its own folder and from rows above its own. "zoo" are the files that
# stand directly in it; a folder that is not named here belongs to the one above it.
LAYERS: list[set[str]] = [
    {"zoo"},
    {"zoo.catalogue.contract", "zoo.web"},
    {"zoo.catalogue.hub", "zoo.catalogue.plugins", "zoo.catalogue.recipes"},
    {"zoo.catalogue.weights"},
    {"zoo.catalogue.runs"},
    {"zoo.catalogue"},
    # ---- torch below
    {"zoo.nn", "zoo.data"},
    {"zoo.latent"},
    {"zoo.training"},
    {"zoo.evaluation"},
    {"zoo.images", "zoo.sequences", "zoo.testing"},
    {"zoo.cli"},
]
DOORS = {"zoo", "zoo.api", "zoo.__main__"}  # they stand in front of the house, and lead into it

# What a plugin's modules may import of the core; its `__init__.py` only the first.
DOOR_PACKAGES = {"zoo.nn", "zoo.data", "zoo.latent", "zoo.training", "zoo.images", "zoo.sequences", "zoo.web"}
DOOR_PACKAGES |= {"zoo.cli", "zoo.testing"}
DOOR = {"zoo", "zoo.api", "zoo.errors", "zoo.configs", "zoo.files"} | DOOR_PACKAGES

BANNED = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "imp", "pty"}


EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*/src"))
ROOTS = [ROOT / "zoo", ROOT / "plugins", *EXAMPLES]  # held to the same shape, the examples as any plugin


@dataclass(frozen=True)
class Import:
    module: str  # zoo.nn.models
    names: tuple[str, ...]
    inside: bool  # of a function
    typing: bool  # under `if TYPE_CHECKING`


class Source:
    """One file: its tree, and what it imports."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = path.relative_to(ROOT).as_posix()
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)
        top = next((top for top in ROOTS[1:] if path.is_relative_to(top)), ROOT)
        parts = path.relative_to(top).with_suffix("").parts
        self.module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def folder(self) -> str:
        """Which folder of LAYERS it belongs to."""
        package = self.module if self.path.name == "__init__.py" else self.module.rpartition(".")[0]
        while not any(package in row for row in LAYERS):
            package = package.rpartition(".")[0]
        return package

    @cached_property
    def imports(self) -> list[Import]:
        return list(self._walk(self.tree, inside=False, typing=False))

    def _walk(self, node: ast.AST, *, inside: bool, typing: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (Import(alias.name, (), inside, typing) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert not child.level, f"{self.place}:{child.lineno}: imports are absolute"
                yield Import(child.module or "", tuple(alias.name for alias in child.names), inside, typing)
            elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                yield from self._walk(child, inside=inside, typing=True)
            else:
                function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
                yield from self._walk(child, inside=inside or function, typing=typing)

    @cached_property
    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        return [node for node in ast.walk(self.tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


SOURCES = [Source(path) for top in ROOTS for path in sorted(top.rglob("*.py"))]
BY_MODULE = {source.module: source for source in SOURCES}
PAPER = [s for s in SOURCES if s.path.parent == ROOT / "zoo" or s.place.startswith("zoo/catalogue/")]  # no torch
OURS = [source for source in SOURCES if source.place.startswith("zoo/")]
PLUGINS = [source for source in SOURCES if source.place.startswith(("plugins/", "docs/examples/"))]


TOPS = {source.module.partition(".")[0] for source in SOURCES}


def modules(item: Import) -> set[str]:
    """The modules of zoo/ and plugins/ an import reaches, `from zoo import errors` counted as zoo.errors."""
    if item.module.partition(".")[0] not in TOPS:
        return set()
    return {f"{item.module}.{name}" for name in item.names} & set(BY_MODULE) or {item.module}


def targets(source: Source) -> set[str]:
    """The modules of zoo/ and plugins/ that a file imports when it runs."""
    return {module for item in source.imports if not item.typing for module in modules(item)}


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Its lines, from `def` on, without its docstring."""
    first = function.body[0]
    doc = first.end_lineno - first.lineno + 1 if ast.get_docstring(function) and first.end_lineno else 0
    assert function.end_lineno
    return function.end_lineno - function.lineno + 1 - doc


def complaints(found: Iterable[str]) -> str:
    return "\n".join(sorted(set(found)))


def test_the_search_finds_the_code() -> None:
    """The files these tests look at are there: the core, its sub-packages, the plugins, and the example."""
    known = {"zoo.errors", "zoo.nn.models", "zoo.data.loading", "zoo_gan", "zoo_gan.networks", "meadow_zoo.networks"}
    assert known <= set(BY_MODULE)
    assert set().union(*LAYERS) == {source.folder for source in OURS}
    assert len(list((ROOT / "zoo").glob("*.py"))) <= 10


# --- the line and the arrows ---------------------------------------------------------------------------------------


def test_above_the_line_nothing_heavy_is_imported() -> None:
    """What stands directly in zoo/ or below zoo/catalogue/ imports torch nowhere, other heavy packages in functions."""
    torch = {"torch", "torchvision"}
    found = [f"{s.place}: {i.module}" for s in PAPER for i in s.imports if _heavy(i) and not i.inside and not i.typing]
    found += [
        f"{s.place}: {i.module}"
        for s in PAPER
        for i in s.imports
        if i.module.partition(".")[0] in torch and not i.typing
    ]
    assert not found, complaints(found)


def test_only_images_knows_what_a_picture_is() -> None:
    """Outside zoo/images/ no core module imports it, and none but the kit holds what is true of pictures alone.

    `import zoo` has two helpers for pictures. Comments and docstrings may give them as an example.
    """
    others = [source for source in OURS if source.folder != "zoo.images"]
    found = [
        f"{source.place} imports {target}"
        for source in others
        if source.module != "zoo"
        for target in {module for item in source.imports for module in modules(item)}
        if target.startswith("zoo.images")
    ]
    of_pictures = re.compile(r"\b255\b|uint8|channels_last|\.png")
    found += [
        f"{source.place} holds {match[0]}"
        for source in others
        if source.folder != "zoo.testing"
        for match in of_pictures.finditer(_bare(source))
    ]
    assert not found, complaints(found)


def test_the_command_line_is_heavy_in_functions_only() -> None:
    """zoo/cli/ imports torch and its like, and what lies below the line, inside functions only."""
    found = [
        f"{s.place}: {i.module}"
        for s in OURS
        for i in s.imports
        if s.folder == "zoo.cli" and not i.inside and not i.typing and (_heavy(i) or _below(i))
    ]
    assert not found, complaints(found)


def test_a_plugin_init_imports_nothing_heavy() -> None:
    """A plugin's `__init__.py`, and those of zoo/training and zoo/images, hold specs: they import `zoo.api` alone."""
    inits = [s for s in PLUGINS if s.path.name == "__init__.py"] + [BY_MODULE["zoo.training"], BY_MODULE["zoo.images"]]
    inits.append(BY_MODULE["zoo.sequences"])
    for source in inits:
        ours = {target for target in targets(source) if target.startswith("zoo.")}
        assert ours == {"zoo.api"}, source.place
        assert not [i for i in source.imports if _heavy(i) and not i.typing], source.place
        assert len(targets(source)) == 1, f"{source.place} imports its own modules: {targets(source)}"


def test_the_arrows_point_one_way() -> None:
    """A file imports from its own folder and from the rows above; the catalogue from the catalogue alone."""
    rank = {folder: row for row, folders in enumerate(LAYERS) for folder in folders}
    found = []
    for source in OURS:
        if source.module in DOORS:
            continue
        for target in targets(source) - {"zoo"}:
            other = BY_MODULE[target].folder
            if target == "zoo.api" and source.path.name == "__init__.py":  # a plugin of the core's own
                continue
            if other != source.folder and (rank[other] >= rank[source.folder] or target in DOORS):
                found.append(f"{source.place} ({source.folder}) imports {target} ({other})")
    assert not found, complaints(found)


def test_of_the_root_only_the_version_is_taken() -> None:
    """Inside zoo/ nothing is imported through the table of public names."""
    for source in OURS:
        for item in source.imports:
            if item.module == "zoo" and item.names:
                modules = {name for name in item.names if f"zoo.{name}" in BY_MODULE}
                assert set(item.names) - modules <= {"__version__"}, source.place
        if any(i.module == "zoo" and not i.names for i in source.imports):
            assert set(re.findall(r"\bzoo\.(\w+)", _code(source))) <= {"__version__"}, source.place


def test_there_is_no_import_cycle() -> None:
    """No module reaches itself through imports, those inside functions included."""
    graph = {source.module: targets(source) & set(BY_MODULE) - {source.module} for source in SOURCES}
    state: dict[str, str] = {}

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert state.get(module) != "open", f"a cycle: {' -> '.join([*path, module])}"
        if module not in state:
            state[module] = "open"
            for target in sorted(graph[module]):
                visit(target, (*path, module))
            state[module] = "done"

    for module in graph:
        visit(module, ())


def test_plugins_use_only_the_public_door() -> None:
    """Of the core a plugin imports what DOOR lists: no registry, no plugins, no recipes, no weights, no cli."""
    found = [
        f"{source.place}: {target}"
        for source in PLUGINS
        for target in targets(source)
        if target.partition(".")[0] == "zoo" and target not in DOOR
    ]
    assert not found, complaints(found)


def test_plugins_do_not_import_each_other() -> None:
    """A plugin stands alone: what two of them share belongs to the core."""
    found = [
        f"{source.place}: {target}"
        for source in PLUGINS
        for target in targets(source)
        if target.partition(".")[0] not in ("zoo", source.module.partition(".")[0])
    ]
    assert not found, complaints(found)


def test_the_core_names_no_architecture_and_no_dataset() -> None:
    """No string in zoo/ holds a catalogued architecture or model or a plugin's package, or is a dataset.

    Docstrings may. A message may give a dataset as an example. `examples` is left out: it names a dataset, and counts
    examples too.
    """
    entries = default_registry().entries
    words = {name for kind, name in entries if kind in ("architecture", "model", "feature")} | {
        s.module for s in PLUGINS
    }
    words -= {name for kind, name in entries if kind == "trainer"}  # an architecture may be named like what trains it
    datasets = {name for kind, name in entries if kind == "dataset"} - {"images", "text"}
    assert "dcgan" in words
    assert "shapes" in datasets
    held = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, sorted(words)))})(?![\w-])")
    found = [
        f"{source.place}:{node.lineno}: {node.value!r:.60}"
        for source in OURS
        for node in _strings(source.tree)
        if held.search(node.value) or re.split(r"[\[:]", node.value)[0] in datasets
    ]
    assert not found, complaints(found)


def test_data_never_becomes_code() -> None:
    """No pickle and its like, no eval or exec, and torch.load only with weights_only=True."""
    found = []
    for source in SOURCES:
        found += [f"{source.place}: {i.module}" for i in source.imports if i.module.partition(".")[0] in BANNED]
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                safe = any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords)
                if name in ("eval", "exec", "compile", "__import__") or (name == "torch.load" and not safe):
                    found.append(f"{source.place}:{node.lineno}: {name}")
    assert not found, complaints(found)


# --- the public names ----------------------------------------------------------------------------------------------


def test_the_public_names_are_these() -> None:
    """The names at the root are the ones listed here, at most 30, and `dir` shows them and nothing else."""
    assert sorted(zoo.__all__) == PUBLIC == dir(zoo)
    assert len(PUBLIC) <= 30


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_can_be_imported(name: str) -> None:
    """Every public name is there, documented, listed by dir(), and the object of that name where it is defined."""
    value = getattr(zoo, name)
    assert value.__doc__
    assert name in dir(zoo)
    assert getattr(importlib.import_module(value.__module__), name) is value


def test_other_names_are_an_attribute_error() -> None:
    """A name that is not public is an AttributeError naming it."""
    with pytest.raises(AttributeError, match="frobnicate"):
        zoo.frobnicate  # noqa: B018


# --- the budgets ---------------------------------------------------------------------------------------------------


def test_no_file_is_long() -> None:
    """A file has at most 300 lines, one of tests at most 500."""
    lengths = {source.place: (len(source.text.splitlines()), 300) for source in SOURCES}
    for path in sorted((ROOT / "tests").rglob("*.py")):
        lengths[path.relative_to(ROOT).as_posix()] = (len(path.read_text(encoding="utf-8").splitlines()), 500)
    assert not (found := [f"{place}: {n}" for place, (n, most) in lengths.items() if n > most]), complaints(found)


def test_functions_are_short() -> None:
    """A function has at most 50 lines without its docstring, and nine of ten have at most 20."""
    lengths = {f"{s.place}:{f.lineno} {f.name}": length(f) for s in SOURCES for f in s.functions}
    assert not (found := [f"{where}: {n}" for where, n in lengths.items() if n > 50]), complaints(found)
    assert sorted(lengths.values())[int(len(lengths) * 0.9)] <= 20


def test_functions_take_at_most_nine_parameters() -> None:
    """A function has at most 9 parameters, self left out: `zoo.load` has them, and users are to see them all."""
    found = [f"{s.place}:{f.lineno} {f.name}" for s in SOURCES for f in s.functions if len(_parameters(f)) > 9]
    assert not found, complaints(found)


def test_everything_is_annotated() -> None:
    """Every parameter and every return value has a type."""
    found = [
        f"{s.place}:{f.lineno} {f.name}"
        for s in SOURCES
        for f in s.functions
        if f.returns is None or any(a.annotation is None for a in _parameters(f))
    ]
    assert not found, complaints(found)


def test_public_things_have_docstrings() -> None:
    """Every module, and every public class, function and method, has a docstring; `forward` and setters may not."""
    found = []
    for source in SOURCES:
        todo: list[tuple[ast.Module | ast.ClassDef | ast.FunctionDef, str]] = [(source.tree, "the module")]
        while todo:
            node, name = todo.pop()
            if not ast.get_docstring(node):
                found.append(f"{source.place}: {name}")
            inner = [] if isinstance(node, ast.FunctionDef) else node.body
            todo += [(child, child.name) for child in inner if _needs_docstring(child)]
    assert not found, complaints(found)


def test_little_stands_in_two_places() -> None:
    """At most 2 % of the lines stand in a run of six that another place has too (imports and docstrings left out)."""
    places: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    total = 0
    for source in SOURCES:
        lines = _code(source).splitlines()
        total += len(lines)
        for start in range(len(lines) - 5):
            places[tuple(lines[start : start + 6])].append((source.place, start))
    shared = [place for where in places.values() if len(where) > 1 for place in where]
    twice = {(place, start + i) for place, start in shared for i in range(6)}
    assert len(twice) <= 0.02 * total, complaints(f"{place} {line}" for place, line in twice)


def test_no_bare_except_no_hasattr_no_print() -> None:
    """No bare `except`, no `hasattr`, and no `print` outside the command line."""
    found = []
    for source in SOURCES:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                found.append(f"{source.place}:{node.lineno}: bare except")
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                name = node.func.id
                if name == "hasattr" or (name == "print" and not source.module.startswith("zoo.cli")):
                    found.append(f"{source.place}:{node.lineno}: {name}")
    assert not found, complaints(found)


# --- helpers -------------------------------------------------------------------------------------------------------


def _heavy(item: Import) -> bool:
    return item.module.partition(".")[0] in HEAVY


def _below(item: Import) -> bool:
    """Whether it lies below the line."""
    line = next(row for row, folders in enumerate(LAYERS) if "zoo.nn" in folders)
    return any(BY_MODULE[module].folder in folders for module in modules(item) for folders in LAYERS[line:-1])


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.arg]:
    a = function.args
    given = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
    return [argument for argument in given if argument.arg not in ("self", "cls")]


def _needs_docstring(node: ast.stmt) -> TypeGuard[ast.ClassDef | ast.FunctionDef]:
    if not isinstance(node, (ast.ClassDef, ast.FunctionDef)) or node.name.startswith("_") or node.name == "forward":
        return False
    return not any(ast.unparse(decorator).endswith(".setter") for decorator in node.decorator_list)


def _docstrings(tree: ast.AST) -> set[ast.expr | ast.stmt]:
    bodies = [getattr(node, "body", None) for node in ast.walk(tree)]
    firsts = [body[0] for body in bodies if isinstance(body, list) and body]
    return {f.value for f in firsts if isinstance(f, ast.Expr) and isinstance(f.value, ast.Constant)}


def _strings(tree: ast.AST) -> Iterator[ast.Constant]:
    docs = _docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docs:
            yield node


def _bare(source: Source) -> str:
    """The code without comments and docstrings."""
    tree = ast.parse(source.text)
    for node in _docstrings(tree):
        assert isinstance(node, ast.Constant)
        node.value = ""
    return ast.unparse(tree)


def _code(source: Source) -> str:
    """The file's lines without blanks, comments, docstrings, imports and indentation."""
    imports = {node for node in ast.walk(source.tree) if isinstance(node, (ast.Import, ast.ImportFrom))}
    drop = {
        line
        for node in imports | _docstrings(source.tree)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    lines = [line.strip() for number, line in enumerate(source.text.splitlines(), 1) if number not in drop]
    return "\n".join(line for line in lines if line and not line.startswith("#"))
