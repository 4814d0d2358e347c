"""Fill and snapshot: contents as plain mappings."""

from typing import Any

import pytest

from aiotask.sandbox import ContentsError, Sandbox

SUPPORT: dict[str, Any] = {
    "events_filter": "task.created",
    "activities": [{"friendly_name": "Lunch", "available": False}],
    "task_channels": [{"friendly_name": "Letters", "unique_name": "letters"}],
    "task_queues": [
        {"friendly_name": "Spanish", "target_workers": 'languages HAS "es"'},
        {"friendly_name": "Others", "reservation_activity_sid": "Lunch"},
    ],
    "workflows": [
        {
            "friendly_name": "By language",
            "configuration": {
                "task_routing": {
                    "filters": [
                        {
                            "expression": 'language == "es"',
                            "targets": [{"queue": "Spanish", "priority": 5}],
                        }
                    ],
                    "default_filter": {"queue": "Others"},
                }
            },
        }
    ],
    "workers": [
        {
            "friendly_name": "Ana",
            "attributes": {"languages": ["es"]},
            "activity_sid": "Lunch",
            "channels": {"letters": 3},
        }
    ],
    "tasks": [
        {"attributes": {"language": "es"}, "task_channel": "letters"},
        {"attributes": {}, "priority": 1, "workflow_sid": "By language"},
    ],
}


async def test_what_is_put_in_is_what_is_found() -> None:
    sandbox = Sandbox()
    sandbox.fill({"Support": SUPPORT, "Sales": {"template": "FIFO"}})
    held = sandbox.snapshot()
    assert list(held) == ["Support", "Sales"]
    support = held["Support"]
    assert support["events_filter"] == "task.created"
    queues = {item["friendly_name"]: item for item in support["task_queues"]}
    assert queues["Spanish"]["target_workers"] == 'languages HAS "es"'
    (workflow,) = support["workflows"]
    routing = workflow["configuration"]["task_routing"]
    assert routing["default_filter"] == {"queue": queues["Others"]["sid"]}
    (worker,) = support["workers"]
    assert (worker["activity_name"], worker["attributes"]) == ("Lunch", {"languages": ["es"]})
    capacities = {
        item["task_channel_unique_name"]: item["configured_capacity"] for item in worker["channels"]
    }
    assert (capacities["letters"], capacities["voice"]) == (3, 1)
    found = [(task["task_queue_friendly_name"], task["priority"]) for task in support["tasks"]]
    assert found == [("Spanish", 5), ("Others", 1)]
    assert [task["reservations"] for task in support["tasks"]] == [[], []]
    assert held["Sales"]["tasks"] == []


async def test_a_snapshot_tells_what_became_of_a_task() -> None:
    async with Sandbox() as sandbox:
        sandbox.fill({"Support": {"template": "FIFO", "tasks": [{}] * 1001}})
        tasks = sandbox.snapshot()["Support"]["tasks"]
        assert len(tasks) == 1001
        sandbox.assign(tasks[0]["sid"])
        assert sandbox.snapshot()["Support"]["tasks"][0]["assignment_status"] == "assigned"
        assert tasks[0]["url"].startswith(sandbox.url)


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        ({"task": []}, "Support: there is no task"),
        ({"tasks": [1]}, r"Support.tasks\[0\]: must be a mapping, not int"),
        ({"tasks": [{"priorty": 1}]}, r"Support.tasks\[0\]: there is no priorty; there are attr"),
        ({"tasks": [{}]}, r"Support.tasks\[0\]: WorkflowSid is required"),
        (
            {"template": "FIFO", "tasks": [{"priority": -1}]},
            r"Support.tasks\[0\]: Invalid Priority",
        ),
        (
            {"workers": [{"friendly_name": "A", "activity_sid": "Asleep"}]},
            r"Support.workers\[0\]: there is no 'Asleep' among the activities",
        ),
        (
            {"workers": [{"friendly_name": "A", "channels": {"letters": 1}}]},
            r"Support.workers\[0\].channels: The requested resource",
        ),
        (
            {"activities": [{"friendly_name": "Available", "available": False}]},
            r"Support.activities\[0\].available: is True, and cannot be changed",
        ),
        (
            {"task_queues": [{"friendly_name": "A", "target_workers": "{activity:Asleep}"}]},
            r"Support.task_queues\[0\]: there is no 'Asleep' among the activities",
        ),
        ({"multi_task_enabled": "no", "template": "OTHER"}, "Support: Invalid Template"),
    ],
)
def test_what_cannot_be_is_named_with_its_place(held: dict[str, Any], reason: str) -> None:
    with pytest.raises(ContentsError, match=reason):
        Sandbox().fill({"Support": held})


def test_a_row_changes_what_a_new_workspace_has_already() -> None:
    sandbox = Sandbox()
    sandbox.fill(
        {
            "activities": [
                {"friendly_name": "Offline", "available": False},
                {"friendly_name": "Twice"},
                {"friendly_name": "Twice"},
            ],
            "task_channels": [{"unique_name": "voice", "friendly_name": "Calls"}],
            "task_queues": [{"friendly_name": "Sample Queue", "target_workers": "1==2"}],
            "template": "FIFO",
        }
    )
    held = sandbox.snapshot()["Sandbox"]
    names = [each["friendly_name"] for each in held["activities"]]
    assert names == ["Offline", "Unavailable", "Available", "Twice", "Twice"]
    calls = [each["friendly_name"] for each in held["task_channels"]]
    assert (calls.count("Calls"), len(calls)) == (1, 5)
    assert [each["target_workers"] for each in held["task_queues"]] == ["1==2"]


def test_an_expression_names_what_it_means() -> None:
    sandbox = Sandbox()
    target = {"queue": "All", "skip_if": "workers.{activity:Nap {{1}}} > 0"}
    rule = {"expression": "queue == '{task_queue:All}'", "targets": [target]}
    sandbox.fill(
        {
            "Support": {
                "activities": [{"friendly_name": "Nap {1}"}],
                "workers": [{"friendly_name": "Ana"}],
                "task_queues": [{"friendly_name": "All", "target_workers": "sid=='{worker:Ana}'"}],
                "workflows": [
                    {
                        "friendly_name": "All",
                        "configuration": {"task_routing": {"filters": [rule]}},
                    }
                ],
            }
        }
    )
    held = sandbox.snapshot()["Support"]
    (queue,), (worker,) = held["task_queues"], held["workers"]
    assert queue["target_workers"] == f"sid=='{worker['sid']}'"
    (filled,) = held["workflows"][0]["configuration"]["task_routing"]["filters"]
    assert filled["expression"] == f"queue == '{queue['sid']}'"
    nap = held["activities"][-1]["sid"]
    assert filled["targets"] == [{"queue": queue["sid"], "skip_if": f"workers.{nap} > 0"}]


def test_a_name_that_is_a_sid_stays_one() -> None:
    sandbox = Sandbox()
    sandbox.fill({"Support": {"template": "FIFO"}})
    queue = sandbox.snapshot()["Support"]["task_queues"][0]["sid"]
    with pytest.raises(ContentsError, match="TaskQueue"):
        sandbox.fill({"Other": {"template": "FIFO", "tasks": [{"task_queue_sid": queue}]}})
