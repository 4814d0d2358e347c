"""A program that ends in the middle: its client is not closed, or a signal comes."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from aiotask import Client, Created, RetryPolicy
from aiotask.taskrouter import NewTask, Tasks

WORKSPACE = "WS" + "1" * 32
TASK = "WT" + "2" * 32
PROGRAM = __file__
ROWS = 400
KEPT: list[Any] = []  # until the interpreter ends


async def started(*words: str) -> asyncio.subprocess.Process:
    """Have the interpreter run something, and what it says in pipes."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(sys.executable, *words, stdout=pipe, stderr=pipe)


def rows(number: int) -> list[NewTask]:
    return [{"attributes": {"n": n}} for n in range(number)]


async def _fetch(tasks: Tasks) -> None:
    await tasks.fetch(TASK)


async def _items(tasks: Tasks) -> None:
    async for _ in tasks.list(page_size=7):
        break


async def _pages(tasks: Tasks) -> None:
    KEPT.append(tasks.list(page_size=7).pages())
    await anext(KEPT[-1])


async def _create_many(tasks: Tasks) -> None:
    KEPT.append(tasks.create_many(rows(9), max_in_flight=3))
    await anext(KEPT[-1])


async def _begun(tasks: Tasks) -> None:
    """Begin calls that wait for an answer, a connection, or a repeat, and more than nobody ends."""
    await tasks.fetch(TASK)
    KEPT.extend(asyncio.ensure_future(tasks.update(TASK, priority=n)) for n in range(5))
    KEPT.append(asyncio.ensure_future(tasks.list(page_size=7).all()))
    KEPT.append(asyncio.ensure_future(tasks.create(once="order_17")))
    for _ in range(50):
        await asyncio.sleep(0)


LEAVINGS: dict[str, Callable[[Tasks], Awaitable[None]]] = {
    "fetch": _fetch,
    "items": _items,
    "pages": _pages,
    "create_many": _create_many,
    "begun": _begun,
}


async def leave(what: str, url: str) -> None:
    """Do something with a client, and end without closing it."""
    client = Client(
        "AC1", "secret", base_url=url, max_connections=2, retry=RetryPolicy(base=60, cap=60)
    )
    KEPT.append(client)
    await client.__aenter__()
    await LEAVINGS[what](client.taskrouter.workspace(WORKSPACE).tasks)


async def create(url: str, account: str, token: str, workspace: str, journal: str) -> None:
    """Create tasks, and tell of each."""
    async with Client(account, token, base_url=url, timeout=5) as client:
        tasks = client.taskrouter.workspace(workspace).tasks
        async for outcome in tasks.create_many(rows(ROWS), journal=journal, max_in_flight=8):
            assert isinstance(outcome, Created)
            sys.stdout.write(f"{outcome.sid}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    _, verb, *words = sys.argv
    asyncio.run(create(*words) if verb == "create" else leave(verb, *words))
