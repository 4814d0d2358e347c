"""Event callbacks to the EventCallbackUrl of a workspace."""

import asyncio
import gzip
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from aiotask.sandbox import Sandbox
from tests.sandbox.receiver import Receiver, answering, receiving, tell
from tests.sandbox.sandbox_api import Api, Clock, serving

NOW = 1_700_000_000.123


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
async def api(clock: Clock) -> AsyncIterator[Api]:
    async with serving(clock=clock, routing=False) as api:
        yield api


@pytest.fixture
async def receiver(api: Api) -> AsyncIterator[Receiver]:
    async with receiving(api.sandbox) as receiver:
        yield receiver


@pytest.fixture
async def told(api: Api, receiver: Receiver) -> Receiver:
    """Return a receiver that is told of what happens from now on."""
    await tell(api, receiver.url("/events"))
    await api.sandbox.callbacks_sent()
    receiver.posts.clear()
    api.sandbox.callbacks.clear()
    return receiver


async def test_an_event_is_posted_with_all_that_is_known_of_it(api: Api, told: Receiver) -> None:
    task = await api.make("/Tasks", Attributes='{"a":"é&="}', Priority=3)
    await api.sandbox.callbacks_sent()
    post = told.at("/events")[0]
    (queue,) = await api.listed("/TaskQueues")
    listed = (await api.listed("/Events", EventType="task.created"))[0]
    assert post.form == {
        "AccountSid": api.sandbox.account_sid,
        "EventDescription": f"Task {task['sid']} created",
        "EventType": "task.created",
        "OperatingUnitSid": "OU" + api.sandbox.account_sid[2:],
        "ResourceSid": task["sid"],
        "ResourceType": "task",
        "Sid": listed["sid"],
        "TaskAge": "0",
        "TaskAssignmentStatus": "pending",
        "TaskAttributes": '{"a":"é&="}',
        "TaskChannelSid": task["task_channel_sid"],
        "TaskChannelUniqueName": "default",
        "TaskDateCreated": "1700000000",
        "TaskPriority": "3",
        "TaskQueueEnteredDate": "1700000000",
        "TaskQueueName": "Sample Queue",
        "TaskQueueSid": queue["sid"],
        "TaskQueueTargetExpression": queue["target_workers"],
        "TaskSid": task["sid"],
        "TaskVersion": "0",
        "TaskVirtualStartTime": "1700000000",
        "Timestamp": "1700000000",
        "TimestampMs": "1700000000123",
        "WorkflowName": "Default Fifo Workflow",
        "WorkflowSid": task["workflow_sid"],
        "WorkspaceName": "Support",
        "WorkspaceSid": api.workspace,
    }
    event = post.event
    assert event.timestamp == datetime.fromtimestamp(1_700_000_000, UTC)
    assert event.task_attributes == {"a": "é&="}


async def test_what_is_posted_looks_as_if_the_service_did(api: Api, told: Receiver) -> None:
    await api.make("/Activities", FriendlyName="Lunch")
    await api.sandbox.callbacks_sent()
    (post,) = told.posts
    assert post.headers["Content-Type"] == "application/x-www-form-urlencoded; charset=UTF-8"
    assert post.headers["User-Agent"] == "TwilioProxy/1.1"
    assert "Authorization" not in post.headers


async def live(api: Api) -> None:
    """Have one event at least of each kind that requests bring about."""
    sandbox = api.sandbox
    (workflow,) = await api.listed("/Workflows")
    activity = await api.make("/Activities", FriendlyName="Lunch")
    channel = await api.make("/TaskChannels", FriendlyName="Fax", UniqueName="fax")
    queue = await api.make("/TaskQueues", FriendlyName="Faxes")
    worker = await api.make("/Workers", FriendlyName="Ada", Attributes='{"languages":["fi"]}')
    await api("POST", worker["url"], {"Attributes": "{}", "ActivitySid": activity["sid"]})
    await api("POST", f"{worker['url']}/Channels/fax", {"Capacity": 3, "Available": "false"})
    for status in ("accepted", "rejected"):
        task = await api.make("/Tasks", TaskChannel="fax")
        reservation = sandbox.reserve(task["sid"], worker["sid"])
        url = f"{task['url']}/Reservations/{reservation}"
        await api("POST", url, {"ReservationStatus": status})
        await api("POST", task["url"], {"Priority": 5})
    await api("POST", task["url"], {"AssignmentStatus": "canceled", "Reason": "spam"})
    task = await api.make("/Tasks")
    sandbox.reserve(task["sid"], worker["sid"])
    sandbox.assign(task["sid"])
    for status in ("wrapping", "completed"):
        await api("POST", task["url"], {"AssignmentStatus": status, "Reason": "done"})
    await api("DELETE", task["url"])
    await api("POST", queue["url"], {"TargetWorkers": "a == 1"})
    await api("POST", workflow["url"], {"FriendlyName": "Renamed"})
    await api("POST", activity["url"], {"FriendlyName": "Dinner"})
    await api("POST", channel["url"], {"FriendlyName": "Telefax"})
    leaver = await api.make("/Workers", FriendlyName="Bob")
    for item in (leaver, queue):
        assert (await api("DELETE", item["url"])).status == 204


async def test_all_events_of_a_workspace_are_posted_in_their_order_and_understood(
    api: Api, told: Receiver, clock: Clock
) -> None:
    clock.now += 61
    await live(api)
    await api.sandbox.callbacks_sent()
    listed = await api.listed("/Events", PageSize=1000)
    wanted = [item["sid"] for item in reversed(listed) if item["event_date_ms"] > NOW * 1000 + 1]
    events = [post.event for post in told.posts]
    assert [event.sid for event in events] == wanted
    assert api.sandbox.callbacks == {"event answered": len(wanted)}
    by_sid = {item["sid"]: item for item in listed}
    for post, event in zip(told.posts, events, strict=True):
        assert post.form["TimestampMs"] == str(by_sid[event.sid]["event_date_ms"])
        names = {name.replace("_", "").lower() for name in by_sid[event.sid]["event_data"]}
        assert names <= {name.lower() for name in post.form}
    assert len({event.event_type for event in events}) > 20


async def told_of(api: Api, told: Receiver, kind: str) -> Any:
    await live(api)
    await api.sandbox.callbacks_sent()
    return next(p.event for p in told.posts if p.event.event_type == kind)


async def test_a_new_activity_comes_with_how_long_the_former_one_was(
    api: Api, told: Receiver
) -> None:
    event = await told_of(api, told, "worker.activity.update")
    assert event.event_description == "Worker Ada updated to Lunch Activity"
    assert event.worker_activity_name == "Lunch"
    assert event.worker_previous_activity_name == "Offline"
    assert event.worker_previous_activity_sid.startswith("WA")
    assert event.worker_time_in_previous_activity == 0
    assert event.worker_time_in_previous_activity_ms == 0
    assert (event.worker_version, event.resource_type) == (1, "worker")


async def test_a_new_capacity_comes_with_the_former_one(api: Api, told: Receiver) -> None:
    event = await told_of(api, told, "worker.capacity.update")
    assert event.worker_channel_available is False
    assert event.worker_channel_available_capacity == 100
    assert event.worker_channel_previous_capacity == 1
    assert event.worker_channel_task_count == 0
    assert event.task_channel_unique_name == "fax"


async def test_an_end_of_a_task_comes_with_its_reason(api: Api, told: Receiver) -> None:
    canceled = await told_of(api, told, "task.canceled")
    assert (canceled.task_canceled_reason, canceled.reason) == ("spam", "spam")
    completed = next(p.event for p in told.posts if p.event.event_type == "task.completed")
    assert (completed.task_completed_reason, completed.reason) == ("done", None)


async def test_a_reservation_comes_with_its_task_and_worker(api: Api, told: Receiver) -> None:
    event = await told_of(api, told, "reservation.accepted")
    assert event.resource_type == "reservation"
    assert event.resource_sid == event.reservation_sid
    assert (event.reservation_version, event.task_version) == (1, 1)
    assert (event.worker_name, event.task_channel_unique_name) == ("Ada", "fax")
    assert (event.worker_channel_capacity, event.worker_version) == (3, 1)


async def test_a_direct_task_comes_with_its_target(api: Api, told: Receiver) -> None:
    worker = api.sandbox.create_worker(api.workspace, "Ada")
    await api.make("/Tasks", RoutingTarget=worker)
    await api.sandbox.callbacks_sent()
    event = told.posts[-1].event
    assert (event.task_routing_target, event.task_ignore_capacity) == (worker, True)


async def test_an_activity_and_a_channel_come_with_what_they_are(api: Api, told: Receiver) -> None:
    activity = await told_of(api, told, "activity.created")
    assert (activity.activity_name, activity.activity_available) == ("Lunch", False)
    channel = next(p.event for p in told.posts if p.event.event_type == "task-channel.created")
    assert (channel.task_channel_name, channel.task_channel_optimized_routing) == ("Fax", False)
    assert channel.resource_type == "taskchannel"


@pytest.mark.parametrize(
    ("events_filter", "expected"),
    [
        ("task.created,activity.deleted", ["task.created"]),
        ("task.updated", ["task.updated"]),
        ("task.created, task.updated", ["task.created"]),
        ("task", []),
        (
            "",
            [
                "workspace.updated",
                "task.created",
                "workflow.entered",
                "workflow.target-matched",
                "task-queue.entered",
                "task.updated",
            ],
        ),
    ],
)
async def test_only_the_types_of_the_filter_are_posted(
    api: Api, receiver: Receiver, events_filter: str, expected: list[str]
) -> None:
    await tell(api, receiver.url("/events"), events_filter)
    task = await api.make("/Tasks")
    await api("POST", task["url"], {"Priority": 2})
    await api.sandbox.callbacks_sent()
    assert receiver.types() == expected


async def test_an_event_goes_where_the_workspace_said_when_it_happened(
    api: Api, receiver: Receiver
) -> None:
    await api.make("/Activities", FriendlyName="Unheard")
    await tell(api, receiver.url("/one"), "activity.created")
    await api.make("/Activities", FriendlyName="A")
    await tell(api, receiver.url("/two"), "activity.created")
    await api.make("/Activities", FriendlyName="B")
    await tell(api, "", "activity.created")
    await api.make("/Activities", FriendlyName="C")
    await api.sandbox.callbacks_sent()
    assert [post.form["ActivityName"] for post in receiver.at("/one")] == ["A"]
    assert [post.form["ActivityName"] for post in receiver.at("/two")] == ["B"]
    assert len(receiver.posts) == 2


async def test_the_end_of_a_workspace_is_told_too(api: Api, told: Receiver) -> None:
    assert (await api("DELETE", "")).status == 204
    await api.sandbox.callbacks_sent()
    (event,) = [post.event for post in told.posts]
    assert (event.event_type, event.resource_type) == ("workspace.deleted", "workspace")


async def test_the_beginning_of_a_workspace_is_told_too(api: Api, receiver: Receiver) -> None:
    form = {"FriendlyName": "New", "EventCallbackUrl": receiver.url("/new"), "Template": "FIFO"}
    assert (await api("POST", "/v1/Workspaces", form)).status == 201
    await api.sandbox.callbacks_sent()
    expected = ["workspace.created", "task-queue.created", "workflow.created"]
    assert receiver.types("/new") == expected


async def test_a_url_may_have_a_user_a_query_and_a_fragment(api: Api, receiver: Receiver) -> None:
    host = receiver.root.removeprefix("http://")
    await tell(api, f"http://ada:l%20ace@{host}/a%7Eb?x=%2F&y#rc=2", "activity.created")
    await api.make("/Activities", FriendlyName="A")
    await api.sandbox.callbacks_sent()
    (post,) = receiver.at("/a%7Eb?x=%2F&y")
    assert post.headers["Authorization"] == "Basic " + b64encode(b"ada:l ace").decode()


async def test_a_name_that_is_no_text_is_posted_as_far_as_it_is_one(
    api: Api, told: Receiver
) -> None:
    api.sandbox.create_worker(api.workspace, "Ada \ud800")
    await api.sandbox.callbacks_sent()
    assert told.posts[0].event.worker_name == "Ada ?"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (answering(b"", 200), "answered"),
        (answering(b"x" * 1_000_000, 200, "text/html"), "answered"),
        (answering(b"\xff", 202, "text/plain; charset=nonsense"), "answered"),
        (answering(b"", 301), "refused"),
        (answering(b"", 404), "refused"),
        (answering(b"oops", 500), "refused"),
    ],
)
async def test_what_is_answered_does_not_matter(
    api: Api, told: Receiver, answer: Any, outcome: str
) -> None:
    told.answers["/events"] = answer
    await api.make("/Activities", FriendlyName="A")
    await api.make("/Activities", FriendlyName="B")
    await api.sandbox.callbacks_sent()
    assert api.sandbox.callbacks == {f"event {outcome}": 2}
    assert [post.form["ActivityName"] for post in told.posts] == ["A", "B"]
    assert api.sandbox.debugger == []


async def test_a_redirect_is_not_followed_and_a_cookie_not_kept(api: Api, told: Receiver) -> None:
    async def elsewhere(_request: web.Request) -> web.StreamResponse:
        headers = {"Location": told.url("/elsewhere"), "Set-Cookie": "a=b"}
        return web.Response(status=307, headers=headers)

    told.answers["/events"] = elsewhere
    await api.make("/Activities", FriendlyName="A")
    await api.make("/Activities", FriendlyName="B")
    await api.sandbox.callbacks_sent()
    assert [post.path for post in told.posts] == ["/events", "/events"]
    assert "Cookie" not in told.posts[1].headers


async def test_a_proxy_of_the_environment_is_not_asked(
    api: Api, told: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    await api.make("/Activities", FriendlyName="A")
    await api.sandbox.callbacks_sent()
    assert told.types() == ["activity.created"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/",
        "https://127.0.0.1:{port}/",
        "ftp://127.0.0.1/",
        "http://[::1",
        "http://127.0.0.1:99999/",
        "http://a\x00b/",
        "http://" + "é" * 300 + "/",
        "hooks",
        " ",
        "#",
    ],
)
async def test_a_url_that_does_not_work_is_counted_and_disturbs_nothing(
    api: Api, receiver: Receiver, url: str
) -> None:
    port = receiver.root.rpartition(":")[2]
    await tell(api, url.format(port=port), "activity.created")
    await api.make("/Activities", FriendlyName="A")
    await api.sandbox.callbacks_sent()
    assert api.sandbox.callbacks == {"event failed": 1}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"noise\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"a" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_an_answer_that_is_none_is_counted(api: Api, answer: bytes) -> None:
    async def garble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(garble, "127.0.0.1")
    async with server:
        port = server.sockets[0].getsockname()[1]
        await tell(api, f"http://127.0.0.1:{port}/", "activity.created")
        await api.make("/Activities", FriendlyName="A")
        await api.sandbox.callbacks_sent()
    assert api.sandbox.callbacks == {"event failed": 1}


async def test_an_answer_is_not_unpacked(api: Api, told: Receiver) -> None:
    async def packed(_request: web.Request) -> web.StreamResponse:
        body = gzip.compress(b"0" * 10_000_000)
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    told.answers["/events"] = packed
    await api.make("/Activities", FriendlyName="A")
    await api.sandbox.callbacks_sent()
    assert api.sandbox.callbacks == {"event answered": 1}


async def test_a_receiver_that_hangs_delays_only_its_own_workspace(
    api: Api, receiver: Receiver
) -> None:
    receiver.answers["/hangs"] = receiver.hang
    await tell(api, receiver.url("/hangs"), "activity.created")
    other = f"/v1/Workspaces/{api.sandbox.create_workspace('Other')}"
    form = {"EventCallbackUrl": receiver.url("/lives"), "EventsFilter": "activity.created"}
    assert (await api("POST", other, form)).status == 200
    for path, name in (("", "A"), ("", "B"), (other, "C"), (other, "D")):
        await api.make(f"{path}/Activities", FriendlyName=name)
    await receiver.came(3)
    assert [post.form["ActivityName"] for post in receiver.at("/hangs")] == ["A"]
    assert [post.form["ActivityName"] for post in receiver.at("/lives")] == ["C", "D"]
    receiver.released.set()
    await api.sandbox.callbacks_sent()
    assert [post.form["ActivityName"] for post in receiver.at("/hangs")] == ["A", "B"]


@pytest.mark.virtual_time
async def test_a_receiver_that_hangs_is_given_up_in_time() -> None:
    async with (
        serving(callback_timeout=0.1, routing=False) as api,
        receiving(api.sandbox) as receiver,
    ):
        receiver.answers["/events"] = receiver.hang
        await tell(api, receiver.url("/events"), "activity.created")
        for name in "ABC":
            await api.make("/Activities", FriendlyName=name)
        await api.sandbox.callbacks_sent()
        assert api.sandbox.callbacks == {"event timed out": 3}


async def test_of_what_waits_for_a_slow_receiver_the_oldest_is_dropped() -> None:
    async with (
        serving(callback_backlog=2, routing=False) as api,
        receiving(api.sandbox) as receiver,
    ):
        receiver.answers["/events"] = receiver.hang
        await tell(api, receiver.url("/events"), "activity.created")
        await api.make("/Activities", FriendlyName="0")
        await receiver.came(1)
        for name in "12345":
            await api.make("/Activities", FriendlyName=name)
        receiver.released.set()
        await api.sandbox.callbacks_sent()
        assert [post.form["ActivityName"] for post in receiver.posts] == ["0", "4", "5"]
        assert api.sandbox.callbacks == {"event answered": 3, "event dropped": 3}


async def test_a_backlog_of_nothing_keeps_the_last() -> None:
    async with (
        serving(callback_backlog=0, routing=False) as api,
        receiving(api.sandbox) as receiver,
    ):
        await tell(api, receiver.url("/events"))
        await api.sandbox.callbacks_sent()
        await api.make("/Tasks")
        await api.sandbox.callbacks_sent()
        assert receiver.types() == ["workspace.updated", "task-queue.entered"]
        assert api.sandbox.callbacks == {"event answered": 2, "event dropped": 3}


async def test_closing_drops_what_is_not_posted_and_leaves_nothing_behind() -> None:
    async with Sandbox() as idle, receiving(idle) as receiver:
        async with serving(routing=False) as api:
            receiver.answers["/events"] = receiver.hang
            await tell(api, receiver.url("/events"), "activity.created")
            for name in "12345":
                await api.make("/Activities", FriendlyName=name)
            await receiver.came(1)
            waiting = asyncio.create_task(api.sandbox.callbacks_sent())
        await waiting
        assert api.sandbox.callbacks == {"event dropped": 5}
        assert not any("Queue" in repr(task) for task in asyncio.all_tasks())


async def test_what_had_not_begun_to_be_posted_is_dropped_too(api: Api, told: Receiver) -> None:
    api.sandbox.create_worker(api.workspace, "Ada")
    await api.sandbox.close()
    assert told.posts == []
    assert api.sandbox.callbacks == {"event dropped": 1}


async def test_a_sandbox_that_serves_again_posts_again(api: Api, told: Receiver) -> None:
    sandbox = api.sandbox
    sandbox.create_worker(api.workspace, "Ada")
    await sandbox.callbacks_sent()
    await sandbox.close()
    sandbox.create_worker(api.workspace, "Unheard")
    await sandbox.start()
    sandbox.create_worker(api.workspace, "Bob")
    await sandbox.callbacks_sent()
    assert [post.event.worker_name for post in told.posts] == ["Ada", "Bob"]


async def test_nothing_is_due_where_nobody_listens(api: Api) -> None:
    await live(api)
    await api.sandbox.callbacks_sent()
    assert api.sandbox.callbacks == {}
