"""A weights folder -> a Hub repository: one commit with a built list of files, or none; read back and compared."""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.catalogue.contract.names import COMMIT, split_hub_name
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.weights.card import addressed
from zoo.catalogue.weights.card_check import read_card
from zoo.catalogue.weights.card_sections import shown
from zoo.catalogue.weights.folder import CARD, CONFIG, EVALUATION, FILES, GOLDEN, MODEL, Folder, most_bytes
from zoo.errors import IntegrityError, NetworkError, NotFoundError, UsageError, WeightsError
from zoo.files import storage_errors

if TYPE_CHECKING:
    from zoo.catalogue.hub.branch import Branch

__all__ = ["Order", "Plan", "Published", "contents", "plan", "publish", "published_names"]

REQUIRED = (CONFIG, MODEL, GOLDEN, CARD)
BRANCH = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Order:
    """How a folder is to be published. Raises UsageError for what cannot be meant."""

    repo_id: str
    revision: str = "main"  # the branch
    private: bool = False  # a new repository
    message: str = "Publish the weights folder"  # of the commit
    tag: str | None = None  # what the commit is to be named
    create_pr: bool = False  # propose it, where one may not write or others are to look at it first

    def __post_init__(self) -> None:
        if split_hub_name(f"hf://{self.repo_id}") != (self.repo_id, None):
            raise UsageError(f"{self.repo_id!r:.100} is no repository; write org/repo")
        for what, name in (("revision", self.revision), ("tag", self.tag)):
            if name is not None and (not BRANCH.fullmatch(name) or COMMIT.fullmatch(name) or ".." in name):
                raise UsageError(f"{what} {name!r:.80} is no name of a {'branch' if what == 'revision' else what}")
        if not self.message.strip():
            raise UsageError("the message of the commit is empty; write one, or leave out --message")
        if self.create_pr and (self.tag or self.private):
            other = "--tag: tag it when it is merged" if self.tag else "--private: make the repository first"
            raise UsageError(f"a pull request goes without {other}")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What publishing would do."""

    order: Order
    commit: str | None  # what the branch stands at; None where repository or branch would be made
    changes: Mapping[str, str]  # file -> "new", "changed" or "removed"; none where the Hub has it all
    left_out: tuple[str, ...]  # files of the folder that are not published
    files: Mapping[str, bytes]
    known: tuple[str, ...]  # all that may stand in such a repository

    @property
    def pins(self) -> dict[str, str]:
        """file -> sha256, of those that a catalogue pins."""
        return _pins(self.files)


@dataclass(frozen=True, kw_only=True)
class Published:
    """What stands on the Hub now."""

    repo_id: str
    commit: str
    changed: tuple[str, ...]  # files that were written or removed; none where the Hub had it all
    left_out: tuple[str, ...]  # files of the folder that are not published
    pins: Mapping[str, str]  # file -> sha256
    pull_request: str | None = None  # its address

    def spec(self, bundled: str | None = None) -> str:
        """The WeightsSpec to paste into a plugin."""
        more = [] if bundled is None else [f'    bundled="{bundled}",']
        files = [f'        "{file}": "{digest}",' for file, digest in self.pins.items()]
        where = [f'    repo_id="{self.repo_id}",', f'    revision="{self.commit}",']
        return "\n".join(["WeightsSpec(", *more, *where, "    files={", *files, "    },", ")"])


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


def plan(folder: Path, order: Order, *, registry: Registry, check: Callable[[Folder], object]) -> Plan:
    """What `publish` would do, of which nothing is done: the Hub is only read.

    `registry` knows in which files the model's kind of data is written. `check` is given the folder with its bytes
    pinned and raises for anything wrong; the Hub is not asked before it is content. Raises what `contents` and `check`
    raise, UsageError for a repository that has another name now, or a tag that names another commit, NetworkError.
    """
    return _planned(folder, order, registry, check, make=False)[1]


def _planned(
    folder: Path, order: Order, registry: Registry, check: Callable[[Folder], object], *, make: bool
) -> tuple[Branch, Plan]:
    """The branch and the plan for it; with `make` repository and branch are made where they are missing."""
    known = published_names(_suffix(folder, registry))
    files, left_out = contents(folder, known)
    check(Folder(name=str(folder), path=folder, pins=_pins(files), origin=str(folder)))
    files[CARD] = _card_of(order, files[CARD])
    branch, commit = _opened(order, make=make and not order.create_pr)
    changes = branch.changes(commit, files, known)
    tagged = None if commit is None or order.tag is None else branch.commit_of(order.tag)
    if tagged is not None and (changes or tagged != commit):
        raise UsageError(f"hf://{order.repo_id} has {order.tag} already, at commit {tagged}; choose another --tag")
    return branch, Plan(order=order, commit=commit, changes=changes, left_out=tuple(left_out), files=files, known=known)


def _opened(order: Order, *, make: bool) -> tuple[Branch, str | None]:
    """The branch and its newest commit; where it or its repository is missing it is made, or there is none."""
    from zoo.catalogue.hub.branch import Branch
    from zoo.catalogue.hub.client import Hub
    from zoo.catalogue.hub.transport import is_offline

    where = f"hf://{order.repo_id}"
    if is_offline():
        raise NetworkError(f"{where}: being offline was asked for; unset ZOO_OFFLINE and HF_HUB_OFFLINE")
    branch = Branch(Hub(), order.repo_id, order.revision)
    facts = branch.facts()
    if facts is None and make:
        branch.make_repository(private=order.private)
        facts = branch.facts()
    if order.private and facts is not None and facts.get("private") is not True:
        raise UsageError(f"{where} exists and is public; make it private in its settings, or leave out --private")
    commit = None if facts is None else branch.commit_of(order.revision)
    if commit is None and order.create_pr:
        raise NotFoundError(f"{where} has no branch {order.revision} for a pull request to go to; push without one")
    return branch, branch.make_branch() if commit is None and make else commit


def publish(folder: Path, order: Order, *, registry: Registry, check: Callable[[Folder], object]) -> Published:
    """Publish a weights folder: one commit, or none where the Hub has these files already.

    Safe to run again after any failure. Raises what `plan` raises, NetworkError where the Hub refuses or somebody else
    committed meanwhile, IntegrityError when what the Hub gives back is something else.
    """
    branch, ready = _planned(folder, order, registry, check, make=True)
    files, changes, address = ready.files, ready.changes, None
    commit = ready.commit or ""
    if changes and order.create_pr:
        commit, address = branch.propose(commit, files, changes, order.message)
    elif changes:
        commit = branch.commit(commit, files, ready.known, changes, order.message)
    _read_back(branch, commit, files)
    if order.tag is not None:
        branch.set_tag(order.tag, commit)
    return Published(
        repo_id=order.repo_id,
        commit=commit,
        changed=tuple(changes),
        left_out=ready.left_out,
        pins=ready.pins,
        pull_request=address,
    )


def _read_back(branch: Branch, commit: str, files: Mapping[str, bytes]) -> None:
    """Raise IntegrityError where the Hub gives other bytes than these."""
    for name, body in files.items():
        digest = hashlib.sha256(body).hexdigest()
        try:
            branch.hub.download(branch.repo, commit, name, io.BytesIO(), most=len(body), pin=digest)
        except (NotFoundError, WeightsError) as error:
            where = f"hf://{branch.repo}@{commit}"
            raise IntegrityError(f"{where}: {name} is not what was published ({error})") from None


def _pins(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(files[name]).hexdigest() for name in FILES if name in files}


def _card_of(order: Order, card: bytes) -> bytes:
    """The card as it stands on the Hub: what it says of its folder is said of the repository."""
    name = f"hf://{order.repo_id}" if order.revision == "main" else f"hf://{order.repo_id}@{order.revision}"
    return addressed(read_card(card, CARD), name).encode()


def _suffix(folder: Path, registry: Registry) -> str:
    """Of the files that show a folder's examples; where it has no config, nobody knows."""
    if not (folder / CONFIG).is_file():
        return ""
    config = Folder(name=str(folder), path=folder).config()
    return registry.modality_of(config["architecture"]).suffixes[0]
