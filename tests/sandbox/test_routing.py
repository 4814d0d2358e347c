"""Who gets which task, and when."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.sandbox.routing_api import Floor, configuration, rule, target
from tests.sandbox.sandbox_api import Clock, Value, serving


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def floor(clock: Clock) -> AsyncIterator[Floor]:
    async with serving("NONE", clock=clock) as api:
        yield Floor(api)


async def simple(floor: Floor, workers: str = "1==1", **form: Value) -> Any:
    """Make one queue, and a workflow that puts every task in it."""
    queue = await floor.queue("Q", workers, **form)
    await floor.workflow(rule(target(queue)))
    return queue


async def test_a_task_is_offered_just_after_it_is_created(floor: Floor) -> None:
    queue = await simple(floor)
    floor.hire("Ada")
    task = await floor.task()
    assert (task["assignment_status"], task["task_queue_sid"]) == ("pending", queue["sid"])
    assert await floor.status(task) == "reserved"
    assert await floor.offered(task) == ["Ada"]
    assert await floor.events(task) == [
        "task.created",
        "workflow.entered",
        "workflow.target-matched",
        "task-queue.entered",
        "reservation.created",
    ]


async def test_without_routing_nothing_is_offered_and_nothing_ends(clock: Clock) -> None:
    async with serving("FIFO", clock=clock, routing=False) as api:
        floor = Floor(api)
        floor.hire("Ada")
        task = await floor.task(Timeout=1)
        await api.sandbox.advance(hours=24)
        assert (await floor.now(task))["age"] == 86_400
        assert await floor.status(task) == "pending"
        assert (await api("DELETE", "")).status == 204


@pytest.mark.parametrize("trigger", ["activity", "attributes", "capacity", "channel", "queue"])
async def test_whatever_makes_a_worker_eligible_routes_what_waits(
    floor: Floor, trigger: str
) -> None:
    queue = await simple(floor, "level > 1")
    activity = "Offline" if trigger == "activity" else "Available"
    worker = floor.hire("Ada", activity, level=1 if trigger in ("attributes", "queue") else 2)
    channel = f"/Workers/{worker}/Channels/default"
    if trigger == "capacity":
        await floor.capacity(worker, 0)
    if trigger == "channel":
        await floor.api("POST", channel, {"Available": "false"})
    task = await floor.task()
    assert await floor.status(task) == "pending"
    match trigger:
        case "activity":
            await floor.move(worker, "Available")
        case "attributes":
            await floor.api("POST", f"/Workers/{worker}", {"Attributes": '{"level":2}'})
        case "capacity":
            await floor.capacity(worker, 1)
        case "channel":
            await floor.api("POST", channel, {"Available": "true"})
        case "queue":
            await floor.api("POST", queue["url"], {"TargetWorkers": "level > 0"})
    assert await floor.offered(task) == ["Ada"]


async def test_a_new_worker_gets_what_waits(floor: Floor) -> None:
    await simple(floor)
    task = await floor.task()
    activities = await floor.api.listed("/Activities", Available="true")
    await floor.api.make("/Workers", FriendlyName="Ada", ActivitySid=activities[0]["sid"])
    assert await floor.offered(task) == ["Ada"]


async def test_a_task_whose_channel_or_attributes_change_is_routed_again(floor: Floor) -> None:
    queue = await floor.queue()
    await floor.workflow(rule(target(queue, expression="task.level <= worker.level")))
    worker = floor.hire("Ada", level=2)
    await floor.capacity(worker, 0, "voice")
    task = await floor.task({"level": 3}, TaskChannel="voice")
    await floor.api("POST", task["url"], {"Attributes": '{"level": 1}'})
    assert await floor.status(task) == "pending"
    await floor.api("POST", task["url"], {"TaskChannel": "chat"})
    assert await floor.offered(task) == ["Ada"]


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


async def test_several_workers_are_reserved_and_the_first_to_accept_gets_it(floor: Floor) -> None:
    await simple(floor, MaxReservedWorkers=3)
    for name in ("Ada", "Bob", "Cid", "Dan"):
        floor.hire(name)
    task = await floor.task()
    assert await floor.offered(task) == ["Ada", "Bob", "Cid"]
    await floor.turn(task, "accepted", "Bob")
    found = {r["worker_name"]: r["reservation_status"] for r in await floor.reservations(task)}
    assert found == {"Ada": "rescinded", "Bob": "accepted", "Cid": "rescinded"}
    assert await floor.status(task) == "assigned"
    other = await floor.task()
    assert await floor.offered(other) == ["Dan", "Ada", "Cid"]


async def test_a_task_offered_to_few_goes_on_being_offered_but_to_nobody_twice(
    floor: Floor,
) -> None:
    await simple(floor, MaxReservedWorkers=2)
    floor.hire("Ada")
    task = await floor.task()
    assert await floor.offered(task) == ["Ada"]
    floor.hire("Bob")
    assert await floor.offered(task) == ["Ada", "Bob"]
    await floor.turn(task, "rejected", "Bob")
    assert await floor.offered(task) == ["Ada"]
    behind = await floor.task()
    assert await floor.offered(behind) == ["Bob"]
    await floor.turn(task, "rejected", "Ada")
    assert await floor.offered(task) == ["Ada"]
    assert len(await floor.reservations(task)) == 3


async def test_more_reserved_workers_are_allowed_at_once(floor: Floor) -> None:
    queue, other = await simple(floor), await floor.queue("Other", "1==2")
    await floor.task(TaskQueueSid=other["sid"])
    floor.hire("Ada")
    floor.hire("Bob")
    task = await floor.task()
    assert await floor.offered(task) == ["Ada"]
    await floor.api("POST", queue["url"], {"MaxReservedWorkers": 2})
    assert await floor.offered(task) == ["Ada", "Bob"]


async def test_who_rejects_may_get_it_again_unless_not_available(floor: Floor) -> None:
    await simple(floor)
    floor.hire("Ada")
    task = await floor.task()
    await floor.turn(task, "rejected")
    assert await floor.offered(task) == ["Ada"]
    (*_, last) = await floor.reservations(task)
    offline = (await floor.api.listed("/Activities", FriendlyName="Offline"))[0]["sid"]
    form = {"ReservationStatus": "rejected", "WorkerActivitySid": offline}
    await floor.api("POST", last["url"], form)
    assert await floor.place(task) == ("pending", "Q")


async def test_what_a_leaving_worker_rejects_goes_to_others(floor: Floor) -> None:
    await simple(floor)
    ada = floor.hire("Ada")
    task = await floor.task()
    floor.hire("Bob")
    offline = (await floor.api.listed("/Activities", FriendlyName="Offline"))[0]["sid"]
    form = {"ActivitySid": offline, "RejectPendingReservations": "true"}
    await floor.api("POST", f"/Workers/{ada}", form)
    assert await floor.offered(task) == ["Bob"]


async def test_queues_ask_for_activities_and_channels_as_they_are(floor: Floor) -> None:
    busy = await floor.queue("Busy", "channel.voice.assigned_tasks > 0")
    named = await floor.queue("Named", "activity_name == 'Here'")
    await floor.workflow(rule(target(named), when="named == true"), default=busy)
    worker = floor.hire("Ada")
    await floor.api.make("/Tasks", TaskChannel="voice", TaskQueueSid=(await anyone(floor))["sid"])
    task, other = await floor.task(), await floor.task({"named": True}, TaskChannel="chat")
    assert (await floor.status(task), await floor.status(other)) == ("pending", "pending")
    (voice,) = await floor.api.listed(f"/Workers/{worker}/Reservations")
    await floor.api("POST", voice["url"], {"ReservationStatus": "accepted"})
    assert await floor.offered(task) == ["Ada"]
    (available,) = await floor.api.listed("/Activities", Available="true")
    await floor.api("POST", available["url"], {"FriendlyName": "Here"})
    assert await floor.offered(other) == ["Ada"]


async def anyone(floor: Floor) -> Any:
    return await floor.queue("Anyone")


@pytest.mark.parametrize("workers", ["", "1==2", "level > 5"])
async def test_a_queue_without_workers_keeps_its_tasks_waiting(floor: Floor, workers: str) -> None:
    await simple(floor, workers)
    floor.hire("Ada")
    task = await floor.task()
    assert await floor.place(task) == ("pending", "Q")
    queue = (await floor.api.listed("/TaskQueues"))[0]
    assert (await floor.api("DELETE", queue["url"])).refusal == (400, 20001)


async def test_a_task_for_a_worker_waits_for_that_one_only(floor: Floor) -> None:
    await simple(floor, "1==2")
    ada, bob = floor.hire("Ada"), floor.hire("Bob", "Offline")
    form: dict[str, Value] = {"RoutingTarget": bob, "IgnoreCapacity": "false"}
    task = await floor.task(**form)
    other = await floor.task(**form | {"RoutingTarget": ada})
    nobody = await floor.task(**form | {"RoutingTarget": "WK" + "0" * 32})
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


async def test_a_task_can_be_put_in_a_queue_past_the_workflow(floor: Floor) -> None:
    queue, other = await floor.queue(), await floor.queue("Other")
    await floor.workflow(rule(target(queue, expression="1==2", timeout=5)))
    floor.hire("Ada")
    await floor.capacity((await floor.api.listed("/Workers"))[0]["sid"], 2)
    for name in ("TaskQueueSid", "RoutingTarget"):
        task = await floor.task(**{name: other["sid"]})
        assert await floor.place(task) == ("reserved", "Other")


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


async def test_a_deleted_worker_or_channel_gets_nothing(floor: Floor) -> None:
    await simple(floor)
    letters = await floor.api.make("/TaskChannels", FriendlyName="L", UniqueName="letters")
    ada = floor.hire("Ada")
    await floor.api("GET", f"/Workers/{ada}")
    task = await floor.task(TaskChannel="letters")
    assert await floor.offered(task) == ["Ada"]
    await floor.api("DELETE", task["url"])
    assert (await floor.api("DELETE", letters["url"])).status == 204
    assert (await floor.api("DELETE", f"/Workers/{ada}")).status == 204
    assert await floor.status(await floor.task()) == "pending"


async def test_a_task_that_a_test_moves_is_offered_only_while_it_waits(floor: Floor) -> None:
    await simple(floor)
    task = await floor.task()
    floor.sandbox.assign(task["sid"])
    floor.hire("Ada")
    assert await floor.offered(task) == []
    floor.sandbox.set_status(task["sid"], "reserved")
    assert await floor.offered(task) == []
    floor.sandbox.set_status(task["sid"], "pending")
    assert await floor.offered(task) == ["Ada"]


async def test_queues_of_one_workflow_share_their_workers_in_order(floor: Floor) -> None:
    one, two = await floor.queue("One", "a == 1"), await floor.queue("Two", "b == 1")
    await floor.workflow(rule(target(one), when="one == true"), default=two)
    low, high = await floor.task({"one": True}), await floor.task(Priority=4)
    both = floor.hire("Both", a=1, b=1)
    assert await floor.offered(high) == ["Both"]
    await floor.capacity(both, 2)
    assert await floor.offered(low) == ["Both"]


async def test_a_changed_configuration_holds_for_what_waits_already(floor: Floor) -> None:
    queue = await floor.queue()
    workflow = await floor.workflow(rule(target(queue, expression="worker.level > 5")))
    floor.hire("Ada", level=1)
    task = await floor.task()
    assert await floor.status(task) == "pending"
    form = {"Configuration": configuration(rule(target(queue)))}
    assert (await floor.api("POST", workflow["url"], form)).status == 200
    assert await floor.offered(task) == ["Ada"]


async def test_workers_who_become_free_at_once_get_the_tasks_in_order(floor: Floor) -> None:
    await simple(floor, "activity_name == 'Here'", MaxReservedWorkers=1)
    for name in ("Ada", "Bob", "Cid"):
        floor.hire(name)
    tasks = [await floor.task(Priority=priority) for priority in (1, 3, 2, 0)]
    (available,) = await floor.api.listed("/Activities", Available="true")
    await floor.api("POST", available["url"], {"FriendlyName": "Here"})
    assert [await floor.offered(task) for task in tasks] == [["Cid"], ["Ada"], ["Bob"], []]


async def test_tasks_wait_in_as_many_lines_as_there_are_kinds_of_workers_for_them(
    floor: Floor,
) -> None:
    queue = await floor.queue()
    languages = "worker.languages HAS task.language"
    by_attribute = rule(target(queue, expression=languages), when="language != null")
    known = rule(target(queue, known_worker_friendly_name="task.agent"), when="agent != null")
    await floor.workflow(by_attribute, known, default=queue)
    worker = floor.hire("Ada", "Offline", languages=["c"])
    tasks = []
    for number in range(12):
        tasks += [
            await floor.task({"language": "abc"[number % 3], "number": number}),
            await floor.task({"language": ["abc"[number % 3]], "number": number}),
            await floor.task({"agent": "Ad" + "ab"[number % 2], "number": number}),
            await floor.task({"number": number}),
        ]
    workspace = floor.sandbox._workspace(floor.api.workspace)
    assert workspace.router is not None
    groups = workspace.router._matching.waiting
    stored = workspace.stores.workers.items[worker]
    channel = stored.channels[workspace.stores.channels.default.sid].channel.sid
    assert sorted(len(group.tasks) for group in groups.for_channel(channel)) == [4] * 6 + [12]
    assert [len(group.tasks) for group in groups.for_worker(stored)] == [6]
    await floor.capacity(worker, 24)
    await floor.move(worker, "Available")
    assert [group.channel for group in groups.for_worker(stored)] == []
    assert list(groups._by_person) == [("name", "adb")]
    assert sorted(len(group.tasks) for group in groups.for_channel(channel)) == [4] * 5
    assert sum([await floor.offered(task) == ["Ada"] for task in tasks]) == 22


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


async def test_when_all_have_rejected_a_task_all_may_get_it_again(floor: Floor) -> None:
    await simple(floor, MaxReservedWorkers=2)
    floor.hire("Ada")
    floor.hire("Bob")
    task = await floor.task()
    for name in ("Ada", "Bob"):
        await floor.turn(task, "rejected", name)
    assert sorted(await floor.offered(task)) == ["Ada", "Bob"]


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


async def test_nothing_is_kept_up_for_expressions_that_no_queue_has(floor: Floor) -> None:
    queue = await simple(floor)
    for number in range(5):
        await floor.api("POST", queue["url"], {"TargetWorkers": f"level == {number}"})
        await floor.task()
        floor.hire(f"W{number}", level=number)
    workspace = floor.sandbox._workspace(floor.api.workspace)
    assert workspace.router is not None
    assert list(workspace.router._matching.pools._pools) == ["level == 4"]
