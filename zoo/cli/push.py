"""The verb `push`: weights folders to the Hub."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.output import complain, each, table, takes_json
from zoo.errors import UsageError

if TYPE_CHECKING:
    from zoo.catalogue.weights.folder import Folder
    from zoo.catalogue.weights.publishing import Order, Plan, Published

__all__ = ["push", "push_arguments"]


def push_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo push` takes."""
    command.add_argument("folder", nargs="?", metavar="FOLDER")
    command.add_argument("--to", required=True, metavar="ORG/REPO", help="the repository; with --all the organisation")
    command.add_argument("--all", action="store_true", help="every bundled model of the zoo itself, to ORG/NAME")
    command.add_argument("--private", action="store_true", help="make a new repository private")
    command.add_argument("--revision", default="main", metavar="BRANCH", help="the branch (default main)")
    command.add_argument("--message", metavar="TEXT", help="of the commit (default: Publish the weights folder)")
    command.add_argument("--tag", metavar="TAG", help="a name for the commit, such as v1.0")
    command.add_argument("--create-pr", action="store_true", help="open a pull request instead of writing")
    command.add_argument("--dry-run", action="store_true", help="say what would be sent, and send nothing")
    text = "write repository, commit and sha256 of each file into this pins file: weights/pins.toml"
    command.add_argument("--pins", metavar="FILE", help=text)
    takes_json(command)


def push(arguments: argparse.Namespace) -> int:
    """Publish a folder, or all bundled models; gives the exit code of the first that failed."""
    if arguments.pins is not None:
        _check_pins(Path(arguments.pins), arguments)
    if arguments.all:
        return _push_all(arguments)
    if arguments.folder is None or "/" not in arguments.to:
        raise UsageError("write `zoo push FOLDER --to org/repo`, or `zoo push --all --to ORG`")
    if arguments.dry_run:
        _show_plans([_planned(Path(arguments.folder), arguments.to, arguments)], arguments.json)
    else:
        _report([(_publish(Path(arguments.folder), arguments.to, arguments), None)], arguments)
    return 0


def _push_all(arguments: argparse.Namespace) -> int:
    from zoo.catalogue.contract.references import resource
    from zoo.catalogue.contract.specs import ModelSpec
    from zoo.catalogue.plugins.loading import default_registry

    if arguments.folder is not None or "/" in arguments.to:
        raise UsageError("write `zoo push --all --to ORG`: no folder, and an organisation without a repository")
    done: list[tuple[Published, str | None]] = []
    plans: list[Plan] = []
    bundles: dict[str, str] = {}
    for owned in default_registry().list("model"):
        spec = owned.spec
        if isinstance(spec, ModelSpec) and spec.weights is not None and spec.weights.bundled and "/" not in owned.name:
            bundles[owned.name] = spec.weights.bundled

    def publish_one(name: str) -> dict[str, Any]:
        folder, repo_id = resource(bundles[name], name), f"{arguments.to}/{name}"
        if arguments.dry_run:
            plans.append(_planned(folder, repo_id, arguments))
        else:
            done.append((_publish(folder, repo_id, arguments), bundles[name]))
        return {}

    _, code = each(bundles, publish_one, keep=False)
    if arguments.dry_run:
        _show_plans(plans, arguments.json)
    else:
        _report(done, arguments)
    return code


def _publish(folder: Path, repo_id: str, arguments: argparse.Namespace) -> Published:
    from zoo.catalogue.contract.pins import write_pins
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.weights.publishing import publish

    done = publish(folder, _order(folder, repo_id, arguments), registry=default_registry(), check=_check)
    if arguments.pins is not None:
        told = {"repo_id": done.repo_id, "revision": done.commit, "files": done.pins}
        write_pins(Path(arguments.pins), {folder.resolve().name: told})
    return done


def _check_pins(path: Path, arguments: argparse.Namespace) -> None:
    """Raise, before anything is sent, where the pins could not be written. ConfigError for a malformed file."""
    from zoo.catalogue.contract.pins import read_pins

    if arguments.create_pr:
        raise UsageError("--pins goes without --create-pr: what is to be pinned is the commit that it is merged as")
    if not path.resolve().parent.is_dir():
        raise UsageError(f"{path.parent} is no folder; make it first, --pins {path} is written there")
    if path.exists():
        read_pins(path)


def _planned(folder: Path, repo_id: str, arguments: argparse.Namespace) -> Plan:
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.weights.publishing import plan

    return plan(folder, _order(folder, repo_id, arguments), registry=default_registry(), check=_check)


def _check(folder: Folder) -> object:
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.latent.verification import verify_folder

    return verify_folder(folder, default_registry())


def _order(folder: Path, repo_id: str, arguments: argparse.Namespace) -> Order:
    from zoo.catalogue.hub.settings import hub_settings
    from zoo.catalogue.weights.publishing import Order

    settings = hub_settings()
    from huggingface_hub.utils.logging import set_verbosity
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if settings.HF_HUB_DISABLE_PROGRESS_BARS is None and not sys.stderr.isatty():
        disable_progress_bars()
    if "HF_HUB_VERBOSITY" not in os.environ:
        set_verbosity(40)  # errors only: its warnings are about Xet, and no line of ours
    if not folder.is_dir():
        how = "`zoo export` writes one of a run, `zoo pull NAME --to FOLDER` of a model"
        raise UsageError(f"{folder} is no folder; {how}")
    message = {} if arguments.message is None else {"message": arguments.message}
    named = {name: getattr(arguments, name) for name in ("private", "revision", "tag", "create_pr")}
    return Order(repo_id=repo_id, **named, **message)


def _show_plans(plans: list[Plan], as_json: bool) -> None:
    rows: list[dict[str, Any]] = [
        {
            "name": f"hf://{one.order.repo_id}@{one.order.revision}",
            "commit": one.commit,
            "changes": [
                {"file": file, "bytes": len(one.files.get(file, b"")), "what": what}
                for file, what in one.changes.items()
            ],
            "left_out": list(one.left_out),
        }
        for one in plans
    ]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        if row["changes"]:
            size, place = sum(change["bytes"] for change in row["changes"]), "" if row["commit"] else " (to be made)"
            print(f"{row['name']}{place}: one commit would write {size:,} bytes; nothing was sent")
            table(row["changes"], ("file", "bytes", "what"))
        else:
            print(f"{row['name']}: nothing to do, it is there already")
        if row["left_out"]:
            complain(f"not published: {', '.join(map(repr, row['left_out']))}")


def _report(done: list[tuple[Published, str | None]], arguments: argparse.Namespace) -> None:
    rows = [
        {
            "name": f"hf://{one.repo_id}@{one.commit}",
            "repo_id": one.repo_id,
            "revision": one.commit,
            "changed": list(one.changed),
            "left_out": list(one.left_out),
            "files": dict(one.pins),
            "pull_request": one.pull_request,
        }
        for one, _ in done
    ]
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    for one, bundled in done:
        what = f"one commit, {len(one.changed)} files changed" if one.changed else "nothing to do, it is there already"
        print(f"hf://{one.repo_id}@{one.commit}: {what}; read back and compared")
        if one.left_out:
            complain(f"not published: {', '.join(map(repr, one.left_out))}")
        if arguments.pins is None:
            print(one.pull_request or one.spec(bundled))  # what is to be pinned is the commit that it is merged as
    if arguments.pins is not None and done:
        print(f"{arguments.pins}: {len(done)} models pinned, each to its repository, commit and files")
