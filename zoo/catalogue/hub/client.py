"""What the Hub can be asked: of a file, for the file itself, for models in the zoo's format.

The download function of huggingface_hub is not used: it hashes nothing, takes endless bodies, lets an ETag name a file
and repeats no GET. What is downloaded here is held to the pinned sha256, or to the digest that the Hub states.
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from zoo.catalogue.contract.names import COMMIT, INSIDE, REPO
from zoo.catalogue.hub.transport import Absent, Again, Transport
from zoo.errors import IntegrityError, NetworkError, WeightsError

__all__ = ["Digest", "Entry", "Hub"]

T = TypeVar("T")

TAG = "genzoo"  # of every repository in the zoo's format
ETAG = re.compile(r'(?:W/)?"?([0-9a-f]{64}|[0-9a-f]{40})"?')
MOST_JSON = 8 * 2**20


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What the Hub says of a file before its body is taken."""

    commit: str
    size: int
    digest: str | None  # 64 hex digits: sha256; 40: Git's blob id; None where the ETag is neither
    moved: str | None  # where a renamed repository was found


class Digest:
    """The hashes of a file that is read piece by piece: sha256, and where `like` has 40 digits Git's and plain sha1."""

    def __init__(self, like: str | None, size: int) -> None:
        self.hashes = [hashlib.sha256()]
        if like is not None and len(like) == 40:
            self.hashes += [hashlib.sha1(b"blob %d\0" % size), hashlib.sha1()]

    def update(self, piece: bytes | bytearray) -> None:
        """Take the next bytes."""
        for one in self.hashes:
            one.update(piece)

    @property
    def sha256(self) -> str:
        """The sha256 so far."""
        return self.hashes[0].hexdigest()

    def is_one(self, wanted: str) -> bool:
        """Whether one of the hashes is `wanted`."""
        return wanted in [one.hexdigest() for one in self.hashes]


class Hub:
    """The Hub at HF_ENDPOINT. After it could not be reached once, further requests of the same object fail at once."""

    def __init__(self, token: str | bool | None = None, *, sleep: Callable[[float], object] = time.sleep) -> None:
        self.transport = Transport(token, sleep=sleep)
        self.endpoint = self.transport.endpoint

    def look(self, repo: str, revision: str, file: str) -> Entry:
        """What the Hub says of a file: commit, size, digest.

        Raises Absent, NotFoundError for a repository or revision, NetworkError, IntegrityError for another commit
        than the one that was asked for.
        """
        url = self._url(repo, revision, file)

        def attempt() -> Entry:
            with self.transport.request("HEAD", url, follow=False) as (response, moved):
                self.transport.check(response, f"hf://{repo}@{revision}", file)
                if not COMMIT.fullmatch(response.headers.get("x-repo-commit", "")):
                    advice = "(a log-in page?); check the network and HF_ENDPOINT"
                    raise NetworkError(f"hf://{repo}: {self.endpoint} answers as no Hub does {advice}")
                return _entry(response.headers, repo, file, moved)

        entry = self.transport.repeat(attempt)
        if COMMIT.fullmatch(revision) and entry.commit != revision:
            raise IntegrityError(f"hf://{repo}@{revision}: the Hub answers with another commit, {entry.commit}")
        return entry

    def download(
        self, repo: str, commit: str, file: str, stream: BinaryIO, *, most: int, pin: str | None = None
    ) -> tuple[str, str]:
        """Write a file to `stream`; gives its sha256, and the digest the cache may name it by.

        The bytes must have the pinned sha256, or else the digest the Hub states. Raises what `look` raises,
        WeightsError for a file of more than `most` bytes, IntegrityError for other bytes, OSError of the stream.
        """
        entry = self.look(repo, commit, file)
        if entry.size > most:
            raise WeightsError(f"hf://{repo}@{commit}: {file} has {entry.size:,} bytes, allowed are {most:,}")

        def attempt() -> Digest:
            stream.seek(0)
            stream.truncate()
            digest = Digest(entry.digest, entry.size)
            for piece in self.transport.body(self._url(repo, commit, file), f"hf://{repo}@{commit}", file, entry.size):
                stream.write(piece)
                digest.update(piece)
            if (wanted := pin or entry.digest) is not None and not digest.is_one(wanted):
                what = "pinned is" if pin else "the Hub states"
                text = f"hf://{repo}@{commit}: {file} arrived with sha256 {digest.sha256}, {what} {wanted}"
                raise Again(IntegrityError(f"{text}; do not use it, and tell its publisher"), tries=2)
            return digest

        digest = self.transport.repeat(attempt)
        named = entry.digest if entry.digest is not None and digest.is_one(entry.digest) else digest.sha256
        return digest.sha256, named

    def sizes(self, repo: str, commit: str, files: Iterable[str]) -> dict[str, int]:
        """The size in bytes of each of these files that is there. Raises what `look` raises for the others."""
        found = {}
        for file in files:
            with contextlib.suppress(Absent):
                found[file] = self.look(repo, commit, file).size
        return found

    def beginning(self, repo: str, commit: str, file: str, size: int, read: Callable[[Iterator[bytes]], T]) -> T:
        """What `read` makes of a file's pieces, of which no more are fetched than it takes: to be shown, not loaded."""
        url, where = self._url(repo, commit, file), f"hf://{repo}@{commit}"
        return self.transport.repeat(lambda: read(self.transport.body(url, where, file, size)))

    def files(self, repo: str, revision: str) -> tuple[str, tuple[str, ...]]:
        """The commit that a revision stands at, and the names of its files. Raises NotFoundError, NetworkError."""
        answer = self.json(f"/api/models/{repo}/revision/{quote(revision, safe='')}")
        commit, rows = (answer.get(key) if isinstance(answer, dict) else None for key in ("sha", "siblings"))
        if not isinstance(commit, str) or not COMMIT.fullmatch(commit) or not isinstance(rows, list):
            raise NetworkError(f"hf://{repo}@{revision}: the Hub does not say which files there are")
        names = (row.get("rfilename") for row in rows if isinstance(row, dict))
        return commit, tuple(sorted(name for name in names if isinstance(name, str) and INSIDE.fullmatch(name)))

    def revisions(self, repo: str) -> list[dict[str, str]]:
        """The branches and tags of a repository: name, kind ("branch" or "tag") and commit. Raises NetworkError."""
        answer = self.json(f"/api/models/{repo}/refs")
        kinds = {"branches": "branch", "tags": "tag"}
        rows = [
            (kinds[key], row) for key in kinds for row in (answer.get(key) if isinstance(answer, dict) else []) or []
        ]
        return [
            {"name": row["name"], "kind": kind, "commit": row["targetCommit"]}
            for kind, row in rows
            if isinstance(row, dict)
            and isinstance(row.get("name"), str)
            and COMMIT.fullmatch(str(row.get("targetCommit")))
        ]

    def json(self, path: str, **query: str) -> Any:
        """A JSON answer of the Hub's API, of at most 8 MiB. Raises NotFoundError, NetworkError."""
        url = f"{self.endpoint}{path}?{urlencode(query)}"

        def attempt() -> Any:
            blob = b""
            with self.transport.request("GET", url) as (response, _):
                self.transport.check(response, self.endpoint, path)
                for piece in self.transport.pieces(response):
                    blob += piece
                    if len(blob) > MOST_JSON:
                        raise NetworkError(f"{self.endpoint}{path} answers with more than {MOST_JSON:,} bytes")
            try:
                return json.loads(blob)
            except (ValueError, RecursionError):
                raise NetworkError(f"{self.endpoint}{path} answers with no JSON; is it a Hub?") from None

        return self.transport.repeat(attempt)

    def _url(self, repo: str, revision: str, file: str) -> str:
        return f"{self.endpoint}/{repo}/resolve/{quote(revision, safe='')}/{quote(file)}"

    def search(self, pattern: str = "*", *, tag: str = TAG) -> list[dict[str, Any]]:
        """The repositories with a tag, the zoo's own, whose name matches: name, downloads, likes, updated.

        The pattern may have wildcards; without any it may stand anywhere in the name. Raises NetworkError.
        """
        literal = max(re.split(r"[*?\[\]]+", pattern), key=len)
        rows = self.json("/api/models", filter=tag, limit="1000", **({"search": literal} if literal else {}))
        if not isinstance(rows, list):
            raise NetworkError(f"{self.endpoint} answers the search with no list; is it a Hub?")
        wanted = pattern if literal != pattern else f"*{pattern}*"
        found = []
        for row in rows:
            name = row.get("id") if isinstance(row, dict) else None
            tags = row.get("tags") or [tag] if isinstance(name, str) else None
            if not isinstance(name, str) or not REPO.fullmatch(name) or not isinstance(tags, list) or tag not in tags:
                continue
            if fnmatch.fnmatch(name, wanted) or fnmatch.fnmatch(name.partition("/")[2], wanted):
                figures = {key: row[key] if type(row.get(key)) is int else 0 for key in ("downloads", "likes")}
                found.append({"name": f"hf://{name}", **figures, "updated": str(row.get("lastModified", ""))[:10]})
        return sorted(found, key=lambda row: (-row["downloads"], row["name"]))


def _entry(headers: Any, repo: str, file: str, moved: str | None) -> Entry:
    commit, size = headers.get("x-repo-commit", ""), headers.get("x-linked-size") or headers.get("content-length", "")
    if not re.fullmatch(r"[0-9]{1,15}", size):
        raise NetworkError(f"hf://{repo}@{commit}: the Hub does not say how large {file} is")
    etag = ETAG.fullmatch(headers.get("x-linked-etag") or headers.get("etag", ""))
    found = None if moved is None else re.fullmatch(r"/([\w.-]+/[\w.-]+)/resolve/.*", urlsplit(moved).path)
    other = found[1] if found is not None and found[1] != repo else None
    return Entry(commit=commit, size=int(size), digest=etag and etag[1], moved=other)
