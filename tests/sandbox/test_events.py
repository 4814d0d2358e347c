import json
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from aiotask.sandbox.model.account import Account
from aiotask.sandbox.model.events import NO_FACTS, EventLog
from tests.sandbox.sandbox_api import Api, Clock, Value, serving

MONTH = 30 * 86_400


@pytest.fixture
def clock() -> Clock:
    return Clock(1_700_000_000.123)


@pytest.fixture
async def api(clock: Clock) -> AsyncIterator[Api]:
    async with serving(clock=clock, routing=False) as api:
        yield api


async def types(api: Api, **filters: Value) -> list[str]:
    """Return the types of the events, the oldest first."""
    found = await api.listed("/Events", PageSize=1000, **filters)
    return [event["event_type"] for event in reversed(found)]


async def last(api: Api) -> Any:
    return (await api.listed("/Events", PageSize=1))[0]


async def test_an_event_has_every_documented_field(api: Api) -> None:
    task = await api.make("/Tasks", Attributes='{"a":1}', Priority=3)
    await api("DELETE", task["url"])
    event = await last(api)
    parent = api.url("")
    assert event["sid"].startswith("EV")
    assert event == {
        "account_sid": api.sandbox.account_sid,
        "actor_sid": api.workspace,
        "actor_type": "workspace",
        "actor_url": parent,
        "description": f"Task {task['sid']} deleted",
        "event_data": {
            "operating_unit_sid": "OU" + api.sandbox.account_sid[2:],
            "task_age": "0",
            "task_assignment_status": "pending",
            "task_attributes": '{"a":1}',
            "task_channel_sid": task["task_channel_sid"],
            "task_channel_unique_name": "default",
            "task_date_created": "1700000000",
            "task_priority": "3",
            "task_queue_entered_date": "1700000000",
            "task_queue_name": "Sample Queue",
            "task_queue_sid": task["task_queue_sid"],
            "task_queue_target_expression": "1==1",
            "task_sid": task["sid"],
            "task_version": "0",
            "task_virtual_start_time": "1700000000",
            "workflow_name": "Default Fifo Workflow",
            "workflow_sid": task["workflow_sid"],
            "workspace_name": "Support",
            "workspace_sid": api.workspace,
        },
        "event_date": "2023-11-14T22:13:20Z",
        "event_date_ms": 1_700_000_000_123,
        "event_type": "task.deleted",
        "resource_sid": task["sid"],
        "resource_type": "task",
        "resource_url": task["url"],
        "sid": event["sid"],
        "source": "twilio",
        "source_ip_address": None,
        "url": f"{parent}/Events/{event['sid']}",
        "workspace_sid": api.workspace,
    }
    assert (await api("GET", event["url"])).json == event


async def test_a_new_workspace_tells_of_itself_and_its_template(api: Api) -> None:
    assert await types(api) == ["workspace.created", "task-queue.created", "workflow.created"]
    events = await api.listed("/Events")
    assert events[-1]["resource_url"] == api.url("")
    await api("POST", "", {"FriendlyName": "Care"})
    event = await last(api)
    assert event["event_type"] == "workspace.updated"
    assert event["event_data"]["workspace_name"] == "Care"


CHANGES: list[tuple[str, dict[str, Value], dict[str, Value], list[str]]] = [
    ("/Activities", {}, {}, ["activity.created", "activity.updated", "activity.deleted"]),
    (
        "/TaskChannels",
        {"UniqueName": "fax"},
        {},
        ["task-channel.created", "task-channel.updated", "task-channel.deleted"],
    ),
    ("/TaskQueues", {}, {}, ["task-queue.created", "task-queue.deleted"]),
    (
        "/TaskQueues",
        {},
        {"TargetWorkers": "a == 1"},
        ["task-queue.created", "task-queue.expression.updated", "task-queue.deleted"],
    ),
    (
        "/Workflows",
        {"Configuration": '{"task_routing": {}}'},
        {},
        ["workflow.created", "workflow.updated", "workflow.deleted"],
    ),
    ("/Workers", {}, {"FriendlyName": "Eve"}, ["worker.created", "worker.deleted"]),
    (
        "/Workers",
        {},
        {"Attributes": '{"a":1}'},
        ["worker.created", "worker.attributes.update", "worker.deleted"],
    ),
]


@pytest.mark.parametrize(("path", "made", "changed", "expected"), CHANGES)
async def test_what_is_made_changed_and_removed_is_told(
    api: Api,
    path: str,
    made: dict[str, Value],
    changed: dict[str, Value],
    expected: list[str],
) -> None:
    before = len(await types(api))
    resource = await api.make(path, FriendlyName="New", **made)
    assert (await api("POST", resource["url"], changed)).status == 200
    assert (await api("DELETE", resource["url"])).status == 204
    assert (await types(api))[before:] == expected
    event = await last(api)
    assert (event["resource_sid"], event["resource_url"]) == (resource["sid"], resource["url"])
    assert all(isinstance(value, str) for value in event["event_data"].values())


async def test_an_event_of_a_queue_is_as_users_have_recorded_it(api: Api) -> None:
    queue = await api.make("/TaskQueues", FriendlyName="Q")
    event = await last(api)
    assert (event["resource_type"], event["description"]) == (
        "taskqueue",
        f"TaskQueue {queue['sid']} created",
    )
    await api("POST", queue["url"], {"TargetWorkers": "routing.skills HAS 'billing'"})
    event = await last(api)
    assert event["description"] == (
        f"TaskQueue {queue['sid']} expression updated to 'routing.skills HAS 'billing''"
    )
    expression = event["event_data"]["task_queue_target_expression"]
    assert expression == "routing.skills HAS 'billing'"


async def test_events_tell_of_the_filter_that_a_task_matched(api: Api) -> None:
    (queue,) = await api.listed("/TaskQueues")
    target = {"queue": queue["sid"], "expression": "worker.level > 3"}
    rule = {"filter_friendly_name": "Spanish", "expression": "1==1", "targets": [target]}
    configuration = json.dumps({"task_routing": {"filters": [rule]}})
    workflow = await api.make("/Workflows", FriendlyName="W", Configuration=configuration)
    task = await api.make("/Tasks", WorkflowSid=workflow["sid"])
    events = await api.listed("/Events", TaskSid=task["sid"])
    found = {
        event["event_type"]: {
            name: text
            for name, text in event["event_data"].items()
            if name.startswith("workflow_filter")
        }
        for event in events
    }
    matched = {
        "workflow_filter_name": "Spanish",
        "workflow_filter_expression": "1==1",
        "workflow_filter_target_expression": "worker.level > 3",
    }
    assert found == {
        "task.created": {},
        "workflow.entered": {},
        "workflow.target-matched": matched,
        "task-queue.entered": matched,
    }


async def test_a_workers_new_activity_is_told_with_the_former_one(api: Api, clock: Clock) -> None:
    worker = await api.make("/Workers", FriendlyName="Ada")
    available = (await api.listed("/Activities"))[2]
    clock.now += 26.5
    await api("POST", worker["url"], {"ActivitySid": available["sid"]})
    event = await last(api)
    assert event["event_type"] == "worker.activity.update"
    assert event["description"] == "Worker Ada updated to Available Activity"
    data = event["event_data"]
    assert data["worker_activity_name"] == "Available"
    assert data["worker_previous_activity_name"] == "Offline"
    assert data["worker_previous_activity_sid"] == worker["activity_sid"]
    assert data["worker_time_in_previous_activity"] == "26"
    assert data["worker_time_in_previous_activity_ms"] == "26500"


async def test_a_workers_channel_is_told_of(api: Api) -> None:
    worker = await api.make("/Workers", FriendlyName="Ada")
    url = worker["url"] + "/Channels/voice"
    await api("POST", url, {"Capacity": 4, "Available": "no"})
    await api("POST", url, {"Capacity": 4, "Available": "no"})
    assert (await types(api, WorkerSid=worker["sid"])) == [
        "worker.created",
        "worker.capacity.update",
        "worker.channel.availability.update",
    ]
    data = (await last(api))["event_data"]
    assert data["task_channel_unique_name"] == "voice"
    assert data["worker_channel_available"] == "false"
    assert data["worker_channel_previous_capacity"] == "1"


async def test_the_life_of_a_task_is_told_in_order(api: Api) -> None:
    worker = api.sandbox.create_worker(api.workspace, "Ada")
    task = await api.make("/Tasks")
    url = f"{task['url']}/Reservations/{api.sandbox.reserve(task['sid'], worker)}"
    for status in ("accepted", "wrapping", "completed"):
        await api("POST", url, {"ReservationStatus": status})
    expected = [
        "task.created",
        "workflow.entered",
        "workflow.target-matched",
        "task-queue.entered",
        "reservation.created",
        "reservation.accepted",
        "reservation.wrapup",
        "task.wrapup",
        "reservation.completed",
        "task.completed",
    ]
    assert await types(api, TaskSid=task["sid"]) == expected
    path = await api.listed("/Events", TaskSid=task["sid"])
    assert {event["resource_sid"] for event in path[-4:]} == {task["sid"]}
    assert {event["resource_type"] for event in path[-4:]} == {"task"}
    reservation = url.rsplit("/", 1)[1]
    told = await api.listed("/Events", ReservationSid=reservation)
    assert [event["event_type"].split(".")[0] for event in told] == ["reservation"] * 4
    assert all(event["resource_url"] == url for event in told)
    assert all(event["event_data"]["worker_name"] == "Ada" for event in told)
    statuses = [event["event_data"]["task_assignment_status"] for event in reversed(told)]
    assert statuses == ["reserved", "reserved", "assigned", "wrapping"]


async def test_a_task_is_told_of_when_it_is_changed_or_canceled(api: Api) -> None:
    task = await api.make("/Tasks")
    worker = api.sandbox.create_worker(api.workspace, "Ada")
    api.sandbox.reserve(task["sid"], worker)
    await api("POST", task["url"], {"Attributes": '{"a":2}'})
    await api("POST", task["url"], {"AssignmentStatus": "canceled", "Reason": "gone"})
    found = await api.listed("/Events", TaskSid=task["sid"])
    assert [event["event_type"] for event in found[:3]] == [
        "reservation.canceled",
        "task.canceled",
        "task.updated",
    ]
    assert found[1]["event_data"]["task_canceled_reason"] == "gone"
    assert found[0]["event_data"]["task_assignment_status"] == "canceled"
    assert found[-1]["event_data"]["task_attributes"] == "{}"


async def test_a_task_that_nothing_matches_is_told_of(api: Api) -> None:
    (workflow,) = await api.listed("/Workflows")
    await api("POST", workflow["url"], {"Configuration": '{"task_routing": {}}'})
    task = await api.make("/Tasks")
    expected = ["task.created", "workflow.entered", "task.canceled"]
    assert await types(api, TaskSid=task["sid"]) == expected


async def test_events_are_listed_by_filter(api: Api) -> None:
    task = await api.make("/Tasks", TaskChannel="voice")
    await api.make("/Tasks")
    voice = (await api("GET", "/TaskChannels/voice")).json
    queued = await api.listed("/Events", EventType="task-queue.entered")
    assert len(queued) == 2
    for filters in (
        {"TaskSid": task["sid"], "EventType": "task-queue.entered"},
        {"TaskChannel": "voice", "EventType": "task-queue.entered"},
        {"TaskChannel": voice["sid"], "EventType": "task-queue.entered"},
        {"Sid": queued[1]["sid"]},
    ):
        assert await api.listed("/Events", **filters) == [queued[1]]
    assert len(await api.listed("/Events", TaskQueueSid=task["task_queue_sid"])) == 9
    assert len(await api.listed("/Events", WorkflowSid=task["workflow_sid"])) == 9
    assert await api.listed("/Events", WorkflowSid="WW" + "0" * 32) == []
    assert await api.listed("/Events", TaskChannel="fax") == []


async def test_events_are_listed_of_a_while(api: Api, clock: Clock) -> None:
    await api.make("/Activities", FriendlyName="First")
    clock.now += 600
    await api.make("/Activities", FriendlyName="Second")
    clock.now += 600

    async def names(**filters: Value) -> list[str]:
        found = await api.listed("/Events", EventType="activity.created", **filters)
        return [event["event_data"]["activity_name"] for event in found]

    assert await names() == ["Second"]
    assert await names(Minutes=20) == ["Second", "First"]
    assert await names(Minutes=9) == []
    assert await names(StartDate="2023-11-14T22:13:20Z") == ["Second", "First"]
    assert await names(StartDate="2023-11-14T22:13:21Z") == ["Second"]
    assert await names(EndDate="2023-11-14T22:20:00Z") == ["First"]
    early, late = "2023-11-14T22:13:20Z", "2023-11-14T22:23:20Z"
    assert await names(StartDate=early, EndDate=late) == ["Second", "First"]
    assert await names(StartDate="2000-01-01T00:00:00Z") == ["Second", "First"]
    for wrong in (
        {"Minutes": "0"},
        {"Minutes": "x"},
        {"StartDate": "x"},
        {"EndDate": "x"},
        {"StartDate": late, "EndDate": early},
    ):
        assert (await api("GET", "/Events", wrong)).refusal == (400, 20001)


async def test_events_are_paged_newest_first_and_back(api: Api) -> None:
    for number in range(5):
        await api.make("/Activities", FriendlyName=str(number))
    filters: dict[str, Value] = {"EventType": "activity.created", "PageSize": 2}
    first = await api("GET", "/Events", filters)
    second = await api("GET", first.json["meta"]["next_page_url"])
    await api.make("/Activities", FriendlyName="In between")
    third = await api("GET", second.json["meta"]["next_page_url"])
    names = [
        [event["event_data"]["activity_name"] for event in page.json["events"]]
        for page in (first, second, third)
    ]
    assert names == [["4", "3"], ["2", "1"], ["0"]]
    assert third.json["meta"]["next_page_url"] is None
    back = await api("GET", third.json["meta"]["previous_page_url"])
    assert back.json["events"] == second.json["events"]
    for token in ("PAEV" + "0" * 32, "PA", "PAEVxyz", "PBEV" + "f" * 32):
        wrong: dict[str, Value] = {"PageToken": token}
        assert (await api("GET", "/Events", wrong)).refusal == (400, 21481)


async def test_going_back_ends_where_the_while_does(api: Api, clock: Clock) -> None:
    for number in range(3):
        await api.make("/Activities", FriendlyName=str(number))
    filters: dict[str, Value] = {"EndDate": "2023-11-14T22:13:21Z", "PageSize": 1}
    clock.now += 60
    await api.make("/Activities", FriendlyName="later")
    first = await api("GET", "/Events", filters)
    second = await api("GET", first.json["meta"]["next_page_url"])
    back = await api("GET", second.json["meta"]["previous_page_url"])
    assert back.json["events"] == first.json["events"]
    assert back.json["meta"]["previous_page_url"] is None


async def test_an_event_that_never_was_is_not_found(api: Api) -> None:
    event = await last(api)
    for sid in ("EV" + "0" * 32, "EV1", "x", event["sid"][:-8] + "ffffffff"):
        assert (await api("GET", f"/Events/{sid}")).refusal == (404, 20404)
    for method, path in (("POST", "/Events"), ("POST", event["url"]), ("DELETE", event["url"])):
        assert (await api(method, path)).refusal == (405, 20004)


async def test_events_are_forgotten_after_thirty_days(api: Api, clock: Clock) -> None:
    first = await last(api)
    clock.now += MONTH
    await api.make("/Activities", FriendlyName="New")
    assert (await api("GET", first["url"])).status == 200
    clock.now += 1
    await api.make("/Activities", FriendlyName="Newer")
    assert (await api("GET", first["url"])).refusal == (404, 20404)
    assert await types(api, StartDate="2000-01-01T00:00:00Z") == ["activity.created"] * 2


def test_a_log_keeps_no_more_than_its_most_events() -> None:
    log = EventLog(Account("AC", Clock(), Random(1)), "WS" + "0" * 32, most=3)
    for number in range(5):
        log.record(str(number), NO_FACTS, "task.created")
    assert [(number, event.resource_sid) for number, event in log.newest_first()] == [
        (4, "4"),
        (3, "3"),
        (2, "2"),
    ]
    assert [number for number, _ in log.newest_first(before=4)] == [3, 2]
    assert [number for number, _ in log.oldest_first(after=2)] == [3, 4]
    assert [number for number, _ in log.oldest_first()] == [2, 3, 4]
    assert log.get(1) is None
    assert log.number(log.sid(1)) == 1
