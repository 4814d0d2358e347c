"""A single create that is to be made once: `create(once="key")`."""

import asyncio

import pytest

import aiotask
from aiotask.sandbox import FaultKind
from aiotask.taskrouter import Task
from tests.bulk.test_doubts import LOST_AFTER, LOST_BEFORE, SETTLE, Place, place

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
