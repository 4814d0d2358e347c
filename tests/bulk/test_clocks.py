"""Clocks that stand still, go back, or differ; and jobs older than the service's events."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import web

from aiotask import Created, Unresolved
from aiotask._service_time import Offsets
from aiotask.bulk import read_summary
from aiotask.bulk.service_clock import ServiceClock
from aiotask.taskrouter import NewTask
from tests.bulk.bench import look, number_of, rows
from tests.bulk.broken_service import (
    DAY,
    BrokenService,
    Reply,
    WallClock,
    broken_service,
    is_create,
    lose,
    lost_before,
    sleep_stopped,
    without_events,
)
from tests.virtual_time import LoopClock, until

pytestmark = pytest.mark.virtual_time

PAUSE = 310.0  # seconds: ended tasks are off the lists then
LOST = {n for n in range(9) if n % 3 == 0}


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> WallClock:
    return WallClock(monkeypatch)


def test_events_are_read_from_so_much_earlier_as_the_nodes_of_the_service_disagree() -> None:
    offsets = Offsets()
    service = ServiceClock(offsets, lambda: 100.0)
    assert service.since(7.0) == datetime.fromtimestamp(7, UTC)
    offsets.note(1e9, 100.0)
    ahead = service.earliest(100.0)
    offsets.note(1e9 - PAUSE, 100.0)
    assert ahead is not None
    assert service.since(ahead).timestamp() == 1e9 - PAUSE


def hang_up(request: web.BaseRequest, reply: Reply) -> Any:
    """Answer the creates of every third row long after the client has given them up."""
    lose(request, reply)
    if reply.lost:
        return asyncio.sleep(2 * PAUSE)
    return None


@pytest.mark.parametrize("events", [True, False])
@pytest.mark.parametrize("how", ["stopped", "suspended"])
@pytest.mark.parametrize("claimed", ["before the first answer", "later"])
@pytest.mark.parametrize("lost", [lose, hang_up])
async def test_rows_whose_tasks_ended_while_the_client_stood_still_are_never_sent_again(
    wall: WallClock, how: str, claimed: str, *, events: bool, lost: Callable[..., Any]
) -> None:
    async with broken_service() as here:
        if not events:
            here.refuse = without_events(403)
        here.spoil = lost
        if claimed == "later":
            assert [task async for task in here.tasks.list()] == []
        stood_still = asyncio.Event()

        async def given() -> AsyncIterator[NewTask]:
            for row in rows(9):
                yield row
            await stood_still.wait()
            for n in range(9, 18):
                yield {"attributes": {"n": 3 * n + 1}}  # the sentinels for those before

        run = asyncio.ensure_future(here.create(given()))
        await until(lambda: here.creates == 9)
        for sid in here.sids:
            here.sandbox.set_status(sid, "completed")
        if how == "stopped":
            sleep_stopped(PAUSE)
        else:
            await here.sandbox.advance(seconds=PAUSE)
        wall.ahead += PAUSE
        assert not here.sids
        stood_still.set()
        outcomes = await run
        assert here.creates == len(outcomes) == 18
        uncertain = {number_of(each.row) for each in outcomes if not isinstance(each, Created)}
        assert uncertain == (set() if events else LOST)


async def lose_and_remove(here: BrokenService, journal: Path, **settings: Any) -> None:
    """Leave every third row in doubt, and no task."""
    await here.leave_in_doubt(rows(9), journal, **settings)
    assert read_summary(journal).in_doubt == 3
    for sid in here.sids:
        await here.tasks.delete(sid)


@pytest.mark.parametrize("known", ["sent", "begun by the service", "begun by the wall clock"])
async def test_rows_in_doubt_of_a_month_ago_are_unresolved_and_none_is_sent(
    wall: WallClock, tmp_path: Path, known: str
) -> None:
    journal = tmp_path / "import.db"
    async with broken_service(routing=False) as here:
        await lose_and_remove(here, journal)
        if known != "sent":
            look(journal, "UPDATE rows SET sent = NULL")
        if known == "begun by the wall clock":
            look(journal, "DELETE FROM meta WHERE name = 'service_time'")
        await here.sandbox.advance(seconds=31 * DAY)
        wall.ahead += 31 * DAY
        outcomes = await here.create(rows(9), journal=journal)
        assert [type(each) for each in outcomes] == [Unresolved] * 3
        assert here.creates == 9
        assert await here.create(rows(9), journal=journal) == []


@pytest.mark.parametrize("known", ["sent", "begun by the service"])
async def test_rows_in_doubt_of_yesterday_are_settled_whatever_the_wall_clock_says(
    wall: WallClock, tmp_path: Path, known: str
) -> None:
    journal = tmp_path / "import.db"
    async with broken_service(routing=False) as here:
        wall.ahead -= 3 * DAY
        await lose_and_remove(here, journal)
        if known != "sent":
            look(journal, "UPDATE rows SET sent = NULL")
        await here.sandbox.advance(seconds=DAY)
        wall.ahead += 40 * DAY
        outcomes = await here.create(rows(9), journal=journal)
        assert [type(each) for each in outcomes] == [Created] * 3
        assert here.creates == 9


def no_events(request: web.BaseRequest, reply: Reply) -> None:
    if request.path.endswith("/Events"):
        reply.body = re.sub(rb'"events":\s*\[.*\]', b'"events": []', reply.body, flags=re.DOTALL)


@pytest.mark.parametrize("begun", [3 * DAY, 0.0, -3 * DAY])
@pytest.mark.parametrize("behind", [0.0, 3653 * DAY])
@pytest.mark.parametrize("events", ["as they are", "empty", 403, 404])
@pytest.mark.parametrize("executed", [True, False])
async def test_every_run_ends_however_wrong_the_clocks_are(
    wall: WallClock,
    tmp_path: Path,
    begun: float,
    behind: float,
    events: str | int,
    *,
    executed: bool,
) -> None:
    journal = tmp_path / "import.db"
    clock = LoopClock()
    async with broken_service(clock=lambda: clock() - behind) as here:
        wall.ahead = begun
        if executed:
            await here.leave_in_doubt(rows(9), journal)
        else:
            here.refuse = lost_before
            await here.leave_in_doubt(rows(9), journal)
        here.refuse = without_events(events) if isinstance(events, int) else lambda _, __: None
        here.spoil = no_events if events == "empty" else here.spoil
        wall.ahead = 0.0
        outcomes = await here.create(rows(12), journal=journal)
        assert {number_of(each.row) for each in outcomes} == {*LOST, 9, 10, 11}
        made = here.held
        assert max(made.values()) == 1
        for each in outcomes:
            assert made[number_of(each.row)] == isinstance(each, Created)
        assert read_summary(journal).in_doubt == 0


_DATE = re.compile(rb'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)Z"')


def shifted(reply: Reply, seconds: float) -> None:
    """Date an answer as a node does whose clock is so far ahead."""
    by = timedelta(seconds=seconds)

    def later(date: "re.Match[bytes]") -> bytes:
        moment = datetime.fromisoformat(date[1].decode()).replace(tzinfo=UTC) + by
        return moment.strftime('"%Y-%m-%dT%H:%M:%SZ"').encode()

    reply.body = _DATE.sub(later, reply.body)
    if "Date" in reply.headers:
        date = parsedate_to_datetime(reply.headers["Date"]) + by
        reply.headers["Date"] = format_datetime(date, usegmt=True)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ended", [False, True])
async def test_nodes_whose_clocks_differ_make_no_row_twice(seed: int, *, ended: bool) -> None:
    async with broken_service(seed=seed) as here:
        chance = Random(seed)
        made: set[str] = set()

        def spoil(request: web.BaseRequest, reply: Reply) -> None:
            shifted(reply, chance.choice([-300, 300]))
            if is_create(request):
                reply.lost = chance.random() < 0.3
                made.update(here.sids)
                if ended:
                    for sid in here.sids:
                        here.sandbox.set_status(sid, "completed")

        here.spoil = spoil
        outcomes = await here.create(rows(120))
        assert {type(each) for each in outcomes} == {Created}
        assert here.creates == len(made) == len(outcomes) == 120


async def test_a_task_is_read_by_itself_from_nodes_whose_clocks_differ() -> None:
    async with broken_service() as here:
        chance = Random(5)
        here.spoil = lambda _, reply: shifted(reply, chance.choice([-300, 300]))
        outcomes = await here.create(rows(20))
        for each in outcomes:
            assert isinstance(each, Created)
            task = await here.tasks.fetch(each.sid)
            assert task.attributes["n"] == number_of(each.row)
        listed = [
            task.attributes["n"] async for task in here.tasks.list(ordering="DateCreated:desc")
        ]
        assert Counter(listed) == Counter(range(20))
