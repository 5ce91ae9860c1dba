"""The verb `env`: what a report of a fault must say of the machine, with nothing in it that is secret."""

from __future__ import annotations

import argparse
import inspect
import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.output import plain, takes_json
from zoo.errors import ZooError
from zoo.version import __version__

if TYPE_CHECKING:
    from zoo.catalogue.plugins.loading import Plugin

__all__ = ["env", "env_arguments"]

Row = dict[str, Any]
PACKAGES = (  # what the zoo needs, and what its extras add
    *("torch", "torchvision", "numpy", "pillow", "huggingface-hub", "safetensors", "msgspec", "pluggy", "tqdm"),
    *("accelerate", "tensorboard", "diffusers", "matplotlib", "scikit-learn", "onnx", "shtab", "av", "wandb", "mlflow"),
)
SHOWN = re.compile(r"ZOO_|HF_|HUGGING|CUDA_VISIBLE|OMP_NUM_THREADS|NO_COLOR|MLFLOW_|WANDB_")
SECRET = re.compile(r"TOKEN|KEY|SECRET|PASSW|CREDENTIAL|AUTH", re.IGNORECASE)
HIDDEN = "(set, not shown)"


def env_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo env` takes."""
    takes_json(command)


def env(arguments: argparse.Namespace) -> None:
    """Print what is installed, loaded and set here."""
    rows = [*_versions(), *_plugins(), *_devices(), *settings_of(os.environ), *_folders()]
    if arguments.json:
        import json

        print(json.dumps(rows, indent=1))
        return
    width, before = max(len(row["name"]) for row in rows), ""
    for row in rows:
        if row["kind"] != before:
            print(("\n" if before else "") + row["kind"])
            before = row["kind"]
        print(f"  {row['name']:<{width}}  {plain(row['value'])}".rstrip())


def _row(kind: str, name: str, value: object) -> Row:
    return {"name": name, "kind": kind, "value": _homeless(str(value))}


def _homeless(text: str) -> str:
    """A text in which the home folder, which has the user's name in it, is `~`."""
    home = os.path.expanduser("~")
    return text.replace(home, "~") if len(home) > 1 else text


def _versions() -> Iterator[Row]:
    from importlib.metadata import PackageNotFoundError, version

    yield _row("versions", "genzoo", __version__)
    yield _row("versions", "python", f"{platform.python_version()} ({platform.python_implementation()})")
    yield _row("versions", "system", platform.platform())
    yield _row("versions", "program", sys.executable)
    for package in PACKAGES:
        try:
            yield _row("versions", package, version(package))
        except PackageNotFoundError:
            continue


def _plugins() -> Iterator[Row]:
    """Every plugin, with the version of the contract that it was written for; what failed is said."""
    from zoo.catalogue.plugins.loading import load_plugins

    try:
        plugins = load_plugins()
    except ZooError as error:  # the user's own settings
        yield _row("plugins", "(none)", error)
        return
    for plugin in plugins:
        what = f"{plugin.distribution} {plugin.version}"
        if plugin.disabled_by or plugin.error:
            state = f"disabled by {plugin.disabled_by}" if plugin.disabled_by else f"failed: {plugin.error}"
            yield _row("plugins", plugin.namespace, f"{what}, {state}")
        else:
            version = f"API {_api_of(plugin)}, specs: {len(plugin.specs)}"
            yield _row("plugins", plugin.namespace, f"{what}, {version}")


def _api_of(plugin: Plugin) -> str:
    """The version, or versions, of the contract that a plugin that was loaded says it is written for."""
    from zoo.catalogue.contract.hookspecs import FIRST_API_VERSION

    module, _, attribute = plugin.value.partition(":")
    holder = sys.modules.get(module)
    for name in filter(None, attribute.split(".")):
        holder = inspect.getattr_static(holder, name, None)
    said = inspect.getattr_static(holder, "ZOO_API_VERSION", FIRST_API_VERSION)
    return ", ".join(map(str, said)) if isinstance(said, tuple) else str(said)


def _devices() -> Iterator[Row]:
    try:
        import torch

        from zoo.nn.devices import devices_here
    except (ImportError, OSError) as error:  # a library that it cannot load
        yield _row("devices", "(none)", f"torch cannot be imported ({type(error).__name__}: {error})")
        return
    for name in devices_here():
        if name.startswith("cuda"):
            about = torch.cuda.get_device_properties(name)
            memory = f"{about.total_memory / 2**30:.0f} GiB"
            yield _row("devices", name, f"{about.name}, {memory}, CUDA {torch.version.cuda}")
        else:
            threads = f"{os.cpu_count()} processors, {torch.get_num_threads()} threads of torch"
            yield _row("devices", name, threads if name == "cpu" else "Apple's")


def settings_of(environment: Mapping[str, str]) -> list[Row]:
    """The variables that the zoo, the Hub's client and trackers read; of what may be a secret only that it is set."""
    names = sorted(name for name in environment if SHOWN.match(name))
    return [
        _row("settings", name, HIDDEN if SECRET.search(name) or "@" in environment[name] else environment[name])
        for name in names
    ]


def _folders() -> Iterator[Row]:
    """The caches, and how much lies in them."""
    from zoo.catalogue.hub.settings import hub_settings
    from zoo.settings import cache_folder

    places: list[tuple[str, Path | None]] = []
    try:
        places = [("cache", cache_folder(os.environ)), ("the Hub's cache", Path(hub_settings().HF_HUB_CACHE))]
    except ZooError as error:  # a setting that cannot be used
        yield _row("folders", "(none)", error)
    for name, place in places:
        if place is None:
            yield _row("folders", name, "(no home)")
        else:
            yield _row("folders", name, f"{place}, {_size(place)}")


def _size(folder: Path) -> str:
    if not folder.is_dir():
        return "not there"
    count = total = 0
    for place, _, files in os.walk(folder):  # links to folders are not followed
        for file in files:
            path = Path(place) / file
            if not path.is_symlink() and path.is_file():
                count, total = count + 1, total + path.stat().st_size
    return f"{total / 2**20:,.1f} MiB in {count:,} files"
