"""Known workers: who alone may have a task, and what becomes of it if they cannot."""

import pytest

from tests.sandbox.routing_api import Floor, rule, target


@pytest.mark.parametrize(
    ("rules", "offered"),
    [
        ({"known_worker_sid": "task.agent"}, ["Bob"]),
        ({"known_worker_friendly_name": "task.name"}, ["Bob"]),
        ({"known_worker_sid": "task.missing"}, []),
        ({"known_worker_sid": "task.owner"}, []),
        ({"known_worker_friendly_name": "task.owner"}, []),
        ({"known_worker_sid": "task.number"}, []),
        ({"known_worker_friendly_name": "task.number"}, []),
        ({"known_worker_sid": "task.name"}, []),
        ({"known_worker_sid": "worker.sid"}, []),
        ({"known_worker_sid": "not a name"}, []),
        ({"known_worker_sid": "task.agent", "expression": "worker.level > 5"}, []),
    ],
)
async def test_a_known_worker_gets_the_task_or_nobody_does(
    floor: Floor, rules: dict[str, object], offered: list[str]
) -> None:
    queue = await floor.queue()
    await floor.workflow(rule(target(queue, timeout=10, **rules), {}))
    floor.hire("Ada", level=1)
    bob = floor.hire("Bob", level=1)
    task = await floor.task({"agent": bob, "name": "BOB", "number": 3, "owner": None})
    assert await floor.offered(task) == offered
    if not offered:
        await floor.sandbox.advance(seconds=10)
        assert await floor.offered(task) == ["Ada"]


async def test_a_known_worker_is_waited_for_and_must_be_in_the_queue(floor: Floor) -> None:
    queue = await floor.queue("Q", "level > 1")
    await floor.workflow(rule(target(queue, known_worker_friendly_name="task.agent")))
    floor.hire("Zoe", level=5)
    task = await floor.task({"agent": "Ada"})
    ada = floor.hire("Ada", level=1)
    assert await floor.offered(task) == []
    await floor.api("POST", f"/Workers/{ada}", {"Attributes": '{"level":2}'})
    assert await floor.offered(task) == ["Ada"]


async def test_a_task_that_waits_for_a_known_worker_leaves_by_skip_if_or_its_end(
    floor: Floor,
) -> None:
    first, second = await floor.queue("First"), await floor.queue("Second")
    known = {"known_worker_sid": "task.owner"}
    await floor.workflow(
        rule(target(first, skip_if="task.hurry == true", **known), target(second)),
    )
    floor.hire("Ada")
    hurrying = await floor.task({"hurry": True, "owner": None})
    staying = await floor.task({"owner": None}, Timeout=60)
    assert await floor.place(hurrying) == ("reserved", "Second")
    assert await floor.place(staying) == ("pending", "First")
    await floor.sandbox.advance(seconds=60)
    assert await floor.place(staying) == ("canceled", "First")


KNOWN_WORKERS: list[tuple[str, object, int, str]] = [
    ("sid", None, 40154, "The known Worker is missing or invalid"),
    ("sid", 3, 40154, "The known Worker is missing or invalid"),
    ("sid", "WK0", 40154, "The known Worker 'WK0' does not exist"),
    ("friendly_name", None, 40154, "The known Worker is missing or invalid"),
    ("friendly_name", "Nobody", 40154, "The known Worker 'nobody' does not exist"),
    ("friendly_name", "Eve", 40154, "The known Worker 'eve' does not exist"),
    ("friendly_name", "Bob", 40152, "The known Worker 'bob' is not in TaskQueue WQ"),
]


@pytest.mark.parametrize(("kind", "value", "code", "message"), KNOWN_WORKERS)
async def test_a_wrong_known_worker_is_seen_in_the_debugger(
    floor: Floor, kind: str, value: object, code: int, message: str
) -> None:
    queue = await floor.queue("Q", "level == 1")
    await floor.workflow(rule(target(queue, **{f"known_worker_{kind}": "task.owner"})))
    floor.hire("Ada", level=1)
    floor.hire("Bob", level=2)
    floor.sandbox.create_worker(floor.sandbox.create_workspace("Elsewhere"), "Eve")
    task = await floor.task({"owner": value})
    await floor.api("POST", task["url"], {"Priority": 5})
    (entry,) = floor.sandbox.debugger
    assert (entry.code, entry.resource_sid) == (code, task["sid"])
    assert entry.message.startswith(message)


async def test_each_wrong_known_worker_of_a_task_is_seen_in_the_debugger_once(
    floor: Floor,
) -> None:
    queue, other = await floor.queue("Q", "level == 1"), await floor.queue("Other")
    known = {"known_worker_sid": "task.owner", "timeout": 10}
    await floor.workflow(rule(target(queue, **known), target(other, **known), target(other)))
    bob = floor.hire("Bob", "Offline", level=2)
    eve = floor.sandbox.create_worker(floor.sandbox.create_workspace("Elsewhere"), "Eve")
    task = await floor.task({"owner": bob})
    assert [entry.code for entry in floor.sandbox.debugger] == [40152]
    await floor.api("POST", task["url"], {"Attributes": f'{{"owner": "{eve}"}}'})
    assert [entry.code for entry in floor.sandbox.debugger] == [40152, 40155]
    await floor.api("POST", task["url"], {"Attributes": f'{{"owner": "{eve}", "more": 1}}'})
    await floor.sandbox.advance(seconds=30)
    assert [entry.code for entry in floor.sandbox.debugger] == [40152, 40155, 40155]
    assert "is not in this Workspace" in floor.sandbox.debugger[-1].message
    await floor.task({"owner": bob}, TaskQueueSid=other["sid"])
    assert len(floor.sandbox.debugger) == 3
