"""The verb `pin`: which bytes a model is, written into a pins file."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.output import complain, each, show, takes_json, takes_offline
from zoo.errors import UsageError

if TYPE_CHECKING:
    from zoo.catalogue.contract.pins import WeightsSpec

__all__ = ["pin", "pin_arguments"]


def pin_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo pin` takes."""
    text = "a model that nobody has pinned (`zoo list` says unpinned), or with --to a weights folder"
    command.add_argument("names", nargs="+", metavar="NAME", help=text)
    command.add_argument("--to", metavar="FILE", help="a project's pins file, which ZOO_PINS names; else your own")
    command.add_argument("--forget", action="store_true", help="take back what was first seen, and what --to has of it")
    takes_offline(command)
    takes_json(command)


def pin(arguments: argparse.Namespace) -> int:
    """Pin models; gives the exit code of the first that failed."""
    from zoo.settings import pins_file

    path = pins_file(os.environ) if arguments.to is None else Path(os.path.expanduser(arguments.to))
    if path is None:
        raise UsageError("there is no home for a pins file; name one: --to FILE, or ZOO_PINS")
    work = _forget if arguments.forget else _pin

    def one(name: str) -> dict[str, Any]:
        return work(name, path, given=arguments.to is not None)

    rows, code = each(arguments.names, one, keep=False)
    columns = ("name", "file") if arguments.forget else ("name", "repo_id", "revision", "files", "file")
    shown = rows if arguments.json else [row | {"files": len(row.get("files", ()))} for row in rows]
    show(shown, columns, arguments.json)
    if rows and arguments.to is not None and not arguments.forget and any(row["repo_id"] for row in rows):
        complain(f"what {path} says is heeded where ZOO_PINS={path} is set")
    return code


def _pin(name: str, path: Path, *, given: bool) -> dict[str, Any]:
    from zoo.catalogue.contract.pins import write_pins
    from zoo.catalogue.weights.locate import is_path

    if is_path(name):
        if not given:
            raise UsageError(f"{name} is a folder of your own: write --to FILE, the pins file of a package or project")
        key, told = _of_folder(Path(os.path.expanduser(name)), path)
    else:
        key, told = name, _of_catalogue(name)
    write_pins(path, {key: told})
    where = {"repo_id": told.get("repo_id"), "revision": told.get("revision")}
    return {"name": key, **where, "files": dict(told["files"]), "file": str(path)}


def _of_folder(folder: Path, path: Path) -> tuple[str, dict[str, Any]]:
    """The name and pins of a weights folder; where the file says of these very bytes where they are, that stays."""
    from zoo.catalogue.contract.pins import read_pins
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.weights.folder import FILES
    from zoo.catalogue.weights.unknown import check_folder
    from zoo.files import sha256_of

    check_folder(folder, default_registry())
    key = folder.resolve().name
    files = {file: sha256_of(folder / file) for file in FILES if (folder / file).is_file()}
    old = read_pins(path).get(key, {}) if path.is_file() else {}
    return key, old if old.get("files") == files else {"files": files}


def _of_catalogue(name: str) -> dict[str, Any]:
    """What is known of an unpinned model: found now, where it never was."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.weights.first_seen import known_pins
    from zoo.catalogue.weights.locate import locate

    weights = _unpinned(name)
    known, who = known_pins(name, weights)
    if who:
        return {"repo_id": known.repo_id, "revision": known.revision, "files": known.files}
    folder = locate(name, default_registry())
    return {"repo_id": weights.repo_id, "revision": folder.commit, "files": folder.pins}


def _unpinned(name: str) -> WeightsSpec:
    """The weights of a model that its plugin has not pinned. Raises UsageError for one that it has."""
    from zoo.catalogue.plugins.loading import default_registry

    weights = default_registry().model(name).weights
    if weights is None:
        raise UsageError(f"{name} has no published weights; train it: `zoo train {name}`")
    if weights.pinned:
        raise UsageError(f"{name} is pinned by the catalogue already; `zoo verify {name}` checks it")
    return weights


def _forget(name: str, path: Path, *, given: bool) -> dict[str, Any]:
    from zoo.catalogue.contract.pins import read_pins, write_pins
    from zoo.catalogue.weights.first_seen import forget

    weights = _unpinned(name)
    assert weights.repo_id is not None
    known = forget(weights.repo_id)
    there = path.is_file() and name in read_pins(path)
    if there:
        write_pins(path, {}, without=name)
    if not known and not there:
        raise UsageError(f"{name} was never seen or pinned; `zoo pull {name}` fetches it")
    return {"name": name, "file": str(path) if there else ""}
