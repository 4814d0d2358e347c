"""A single create that is to be made once: `create(once="key")`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

import aiotask
from aiotask.sandbox import FaultKind
from aiotask.taskrouter import Task, Tasks
from tests.bulk.test_doubts import LOST_AFTER, LOST_BEFORE, SETTLE, Place, place
from tests.virtual_time import until

pytestmark = pytest.mark.virtual_time


async def make(here: Place, key: str = "order_17", n: int = 0) -> Task:
    return await here.tasks.create(once=key, settle=SETTLE, attributes={"n": n}, priority=3)


async def test_a_task_that_has_the_key_is_returned_and_not_made_again() -> None:
    async with place() as here:
        first = await make(here)
        assert first.attributes["aiotask_key"] == "order_17"
        assert (first.priority, first.etag) == (3, '"0"')
        again = await make(here, n=1)
        assert again.sid == first.sid
        assert len(here.sandbox.tasks(here.workspace)) == 1
        other = await make(here, "order_18")
        assert other.sid != first.sid


@pytest.mark.parametrize("kind", [*LOST_BEFORE, *LOST_AFTER])
async def test_a_lost_answer_is_settled_by_the_call_itself(kind: FaultKind) -> None:
    async with place() as here:
        here.lose(kind)
        task = await make(here)
        (made,) = here.sandbox.tasks(here.workspace)
        assert task.sid == made.sid


async def test_another_client_finds_what_this_one_made() -> None:
    async with place() as here:
        first = await make(here)
        sandbox = here.sandbox
        async with aiotask.Client(
            sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url
        ) as other:
            tasks = other.taskrouter.workspace(here.workspace).tasks
            assert (await tasks.create(once="order_17")).sid == first.sid


async def test_many_at_the_same_moment_make_one() -> None:
    async with place(index_lag=30) as here:
        made = await asyncio.gather(*[make(here, n=n) for n in range(10)])
        assert len({task.sid for task in made}) == 1
        assert len(here.sandbox.tasks(here.workspace)) == 1


async def test_who_waits_and_leaves_is_nobodys_obstacle() -> None:
    async with place() as here:
        first, second, third = (asyncio.ensure_future(make(here)) for _ in range(3))
        await asyncio.sleep(0)
        second.cancel()
        assert (await first).sid == (await third).sid
        with pytest.raises(asyncio.CancelledError):
            await second


async def test_a_maker_that_fails_leaves_the_making_to_the_next() -> None:
    async with place() as here:
        wrong = asyncio.ensure_future(
            here.tasks.create(once="order_17", task_channel="no_such_channel")
        )
        await asyncio.sleep(0)
        right = asyncio.ensure_future(make(here))
        with pytest.raises(aiotask.BadRequestError):
            await wrong
        assert (await right).priority == 3
        assert len(here.sandbox.tasks(here.workspace)) == 1


@pytest.mark.parametrize("key", ["", "a b", 'x" OR 1==1 OR "', "x" * 65, "ü"])
async def test_a_key_that_cannot_be_one_is_a_value_error_before_anything_is_sent(
    key: str,
) -> None:
    async with place() as here:
        with pytest.raises(ValueError, match="once: must be 1 to 64 letters"):
            await make(here, key)
        assert not here.sandbox.requests


async def test_wrong_fields_are_told_before_anything_is_sent() -> None:
    async with place() as here:
        with pytest.raises(TypeError, match="did you mean 'priority'"):
            await here.tasks.create(once="order_17", prioritty=1)  # type: ignore[call-arg]  # misspelt
        with pytest.raises(ValueError, match="is set already"):
            await here.tasks.create(once="order_17", attributes={"aiotask_key": "other"})
        assert not here.sandbox.requests


@asynccontextmanager
async def another(here: Place) -> AsyncIterator[Tasks]:
    """Give the tasks of the place as another process has them: it remembers nothing."""
    sandbox = here.sandbox
    async with aiotask.Client(
        sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url, retry=here.clock.policy()
    ) as other:
        yield other.taskrouter.workspace(here.workspace).tasks


async def remove(here: Place, how: str) -> None:
    """End the only task, in one of several ways, and let it leave the lists."""
    (task,) = here.sandbox.tasks(here.workspace)
    if how == "deleted":
        await here.tasks.delete(task.sid)
    elif how == "canceled":
        await here.tasks.cancel(task.sid, "no longer needed")
    else:
        here.sandbox.set_status(task.sid, "assigned")
        await here.tasks.complete(task.sid, "served")
    await here.sandbox.advance(minutes=6)
    assert not here.sandbox.tasks(here.workspace)


@pytest.mark.parametrize(
    ("how", "status", "reason"),
    [
        ("canceled", "canceled", "no longer needed"),
        ("completed", "completed", "served"),
        ("deleted", "pending", None),
    ],
)
@pytest.mark.parametrize("same", [True, False])
async def test_a_task_that_has_ended_is_returned_as_its_events_tell_of_it(
    how: str, status: str, reason: str | None, *, same: bool
) -> None:
    async with place() as here:
        first = await make(here)
        await here.tasks.update(first.sid, priority=9)
        await remove(here, how)
        async with another(here) as tasks:
            again = await (here.tasks if same else tasks).create(once="order_17", settle=SETTLE)
        assert again.sid == first.sid
        assert again.attributes == first.attributes
        assert (again.assignment_status, again.reason) == (status, reason)
        assert (again.priority, again.etag) == (9, None)
        assert again.date_created == first.date_created
        names = "account_sid workspace_sid workflow_sid workflow_friendly_name task_queue_sid url"
        for name in f"{names} task_queue_friendly_name task_channel_unique_name".split():
            assert getattr(again, name) == getattr(first, name), name
        assert again.date_updated is not None
        assert here.creates == 1


@pytest.mark.parametrize(("days", "creates"), [(29.9, 1), (31, 2)])
async def test_events_are_read_as_far_as_they_reach(days: float, creates: int) -> None:
    async with place() as here:
        first = await make(here)
        await remove(here, "canceled")
        await here.sandbox.advance(hours=24 * days)
        async with another(here) as tasks:
            again = await tasks.create(once="order_17")
        assert (again.sid == first.sid) is (creates == 1)
        assert here.creates == creates


@pytest.mark.parametrize(("look_back", "creates"), [(0, 2), (1, 2), (3, 1)])
async def test_events_are_read_no_farther_than_is_asked_for(look_back: int, creates: int) -> None:
    async with place() as here:
        await make(here)
        await remove(here, "canceled")
        await here.sandbox.advance(hours=2)
        asked = here.sandbox.requests["GET Events"]
        async with another(here) as tasks:
            await tasks.create(once="order_17", look_back=timedelta(hours=look_back))
        assert here.creates == creates
        assert bool(here.sandbox.requests["GET Events"] - asked) is bool(look_back)


async def test_a_task_that_is_listed_costs_no_look_at_events() -> None:
    async with place() as here:
        await make(here)
        asked = here.sandbox.requests["GET Events"]
        async with another(here) as tasks:
            await tasks.create(once="order_17")
        assert here.sandbox.requests["GET Events"] == asked


@pytest.mark.parametrize("how", ["canceled", "deleted"])
async def test_a_lost_task_that_has_ended_before_it_is_looked_for_is_not_made_again(
    how: str,
) -> None:
    async with place() as here:
        here.lose("after_reset")
        making = asyncio.ensure_future(make(here))
        await until(lambda: here.creates)
        await remove(here, how)
        task = await making
        assert task.attributes["aiotask_key"] == "order_17"
        assert here.creates == 1


async def test_a_process_that_was_suspended_does_not_make_a_second_task() -> None:
    async with place() as here:
        here.lose("after_hang")
        making = asyncio.ensure_future(make(here))
        await until(lambda: here.creates)
        loop: Any = asyncio.get_running_loop()
        (task,) = here.sandbox.tasks(here.workspace)
        here.sandbox.set_status(task.sid, "canceled")
        loop.now += 3600  # the request's timeout comes only now
        assert (await making).sid == task.sid
        assert here.creates == 1


async def test_a_task_that_no_event_tells_of_any_more_is_not_found() -> None:
    async with place() as here:
        await make(here)
        await remove(here, "canceled")
        await here.sandbox.advance(hours=24 * 31)
        await make(here, "order_18")
        with pytest.raises(aiotask.NotFoundError):
            await make(here)
        assert here.creates == 2


@pytest.mark.parametrize(
    ("look_back", "kind"),
    [(timedelta(days=31), ValueError), (timedelta(-1), ValueError), (3600, TypeError)],
)
async def test_a_time_that_events_cannot_be_read_for_is_an_error(
    look_back: Any, kind: type[Exception]
) -> None:
    async with place() as here:
        with pytest.raises(kind, match="look_back: must be"):
            await here.tasks.create(once="order_17", look_back=look_back)
        assert not here.sandbox.requests
