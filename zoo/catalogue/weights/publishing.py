"""A weights folder -> a Hub repository: one commit with a built list of files, or none; read back and compared."""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.catalogue.contract.names import COMMIT, split_hub_name
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.weights.card import addressed
from zoo.catalogue.weights.card_check import read_card
from zoo.catalogue.weights.card_sections import shown
from zoo.catalogue.weights.folder import CARD, CONFIG, EVALUATION, FILES, GOLDEN, MODEL, Folder, most_bytes
from zoo.errors import IntegrityError, NetworkError, NotFoundError, UsageError, WeightsError, ZooError
from zoo.files import storage_errors

if TYPE_CHECKING:
    from zoo.catalogue.hub.client import Hub

__all__ = ["Published", "contents", "publish", "published_names"]

REQUIRED = (CONFIG, MODEL, GOLDEN, CARD)
BRANCH = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*", re.ASCII)
TRIES, PAUSE = 3, 1.0


@dataclass(frozen=True, kw_only=True)
class Published:
    """What stands on the Hub now."""

    repo_id: str
    commit: str
    changed: tuple[str, ...]  # files that were written or removed; none where the Hub had it all
    left_out: tuple[str, ...]  # files of the folder that are not published
    pins: Mapping[str, str]  # file -> sha256

    def spec(self, bundled: str | None = None) -> str:
        """The WeightsSpec to paste into a plugin."""
        more = [] if bundled is None else [f'    bundled="{bundled}",']
        files = [f'        "{file}": "{digest}",' for file, digest in self.pins.items()]
        where = [f'    repo_id="{self.repo_id}",', f'    revision="{self.commit}",']
        return "\n".join(["WeightsSpec(", *more, *where, "    files={", *files, "    },", ")"])


class _Refused(NetworkError):
    """The Hub does not let this token write."""


def published_names(suffix: str) -> tuple[str, ...]:
    """What may stand in a repository, of a modality that writes files of that suffix."""
    return (*FILES, CARD, EVALUATION, *shown(suffix))


def contents(folder: Path, known: Sequence[str]) -> tuple[dict[str, bytes], list[str]]:
    """The bytes of what is published of a folder, files of the `known` names, and the names of what is left out.

    Raises NotFoundError where a required file is missing, WeightsError for a link or another thing that is no file in
    the place of one, or for one too large, StorageError.
    """
    with storage_errors(f"cannot read {folder}"):
        names = sorted(os.listdir(folder))
    files = {}
    for name in (name for name in known if name in names):
        path = folder / name
        with storage_errors(f"cannot read {path}"):
            if not stat.S_ISREG(path.lstat().st_mode):
                raise WeightsError(f"{path} is a link, a folder or a device; only plain files are published")
            if path.stat().st_size > most_bytes(name):
                raise WeightsError(f"{path} has {path.stat().st_size:,} bytes, more than is ever published")
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as stream:
                files[name] = stream.read()
    if missing := [name for name in REQUIRED if name not in files]:
        raise NotFoundError(f"{folder} has no {', '.join(missing)}; write it with `zoo export`")
    return files, [name for name in names if name not in files]


def publish(
    folder: Path,
    repo_id: str,
    *,
    registry: Registry,
    check: Callable[[Folder], object],
    private: bool = False,
    revision: str = "main",
) -> Published:
    """Publish a weights folder: one commit, or none where the Hub has these files already.

    `registry` knows in which files the model's kind of data is written. `check` is given the folder with its bytes
    pinned and raises for anything wrong; nothing is sent before it is content. Safe to run again after any failure.
    Raises what `contents` and `check` raise, UsageError for a malformed name, NetworkError where the Hub refuses or
    somebody else committed meanwhile, IntegrityError when what the Hub gives back is something else.
    """
    from zoo.catalogue.hub.client import Hub
    from zoo.catalogue.hub.transport import is_offline

    _check_names(repo_id, revision)
    known = published_names(_suffix(folder, registry))
    files, left_out = contents(folder, known)
    pins = {name: hashlib.sha256(files[name]).hexdigest() for name in FILES if name in files}
    check(Folder(name=str(folder), path=folder, pins=pins, origin=str(folder)))
    if is_offline():
        raise NetworkError(f"hf://{repo_id}: being offline was asked for; unset ZOO_OFFLINE and HF_HUB_OFFLINE")
    hub = Hub()
    parent = _prepared(hub, repo_id, revision, private)
    files[CARD] = _card_of(repo_id, revision, files[CARD])
    changed, gone = _differences(hub, repo_id, parent, files, known)
    commit = (
        parent if not changed and not gone else _commit(hub, repo_id, revision, parent, files, known, (changed, gone))
    )
    for name, body in files.items():
        digest = hashlib.sha256(body).hexdigest()
        try:
            hub.download(repo_id, commit, name, io.BytesIO(), most=len(body), pin=digest)
        except (NotFoundError, WeightsError) as error:
            raise IntegrityError(f"hf://{repo_id}@{commit}: {name} is not what was published ({error})") from None
    summary = {"changed": (*changed, *gone), "left_out": tuple(left_out)}
    return Published(repo_id=repo_id, commit=commit, pins=pins, **summary)


def _card_of(repo_id: str, revision: str, card: bytes) -> bytes:
    """The card as it stands on the Hub: what it says of its folder is said of the repository."""
    name = f"hf://{repo_id}" if revision == "main" else f"hf://{repo_id}@{revision}"
    return addressed(read_card(card, CARD), name).encode()


def _suffix(folder: Path, registry: Registry) -> str:
    """Of the files that show a folder's examples; where it has no config, nobody knows."""
    if not (folder / CONFIG).is_file():
        return ""
    config = Folder(name=str(folder), path=folder).config()
    return registry.modality_of(config["architecture"]).suffixes[0]


def _check_names(repo_id: str, revision: str) -> None:
    if split_hub_name(f"hf://{repo_id}") != (repo_id, None):
        raise UsageError(f"{repo_id!r:.100} is no repository; write org/repo")
    if not BRANCH.fullmatch(revision) or COMMIT.fullmatch(revision) or ".." in revision:
        raise UsageError(f"revision {revision!r:.80} is no name of a branch")


def _prepared(hub: Hub, repo: str, revision: str, private: bool) -> str:
    """The newest commit of the branch; repository and branch are made where they are missing."""
    from huggingface_hub import HfApi

    api = HfApi(library_name="genzoo")
    try:
        facts = hub.json(f"/api/models/{repo}")
    except NotFoundError:
        _ask(repo, lambda: api.create_repo(repo, private=private, exist_ok=True))
        facts = hub.json(f"/api/models/{repo}")
    if private and not (isinstance(facts, dict) and facts.get("private") is True):
        raise UsageError(f"hf://{repo} exists and is public; make it private in its settings, or leave out --private")
    path = f"/api/models/{repo}/revision/{revision.replace('/', '%2F')}"
    try:
        facts = hub.json(path)
    except NotFoundError:
        _ask(repo, lambda: api.create_branch(repo, branch=revision, exist_ok=True))
        facts = hub.json(path)
    found = facts.get("sha") if isinstance(facts, dict) else None
    if not isinstance(found, str) or not COMMIT.fullmatch(found):
        raise NetworkError(f"hf://{repo}@{revision}: the Hub does not say which commit it is")
    return found


def _differences(
    hub: Hub, repo: str, commit: str, files: Mapping[str, bytes], known: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Which files a commit has not or has otherwise, and which of the `known` names it has beyond them."""
    from zoo.catalogue.hub.client import Digest
    from zoo.catalogue.hub.transport import Absent

    changed, gone = [], []
    for name in known:
        try:
            there = hub.look(repo, commit, name)
        except Absent:
            changed += [name] if name in files else []
            continue
        if name not in files:
            gone.append(name)
            continue
        digest = Digest(there.digest, len(files[name]))
        digest.update(files[name])
        if there.digest is None or not digest.is_one(there.digest):
            changed.append(name)
    return changed, gone


def _commit(
    hub: Hub,
    repo: str,
    revision: str,
    parent: str,
    files: Mapping[str, bytes],
    known: Sequence[str],
    differences: tuple[list[str], list[str]],
) -> str:
    """Write and remove these files in one commit on top of `parent`. A lost answer is found out, not sent twice."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    api, (changed, gone) = HfApi(library_name="genzoo"), differences

    def send() -> Any:
        # As streams the client sends large files by Git LFS, which every Hub speaks and whose name of a file is the
        # sha256 that is pinned; bytes would go through a library, storage hosts and logs of their own (Xet).
        added = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=io.BytesIO(files[name])) for name in changed]
        removed = [CommitOperationDelete(path_in_repo=name) for name in gone]
        return api.create_commit(
            repo,
            [*added, *removed],
            commit_message="Publish the weights folder",
            revision=revision,
            parent_commit=parent,
        )

    for attempt in range(1, TRIES + 1):
        try:
            commit = str(_ask(repo, send).oid)
            break
        except _Refused:
            raise
        except NetworkError:
            commit = _prepared(hub, repo, revision, False)
            if commit != parent and _differences(hub, repo, commit, files, known) == ([], []):
                break  # it had arrived
            if commit != parent:
                text = (
                    f"hf://{repo}@{revision} was changed by somebody else meanwhile (now {commit}); nothing was written"
                )
                raise NetworkError(f"{text}: look at it, and run this again") from None
            if attempt == TRIES:
                raise
            time.sleep(PAUSE * attempt)
    if not COMMIT.fullmatch(commit):
        raise NetworkError(f"hf://{repo}: the Hub does not say which commit it made; run this again")
    return commit


def _ask(repo: str, action: Callable[[], Any]) -> Any:
    """Call the Hub's client; whatever it raises is a NetworkError without the client's text, which may hold a token."""
    try:
        return action()
    except ZooError:
        raise
    except Exception as error:  # noqa: BLE001  each major version raises errors of another HTTP library
        kind, response = type(error).__name__, getattr(error, "response", None)
        status = getattr(response, "status_code", None)
        if status in (401, 403) or kind in ("LocalTokenNotFoundError", "RepositoryNotFoundError"):
            advice = "log in with a token that may write (hf auth login), or set HF_TOKEN"
            raise _Refused(f"hf://{repo}: the Hub does not let you write there; {advice}") from None
        cause = kind if status is None else f"{kind}, {status}"
        raise NetworkError(f"hf://{repo} cannot be written ({cause}); run this again") from None
