"""A queue with a bound, and one worker process that does one job at a time. No torch on this side."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from zoo.errors import ZooError

__all__ = ["Busy", "Job", "Workshop"]

MOST_WAITING = 32  # jobs
MOST_SECONDS = 600.0  # that a job may take
GRACE = 3.0  # seconds that a job which nobody wants is given to end by itself
TICK = 0.2  # seconds
MOST_LINE = 1 << 28  # bytes of one answer
ENDED = ("done", "error")


class Busy(ZooError):
    """More wait than the queue holds."""


class Job:
    """Something that was asked for; `lines` tells what becomes of it."""

    def __init__(self, number: int, asked: Mapping[str, Any]) -> None:
        self.number, self.asked = number, asked
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.dropped: float | None = None  # when nobody wanted it any longer

    def tell(self, **event: Any) -> None:
        """Add an event for whoever waits."""
        self.events.put_nowait(event)

    def fail(self, message: str) -> None:
        """End it with a message."""
        self.tell(event="error", message=message)

    def drop(self) -> None:
        """Nobody wants it."""
        self.dropped = self.dropped or time.monotonic()

    async def told(self) -> AsyncIterator[dict[str, Any]]:
        """Its events, until it has ended."""
        while True:
            event = await self.events.get()
            yield event
            if event["event"] in ENDED:
                return


class Workshop:
    """The queue, and who works it off."""

    def __init__(
        self,
        folder: Path,
        *,
        command: tuple[str, ...] = (sys.executable, "-m", "zoo_gallery.worker"),
        most_waiting: int = MOST_WAITING,
        most_seconds: float = MOST_SECONDS,
    ) -> None:
        """Files are written into `folder`; `command` starts the worker, at most `most_waiting` jobs wait for it, and
        one may take `most_seconds` seconds.
        """
        self.folder, self.command = folder, command
        self.most_waiting, self.most_seconds = most_waiting, most_seconds
        self.waiting: deque[Job] = deque()
        self.called = asyncio.Event()
        self.numbers = itertools.count(1)
        self.process: asyncio.subprocess.Process | None = None

    def submit(self, asked: Mapping[str, Any]) -> Job:
        """Put a job into the queue. Raises Busy where it is full."""
        self.waiting = deque(job for job in self.waiting if job.dropped is None)
        if len(self.waiting) >= self.most_waiting:
            raise Busy(f"{len(self.waiting)} requests wait already, and no more are taken; try again in a moment")
        job = Job(next(self.numbers), asked)
        self.waiting.append(job)
        job.tell(event="waiting", before=len(self.waiting) - 1)
        self.called.set()
        return job

    async def work(self) -> None:
        """Work the queue off, for ever."""
        try:
            while True:
                while not self.waiting:
                    self.called.clear()
                    await self.called.wait()
                job = self.waiting.popleft()
                if job.dropped is None:
                    await self._do(job)
                for before, other in enumerate(self.waiting):
                    other.tell(event="waiting", before=before)
        finally:
            await self._end()

    async def _do(self, job: Job) -> None:
        """Have one job done; whatever happens, it ends with one of ENDED, and the next can come."""
        try:
            process = await self._started()
            await self._send(process, {"job": job.number, "asked": dict(job.asked), "folder": str(self.folder)})
            await self._follow(job, process)
        except (OSError, ValueError) as error:  # no process to be had, a broken pipe, an answer beyond all bounds
            await self._end()
            job.fail(f"the worker failed ({type(error).__name__}: {error}); ask again, and another is started")

    async def _follow(self, job: Job, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        begun, asked_to_stop = time.monotonic(), False
        while True:
            try:
                line = await asyncio.wait_for(process.stdout.readline(), TICK)
            except TimeoutError:
                line = None
            if line == b"":
                await self._say_how_it_ended(job)
                return
            event = {} if line is None else json.loads(line)
            if event and event.pop("job") == job.number:
                job.tell(**event)
                if event["event"] in ENDED:
                    return
            now = time.monotonic()
            if job.dropped is not None and not asked_to_stop:
                asked_to_stop = True
                await self._send(process, {"cancel": job.number})
            if now - begun > self.most_seconds or (job.dropped is not None and now - job.dropped > GRACE):
                await self._end()
                job.fail(f"it took more than {self.most_seconds:g} seconds and was ended; ask for less")
                return

    async def _say_how_it_ended(self, job: Job) -> None:
        if self.process is not None:
            with contextlib.suppress(TimeoutError):  # it has closed the pipe, and is about to end
                await asyncio.wait_for(self.process.wait(), GRACE)
        code = await self._end() or 0
        with contextlib.suppress(ValueError):
            name = signal.Signals(-code).name
            cause = f"{name}{', as when memory runs out' if name == 'SIGKILL' else ''}"
            job.fail(f"the worker process was ended ({cause}); ask again, and another is started")
            return
        job.fail(f"the worker process ended with code {code}; ask again, and another is started")

    async def _started(self) -> asyncio.subprocess.Process:
        """The worker; a new one where there is none, or it has ended in the meantime."""
        if self.process is None or self.process.returncode is not None:
            pipe = asyncio.subprocess.PIPE
            env = dict(os.environ, PYTHONUNBUFFERED="1")
            self.process = await asyncio.create_subprocess_exec(
                *self.command, stdin=pipe, stdout=pipe, limit=MOST_LINE, env=env, start_new_session=True
            )
        return self.process

    @staticmethod
    async def _send(process: asyncio.subprocess.Process, message: Mapping[str, Any]) -> None:
        assert process.stdin is not None
        process.stdin.write(json.dumps(message).encode() + b"\n")
        await process.stdin.drain()

    async def _end(self) -> int | None:
        """End the worker, and take up what it leaves; gives its exit code, None where there is no worker."""
        process, self.process = self.process, None
        if process is None:
            return None
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                # not `process.kill`, which may take the exit code from whoever waits for it
                os.kill(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        with contextlib.suppress(TimeoutError):  # a process of its own may hold the pipe
            await asyncio.wait_for(process.communicate(), GRACE)
        return process.returncode
