"""Tails of events: each event once, whatever the service and the connection do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from aiohttp import web

from aiotask import (
    AuthenticationError,
    Client,
    ClientStateError,
    ConnectionLostError,
    RetryPolicy,
    to_dict,
)
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import Event, EventTail, WorkspaceContext
from tests.conftest import ACCOUNT
from tests.event_service import BEGIN, WORKSPACE, EventService
from tests.sweeps import sweep


class Rig:
    """A tail of an event service, whose time passes only while the tail waits."""

    def __init__(self, service: EventService, client: Client) -> None:
        self.service = service
        self.workspace: WorkspaceContext = client.taskrouter.workspace(WORKSPACE)
        self.waits: list[float] = []
        self.meanwhile: Callable[[], object] = lambda: None

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.service.now += seconds
        self.meanwhile()
        await asyncio.sleep(0)

    def tail(self, cursor: str | None = None, **settings: Any) -> EventTail[Event]:
        return self.workspace.events.tail(cursor, **settings)


@asynccontextmanager
async def rigged(**settings: Any) -> AsyncIterator[Rig]:
    async with EventService(**settings) as service:
        rigs: list[Rig] = []

        async def sleep(seconds: float) -> None:
            await rigs[0].sleep(seconds)

        retry = RetryPolicy(longest_wait=0, sleep=sleep, clock=lambda: service.now)
        async with Client(ACCOUNT, "token", base_url=service.url, retry=retry) as client:
            rigs.append(Rig(service, client))
            yield rigs[0]


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with rigged() as rig:
        yield rig


async def taken(tail: EventTail[Event], number: int) -> list[str]:
    return [(await anext(tail)).sid for _ in range(number)]


def by_and_by(*steps: Callable[[], object]) -> Callable[[], None]:
    """Do one thing at each wait."""
    left = iter(steps)

    def step() -> None:
        next(left, lambda: None)()

    return step


async def test_events_come_from_now_on_and_the_oldest_first(rig: Rig) -> None:
    rig.service.happen(ago=30)
    rig.service.happen()
    tail = rig.tail()
    made: list[str] = []

    def both() -> None:
        rig.service.now += 1
        made.append(rig.service.happen())
        rig.service.now += 1
        made.append(rig.service.happen())

    rig.meanwhile = by_and_by(lambda: None, both)
    assert tail.cursor is None
    assert await taken(tail, 2) == made
    assert rig.waits == [2.0, 2.0]  # the documented interval, while nothing was new


async def test_events_of_one_moment_come_once_each_in_the_order_of_the_service(rig: Rig) -> None:
    tail = rig.tail(start_date=datetime.fromtimestamp(rig.service.now, UTC))
    first = [rig.service.happen() for _ in range(5)]
    assert await taken(tail, 3) == first[:3]
    more = [rig.service.happen() for _ in range(5)]
    assert await taken(rig.tail(tail.cursor), 7) == first[3:] + more
    assert await taken(tail, 7) == first[3:] + more


async def test_an_event_that_is_listed_late_comes_late_and_once(rig: Rig) -> None:
    tail = rig.tail(start_date=datetime.fromtimestamp(rig.service.now, UTC))
    late = rig.service.happen(late=55)
    rig.service.now += 50
    newer = rig.service.happen()
    assert await taken(tail, 2) == [newer, late]
    rig.meanwhile = by_and_by(lambda: None, rig.service.happen)
    assert (await anext(tail)).sid not in (newer, late)


async def test_an_index_that_stood_still_for_hours_loses_nothing(rig: Rig) -> None:
    tail = rig.tail(start_date=datetime.fromtimestamp(rig.service.now, UTC))
    first = rig.service.happen()
    assert await taken(tail, 1) == [first]
    held = []
    for _ in range(72):
        rig.service.now += 100
        held.append(rig.service.happen(late=BEGIN + 7200 - rig.service.now))
    assert await taken(tail, len(held)) == held


@pytest.mark.parametrize("seed", sweep(range(8), usual=3))
@pytest.mark.parametrize("oldest_first", [False, True])
async def test_hours_of_events_come_without_a_gap_or_a_double(
    seed: int, *, oldest_first: bool
) -> None:
    random = Random(seed)
    expected: list[str] = []
    async with rigged(oldest_first=oldest_first) as rig:

        def happening() -> None:
            for _ in range(random.choice([0, 0, 1, 3])):
                ago, late = random.choice([0.0, 0.001, 1.5]), random.choice([0.0, 0.0, 9.0, 40.0])
                expected.append(rig.service.happen(ago=ago, late=late))
            match random.randrange(12):
                case 0:
                    rig.service.failures.append(_broken)
                case 1:
                    rig.service.failures.append(_overloaded)
                case 2:
                    rig.service.now += 1800  # the machine was suspended

        rig.meanwhile = happening
        tail = rig.tail(start_date=datetime.fromtimestamp(rig.service.now, UTC))
        found: list[str] = []
        while len(found) < 300:
            found.append((await anext(tail)).sid)
            if random.random() < 0.05:
                tail = rig.tail(tail.cursor)
        rig.meanwhile = lambda: None
        rig.service.now += 60
        found += await taken(tail, len(expected) - len(found))
        assert sorted(found) == sorted(expected)
        assert len(set(found)) == len(found)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(tail), 0.05)


def _broken(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def _overloaded(_: web.Request) -> web.Response:
    return web.json_response({"code": 20503, "message": "no", "status": 503}, status=503)


async def test_a_connection_that_breaks_amid_a_list_leaves_no_gap(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    start = datetime.fromtimestamp(rig.service.now, UTC)
    made = [rig.service.happen() for _ in range(2500)]
    answers = iter([False, True, True, True, True, True, True])

    def breaks(request: web.Request) -> web.Response:
        return _broken(request)

    class Second(list[Any]):
        def __bool__(self) -> bool:
            return next(answers, False)

        def pop(self, _: Any = -1) -> Any:
            return breaks

    rig.service.failures = Second()
    assert await taken(rig.tail(start_date=start), 2500) == made
    (warning,) = [each for each in caplog.records if each.levelname == "WARNING"]
    assert "events cannot be listed at present" in warning.getMessage()


async def test_a_page_whose_last_event_is_gone_is_listed_again(rig: Rig) -> None:
    start = datetime.fromtimestamp(rig.service.now, UTC)
    made = [rig.service.happen() for _ in range(1500)]
    gone = web.json_response({"code": 21481, "message": "no", "status": 400}, status=400)
    rig.service.failures.append(lambda _: gone)
    assert await taken(rig.tail(start_date=start), 1500) == made


async def test_an_error_that_no_wait_mends_is_raised_and_can_be_gone_on_after(rig: Rig) -> None:
    start = datetime.fromtimestamp(rig.service.now, UTC)
    made = rig.service.happen()
    body = {"code": 20003, "message": "Authenticate", "status": 401}
    rig.service.failures.append(lambda _: web.json_response(body, status=401))
    tail = rig.tail(start_date=start)
    with pytest.raises(AuthenticationError):
        await anext(tail)
    assert await taken(tail, 1) == [made]


@pytest.mark.parametrize("oldest_first", sweep([False, True]))
async def test_a_long_past_is_read_in_parts(*, oldest_first: bool) -> None:
    async with rigged(oldest_first=oldest_first) as rig:
        start = datetime.fromtimestamp(rig.service.now, UTC)
        made = []
        for minute in range(90):
            rig.service.now += 60
            made += [rig.service.happen() for _ in range(6500 if minute == 50 else 100)]
        held: list[int] = []
        tail = rig.tail(start_date=start)
        found = []
        for _ in made:
            found.append((await anext(tail)).sid)
            held.append(len(tail._found))
        # Events of one moment come in the order in which the service is known to list them.
        assert (sorted(found) if oldest_first else found) == made
        # One second cannot be divided; all else is far below what there is.
        assert max(held) < 6500 + 200
        assert sorted(held)[len(held) // 2] < 5000
        assert rig.waits == [] or max(rig.waits) == 0
        rig.meanwhile = by_and_by(lambda: made.append(rig.service.happen()))
        assert await taken(tail, 1) == made[-1:]


async def test_each_look_begins_only_so_long_before_the_newest_event(rig: Rig) -> None:
    start = datetime.fromtimestamp(rig.service.now, UTC)
    tail = rig.tail(start_date=start, overlap=10)

    def later() -> None:
        rig.service.now += 100
        rig.service.happen()

    rig.meanwhile = later
    await taken(tail, 20)
    since = [datetime.fromisoformat(query["StartDate"]) for query in rig.service.queries]
    assert all(one <= other for one, other in pairwise(since))
    newest = datetime.fromtimestamp(rig.service.now, UTC)
    assert newest - since[-1] < timedelta(seconds=10 + 210)
    # What a cursor holds is what lies in the overlap, and not all that there was.
    assert tail.cursor is not None
    assert len(tail.cursor) < 80


async def test_without_events_and_without_the_services_time_the_local_clock_tells_now() -> None:
    async with rigged(tells_time=False) as rig:
        rig.service.now = datetime.now(UTC).timestamp()
        tail = rig.tail()
        made: list[str] = []
        rig.meanwhile = by_and_by(lambda: made.append(rig.service.happen()))
        assert await taken(tail, 1) == made


async def test_a_wait_that_is_cancelled_loses_nothing(
    sandbox: Sandbox, workspace: WorkspaceContext
) -> None:
    tail = workspace.events.tail(every=0.1, event_type="task.created")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(tail), 0.3)
    task = await workspace.tasks.create(attributes={})
    assert (await anext(tail)).resource_sid == task.sid
    assert sandbox.requests["GET Events"] >= 3


async def test_the_life_of_a_task_is_followed_until_it_is_deleted(
    sandbox: Sandbox, workspace: WorkspaceContext
) -> None:
    start = datetime.now(UTC) - timedelta(seconds=5)
    task = await workspace.tasks.create(attributes={})
    await workspace.tasks.create(attributes={})
    tail = workspace.events.tail(every=0.1, task_sid=task.sid, start_date=start)
    first = [(await anext(tail)).event_type for _ in range(4)]
    assert first[0] == "task.created"
    sandbox.faults.next("GET", "/Events", "before_reset")
    sandbox.freeze_index()
    await workspace.tasks.delete(task.sid)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(tail), 0.3)
    sandbox.thaw_index()
    told = await anext(tail)
    assert (told.event_type, told.resource_sid) == ("task.deleted", task.sid)
    assert to_dict(told)["sid"] == told.sid


async def test_a_tail_ends_with_its_client(workspace: WorkspaceContext, client: Client) -> None:
    tail = workspace.events.tail(every=0.1)
    waiting = asyncio.ensure_future(anext(tail))
    await asyncio.sleep(0)
    await client.close()
    with pytest.raises(ClientStateError, match="closed"):
        await waiting


async def test_a_service_that_is_gone_is_waited_for(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    start = datetime.fromtimestamp(rig.service.now, UTC)
    rig.service.failures = [_broken] * 60
    made = rig.service.happen()
    assert await taken(rig.tail(start_date=start), 1) == [made]
    said = [each for each in caplog.records if each.levelname == "WARNING"]
    assert 2 <= len(said) <= 5  # at the first failure, the second, the fourth …
    assert ConnectionLostError.__name__ not in caplog.text


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"cursor": "1.2.3"}, "cursor: must be the unchanged cursor of a tail"),
        ({"cursor": 5}, "cursor: must be the unchanged cursor of a tail"),
        ({"every": 0}, "every: must be a finite number of seconds from 0.1, not 0"),
        ({"every": float("inf")}, "every: must be"),
        ({"every": True}, "every: must be"),
        ({"overlap": -1}, "overlap: must be a finite number of seconds from 0, not -1"),
        ({"task_sid": "WT1"}, "task_sid: must be"),
        ({"start_date": "2026-11-21"}, "start_date: must be a datetime"),
        ({"start_date": datetime(2999, 1, 1, tzinfo=UTC)}, "must not be in the future"),
    ],
)
async def test_a_wrong_value_is_refused_before_anything_is_sent(
    rig: Rig, settings: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        rig.tail(**settings)
    assert rig.service.queries == []


async def test_a_damaged_cursor_is_refused(rig: Rig) -> None:
    tail = rig.tail(start_date=datetime.fromtimestamp(rig.service.now, UTC))
    rig.service.happen()
    await taken(tail, 1)
    cursor = tail.cursor
    assert cursor is not None
    for damaged in (cursor[:-1], cursor.replace("1.", "2.", 1), cursor[:40] + cursor[51:]):
        with pytest.raises(ValueError, match="unchanged"):
            rig.tail(damaged)
    with pytest.raises(ValueError, match="either a cursor or a start_date"):
        rig.tail(cursor, start_date=datetime.fromtimestamp(0, UTC))
    with pytest.raises(TypeError, match="minutes"):
        rig.tail(minutes=5)
