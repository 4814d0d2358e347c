"""Calls of every kind, a server that is glad of them, and what must not be left of them."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiotask
from aiotask import Client, Created, RetryPolicy
from aiotask.taskrouter import Tasks
from tests.conftest import Reaction, answer
from tests.hostile.calls import PAGE, ROW, SHOWN, TASK, VERBS, WORKSPACE
from tests.hostile.child_program import rows

Serve = Callable[..., Any]
Call = Callable[[Client], Awaitable[Any]]

REFUSED = answer(b"{}", "429 Too Many Requests")
MISDIRECTED = answer(b"{}", "421 Misdirected Request")  # which every verb is repeated after
DOWN = answer(b"{}", "503 Service Unavailable")


def tasks_of(client: Client) -> Tasks:
    return client.taskrouter.workspace(WORKSPACE).tasks


async def _prefetch(client: Client) -> None:
    async for _ in tasks_of(client).list(page_size=7):
        await asyncio.sleep(0)


async def _many(client: Client) -> None:
    given = [ROW] * 3
    outcomes = [each async for each in tasks_of(client).create_many(given, max_in_flight=2)]
    assert {type(each) for each in outcomes} == {Created}


async def _modify(client: Client) -> Any:
    return await tasks_of(client).modify(TASK, lambda _: {"priority": 1})


NUMBER = itertools.count()


async def _once(client: Client) -> Any:
    return await tasks_of(client).create(once=f"order_{next(NUMBER)}")


CALLS: dict[str, Call] = {verb: VERBS[verb].call for verb in VERBS} | {
    "prefetch": _prefetch,
    "create_many with keys": _many,
    "modify": _modify,
    "once": _once,
}
NOT_REPEATED = {"create", "create_many", "create_many with keys", "once"}


def page(following: str) -> bytes:
    meta = b'{"key":"tasks","next_page_url":"?PageToken=%b"}' % following.encode()
    return answer(b'{"tasks":[%b],"meta":%b}' % (SHOWN, meta))


BLANKS = b" " * 2**19
FIRST_PAGE = page("PA1")
FOUND = answer(SHOWN, "200 OK", 'ETag: "1"')
GOOD = {
    b"/Events?": answer(b'{"events":[],"meta":{"key":"events"}}'),
    b"Tasks?PageSize=7": FIRST_PAGE,
    b"PageToken=PA1": page("PA2"),
    b"GET /v1/Workspaces/%b/Tasks?" % WORKSPACE.encode(): PAGE,
    b"Statistics": VERBS["statistics"].good,
    b"DELETE": VERBS["delete"].good,
    b"POST /v1/Workspaces/%b/Tasks " % WORKSPACE.encode(): VERBS["create"].good,
}


async def _expressions(client: Client) -> None:
    listing = tasks_of(client).list(evaluate_task_attributes="n == 1")
    await asyncio.gather(*(listing.all() for _ in range(30)))


async def _slowly(client: Client) -> None:
    outcomes = tasks_of(client).create_many(rows(30), max_rate=2.5, max_in_flight=30)
    assert len([outcome async for outcome in outcomes]) == 30


async def _refused(client: Client) -> None:
    await asyncio.gather(*(tasks_of(client).create() for _ in range(30)))


# Thirty calls each, which are paced in different ways: at the most so many a second.
MANY: dict[str, tuple[Call, float]] = {
    "expressions": (_expressions, 2.5),
    "slowly": (_slowly, 2.5),
    "refused": (_refused, 42.0),
}


class Script:
    """The reactions to the next requests; all others get the answer that they are glad of.

    Where it is *long*, that comes in many parts, and each on a connection of its own.
    """

    def __init__(self) -> None:
        self.next: list[Reaction] = []
        self.long = False

    def __call__(self, request: bytes) -> Any:
        if self.next:
            return self.next.pop(0)
        line = request.partition(b"\r\n")[0]
        good = next((good for part, good in GOOD.items() if part in line), FOUND)
        if self.long and b"204" not in good:
            head, _, body = good.partition(b"\r\n\r\n")
            length = b"Content-Length: %d" % len(body)
            longer = b"Connection: close\r\nContent-Length: %d" % (len(body) + len(BLANKS))
            good = head.replace(length, longer) + b"\r\n\r\n" + body + BLANKS
        return good


def of_ours(task: asyncio.Task[Any]) -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    path = Path(code.co_filename if code else "")
    if path.parent.name == "aiohttp":
        return not path.name.startswith("web_")
    package = Path(aiotask.__file__).parent
    return package in path.parents and package / "sandbox" not in path.parents


async def at_rest(client: Client) -> None:
    """See that nothing is left of what was broken off."""
    session = client._session
    async with asyncio.timeout(20):
        while session.background._running or [
            task for task in asyncio.all_tasks() if of_ours(task)
        ]:
            await asyncio.sleep(0)
    assert session.connections.slots._value == session.max_connections
    assert session.connections.http is not None
    assert session.connections.http.connector is not None
    assert not session.connections.http.connector._acquired
    lanes = session.connections.lanes.values()
    assert {(lane.in_flight, len(lane._waiters)) for lane in lanes} <= {(0, 0)}
    assert not session.once._waiting


async def elsewhere(call: Callable[[], Awaitable[Any]]) -> Any:
    """Make a call in another loop, in a thread of its own."""

    async def called() -> Any:
        async with asyncio.timeout(20):
            return await call()

    return await asyncio.to_thread(lambda: asyncio.run(called()))


class Gate:
    """A clock that stands until it is put on, and those who sleep until then."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asleep: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        awake = asyncio.get_running_loop().create_future()
        self.asleep.append((self.now + seconds, awake))
        await awake

    def policy(self) -> RetryPolicy:
        return RetryPolicy(sleep=self.sleep, clock=lambda: self.now, jitter=lambda: 1.0)

    def jump(self, seconds: float) -> None:
        """Put the clock on, and wake those whose time has come."""
        self.now += seconds
        for due, awake in self.asleep:
            if due <= self.now and not awake.done():
                awake.set_result(None)
        self.asleep = [each for each in self.asleep if not each[1].done()]

    def tick(self) -> None:
        """Put the clock on until somebody's time has come."""
        self.jump(max(0.0, min(due for due, _ in self.asleep) - self.now))
