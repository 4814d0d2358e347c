"""Task orders: lists by any field after any change."""

from dataclasses import fields
from typing import Any

import pytest

from aiotask.sandbox import Sandbox
from aiotask.sandbox.model.task import Task
from aiotask.sandbox.model.task_orders import Ordering
from aiotask.sandbox.model.task_store import Query, TaskStore
from aiotask.sandbox.model.workspace_stores import Stores

BY_DATE = Ordering((("DateCreated", 1),))
IDENTITY = {"number", "sid", "created"}
KEPT_UP = {"updated", "version"}  # with every change
OBJECTS = {"workflow", "queue", "channel"}
STORED = {field.name for field in fields(Task)}
COMPUTED = {name for name, value in vars(Task).items() if isinstance(value, property)}


def other_values(stores: Stores) -> dict[str, Any]:
    """Return another value for each field that can change."""
    (*_, workflow), (*_, queue), (*_, channel) = stores.workflows, stores.queues, stores.channels
    return {
        "attributes": '{"n": 2}',
        "assignment_status": "canceled",
        "priority": 7,
        "timeout": 1,
        "virtual_start": 5,
        "entered": 5,
        "workflow": workflow,
        "queue": queue,
        "channel": channel,
        "routing_target": "WK" + "0" * 32,
        "ignore_capacity": True,
        "began": 5,
        "moved": 5,
        "routed": 5,
        "deadline": 5,
        "rule": 1,
        "step": 1,
        "rounds": 1,
        "reason": "done",
    }


@pytest.fixture
def stores() -> Stores:
    sandbox = Sandbox(routing=False)
    routing = {"task_routing": {"default_filter": {"queue": "First"}}}
    contents = {
        "task_queues": [{"friendly_name": "First"}, {"friendly_name": "Second"}],
        "workflows": [{"friendly_name": name, "configuration": routing} for name in "AB"],
        "tasks": [{"workflow_sid": "A", "attributes": {"n": n}, "priority": n} for n in range(3)],
    }
    sandbox.fill({"Support": contents})
    return sandbox._workspace(sandbox.workspaces[0]).stores


def check(store: TaskStore, field: str) -> None:
    tasks = list(store)
    for value in {getattr(task, field) for task in tasks}:
        found = store.find(Query(BY_DATE, {field: [value]}, None), None, 10)
        assert found == [task for task in tasks if getattr(task, field) == value]


def test_there_is_another_value_for_every_field_that_can_change(stores: Stores) -> None:
    task = next(iter(stores.tasks))
    values = other_values(stores)
    assert values.keys() == STORED - IDENTITY - KEPT_UP
    assert all(getattr(task, name) != value for name, value in values.items())


@pytest.mark.parametrize("field", sorted(STORED - OBJECTS | COMPUTED))
def test_a_list_by_any_field_is_right_after_any_change(stores: Stores, field: str) -> None:
    store = stores.tasks
    task = next(iter(store))
    check(store, field)
    for name, value in other_values(stores).items():
        store.change(task, {name: value}, 1_700_000_001)
        check(store, field)
    store.remove(task)
    check(store, field)
