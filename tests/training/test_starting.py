"""zoo.training.starting: a run begins with a model's weights, or goes on from another run, and says with what."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from training.conftest import CONFIG
from training.cutting import KINDS, Contents, Cut, MakeRecipe, Train, after, cut_at, newest, result

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.recipes.recipe import Recipe, resolve
from zoo.catalogue.runs.folder import checkpoints, read_run
from zoo.catalogue.weights.locate import locate
from zoo.data.loading import load_dataset
from zoo.errors import ConfigError, NotFoundError
from zoo.files import sha256_of
from zoo.nn.golden import verify
from zoo.nn.pretrained import load
from zoo.training.checkpoint import load_checkpoint, load_newest
from zoo.training.export import export
from zoo.training.starting import find_start
from zoo.training.state import first_state
from zoo.training.train import train


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_recipe: Callable[..., Recipe], registry: Registry) -> Path:
    """A finished run, to be read only."""
    out = tmp_path_factory.mktemp("from") / "tiny"
    train(resolve(tiny_recipe(), registry), out, registry=registry)
    return out


@pytest.fixture(scope="module")
def model(run: Path, registry: Registry) -> Path:
    """Its weights folder, to be read only."""
    out = run.with_name("model")
    export(run, out, registry)
    return out


def first(out: Path) -> dict[str, torch.Tensor]:
    """The tensors of the oldest checkpoint."""
    return load_checkpoint(checkpoints(out / "checkpoints")[0])[0]


def test_all_parts_begin_with_the_models(
    model: Path, tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train
) -> None:
    """A run from a folder is saved before its first step: parts and averages are the model's, bit for bit."""
    said: list[str] = []
    tiny_train(tiny_recipe(start_from=str(model), examples=8), tmp_path / "run", warn=said.append)
    assert checkpoints(tmp_path / "run/checkpoints")[0].name == "000000000000"
    tensors, loaded = first(tmp_path / "run"), load(model, discriminator=True)
    for name, part in loaded.named_children():
        for key, value in part.state_dict().items():
            assert torch.equal(tensors[f"parts.{name}.{key}"], value)
            if name == "generator":
                assert torch.equal(tensors[f"averages.{name}.{key}"], value)
    assert not [line for line in said if "random weights" in line]


def test_a_missing_discriminator_begins_anew_and_is_said(
    model: Path, tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, registry: Registry
) -> None:
    """Without discriminator.safetensors the discriminator has the weights of the recipe's seed, and a line says so."""
    shutil.copytree(model, tmp_path / "half")
    (tmp_path / "half/discriminator.safetensors").unlink()
    said: list[str] = []
    tiny_train(tiny_recipe(start_from=str(tmp_path / "half"), examples=8), tmp_path / "run", warn=said.append)
    assert f"{tmp_path / 'half'} has no discriminator: it begins with random weights" in said
    tiny_train(tiny_recipe(examples=8, doctor={"action": "rollback"}), tmp_path / "anew")  # it saves its beginning
    mine, anew = first(tmp_path / "run"), first(tmp_path / "anew")
    same = {key: torch.equal(mine[key], anew[key]) for key in mine if key.startswith("parts.discriminator")}
    assert same
    assert all(same.values())
    assert not torch.equal(mine["parts.generator.stem.weight"], anew["parts.generator.stem.weight"])


def test_twice_from_one_model_is_the_same_bytes(
    model: Path, tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents
) -> None:
    """Two runs from a model end in the same bytes."""
    for name in ("one", "two"):
        tiny_train(tiny_recipe(start_from=str(model), **KINDS["plain"]), tmp_path / name)
    assert result(tmp_path / "one", contents) == result(tmp_path / "two", contents)


@pytest.mark.parametrize("examples", [8, 16, 24])
def test_a_cut_run_goes_on_without_what_it_began_with(
    examples: int, model: Path, tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents
) -> None:
    """Whenever it dies, a run from a model resumes to the bytes of an uncut one, though the model is gone."""
    shutil.copytree(model, tmp_path / "mine")
    recipe = tiny_recipe(start_from=str(tmp_path / "mine"))
    tiny_train(recipe, tmp_path / "whole")
    with pytest.raises(Cut):
        tiny_train(recipe, tmp_path / "cut", report=cut_at(examples))
    shutil.rmtree(tmp_path / "mine")
    tiny_train(recipe, tmp_path / "cut", resume=True)
    assert result(tmp_path / "cut", contents) == result(tmp_path / "whole", contents)
    assert read_run(tmp_path / "cut").facts == read_run(tmp_path / "whole").facts


def test_a_run_killed_before_its_first_checkpoint_takes_the_model_again(
    model: Path, tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents
) -> None:
    """Where recipe.json is all there is, the weights are taken anew; of another file they are refused."""
    shutil.copytree(model, tmp_path / "mine")
    recipe = tiny_recipe(start_from=str(tmp_path / "mine"))
    tiny_train(recipe, tmp_path / "whole")
    for name in ("cut", "other"):
        (tmp_path / name).mkdir()
        shutil.copy(tmp_path / "whole/recipe.json", tmp_path / name)
    tiny_train(recipe, tmp_path / "cut", resume=True)
    assert result(tmp_path / "cut", contents) == result(tmp_path / "whole", contents)
    blob = bytearray((tmp_path / "mine/model.safetensors").read_bytes())
    blob[-3] ^= 1
    (tmp_path / "mine/model.safetensors").write_bytes(blob)
    with pytest.raises(ConfigError, match=r"holds another run \(from\.sha256: "):
        tiny_train(recipe, tmp_path / "other", resume=True)


def test_what_it_began_with_is_recorded(
    model: Path, tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, registry: Registry
) -> None:
    """Run, config.json and card name model, sha256 and licences; what is published names no place on this computer."""
    tiny_train(tiny_recipe(start_from=str(model), summary="Mine."), tmp_path / "run")
    digest = sha256_of(model / "model.safetensors")
    seen = json.loads((model / "config.json").read_text())["training"]["examples"]
    assert seen > 0
    told = {"examples": seen, "licence": "Apache-2.0", "data": {"name": "shapes[circle]", "licence": "CC0-1.0"}}
    assert read_run(tmp_path / "run").facts["from"] == {"name": str(model), "sha256": digest} | told
    export(tmp_path / "run", tmp_path / "out", registry)
    training = json.loads((tmp_path / "out/config.json").read_text())["training"]
    assert training["from"] == {"name": "./model", "sha256": digest} | told
    assert training["recipe"]["start_from"] == "./model"
    card = (tmp_path / "out/README.md").read_text()
    assert f"It began with the weights of `./model` (sha256 `{digest}`), after {seen:,} examples;" in card
    assert "Apache-2.0" in card
    assert str(model.parent) not in card
    assert verify(locate(tmp_path / "out", registry), registry)["card"] == "consistent"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"config": CONFIG | {"latent_size": 5}}, r"config\.latent_size is 4 in .*, and 5 in the recipe"),
        ({"config": CONFIG | {"dropout": 0.5}}, r"config\.dropout is 0\.0 in .*, and 0\.5 in the recipe"),
        ({"architecture": "conv-vae", "trainer": "vae", "config": {}}, "is a dcgan, the recipe asks for conv-vae"),
    ],
)
@pytest.mark.parametrize("kind", ["model", "run"])
def test_other_networks_are_refused_by_the_first_difference(
    kind: str,
    changes: dict[str, Any],
    says: str,
    request: Any,
    tmp_path: Path,
    tiny_recipe: MakeRecipe,
    tiny_train: Train,
) -> None:
    """Another architecture or config is a ConfigError that names the first difference; nothing is written."""
    with pytest.raises(ConfigError, match=says):
        tiny_train(tiny_recipe(start_from=str(request.getfixturevalue(kind)), **changes), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_of_a_model_of_another_config_what_matches_is_taken_where_that_is_asked_for(
    model: Path, tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, registry: Registry
) -> None:
    """All tensors of the same name and shape, into the networks and their averages; the others are named, and are as
    the seed has them."""
    config = CONFIG | {"latent_size": 5}
    said: list[str] = []
    recipe = tiny_recipe(start_from=str(model), start_matching=True, config=config, examples=24)
    tiny_train(recipe, tmp_path / "run", warn=said.append)
    assert [line for line in said if "random weights" in line] == [
        "of generator these begin with random weights: stem.weight"
    ]
    state = first_state(resolve(tiny_recipe(config=config), registry))
    fresh = {key: value.clone() for key, value in state.trainer.parts["generator"].state_dict().items()}
    start = find_start(tmp_path / "free", resolve(recipe, registry), registry)
    assert start is not None
    examples = load_dataset("shapes", registry=registry)
    state = first_state(resolve(recipe, registry), examples)
    start.take(state, resolve(recipe, registry), examples)
    old = dict(load(model).named_children())["generator"].state_dict()
    for network in (state.trainer.parts["generator"], state.emas["generator"].module):
        for key, value in network.state_dict().items():
            assert torch.equal(value, old[key] if old[key].shape == value.shape else fresh[key]), key
    other = tiny_recipe(start_from=str(model), start_matching=True, architecture="conv-vae", trainer="vae", config={})
    with pytest.raises(ConfigError, match="the recipe asks for conv-vae"):
        tiny_train(other, tmp_path / "no")


# --- from a run ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_from_a_run_unchanged_is_as_if_it_were_resumed(
    kind: str, tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train, contents: Contents
) -> None:
    """On the same data all is taken over, optimizers and random numbers too: it ends as the run itself would have."""
    tiny_train(tiny_recipe(**KINDS[kind]), tmp_path / "whole")
    tiny_train(tiny_recipe(**KINDS[kind]), tmp_path / "half", stop=after(4))
    tiny_train(tiny_recipe(start_from=str(tmp_path / "half"), **KINDS[kind]), tmp_path / "on")
    there = [path.name for path in checkpoints(tmp_path / "on/checkpoints")]
    assert there == ["000000000016", "000000000032"]
    state = "checkpoints/000000000032/state.safetensors"
    assert (tmp_path / "on" / state).read_bytes() == (tmp_path / "whole" / state).read_bytes()


@pytest.mark.parametrize(
    "changes", [{"batch_size": 8}, {"settings": {"generator_lr": 1e-5}}, {"examples": 64, "settings": {"anneal": 0.5}}]
)
def test_a_run_goes_on_otherwise_when_told_to(
    changes: dict[str, Any], run: Path, tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train
) -> None:
    """Another batch, rate or length: it begins where the run stands, in a folder of its own, and the run stays."""
    tiny_train(tiny_recipe(**{"examples": 48, "keep": 9, "start_from": str(run)} | changes), tmp_path / "on")
    assert first(tmp_path / "on")["parts.generator.stem.weight"].equal(
        load_newest(run / "checkpoints")[0]["parts.generator.stem.weight"]
    )
    names = [path.name for path in checkpoints(tmp_path / "on/checkpoints")]
    assert names[-1] == f"{changes.get('examples', 48):012d}"
    assert read_run(tmp_path / "on").facts["from"]["examples"] == 32


def test_on_other_data_a_run_gives_networks_and_optimizers(
    run: Path, tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train
) -> None:
    """Other data: the count begins at 0, with the run's parts, averages and optimizers, and a line says so."""
    said: list[str] = []
    recipe = tiny_recipe(start_from=str(run), dataset="shapes[square]", examples=8)
    tiny_train(recipe, tmp_path / "on", warn=said.append)
    assert f"{run} learned from other data: its networks are taken, and the count begins at 0" in said
    mine, theirs = first(tmp_path / "on"), load_newest(run / "checkpoints")[0]
    assert checkpoints(tmp_path / "on/checkpoints")[0].name == "000000000000"
    for key in theirs:
        if key.startswith(("parts.", "averages.", "optimizers.")):
            assert torch.equal(mine[key], theirs[key]), key


def test_optimizers_of_another_kind_begin_anew(
    run: Path, tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train
) -> None:
    """A recipe with another optimizer takes all but the optimizers' memory, and says so."""
    said: list[str] = []
    recipe = tiny_recipe(start_from=str(run), examples=40, settings={"optimizer": "rmsprop"})
    tiny_train(recipe, tmp_path / "on", warn=said.append)
    assert f"the optimizers of {run} are of another kind: they begin anew" in said
    assert not [key for key in first(tmp_path / "on") if key.startswith("optimizers.")]


def test_an_earlier_checkpoint_is_named_by_its_examples(
    run: Path, tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train
) -> None:
    """`RUN@16` begins at 16 examples; one that is not there is a NotFoundError that names those that are."""
    tiny_train(tiny_recipe(start_from=f"{run}@16"), tmp_path / "on")
    assert [path.name for path in checkpoints(tmp_path / "on/checkpoints")] == ["000000000016", "000000000032"]
    with pytest.raises(NotFoundError, match=r"no checkpoint at 17 examples in .*; there: 16, 32"):
        tiny_train(tiny_recipe(start_from=f"{run}@17"), tmp_path / "no")


def test_a_run_that_has_seen_enough_says_what_to_ask_for(
    run: Path, tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train
) -> None:
    """From a finished run on the same data more examples must be asked for: nothing is written."""
    with pytest.raises(ConfigError, match=r"has seen 32 examples already; ask for more: --examples 64"):
        tiny_train(tiny_recipe(start_from=str(run)), tmp_path / "on")
    assert not (tmp_path / "on").exists()


def test_the_callers_random_state_stays(
    run: Path, model: Path, tmp_path: Path, tiny_recipe: MakeRecipe, tiny_train: Train
) -> None:
    """Beginning with a model or a run leaves the caller's random state as it was."""
    before = torch.get_rng_state()
    for name, start in (("run", run), ("model", model)):
        tiny_train(tiny_recipe(start_from=str(start), examples=40), tmp_path / name)
    assert torch.equal(torch.get_rng_state(), before)
    assert newest(tmp_path / "run").name == "000000000040"
