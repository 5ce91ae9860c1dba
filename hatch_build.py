"""Which of weights/ a wheel carries, run by hatchling: all of it, or what nobody could pull and the default models.

Where weights/pins.toml says at which commit of the Hub a model is, as `zoo push --all --pins` writes it, the model is
left to the Hub, unless it is tagged `default`.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CarriedWeights(BuildHookInterface):  # type: ignore[type-arg,misc]
    """Includes the folders; an editable install reads them where they are."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add to what the wheel includes: path here -> path there."""
        if version == "standard":
            root = Path(self.root)
            places = [root / "weights" / "pins.toml", *carried(root)]
            build_data["force_include"] |= {str(place): f"zoo/weights/{place.name}" for place in places}


def carried(root: Path) -> list[Path]:
    """The weights folders of a source tree that its wheel carries."""
    sys.path[:0] = [str(root), str(root / "plugins")]
    try:
        from zoo.catalogue.contract.hookspecs import PluginContext
        from zoo.catalogue.contract.pins import read_pins

        pins = read_pins(root / "weights" / "pins.toml")
        plugins = [importlib.import_module(path.parent.name) for path in (root / "plugins").glob("*/__init__.py")]
        hooks = [vars(plugin)["zoo_models"] for plugin in plugins if "zoo_models" in vars(plugin)]
        models = [model for hook in hooks for model in hook(PluginContext(namespace=""))]
    finally:
        del sys.path[:2]
    default = {model.name for model in models if "default" in model.tags}
    pulled = {name for name, told in pins.items() if told.get("repo_id")} - default
    return sorted(path for path in (root / "weights").iterdir() if path.is_dir() and path.name not in pulled)
