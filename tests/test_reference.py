"""docs/plugin-reference.md is what the code says, and has every hook and every public name."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import zoo
import zoo.api
from zoo.catalogue.plugins.loading import HOOKS

DOCS = Path(__file__).resolve().parent.parent / "docs"
TEXT = (DOCS / "plugin-reference.md").read_text(encoding="utf-8")


def test_the_page_is_what_the_code_says() -> None:
    """`python docs/generate_reference.py` would change nothing."""
    found = importlib.util.spec_from_file_location("generate_reference", DOCS / "generate_reference.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    assert module.page() == TEXT, "run `python docs/generate_reference.py`"


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented(hook: str) -> None:
    """Each hook has a row with the spec it returns."""
    assert f"| `{hook}` | `{HOOKS[hook].__name__}` | " in TEXT


@pytest.mark.parametrize("name", [*zoo.api.__all__, *(f"zoo.{name}" for name in zoo.__all__)])
def test_every_public_name_is_documented(name: str) -> None:
    """Each name of `zoo.api` and of `zoo` has its place, with more than its name."""
    assert f"### `{name}`\n\n" in TEXT or f"`{name}` is " in TEXT or f"`{name}` marks " in TEXT


@pytest.mark.parametrize("name", [name for name in zoo.api.__all__ if name.endswith("Spec")])
def test_every_field_of_a_spec_is_listed(name: str) -> None:
    """Each field of a spec stands in its table."""
    part = TEXT.partition(f"### `{name}`\n")[2].partition("\n### ")[0]
    for field in getattr(zoo.api, name).__dataclass_fields__:
        assert f"| `{field}` | " in part
