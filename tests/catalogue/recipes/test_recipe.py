"""zoo.catalogue.recipes.recipe: TOML read strictly, overrides, and names resolved against a registry."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.contract.specs import ArchitectureSpec, TrainerSpec
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.recipes.recipe import DoctorSettings, Recipe, override, parse_recipe, read_recipe, resolve
from zoo.configs import as_data
from zoo.errors import ConfigError, NotFoundError, StorageError, UsageError

HEAD = 'name = "toy"\narchitecture = "dcgan"\ndataset = "shapes"\ntrainer = "adversarial"\n'
RECIPE = parse_recipe(HEAD, "toy.toml")


def test_a_recipe_is_read_with_its_defaults() -> None:
    """Four keys make a recipe; sections are tables; everything else has a default."""
    recipe = parse_recipe(HEAD + "seed = 7\n[config]\nlatent_size = 5\n[settings]\nloss = 'hinge'\n", "toy.toml")
    assert recipe == replace(RECIPE, seed=7, config={"latent_size": 5}, settings={"loss": "hinge"})
    assert (RECIPE.split, RECIPE.preset, RECIPE.config) == ("train", "", {})


BAD_TOML = [
    ("name", "at end of document"),
    (HEAD + "seed == 1\n", "at line 5"),
    (HEAD + "\n\nseed = 1 2\n", "at line 7"),
    (HEAD + "seed = 1\nseed = 2\n", "at line 6"),
    (HEAD + "[config]\na = 1\n[config]\n", "at line 7"),
    (HEAD + "summary = 'a\x00b'", "at line 5"),
    (HEAD + f"seed = {'1' * 5000}", "is no TOML"),
    (HEAD + f"seed = {'[' * 3000}{']' * 3000}", "is no TOML"),
]


@pytest.mark.parametrize(("text", "says"), BAD_TOML, ids=range(len(BAD_TOML)))
def test_what_is_no_toml_is_named_by_its_line(text: str, says: str) -> None:
    """Malformed TOML is a ConfigError with the file and the line."""
    with pytest.raises(ConfigError, match=says) as caught:
        parse_recipe(text, "toy.toml")
    assert str(caught.value).startswith("toy.toml is no TOML: ")
    assert "\n" not in str(caught.value)


BAD_KEYS = [
    ("architekture = 'x'", "unknown key 'architekture'; did you mean 'architecture'"),
    ("examples = -1", "examples = -1 is not allowed; it takes a whole number from 1 to 1000000000000"),
    ("examples = 1.5", "examples = 1.5"),
    ("examples = true", "examples = True"),
    ("seed = -1", "seed = -1"),
    ("seed = 0x" + "f" * 5000, "seed = int too long to show"),
    ("batch_size = 1", "batch_size = 1 is not allowed; it takes a whole number from 2 to 65536"),
    ("ema_half_life = nan", "ema_half_life = nan"),
    ("ema_half_life = inf", "ema_half_life = inf"),
    ("config = 3", "config = 3 is not allowed; it takes a table"),
    ("settings = [1]", "settings = [1]"),
    ("licence = 1979-05-27", "licence = "),
    ("seed = " + "[" * 200 + "]" * 200, "seed = [[["),
]


@pytest.mark.parametrize(("line", "says"), BAD_KEYS)
def test_a_key_that_does_not_fit_is_named(line: str, says: str) -> None:
    """An unknown key or a value out of range is a ConfigError naming file, key, value and range."""
    with pytest.raises(ConfigError) as caught:
        parse_recipe(HEAD + line, "toy.toml")
    assert str(caught.value).startswith("toy.toml: ")
    assert says in str(caught.value)


def test_missing_keys_are_named_together() -> None:
    """A recipe without its names says which are missing."""
    with pytest.raises(ConfigError, match=r"toy.toml: architecture, dataset, trainer must be given"):
        parse_recipe("name = 'a'", "toy.toml")


def test_a_recipe_file_is_read(tmp_path: Path) -> None:
    """A file decodes to its recipe; one that is no UTF-8 is a ConfigError, one that is not there a StorageError."""
    path = tmp_path / "toy.toml"
    path.write_text(HEAD + "summary = 'naïve'", encoding="utf-8")
    assert read_recipe(path).summary == "naïve"
    path.write_bytes(HEAD.encode() + b"summary = '\xff'")
    with pytest.raises(ConfigError, match=r"toy\.toml is no UTF-8"):
        read_recipe(path)
    with pytest.raises(StorageError, match="absent"):
        read_recipe(tmp_path / "absent.toml")
    with pytest.raises(StorageError, match="cannot read the recipe"):
        read_recipe(tmp_path)


# --- overrides -----------------------------------------------------------------------------------------------------

CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("seed=3", {"seed": 3}),
    ("examples = 1_000", {"examples": 1000}),
    ("ema_half_life=1e3", {"ema_half_life": 1000.0}),
    ("dataset=cifar10[frog]", {"dataset": "cifar10[frog]"}),
    ("dataset='shapes'", {"dataset": "shapes"}),
    ("dataset=images:./a=b", {"dataset": "images:./a=b"}),
    ("summary=", {"summary": ""}),
    ("config.generator_widths=[8, 4]", {"config": {"latent_size": 5, "generator_widths": [8, 4]}}),
    ("config.latent_size=6", {"config": {"latent_size": 6}}),
    ("settings.loss=hinge", {"settings": {"loss": "hinge"}}),
    ("doctor.action=stop", {"doctor": {"action": "stop"}}),
    ("config={latent_size = 9}", {"config": {"latent_size": 9}}),
]


@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_a_change_replaces_one_key(change: str, expected: dict[str, Any]) -> None:
    """KEY=VALUE sets a key, config.KEY and settings.KEY one inside; the value is TOML or a bare word."""
    recipe = replace(RECIPE, config={"latent_size": 5})
    assert override(recipe, [change]) == replace(recipe, **expected)


def test_changes_apply_in_order_and_leave_the_recipe_alone() -> None:
    """Later changes win, earlier ones to the same section stay, and the recipe given is not touched."""
    recipe = override(RECIPE, ["config.a=1", "config.b=2", "config.a=3", "seed=1", "seed=2"])
    assert (recipe.config, recipe.seed) == ({"a": 3, "b": 2}, 2)
    assert (RECIPE.config, RECIPE.seed) == ({}, 0)


@pytest.mark.parametrize("change", ["seed", "=3", " = 3", "model.width=3", "config.=1", ".a=1", ""])
def test_a_change_without_form_is_a_usage_error(change: str) -> None:
    """What is no KEY=VALUE is a UsageError that shows it and the form."""
    with pytest.raises(UsageError, match="write KEY=VALUE") as caught:
        override(RECIPE, [change])
    assert repr(change) in str(caught.value)


BAD_CHANGES = [
    (["sead=3"], "unknown key 'sead'; did you mean 'seed'"),
    (["seed=many"], "seed = 'many' is not allowed"),
    (["seed=1\nimages = 2"], r"seed = '1\\nimages = 2' is not allowed"),
    (["seed=" + "1" * 5000], "seed = '111"),
    (["seed=" + "[" * 5000], r"seed = '\[\[\["),
    (["examples=-1"], "examples = -1"),
    (["config=3", "config.latent_size=1"], "config = 3 is not allowed"),
]


@pytest.mark.parametrize(("changes", "says"), BAD_CHANGES, ids=range(len(BAD_CHANGES)))
def test_a_change_that_does_not_fit_is_a_config_error(changes: list[str], says: str) -> None:
    """A change is checked like a recipe file's own key."""
    with pytest.raises(ConfigError, match=says):
        override(RECIPE, changes)


# --- names ---------------------------------------------------------------------------------------------------------


def test_resolving_writes_everything_out() -> None:
    """The resolved recipe holds every key of config, settings and doctor, and resolves to itself."""
    registry = default_registry()
    resolved = resolve(replace(RECIPE, preset="book", config={"latent_size": 5}), registry)
    recipe, config, settings = resolved.recipe, resolved.config, resolved.settings
    assert (config.latent_size, config.dropout, recipe.preset) == (5, 0.4, "")
    assert (recipe.config, recipe.settings) == (as_data(config), as_data(settings))
    assert recipe.doctor == as_data(DoctorSettings())
    assert resolve(recipe, registry) == resolved


def test_resolving_looks_every_name_up() -> None:
    """The specs, the family and the doctor's settings come along; data that are not here are no error yet."""
    registry = default_registry()
    resolved = resolve(replace(RECIPE, dataset="shapes[circle]", doctor={"action": "stop"}), registry)
    assert resolved.architecture is registry.architecture("dcgan")
    assert resolved.trainer is registry.trainer("adversarial")
    assert resolved.dataset is registry.dataset("shapes")
    assert resolved.family is registry.family("gan")
    assert resolved.modality is registry.modality("image")
    assert resolved.doctor == DoctorSettings(action="stop", patience=20_000, grace=7_500, look_every=20_000)
    assert resolve(replace(RECIPE, dataset="acme/photos"), registry).dataset is None
    assert resolve(replace(RECIPE, dataset="?"), registry).dataset is None


BAD_NAMES: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"architecture": "dcgam"}, NotFoundError, "no architecture is named 'dcgam'; did you mean 'dcgan'"),
    ({"trainer": "adversary"}, NotFoundError, "no trainer is named 'adversary'; did you mean 'adversarial'"),
    ({"preset": "bok"}, ConfigError, "dcgan has no preset 'bok'; it has: book"),
    ({"config": {"latent_sise": 5}}, ConfigError, "recipe toy: config: unknown key 'latent_sise'; did you mean"),
    ({"config": {"latent_size": float("nan")}}, ConfigError, "latent_size = nan"),
    ({"config": {"latent_size": {"a": [1]}}}, ConfigError, "latent_size = {'a': "),
    ({"settings": {"loss": "nothing"}}, ConfigError, "recipe toy: settings: loss = 'nothing'"),
    ({"doctor": {"action": "panic"}}, ConfigError, "recipe toy: doctor: action = 'panic'"),
]


@pytest.mark.parametrize(("change", "error", "says"), BAD_NAMES, ids=range(len(BAD_NAMES)))
def test_what_cannot_be_resolved_is_named(change: dict[str, Any], error: type[Exception], says: str) -> None:
    """An unknown architecture, trainer, preset or key, or a value out of range, is an error naming it."""
    with pytest.raises(error) as caught:
        resolve(replace(RECIPE, **change), default_registry())
    assert says in str(caught.value)


def test_trainer_and_architecture_are_of_one_family() -> None:
    """A trainer for another family of networks is a ConfigError naming both."""
    specs = [
        ArchitectureSpec(
            name="net", summary="", family="vae", modality="image", config="a:b", parts={"encoder": "a:b"}
        ),
        TrainerSpec(name="duel", summary="", family="gan", settings="a:b", trainer="a:b"),
    ]
    registry = Registry.of(Owned(name=spec.name, spec=spec, owner="test") for spec in specs)
    recipe = Recipe(name="toy", architecture="net", dataset="d", trainer="duel")
    with pytest.raises(ConfigError, match="trainer duel is for the family 'gan', architecture net is of 'vae'"):
        resolve(recipe, registry)


@pytest.mark.parametrize(
    ("examples", "sample_every", "settled"),
    [
        (8_000, 2_000, (3_200, 3_000, 2_000)),
        (8_000, 40_000, (3_200, 3_000, 2_000)),  # the grids of a long recipe, in a short run
        (32, 16, (1_000, 12, 16)),
        (120_000, 10_000, (20_000, 7_500, 10_000)),
        (1_500_000, 40_000, (20_000, 7_500, 40_000)),
    ],
)
def test_a_doctors_patience_follows_the_length_of_the_run(
    examples: int, sample_every: int, settled: tuple[int, int, int]
) -> None:
    """What is left open is two fifths of the run, from 1,000 to 20,000, after three eighths of it, and at least four
    looks; the recipe keeps 0, so that another length gives another patience. What is set stays.
    """
    recipe = replace(RECIPE, examples=examples, sample_every=sample_every)
    resolved = resolve(recipe, default_registry())
    doctor, written = resolved.doctor, resolved.recipe.doctor
    assert (doctor.patience, doctor.grace, doctor.look_every) == settled
    assert (written["patience"], written["grace"], written["look_every"]) == (0, 0, 0)
    given = resolve(replace(recipe, doctor={"patience": 5, "look_every": 7}), default_registry())
    assert (given.doctor.patience, given.doctor.grace, given.doctor.look_every) == (5, 0, 7)
