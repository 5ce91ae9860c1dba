"""recipes.starters: an architecture's starter makes a recipe for any pictures; the user's own values stand."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from zoo.catalogue.contract.facts import Choice, DataFacts
from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.contract.specs import ArchitectureSpec
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.recipes.recipe import neutral, resolve
from zoo.catalogue.recipes.starters import check_given, chosen_by, run_name, start_recipe, unknown_start
from zoo.errors import ConfigError, DataError, NotFoundError, PluginError

REGISTRY = default_registry()
ARCHITECTURES = ["dcgan", "projected-gan", "res-gan", "conv-vae", "res-vae", "vae-gan"]
PHOTOS = DataFacts(count=300, shape=(3, 170, 170))


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], ArchitectureSpec]:
    """An architecture with the given starter."""

    def make(starter: Any) -> ArchitectureSpec:
        module = ModuleType("own_starter")
        module.start = starter  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "own_starter", module)
        return replace(REGISTRY.architecture("dcgan"), starter="own_starter:start")

    return make


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("count", [16, 300, 5_000, 60_000])
@pytest.mark.parametrize(("side", "fits"), [(5, {8, 16}), (28, {28, 32}), (60, 64), (178, 64), (4_000, 64)])
def test_a_starter_follows_the_data(name: str, count: int, side: int, fits: Any) -> None:
    """Side, channels and batch follow from the pictures, and the recipe resolves, for few and many, small and large."""
    for channels in (1, 3):
        facts = DataFacts(count=count, shape=(channels, side, side))
        recipe, chosen = start_recipe(name, "images:./photos", facts, REGISTRY)
        resolved = resolve(recipe, REGISTRY)
        config = resolved.config
        assert config.image_size in (fits if isinstance(fits, set) else {fits})
        assert config.channels == channels
        assert 2 <= recipe.batch_size <= count // 2
        assert resolved.recipe.settings["flips"] == (channels == 3)
        assert recipe.examples >= 200_000
        assert recipe.examples % 1 == 0
        assert {choice.key for choice in chosen} >= {"trainer", "config.image_size", "batch_size", "log_every"}
        assert all(choice.why and "\n" not in choice.why for choice in chosen)


def test_few_pictures_are_augmented() -> None:
    """A GAN on few pictures gets DiffAugment, on many none."""
    policies = []
    for count in (300, 5_000, 50_000):
        recipe, _ = start_recipe("dcgan", "x", replace(PHOTOS, count=count), REGISTRY)
        policies.append(recipe.settings.get("augment", []))
    assert policies == [["color", "translation", "cutout"], ["translation", "cutout"], []]


@pytest.mark.parametrize("name", ["projected-gan", "res-gan", "vae-gan"])
def test_a_side_of_128_is_the_users_to_ask_for(name: str) -> None:
    """Large pictures are brought to 64; with `config.image_size` at 128 the networks have a stage more."""
    facts = replace(PHOTOS, shape=(3, 500, 500))
    small, large = (
        resolve(start_recipe(name, "x", replace(facts, given=given), REGISTRY)[0], REGISTRY).config
        for given in ({}, {"config.image_size": 128})
    )
    assert (small.image_size, large.image_size) == (64, 128)
    key = "generator_widths" if name == "projected-gan" else "widths" if name == "res-gan" else "decoder_widths"
    assert (len(getattr(small, key)), len(getattr(large, key))) == (5, 6)


@pytest.mark.parametrize("name", ["projected-gan", "res-gan", "vae-gan"])
def test_a_game_of_pairs_has_both_penalties(name: str) -> None:
    """The three architectures for the relativistic loss begin with it, with R1 and R2 alike and batches apart."""
    settings = resolve(start_recipe(name, "x", PHOTOS, REGISTRY)[0], REGISTRY).settings
    assert (settings.loss, settings.mix_batches, settings.beta1) == ("relativistic", False, 0)
    assert settings.r1 == settings.r2 == (2.0 if name == "res-gan" else 0.5)
    assert "translation" in settings.augment
    if name == "projected-gan":
        assert (settings.fresh_fakes, settings.penalty_every) == (False, 2)


def test_what_weighs_by_the_size_follows_it() -> None:
    """The residual GAN's penalty grows with the number of pixels, the VAE-GAN's game with that of those seen."""
    found = []
    for side in (32, 64, 128):
        facts = replace(PHOTOS, given={"config.image_size": side})
        pair = (start_recipe(name, "x", facts, REGISTRY)[0].settings for name in ("res-gan", "vae-gan"))
        found.append(tuple(settings[key] for settings, key in zip(pair, ("r1", "game"), strict=True)))
    assert found == [(0.5, 1000), (2.0, 1000), (8.0, 4000)]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_pictures_that_are_not_square_are_refused_with_the_ways_out(name: str) -> None:
    """Data that a plugin declares as wide are a ConfigError that names their size and what can be done."""
    with pytest.raises(ConfigError, match=r"150 x 48 pixels are not square.*#fit=crop.*#fit=pad.*#fit=stretch"):
        start_recipe(name, "x", replace(PHOTOS, shape=(3, 48, 150)), REGISTRY)


def test_codes_of_few_pictures_say_little() -> None:
    """The weight of a VAE's KL falls with the number of pictures, down to that of the bound on the likelihood."""
    weights = []
    for count in (300, 5_000, 10_000_000):
        recipe, _ = start_recipe("conv-vae", "x", replace(PHOTOS, count=count), REGISTRY)
        weights.append(recipe.settings.get("beta", 1.0))
    assert weights[0] > weights[1] > weights[2] == 1


@pytest.mark.parametrize(
    "given",
    [{"settings.objective": "iwae", "settings.samples": 5}, {"trainer": "autoencoder", "config.posterior": "point"}],
)
def test_another_objective_gets_no_weight_of_the_kl(given: dict[str, Any]) -> None:
    """The importance-weighted bound and the classical autoencoder have no KL apart: their recipes resolve."""
    recipe, _ = start_recipe("conv-vae", "x", replace(PHOTOS, given=given), REGISTRY)
    resolve(recipe, REGISTRY)
    assert not {"beta", "kl_warmup"} & set(recipe.settings)


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("side", [16, 32, 64])
def test_what_the_user_has_set_stands_and_the_rest_follows_it(name: str, side: int) -> None:
    """Given values are in the recipe, are not among what was chosen, and layers and durations are made to fit them."""
    given = {"examples": 100, "config.image_size": side, "settings.flips": False, "seed": 5, "batch_size": 4}
    recipe, chosen = start_recipe(name, "images:./photos", replace(PHOTOS, given=given), REGISTRY)
    resolved = resolve(recipe, REGISTRY)
    config, settings = resolved.config, resolved.settings
    assert (recipe.examples, recipe.seed, recipe.batch_size, config.image_size) == (100, 5, 4, side)
    assert settings.flips is False
    assert not {choice.key for choice in chosen} & set(given)
    assert recipe.ema_half_life <= 100
    assert recipe.log_every <= 100


def test_a_given_value_out_of_range_is_named() -> None:
    """A bad value is a ConfigError that names it, for the config when it is resolved and for the recipe at once."""
    recipe, _ = start_recipe("dcgan", "x", replace(PHOTOS, given={"config.image_size": "big"}), REGISTRY)
    with pytest.raises(ConfigError, match="image_size = 'big'"):
        resolve(recipe, REGISTRY)
    with pytest.raises(ConfigError, match="--set: examples = 'many'"):
        check_given({"examples": "many", "config.image_size": "big"})


def test_few_pictures_are_too_few() -> None:
    """Fewer than 16 pictures are a DataError with their number."""
    with pytest.raises(DataError, match="15 examples are too few to learn from; add more"):
        start_recipe("dcgan", "images:./photos", replace(PHOTOS, count=15), REGISTRY)


def test_an_architecture_without_a_starter_says_what_to_do() -> None:
    """No starter is a NotFoundError that names the other way."""
    spec = replace(REGISTRY.architecture("dcgan"), starter="")
    with pytest.raises(NotFoundError, match=r"dcgan has no starter.*recipe"):
        chosen_by(spec, PHOTOS)


@pytest.mark.parametrize(
    ("starter", "says"),
    [
        (lambda facts: 1 / 0, "its starter failed .ZeroDivisionError"),
        (lambda facts: sys.exit(3), "its starter failed .SystemExit"),
        (lambda facts: None, "its starter failed .TypeError"),
        (lambda facts: [("trainer", "vae")], "no Choice"),
        (lambda facts: [Choice("../x", 1, "")], "no Choice"),
        (lambda facts: [Choice("batch_size", 4, "")], "chooses no trainer"),
    ],
)
def test_a_broken_starter_is_its_plugins_fault(starter: Any, says: str, own: Callable[..., ArchitectureSpec]) -> None:
    """Whatever a starter does is a PluginError that names the architecture."""
    with pytest.raises(PluginError, match=f"architecture dcgan: .*{says}"):
        chosen_by(own(starter), PHOTOS)


def test_a_starter_that_chooses_nonsense_is_a_config_error(own: Callable[..., ArchitectureSpec]) -> None:
    """A choice that no recipe takes is named with its value."""
    spec = own(lambda facts: [Choice("trainer", "adversarial", ""), Choice("batch_size", -3, "")])
    registry = Registry.of([Owned(name="odd", spec=replace(spec, name="odd"), owner="own")])
    with pytest.raises(ConfigError, match="batch_size = -3"):
        start_recipe("odd", "x", PHOTOS, registry)


@pytest.mark.parametrize(
    ("reference", "published", "name"),
    [
        ("mnist", "mnist", "dcgan-mnist"),
        ("cifar10[frog]", "cifar10[frog]", "dcgan-cifar10-frog"),
        ("images:/home/me/My Photos", "images:My Photos", "dcgan-my-photos"),
        ("images[cat]:./a/b/", "images[cat]:b", "dcgan-b"),
        ("images:~/x/faces.tar", "images:faces.tar", "dcgan-faces"),
        ("images:/", "images:data", "dcgan-data"),
        (r"images:C:\photos\mine", "images:mine", "dcgan-mine"),
    ],
)
def test_no_place_of_the_computer_is_published(reference: str, published: str, name: str) -> None:
    """A reference loses its path but for the last word, and a run is named by that."""
    assert neutral(reference) == published
    assert run_name("acme/dcgan", reference) == name


def test_a_name_that_is_nothing_is_told_with_what_is_near() -> None:
    """Neither a model nor an architecture: near names of both."""
    assert "did you mean 'dcgan'" in str(unknown_start("dcgn", REGISTRY))


def test_facts_help_to_choose() -> None:
    """The nearest side is by ratio, a batch is a power of two and at most half of the pictures."""
    facts = DataFacts(count=100, shape=(3, 45, 45), given={"examples": 7, "seed": "x"})
    assert facts.nearest((32, 64)) == 32
    assert facts.nearest((8, 16, 64)) == 64
    assert [replace(facts, count=count).batch(32) for count in (2, 16, 63, 64, 9_999)] == [2, 8, 16, 32, 32]
    assert (facts.chosen("examples", 5), facts.chosen("seed", 5), facts.chosen("batch_size", 5)) == (7, 5, 5)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("写真", "写真"),
        ("Мои Фото", "мои-фото"),
        ("हिन्दी", "हिन्दी"),
        ("cafe\u0301", "café"),
        ("🐸", "31a8a7"),
        ("🐱", "46eeaf"),
        ("frog 🐸", "frog-"),
        ("Photos_2019", "photos-2019"),
    ],
)
def test_folders_of_any_script_name_their_own_runs(folder: str, name: str) -> None:
    """Letters of every script are kept; for a name of other signs digits of its hash stand; long ones fit on a disk."""
    found = run_name("conv-vae", f"images:/home/me/{folder}")
    assert found.startswith(f"conv-vae-{name}")
    assert found == f"conv-vae-{name}" or "🐸" in folder
    assert len(run_name("conv-vae", f"images:{folder * 200}").encode()) <= 80


def test_the_folder_one_is_in_names_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.` and `..` are named as the folders that they are."""
    (tmp_path / "My Frogs" / "in").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "My Frogs")
    assert run_name("dcgan", "images:.") == "dcgan-my-frogs"
    monkeypatch.chdir(tmp_path / "My Frogs" / "in")
    assert run_name("dcgan", "images:../") == "dcgan-my-frogs"
