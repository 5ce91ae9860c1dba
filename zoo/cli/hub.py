"""The verbs about weights and the Hub: pull, verify, cache, list --hub."""

from __future__ import annotations

import argparse
from typing import Any

from zoo.cli.examples import device_of, takes_device
from zoo.cli.output import actions, complain, each, show, takes_json, takes_offline
from zoo.errors import NetworkError, UsageError

__all__ = ["cache_arguments", "pull", "pull_arguments", "search", "verify", "verify_arguments"]


def _names(arguments: argparse.Namespace, command: str) -> list[str]:
    """The names given, or with --all those of every model whose weights the catalogue pins."""
    from zoo.catalogue.contract.specs import ModelSpec
    from zoo.catalogue.plugins.loading import default_registry

    if bool(arguments.names) == arguments.all:
        raise UsageError(f"give names, or --all, to `zoo {command}`")
    if not arguments.all:
        return list(arguments.names)
    specs = ((owned.name, owned.spec) for owned in default_registry().list("model"))
    weights = ((name, spec.weights) for name, spec in specs if isinstance(spec, ModelSpec))
    return [name for name, one in weights if one is not None and one.pinned]


def pull_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo pull` takes."""
    command.add_argument("names", nargs="*", metavar="NAME", help="a model: NAME, hf://org/repo[@revision]")
    command.add_argument("--to", metavar="FOLDER", help="write one model's files into a new folder, too")
    command.add_argument("--force", action="store_true", help="fetch anew what the cache has")
    _takes_revision(command)
    _takes_all(command)


def _takes_revision(command: argparse.ArgumentParser) -> None:
    command.add_argument("--revision", metavar="REV", help="branch, tag or commit of hf://org/repo (default main)")


def _takes_all(command: argparse.ArgumentParser) -> None:
    command.add_argument("--all", action="store_true", help="every model whose weights the catalogue pins")
    takes_offline(command)
    takes_json(command)


def pull(arguments: argparse.Namespace) -> int:
    """Fetch models; gives the exit code of the first that failed."""
    from zoo.catalogue.weights.pulling import pull as fetch

    names = _names(arguments, "pull")
    if arguments.to is not None and (arguments.all or len(names) > 1):
        raise UsageError(f"--to takes one model into {arguments.to}; pull one at a time")
    options = {"to": arguments.to, "force": arguments.force, "revision": arguments.revision}
    rows, code = each(names, lambda name: fetch(name, **options), keep=False)
    show(rows, ("name", "origin", "files", "bytes", *(["path"] if arguments.to else [])), arguments.json)
    return code


def verify_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo verify` takes."""
    command.add_argument("names", nargs="*", metavar="NAME", help="a model, or a folder (./folder)")
    _takes_revision(command)
    _takes_all(command)
    takes_device(command)


def verify(arguments: argparse.Namespace) -> int:
    """Verify models; gives the exit code of the first that failed."""
    from zoo.latent.verification import verify as check

    place = device_of(arguments)

    def report(name: str) -> dict[str, Any]:
        return check(name, revision=arguments.revision, device=place)

    rows, code = each(_names(arguments, "verify"), report, keep=True)
    columns = ("name", "ok", "origin", "parameters", "golden_difference", "card")
    show(rows, columns, arguments.json)
    return code


def search(arguments: argparse.Namespace) -> None:
    """List models on the Hub that are tagged as the zoo's, or as those of another format."""
    from zoo.catalogue.hub.client import Hub
    from zoo.catalogue.hub.transport import is_offline

    if is_offline():
        raise NetworkError("searching the Hub needs the network, and being offline was asked for; see `zoo list`")
    tag = {} if arguments.format is None else {"tag": arguments.format.rpartition("/")[2]}
    rows = Hub().search(arguments.pattern, **tag)
    if not rows:
        complain(f"no model on the Hub matches {arguments.pattern!r}")
    show(rows, ("name", "downloads", "likes", "updated"), arguments.json)
    if rows and tag:
        complain(f"not every one of these is read: `zoo info {rows[0]['name']}` says what it is, and fetches little")


# --- the cache -----------------------------------------------------------------------------------------------------


def cache_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo cache` takes."""
    action = actions(command)
    takes_json(action("list", _list_cached, "List the models that are in the cache."))
    clean = action("clean", _clean, "Remove damaged remains, or whole models.")
    clean.add_argument("names", nargs="*", metavar="NAME", help="these (hf://org/repo); else damaged remains")
    clean.add_argument("--all", action="store_true", help="every model in the zoo's format")
    takes_json(clean)


def _list_cached(arguments: argparse.Namespace) -> None:
    from zoo.catalogue.weights.cached_models import cached_models

    rows = [row.to_json() for row in cached_models()]
    show(rows, ("name", "commits", "bytes", "path"), arguments.json)


def _clean(arguments: argparse.Namespace) -> None:
    from zoo.catalogue.weights.cached_models import cached_models

    wanted = {name.partition("@")[0] for name in arguments.names}
    known = cached_models()
    if unknown := wanted - {row.name for row in known}:
        raise UsageError(f"{', '.join(sorted(unknown))} is not in the cache; `zoo cache list` shows what is")
    cleaned = []
    for row in known:
        whole = arguments.all or row.name in wanted
        freed = row.clean(whole=whole) if whole or not wanted else 0
        cleaned += [{"name": row.name, "freed": freed}] if freed else []
    show(cleaned, ("name", "freed"), arguments.json)
