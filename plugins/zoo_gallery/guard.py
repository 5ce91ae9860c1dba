"""Who may ask: whoever has the token, by a name of this machine; and what the page may do with the answer."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HEADERS", "Guard"]

# Pictures and sounds stand in the page itself, as data: addresses; nothing else comes from anywhere but this server.
POLICY = "; ".join(
    [
        *("default-src 'self'", "img-src 'self' data:", "media-src 'self' data:"),
        *("object-src 'none'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"),
    ]
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
NEXT = "open the link that `zoo gallery` printed"


class Guard:
    """Lets requests through to `app` that name this machine and bear the token, in the address or in a cookie."""

    def __init__(self, app: ASGIApp, *, token: str, cookie: str, hosts: Iterable[str], any_address: bool) -> None:
        """`cookie` is its name. `hosts` are the names by which the server may be asked, lower case and without a port;
        with `any_address` a number is one too.
        """
        self.app, self.token, self.cookie = app, token, cookie
        self.hosts, self.any_address = frozenset(hosts), any_address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        refusal = self._refusal(Request(scope))
        await (refusal or self.app)(scope, receive, with_headers)

    def _refusal(self, request: Request) -> Response | None:
        """The answer to a request that goes no further; None for one that does."""
        if not self._is_here(request.headers.get("host", "")):
            return _message(f"this gallery is not asked for under that name; {NEXT}, or add --allow-host", 421)
        if not self._is_same_origin(request.headers):
            return _message(f"another page asked; {NEXT}", 403)
        given = request.query_params.get("token")
        if given is not None and request.method == "GET" and self._is_token(given):
            answer = RedirectResponse(request.url.path, 303)  # so that it does not stay in the address
            answer.set_cookie(self.cookie, self.token, httponly=True, samesite="strict", path="/")
            return answer
        if not self._is_token(request.cookies.get(self.cookie, "")):
            return _message(f"this gallery asks for its token, a new one at each start; {NEXT}", 401)
        return None

    def _is_token(self, text: str) -> bool:
        return secrets.compare_digest(text.encode(), self.token.encode())

    def _is_here(self, host: str) -> bool:
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        name = name.strip("[]").lower()
        if name in self.hosts:
            return True
        try:
            return bool(ipaddress.ip_address(name)) and self.any_address
        except ValueError:
            return False

    @staticmethod
    def _is_same_origin(headers: Headers) -> bool:
        origin = headers.get("origin")
        return origin is None or origin.partition("://")[2] == headers.get("host")


def _message(text: str, status: int) -> Response:
    return JSONResponse({"message": text}, status)
