"""weights.judges: who may judge a model that was trained against a network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.contract.specs import FeaturesSpec
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.judges import is_contaminated, networks_of, trained_against

ONE, TWO = "1" * 64, "2" * 64
SPEC = FeaturesSpec(
    name="n", summary="", modality="wave", licence="MIT", weights="a:b", sha256=ONE, features="a:b", family="mel"
)


def registry(**specs: FeaturesSpec) -> Registry:
    return Registry.of(Owned(name=name.replace("_", "/"), spec=spec, owner="o") for name, spec in specs.items())


@pytest.mark.parametrize(
    ("name", "sha256", "against", "spoilt"),
    [
        ("a", ONE, {}, False),
        ("a", ONE, {"a": TWO}, True),  # itself, whatever its weights were then
        ("b", TWO, {"a": ONE}, True),  # a sister
        ("c", TWO, {"a": ONE}, False),  # another family
        ("alone", TWO, {"a": ONE}, False),
        ("alone", TWO, {"gone": ONE}, False),  # of what is not installed any more only the name and the weights count
        ("gone", TWO, {"gone": ONE}, True),
        ("alone", TWO, {"gone": TWO}, True),
        ("pixels", "", {"a": ONE}, False),
    ],
)
def test_a_network_its_sisters_and_its_weights_are_no_witnesses(
    name: str, sha256: str, against: dict[str, str], spoilt: bool
) -> None:
    """By name, by family or by sha256; a network without a family has no sister, not even another one without."""
    lone = replace(SPEC, family="")
    found = registry(a=SPEC, b=SPEC, c=replace(SPEC, family="mfcc"), alone=lone, other=lone)
    assert is_contaminated(name, sha256, against, found) is spoilt


def test_networks_are_asked_in_an_order() -> None:
    """The zoo's default, the zoo's others by name, then a plugin's; another modality's never."""
    default = replace(SPEC, tags=("default",))
    found = registry(b=SPEC, acme_a=default, a=SPEC, z=default, text=replace(SPEC, modality="text"))
    assert networks_of("wave", found) == ["z", "acme/a", "a", "b"]
    assert networks_of("wave", registry()) == []


def test_pictures_have_two_families() -> None:
    """EfficientNet-Lite0 and its sisters are one family; the first of another is the thin ResNet."""
    names = networks_of("image", default_registry())
    lite = {"efficientnet-lite0": default_registry().features("efficientnet-lite0").sha256}
    clean = [name for name in names if not is_contaminated(name, "", lite, default_registry())]
    assert names[0] == "efficientnet-lite0"
    assert clean[0] == "thin-resnet50"
    assert all(default_registry().features(name).file for name in clean[1:])  # for the user to have


@pytest.mark.parametrize("config", [{}, {"training": {}}, {"training": None}, {"training": {"trained_against": []}}])
def test_a_config_that_names_none_names_none(config: dict[str, object]) -> None:
    """Configs of models that were trained against no network, and malformed ones."""
    assert trained_against(config) == {}
    assert trained_against({"training": {"trained_against": {"a": ONE}}}) == {"a": ONE}
