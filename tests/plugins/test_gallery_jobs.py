"""zoo_gallery.jobs: one job at a time, a queue with a bound, and a worker that may die."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from zoo_gallery import jobs
from zoo_gallery.jobs import Busy, Job, Workshop

# Workers that do what they are asked to: the question's model says what.
WORKER = """
import json, os, sys, time
for line in sys.stdin.buffer:
    given = json.loads(line)
    if "cancel" in given:
        continue
    what = given["asked"]["model"]
    if what == "die":
        os.kill(os.getpid(), 9)
    if what == "leave":
        os._exit(7)
    if what == "garble":
        print("no JSON", flush=True)
        continue
    if what == "hang":
        time.sleep(3600)
    print(json.dumps({"job": given["job"], "event": "done", "pid": os.getpid()}), flush=True)
"""


async def ended(job: Job) -> dict[str, Any]:
    """The event that ends a job."""
    return [event async for event in job.told()][-1]


def at_work(folder: Path, do: Callable[[Workshop], Awaitable[None]], **settings: Any) -> None:
    """Run `do` while a workshop works."""

    async def run() -> None:
        shop = Workshop(folder, command=(sys.executable, "-c", WORKER), **settings)
        working = asyncio.create_task(shop.work())
        try:
            await asyncio.wait_for(do(shop), 60)
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        assert shop.process is None

    asyncio.run(run())


def test_the_queue_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound a job is refused with a line; one that nobody wants any longer gives its place back."""

    async def do(shop: Workshop) -> None:
        first = shop.submit({"model": "hang"})
        while shop.waiting:
            await asyncio.sleep(0.01)
        waiting = [shop.submit({"model": "well"}) for _ in range(3)]
        with pytest.raises(Busy, match="3 requests wait already, and no more are taken; try again in a moment"):
            shop.submit({"model": "well"})
        waiting[1].drop()
        waiting.append(shop.submit({"model": "well"}))
        assert waiting[-1].events.get_nowait() == {"event": "waiting", "before": 2}
        first.drop()
        assert [(await ended(waiting[i]))["event"] for i in (0, 2, 3)] == ["done"] * 3

    monkeypatch.setattr(jobs, "GRACE", 0.3)
    at_work(tmp_path, do, most_waiting=3)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("die", r"the worker process was ended \(SIGKILL, as when memory runs out\); ask again"),
        ("leave", r"the worker process ended with code 7; ask again, and another is started"),
        ("garble", r"the worker failed \(JSONDecodeError: .*\); ask again, and another is started"),
    ],
)
def test_after_a_worker_comes_another(tmp_path: Path, how: str, said: str) -> None:
    """A worker that dies or babbles costs the one job, which ends with a line; the next has a worker of its own."""

    async def do(shop: Workshop) -> None:
        first = await ended(shop.submit({"model": "well"}))
        again = await ended(shop.submit({"model": "well"}))
        assert first["pid"] == again["pid"]
        failed = await ended(shop.submit({"model": how}))
        assert failed["event"] == "error"
        assert re.fullmatch(f"{said}.*", failed["message"])
        assert (await ended(shop.submit({"model": "well"})))["pid"] != first["pid"]

    at_work(tmp_path, do)


def test_a_job_has_a_time(tmp_path: Path) -> None:
    """A job that takes longer than it may is ended with its worker, and the next is done."""

    async def do(shop: Workshop) -> None:
        failed = await ended(shop.submit({"model": "hang"}))
        assert failed == {"event": "error", "message": "it took more than 0.3 seconds and was ended; ask for less"}
        shop.most_seconds = 30.0
        assert (await ended(shop.submit({"model": "well"})))["event"] == "done"

    at_work(tmp_path, do, most_seconds=0.3)


def test_a_worker_that_cannot_be_started_is_a_line(tmp_path: Path) -> None:
    """Where there is no such program each job ends with a line, and the queue goes on."""

    async def do(shop: Workshop) -> None:
        shop.command = (str(tmp_path / "nothing"),)
        assert "the worker failed (FileNotFoundError" in (await ended(shop.submit({"model": "well"})))["message"]
        shop.command = (sys.executable, "-c", WORKER)
        assert (await ended(shop.submit({"model": "well"})))["event"] == "done"

    at_work(tmp_path, do)
