"""Timers: timeouts and expiries at their own times."""

import asyncio
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from aiotask.sandbox import Sandbox
from aiotask.sandbox.clock.scheduler import Scheduler, Timeline
from aiotask.sandbox.routing.router import MOST_ROUNDS
from tests.sandbox.routing_api import Floor, rule, target
from tests.sandbox.sandbox_api import Clock, serving


@pytest.fixture
async def floor(clock: Clock) -> AsyncIterator[Floor]:
    async with serving("FIFO", clock=clock) as api:
        yield Floor(api)


async def activity(floor: Floor, worker: str) -> str:
    return str((await floor.api("GET", f"/Workers/{worker}")).json["activity_name"])


async def test_a_reservation_times_out_and_moves_its_worker(floor: Floor) -> None:
    ada = floor.hire("Ada")
    task = await floor.task()
    await floor.sandbox.advance(seconds=119.999)
    assert await floor.status(task) == "reserved"
    await floor.sandbox.advance(seconds=1)
    assert (await floor.status(task), await activity(floor, ada)) == ("pending", "Offline")
    assert (await floor.told(task))[-2:] == [
        ("reservation.created", 0),
        ("reservation.timeout", 120_000),
    ]
    floor.hire("Bob")
    await floor.turn(task, "accepted", "Bob")
    await floor.sandbox.advance(minutes=10)
    assert await floor.status(task) == "assigned"


async def test_the_workspace_says_what_a_worker_does_who_does_not_answer(floor: Floor) -> None:
    (available,) = await floor.api.listed("/Activities", Available="true")
    await floor.api("POST", "", {"TimeoutActivitySid": available["sid"]})
    ada = floor.hire("Ada")
    task = await floor.task()
    await floor.sandbox.advance(minutes=5)
    assert (await activity(floor, ada), await floor.offered(task)) == ("Available", ["Ada"])
    assert [what for what, at in await floor.told(task) if at in (120_000, 240_000)] == [
        "reservation.timeout",
        "reservation.created",
    ] * 2


@pytest.mark.parametrize("reserved", [False, True])
async def test_a_task_that_is_not_assigned_in_time_is_canceled(
    floor: Floor, *, reserved: bool
) -> None:
    task = await floor.task(Timeout=60)
    if reserved:
        floor.hire("Ada")
    await floor.sandbox.advance(seconds=59.999)
    assert await floor.status(task) == ("reserved" if reserved else "pending")
    await floor.sandbox.advance(seconds=0.001)
    found = await floor.now(task)
    assert (found["assignment_status"], found["reason"]) == ("canceled", "Task TTL Exceeded")
    assert found["date_updated"] == "2023-11-14T22:14:20Z"
    told = dict(await floor.told(task))
    assert told["task.canceled"] == 60_000
    if reserved:
        assert told["reservation.canceled"] == 60_000
        assert await floor.offered(await floor.task()) == ["Ada"]


@pytest.mark.parametrize("status", ["completed", "canceled"])
async def test_a_closed_task_is_gone_after_five_minutes_without_an_event(
    floor: Floor, status: str
) -> None:
    ada = floor.hire("Ada")
    task = await floor.task()
    if status == "completed":
        await floor.turn(task, "accepted")
    await floor.api("POST", task["url"], {"AssignmentStatus": status})
    await floor.sandbox.advance(seconds=299)
    assert await floor.status(task) == status
    await floor.sandbox.advance(seconds=1)
    assert (await floor.api("GET", task["url"])).refusal == (404, 20404)
    assert await floor.api.listed(f"/Workers/{ada}/Reservations") == []
    assert "task.deleted" not in await floor.events(task)
    assert floor.sandbox.tasks(floor.api.workspace) == []


async def test_how_long_closed_tasks_stay_is_a_setting(clock: Clock) -> None:
    async with serving(clock=clock, closed_for=10) as api:
        floor = Floor(api)
        task = await floor.task(Timeout=5)
        await floor.sandbox.advance(seconds=14)
        assert await floor.status(task) == "canceled"
        await floor.sandbox.advance(seconds=1)
        assert (await api("GET", task["url"])).status == 404


async def test_a_task_that_is_assigned_for_a_day_is_deleted_by_the_system(floor: Floor) -> None:
    floor.hire("Ada")
    task, wrapping = await floor.task(), await floor.task(TaskChannel="voice")
    await floor.sandbox.advance(seconds=10)
    for each in (task, wrapping):
        await floor.turn(each, "accepted")
    await floor.turn(wrapping, "wrapping")
    await floor.sandbox.advance(hours=24)
    assert (await floor.api("GET", task["url"])).status == 404
    assert await floor.status(wrapping) == "wrapping"
    assert (await floor.told(task))[-1] == ("task.system-deleted", 86_410_000)
    assert await floor.offered(await floor.task()) == ["Ada"]


async def test_a_task_is_reserved_a_thousand_times_and_then_canceled(floor: Floor) -> None:
    (available,) = await floor.api.listed("/Activities", Available="true")
    await floor.api("POST", "", {"TimeoutActivitySid": available["sid"]})
    workflow = (await floor.api.listed("/Workflows"))[0]
    await floor.api("POST", workflow["url"], {"TaskReservationTimeout": 1})
    floor.hire("Ada")
    task = await floor.task()
    await floor.sandbox.advance(seconds=MOST_ROUNDS - 0.001)
    assert await floor.status(task) == "reserved"
    await floor.sandbox.advance(seconds=1)
    found = await floor.now(task)
    assert (found["assignment_status"], found["reason"]) == (
        "canceled",
        "Max assignment count exceeded",
    )
    assert len(await floor.api.listed(f"/Tasks/{task['sid']}/Reservations", PageSize=1000)) == 1000


async def test_what_is_due_is_done_before_a_request_is_answered(floor: Floor, clock: Clock) -> None:
    task = await floor.task(Timeout=60)
    clock.now += 100
    assert await floor.status(task) == "canceled"
    assert dict(await floor.told(task))["task.canceled"] == 60_000
    assert (await floor.api("GET", "")).json["date_updated"] == "2023-11-14T22:13:20Z"


async def test_time_moves_for_dates_and_does_not_go_back(floor: Floor) -> None:
    await floor.sandbox.advance(hours=1, minutes=1, seconds=1.5)
    assert (await floor.task())["date_created"] == "2023-11-14T23:14:21Z"
    with pytest.raises(ValueError, match="back"):
        await floor.sandbox.advance(seconds=-1)


async def test_what_is_due_in_several_workspaces_is_done_in_order(clock: Clock) -> None:
    async with serving(clock=clock) as one:
        floor, other = Floor(one), Floor(one)
        other.api = type(one)(one.sandbox, one.session, "FIFO")
        late, early = await floor.task(Timeout=20), await other.task(Timeout=10)
        await other.api("DELETE", other.api.url(""))
        assert one.sandbox._account.scheduler.next == 1_700_000_020_000
        await one.sandbox.advance(seconds=15)
        assert await floor.status(late) == "pending"
        assert (await one("GET", early["url"])).status == 404


async def test_with_the_real_clock_things_happen_by_themselves() -> None:
    async with serving() as api:
        floor = Floor(api)
        tasks = [await floor.task(Timeout=timeout) for timeout in (60, 61, 120)]
        await api.sandbox.advance(seconds=59.9)
        stored = [api.sandbox._task(task["sid"])[1] for task in tasks]
        async with asyncio.timeout(60):  # which only a sandbox that forgot it would need
            while stored[1].assignment_status == "pending":
                await asyncio.sleep(0.01)
        statuses = [task.assignment_status for task in stored]
        assert statuses == ["canceled", "canceled", "pending"]
        assert stored[0].moved - stored[0].began == 60_000


async def test_a_sandbox_that_serves_again_goes_on_with_what_is_due() -> None:
    sandbox = Sandbox()
    workspace = sandbox.create_workspace("W")
    await sandbox.close()
    for _ in range(2):
        async with sandbox:
            assert sandbox.tasks(workspace) == []


def ticks(timeline: Timeline) -> Any:
    class Ticks:
        def __init__(self) -> None:
            self.seen: list[tuple[str, int]] = []
            self.settled = 0

        def due(self, sid: str) -> None:
            self.seen.append((sid, timeline.milliseconds()))

        def settle(self) -> None:
            self.settled += 1

    return Ticks()


def test_timers_ring_in_order_and_each_at_its_time() -> None:
    clock = Clock(1000.0)
    timeline = Timeline(clock)
    scheduler, owner = Scheduler(timeline), ticks(timeline)
    moments = {f"T{number}": 1_000_000 + number for number in range(50)}
    for sid in Random(1).sample(sorted(moments), 50):
        scheduler.set(sid, 999_000, owner)
        scheduler.set(sid, moments[sid], owner)
        scheduler.set(sid, moments[sid], owner)
    scheduler.set("T7", None, owner)
    scheduler.set("T7", None, owner)
    scheduler.wake(owner)
    clock.now += 0.04
    scheduler.catch_up()
    assert owner.seen == [
        (sid, at) for sid, at in moments.items() if at <= 1_000_040 and sid != "T7"
    ]
    assert (owner.settled, scheduler.next) == (1, 1_000_041)
    scheduler.forget(owner)
    assert scheduler.next is None


async def everything(floor: Floor) -> list[Any]:
    found: list[Any] = []
    for path in ("/Tasks", "/Workers"):
        for item in await floor.api.listed(path, PageSize=1000):
            found.append(item)
            found += await floor.api.listed(f"{path}/{item['sid']}/Reservations", PageSize=1000)
    return found


async def test_routing_goes_on_as_it_would_have_when_it_is_built_anew() -> None:
    results = []
    for resumed in (False, True):
        async with serving("NONE", clock=Clock(), seed=5) as api:
            floor = Floor(api)
            queue = await floor.queue("Q", "level > 0", MaxReservedWorkers=2)
            last = await floor.queue("Last", TaskOrder="LIFO")
            await floor.workflow(
                rule(target(queue, timeout=40, expression="worker.level >= task.level"), {}),
                default=last,
                TaskReservationTimeout=30,
            )
            for number in range(4):
                await floor.capacity(floor.hire(f"W{number}", level=number), 2)
            tasks = [
                await floor.task({"level": number % 4}, Timeout=200 + number) for number in range(9)
            ]
            await floor.turn(tasks[0], "accepted")
            await floor.api("POST", tasks[1]["url"], {"AssignmentStatus": "canceled"})
            await floor.sandbox.advance(seconds=31)
            if resumed:
                workspace = api.sandbox._workspace(api.workspace)
                assert workspace.router is not None
                workspace.router.resume()
            for worker in await api.listed("/Workers"):
                await floor.move(worker["sid"], "Available")
            await floor.sandbox.advance(seconds=20)
            early = await everything(floor)
            await floor.sandbox.advance(minutes=5)
            late = await everything(floor)
            results.append(str([early, late]).replace(api.sandbox.url, ""))
    assert results[0] == results[1]
