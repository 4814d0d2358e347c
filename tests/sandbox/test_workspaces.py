from collections.abc import AsyncIterator

import pytest

from tests.sandbox.sandbox_api import Api, Clock, Value, serving

NOW_TEXT = "2023-11-14T22:13:20Z"


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving("NONE", clock=Clock()) as api:
        yield api


async def test_a_new_workspace_has_every_documented_field(api: Api) -> None:
    workspace = await api.make("/v1/Workspaces", FriendlyName="Sales")
    url = workspace["url"]
    sid = workspace["sid"]
    assert url == api.url(f"/v1/Workspaces/{sid}")
    offline = (await api.listed(f"/v1/Workspaces/{sid}/Activities"))[0]
    assert workspace == {
        "account_sid": api.sandbox.account_sid,
        "date_created": NOW_TEXT,
        "date_updated": NOW_TEXT,
        "default_activity_name": "Offline",
        "default_activity_sid": offline["sid"],
        "event_callback_url": "",
        "events_filter": None,
        "friendly_name": "Sales",
        "links": {
            "activities": f"{url}/Activities",
            "statistics": f"{url}/Statistics",
            "real_time_statistics": f"{url}/RealTimeStatistics",
            "cumulative_statistics": f"{url}/CumulativeStatistics",
            "task_queues": f"{url}/TaskQueues",
            "tasks": f"{url}/Tasks",
            "workers": f"{url}/Workers",
            "workflows": f"{url}/Workflows",
            "task_channels": f"{url}/TaskChannels",
            "events": f"{url}/Events",
        },
        "multi_task_enabled": True,
        "prioritize_queue_order": "FIFO",
        "sid": sid,
        "timeout_activity_name": "Offline",
        "timeout_activity_sid": offline["sid"],
        "url": url,
    }
    assert (await api("GET", url)).json == workspace


async def test_a_new_workspace_holds_the_documented_activities_and_channels(api: Api) -> None:
    activities = await api.listed("/Activities")
    assert {item["friendly_name"]: item["available"] for item in activities} == {
        "Offline": False,
        "Unavailable": False,
        "Available": True,
    }
    channels = await api.listed("/TaskChannels")
    names = [channel["unique_name"] for channel in channels]
    assert names == ["default", "voice", "chat", "sms", "video"]
    assert await api.listed("/TaskQueues") == []
    assert await api.listed("/Workflows") == []


async def test_the_fifo_template_routes_every_task_to_its_queue(api: Api) -> None:
    workspace = await api.make("/v1/Workspaces", FriendlyName="F", Template="FIFO")
    task = await api.make(f"/v1/Workspaces/{workspace['sid']}/Tasks")
    assert task["task_queue_friendly_name"] == "Sample Queue"
    assert task["workflow_friendly_name"] == "Default Fifo Workflow"


async def test_activities_and_channels_are_fetched_by_sid_and_listed_by_filter(api: Api) -> None:
    (available,) = await api.listed("/Activities", Available="true")
    assert (await api("GET", available["url"])).json == available
    assert await api.listed("/Activities", FriendlyName="Available", Available="yes") == [available]
    assert await api.listed("/Activities", FriendlyName="Available", Available="no") == []
    assert len(await api.listed("/Activities", Available="false")) == 2
    voice = (await api("GET", "/TaskChannels/voice")).json
    assert (await api("GET", voice["url"])).json == voice
    for path in ("/TaskChannels/fax", "/Activities/WA" + "0" * 32):
        assert (await api("GET", path)).refusal == (404, 20404)


async def test_a_workspace_is_updated_listed_by_name_and_deleted(api: Api) -> None:
    workspace = await api.make("/v1/Workspaces", FriendlyName="Old")
    sid = workspace["sid"]
    available = (await api.listed(f"/v1/Workspaces/{sid}/Activities"))[2]
    form: dict[str, Value] = {
        "FriendlyName": "New",
        "EventCallbackUrl": "https://example.com/",
        "EventsFilter": "task.created",
        "MultiTaskEnabled": "false",
        "PrioritizeQueueOrder": "LIFO",
        "TimeoutActivitySid": available["sid"],
    }
    updated = (await api("POST", workspace["url"], form)).json
    assert updated == workspace | {
        "friendly_name": "New",
        "event_callback_url": "https://example.com/",
        "events_filter": "task.created",
        "multi_task_enabled": False,
        "prioritize_queue_order": "LIFO",
        "timeout_activity_name": "Available",
        "timeout_activity_sid": available["sid"],
    }
    assert await api.listed("/v1/Workspaces", FriendlyName="New") == [updated]
    assert len(await api.listed("/v1/Workspaces")) == 2
    assert (await api("DELETE", workspace["url"])).status == 204
    assert (await api("GET", workspace["url"])).refusal == (404, 20404)
    assert (await api("GET", workspace["url"] + "/Tasks")).refusal == (404, 20404)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({}, 20001),
        ({"FriendlyName": ""}, 20001),
        ({"FriendlyName": "x" * 65}, 20002),
        ({"FriendlyName": "x", "Template": "LIFO"}, 20001),
        ({"FriendlyName": "x", "PrioritizeQueueOrder": "NONE"}, 20001),
    ],
)
async def test_a_wrong_workspace_is_not_created(
    api: Api, form: dict[str, Value], code: int
) -> None:
    assert (await api("POST", "/v1/Workspaces", form)).refusal == (400, code)
    assert len(await api.listed("/v1/Workspaces")) == 1


async def test_an_unknown_activity_leaves_a_workspace_unchanged(api: Api) -> None:
    before = (await api("GET")).json
    form: dict[str, Value] = {"FriendlyName": "New", "DefaultActivitySid": "WA" + "0" * 32}
    assert (await api("POST", "", form)).refusal == (400, 20001)
    assert (await api("GET")).json == before


async def test_a_new_task_queue_has_every_documented_field(api: Api) -> None:
    offline = (await api.listed("/Activities"))[0]
    queue = await api.make(
        "/TaskQueues",
        FriendlyName="English",
        TargetWorkers="languages HAS 'en'",
        MaxReservedWorkers=5,
        TaskOrder="LIFO",
        ReservationActivitySid=offline["sid"],
    )
    parent = api.url("")
    url = f"{parent}/TaskQueues/{queue['sid']}"
    assert queue == {
        "account_sid": api.sandbox.account_sid,
        "assignment_activity_name": None,
        "assignment_activity_sid": None,
        "date_created": NOW_TEXT,
        "date_updated": NOW_TEXT,
        "friendly_name": "English",
        "max_reserved_workers": 5,
        "links": {
            "assignment_activity": None,
            "reservation_activity": offline["url"],
            "workspace": parent,
            "statistics": f"{url}/Statistics",
            "real_time_statistics": f"{url}/RealTimeStatistics",
            "cumulative_statistics": f"{url}/CumulativeStatistics",
            "list_statistics": f"{parent}/TaskQueues/Statistics",
            "bulk_real_time_statistics": f"{parent}/TaskQueues/RealTimeStatistics",
        },
        "reservation_activity_name": "Offline",
        "reservation_activity_sid": offline["sid"],
        "sid": queue["sid"],
        "target_workers": "languages HAS 'en'",
        "task_order": "LIFO",
        "url": url,
        "workspace_sid": api.workspace,
    }
    assert (await api("GET", url)).json == queue


async def test_a_task_queue_is_updated_and_listed_by_name(api: Api) -> None:
    queue = await api.make("/TaskQueues", FriendlyName="Old")
    other = await api.make("/TaskQueues", FriendlyName="Other")
    assert queue["target_workers"] == "1==1"
    form = {"FriendlyName": "Old", "TargetWorkers": ""}
    assert (await api("POST", queue["url"], form)).json == queue | {"target_workers": ""}
    assert await api.listed("/TaskQueues", FriendlyName="Other") == [other]
    assert await api.listed("/TaskQueues", EvaluateWorkerAttributes="a == 1") == []
    assert await api.listed("/TaskQueues", WorkerSid="WK" + "0" * 32) == []
    expression: dict[str, Value] = {"EvaluateWorkerAttributes": "a ="}
    assert (await api("GET", "/TaskQueues", expression)).refusal == (400, 20001)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({}, 20001),
        ({"FriendlyName": "x" * 65}, 20002),
        ({"FriendlyName": "Taken"}, 20001),
        ({"FriendlyName": "x", "TargetWorkers": "a ="}, 20001),
        ({"FriendlyName": "x", "MaxReservedWorkers": 0}, 20001),
        ({"FriendlyName": "x", "MaxReservedWorkers": 51}, 20001),
        ({"FriendlyName": "x", "TaskOrder": "RANDOM"}, 20001),
        ({"FriendlyName": "x", "AssignmentActivitySid": "WA" + "0" * 32}, 20001),
    ],
)
async def test_a_wrong_task_queue_is_not_created(
    api: Api, form: dict[str, Value], code: int
) -> None:
    await api.make("/TaskQueues", FriendlyName="Taken")
    assert (await api("POST", "/TaskQueues", form)).refusal == (400, code)
    assert len(await api.listed("/TaskQueues")) == 1


async def test_a_task_queue_in_use_is_not_deleted(api: Api) -> None:
    queue = await api.make("/TaskQueues", FriendlyName="Used")
    routing = f'{{"task_routing": {{"default_filter": {{"queue": "{queue["sid"]}"}}}}}}'
    workflow = await api.make("/Workflows", FriendlyName="W", Configuration=routing)
    task = await api.make("/Tasks")
    assert (await api("DELETE", queue["url"])).refusal == (400, 20001)
    await api("DELETE", workflow["url"])
    assert (await api("DELETE", queue["url"])).refusal == (400, 20001)
    await api("POST", task["url"], {"AssignmentStatus": "canceled"})
    assert (await api("DELETE", queue["url"])).status == 204
    assert (await api("DELETE", queue["url"])).refusal == (404, 20404)
    assert (await api("GET", task["url"])).json["task_queue_friendly_name"] == "Used"
