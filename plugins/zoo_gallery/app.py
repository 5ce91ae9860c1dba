"""The pages and the questions they ask: what is where under the server's address. No torch."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from zoo.configs import decode, strict_json
from zoo.errors import NotFoundError, UsageError, ZooError
from zoo.web import ASSETS, asset
from zoo_gallery.asked import Asked
from zoo_gallery.catalogue import catalogue, preview
from zoo_gallery.jobs import Busy, Job, Workshop
from zoo_gallery.uploads import TooLarge, receive

__all__ = ["Gallery"]

PAGES = Path(__file__).parent / "pages"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
MOST_ASKED = 300_000  # bytes of one question


class _Events(StreamingResponse):
    """What becomes of a job, a line of JSON each; it is dropped when the page that asked goes."""

    def __init__(self, job: Job) -> None:
        super().__init__(_lines(job), media_type="application/x-ndjson")
        self.job = job

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.job.drop()


async def _lines(job: Job) -> AsyncIterator[str]:
    async for event in job.told():
        yield json.dumps(event) + "\n"


class Gallery:
    """The application: `app` is what a server runs."""

    def __init__(self, folder: Path, workshop: Workshop, *, models: Sequence[str] = ()) -> None:
        """`folder` holds what is sent and what is given back, and goes when it ends; `models` are shown beside the
        catalogue's.
        """
        self.folder, self.workshop, self.models = folder, workshop, tuple(models)
        self.start = secrets.token_hex(8)  # by which a page sees that the server is another one
        self.names: frozenset[str] = frozenset()
        self.previews: dict[str, str] = {}
        routes = [
            Route("/", self._page),
            Route("/pages/{name}", self._page),
            Route("/api/health", self._health),
            Route("/api/catalogue", self._catalogue),
            Route("/api/preview", self._preview),
            Route("/api/run", self._run, methods=["POST"]),
            Route("/api/upload", self._upload, methods=["POST"]),
            Route("/api/file", self._file),
            Route("/api/download", self._download),
        ]
        self.app = Starlette(routes=routes, lifespan=self._lifespan, exception_handlers={ZooError: _refused})

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        working = asyncio.create_task(self.workshop.work())
        try:
            yield
        finally:
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working
            shutil.rmtree(self.folder, ignore_errors=True)  # here, as SIGTERM leaves no time after the server

    async def _page(self, request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        known = {path.name for path in PAGES.iterdir()}
        if name not in known and name not in ASSETS:
            raise NotFoundError("there is no such page; go to /")
        text = asset(name) if name in ASSETS else (PAGES / name).read_text(encoding="utf-8")
        return Response(text, media_type=TYPES[Path(name).suffix])

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"start": self.start, "waiting": len(self.workshop.waiting)})

    async def _catalogue(self, request: Request) -> Response:
        return JSONResponse(await self._looked_up() | {"start": self.start})

    async def _looked_up(self) -> dict[str, Any]:
        found = await run_in_threadpool(catalogue, self.models)
        self.names = frozenset(model["name"] for kind in found["kinds"] for model in kind["models"] if model["ready"])
        return found

    async def _known(self, name: str) -> None:
        """Raise NotFoundError for what the catalogue page does not show: a question is no way to load other files."""
        if not self.names:
            await self._looked_up()
        if name not in self.names:
            raise NotFoundError(f"no model {name!r:.80} is ready here; name it at the start: zoo gallery MODEL")

    async def _preview(self, request: Request) -> Response:
        name = request.query_params.get("model", "")
        await self._known(name)
        if name not in self.previews:
            try:
                self.previews[name] = await run_in_threadpool(preview, name)
            except Exception as error:  # a modality's code may raise anything, and the page goes on
                self.previews[name] = ""
                raise NotFoundError(f"{name}: its samples cannot be shown ({type(error).__name__})") from error
        return JSONResponse({"html": self.previews[name]})

    async def _asked(self, text: bytes) -> Asked:
        """The question, checked. Raises UsageError, ConfigError and NotFoundError."""
        if len(text) > MOST_ASKED:
            raise UsageError("the question is too long; shorten the link")
        try:
            data = strict_json(text)
        except ValueError as error:
            raise UsageError(f"the question is no JSON: {error}") from error
        asked = decode(Asked, data, "the view")
        if asked.model:
            await self._known(asked.model)
        return asked

    async def _submitted(self, text: bytes) -> Job:
        await self._asked(text)
        return self.workshop.submit(strict_json(text))

    async def _run(self, request: Request) -> Response:
        content = bytearray()
        async for piece in request.stream():
            content += piece
            if len(content) > MOST_ASKED:
                break
        return _Events(await self._submitted(bytes(content)))

    async def _upload(self, request: Request) -> Response:
        name = Path(request.query_params.get("name", "")).name
        length = request.headers.get("content-length")
        kept = await receive(name, length, request.stream(), self.folder / "uploads")
        return JSONResponse({"upload": kept})

    async def _download(self, request: Request) -> Response:
        """What a view shows, as a file: it is made again, as its link says."""
        job = await self._submitted(request.query_params.get("asked", "").encode())
        try:
            async for event in job.told():
                if event["event"] == "error":
                    return PlainTextResponse(event["message"], 422)
                if event["event"] == "done" and "file" in event:
                    return self._given(event["file"]["path"], event["file"]["name"], once=True)
            raise UsageError("that is no file; name an ending")
        finally:
            job.drop()

    async def _file(self, request: Request) -> Response:
        name = Path(request.query_params.get("path", "")).name
        return self._given(name, Path(request.query_params.get("name", "") or name).name)

    def _given(self, path: str, name: str, *, once: bool = False) -> Response:
        found = self.folder / path
        if not path or found.parent != self.folder or not found.is_file():
            raise NotFoundError("the file is not kept any longer; make it again")
        return FileResponse(found, filename=name, background=BackgroundTask(found.unlink, True) if once else None)


async def _refused(request: Request, error: Exception) -> Response:
    """A failure as a message: one line."""
    kinds = ((Busy, 503), (TooLarge, 413), (NotFoundError, 404))
    status = next((status for kind, status in kinds if isinstance(error, kind)), 400)
    headers = {"Connection": "close"} if status == 413 else None  # what is still to come is not read
    return JSONResponse({"message": " ".join(str(error).split())}, status, headers)
