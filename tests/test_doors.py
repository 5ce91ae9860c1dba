"""The doors for plugin authors: every name they list is there, and comes from a module inside."""

from __future__ import annotations

import importlib

import pytest


@pytest.mark.parametrize("door", ["zoo.nn", "zoo.data", "zoo.training", "zoo.images"])
def test_a_door_gives_what_it_lists(door: str) -> None:
    """Each public name of a door can be had, is listed by `dir`, and no other name is made up."""
    module = importlib.import_module(door)
    assert list(module.__all__) == sorted(
        module.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name)
    )
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        module.Nothing  # noqa: B018
