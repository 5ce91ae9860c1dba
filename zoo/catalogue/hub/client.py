"""The Hub over HTTP: what it says of a file, and the file itself, bounded in bytes, time, redirects and attempts.

Requests go through the session of huggingface_hub, so that its endpoint, token, proxies and offline mode hold. Its
download function is not used: it hashes nothing, takes endless bodies, lets an ETag name a file and repeats no GET.
Whatever the client raises is translated here; its major versions use different HTTP libraries, and none is named.
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote, urlencode, urljoin, urlsplit

from zoo.catalogue.contract.names import COMMIT, REPO
from zoo.errors import IntegrityError, NetworkError, NotFoundError, WeightsError, ZooError
from zoo.settings import offline
from zoo.version import __version__

__all__ = ["Absent", "Digest", "Entry", "Hub", "is_offline"]

TAG = "genzoo"  # of every repository in the zoo's format
ETAG = re.compile(r'(?:W/)?"?([0-9a-f]{64}|[0-9a-f]{40})"?')
TRIES = 4
PAUSE = 0.5  # seconds before the second attempt, doubled before each further one
LONGEST_WAIT = 30.0  # seconds of a Retry-After that are waited for; beyond, the command fails and says so
MOST_REDIRECTS = 5
SLOWEST, GRACE = 1024, 30.0  # bytes a second a body must bring, once it has taken that many seconds
MOST_JSON = 8 * 2**20
T = TypeVar("T")


class Absent(NotFoundError):
    """The repository and revision are there, the file is not."""


class _Again(Exception):
    """An attempt failed in a way that another may not: `final` is raised after `tries` of them."""

    def __init__(self, final: ZooError, *, tries: int = TRIES, wait: float | None = None) -> None:
        super().__init__(str(final))
        self.final, self.tries, self.wait = final, tries, wait


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


def is_offline() -> bool:
    """Whether ZOO_OFFLINE or HF_HUB_OFFLINE forbids every request."""
    from huggingface_hub import constants

    return offline(os.environ) or constants.HF_HUB_OFFLINE


class Hub:
    """The Hub at HF_ENDPOINT. After it could not be reached once, further requests of the same object fail at once."""

    def __init__(self, *, sleep: Callable[[float], object] = time.sleep) -> None:
        from huggingface_hub import constants, get_session, get_token

        self.endpoint = constants.ENDPOINT.rstrip("/")
        self._timeouts = (float(constants.HF_HUB_ETAG_TIMEOUT), float(constants.HF_HUB_DOWNLOAD_TIMEOUT))
        try:
            self._session: Any = get_session()
            token = None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()
        except Exception as error:  # noqa: BLE001  a proxy, certificates or a token file that cannot be used
            kind = type(error).__name__
            raise NetworkError(f"the Hub's client cannot start ({kind}); check proxies, SSL_* and HF_*") from None
        self._token = {} if token is None else {"authorization": f"Bearer {token}"}
        self._sleep = sleep
        self._away: NetworkError | None = None

    # --- what can be asked -------------------------------------------------------------------------------------

    def look(self, repo: str, revision: str, file: str) -> Entry:
        """What the Hub says of a file: commit, size, digest.

        Raises Absent, NotFoundError for a repository or revision, NetworkError, IntegrityError for another commit
        than the one that was asked for.
        """
        url = self._url(repo, revision, file)

        def attempt() -> Entry:
            with self._request("HEAD", url, self._timeouts[0], follow=False) as (response, moved):
                _check_status(response, f"hf://{repo}@{revision}", file)
                return _entry(response.headers, repo, file, moved)

        entry = self._repeat(attempt)
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
            for piece in self._body(self._url(repo, commit, file), f"hf://{repo}@{commit}", file, entry.size):
                stream.write(piece)
                digest.update(piece)
            if (wanted := pin or entry.digest) is not None and not digest.is_one(wanted):
                what = "pinned is" if pin else "the Hub states"
                text = f"hf://{repo}@{commit}: {file} arrived with sha256 {digest.sha256}, {what} {wanted}"
                raise _Again(IntegrityError(f"{text}; do not use it, and tell its publisher"), tries=2)
            return digest

        digest = self._repeat(attempt)
        named = entry.digest if entry.digest is not None and digest.is_one(entry.digest) else digest.sha256
        return digest.sha256, named

    def json(self, path: str, **query: str) -> Any:
        """A JSON answer of the Hub's API, of at most 8 MiB. Raises NotFoundError, NetworkError."""
        url = f"{self.endpoint}{path}?{urlencode(query)}"

        def attempt() -> Any:
            blob = b""
            with self._request("GET", url, self._timeouts[0], follow=True) as (response, _):
                _check_status(response, self.endpoint, path)
                for piece in self._pieces(response):
                    blob += piece
                    if len(blob) > MOST_JSON:
                        raise NetworkError(f"{self.endpoint}{path} answers with more than {MOST_JSON:,} bytes")
            try:
                return json.loads(blob)
            except (ValueError, RecursionError):
                raise NetworkError(f"{self.endpoint}{path} answers with no JSON; is it a Hub?") from None

        return self._repeat(attempt)

    def search(self, pattern: str = "*") -> list[dict[str, Any]]:
        """The repositories tagged as the zoo's whose name matches: name, downloads, likes, updated.

        The pattern may have wildcards; without any it may stand anywhere in the name. Raises NetworkError.
        """
        literal = max(re.split(r"[*?\[\]]+", pattern), key=len)
        rows = self.json("/api/models", filter=TAG, limit="1000", **({"search": literal} if literal else {}))
        if not isinstance(rows, list):
            raise NetworkError(f"{self.endpoint} answers the search with no list; is it a Hub?")
        wanted = pattern if literal != pattern else f"*{pattern}*"
        found = []
        for row in rows:
            name = row.get("id") if isinstance(row, dict) else None
            tags = row.get("tags") or [TAG] if isinstance(name, str) else None
            if not isinstance(name, str) or not REPO.fullmatch(name) or not isinstance(tags, list) or TAG not in tags:
                continue
            if fnmatch.fnmatch(name, wanted) or fnmatch.fnmatch(name.partition("/")[2], wanted):
                figures = {key: row[key] if type(row.get(key)) is int else 0 for key in ("downloads", "likes")}
                found.append({"name": f"hf://{name}", **figures, "updated": str(row.get("lastModified", ""))[:10]})
        return sorted(found, key=lambda row: (-row["downloads"], row["name"]))

    # --- how it is asked ---------------------------------------------------------------------------------------

    def _url(self, repo: str, revision: str, file: str) -> str:
        return f"{self.endpoint}/{repo}/resolve/{quote(revision, safe='')}/{quote(file)}"

    def _repeat(self, attempt: Callable[[], T]) -> T:
        if self._away is not None:
            raise self._away
        for count in range(1, TRIES + 1):
            try:
                return attempt()
            except _Again as again:
                wait = PAUSE * 2 ** (count - 1) if again.wait is None else again.wait
                if count < again.tries and wait <= LONGEST_WAIT:
                    self._sleep(wait)
                    continue
                if again.tries < TRIES and isinstance(again.final, NetworkError):
                    self._away = again.final
                asked = f"; it asks to wait {wait:.0f} s, more than {LONGEST_WAIT:.0f}" if wait > LONGEST_WAIT else ""
                raise type(again.final)(f"{again.final}{asked}") from None
        raise AssertionError("unreachable")

    @contextlib.contextmanager
    def _request(self, method: str, url: str, timeout: float, *, follow: bool) -> Iterator[tuple[Any, str | None]]:
        """One answer, and where redirects on the Hub's own host led; without `follow` no other host is asked.

        The token goes to the origin of HF_ENDPOINT and nowhere else.
        """
        first = url
        for _ in range(MOST_REDIRECTS + 1):
            here = _origin(url) == _origin(self.endpoint)
            headers = {"accept-encoding": "identity", "user-agent": f"genzoo/{__version__}"}
            headers |= self._token if here else {}
            with contextlib.ExitStack() as stack:
                try:
                    options = {"headers": headers, "timeout": timeout, "follow_redirects": False}
                    response = stack.enter_context(self._session.stream(method, url, **options))
                except Exception as error:  # noqa: BLE001  what it is depends on the client's version
                    raise self._failure(error) from None
                target = response.headers.get("location") if 300 <= response.status_code < 400 else None
                after = None if target is None else self._next(url, target)
                told = not follow and "x-repo-commit" in response.headers and "x-linked-size" in response.headers
                if after is None or told or (not follow and _origin(after) != _origin(self.endpoint)):
                    yield response, url if here and url != first else None
                    return
                url = after
        raise NetworkError(f"{self.endpoint} redirects more than {MOST_REDIRECTS} times; check HF_ENDPOINT")

    def _next(self, url: str, target: str) -> str:
        try:
            after = urljoin(url, target)
            allowed = ("https",) if urlsplit(self.endpoint).scheme == "https" else ("https", "http")
            if urlsplit(after).scheme in allowed and _origin(after)[1]:
                return after
        except ValueError:
            pass
        raise NetworkError(f"{self.endpoint} redirects to what is no address of the web, or to an insecure one")

    def _failure(self, error: Exception) -> Exception:
        """What the client or its HTTP library raised, translated. Its own text may hold a token, and is not used."""
        kind = type(error).__name__
        if kind == "OfflineModeIsEnabled":
            return NetworkError("HF_HUB_OFFLINE forbids every request")
        if "Timeout" in kind:
            return _Again(NetworkError(f"{self.endpoint} did not answer in time ({kind}); check the network"), tries=1)
        if kind in ("ConnectError", "ProxyError"):
            return _Again(NetworkError(f"{self.endpoint} cannot be reached ({kind}); check the network"), tries=2)
        if kind in ("UnsupportedProtocol", "InvalidURL", "LocalProtocolError"):
            return NetworkError(f"{self.endpoint} cannot be asked ({kind}); check HF_ENDPOINT and the token")
        return _Again(NetworkError(f"{self.endpoint} broke the connection ({kind}); try again"))

    def _body(self, url: str, where: str, file: str, size: int) -> Iterator[bytes]:
        begun, got = time.monotonic(), 0
        with self._request("GET", url, self._timeouts[1], follow=True) as (response, _), _bar(file, size) as advance:
            _check_status(response, where, file)
            said = response.headers.get("content-length")
            if said is not None and said != str(size):
                raise _Again(NetworkError(f"{where}: {file} comes with {said!s:.30} bytes, announced were {size}"))
            if response.headers.get("content-encoding", "identity") != "identity":
                raise NetworkError(f"{where}: {file} comes compressed, which was not asked for")
            for piece in self._pieces(response):
                got += len(piece)
                if got > size:
                    raise _Again(NetworkError(f"{where}: {file} does not end at its {size:,} bytes"))
                yield piece
                advance(len(piece))
                if (passed := time.monotonic() - begun) > GRACE and got < SLOWEST * passed:
                    raise NetworkError(f"{where}: {file} comes at less than {SLOWEST} bytes a second; try again later")
            if got != size:
                raise _Again(NetworkError(f"{where}: {file} was cut at {got:,} of {size:,} bytes; try again"))

    def _pieces(self, response: Any) -> Iterator[bytes]:
        stream = response.iter_raw()
        while True:
            try:
                piece = next(stream, None)
            except Exception as error:  # noqa: BLE001
                raise self._failure(error) from None
            if piece is None:
                return
            yield piece


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)


def _entry(headers: Any, repo: str, file: str, moved: str | None) -> Entry:
    commit, size = headers.get("x-repo-commit", ""), headers.get("x-linked-size") or headers.get("content-length", "")
    if not COMMIT.fullmatch(commit):
        raise NetworkError(f"hf://{repo}: the answer comes from no Hub (a log-in page?); check the network")
    if not re.fullmatch(r"[0-9]{1,15}", size):
        raise NetworkError(f"hf://{repo}@{commit}: the Hub does not say how large {file} is")
    etag = ETAG.fullmatch(headers.get("x-linked-etag") or headers.get("etag", ""))
    found = None if moved is None else re.fullmatch(r"/([\w.-]+/[\w.-]+)/resolve/.*", urlsplit(moved).path)
    other = found[1] if found is not None and found[1] != repo else None
    return Entry(commit=commit, size=int(size), digest=etag and etag[1], moved=other)


def _wait(headers: Any) -> float | None:
    """Seconds of a Retry-After header, as a number or a date; None where there is none that can be meant."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _check_status(response: Any, where: str, file: str) -> None:
    """Raise what a status other than success means."""
    status, code = response.status_code, response.headers.get("x-error-code", "")
    if status < 400:
        return
    if code == "GatedRepo":
        raise NotFoundError(f"{where} is gated: ask for access on its page, then log in (hf auth login)")
    if code == "RevisionNotFound":
        raise NotFoundError(f"{where}: there is no such revision; check what stands after '@'")
    if code == "RepoNotFound" or status == 401:
        advice = "check the name, or log in (hf auth login) if it is private"
        raise NotFoundError(f"{where}: there is no such public repository; {advice}")
    if status in (404, 410):
        raise Absent(f"{where} has no {file}")
    if status in (408, 429) or status >= 500:
        reason = "too many requests" if status == 429 else f"error {status}"
        raise _Again(NetworkError(f"{where}: the Hub answers {reason}; try again later"), wait=_wait(response.headers))
    raise NetworkError(f"{where}: the Hub refuses ({status}); the repository may be disabled or need another token")


@contextlib.contextmanager
def _bar(file: str, size: int) -> Iterator[Callable[[int], object]]:
    """A bar on a terminal, unless HF_HUB_DISABLE_PROGRESS_BARS forbids it."""
    from huggingface_hub import constants
    from tqdm import tqdm

    disable = True if constants.HF_HUB_DISABLE_PROGRESS_BARS else None
    with tqdm(total=size, desc=file, unit="B", unit_scale=True, leave=False, disable=disable) as bar:
        yield bar.update
