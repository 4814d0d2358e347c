"""Workflow steps: the way of tasks through filters and targets."""

from typing import Any

import pytest

from tests.sandbox.routing_api import LEFT, Floor, configuration, rule, target
from tests.sandbox.sandbox_api import Clock, serving


async def ladder(floor: Floor, *timeouts: int, **form: Any) -> list[Any]:
    """Make a queue for each target, and a workflow that goes through them."""
    queues = [await floor.queue(f"Q{number}") for number, _ in enumerate(timeouts, 1)]
    targets = [
        target(queue, **({"timeout": timeout} if timeout else {}))
        for queue, timeout in zip(queues, timeouts, strict=True)
    ]
    await floor.workflow(rule(*targets), **form)
    return queues


async def test_a_task_goes_from_target_to_target_and_falls_out_of_the_last(floor: Floor) -> None:
    first, _ = await ladder(floor, 10, 20)
    task = await floor.task()
    await floor.sandbox.advance(seconds=9.999)
    assert await floor.place(task) == ("pending", "Q1")
    await floor.sandbox.advance(seconds=0.001)
    found = await floor.now(task)
    assert (found["task_queue_friendly_name"], found["task_queue_entered_date"]) == (
        "Q2",
        "2023-11-14T22:13:30Z",
    )
    await floor.sandbox.advance(minutes=1)
    found = await floor.now(task)
    assert (found["assignment_status"], found["reason"]) == ("canceled", LEFT)
    events = await floor.api.listed("/Events", TaskSid=task["sid"], Minutes=100)
    places = [
        (data["task_queue_name"], data.get("previous_task_queue_name"))
        for event in reversed(events)
        if event["event_type"] in ("task-queue.entered", "task-queue.moved")
        for data in [event["event_data"]]
    ]
    assert places == [("Q1", None), ("Q1", None), ("Q2", "Q1")]
    moved = next(event for event in events if event["event_type"] == "task-queue.entered")
    assert moved["event_data"]["previous_task_queue_sid"] == first["sid"]
    assert moved["event_data"]["previous_task_priority"] == "0"
    assert await floor.told(task) == [
        ("task.created", 0),
        ("workflow.entered", 0),
        ("workflow.target-matched", 0),
        ("task-queue.entered", 0),
        ("task-queue.timeout", 10_000),
        ("task-queue.moved", 10_000),
        ("workflow.target-matched", 10_000),
        ("task-queue.entered", 10_000),
        ("task-queue.timeout", 30_000),
        ("workflow.timeout", 30_000),
        ("task.canceled", 30_000),
    ]


async def test_a_target_inherits_its_queue_and_sets_its_priority(floor: Floor) -> None:
    queue = await floor.queue()
    await floor.workflow(
        rule(target(queue, timeout=5, priority=1), {"priority": 8, "timeout": 5}, {})
    )
    task = await floor.task(Priority=3)
    assert task["priority"] == 1
    await floor.sandbox.advance(seconds=5)
    assert (await floor.now(task))["priority"] == 8
    await floor.api("POST", task["url"], {"Priority": 2})
    await floor.sandbox.advance(hours=1)
    assert (await floor.now(task))["priority"] == 2
    assert "task-queue.moved" not in await floor.events(task)


async def documented_example(unanswered: str) -> list[tuple[str, int]]:
    """Three targets of 10 s and a reservation that times out after 5: Twilio's own example."""
    async with serving("NONE", clock=Clock(), unanswered=unanswered) as api:
        floor = Floor(api)
        await ladder(floor, 10, 10, 10, TaskReservationTimeout=5)
        task = await floor.task()
        await floor.sandbox.advance(seconds=3)
        floor.hire("Ada")
        await floor.sandbox.advance(minutes=1)
        kept = ("reservation.created", "reservation.timeout", "task-queue.timeout", "task.canceled")
        return [(what, at) for what, at in await floor.told(task) if what in kept]


async def test_an_unanswered_task_stays_at_its_target_until_that_times_out() -> None:
    assert await documented_example("stay") == [
        ("reservation.created", 3_000),
        ("reservation.timeout", 8_000),
        ("task-queue.timeout", 10_000),
        ("task-queue.timeout", 20_000),
        ("task-queue.timeout", 30_000),
        ("task.canceled", 30_000),
    ]


async def test_an_unanswered_task_can_advance_to_a_target_with_twelve_seconds_left() -> None:
    assert await documented_example("advance") == [
        ("reservation.created", 3_000),
        ("reservation.timeout", 8_000),
        ("task-queue.timeout", 20_000),
        ("task-queue.timeout", 30_000),
        ("task.canceled", 30_000),
    ]


async def test_an_unanswered_task_stays_where_there_is_nothing_to_advance_to() -> None:
    async with serving("FIFO", clock=Clock(), unanswered="advance") as api:
        floor = Floor(api)
        floor.hire("Ada")
        tasks = [
            await floor.task(TaskQueueSid=(await api.listed("/TaskQueues"))[0]["sid"]),
            await floor.task(TaskChannel="voice"),
        ]
        await api.sandbox.advance(minutes=5)
        assert [await floor.place(task) for task in tasks] == [("pending", "Sample Queue")] * 2


async def test_a_reservation_outlasts_its_target_and_then_the_task_goes_on(floor: Floor) -> None:
    await ladder(floor, 10, 10, 10, TaskReservationTimeout=25)
    floor.hire("Ada")
    task = await floor.task()
    await floor.sandbox.advance(seconds=24)
    assert await floor.place(task) == ("reserved", "Q1")
    await floor.sandbox.advance(seconds=1)
    assert await floor.place(task) == ("pending", "Q3")
    assert (await floor.events(task)).count("task-queue.entered") == 2
    assert (await floor.told(task))[-4:] == [
        ("task-queue.timeout", 25_000),
        ("task-queue.moved", 25_000),
        ("workflow.target-matched", 25_000),
        ("task-queue.entered", 25_000),
    ]


async def test_a_target_without_a_timeout_keeps_its_task(floor: Floor) -> None:
    await ladder(floor, 10, 0, 10)
    task = await floor.task()
    await floor.sandbox.advance(hours=23)
    assert await floor.place(task) == ("pending", "Q2")


async def test_a_target_takes_only_workers_who_fit_task_and_expression(floor: Floor) -> None:
    queue = await floor.queue()
    await floor.workflow(
        rule(
            target(
                queue,
                timeout=10,
                expression="task.language IN worker.languages AND worker.level >= task.need.level",
            ),
            {},
        )
    )
    floor.hire("Ada", languages=["en"], level=1)
    floor.hire("Bob", languages=["en", "fr"], level=3)
    french = await floor.task({"language": "fr", "need": {"level": 3}})
    german = await floor.task({"language": "de", "need": {"level": 1}})
    hard = await floor.task({"language": ["en"], "need": {"level": 9}})
    assert await floor.offered(french) == ["Bob"]
    assert (await floor.offered(german), await floor.offered(hard)) == ([], [])
    await floor.sandbox.advance(seconds=10)
    assert (await floor.offered(german), await floor.offered(hard)) == (["Ada"], [])


@pytest.mark.parametrize(
    ("skip_if", "skips"),
    [
        ("1==1", True),
        ("1==2", False),
        ("workers.available == 0", False),
        ("workers.available == 1 AND workers.unavailable == 1", True),
        ("workers.unavailable > 1", False),
        ("task.hurry == true", True),
        ("workers.nothing == null", True),
    ],
)
async def test_a_target_is_skipped_if_nobody_is_free_and_it_says_so(
    floor: Floor, skip_if: str, *, skips: bool
) -> None:
    first = await floor.queue("First", "level == 1")
    second = await floor.queue("Second", "1==2")
    await floor.workflow(rule(target(first, skip_if=skip_if, timeout=30), target(second)))
    floor.hire("Ada", level=1)
    floor.hire("Bob", "Offline", level=1)
    floor.hire("Cid", level=2)
    taken, task = await floor.task(), await floor.task({"hurry": True})
    assert await floor.place(taken) == ("reserved", "First")
    assert await floor.place(task) == ("pending", "Second" if skips else "First")
    assert "task-queue.timeout" not in await floor.events(task)


async def test_skip_if_counts_the_workers_of_an_activity(floor: Floor) -> None:
    offline = (await floor.api.listed("/Activities", FriendlyName="Offline"))[0]["sid"]
    first, second = await floor.queue("First"), await floor.queue("Second")
    skip_if = f"workers.{offline} >= 2"
    await floor.workflow(rule(target(first, skip_if=skip_if), target(second)))
    floor.hire("Ada", "Offline")
    staying = await floor.task()
    floor.hire("Bob", "Offline")
    skipping = await floor.task()
    assert await floor.place(staying) == ("pending", "First")
    assert await floor.place(skipping) == ("pending", "Second")


async def test_who_is_skipped_out_of_a_filter_goes_on_with_the_next_that_matches(
    floor: Floor,
) -> None:
    queues = [await floor.queue(f"Q{number}") for number in range(4)]
    skipped: Any = {"skip_if": "1==1", "timeout": 5}
    await floor.workflow(
        rule(target(queues[0], **skipped), target(queues[1], **skipped)),
        rule(target(queues[2]), when="other == true"),
        rule(target(queues[2], **skipped)),
        default=queues[3],
    )
    task, other = await floor.task(), await floor.task({"other": True})
    assert await floor.place(task) == ("pending", "Q3")
    assert await floor.place(other) == ("pending", "Q2")
    assert (await floor.events(task)).count("task-queue.moved") == 3


async def test_who_is_skipped_out_of_everything_is_canceled(floor: Floor) -> None:
    queue = await floor.queue()
    await floor.workflow(rule(target(queue, skip_if="1==1")))
    task = await floor.task()
    assert (await floor.now(task))["reason"] == LEFT
    assert (await floor.events(task))[-2:] == ["workflow.skipped", "task.canceled"]


async def test_the_default_filter_does_not_catch_what_times_out(floor: Floor) -> None:
    queue, other = await floor.queue(), await floor.queue("Other")
    await floor.workflow(
        rule(target(queue, timeout=1)), rule(target(other), when="1==2"), default=other
    )
    task = await floor.task()
    await floor.sandbox.advance(seconds=1)
    assert await floor.place(task) == ("canceled", "Q")


async def filters_in_a_row(floor: Floor, **form: Any) -> None:
    """Make filters of which a task of type s matches all but the second."""
    queues = [await floor.queue(f"Q{number}") for number in range(1, 5)]
    await floor.workflow(
        rule(target(queues[0], timeout=10), when="type == 's'"),
        rule(target(queues[1]), when="type == 't'"),
        rule(target(queues[2], timeout=5, priority=7), {"timeout": 10}),
        default=queues[3],
        **form,
    )


async def test_a_task_whose_last_target_times_out_goes_on_with_the_next_matching_filter(
    floor: Floor,
) -> None:
    await filters_in_a_row(floor)
    task = await floor.task({"type": "s"})
    await floor.sandbox.advance(seconds=11)
    assert await floor.place(task) == ("pending", "Q3")
    assert (await floor.now(task))["priority"] == 7
    # The time of a filter begins when the task enters it, at 10 seconds.
    await floor.sandbox.advance(seconds=13.999)
    assert await floor.place(task) == ("pending", "Q3")
    await floor.sandbox.advance(seconds=0.001)
    assert await floor.place(task) == ("canceled", "Q3")
    assert (await floor.told(task))[4:] == [
        ("task-queue.timeout", 10_000),
        ("task-queue.moved", 10_000),
        ("workflow.target-matched", 10_000),
        ("task-queue.entered", 10_000),
        ("task-queue.timeout", 15_000),
        ("workflow.target-matched", 15_000),
        ("task-queue.timeout", 25_000),
        ("workflow.timeout", 25_000),
        ("task.canceled", 25_000),
    ]


@pytest.mark.parametrize(
    ("unanswered", "place"), [("stay", ("pending", "Q1")), ("advance", ("pending", "Q3"))]
)
async def test_an_unanswered_task_can_advance_to_the_next_matching_filter(
    unanswered: str, place: tuple[str, str]
) -> None:
    async with serving("NONE", clock=Clock(), unanswered=unanswered) as api:
        floor = Floor(api)
        await filters_in_a_row(floor, TaskReservationTimeout=4)
        floor.hire("Ada")
        task = await floor.task({"type": "s"})
        await floor.sandbox.advance(seconds=4)
        assert await floor.place(task) == place
        await floor.sandbox.advance(seconds=6)
        assert await floor.place(task) == ("pending", "Q3")


async def test_a_filter_whose_queue_is_gone_is_passed_over(floor: Floor) -> None:
    queue, gone, last = [await floor.queue(name) for name in ("Q", "Gone", "Last")]
    workflow = await floor.workflow(
        rule(target(queue, timeout=5)), rule(target(gone)), rule(target(last))
    )
    task = await floor.task()
    await floor.api("DELETE", workflow["url"])
    assert (await floor.api("DELETE", gone["url"])).status == 204
    await floor.sandbox.advance(seconds=5)
    assert await floor.place(task) == ("pending", "Last")


@pytest.mark.parametrize("order_by", ["level DESC", "worker.level DOWN", "worker.a,", "worker"])
async def test_an_order_that_cannot_be_read_is_refused(floor: Floor, order_by: str) -> None:
    queue = await floor.queue()
    form = {
        "FriendlyName": "W",
        "Configuration": configuration(rule(target(queue, order_by=order_by))),
    }
    reply = await floor.api("POST", "/Workflows", form)
    assert reply.refusal == (400, 20001)
    assert "targets[0].order_by is no ordering" in reply.json["message"]
