"""CPU time of the console beside a sandbox with 10,000 waiting tasks and 1,000 workers.

Each figure is the CPU time of the whole process, which is sandbox, console and the reader of its
pages: the first view of a page after the start, and the median of its updates, also while the
minutes of the last hour are still being read. The browser is not measured.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median
from typing import Any

import aiohttp
from measure import Target, command, conclude, print_table
from yarl import URL

from aiotask import Client
from aiotask.console import SANDBOX_RATE, Console
from aiotask.sandbox import Sandbox

_TASKS, _WORKERS, _QUEUES = 10_000, 1_000, 10
_UPDATES = 40
_LONGEST_VIEW, _LONGEST_UPDATE = 1.0, 0.05  # seconds


def contents() -> dict[str, Any]:
    """Return a workspace in which every task waits."""
    numbers = range(_QUEUES)
    filters = [
        {
            "filter_friendly_name": f"F{n}",
            "expression": f"n == {n}",
            "targets": [{"queue": f"Q{n}"}],
        }
        for n in numbers
    ]
    return {
        "task_queues": [
            {"friendly_name": f"Q{n}", "target_workers": f'skills HAS "s{n}"'} for n in numbers
        ],
        "workflows": [
            {"friendly_name": "All", "configuration": {"task_routing": {"filters": filters}}}
        ],
        "workers": [
            {
                "friendly_name": f"worker {n}",
                "activity_sid": "Unavailable",
                "attributes": {"skills": [f"s{n % _QUEUES}"]},
            }
            for n in range(_WORKERS)
        ],
        "tasks": [
            {"attributes": {"n": n % _QUEUES, "text": "x" * 100}, "priority": n % 7}
            for n in range(_TASKS)
        ],
    }


@asynccontextmanager
async def watched() -> AsyncIterator[tuple[URL, str]]:
    """Give the URL of a workspace in a console, and the path of a queue's page."""
    async with Sandbox() as sandbox:
        sandbox.fill({"Support": contents()})
        (sid,) = sandbox.workspaces
        door = await sandbox.open_side_door()
        async with Client(sandbox.account_sid, sandbox.auth_token, base_url=door) as client:
            workspace = client.taskrouter.workspace(sid)
            console = Console(
                client,
                allow_changes=True,
                sandbox=sandbox,
                rate=SANDBOX_RATE,
                seconds=0.2,
            )
            sandbox.put_beside(console)
            (queue,) = await workspace.task_queues.list(limit=1).all()
            try:
                url = URL(console.url(sandbox.url))
                yield url.with_path(f"/console/{sid}", keep_query=True), f"queues/{queue.sid}"
            finally:
                await console.close()


async def first_view(session: aiohttp.ClientSession, url: URL) -> float:
    """Return the seconds of CPU time of a page."""
    started = time.process_time()
    async with session.get(url) as answer:
        await answer.read()
    return time.process_time() - started


async def updates(session: aiohttp.ClientSession, url: URL) -> tuple[float, int]:
    """Return the seconds of CPU time of an update, and its bytes, as medians."""
    spent, sizes = [], []
    async with session.get(url) as answer:
        for _ in range(_UPDATES):
            started = time.process_time()
            sizes.append(len(await answer.content.readline()))
            await answer.content.readline()
            spent.append(time.process_time() - started)
    return median(spent[1:]), round(median(sizes[1:]))  # the first one has every part


async def measure() -> dict[str, tuple[float, float, int]]:
    """Return the first view, an update and its bytes, by page."""
    found = {}
    async with (
        watched() as (url, queue),
        aiohttp.ClientSession(headers={"Accept": "*/*"}) as session,
    ):
        for name, page in {"at a glance": "", "a queue": queue, "all workers": "workers"}.items():
            view, stream = (f"{url.path}/{path}" for path in (page, f"stream/{page}"))
            first = await first_view(session, url.with_path(view, keep_query=True))
            changed = await updates(session, url.with_path(stream, keep_query=True))
            found[name] = (first, *changed)
    return found


def main() -> int:
    """Measure, print, and return the exit status."""
    chosen = command(__doc__).parse_args()
    found = asyncio.run(measure())
    heads = ["", "first view, ms", "update, ms", "update, bytes"]
    rows = [
        [name, f"{view * 1000:.0f}", f"{update * 1000:.0f}", f"{size:,}"]
        for name, (view, update, size) in found.items()
    ]
    print_table(f"CPU time with {_TASKS:,} waiting tasks and {_WORKERS:,} workers", heads, rows)
    targets = [
        Target("longest first view", max(each[0] for each in found.values()), _LONGEST_VIEW),
        Target("longest update", max(each[1] for each in found.values()), _LONGEST_UPDATE),
    ]
    return conclude(targets, check=chosen.check)


if __name__ == "__main__":
    sys.exit(main())
