"""The verb `zoo gallery`: a server, until it is interrupted."""

from __future__ import annotations

import argparse
import errno
import re
import secrets
import socket
import tempfile
import webbrowser
from pathlib import Path

import uvicorn

from zoo.cli import say
from zoo.errors import StorageError, UsageError
from zoo_gallery.app import Gallery
from zoo_gallery.command import HOST, PORT
from zoo_gallery.guard import Guard
from zoo_gallery.jobs import Workshop

__all__ = ["run"]

TOKEN = re.compile(r"[A-Za-z0-9_-]{8,128}")
TRIED = 20  # ports after the usual one
HERE = ("127.0.0.1", "localhost", "::1")


def run(arguments: argparse.Namespace) -> None:
    """Serve the gallery. Raises UsageError, and StorageError for an address that cannot be had."""
    token = secrets.token_urlsafe(24) if arguments.token is None else arguments.token
    if not TOKEN.fullmatch(token):
        raise UsageError("--token takes 8 to 128 letters, digits, - and _")
    aside = tempfile.TemporaryDirectory(prefix="zoo-gallery-", ignore_cleanup_errors=True)
    with _listening(arguments.host, arguments.port) as listener, aside as folder:
        port = listener.getsockname()[1]
        gallery = Gallery(Path(folder), Workshop(Path(folder)), models=arguments.models)
        hosts = {*HERE, arguments.host.lower(), socket.gethostname().lower(), *map(str.lower, arguments.allow_host)}
        here = arguments.host in HERE
        guard = Guard(
            gallery.app,
            token=token,
            cookie=f"zoo-gallery-{port}",
            hosts={*HERE, *map(str.lower, arguments.allow_host)} if here else hosts,
            any_address=not here,
        )
        link = f"http://{_name(arguments.host)}:{port}/?token={token}"
        say(f"The gallery is at {link}\nIt ends with Ctrl-C.")
        if not here:
            say(f"{arguments.host}: whoever can reach this machine and has the link may use it; nothing is encrypted.")
        if arguments.open:
            webbrowser.open(link)
        config = uvicorn.Config(
            guard,
            log_level="warning",
            access_log=False,  # it would hold the token
            server_header=False,
            http="h11",
            ws="none",
            timeout_graceful_shutdown=1,
        )
        uvicorn.Server(config).run(sockets=[listener])


def _name(host: str) -> str:
    name = HOST if host in ("0.0.0.0", "::") else host
    return f"[{name}]" if ":" in name else name


def _listening(host: str, port: int | None) -> socket.socket:
    """A socket that listens: where no port is asked for, on the usual one or the next that is free."""
    if port is not None and not 0 <= port <= 65535:
        raise UsageError(f"--port is {port}; it must be a whole number from 0 to 65535")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    wanted = [port] if port is not None else [*range(PORT, PORT + TRIED)]
    for number in wanted:
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, number))
            listener.listen(128)
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE or number == wanted[-1]:
                cause = error.strerror or error
                text = f"cannot listen on {host}:{number}: {cause}; name another --port or --host"
                raise StorageError(text) from error
        else:
            return listener
    raise AssertionError("no port was tried")
