"""The doors for plugin authors: every name they list is there, and comes from a module inside."""

from __future__ import annotations

import ast
import importlib
import pydoc
import re
import rlcompleter
from pathlib import Path

import pytest

import zoo

DOORS = ["zoo.nn", "zoo.data", "zoo.latent", "zoo.training", "zoo.images", "zoo.sequences", "zoo.web", "zoo.cli"]
DOORS += ["zoo.api", "zoo.testing"]


@pytest.mark.parametrize("door", DOORS)
def test_a_door_gives_what_it_lists(door: str) -> None:
    """Each public name of a door can be had, is listed by `dir` with nothing else, and no other name is made up."""
    module = importlib.import_module(door)
    assert dir(module) == sorted(module.__all__)
    assert list(module.__all__) == sorted(
        module.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name)
    )
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        module.Nothing  # noqa: B018


def test_help_shows_the_public_names() -> None:
    """`help(zoo)` opens with an example, and has what each public function takes and says."""
    text = pydoc.render_doc(zoo, renderer=pydoc.plaintext)
    assert "frogs.sample(16, seed=0)" in text[:1500]
    for name in zoo.__all__:
        assert name in text
    assert "load(name: " in text
    assert "Load a pretrained model, in eval mode" in text


@pytest.mark.parametrize("begun", ["zoo.lo", "zoo.nn.Dec", "zoo.data.Mod"])
def test_names_that_are_not_imported_yet_are_completed(begun: str) -> None:
    """Completion by `dir`, as of Python's own prompt and of IPython, finds lazy names, and no private ones."""
    import zoo.data
    import zoo.nn

    completer = rlcompleter.Completer({"zoo": zoo})
    found = [completer.complete(begun, state) for state in range(4)]
    wanted = {
        "zoo.lo": {"zoo.load(", "zoo.load_concept(", "zoo.load_image("},
        "zoo.nn.Dec": {"zoo.nn.Decoder("},
        "zoo.data.Mod": {"zoo.data.Modality("},
    }
    assert {text.rstrip(")") for text in found if text} == wanted[begun]


ROOT = Path(__file__).resolve().parents[1]
LIGHT = {"zoo", "zoo.api", "zoo.errors", "zoo.configs", "zoo.files"}  # what a spec module may import
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def _authored() -> dict[str, str]:
    """Where -> the code that authors are shown or begin with, and of the packages that stand for theirs."""
    templates = (ROOT / "zoo/catalogue/plugins/scaffold/templates").rglob("*.py.tmpl")
    packages = [*(ROOT / "docs/examples").rglob("*.py"), *(ROOT / "tests/thirdparty/acme_sounds").rglob("*.py")]
    packages += (ROOT / "tests/testing/mutants/reference").rglob("*.py")
    found = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in [*templates, *packages]}
    for page in sorted((ROOT / "docs").glob("plugin*.md")):
        for number, code in enumerate(BLOCK.findall(page.read_text(encoding="utf-8"))):
            found[f"docs/{page.name} block {number + 1}"] = code
    return {where: re.sub(r"\$(package|name)\b", "acme", text) for where, text in found.items()}


@pytest.mark.parametrize(("where", "text"), _authored().items(), ids=list(_authored()))
def test_authors_are_shown_doors_alone(where: str, text: str) -> None:
    """Templates, pages and packages for authors import no module of the zoo but doors, and names that these list."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = {alias.name for alias in node.names if alias.name.partition(".")[0] == "zoo"}
            assert names <= {*DOORS, *LIGHT}, where
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "zoo":
            assert node.module in {*DOORS, *LIGHT}, f"{where}: {node.module}"
            public = importlib.import_module(node.module or "").__all__
            assert {alias.name for alias in node.names} <= set(public), f"{where}: {ast.unparse(node)}"
