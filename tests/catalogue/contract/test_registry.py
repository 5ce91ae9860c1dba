"""zoo.catalogue.contract.registry: one owner for every name, near names for the others, nothing that changes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from zoo.catalogue.contract.exports import ExportSpec
from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.contract.specs import (
    ArchitectureSpec,
    CommandSpec,
    DatasetSpec,
    FeaturesSpec,
    ModelSpec,
    Spec,
    TrainerSpec,
)
from zoo.errors import NotFoundError, PluginError


def model(name: str) -> ModelSpec:
    return ModelSpec(name=name, summary="", architecture="a", dataset="d", licence="MIT", recipe="acme:a.toml")


def registry(*names: str, failures: dict[str, str] | None = None, owner: str = "acme (acme-zoo 1.0)") -> Registry:
    specs = [(name, model(name.rpartition("/")[2])) for name in names]
    return Registry.of([Owned(name=name, spec=spec, owner=owner) for name, spec in specs], failures)


def test_a_name_gives_its_spec_under_its_full_name() -> None:
    """A name with a namespace is found under both together, and is not found without."""
    found = registry("acme/toy", "toy-2")
    assert found.model("acme/toy") == model("toy")
    assert found.owned("model", "acme/toy").owner == "acme (acme-zoo 1.0)"
    with pytest.raises(NotFoundError):
        found.model("toy")


SPECS: dict[str, Spec] = {
    "architecture": ArchitectureSpec(
        name="n", summary="", family="gan", modality="image", config="a:b", parts={"generator": "a:b"}
    ),
    "dataset": DatasetSpec(name="n", summary="", load="a:b", licence="MIT", modality="image"),
    "model": model("n"),
    "trainer": TrainerSpec(name="n", summary="", family="gan", settings="a:b", trainer="a:b"),
    "command": CommandSpec(name="n", summary="", run="a:b"),
    "export": ExportSpec(name="n", summary="", code="a:b"),
    "feature": FeaturesSpec(
        name="n", summary="", modality="image", licence="MIT", weights="a:b", sha256="0" * 64, features="a:b"
    ),
}


def test_kinds_do_not_share_names() -> None:
    """An architecture, dataset, model, trainer, command, export and feature network of one name live side by side."""
    every = Registry.of(Owned(name="n", spec=spec, owner="o") for spec in SPECS.values())
    assert {kind: getattr(every, "features" if kind == "feature" else kind)("n") for kind in SPECS} == SPECS
    assert all([item.spec for item in every.list(kind)] == [spec] for kind, spec in SPECS.items())


def test_an_unknown_name_offers_near_ones() -> None:
    """NotFoundError shows the name and those near it; with none near, how to list them all."""
    found = registry("dcgan-cifar-frog", "vae-faces")
    with pytest.raises(NotFoundError, match="no model is named 'dcgan-cifar-frgo'; did you mean 'dcgan-cifar-frog'"):
        found.model("dcgan-cifar-frgo")
    with pytest.raises(NotFoundError, match="zoo list models"):
        found.model("qqqqqqqq")


def test_a_long_name_is_cut_in_the_message() -> None:
    """A name of a million letters makes a short message."""
    with pytest.raises(NotFoundError) as caught:
        registry("a").model("x" * 10**6)
    assert len(str(caught.value)) < 300


def test_two_owners_of_a_name_are_both_named_when_it_is_used() -> None:
    """A clash harms nobody until the name is used; then the PluginError names both owners and the way out."""
    twice = [
        Owned(name="toy", spec=model("toy"), owner=owner, selector=selector)
        for owner, selector in (("acme (a 1)", "acme@a"), ("evil (e 2)", "evil@e"))
    ]
    found = Registry.of([*twice, Owned(name="other", spec=model("other"), owner="acme (a 1)")])
    assert found.model("other").name == "other"
    assert [claim.owner for claim in found.list("model", "toy")] == ["acme (a 1)", "evil (e 2)"]
    with pytest.raises(PluginError, match=r"acme \(a 1\) and evil \(e 2\).*`zoo plugins disable acme@a` or"):
        found.model("toy")


def test_a_wildcard_lists_sorted_names() -> None:
    """`list` matches the full name case by case, sorted; no match is an empty list."""
    found = registry("vae-b", "vae-a", "acme/vae-c", "gan")
    assert [item.name for item in found.list("model", "vae-*")] == ["vae-a", "vae-b"]
    assert [item.name for item in found.list("model", "*vae-?")] == ["acme/vae-c", "vae-a", "vae-b"]
    assert [item.name for item in found.list("model")] == ["acme/vae-c", "gan", "vae-a", "vae-b"]
    assert found.list("model", "VAE-*") == found.list("dataset") == []


def test_a_registry_does_not_change() -> None:
    """Neither its fields nor its tables can be written to, and what it was built from may change afterwards."""
    failures = {"acme": "broken"}
    found: Any = Registry.of([], failures)
    failures["evil"] = "too"
    assert dict(found.failures) == {"acme": "broken"}
    with pytest.raises(TypeError):
        found.entries["model", "toy"] = ()
    with pytest.raises(TypeError):
        found.failures["x"] = ""
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.entries = {}


def test_a_failed_plugin_is_an_error_only_for_its_own_names() -> None:
    """A name in the namespace of a failed plugin is a PluginError with its cause; other names work."""
    found = registry("toy", failures={"acme": "ImportError: ouch"})
    assert found.model("toy").name == "toy"
    with pytest.raises(PluginError, match="'acme/vae' is unknown because its plugin failed: ImportError: ouch"):
        found.model("acme/vae")
    with pytest.raises(NotFoundError):
        found.model("other/vae")


def test_a_name_without_namespace_that_is_unknown_mentions_failed_plugins() -> None:
    """The zoo's own names have no namespace, so an unknown one says which plugins failed."""
    with pytest.raises(NotFoundError, match="plugins that failed: zoo_gan"):
        registry("toy", failures={"zoo_gan": "ImportError: ouch"}).model("dcgan-cifar-frog")
