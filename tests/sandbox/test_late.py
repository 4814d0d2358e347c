"""Late requests: executed after their clients have given up."""

import asyncio
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest

from aiotask.sandbox import FaultKind
from tests.sandbox.sandbox_api import Api, Clock, basic, serving
from tests.sandbox.stored_sandbox import kept

LATE = 10.0


def numbers(api: Api) -> list[str]:
    return [task.attributes for task in api.sandbox.tasks(api.workspace)]


async def reset(api: Api, number: int = 0) -> None:
    """Create a task, and see the connection reset instead of an answer."""
    api.sandbox.faults.next("POST", "/Tasks", "late_reset")
    with pytest.raises(aiohttp.ClientOSError, match="reset"):
        await api("POST", "/Tasks", {"Attributes": f'{{"n":{number}}}'})


async def test_a_request_is_carried_out_after_its_connection_was_reset() -> None:
    async with serving(clock=Clock(), late=LATE, seed=1) as api:
        await reset(api)
        assert (numbers(api), api.sandbox.answers) == ([], {})
        await api.sandbox.advance(seconds=LATE)
        assert (numbers(api), api.sandbox.answers) == (['{"n":0}'], {201: 1})


async def test_a_request_without_an_answer_is_carried_out_though_its_client_has_given_up() -> None:
    async with serving(clock=Clock(), late=LATE) as api:
        api.sandbox.faults.next("POST", "/Tasks", "late_hang")
        await api.abandoned("POST", "/Tasks")
        while not api.sandbox.injected:
            await asyncio.sleep(0.001)
        assert numbers(api) == []
        await api.sandbox.advance(seconds=LATE)
        assert numbers(api) == ["{}"]


async def test_a_client_that_does_not_give_up_gets_no_answer_either() -> None:
    async with serving(clock=Clock(), late=LATE) as api:
        api.sandbox.faults.next("POST", "/Tasks", "late_hang")
        hanging = asyncio.create_task(api("POST", "/Tasks"))
        while not api.sandbox.injected:
            await asyncio.sleep(0.001)
        await api.sandbox.advance(seconds=LATE)
        # A whole request later, there would have been time for one.
        assert len(await api.listed("/Tasks")) == 1
        assert not hanging.done()
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)


async def test_requests_are_late_by_up_to_so_many_seconds_and_overtake_each_other() -> None:
    seen = []
    for _ in range(2):
        clock = Clock()
        async with serving(clock=clock, late=LATE, seed=2) as api:
            for number in range(30):
                await reset(api, number)
            held = [0]
            for _ in range(int(LATE)):
                await api.sandbox.advance(seconds=1)
                held.append(len(numbers(api)))
            seen.append(numbers(api))
        assert held[-1] == 30
        # In every second some, and never nearly all.
        assert all(0 < later - before < 12 for before, later in pairwise(held))
    assert seen[0] == seen[1] != sorted(seen[0])


async def test_what_is_late_is_done_before_a_later_request_and_at_its_own_time() -> None:
    clock = Clock()
    async with serving(clock=clock, late=LATE) as api:
        await reset(api, 1)
        clock.now += 1000
        first, second = (await api.make("/Tasks")), (await api.listed("/Tasks"))[0]
        assert second["attributes"] == '{"n":1}'
        assert second["date_created"] < "2023-11-14T22:13:31Z" < first["date_created"]


async def test_with_the_real_clock_what_is_late_comes_by_itself() -> None:
    async with serving(late=0.05) as api:
        for number in range(5):
            await reset(api, number)
        while api.sandbox.answers[201] < 5:
            await asyncio.sleep(0.001)
        assert len(numbers(api)) == 5


@pytest.mark.parametrize("kind", ["late_reset", "late_hang"])
async def test_closing_drops_what_is_not_carried_out_yet(kind: FaultKind) -> None:
    async with serving(clock=Clock(), late=LATE) as api:
        sandbox = api.sandbox
        sandbox.faults.next("POST", "/Tasks", kind)
        call = asyncio.create_task(api("POST", "/Tasks"))
        while not sandbox.injected:
            await asyncio.sleep(0.001)
        await sandbox.close()
        await asyncio.gather(call, return_exceptions=True)
        assert sandbox._account.scheduler.next is None
        await sandbox.advance(seconds=LATE)
        assert sandbox.tasks(api.workspace) == []
        async with sandbox:
            assert await api.listed("/Tasks") == []


async def test_what_is_refused_is_refused_late_and_does_nothing() -> None:
    async with serving(clock=Clock(), late=LATE) as api:
        faults = api.sandbox.faults
        with pytest.raises(aiohttp.ClientOSError):
            faults.next("POST", "/Tasks", "late_reset")
            await api("POST", "/Tasks", {"Priority": -1})
        with pytest.raises(aiohttp.ClientOSError):
            faults.next("POST", "/Tasks", "late_reset")
            await api("POST", "/Tasks", headers=basic("AC", "wrong"))
        await api.sandbox.advance(seconds=LATE)
        assert api.sandbox.answers == {400: 1, 401: 1}
        assert numbers(api) == []


async def test_what_is_late_is_saved(tmp_path: Path) -> None:
    clock, store = Clock(), tmp_path / "sandbox.db"
    async with kept(store, clock, late=LATE) as api:
        workspace = api.sandbox.create_workspace("Support")
        api.sandbox.faults.next("POST", "/Tasks", "late_reset")
        with pytest.raises(aiohttp.ClientOSError):
            await api("POST", f"/v1/Workspaces/{workspace}/Tasks")
        await api.sandbox.advance(seconds=LATE)
    async with kept(store, clock) as api:
        assert len(api.sandbox.tasks(workspace)) == 1
