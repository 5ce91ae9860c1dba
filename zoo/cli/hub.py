"""The verbs about weights and the Hub: pull, verify, push, cache, list --hub."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.output import Verb, complain, show, takes_json, takes_offline
from zoo.errors import NetworkError, UsageError, ZooError

if TYPE_CHECKING:
    from zoo.catalogue.weights.folder import Folder
    from zoo.catalogue.weights.publishing import Published

__all__ = ["hub_verbs", "prepare_hub", "search"]


def prepare_hub(arguments: argparse.Namespace) -> Callable[[], None]:
    """For a verb that may ask the Hub: apply --offline, and note what is said of commits.

    Gives the function that prints the notes: a command that fails prints its one line and no more.
    """
    if "offline" not in arguments:
        return lambda: None
    import logging

    notes: list[str] = []

    class Notes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            notes.append(record.getMessage())

    if arguments.offline:
        os.environ["ZOO_OFFLINE"] = "1"
    logger = logging.getLogger("zoo")
    logger.handlers = [Notes(level=logging.INFO)]
    logger.setLevel(logging.INFO)
    logger.propagate = False

    def print_notes() -> None:
        for note in notes:
            complain(note)

    return print_notes


def _each(
    names: Iterable[str], work: Callable[[str], dict[str, Any]], *, keep: bool
) -> tuple[list[dict[str, Any]], int]:
    """The rows of all names and the exit code of the first that failed; each failure is one line on standard error.

    With `keep` a failed one has a row too.
    """
    rows, code = [], 0
    for name in names:
        try:
            rows.append(work(name))
        except ZooError as error:
            complain(str(error) if name in str(error) else f"{name}: {error}")
            code = code or error.exit_code
            if keep:
                message = " ".join(str(error).split())
                rows.append({"name": name, "ok": False, "exit_code": error.exit_code, "error": message})
    return rows, code


def _names(arguments: argparse.Namespace, command: str) -> list[str]:
    """The names given, or with --all those of every model that has weights."""
    from zoo.catalogue.contract.specs import ModelSpec
    from zoo.catalogue.plugins.loading import default_registry

    if bool(arguments.names) == arguments.all:
        raise UsageError(f"give names, or --all, to `zoo {command}`")
    if not arguments.all:
        return list(arguments.names)
    owned = default_registry().list("model")
    return [item.name for item in owned if isinstance(item.spec, ModelSpec) and item.spec.weights is not None]


def _pull(arguments: argparse.Namespace) -> int:
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.weights.folder import CONFIG, FILES, MODEL
    from zoo.catalogue.weights.locate import locate

    def pull(name: str) -> dict[str, Any]:
        folder = locate(name, default_registry())
        files = [file for file in FILES if file in folder.pins or folder.has(file) or file in (CONFIG, MODEL)]
        size = sum(len(folder.read(file)) for file in files)
        folder.config()
        return {"name": name, "origin": folder.origin, "files": len(files), "bytes": size, "path": str(folder.path)}

    rows, code = _each(_names(arguments, "pull"), pull, keep=False)
    show(rows, ("name", "origin", "files", "bytes"), arguments.json)
    return code


def _verified(folder: Folder) -> dict[str, Any]:
    """The report on a folder: all that is checked before it is trusted or published."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.latent.concept_file import check_concepts
    from zoo.nn.golden import verify

    return verify(folder, default_registry(), {"concepts": check_concepts})


def _verify(arguments: argparse.Namespace) -> int:
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.weights.locate import locate

    registry = default_registry()
    rows, code = _each(_names(arguments, "verify"), lambda name: _verified(locate(name, registry)), keep=True)
    columns = ("name", "ok", "origin", "parameters", "golden_difference", "card")
    show(rows, columns, arguments.json)
    return code


def search(arguments: argparse.Namespace) -> None:
    """List models on the Hub that are tagged as the zoo's."""
    from zoo.catalogue.hub.client import Hub
    from zoo.catalogue.hub.transport import is_offline

    if is_offline():
        raise NetworkError("searching the Hub needs the network, and being offline was asked for; see `zoo list`")
    rows = Hub().search(arguments.pattern)
    if not rows:
        complain(f"no model on the Hub matches {arguments.pattern!r}")
    show(rows, ("name", "downloads", "likes", "updated"), arguments.json)


# --- publishing ----------------------------------------------------------------------------------------------------


def _push(arguments: argparse.Namespace) -> int:
    if arguments.all:
        return _push_all(arguments)
    if arguments.folder is None or "/" not in arguments.to:
        raise UsageError("write `zoo push FOLDER --to org/repo`, or `zoo push --all --to ORG`")
    done = _publish(Path(arguments.folder), arguments.to, arguments)
    _report([(done, None)], arguments.json)
    return 0


def _push_all(arguments: argparse.Namespace) -> int:
    from zoo.catalogue.contract.references import resource
    from zoo.catalogue.contract.specs import ModelSpec
    from zoo.catalogue.plugins.loading import default_registry

    if arguments.folder is not None or "/" in arguments.to:
        raise UsageError("write `zoo push --all --to ORG`: no folder, and an organisation without a repository")
    done: list[tuple[Published, str | None]] = []
    bundles: dict[str, str] = {}
    for owned in default_registry().list("model"):
        spec = owned.spec
        if isinstance(spec, ModelSpec) and spec.weights is not None and spec.weights.bundled and "/" not in owned.name:
            bundles[owned.name] = spec.weights.bundled

    def push(name: str) -> dict[str, Any]:
        folder = resource(bundles[name], name)
        done.append((_publish(folder, f"{arguments.to}/{name}", arguments), bundles[name]))
        return {}

    _, code = _each(bundles, push, keep=False)
    _report(done, arguments.json)
    return code


def _publish(folder: Path, repo_id: str, arguments: argparse.Namespace) -> Published:
    from huggingface_hub import constants
    from huggingface_hub.utils.logging import set_verbosity
    from huggingface_hub.utils.tqdm import disable_progress_bars

    from zoo.catalogue.weights.publishing import publish

    if constants.HF_HUB_DISABLE_PROGRESS_BARS is None and not sys.stderr.isatty():
        disable_progress_bars()
    if "HF_HUB_VERBOSITY" not in os.environ:
        set_verbosity(40)  # errors only: its warnings are about Xet, and no line of ours

    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; a weights folder is what `zoo export` writes")
    return publish(folder, repo_id, check=_verified, private=arguments.private, revision=arguments.revision)


def _report(done: list[tuple[Published, str | None]], as_json: bool) -> None:
    rows = [
        {
            "name": f"hf://{one.repo_id}@{one.commit}",
            "repo_id": one.repo_id,
            "revision": one.commit,
            "changed": list(one.changed),
            "left_out": list(one.left_out),
            "files": dict(one.pins),
        }
        for one, _ in done
    ]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    for one, bundled in done:
        what = f"one commit, {len(one.changed)} files changed" if one.changed else "nothing to do, it is there already"
        print(f"hf://{one.repo_id}@{one.commit}: {what}; read back and compared")
        if one.left_out:
            complain(f"not published: {', '.join(map(repr, one.left_out))}")
        print(one.spec(bundled))


# --- the cache -----------------------------------------------------------------------------------------------------


def _cache(arguments: argparse.Namespace) -> int:
    from zoo.catalogue.weights.cached_models import cached_models

    if arguments.action == "list":
        if arguments.names or arguments.all:
            raise UsageError("`zoo cache list` takes no names")
        rows = [row.to_json() for row in cached_models()]
        show(rows, ("name", "commits", "bytes", "path"), arguments.json)
        return 0
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
    return 0


# --- the parser ----------------------------------------------------------------------------------------------------


def hub_verbs(verb: Verb) -> None:
    """Add the verbs of this file."""
    command = verb("pull", _pull, "Fetch models into the cache, and check every byte.")
    command.add_argument("names", nargs="*", metavar="NAME", help="a model: NAME, hf://org/repo[@revision]")
    command.add_argument("--all", action="store_true", help="every model of the catalogue that has weights")
    takes_offline(command)
    takes_json(command)
    command = verb("verify", _verify, "Check hashes, header, golden samples and card of models.")
    command.add_argument("names", nargs="*", metavar="NAME", help="a model, or a folder (./folder)")
    command.add_argument("--all", action="store_true", help="every model of the catalogue that has weights")
    takes_offline(command)
    takes_json(command)
    command = verb("push", _push, "Publish a weights folder on the Hub, in one commit.")
    command.add_argument("folder", nargs="?", metavar="FOLDER")
    command.add_argument("--to", required=True, metavar="ORG/REPO", help="the repository; with --all the organisation")
    command.add_argument("--all", action="store_true", help="every bundled model of the zoo itself, to ORG/NAME")
    command.add_argument("--private", action="store_true", help="make a new repository private")
    command.add_argument("--revision", default="main", metavar="BRANCH", help="the branch (default main)")
    takes_json(command)
    command = verb("cache", _cache, "List or remove what was fetched from the Hub.")
    command.add_argument("action", choices=["list", "clean"])
    command.add_argument("names", nargs="*", metavar="NAME", help="clean: these (hf://org/repo); else damaged remains")
    command.add_argument("--all", action="store_true", help="clean: every model in the zoo's format")
    takes_json(command)
