"""Every dataset, trainer, command and name of the catalogue."""

from __future__ import annotations

from dataclasses import is_dataclass

import pytest

import zoo
from zoo.configs import as_data, decode
from zoo.plugins import default_registry
from zoo.specs import import_reference

REGISTRY = default_registry()
ENTRIES = list(REGISTRY.entries)


def of(kind: str) -> list[str]:
    return [owned.name for owned in REGISTRY.list(kind)]


def test_every_name_has_one_owner() -> None:
    """No name of the installed catalogue is claimed twice, and nothing failed to load."""
    assert [key for key, claims in REGISTRY.entries.items() if len(claims) != 1] == []
    assert dict(REGISTRY.failures) == {}
    assert {"architecture", "dataset", "model", "trainer"} <= {kind for kind, _ in ENTRIES}


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_every_entry_describes_itself(kind: str, name: str) -> None:
    """An entry has a summary of one line, and `info` knows it under its own kind or a model of the same name."""
    owned = REGISTRY.owned(kind, name)
    assert owned.spec.summary.strip() == owned.spec.summary != ""
    assert "\n" not in owned.spec.summary
    if kind != "command":
        facts = zoo.info(name)
        assert facts["name"] == name
        assert facts["kind"] in (kind, "model", "architecture")


@pytest.mark.parametrize("name", of("dataset"))
def test_every_dataset_is_sane(name: str) -> None:
    """Its loader can be imported; licence, classes, splits and shape can be meant."""
    spec = REGISTRY.dataset(name)
    assert callable(import_reference(spec.load, name))
    assert spec.licence
    assert len(set(spec.classes)) == len(spec.classes)
    assert all(isinstance(text, str) and text for text in (*spec.classes, *spec.splits))
    assert all(count > 0 for count in spec.splits.values())
    assert spec.splits or spec.takes_path
    assert spec.data_shape is None or (len(spec.data_shape) == 3 and min(spec.data_shape) >= 1)
    assert spec.homepage == "" or spec.homepage.startswith("https://")


@pytest.mark.parametrize("name", of("trainer"))
def test_every_trainer_has_settings_with_defaults(name: str) -> None:
    """Its settings are a dataclass whose defaults pass their own checks, and its class can be imported."""
    spec = REGISTRY.trainer(name)
    settings = import_reference(spec.settings, name)
    assert is_dataclass(settings)
    assert decode(settings, as_data(settings()), name) == settings()
    assert callable(import_reference(spec.trainer, name))
    assert spec.family in {REGISTRY.architecture(other).family for other in of("architecture")}


@pytest.mark.parametrize("name", of("command"))
def test_every_command_can_be_imported(name: str) -> None:
    """What a command runs is callable."""
    assert callable(import_reference(REGISTRY.command(name).run, name))
