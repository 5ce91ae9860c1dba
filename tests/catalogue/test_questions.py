"""zoo.catalogue.questions: lists and facts, answered from specs and bundled folders."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

import zoo
from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.contract.specs import ArchitectureSpec, DatasetSpec, ModelSpec, Spec, WeightsSpec
from zoo.errors import DataError, IntegrityError, NotFoundError, PluginError, ZooError
from zoo.files import sha256_of

FACTS = {"format": 1, "architecture": "net", "config": {"width": 3}, "data": {}, "training": {}, "zoo": "0.1.0"}
RECIPE = 'name = "toy"\narchitecture = "net"\ndataset = "d"\ntrainer = "t"\nexamples = 1234\n'


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A registry with a bundled model `acme/toy`, and the folder of its weights."""
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "zoo_test_bundle" / "weights"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder.parent / "toy.toml").write_text(RECIPE)
    (folder / "config.json").write_text(json.dumps(FACTS))
    (folder / "model.safetensors").write_bytes(b"")
    pins = {file.name: sha256_of(file) for file in folder.iterdir()}
    specs: dict[str, Spec] = {
        "acme/toy": ModelSpec(
            name="toy",
            summary="A toy.",
            architecture="net",
            dataset="d",
            licence="MIT",
            recipe="zoo_test_bundle:toy.toml",
            weights=WeightsSpec(files=pins, bundled="zoo_test_bundle:weights"),
        ),
        "net": ArchitectureSpec(
            name="net", summary="", family="gan", modality="image", config="a:b", parts={"generator": "a:b"}
        ),
        "d": DatasetSpec(name="d", summary="", load="a:b", licence="MIT", modality="image"),
    }
    owned = [Owned(name=name, spec=spec, owner="acme (acme-zoo 1.2)") for name, spec in specs.items()]
    return SimpleNamespace(folder=folder, registry=Registry.of(owned))


def test_lists_give_sorted_names_that_match(bundled: SimpleNamespace) -> None:
    """Each list holds full names of its kind, filtered by a wildcard."""
    assert zoo.list_models(registry=bundled.registry) == ["acme/toy"]
    assert zoo.list_models("toy*", registry=bundled.registry) == []
    assert zoo.list_models("acme/*", registry=bundled.registry) == ["acme/toy"]
    assert zoo.list_architectures("n?t", registry=bundled.registry) == ["net"]
    assert zoo.list_datasets(registry=bundled.registry) == ["d"]


def test_models_that_are_trained_can_be_asked_for(bundled: SimpleNamespace) -> None:
    """With `trained` only models are listed that `load` can give: of the installed ones all but the mere recipes."""
    recipe = ModelSpec(name="raw", summary="", architecture="net", dataset="d", licence="MIT", recipe="a:b")
    both = Registry.of(
        [*bundled.registry.list("model"), Owned(name="acme/raw", spec=recipe, owner="acme (acme-zoo 1.2)")]
    )
    assert zoo.list_models(registry=both) == ["acme/raw", "acme/toy"]
    assert zoo.list_models(trained=True, registry=both) == ["acme/toy"]
    assert {"dcgan-cifar-frog", "vae-faces"} <= set(zoo.list_models(trained=True))
    assert set(zoo.list_models("*-shapes")) - set(zoo.list_models("*-shapes", trained=True)) >= {"dcgan-shapes"}


def test_the_installed_catalogue_is_the_default() -> None:
    """Without a registry the lists are those of the installed plugins."""
    assert "dcgan" in zoo.list_architectures()
    assert {"cifar10", "images", "shapes"} <= set(zoo.list_datasets())
    assert "dcgan-shapes" in zoo.list_models("dcgan-*")


def test_info_of_a_model_gathers_spec_recipe_and_bundle(bundled: SimpleNamespace) -> None:
    """A model's facts are JSON-able, full name first, with owner, the recipe's length and the bundled config."""
    (bundled.folder / "evaluation.json").write_text('{"fid": 3.5}')
    facts = zoo.info("acme/toy", registry=bundled.registry)
    assert list(facts)[:3] == ["name", "kind", "owner"]
    assert json.loads(json.dumps(facts)) == facts
    expected = {"name": "acme/toy", "kind": "model", "owner": "acme (acme-zoo 1.2)", "licence": "MIT", "examples": 1234}
    assert {key: facts[key] for key in expected} == expected
    assert (facts["config"], facts["evaluation"]) == ({"width": 3}, {"fid": 3.5})


def test_info_knows_the_other_kinds(bundled: SimpleNamespace) -> None:
    """A name that is no model's is looked for among architectures and datasets."""
    assert zoo.info("net", registry=bundled.registry)["kind"] == "architecture"
    assert zoo.info("d", registry=bundled.registry)["kind"] == "dataset"
    assert zoo.info("adversarial")["kind"] == "trainer"


def test_an_unknown_name_offers_near_models(bundled: SimpleNamespace) -> None:
    """NotFoundError with near names."""
    with pytest.raises(NotFoundError, match="no model is named 'acme/tot'; did you mean 'acme/toy'"):
        zoo.info("acme/tot", registry=bundled.registry)


def test_a_name_of_two_owners_is_an_error(bundled: SimpleNamespace) -> None:
    """`info` of a contested name names both owners."""
    claims = bundled.registry.list("model") * 2
    with pytest.raises(PluginError, match="claimed by"):
        zoo.info("acme/toy", registry=Registry.of(claims))


DAMAGE: list[tuple[str, bytes, type[ZooError], str]] = [
    ("config.json", b"{}", IntegrityError, "sha256"),
    ("config.json", json.dumps(FACTS | {"zoo": "0.2.0"}).encode(), IntegrityError, "sha256"),
    ("evaluation.json", b"{", DataError, r"evaluation\.json is no JSON"),
    ("evaluation.json", b"\xff\xfe\x00", DataError, r"evaluation\.json is no JSON"),
    ("evaluation.json", b"[" * 10**5, DataError, r"evaluation\.json is no JSON"),
]


@pytest.mark.parametrize(("file", "content", "error", "says"), DAMAGE, ids=range(len(DAMAGE)))
def test_a_damaged_bundle_is_named(
    file: str, content: bytes, error: type[ZooError], says: str, bundled: SimpleNamespace
) -> None:
    """A bundled file that is not what was pinned, or no JSON, is an error naming it."""
    (bundled.folder / file).write_bytes(content)
    with pytest.raises(error, match=says):
        zoo.info("acme/toy", registry=bundled.registry)


def test_a_missing_bundle_is_named(bundled: SimpleNamespace) -> None:
    """A bundle or recipe that its package lacks is NotFoundError with package and path."""
    (bundled.folder / "config.json").unlink()
    with pytest.raises(NotFoundError, match=r"config\.json is missing"):
        zoo.info("acme/toy", registry=bundled.registry)
    (bundled.folder.parent / "toy.toml").unlink()
    with pytest.raises(NotFoundError, match=r"'zoo_test_bundle' has no 'toy\.toml'"):
        zoo.info("acme/toy", registry=bundled.registry)
