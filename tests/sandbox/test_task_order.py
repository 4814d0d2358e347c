"""Routing: the order of tasks and queues."""

import pytest

from tests.sandbox.routing_api import Floor, rule, simple, target


async def test_tasks_are_served_by_priority_and_then_by_virtual_start(floor: Floor) -> None:
    await simple(floor)
    late = await floor.task(Priority=1)
    early = await floor.task(Priority=1, VirtualStartTime="2023-01-01T00:00:00Z")
    urgent = await floor.task(Priority=2)
    first = await floor.task(VirtualStartTime="2020-01-01T00:00:00Z")
    raised = await floor.task()
    await floor.api("POST", raised["url"], {"Priority": 3})
    floor.hire("Ada")
    for task in (raised, urgent, early, late, first):
        assert await floor.offered(task) == ["Ada"]
        await floor.turn(task, "accepted")
        await floor.turn(task, "completed")


async def test_a_lifo_queue_serves_the_newest_whatever_its_priority(floor: Floor) -> None:
    await simple(floor, TaskOrder="LIFO")
    tasks = [await floor.task(Priority=9 - number) for number in range(3)]
    floor.hire("Ada")
    for task in reversed(tasks):
        assert await floor.offered(task) == ["Ada"]
        await floor.turn(task, "accepted")
        await floor.turn(task, "completed")


@pytest.mark.parametrize("order", ["FIFO", "LIFO"])
async def test_the_workspace_says_which_kind_of_queue_comes_first(floor: Floor, order: str) -> None:
    await floor.api("POST", "", {"PrioritizeQueueOrder": order})
    fifo = await floor.queue("FIFO")
    lifo = await floor.queue("LIFO", TaskOrder="LIFO")
    await floor.workflow(rule(target(lifo), when="lifo == true"), default=fifo)
    tasks = {
        "LIFO": await floor.task({"lifo": True}),
        "FIFO": await floor.task(Priority=5),
    }
    floor.hire("Ada")
    assert await floor.offered(tasks.pop(order)) == ["Ada"]
    assert await floor.offered(tasks.popitem()[1]) == []


async def test_a_queue_that_changes_its_order_changes_who_is_first(floor: Floor) -> None:
    queue = await simple(floor)
    old, new = await floor.task(), await floor.task()
    await floor.api("POST", queue["url"], {"TaskOrder": "LIFO"})
    floor.hire("Ada")
    assert (await floor.offered(old), await floor.offered(new)) == ([], ["Ada"])


async def test_queues_of_one_workflow_share_their_workers_in_order(floor: Floor) -> None:
    one, two = await floor.queue("One", "a == 1"), await floor.queue("Two", "b == 1")
    await floor.workflow(rule(target(one), when="one == true"), default=two)
    low, high = await floor.task({"one": True}), await floor.task(Priority=4)
    both = floor.hire("Both", a=1, b=1)
    assert await floor.offered(high) == ["Both"]
    await floor.capacity(both, 2)
    assert await floor.offered(low) == ["Both"]


async def test_workers_who_become_free_at_once_get_the_tasks_in_order(floor: Floor) -> None:
    await simple(floor, "activity_name == 'Here'", MaxReservedWorkers=1)
    for name in ("Ada", "Bob", "Cid"):
        floor.hire(name)
    tasks = [await floor.task(Priority=priority) for priority in (1, 3, 2, 0)]
    (available,) = await floor.api.listed("/Activities", Available="true")
    await floor.api("POST", available["url"], {"FriendlyName": "Here"})
    assert [await floor.offered(task) for task in tasks] == [["Cid"], ["Ada"], ["Bob"], []]


async def test_a_task_takes_no_worker_whom_a_more_urgent_one_needs(floor: Floor) -> None:
    here = "activity_name == 'Here' AND"
    first, second, third = [await floor.queue(name, f"{here} {name} == 1") for name in "abc"]
    floor.hire("Both", b=1, c=1)
    floor.hire("One", a=1)
    floor.hire("Two", a=1, c=1)
    await floor.workflow(default=first)
    tasks = [
        await floor.task(TaskQueueSid=queue["sid"], Priority=priority)
        for queue, priority in ((first, 5), (second, 3), (third, 1))
    ]
    (available,) = await floor.api.listed("/Activities", Available="true")
    await floor.api("POST", available["url"], {"FriendlyName": "Here"})
    assert [await floor.offered(task) for task in tasks] == [["One"], ["Both"], ["Two"]]
