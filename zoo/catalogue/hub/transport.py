"""Requests to the Hub: bounded in bytes, time, redirects and attempts, and every failure translated.

Requests go through the session of huggingface_hub, so that its endpoint, token, proxies and offline mode hold. Whatever
the client raises is translated here; its major versions use different HTTP libraries, and none is named.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

from zoo.catalogue.hub.settings import hub_settings
from zoo.errors import NetworkError, NotFoundError, StorageError, UsageError, ZooError
from zoo.settings import offline
from zoo.version import __version__

__all__ = ["Absent", "Again", "Transport", "is_offline"]

TRIES = 4
PAUSE = 0.5  # seconds before the second attempt, doubled before each further one
LONGEST_WAIT = 30.0  # seconds of a Retry-After that are waited for; beyond, the command fails and says so
MOST_REDIRECTS = 5
SLOWEST, GRACE = 1024, 30.0  # bytes a second a body must bring, once it has taken that many seconds
T = TypeVar("T")


class Absent(NotFoundError):
    """The repository and revision are there, the file is not."""


class Again(Exception):
    """An attempt failed in a way that another may not: `final` is raised after `tries` of them."""

    def __init__(self, final: ZooError, *, tries: int = TRIES, wait: float | None = None) -> None:
        super().__init__(str(final))
        self.final, self.tries, self.wait = final, tries, wait


def is_offline() -> bool:
    """Whether ZOO_OFFLINE or HF_HUB_OFFLINE forbids every request."""
    return offline(os.environ) or bool(hub_settings().HF_HUB_OFFLINE)


class Transport:
    """Requests to HF_ENDPOINT. After it could not be reached once, further requests of the same object fail at once.

    `token` is a token, None (HF_TOKEN or the one of the log-in), True (the same, and there must be one) or False.
    """

    def __init__(self, token: str | bool | None = None, *, sleep: Callable[[float], object] = time.sleep) -> None:
        constants = hub_settings()
        from huggingface_hub import get_session

        self.endpoint = constants.ENDPOINT.rstrip("/")
        self._timeouts = (float(constants.HF_HUB_ETAG_TIMEOUT), float(constants.HF_HUB_DOWNLOAD_TIMEOUT))
        try:
            self._session: Any = get_session()
        except ImportError as error:  # a SOCKS proxy, say: the client's own text names the package
            raise NetworkError(f"the Hub's client cannot start: {str(error).rstrip('.')}") from None
        except Exception as error:  # noqa: BLE001  certificates that cannot be used, say
            kind = type(error).__name__
            raise NetworkError(f"the Hub's client cannot start ({kind}); check proxies, SSL_* and HF_*") from None
        found = _token(token)
        self._advice = "give another" if isinstance(token, str) else "log in (hf auth login), or unset HF_TOKEN"
        self._token = {} if found is None else {"authorization": f"Bearer {found}"}
        self._sleep = sleep
        self._away: NetworkError | None = None

    def repeat(self, attempt: Callable[[], T]) -> T:
        """What `attempt` gives, tried again after a pause where it raises Again."""
        if self._away is not None:
            raise self._away
        for count in range(1, TRIES + 1):
            try:
                return attempt()
            except Again as again:
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
    def request(
        self, method: str, url: str, *, download: bool = False, follow: bool = True
    ) -> Iterator[tuple[Any, str | None]]:
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
                    options = {"headers": headers, "timeout": self._timeouts[download], "follow_redirects": False}
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
            return Again(NetworkError(f"{self.endpoint} did not answer in time ({kind}); check the network"), tries=1)
        if kind in ("ConnectError", "ProxyError"):
            return Again(NetworkError(f"{self.endpoint} cannot be reached ({kind}); check the network"), tries=2)
        if kind in ("UnsupportedProtocol", "InvalidURL", "LocalProtocolError"):
            return NetworkError(f"{self.endpoint} cannot be asked ({kind}); check HF_ENDPOINT and the token")
        return Again(NetworkError(f"{self.endpoint} broke the connection ({kind}); try again"))

    def check(self, response: Any, where: str, file: str) -> None:
        """Raise what a status other than success means."""
        status, code = response.status_code, response.headers.get("x-error-code", "")
        if status < 400:
            return
        if code == "GatedRepo":
            raise NotFoundError(f"{where} is gated: ask for access on its page, then log in (hf auth login)")
        if status == 401 and self._token:  # whatever the repository is
            advice = f"{self._advice}: a public repository needs none"
            raise NetworkError(f"{where}: the Hub refuses the token, which may have expired; {advice}")
        if code == "RevisionNotFound":
            raise NotFoundError(f"{where}: there is no such revision; check what stands after '@'")
        if code == "RepoNotFound" or status == 401:
            advice = "check the name, or log in (hf auth login) if it is private"
            raise NotFoundError(f"{where}: there is no such public repository; {advice}")
        if status in (404, 410) and code:
            raise Absent(f"{where} has no {file}")
        if status in (404, 410):
            raise NetworkError(f"{where}: {self.endpoint} answers {status} as no Hub does; check HF_ENDPOINT")
        if status in (408, 429) or status >= 500:
            reason = "too many requests" if status == 429 else f"error {status}"
            raise Again(
                NetworkError(f"{where}: the Hub answers {reason}; try again later"), wait=_wait(response.headers)
            )
        raise NetworkError(f"{where}: the Hub refuses ({status}); the repository may be disabled or need another token")

    def body(self, url: str, where: str, file: str, size: int) -> Iterator[bytes]:
        """The bytes of a file, piece by piece, no more and no fewer than `size`, and not endlessly slowly."""
        begun, got = time.monotonic(), 0
        with self.request("GET", url, download=True) as (response, _), _bar(file, size) as advance:
            self.check(response, where, file)
            said = response.headers.get("content-length")
            if said is not None and said != str(size):
                raise Again(NetworkError(f"{where}: {file} comes with {said!s:.30} bytes, announced were {size}"))
            if response.headers.get("content-encoding", "identity") != "identity":
                raise NetworkError(f"{where}: {file} comes compressed, which was not asked for")
            for piece in self.pieces(response):
                got += len(piece)
                if got > size:
                    raise Again(NetworkError(f"{where}: {file} does not end at its {size:,} bytes"))
                yield piece
                advance(len(piece))
                if (passed := time.monotonic() - begun) > GRACE and got < SLOWEST * passed:
                    raise NetworkError(f"{where}: {file} comes at less than {SLOWEST} bytes a second; try again later")
            if got != size:
                raise Again(NetworkError(f"{where}: {file} was cut at {got:,} of {size:,} bytes; try again"))

    def pieces(self, response: Any) -> Iterator[bytes]:
        """The bytes of an answer as they come."""
        stream = response.iter_raw()
        while True:
            try:
                piece = next(stream, None)
            except Exception as error:  # noqa: BLE001
                raise self._failure(error) from None
            if piece is None:
                return
            yield piece


def _token(given: str | bool | None) -> str | None:
    """The token to send. Raises UsageError where one must be there and is not, StorageError for its file."""
    constants = hub_settings()
    from huggingface_hub import get_token

    if given is False or (given is None and constants.HF_HUB_DISABLE_IMPLICIT_TOKEN):
        return None
    if isinstance(given, str):
        return given
    try:
        found = get_token()
    except (OSError, ValueError) as error:  # another user's, or no text
        path, kind = constants.HF_TOKEN_PATH, type(error).__name__
        raise StorageError(f"{path} cannot be read ({kind}): set HF_TOKEN_PATH or HF_HOME to one of your own") from None
    if given is True and found is None:
        raise UsageError("token=True needs a token, and there is none; log in (hf auth login), or set HF_TOKEN")
    return found


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)


def _wait(headers: Any) -> float | None:
    """Seconds of a Retry-After header, as a number or a date; None where there is none that can be meant."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


@contextlib.contextmanager
def _bar(file: str, size: int) -> Iterator[Callable[[int], object]]:
    """A bar on a terminal, unless HF_HUB_DISABLE_PROGRESS_BARS forbids it."""
    from tqdm import tqdm

    disable = True if hub_settings().HF_HUB_DISABLE_PROGRESS_BARS else None
    with tqdm(total=size, desc=file, unit="B", unit_scale=True, leave=False, disable=disable) as bar:
        yield bar.update
