"""Routing: its triggers, its queues and its upkeep."""

from typing import Any

import pytest

from tests.sandbox.routing_api import Floor, configuration, rule, simple, target
from tests.sandbox.sandbox_api import Clock, serving


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


async def test_a_task_can_be_put_in_a_queue_past_the_workflow(floor: Floor) -> None:
    queue, other = await floor.queue(), await floor.queue("Other")
    await floor.workflow(rule(target(queue, expression="1==2", timeout=5)))
    floor.hire("Ada")
    await floor.capacity((await floor.api.listed("/Workers"))[0]["sid"], 2)
    for name in ("TaskQueueSid", "RoutingTarget"):
        task = await floor.task(**{name: other["sid"]})
        assert await floor.place(task) == ("reserved", "Other")


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


async def test_a_changed_configuration_holds_for_what_waits_already(floor: Floor) -> None:
    queue = await floor.queue()
    workflow = await floor.workflow(rule(target(queue, expression="worker.level > 5")))
    floor.hire("Ada", level=1)
    task = await floor.task()
    assert await floor.status(task) == "pending"
    form = {"Configuration": configuration(rule(target(queue)))}
    assert (await floor.api("POST", workflow["url"], form)).status == 200
    assert await floor.offered(task) == ["Ada"]


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


async def test_nothing_is_kept_up_for_expressions_that_no_queue_has(floor: Floor) -> None:
    queue = await simple(floor)
    for number in range(5):
        await floor.api("POST", queue["url"], {"TargetWorkers": f"level == {number}"})
        await floor.task()
        floor.hire(f"W{number}", level=number)
    workspace = floor.sandbox._workspace(floor.api.workspace)
    assert workspace.router is not None
    assert list(workspace.router._matching.pools._pools) == ["level == 4"]
