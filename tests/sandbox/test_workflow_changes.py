"""Changed workflows: where the tasks that wait in them go on."""

from typing import Any

from tests.sandbox.routing_api import LEFT, Floor, configuration, rule, target


async def reconfigured(floor: Floor, workflow: Any, *rules: Any, anew: str = "true") -> None:
    form = {"Configuration": configuration(*rules), "ReEvaluateTasks": anew}
    assert (await floor.api("POST", workflow["url"], form)).status == 200


async def test_a_workflow_can_let_its_waiting_tasks_begin_anew(floor: Floor) -> None:
    old, new = await floor.queue("Old"), await floor.queue("New")
    workflow = await floor.workflow(rule(target(old)), TaskReservationTimeout=60)
    put = await floor.task(TaskQueueSid=old["sid"])
    waiting = await floor.task()
    reserved = await floor.task()
    floor.sandbox.reserve(reserved["sid"], floor.hire("Ada", "Offline"))
    await reconfigured(floor, workflow, rule(target(new, timeout=30)), anew="false")
    assert await floor.place(waiting) == ("pending", "Old")
    await floor.sandbox.advance(seconds=10)
    await reconfigured(floor, workflow, rule(target(new, timeout=30)))
    assert await floor.place(waiting) == ("pending", "New")
    assert (await floor.events(waiting))[-3:] == [
        "task-queue.moved",
        "workflow.target-matched",
        "task-queue.entered",
    ]
    assert await floor.place(put) == ("pending", "Old")
    assert await floor.place(reserved) == ("reserved", "Old")
    await floor.sandbox.advance(seconds=29)
    assert await floor.place(waiting) == ("pending", "New")
    await floor.sandbox.advance(seconds=1)
    assert await floor.status(waiting) == "canceled"


async def test_who_begins_anew_at_the_same_target_keeps_the_time_spent_there(floor: Floor) -> None:
    queue = await floor.queue()
    workflow = await floor.workflow(rule(target(queue, timeout=30)))
    task = await floor.task()
    await floor.sandbox.advance(seconds=10)
    await reconfigured(floor, workflow, rule(target(queue, timeout=20, priority=4)))
    assert (await floor.now(task))["priority"] == 4
    await floor.sandbox.advance(seconds=10)
    assert await floor.status(task) == "canceled"


async def test_what_no_filter_matches_any_longer_is_canceled(floor: Floor) -> None:
    queue = await floor.queue()
    workflow = await floor.workflow(rule(target(queue)))
    task = await floor.task()
    await reconfigured(floor, workflow, rule(target(queue), when="1==2"))
    assert (await floor.now(task))["reason"] == LEFT


async def test_new_attributes_begin_anew_only_where_the_workflow_says_so(floor: Floor) -> None:
    one, two = await floor.queue("One"), await floor.queue("Two")
    rules = rule(target(one), when="side == 1"), rule(target(two), when="side == 2")
    workflow = await floor.workflow(*rules)
    canceled, task = [await floor.task({"side": 1}) for _ in range(2)]
    await floor.api("POST", canceled["url"], {"AssignmentStatus": "canceled"})
    await floor.api("POST", task["url"], {"Attributes": '{"side": 2}'})
    assert await floor.place(task) == ("pending", "One")
    await floor.api("POST", workflow["url"], {"ReEvaluateTasks": "true"})
    assert await floor.place(task) == ("pending", "Two")
    before = await floor.events(task)
    await floor.api("POST", task["url"], {"Attributes": '{"side": 2, "more": 1}'})
    assert await floor.events(task) == [*before, "task.updated"]
    await floor.api("POST", task["url"], {"Attributes": '{"side": 1}'})
    assert await floor.place(task) == ("pending", "One")


async def test_a_task_whose_target_is_gone_waits_under_no_rules(floor: Floor) -> None:
    queue, other = await floor.queue(), await floor.queue("Other")
    workflow = await floor.workflow(rule(target(queue, timeout=5)), rule(target(other)))
    task = await floor.task()
    await reconfigured(floor, workflow, anew="false")
    await floor.sandbox.advance(seconds=4)
    assert await floor.place(task) == ("pending", "Q")
    await floor.sandbox.advance(seconds=1)
    assert await floor.status(task) == "canceled"


async def test_a_deleted_workflow_goes_on_routing_what_it_has(floor: Floor) -> None:
    queue, gone, last = [await floor.queue(name) for name in ("Q", "Gone", "Last")]
    workflow = await floor.workflow(
        rule(target(queue, timeout=5), target(gone, timeout=5), target(last))
    )
    task = await floor.task()
    await floor.api("DELETE", workflow["url"])
    assert (await floor.api("DELETE", gone["url"])).status == 204
    await floor.sandbox.advance(seconds=5)
    assert await floor.place(task) == ("pending", "Last")
