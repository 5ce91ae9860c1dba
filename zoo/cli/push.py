"""The verb `push`: weights folders to the Hub."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.hub import verified
from zoo.cli.output import complain, each, takes_json
from zoo.errors import UsageError

if TYPE_CHECKING:
    from zoo.catalogue.weights.publishing import Published

__all__ = ["push", "push_arguments"]


def push_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo push` takes."""
    command.add_argument("folder", nargs="?", metavar="FOLDER")
    command.add_argument("--to", required=True, metavar="ORG/REPO", help="the repository; with --all the organisation")
    command.add_argument("--all", action="store_true", help="every bundled model of the zoo itself, to ORG/NAME")
    command.add_argument("--private", action="store_true", help="make a new repository private")
    command.add_argument("--revision", default="main", metavar="BRANCH", help="the branch (default main)")
    takes_json(command)


def push(arguments: argparse.Namespace) -> int:
    """Publish a folder, or all bundled models; gives the exit code of the first that failed."""
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

    def publish_one(name: str) -> dict[str, Any]:
        folder = resource(bundles[name], name)
        done.append((_publish(folder, f"{arguments.to}/{name}", arguments), bundles[name]))
        return {}

    _, code = each(bundles, publish_one, keep=False)
    _report(done, arguments.json)
    return code


def _publish(folder: Path, repo_id: str, arguments: argparse.Namespace) -> Published:
    from huggingface_hub import constants
    from huggingface_hub.utils.logging import set_verbosity
    from huggingface_hub.utils.tqdm import disable_progress_bars

    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.weights.publishing import publish

    if constants.HF_HUB_DISABLE_PROGRESS_BARS is None and not sys.stderr.isatty():
        disable_progress_bars()
    if "HF_HUB_VERBOSITY" not in os.environ:
        set_verbosity(40)  # errors only: its warnings are about Xet, and no line of ours

    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; a weights folder is what `zoo export` writes")
    return publish(
        folder,
        repo_id,
        registry=default_registry(),
        check=verified,
        private=arguments.private,
        revision=arguments.revision,
    )


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
