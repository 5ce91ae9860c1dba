"""The reference plugin's weights, and a fixture that installs a variation of a reference on sys.path."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from testing.mutants.workshop import Change, Installed, install


@pytest.fixture(scope="session")
def acme_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference's GAN, trained by its recipe for four steps and exported: a weights folder."""
    from zoo.catalogue.plugins.loading import discover, load_plugins
    from zoo.catalogue.recipes.recipe import read_recipe, resolve
    from zoo.training.export import export
    from zoo.training.train import train

    folder = tmp_path_factory.mktemp("acme")
    (folder / "site").mkdir()
    found = install(folder / "site", None, Change())
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder / "site")
        patch.setattr("zoo.training.tracking.USUAL", ())  # seconds to import, and not looked at
        plugins = load_plugins({"ZOO_PLUGINS": "acme"})
        registry = discover({}, plugins)
        assert {plugin.namespace for plugin in plugins} >= {"acme"}
        recipe = read_recipe(folder / "site" / found.package / "recipes" / "tiny-dots.toml")
        train(resolve(recipe, registry), folder / "run", registry=registry)
        export(folder / "run", folder / "weights", registry)
    assert json.loads((folder / "weights" / "config.json").read_text(encoding="utf-8"))["training"]["examples"] == 32
    return folder / "weights"


@pytest.fixture
def acme(tmp_path: Path, acme_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Change], Installed]:
    """`acme(Change(…))` installs a variation of a reference, `acme` where no other is named, for this test."""

    def make(change: Change) -> Installed:
        site = tmp_path / f"site-{change.plugin}"
        site.mkdir()
        weights = acme_weights if change.plugin == "acme" else None  # the other has recipes alone
        installed = install(site, weights, change)
        monkeypatch.syspath_prepend(site)
        return installed

    return make
