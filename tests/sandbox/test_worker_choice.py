"""Routing: the choice of a worker."""

import pytest

from tests.sandbox.routing_api import Floor, rule, simple, target
from tests.sandbox.sandbox_api import Clock, Value


async def test_a_worker_has_no_more_tasks_than_the_channel_has_capacity(floor: Floor) -> None:
    await simple(floor)
    worker = floor.hire("Ada")
    await floor.capacity(worker, 2)
    tasks = [await floor.task() for _ in range(4)]
    voice = await floor.task(TaskChannel="voice")

    async def statuses() -> list[str]:
        return [await floor.status(task) for task in tasks]

    assert await statuses() == ["reserved", "reserved", "pending", "pending"]
    assert await floor.status(voice) == "reserved"
    await floor.turn(tasks[0], "accepted")
    await floor.turn(tasks[0], "wrapping")
    assert await statuses() == ["wrapping", "reserved", "pending", "pending"]
    await floor.turn(tasks[0], "completed")
    assert await statuses() == ["completed", "reserved", "reserved", "pending"]
    await floor.api("DELETE", tasks[1]["url"])
    assert await floor.status(tasks[3]) == "reserved"


async def test_who_is_idle_for_longest_is_next(floor: Floor, clock: Clock) -> None:
    await simple(floor)
    for name in ("Ada", "Bob", "Cid"):
        await floor.capacity(floor.hire(name), 5)
    order = []
    for _ in range(6):
        task = await floor.task()
        order += await floor.offered(task)
    assert order == ["Ada", "Bob", "Cid"] * 2
    clock.now += 1
    await floor.turn(task, "rejected", "Cid")
    assert await floor.offered(task) == ["Ada"]
    for name in ("Bob", "Cid", "Ada"):
        assert await floor.offered(await floor.task()) == [name]


async def test_who_becomes_available_has_been_idle_for_no_time(floor: Floor) -> None:
    await simple(floor)
    ada = floor.hire("Ada")
    floor.hire("Bob")
    await floor.move(ada, "Offline")
    await floor.move(ada, "Available")
    assert await floor.offered(await floor.task()) == ["Bob"]


@pytest.mark.parametrize(("optimized", "third"), [("true", ["Bob"]), ("false", ["Cid"])])
async def test_an_optimized_channel_has_a_rotation_of_its_own(
    floor: Floor, optimized: str, third: list[str]
) -> None:
    await simple(floor)
    for name in ("Ada", "Bob", "Cid"):
        await floor.capacity(floor.hire(name), 5)
    assert await floor.offered(await floor.task(TaskChannel="voice")) == ["Ada"]
    assert await floor.offered(await floor.task()) == ["Bob"]
    for worker in await floor.api.listed("/Workers"):
        await floor.capacity(worker["sid"], 5, "voice")
    form = {"ChannelOptimizedRouting": optimized}
    assert (await floor.api("POST", "/TaskChannels/voice", form)).status == 200
    assert await floor.offered(await floor.task(TaskChannel="voice")) == third


async def test_order_by_chooses_the_worker_and_the_longest_idle_among_equals(floor: Floor) -> None:
    queue = await floor.queue()
    order = "worker.level DESC, worker.cost"
    await floor.workflow(rule(target(queue, order_by=order)))
    floor.hire("None")
    floor.hire("Text", level="9")
    floor.hire("Low", level=1)
    floor.hire("Dear", level=2, cost=5)
    floor.hire("First", level=2, cost=4.5)
    floor.hire("Second", level=2, cost=4.5)
    names = [await floor.offered(await floor.task()) for _ in range(6)]
    assert names == [["First"], ["Second"], ["Dear"], ["Low"], ["None"], ["Text"]]


async def test_a_task_for_a_worker_waits_for_that_one_only(floor: Floor) -> None:
    await simple(floor, "1==2")
    ada, bob = floor.hire("Ada"), floor.hire("Bob", "Offline")
    form: dict[str, Value] = {"RoutingTarget": bob, "IgnoreCapacity": "false"}
    task = await floor.task(**form)
    other = await floor.task(**form | {"RoutingTarget": ada})
    leaver = floor.hire("Eve", "Offline")
    nobody = await floor.task(**form | {"RoutingTarget": leaver})
    assert (await floor.api("DELETE", f"/Workers/{leaver}")).status == 204
    assert await floor.offered(other) == ["Ada"]
    assert await floor.status(task) == "pending"
    await floor.move(bob, "Available")
    assert await floor.offered(task) == ["Bob"]
    assert await floor.status(nobody) == "pending"
    assert await floor.status(await floor.task(**form)) == "pending"


async def test_a_task_that_ignores_capacity_reaches_its_worker_whatever_is_up(
    floor: Floor,
) -> None:
    await simple(floor)
    ada = floor.hire("Ada", "Offline")
    tasks = [await floor.task(RoutingTarget=ada) for _ in range(3)]
    assert [await floor.offered(task) for task in tasks] == [["Ada"]] * 3
    queue = (await floor.api.listed("/TaskQueues"))[0]
    await floor.api("POST", queue["url"], {"MaxReservedWorkers": 5})
    assert await floor.offered(tasks[0]) == ["Ada"]


async def test_a_worker_who_does_one_task_at_a_time_moves_with_it(floor: Floor) -> None:
    await floor.api("POST", "", {"MultiTaskEnabled": "false"})
    made = [await floor.api.make("/Activities", FriendlyName=name) for name in ("Reserved", "Busy")]
    await simple(floor, ReservationActivitySid=made[0]["sid"], AssignmentActivitySid=made[1]["sid"])
    worker = floor.hire("Ada")

    async def activity() -> str:
        return str((await floor.api("GET", f"/Workers/{worker}")).json["activity_name"])

    task = await floor.task()
    behind = await floor.task(TaskChannel="voice")
    assert (await activity(), await floor.status(behind)) == ("Reserved", "pending")
    await floor.turn(task, "rejected")
    assert (await activity(), await floor.offered(task)) == ("Reserved", ["Ada"])
    await floor.turn(task, "accepted")
    assert await activity() == "Busy"
    await floor.turn(task, "completed")
    assert (await activity(), await floor.status(behind)) == ("Busy", "pending")
    await floor.move(worker, "Available")
    assert await floor.offered(behind) == ["Ada"]


async def test_doing_several_tasks_at_once_begins_when_it_is_switched_on(floor: Floor) -> None:
    await floor.api("POST", "", {"MultiTaskEnabled": "false"})
    await simple(floor)
    floor.hire("Ada")
    first, second = await floor.task(), await floor.task(TaskChannel="voice")
    assert (await floor.offered(first), await floor.offered(second)) == (["Ada"], [])
    await floor.api("POST", "", {"MultiTaskEnabled": "true"})
    assert await floor.offered(second) == ["Ada"]


async def test_who_has_ended_a_task_first_is_idle_for_longest(floor: Floor) -> None:
    await simple(floor)
    floor.hire("Ada")
    floor.hire("Bob")
    tasks = [await floor.task(), await floor.task()]
    for task in tasks:
        await floor.turn(task, "accepted")
    for task in reversed(tasks):
        await floor.turn(task, "completed")
    assert await floor.offered(await floor.task()) == ["Bob"]
