"""Every kind of fault, at every request that a bulk creation sends: each row becomes one task.

One sandbox and one loop have all cases of a test at once, each in a workspace of its own.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from itertools import product
from pathlib import Path
from typing import Any, get_args

import aiohttp
import msgspec
import pytest

from aiotask import Client, Created, Outcome
from aiotask.bulk import KEY_ATTRIBUTE, Keys, State
from aiotask.bulk.journal.records import Claim
from aiotask.bulk.journal.sqlite import SqliteJournal
from aiotask.bulk.keys import JOB_ATTRIBUTE, derived_key
from aiotask.sandbox import FaultKind, Sandbox
from aiotask.taskrouter import NewTask, WorkspaceContext
from tests.sweeps import sweep
from tests.virtual_time import LoopClock

pytestmark = pytest.mark.virtual_time

KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
NOT_DONE: list[FaultKind] = [kind for kind in KINDS if kind.startswith("before")]
LOST: list[FaultKind] = ["before_reset", "after_reset", "after_no_sid"]
TIMEOUT = 0.3
SETTLE = 0.3
LATE = 0.1
IN_FLIGHT = 8  # more than any case has rows
ATTEMPTS = 3
A_LOOK_FAILS_TWICE = 2 * ATTEMPTS
APART = 0.005  # seconds between the beginnings of cases, which would else keep each other waiting
GONE = 400  # seconds after its end, a task is no longer there


class Case:
    """A workspace, and the faults that meet its one job; its name tells which they are."""

    def __init__(self, sandbox: Sandbox, client: Client, *about: object) -> None:
        self.name = "-".join(map(str, about))
        self.sandbox = sandbox
        self.sid = sandbox.create_workspace(self.name)
        self.place: WorkspaceContext = client.taskrouter.workspace(self.sid)

    def broken(self, method: str, what: str, *kinds: FaultKind) -> None:
        for kind in kinds:
            self.sandbox.faults.next(method, f"{self.sid}/{what}", kind)

    async def left_in_flight(self, journal: Path) -> str:
        """Leave a journal with two rows in flight, and return what the first became, and ended."""
        left = SqliteJournal(journal)
        left.open(self.place.tasks._url.raw_path, "tasks.create", Keys(KEY_ATTRIBUTE))
        left.commit([Claim(n, State.IN_FLIGHT, None, None, None, None) for n in (1, 2)], [])
        key = {KEY_ATTRIBUTE: derived_key(left.job, 1), JOB_ATTRIBUTE: left.job}
        left.close()
        sandbox = self.sandbox
        # One that waits: this is no part of what is tried.
        async with Client(sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url) as client:
            tasks = client.taskrouter.workspace(self.sid).tasks
            made = await tasks.create(attributes={"number": 0, **key})
        sandbox.set_status(made.sid, "completed")
        return made.sid

    async def created(
        self, given: AsyncIterator[NewTask], ended: str | None = None, **settings: Any
    ) -> None:
        """Create them, and see that each is one task, and reported as that one."""
        told: dict[int, Outcome[NewTask]] = {
            outcome.row["attributes"]["number"]: outcome
            async for outcome in self.place.tasks.create_many(
                given, settle=SETTLE, max_in_flight=IN_FLIGHT, **settings
            )
        }
        sids = {n: outcome.sid for n, outcome in told.items() if isinstance(outcome, Created)}
        assert sids.keys() == told.keys(), (self.name, told)
        await asyncio.sleep(LATE)
        there = [
            (msgspec.json.decode(task.attributes)["number"], task.sid)
            for task in self.sandbox.tasks(self.sid)
        ]
        there += [(0, ended)] if ended else []
        assert sorted(there) == sorted(sids.items()), self.name


NewCase = Callable[..., Case]


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(late=LATE, clock=LoopClock()) as sandbox:
        yield sandbox
        assert not sandbox.faults._scripted, "a fault that met no request"


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[Client]:
    client = Client(
        sandbox.account_sid,
        sandbox.auth_token,
        base_url=sandbox.url,
        timeout=aiohttp.ClientTimeout(total=TIMEOUT),  # a slow start is no wrong address
        retry=LoopClock().policy(attempts=ATTEMPTS, base=0.02, throttled_base=0.02, cap=0.05),
        max_connections=300,
    )
    async with client:
        yield client


@pytest.fixture
def case(sandbox: Sandbox, client: Client) -> NewCase:
    return lambda *about: Case(sandbox, client, *about)


async def rows(count: int) -> AsyncIterator[NewTask]:
    """Yield rows that come one after the other, so that there are some later than any fault."""
    for number in range(count):
        yield {"attributes": {"number": number}}
        if number < count - 1:
            await asyncio.sleep(SETTLE / 2)


async def at_once(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(work)
            await asyncio.sleep(APART)


async def test_creates_that_others_follow(case: NewCase) -> None:
    async def act(case: Case, kind: FaultKind, times: int) -> None:
        case.broken("POST", "Tasks", *[kind] * times)
        await case.created(rows(6))

    await at_once(act(case(*each), *each) for each in product(KINDS, (1, 2, 3)))


async def test_a_create_that_is_the_only_one(case: NewCase) -> None:
    async def act(case: Case, kind: FaultKind) -> None:
        case.broken("POST", "Tasks", kind)
        await case.created(rows(1))

    await at_once(act(case(kind), kind) for kind in KINDS)


@pytest.mark.parametrize("times", sweep([1, 2]))
async def test_a_create_that_is_broken_again(case: NewCase, times: int) -> None:
    async def act(case: Case, before: FaultKind, kind: FaultKind) -> None:
        case.broken("POST", "Tasks", *[before] * times, kind)
        await case.created(rows(1))

    await at_once(act(case(*each), *each) for each in product(NOT_DONE, KINDS))


@pytest.mark.parametrize("how", ["by key", "through the latest"])
async def test_looks_at_the_list(case: NewCase, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    if how != "by key":
        monkeypatch.setattr("aiotask.bulk.resolver._MOST_BY_KEY", 0)

    async def act(case: Case, lost: FaultKind, kind: FaultKind, times: int) -> None:
        case.broken("POST", "Tasks", lost)
        case.broken("GET", "Tasks", *[kind] * times)
        await case.created(rows(6))

    times = (1, 3, A_LOOK_FAILS_TWICE)
    await at_once(act(case(*each), *each) for each in product(LOST, KINDS, times))


@pytest.mark.parametrize("more", sweep([6, 0]))
async def test_looks_at_the_events(
    case: NewCase, sandbox: Sandbox, tmp_path: Path, more: int
) -> None:
    """The first row became a task that is gone by now, and the second was never sent."""
    ways = {case(*way): way for way in product(KINDS, (1, 3, A_LOOK_FAILS_TWICE))}
    made = {each: await each.left_in_flight(tmp_path / each.name) for each in ways}
    await sandbox.advance(seconds=GONE)

    async def act(case: Case, kind: FaultKind, times: int) -> None:
        case.broken("GET", "Events", *[kind] * times)
        await case.created(rows(2 + more), made[case], journal=tmp_path / case.name)

    await at_once(act(each, *way) for each, way in ways.items())
