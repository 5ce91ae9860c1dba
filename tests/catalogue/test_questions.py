"""zoo.catalogue.questions: lists and facts, answered from specs and bundled folders."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from measured_models import record, told

import zoo
from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.contract.specs import ArchitectureSpec, DatasetSpec, ModelSpec, Spec, WeightsSpec
from zoo.errors import DataError, IntegrityError, NetworkError, NotFoundError, PluginError, ZooError
from zoo.files import sha256_of
from zoo.latent.concept_file import save_concepts
from zoo.latent.concepts import ConceptVector
from zoo.latent.priors import save_mixture
from zoo.nn.distributions import GaussianMixture

FACTS = {"format": 1, "architecture": "net", "config": {"width": 3}, "data": {}, "training": {}, "zoo": "0.1.0"}
RECIPE = 'name = "toy"\narchitecture = "net"\ndataset = "d"\ntrainer = "t"\nexamples = 1234\n'


def safetensors(shapes: dict[str, list[int]]) -> bytes:
    table, at = {}, 0
    for name, shape in shapes.items():
        size = 4 * math.prod(shape)
        table[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(table).encode()
    return len(text).to_bytes(8, "little") + text + bytes(at)


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A registry with a bundled model `acme/toy`, and the folder of its weights."""
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "zoo_test_bundle" / "weights"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder.parent / "toy.toml").write_text(RECIPE)
    (folder / "config.json").write_text(json.dumps(FACTS))
    (folder / "model.safetensors").write_bytes(safetensors({"decoder.weight": [2, 3]}))
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


def test_words_are_looked_for_in_names_summaries_and_tags(bundled: SimpleNamespace) -> None:
    """Without wildcards every word must stand somewhere in what is said of an entry, whatever its capitals."""
    spec = replace(bundled.registry.model("acme/toy"), summary="A Toy that smiles.", tags=("wooden",))
    catalogue = Registry.of([Owned(name="acme/toy", spec=spec, owner="acme")])
    for words in ("toy", "ACME", "smile", "wooden", "smile  wooden", "a toy"):
        assert zoo.list_models(words, registry=catalogue) == ["acme/toy"]
    for words in ("toy iron", "toy-", "smi?e"):
        assert zoo.list_models(words, registry=catalogue) == []
    assert {"dcgan-cifar-frog", "dcgan-cifar-frog-book"} <= set(zoo.list_models("frog"))
    assert not {"vae-faces", "vae-mnist"} & set(zoo.list_models("frog"))
    assert "mnist" in zoo.list_datasets("digits")
    assert "res-vae" in zoo.list_architectures("residual")


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
    measured = told(record("precision", "pixels", 0.5), leading="pixels")
    (bundled.folder / "evaluation.json").write_text(json.dumps(measured))
    facts = zoo.info("acme/toy", registry=bundled.registry)
    assert list(facts)[:3] == ["name", "kind", "owner"]
    assert json.loads(json.dumps(facts)) == facts
    expected = {"name": "acme/toy", "kind": "model", "owner": "acme (acme-zoo 1.2)", "licence": "MIT", "examples": 1234}
    assert {key: facts[key] for key in expected} == expected
    assert facts["config"] == {"width": 3}
    assert facts["figures"] == [
        {
            "name": "precision/pixels@5000",
            "value": 0.5,
            "better": "higher",
            "what": "precision, by pixels",
            "spread": 0.25,
            "floor": 0.25,
        }
    ]
    assert (facts["source"], facts["path"], facts["data_licence"]) == ("bundled", str(bundled.folder), "MIT")
    assert (facts["parts"], facts["parameters"], facts["concepts"], facts["prior"]) == ({"decoder": 6}, 6, [], None)


def test_info_knows_the_other_kinds(bundled: SimpleNamespace) -> None:
    """A name that is no model's is looked for among architectures and datasets."""
    assert zoo.info("net", registry=bundled.registry)["kind"] == "architecture"
    assert zoo.info("d", registry=bundled.registry)["kind"] == "dataset"
    assert zoo.info("adversarial")["kind"] == "trainer"
    assert zoo.info("cifar10[frog]") == zoo.info("cifar10")


def test_an_unknown_name_offers_near_models(bundled: SimpleNamespace) -> None:
    """NotFoundError with near names."""
    with pytest.raises(NotFoundError, match="nothing is named 'acme/tot'; did you mean 'acme/toy'"):
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


# --- a folder, and the Hub -----------------------------------------------------------------------------------------


@pytest.fixture
def whole(vae_folder: Callable[..., SimpleNamespace]) -> Path:
    """A weights folder of a VAE with a concept, a mixture, figures and a card."""
    path: Path = vae_folder(latent_size=2).path
    recipe = {"name": "tiny", "trainer": "vae", "licence": "MIT", "summary": "Tiny.", "settings": {}}
    config = json.loads((path / "config.json").read_text())
    source = {"name": "faces", "split": "train", "count": 9, "sha256": "ab" * 32, "licence": "for research"}
    config["data"] = source | {"shape": [3, 8, 8], "range": [0.0, 1.0]}
    config["training"] = {"recipe": recipe, "examples": 18, "torch": "2", "threads": 1}
    (path / "config.json").write_text(json.dumps(config))
    measured = told(record("reconstruction", "", 0.5, n_real=20))
    (path / "evaluation.json").write_text(json.dumps(measured))
    save_concepts(path, [ConceptVector(name="smile", direction=torch.ones(2))])
    save_mixture(path, GaussianMixture(torch.ones(3), torch.zeros(3, 2), torch.eye(2).repeat(3, 1, 1)))
    (path / "README.md").write_text("---\nlicense: mit\n---\n# tiny\n")
    return path


def check_whole(facts: dict[str, Any], parameters: int) -> None:
    said = {"kind": "model", "summary": "Tiny.", "dataset": "faces", "licence": "MIT", "data_licence": "for research"}
    said |= {"latent_shape": [2], "data_shape": [3, 8, 8], "classes": [], "concepts": ["smile"]}
    said |= {"prior": {"kind": "mixture", "components": 3}, "parameters": parameters}
    assert {key: facts[key] for key in said} == said
    assert [(row["name"], row["value"], row["better"]) for row in facts["figures"]] == [
        ("reconstruction@20", 0.5, "lower")
    ]
    assert "# tiny" in facts["card"]
    assert facts["bytes"] == sum(facts["files"].values()) > 0
    assert json.loads(json.dumps(facts)) == facts


def test_info_of_a_folder_says_all_that_it_holds(whole: Path) -> None:
    """A path gives shapes, parts, concepts, prior, figures, card and both licences of the folder."""
    facts = zoo.info(whole)
    check_whole(facts, sum(tensor.numel() for tensor in zoo.load(whole).state_dict().values()))
    assert (facts["source"], facts["path"], facts["commit"]) == ("folder", str(whole), None)
    assert facts == zoo.info(str(whole))


def test_info_of_a_repository_fetches_nothing_large(whole: Path, hub: Any) -> None:
    """hf:// gives the same, and its branches and tags with their commits; of the weights the header alone is read."""
    files = {path.name: path.read_bytes() for path in whole.iterdir()}
    repo = hub.repo("acme/tiny", files)
    first = repo.refs["main"]
    repo.refs["v1.0"] = first
    repo.commit(files | {"more.txt": b"x"})
    facts = zoo.info("hf://acme/tiny")
    check_whole(facts, zoo.info(whole)["parameters"])
    newest = repo.refs["main"]
    assert facts["revisions"] == [
        {"name": "main", "kind": "branch", "commit": newest},
        {"name": "v1.0", "kind": "tag", "commit": first},
    ]
    assert (facts["source"], facts["origin"], facts["path"]) == ("hub", f"hf://acme/tiny@{newest}", None)
    assert facts["page"] == f"{hub.url}/acme/tiny"
    assert not hub.cache.exists()
    assert zoo.info("hf://acme/tiny@v1.0")["commit"] == first
    zoo.load("hf://acme/tiny")
    cached = zoo.info("hf://acme/tiny")
    assert (cached["source"], Path(cached["path"]).name) == ("cache", newest)


def test_info_of_a_repository_offline_is_of_the_cache(whole: Path, hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was pulled is told without a request; what was not is a NetworkError."""
    hub.repo("acme/tiny", {path.name: path.read_bytes() for path in whole.iterdir()})
    zoo.load("hf://acme/tiny")
    asked = len(hub.log)
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    assert zoo.info("hf://acme/tiny")["concepts"] == ["smile"]
    with pytest.raises(NetworkError, match="hf://acme/other@main is not in the cache"):
        zoo.info("hf://acme/other")
    assert len(hub.log) == asked


def test_info_of_a_repository_that_is_no_model_says_so(hub: Any) -> None:
    """A repository without the format's files, and one that is not there, are NotFoundErrors."""
    hub.repo("acme/other", {"README.md": b"x"})
    with pytest.raises(NotFoundError, match="no model in the zoo's format"):
        zoo.info("hf://acme/other")
    with pytest.raises(NotFoundError, match="hf://acme/absent"):
        zoo.info("hf://acme/absent")


def test_the_parameters_are_those_that_verify_counts() -> None:
    """Counted from the file's header, without torch: the statistics of norms are none, a fixed scale counts."""
    for name in ("dcgan-cifar-frog", "vae-faces", "vae-mnist-best"):
        stored = zoo.load(name).state_dict().items()
        found = sum(x.numel() for key, x in stored if not key.endswith(("_mean", "_var", "_tracked")))
        assert zoo.info(name)["parameters"] == found == zoo.verify(name)["parameters"]


def test_info_of_a_model_on_the_hub_says_what_would_be_pulled(bundled: SimpleNamespace, hub: Any) -> None:
    """A catalogue's model that is not here is told from its spec, with the pinned commit, and nothing is asked."""
    spec = bundled.registry.model("acme/toy")
    weights = WeightsSpec(files=spec.weights.files, repo_id="acme/toy", revision="a" * 40)
    owned = Owned(name="acme/toy", spec=replace(spec, weights=weights), owner="acme")
    facts = zoo.info("acme/toy", registry=Registry.of([owned]))
    assert (facts["source"], facts["origin"]) == ("hub", f"hf://acme/toy@{'a' * 40}")
    assert hub.log == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("vae-face", "nothing is named 'vae-face'; did you mean 'vae-faces'"),
        ("Mnist", "did you mean 'mnist'"),
        ("./absent", "there is no folder absent"),
        ("vae-faces.toml", "did you mean 'vae-faces'"),
        ("acme/frog", "write hf://acme/frog"),
        ("a b c", "is no model name"),
        (3, "is a text or a path"),
    ],
)
def test_info_of_what_is_nothing_says_what_was_meant(name: Any, says: str) -> None:
    """As for a model, but names of every kind are offered."""
    with pytest.raises(ZooError, match=re.escape(says)):
        zoo.info(name)


def test_info_of_a_recipe_file_is_of_the_recipe() -> None:
    """A TOML file is a recipe, under the path that it is trained by."""
    path = Path(__file__).parents[2] / "plugins" / "zoo_gan" / "recipes" / "dcgan-shapes.toml"
    facts = zoo.info(str(path))
    assert (facts["name"], facts["kind"], facts["recipe"]) == (str(path), "recipe", "dcgan-shapes")


def test_info_of_an_architecture_names_what_it_takes_and_what_is_made_of_it() -> None:
    """Each setting with its default and what is allowed; trainers, datasets that are ready, models."""
    facts = zoo.info("dcgan")
    assert {"name": "latent_size", "default": 100, "allowed": "a whole number from 1 to 4096"} in facts["options"]
    assert {"name": "dropout", "default": 0.0, "allowed": "a number from 0 and below 1"} in facts["options"]
    assert (facts["trainers"], facts["datasets"][0]) == (["adversarial"], "shapes")
    assert facts["models"] == zoo.list_models("dcgan-*")
