"""Cancellation at any step, and errors of the caller's own code.

A call raises once what broke it off, and leaves nothing behind.
"""

import asyncio
import gc
import math
from collections import Counter, UserDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import attrs
import msgspec
import pytest

from aiotask import Client, Created, Outcome, Rejected
from aiotask.bulk import read_summary
from aiotask.sandbox import FaultKind, Sandbox
from aiotask.taskrouter import NewTask, Tasks
from tests.conftest import AT_ONCE, Clock, Reaction
from tests.hostile.calls import TASK
from tests.hostile.child_program import rows
from tests.hostile.scripted_calls import (
    CALLS,
    DOWN,
    FIRST_PAGE,
    MISDIRECTED,
    NOT_REPEATED,
    REFUSED,
    Script,
    Serve,
    at_rest,
    tasks_of,
)

THREE = 3  # turns that a wait takes
PAST_ALL = 1000  # turns, in which every call here has ended


async def broken_off(
    call: Callable[[], Awaitable[Any]], turns: int, how: str = "cancelled"
) -> bool:
    """Break a call off after so many turns of the loop; return whether it was there to be."""
    limits: list[asyncio.Timeout] = []

    async def called() -> None:
        if how != "timed out":
            await call()
            return
        async with asyncio.timeout(None) as limit:
            limits.append(limit)
            await call()

    task = asyncio.ensure_future(called())
    while turns and not task.done():
        turns -= 1
        await asyncio.sleep(0)
    if task.done():
        await task
        return False
    if limits:
        limits[0].reschedule(0)
    else:
        task.cancel()
    while not task.done():
        await asyncio.sleep(0)
        if how == "cancelled again and again":
            task.cancel()
    if not limits:
        assert task.cancelled()
        return True
    with suppress(TimeoutError):
        await task
        return False  # it came to its end in the very turn in which its time was over
    return True


SITUATIONS: dict[str, list[Reaction]] = {
    "as it is": [],
    "long": [],
    "behind another": [],
    "in a lane": [REFUSED] * 2,
    "before a repeat": [MISDIRECTED] * 2,
    "after a failure": [DOWN, "reset", "close"],
}
KINDS: list[FaultKind] = ["after_500", "before_500"]
HOWS = ["cancelled", "cancelled again and again", "timed out"]
CASES = [
    pytest.param(
        name,
        situation,
        how,
        marks=[] if how == "cancelled" and situation == "as it is" else pytest.mark.campaign,
    )
    for how in HOWS
    for situation in SITUATIONS
    for name in CALLS
    if (how == "cancelled" or situation in ("long", "in a lane"))
    and not (situation == "after a failure" and name in NOT_REPEATED)
]


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Callable[[], None]:
    """Give a function that sees that asyncio had nothing to complain of."""

    def quiet() -> None:
        gc.collect()
        assert not [record for record in caplog.records if record.name == "asyncio"]

    return quiet


@pytest.mark.parametrize(("name", "situation", "how"), CASES)
async def test_a_call_can_be_broken_off_at_every_step(
    serve: Serve, quiet: Callable[[], None], name: str, situation: str, how: str
) -> None:
    script, call, clock = Script(), CALLS[name], Clock()

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        for _ in range(THREE):
            await asyncio.sleep(0)

    behind = situation == "behind another"
    _, client = await serve(
        script, retry=clock.policy(sleep=sleep), max_connections=1 if behind else 20
    )
    script.long = situation == "long"
    for turns in range(PAST_ALL):
        script.next = [*SITUATIONS[situation]]
        before = asyncio.ensure_future(call(client)) if behind else None
        going = await broken_off(lambda: call(client), turns, how)
        if before is not None:
            await before
        await at_rest(client)
        script.next.clear()
        await call(client)
        if not going:
            break
    assert 3 < turns < PAST_ALL - 1
    await at_rest(client)
    quiet()


def number_of(row: NewTask) -> int:
    return int(cast("dict[str, Any]", row["attributes"])["n"])


@attrs.define
class Place:
    """A workspace of a sandbox, and its tasks as a client without limits has them."""

    service: Sandbox
    client: Client
    workspace: str

    @property
    def tasks(self) -> Tasks:
        return self.client.taskrouter.workspace(self.workspace).tasks

    @property
    def made(self) -> Counter[int]:
        tasks = self.service.tasks(self.workspace)
        return Counter(msgspec.json.decode(task.attributes)["n"] for task in tasks)


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with (
        Sandbox(expression_rate=None, latency=0.001) as service,
        Client(
            service.account_sid, service.auth_token, base_url=service.url, retry=AT_ONCE, timeout=5
        ) as client,
    ):
        place = Place(service, client, service.create_workspace("Support"))
        client._session.lane(f"list by expression {place.tasks._operations}", math.inf)
        yield place


STEPS = [*range(0, 40, 3), *range(40, 400, 45)]


@pytest.mark.parametrize("how", HOWS)
async def test_a_job_that_is_broken_off_at_many_steps_makes_each_row_one_task(
    place: Place, tmp_path: Path, quiet: Callable[[], None], how: str
) -> None:
    journal = tmp_path / "journal"
    told: list[Outcome[NewTask]] = []

    async def run() -> None:
        job = place.tasks.create_many(rows(200), journal=journal, settle=0.2, max_in_flight=3)
        async for outcome in job:
            told.append(outcome)

    for turns in STEPS:
        await broken_off(run, turns, how)
        # What was broken off has ended, and the next run can have the journal.
        assert not journal.exists() or not read_summary(journal).running
    assert place.made.total() < 200
    await at_rest(place.client)
    await run()
    await at_rest(place.client)
    assert place.made == Counter(range(200))
    assert {type(each) for each in told} == {Created}
    assert {number_of(each.row) for each in told} == set(range(200))
    quiet()


async def test_rows_in_doubt_can_be_left_at_every_step(
    place: Place, quiet: Callable[[], None]
) -> None:
    async def run() -> None:
        for kind in KINDS:
            place.service.faults.next("POST", "/Tasks", kind)
        outcomes = [each async for each in place.tasks.create_many(rows(3), settle=0.02)]
        assert [type(each) for each in outcomes] == [Created] * 3

    turns = 0
    while await broken_off(run, turns):
        await at_rest(place.client)
        turns += 1 + turns // 8
    await run()
    await at_rest(place.client)
    assert turns > 50
    quiet()


@pytest.mark.parametrize(
    ("what", "taken"),
    [("items", 0), ("items", 1), ("pages", 1), ("outcomes", 0), ("outcomes", 1), ("outcomes", 3)],
)
async def test_a_consumer_that_leaves_leaves_nothing(
    serve: Serve, quiet: Callable[[], None], what: str, taken: int
) -> None:
    script = Script()
    script.next = [] if what == "outcomes" else [FIRST_PAGE, "hang"]
    _, client = await serve(script, timeout=60)
    listing = tasks_of(client).list(page_size=7)
    many: dict[str, Any] = {
        "items": aiter(listing),
        "pages": listing.pages(),
        "outcomes": tasks_of(client).create_many(rows(50), max_in_flight=3),
    }
    left = many.pop(what)
    if taken:
        async for _ in left:
            taken -= 1
            if not taken:
                break
    del left, many
    gc.collect()
    await at_rest(client)
    quiet()


class AsideError(BaseException):
    """Neither an error nor an end of the program, as some test frameworks raise it."""


@pytest.mark.parametrize("kind", [OSError, KeyError, asyncio.CancelledError, AsideError])
@pytest.mark.parametrize("awaited", [False, True])
async def test_what_rows_raise_comes_after_the_rows_before_it_and_the_job_can_go_on(
    place: Place, tmp_path: Path, kind: type[BaseException], *, awaited: bool
) -> None:
    def broken(number: int) -> Iterator[NewTask]:
        yield from rows(number)
        raise kind

    async def slowly(number: int) -> AsyncIterator[NewTask]:
        for row in broken(number):
            yield row

    for number in (5, 3, 0, 9):  # some of them before the rows of the run before are passed
        told = []
        with pytest.raises(kind):
            async for outcome in place.tasks.create_many(
                slowly(number) if awaited else broken(number), journal=tmp_path / "journal"
            ):
                told.append(outcome)
        assert len(told) == {5: 5, 9: 4}.get(number, 0)
    assert place.made == Counter(range(9))
    await at_rest(place.client)


def _own(_: object) -> Any:
    raise LookupError("a mistake of the caller's own")


class Lazy(UserDict[str, Any]):
    """A row whose values are looked up where that is not possible any more."""

    def __getitem__(self, name: str) -> Any:
        return _own(name)


async def test_a_row_and_a_key_that_raise_are_rejected_alone(place: Place) -> None:
    given: list[Any] = [*rows(2), Lazy(priority=1), *rows(4)[2:]]
    outcomes = [each async for each in place.tasks.create_many(given)]
    assert Counter(map(type, outcomes)) == {Created: 4, Rejected: 1}
    outcomes = [each async for each in place.tasks.create_many(rows(2), row_key=_own)]
    assert Counter(map(type, outcomes)) == {Rejected: 2}
    assert place.made == Counter(range(4))


CHANGES = {"raises": (_own, LookupError), "list": (lambda _: ["priority"], TypeError)}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_that_cannot_be_made_out_sends_none(serve: Serve, change: str) -> None:
    _, client = await serve(Script())
    made_out, kind = CHANGES[change]
    with pytest.raises(kind):
        await tasks_of(client).modify(TASK, made_out)
    assert client.counters.requests == 1
    await at_rest(client)
