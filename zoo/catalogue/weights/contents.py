"""What a weights folder holds, here or on the Hub, looked at without taking its tensors."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from zoo.catalogue.contract.formats import Foreign
from zoo.catalogue.contract.names import hub_name_at
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.hub.access import Access
from zoo.catalogue.weights.folder import (
    CARD,
    CONCEPTS,
    CONFIG,
    DEFAULT_PRIOR,
    EVALUATION,
    FILES,
    GOLDEN,
    MODEL,
    PRIOR,
    SAMPLING,
    TRUNCATION,
    Folder,
    check_prior,
    most_bytes,
    parse_config,
    parse_evaluation,
)
from zoo.catalogue.weights.header import Header, header_of, read_header
from zoo.errors import NetworkError

__all__ = ["Contents", "in_folder", "on_hub"]

KNOWN = (*FILES, CARD, EVALUATION)


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The files of a model, wherever they are. What is read here is to be shown: it is never loaded."""

    source: str  # "bundled", "folder", "cache" or "hub"
    origin: str  # the path, "bundled" or "hf://org/repo@commit"
    path: Path | None  # where the files lie; None on the Hub
    commit: str | None = None
    page: str = ""  # of the Hub, where the card can be read
    revisions: tuple[Mapping[str, str], ...] = ()  # of the Hub: name, kind and commit of each branch and tag
    sizes: Mapping[str, int]  # file -> bytes
    foreign: Foreign | None = None  # what it is, where it is of another format than the zoo's
    read: Callable[[str], bytes] = field(repr=False)
    header: Callable[[str], Header] = field(repr=False)

    def about(self) -> dict[str, Any]:
        """What the files say, JSON-able: config and evaluation, shapes, classes, parts, concepts, prior, sizes, card.

        Raises WeightsError for files that are malformed, and what reading them raises.
        """
        config = self._config()
        where = f"{self.origin}: {EVALUATION}"
        evaluation = parse_evaluation(self.read(EVALUATION), where) if EVALUATION in self.sizes else {}
        parts = self._parameters()
        golden = self.header(GOLDEN).shapes if GOLDEN in self.sizes else {}
        prior = self.header(PRIOR).shapes.get("means", ()) if PRIOR in self.sizes else ()
        return {
            "source": self.source,
            "origin": self.origin,
            "path": None if self.path is None else str(self.path),
            "commit": self.commit,
            "page": self.page,
            "revisions": [dict(one) for one in self.revisions],
            "files": dict(self.sizes),
            "bytes": sum(self.sizes.values()),
            "parts": parts,
            "parameters": sum(parts.values()),
            "latent_shape": list(golden["z"][1:]) if golden.get("z") else None,
            "data_shape": config["data"].get("shape"),
            "classes": config["data"].get("classes", []),
            "concepts": sorted(self.header(CONCEPTS).shapes) if CONCEPTS in self.sizes else [],
            "prior": {"kind": "mixture", "components": prior[0]} if prior else None,
            "default_prior": config.get(DEFAULT_PRIOR),
            "truncation": config.get(TRUNCATION),
            "sampling": config.get(SAMPLING, {}),
            "card": self.read(CARD).decode("utf-8", "replace") if CARD in self.sizes else None,
            "config": config["config"],
            "data": config["data"],
            "training": config["training"],
            "architecture": config["architecture"],
            "notes": [] if self.foreign is None else [f"it is {self.foreign.kind}", *self.foreign.notes],
            "evaluation": evaluation,
        }

    def _config(self) -> Mapping[str, Any]:
        if self.foreign is not None:
            return self.foreign.config
        config = parse_config(self.read(CONFIG), f"{self.origin}: {CONFIG}")
        check_prior(config, PRIOR in self.sizes, f"{self.origin}: {CONFIG}")
        return config

    def _parameters(self) -> dict[str, int]:
        """How many numbers each part has; of another format each file."""
        if self.foreign is None:
            return self.header(MODEL).parameters()
        return {file: sum(self.header(file).parameters().values()) for file in self.foreign.weights}


def in_folder(folder: Folder) -> Contents:
    """Of a folder on this machine."""
    files = KNOWN if folder.foreign is None else (*folder.foreign.tables, *folder.foreign.weights)
    sizes = {file: (folder.path / file).stat().st_size for file in files if folder.has(file)}
    return Contents(
        source="cache" if folder.source == "hub" else folder.source,
        origin=folder.origin,
        path=folder.path,
        commit=folder.commit,
        foreign=folder.foreign,
        sizes=sizes,
        read=lambda file: bytes(folder.read(file, most=most_bytes(CONFIG))),
        header=lambda file: header_of(folder.path / file),
    )


def on_hub(name: str, access: Access, registry: Registry) -> Contents:
    """Of hf://org/repo[@revision]: the small files and the headers alone; with the Hub away what the cache has.

    Formats are those of the plugins in `registry`. Raises NetworkError where the Hub is away and the cache lacks it,
    NotFoundError where there is no such repository or it is in no format that is read, UsageError for a malformed name.
    """
    from zoo.catalogue.weights.fetching import warn
    from zoo.catalogue.weights.locate import locate

    repo, revision = hub_name_at(name, access.revision)
    cached = replace(access, revision=revision, local_files_only=True)
    if access.offline:
        return in_folder(locate(name, registry, cached))
    try:
        return _asked(repo, revision or "main", access, registry)
    except NetworkError as error:
        try:
            folder = locate(name, registry, cached)
        except NetworkError:  # what says that the cache lacks it
            raise error from None
        warn(f"{error}; telling of commit {folder.commit} in the cache")
        return in_folder(folder)


def _asked(repo: str, revision: str, access: Access, registry: Registry) -> Contents:
    from zoo.catalogue.hub.cache import RepoCache
    from zoo.catalogue.hub.client import Hub
    from zoo.catalogue.weights.fetching import NotInFormat, in_format
    from zoo.catalogue.weights.foreign import Repository

    hub, cache = Hub(access.token), RepoCache(access.cache, repo)
    foreign: Foreign | None = None
    needed: tuple[str, ...] = (CONFIG, MODEL)
    try:
        with in_format(repo, revision):
            commit = hub.look(repo, revision, CONFIG).commit
        sizes = hub.sizes(repo, commit, KNOWN)
        if MODEL not in sizes:
            raise NotInFormat(f"hf://{repo}@{commit} has no {MODEL}; it is no model in the zoo's format")
    except NotInFormat as error:
        commit, foreign = Repository(cache=cache, name=repo, registry=registry).recognised(hub, revision, error)
        needed = (*foreign.tables, *foreign.weights)
        sizes = hub.sizes(repo, commit, needed)

    def read(file: str) -> bytes:
        stream = io.BytesIO()
        hub.download(repo, commit, file, stream, most=most_bytes(CONFIG))
        return stream.getvalue()

    def header(file: str) -> Header:
        where = f"hf://{repo}@{commit}: {file}"
        return hub.beginning(repo, commit, file, sizes[file], lambda pieces: read_header(pieces, sizes[file], where))

    cached = all(cache.has(commit, file) for file in needed)
    return Contents(
        source="cache" if cached else "hub",
        origin=f"hf://{repo}@{commit}",
        path=cache.snapshot(commit) if cached else None,
        commit=commit,
        page=f"{hub.endpoint}/{repo}",
        revisions=tuple(hub.revisions(repo)),
        foreign=foreign,
        sizes=sizes,
        read=read,
        header=header,
    )
