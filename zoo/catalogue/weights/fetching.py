"""The files of a model on the Hub, complete in its cache: fetched where they are not there or damaged."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from zoo.catalogue.contract.names import COMMIT
from zoo.catalogue.weights.folder import CARD, CONFIG, EVALUATION, FILES, MODEL, Folder, most_bytes, parse_config
from zoo.errors import (
    NetworkError,
    NotFoundError,
    StorageError,
    UsageError,
    ZooError,
)
from zoo.files import hashes_of, storage_errors

if TYPE_CHECKING:
    from zoo.catalogue.hub.access import Access
    from zoo.catalogue.hub.cache import RepoCache
    from zoo.catalogue.hub.client import Hub


__all__ = ["NotInFormat", "fetch", "hub_folder_of", "in_format", "is_good", "never", "usable", "warn"]


class NotInFormat(NotFoundError):
    """A repository that is no model in the zoo's format."""


def _say(text: str) -> None:
    import logging  # not needed for a bundled model

    logging.getLogger("zoo").info("%s", text)


def warn(text: str) -> None:
    """Warn of what was done otherwise than asked, in one line."""
    warnings.warn(text, stacklevel=2)


def hub_folder_of(repo: str, name: str, pins: Mapping[str, str], access: Access) -> Folder:
    """The files of the format, and nothing else, in the Hub's own cache; fetched where they are not there."""
    from zoo.catalogue.hub.cache import RepoCache
    from zoo.catalogue.hub.client import Hub

    cache, revision = RepoCache(access.cache, repo), access.revision
    hub = None if access.offline else functools.cache(lambda: Hub(access.token))  # opened where it is asked first
    if access.force and hub is None:
        raise UsageError(f"{name} cannot be fetched anew and offline; leave one of them out")
    if revision is not None and COMMIT.fullmatch(revision):
        commit = revision
        _complete(hub, cache, commit, pins)
    else:
        commit = _follow(hub, cache, revision or "main")
        _say(f"{name} is commit {commit}")
    if access.force and hub is not None:
        there = [file for file in (*FILES, CARD, EVALUATION) if cache.has(commit, file)]
        fetch(hub, cache, commit, there, pins, never)
    folder = _in_cache(cache, commit, name, pins)

    def repair(file: str, error: ZooError) -> Folder:
        if hub is None:
            raise error
        try:
            fetch(hub, cache, commit, [file], pins, is_good)
        except (NetworkError, StorageError) as failure:
            raise type(error)(f"{error}; it cannot be fetched anew: {failure}") from None
        return _in_cache(cache, commit, name, pins)

    return replace(folder, repair=repair)


def _in_cache(cache: RepoCache, commit: str, name: str, pins: Mapping[str, str]) -> Folder:
    """A commit's files as they are in the cache, each held to its pin, or else to the digest that the Hub stated."""
    unpinned = [CARD, EVALUATION] if pins else [*FILES, CARD, EVALUATION]
    return Folder(
        name=name,
        path=cache.snapshot(commit),
        pins=pins,
        digests={file: digest for file in unpinned if (digest := cache.digest(commit, file))},
        source="hub",
        commit=commit,
        origin=f"hf://{cache.repo}@{commit}",
    )


def _follow(hub: Callable[[], Hub] | None, cache: RepoCache, revision: str) -> str:
    """The commit of a branch or tag, complete in the cache: the Hub's, or the one last found where the Hub is away."""
    known = cache.ref(revision)
    if hub is None:
        if known is None:
            raise NetworkError(f"hf://{cache.repo}@{revision} is not in the cache, and being offline was asked for")
        _complete(None, cache, known, {})
        return known
    if known is not None and not all(usable(cache, known, file, {}) for file in (CONFIG, MODEL)):
        known = None
    try:
        with in_format(cache.repo, revision):
            entry = hub().look(cache.repo, revision, CONFIG)
        _complete(hub, cache, entry.commit, {})
    except (NetworkError, StorageError) as error:
        if known is None:
            raise
        warn(f"{error}; using commit {known} of hf://{cache.repo} from the cache")
        return known
    if entry.moved is not None:
        warn(f"hf://{cache.repo} is now hf://{entry.moved}; make sure that it is still whom you trust")
    with contextlib.suppress(StorageError):  # a cache that cannot be written
        cache.set_ref(revision, entry.commit)
    return entry.commit


def _complete(hub: Callable[[], Hub] | None, cache: RepoCache, commit: str, pins: Mapping[str, str]) -> None:
    """Fetch what the cache lacks of a commit: what is pinned, or else the files of the format; and the card."""
    needed = list(pins) or [CONFIG, MODEL]
    missing = [file for file in needed if not usable(cache, commit, file, pins)]
    if missing and hub is None:
        raise _not_at_hand(cache, commit, missing)
    more = [file for file in ([] if pins else FILES) if file not in needed] + [CARD, EVALUATION]
    more = [file for file in more if not usable(cache, commit, file, {}) and not cache.lacks(commit, file)]
    if hub is None or (not missing and (pins or not more)):
        return
    if missing:
        with in_format(cache.repo, commit):
            fetch(hub, cache, commit, missing, pins)
    for file in more:
        try:
            fetch(hub, cache, commit, [file], pins)
        except NotFoundError:
            with contextlib.suppress(StorageError):
                cache.set_lacks(commit, file)
        except (NetworkError, StorageError):  # what is needed is there
            return


def _not_at_hand(cache: RepoCache, commit: str, missing: list[str]) -> NetworkError:
    """That a commit cannot be used offline: its files are not there, or nothing says which bytes they must hold."""
    where, unknown = f"hf://{cache.repo}@{commit}", [file for file in missing if cache.has(commit, file)]
    if unknown == missing:
        advice = "no link or note says what they must hold; `zoo pull` it once with the network"
        return NetworkError(f"{where}: {', '.join(missing)} lie in the cache unchecked: {advice}")
    return NetworkError(f"{where}: {', '.join(missing)} not in the cache, and being offline was asked for")


@contextlib.contextmanager
def in_format(repo: str, revision: str) -> Iterator[None]:
    """Where the Hub lacks a file in the block: say that the repository is no model in the zoo's format."""
    from zoo.catalogue.hub.transport import Absent

    try:
        yield
    except Absent as error:
        advice = "it is no model in the zoo's format (pickled weights are never loaded)"
        raise NotInFormat(f"{error}; {advice}") from None


def usable(cache: RepoCache, commit: str, file: str, pins: Mapping[str, str]) -> bool:
    """Whether the cache has a file and something says which bytes it must hold."""
    return cache.has(commit, file) and (file in pins or cache.digest(commit, file) is not None)


def is_good(cache: RepoCache, commit: str, file: str, pins: Mapping[str, str]) -> bool:
    """Whether a file holds the bytes it must."""
    path, wanted = cache.snapshot(commit) / file, pins.get(file) or cache.digest(commit, file)
    with contextlib.suppress(OSError):
        return wanted is not None and path.stat().st_size <= most_bytes(file) and wanted in hashes_of(path, wanted)
    return False


def never(*_: object) -> bool:
    """For `fetch`: whatever is there is fetched anew."""
    return False


def _is_stated(hub: Hub, cache: RepoCache, commit: str, file: str) -> bool:
    """Whether a file of which nothing says what it must hold is what the Hub states; that is noted then."""
    if not cache.has(commit, file) or cache.digest(commit, file) is not None:
        return False
    stated = hub.look(cache.repo, commit, file).digest
    if stated is None or not is_good(cache, commit, file, {file: stated}):
        return False
    cache.set_digest(commit, file, stated)
    return True


def fetch(
    hub: Callable[[], Hub],
    cache: RepoCache,
    commit: str,
    files: list[str],
    pins: Mapping[str, str],
    enough: Callable[[RepoCache, str, str, Mapping[str, str]], bool] = usable,
    *,
    ours: bool = True,
) -> None:
    """Download files into the cache, one process at a time: those that are not `enough` when their turn comes.

    Of a repository in the zoo's format (`ours`) the config is looked at before it is kept.
    """
    with cache.lock():
        cache.drop_unfinished()
        for file in files:
            if enough(cache, commit, file, pins):  # another process was faster
                continue
            if enough is usable and _is_stated(hub(), cache, commit, file):  # another program was
                continue
            with storage_errors(f"cannot write the Hub's cache {cache.folder}"), cache.writing() as (stream, aside):
                _, named = hub().download(cache.repo, commit, file, stream, most=most_bytes(file), pin=pins.get(file))
                if file == CONFIG and not pins and ours:  # before it is kept, and before anything big is taken
                    stream.seek(0)
                    parse_config(stream.read(), f"hf://{cache.repo}@{commit}: {CONFIG}")
                cache.keep(stream, aside, commit, file, named)
