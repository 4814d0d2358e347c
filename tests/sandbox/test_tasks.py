from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from aiotask.sandbox import StoredTask
from aiotask.sandbox.model.task import Status
from tests.sandbox.sandbox_api import Api, Clock, Value, serving

NOW = 1_700_000_000.0
NOW_TEXT = "2023-11-14T22:13:20Z"
NOBODY = "WT" + "0" * 32


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
async def api(clock: Clock) -> AsyncIterator[Api]:
    async with serving(clock=clock) as api:
        yield api


async def test_a_new_task_has_every_documented_field(api: Api) -> None:
    task = await api.make("/Tasks", Attributes='{"a" : 1}', Priority=7, Timeout=60)
    (queue,) = await api.listed("/TaskQueues")
    (workflow,) = await api.listed("/Workflows")
    channel = (await api("GET", "/TaskChannels/default")).json
    workspace_url = api.url("")
    assert task.pop("sid").startswith("WT")
    url = task.pop("url")
    assert url.startswith(workspace_url + "/Tasks/WT")
    assert task == {
        "account_sid": api.sandbox.account_sid,
        "age": 0,
        "assignment_status": "pending",
        "attributes": '{"a" : 1}',
        "addons": "{}",
        "date_created": NOW_TEXT,
        "date_updated": NOW_TEXT,
        "task_queue_entered_date": NOW_TEXT,
        "virtual_start_time": NOW_TEXT,
        "priority": 7,
        "reason": None,
        "task_queue_sid": queue["sid"],
        "task_queue_friendly_name": "Sample Queue",
        "task_channel_sid": channel["sid"],
        "task_channel_unique_name": "default",
        "timeout": 60,
        "workflow_sid": workflow["sid"],
        "workflow_friendly_name": "Default Fifo Workflow",
        "workspace_sid": api.workspace,
        "ignore_capacity": None,
        "routing_target": None,
        "links": {
            "task_queue": queue["url"],
            "workflow": workflow["url"],
            "workspace": workspace_url,
            "reservations": url + "/Reservations",
        },
    }


async def test_a_task_without_parameters_has_the_documented_defaults(api: Api) -> None:
    task = await api.make("/Tasks")
    assert (task["attributes"], task["priority"], task["timeout"]) == ("{}", 0, 86_400)


async def test_a_fetched_task_is_the_created_one_and_ages(api: Api, clock: Clock) -> None:
    task = await api.make("/Tasks", Attributes='{"é":"\\n+&="}')
    clock.now += 90.7
    assert (await api("GET", task["url"])).json == task | {"age": 90}


@pytest.mark.parametrize(
    "form",
    [
        {"Attributes": ""},
        {"Attributes": "{"},
        {"Attributes": "[1]"},
        {"Attributes": "null"},
        {"Attributes": "1"},
        {"Attributes": '{"a": NaN}'},
        {"Attributes": '{"a": "' + "x" * 4096 + '"}'},
        {"Attributes": "[" * 2000},
        {"Priority": -1},
        {"Priority": 2**31},
        {"Priority": "high"},
        {"Priority": "1.0"},
        {"Priority": ""},
        {"Priority": "٣"},
        {"Timeout": 0},
        {"Timeout": 1_209_601},
        {"TaskChannel": "no-such"},
        {"WorkflowSid": "WW" + "0" * 32},
        {"TaskQueueSid": "WQ" + "0" * 32},
        {"RoutingTarget": "WK" + "0" * 32},
        {"RoutingTarget": "WQ" + "0" * 32},
        {"RoutingTarget": "WW" + "0" * 32},
        {"RoutingTarget": "WK1"},
        {"RoutingTarget": "AC" + "0" * 32},
        {"IgnoreCapacity": "true"},
        {"VirtualStartTime": "yesterday"},
        {"VirtualStartTime": "2023-11-14"},
        {"VirtualStartTime": "2023-11-14T22:13:20"},
        {"VirtualStartTime": "2023-13-14T22:13:20Z"},
        {"VirtualStartTime": "2023-11-14T22:13:21Z"},
        {"VirtualStartTime": "1899-12-31T23:59:59Z"},
    ],
)
async def test_a_wrong_parameter_creates_nothing(api: Api, form: dict[str, Value]) -> None:
    reply = await api("POST", "/Tasks", form)
    assert reply.refusal == (400, 20001)
    assert api.sandbox.tasks(api.workspace) == []


@pytest.mark.parametrize(
    ("form", "field", "value"),
    [
        ({"Attributes": '{"a":"' + "é" * 4088 + '"}'}, "timeout", 86_400),
        ({"Priority": 2**31 - 1}, "priority", 2**31 - 1),
        ({"Timeout": 1_209_600}, "timeout", 1_209_600),
        ({"TaskChannel": "voice"}, "task_channel_unique_name", "voice"),
        ({"VirtualStartTime": "2023-11-14T23:13:20+01:00"}, "virtual_start_time", NOW_TEXT),
        (
            {"VirtualStartTime": "1900-01-01t00:00:00z"},
            "virtual_start_time",
            "1900-01-01T00:00:00Z",
        ),
        (
            {"VirtualStartTime": "2020-02-29T12:00:00.9Z"},
            "virtual_start_time",
            "2020-02-29T12:00:00Z",
        ),
        ({"Unknown": "x", "priority": 5}, "priority", 0),
    ],
)
async def test_a_parameter_is_taken_over(
    api: Api, form: dict[str, Value], field: str, value: object
) -> None:
    assert (await api.make("/Tasks", **form))[field] == value


@pytest.mark.parametrize(
    ("form", "ignored"),
    [({}, True), ({"IgnoreCapacity": "Yes"}, True), ({"IgnoreCapacity": "0"}, False)],
)
async def test_a_task_can_be_for_one_worker(
    api: Api, form: dict[str, Value], *, ignored: bool
) -> None:
    worker = api.sandbox.create_worker(api.workspace, "Ada", activity="Offline")
    task = await api.make("/Tasks", RoutingTarget=worker, **form)
    assert (task["routing_target"], task["ignore_capacity"]) == (worker, ignored)


async def test_a_channel_can_be_named_by_its_sid(api: Api) -> None:
    sms = (await api("GET", "/TaskChannels/sms")).json
    task = await api.make("/Tasks", TaskChannel=sms["sid"])
    assert task["task_channel_unique_name"] == "sms"


async def test_a_queue_can_be_named_and_wins_over_the_workflow(api: Api) -> None:
    queue = await api.make("/TaskQueues", FriendlyName="Second")
    for name in ("TaskQueueSid", "RoutingTarget"):
        task = await api.make("/Tasks", **{name: queue["sid"]}, Priority=3)
        assert (task["task_queue_sid"], task["priority"]) == (queue["sid"], 3)


async def test_a_routing_target_that_does_not_exist_is_refused_whatever_else_is_given(
    api: Api,
) -> None:
    (queue,) = await api.listed("/TaskQueues")
    form = {"TaskQueueSid": queue["sid"], "WorkflowSid": (await api.listed("/Workflows"))[0]["sid"]}
    for kind in ("WK", "WQ", "WW"):
        reply = await api("POST", "/Tasks", {**form, "RoutingTarget": kind + "0" * 32})
        assert reply.refusal == (400, 20001)
        assert f"Invalid RoutingTarget '{kind}" in reply.json["message"]


async def test_a_workflow_must_be_named_unless_there_is_exactly_one(api: Api) -> None:
    (first,) = await api.listed("/Workflows")
    second = await api.make(
        "/Workflows", FriendlyName="Second", Configuration=first["configuration"]
    )
    assert (await api("POST", "/Tasks")).refusal == (400, 20001)
    for form in ({"WorkflowSid": second["sid"]}, {"RoutingTarget": second["sid"]}):
        assert (await api.make("/Tasks", **form))["workflow_sid"] == second["sid"]
    for workflow in (first, second):
        await api("DELETE", workflow["url"])
    assert (await api("POST", "/Tasks")).refusal == (400, 20001)


async def test_an_update_changes_what_it_names_and_nothing_else(api: Api, clock: Clock) -> None:
    task = await api.make("/Tasks", Priority=1)
    clock.now += 5
    reply = await api(
        "POST",
        task["url"],
        {
            "Attributes": '{"b":2}',
            "Priority": 9,
            "TaskChannel": "chat",
            "Reason": "because",
            "VirtualStartTime": "2020-01-01T00:00:00Z",
        },
    )
    chat = (await api("GET", "/TaskChannels/chat")).json
    assert reply.status == 200
    assert reply.json == task | {
        "age": 5,
        "attributes": '{"b":2}',
        "priority": 9,
        "task_channel_sid": chat["sid"],
        "task_channel_unique_name": "chat",
        "reason": "because",
        "virtual_start_time": "2020-01-01T00:00:00Z",
        "date_updated": "2023-11-14T22:13:25Z",
    }


@pytest.mark.parametrize(
    "form",
    [
        {"Attributes": "{"},
        {"Priority": -1},
        {"TaskChannel": "none"},
        {"VirtualStartTime": "tomorrow"},
        {"AssignmentStatus": "done"},
        {"AssignmentStatus": "canceled", "Priority": -1},
    ],
)
async def test_a_wrong_update_changes_nothing(api: Api, form: dict[str, Value]) -> None:
    task = await api.make("/Tasks")
    assert (await api("POST", task["url"], form)).refusal == (400, 20001)
    fetched = await api("GET", task["url"])
    assert (fetched.json, fetched.headers["ETag"]) == (task, '"0"')


MOVES: list[tuple[Status, Status, str | None]] = [
    ("pending", "canceled", None),
    ("reserved", "canceled", None),
    ("assigned", "canceled", "Cannot cancel task {} because it is not pending or reserved."),
    ("canceled", "canceled", "Cannot cancel task {} because it is not pending or reserved."),
    ("assigned", "completed", None),
    ("wrapping", "completed", None),
    ("pending", "completed", "Cannot complete task {} because it is not currently assigned."),
    ("completed", "completed", "Cannot complete task {} because it is not currently assigned."),
    ("assigned", "wrapping", None),
    ("pending", "wrapping", "Cannot wrap up a task {} because it's not currently assigned"),
    ("wrapping", "wrapping", "Cannot wrap up a task {} because it's not currently assigned"),
    ("pending", "assigned", "Cannot set task {} to assigned: its reservations do that"),
    ("pending", "reserved", "Cannot set task {} to reserved: its reservations do that"),
    ("reserved", "pending", "Cannot set task {} to pending: its reservations do that"),
]


@pytest.mark.parametrize(("origin", "status", "message"), MOVES)
async def test_a_status_moves_as_the_service_lets_it(
    api: Api, origin: Status, status: Status, message: str | None
) -> None:
    task = await api.make("/Tasks")
    api.sandbox.set_status(task["sid"], origin)
    reply = await api("POST", task["url"], {"AssignmentStatus": status, "Reason": "done"})
    if message is None:
        assert reply.status == 200
        assert (reply.json["assignment_status"], reply.json["reason"]) == (status, "done")
        return
    named = f"{task['sid']} in workspace {api.workspace} for account {api.sandbox.account_sid}"
    assert reply.refusal == (400, 20001)
    assert reply.json["message"] == message.format(named)
    assert (await api("GET", task["url"])).json["assignment_status"] == origin


@pytest.mark.parametrize("status", ["wrapping", "completed"])
async def test_a_status_and_attributes_do_not_change_in_one_request(api: Api, status: str) -> None:
    task = await api.make("/Tasks")
    api.sandbox.assign(task["sid"])
    form = {"AssignmentStatus": status, "Attributes": "{}"}
    assert (await api("POST", task["url"], form)).refusal == (400, 20001)
    assert (await api("GET", task["url"])).json["assignment_status"] == "assigned"


async def test_the_version_grows_with_every_mutation(api: Api) -> None:
    created = await api("POST", "/Tasks")
    url = created.json["url"]
    assert created.headers["ETag"] == '"0"'
    assert (await api("POST", url, {"Priority": 0})).headers["ETag"] == '"1"'
    api.sandbox.assign(created.json["sid"])
    assert (await api("GET", url)).headers["ETag"] == '"2"'
    assert (await api("POST", url)).headers["ETag"] == '"3"'


@pytest.mark.parametrize("etag", ['"1"', "1", " 1 ", "*"])
async def test_a_task_with_a_right_if_match_is_changed(api: Api, etag: str) -> None:
    task = await api.make("/Tasks")
    await api("POST", task["url"], {"Priority": 1})
    headers = {"If-Match": etag}
    assert (await api("POST", task["url"], {"Priority": 2}, headers=headers)).status == 200
    deleting = {"If-Match": etag.replace("1", "2")}
    assert (await api("DELETE", task["url"], headers=deleting)).status == 204


@pytest.mark.parametrize("etag", ['"0"', "0", "2", "", "abc", 'W/"1"'])
async def test_a_task_with_a_wrong_if_match_is_left_unchanged(api: Api, etag: str) -> None:
    task = await api.make("/Tasks")
    updated = (await api("POST", task["url"], {"Priority": 1})).json
    headers = {"If-Match": etag}
    for reply in (
        await api("POST", task["url"], {"Priority": 2}, headers=headers),
        await api("DELETE", task["url"], headers=headers),
    ):
        assert reply.refusal == (412, 20412)
    fetched = await api("GET", task["url"], headers=headers)
    assert (fetched.json, fetched.headers["ETag"]) == (updated, '"1"')


async def test_a_deleted_task_is_gone(api: Api) -> None:
    task = await api.make("/Tasks")
    path = f"/Workspaces/{api.workspace}/Tasks/{task['sid']}"
    reply = await api("DELETE", task["url"])
    assert (reply.status, reply.body) == (204, b"")
    for method in ("DELETE", "GET", "POST"):
        reply = await api(method, task["url"])
        assert reply.refusal == (404, 20404)
        assert reply.json["message"] == f"The requested resource {path} was not found"


@pytest.mark.parametrize("status", ["pending", "assigned", "completed"])
async def test_a_task_can_be_deleted_in_any_status(api: Api, status: Status) -> None:
    task = await api.make("/Tasks")
    api.sandbox.set_status(task["sid"], status)
    assert (await api("DELETE", task["url"])).status == 204


async def test_stored_tasks_can_be_looked_at_without_a_request(api: Api) -> None:
    task = await api.make("/Tasks", Attributes='{"a": 1}', Priority=2)
    api.sandbox.assign(task["sid"])
    assert api.sandbox.tasks(api.workspace) == [
        StoredTask(
            sid=task["sid"],
            attributes='{"a": 1}',
            assignment_status="assigned",
            priority=2,
            reason=None,
            workflow_sid=task["workflow_sid"],
            task_queue_sid=task["task_queue_sid"],
            task_channel_unique_name="default",
            version=1,
        )
    ]


def unmatching(queue_sid: str) -> str:
    rule: dict[str, Any] = {"expression": "type == 'call'", "targets": [{"queue": queue_sid}]}
    return msgspec.json.encode({"task_routing": {"filters": [rule]}}).decode()


async def test_a_task_that_no_filter_matches_is_canceled(api: Api) -> None:
    (workflow,) = await api.listed("/Workflows")
    (queue,) = await api.listed("/TaskQueues")
    await api("POST", workflow["url"], {"Configuration": unmatching(queue["sid"])})
    task = await api.make("/Tasks", Attributes='{"type": "mail"}')
    assert task["assignment_status"] == "canceled"
    for field in ("task_queue_sid", "task_queue_friendly_name", "task_queue_entered_date"):
        assert task[field] is None
    assert task["links"]["task_queue"] is None
    (stored,) = api.sandbox.tasks(api.workspace)
    assert stored.task_queue_sid is None


async def test_a_task_that_no_filter_matches_can_be_refused_instead() -> None:
    async with serving(unmatched="refuse") as api:
        (workflow,) = await api.listed("/Workflows")
        (queue,) = await api.listed("/TaskQueues")
        await api("POST", workflow["url"], {"Configuration": unmatching(queue["sid"])})
        reply = await api("POST", "/Tasks", {"Attributes": '{"type": "mail"}'})
        assert reply.refusal == (400, 20001)
        assert api.sandbox.tasks(api.workspace) == []


async def test_a_task_cannot_be_created_under_a_sid(api: Api) -> None:
    assert (await api("POST", "/Tasks/" + NOBODY)).refusal == (404, 20404)


async def test_what_does_not_exist_cannot_be_looked_at(api: Api) -> None:
    with pytest.raises(LookupError):
        api.sandbox.tasks("WS" + "0" * 32)
    with pytest.raises(LookupError):
        api.sandbox.assign(NOBODY)
