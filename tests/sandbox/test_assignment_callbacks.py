"""Assignment callbacks and the instructions in their answers."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from aiotask.sandbox import DebuggerEntry, Sandbox
from aiotask.sandbox.api.dispatch import Request
from aiotask.sandbox.api.reservation_instructions import INSTRUCTIONS
from aiotask.sandbox.callbacks.dispatch import AT_ONCE
from aiotask.sandbox.callbacks.instructions import follow
from aiotask.webhooks import accept, call, conference, dequeue, redirect, reject
from tests.sandbox.receiver import Answerer, Receiver, answering, receiving, tell
from tests.sandbox.sandbox_api import Api, Clock, serving

CALL_SID = "CA" + "0" * 32
ENQUEUED = json.dumps({"call_sid": CALL_SID})

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(scalars, lambda some: st.lists(some) | st.dictionaries(st.text(), some))
FIELDS = [
    *("to", "from", "url", "accept", "record", "timeout", "call_sid", "activity_sid", "beep"),
    *("post_work_activity_sid", "status_callback_url", "status_callback_events", "wait_method"),
]
contents = st.builds(
    lambda instruction, fields: {**fields, "instruction": instruction},
    st.sampled_from(INSTRUCTIONS) | values,
    st.dictionaries(st.sampled_from(FIELDS) | st.text(), values),
)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving(clock=Clock(), routing=False) as api:
        yield api


@pytest.fixture
async def receiver(api: Api) -> AsyncIterator[Receiver]:
    async with receiving(api.sandbox) as receiver:
        await ask(api, receiver.url("/asked"), receiver.url("/fallback"))
        yield receiver


async def ask(api: Api, url: str, fallback: str = "") -> None:
    """Have the workflow of a workspace ask about reservations."""
    (workflow,) = await api.listed("/Workflows")
    form = {"AssignmentCallbackUrl": url, "FallbackAssignmentCallbackUrl": fallback}
    assert (await api("POST", workflow["url"], form)).status == 200


async def offered(api: Api, worker: str = "Ada", **fields: Any) -> str:
    """Reserve a new task for a new worker, and return the URL of the reservation."""
    task = await api.make("/Tasks", **{"Attributes": ENQUEUED, **fields})
    sid = api.sandbox.create_worker(api.workspace, worker, {"contact_uri": "client:ada"})
    return f"{task['url']}/Reservations/{api.sandbox.reserve(task['sid'], sid)}"


async def status_after(api: Api, url: str) -> Any:
    await api.sandbox.callbacks_sent()
    return (await api("GET", url)).json["reservation_status"]


def saying(content: Mapping[str, Any]) -> Answerer:
    return answering(json.dumps(content), kind="application/json; charset=utf-8")


async def test_a_reservation_is_asked_about_once_with_all_documented_fields(
    api: Api, receiver: Receiver
) -> None:
    receiver.answers["/asked"] = answering()
    url = await offered(api, Attributes='{"a":"b&c"}', Priority=7)
    assert await status_after(api, url) == "pending"
    (post,) = receiver.posts
    reservation = (await api("GET", url)).json
    (task,) = await api.listed("/Tasks")
    assert post.form == {
        "AccountSid": api.sandbox.account_sid,
        "ReservationSid": reservation["sid"],
        "TaskAge": "0",
        "TaskAttributes": '{"a":"b&c"}',
        "TaskPriority": "7",
        "TaskQueueSid": task["task_queue_sid"],
        "TaskSid": task["sid"],
        "Timestamp": "1700000000",
        "WorkerAttributes": '{"contact_uri":"client:ada"}',
        "WorkerSid": reservation["worker_sid"],
        "WorkflowSid": task["workflow_sid"],
        "WorkspaceSid": api.workspace,
    }
    assert post.assignment.worker_attributes == {"contact_uri": "client:ada"}
    assert api.sandbox.callbacks == {"assignment answered": 1}
    assert api.sandbox.debugger == []


async def test_nothing_is_asked_of_a_workflow_without_a_url(api: Api, receiver: Receiver) -> None:
    await ask(api, "", receiver.url("/fallback"))
    await offered(api)
    await api.sandbox.callbacks_sent()
    assert receiver.posts == []


CARRIED_OUT = [
    (accept(), "accepted", "assigned"),
    (dequeue(), "accepted", "assigned"),
    (
        dequeue(
            to="client:ada",
            from_="+15017122661",
            record="record-from-answer",
            timeout=20,
            status_callback_url="https://x.example/",
            status_callback_events=["initiated", "completed"],
        ),
        "accepted",
        "assigned",
    ),
    (call(from_="+15017122661", url="https://x.example/"), "pending", "reserved"),
    (
        call(from_="+15017122661", url="https://x.example/", timeout=9, accept=True),
        "accepted",
        "assigned",
    ),
    (redirect(call_sid=CALL_SID, url="https://x.example/"), "pending", "reserved"),
    (
        redirect(call_sid=CALL_SID, url="https://x.example/", accept=True),
        "accepted",
        "assigned",
    ),
    (
        conference(
            from_="+15017122661",
            beep="onEnter",
            max_participants=2,
            status_callback_event=["ringing"],
            conference_status_callback_event=["start", "end"],
            end_conference_on_exit=True,
        ),
        "accepted",
        "assigned",
    ),
    ({"instruction": "dequeue", "status_callback_events": ["ringing"]}, "accepted", "assigned"),
    ({"instruction": "dequeue", "to": None, "timeout": None}, "accepted", "assigned"),
    ({"instruction": "accept", "of": {"no": ["meaning"]}, "\n_x__": 1.5}, "accepted", "assigned"),
]


@pytest.mark.parametrize(("answer", "reservation", "task"), CARRIED_OUT)
async def test_an_instruction_is_carried_out(
    api: Api, receiver: Receiver, answer: Mapping[str, Any], reservation: str, task: str
) -> None:
    receiver.answers["/asked"] = saying(answer)
    url = await offered(api)
    assert await status_after(api, url) == reservation
    assert (await api.listed("/Tasks"))[0]["assignment_status"] == task
    assert api.sandbox.callbacks == {"assignment answered": 1}
    assert api.sandbox.debugger == []


async def test_who_rejects_is_moved_and_the_task_waits_again(api: Api, receiver: Receiver) -> None:
    offline = (await api.listed("/Activities"))[0]
    receiver.answers["/asked"] = saying(reject(activity_sid=offline["sid"]))
    assert await status_after(api, await offered(api)) == "rejected"
    assert (await api.listed("/Tasks"))[0]["assignment_status"] == "pending"
    assert (await api.listed("/Workers"))[0]["activity_name"] == "Offline"


@pytest.mark.parametrize("make", [dequeue, conference])
async def test_an_activity_for_after_the_work_is_kept(
    api: Api, receiver: Receiver, make: Any
) -> None:
    offline = (await api.listed("/Activities"))[0]
    receiver.answers["/asked"] = saying(make(post_work_activity_sid=offline["sid"]))
    url = await offered(api)
    assert await status_after(api, url) == "accepted"
    await api("POST", url, {"ReservationStatus": "completed"})
    assert (await api.listed("/Workers"))[0]["activity_name"] == "Offline"


async def test_what_an_instruction_brings_about_is_told_as_an_event(
    api: Api, receiver: Receiver
) -> None:
    await tell(api, receiver.url("/events"), "reservation.created,reservation.accepted")
    receiver.answers["/asked"] = saying(accept())
    await offered(api)
    await api.sandbox.callbacks_sent()
    assert receiver.types() == ["reservation.created", "reservation.accepted"]
    assert api.sandbox.callbacks == {"assignment answered": 1, "event answered": 2}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (answering(json.dumps(accept()), 201), "answered"),
        (answering("", 204), "answered"),
        (answering(json.dumps(accept()), 302), "refused"),
        (answering(json.dumps(accept()), 500), "refused"),
    ],
)
async def test_the_fallback_is_asked_the_same_where_the_answer_is_not_200(
    api: Api, receiver: Receiver, answer: Answerer, outcome: str
) -> None:
    receiver.answers["/asked"] = answer
    receiver.answers["/fallback"] = saying(dequeue())
    assert await status_after(api, await offered(api)) == "accepted"
    first, second = receiver.posts
    assert (first.path, second.path) == ("/asked", "/fallback")
    assert first.body == second.body
    assert api.sandbox.callbacks == {f"assignment {outcome}": 1, "fallback answered": 1}
    assert api.sandbox.debugger == []


async def test_the_fallback_is_asked_where_nobody_answers(api: Api, receiver: Receiver) -> None:
    await ask(api, "http://127.0.0.1:1/", receiver.url("/fallback"))
    receiver.answers["/fallback"] = saying(accept())
    assert await status_after(api, await offered(api)) == "accepted"
    assert api.sandbox.callbacks == {"assignment failed": 1, "fallback answered": 1}


@pytest.mark.virtual_time
async def test_the_fallback_is_asked_where_nobody_answers_in_time() -> None:
    async with (
        serving(callback_timeout=1.0, routing=False) as api,
        receiving(api.sandbox) as receiver,
    ):
        await ask(api, receiver.url("/asked"), receiver.url("/fallback"))
        receiver.answers["/asked"] = receiver.hang
        receiver.answers["/fallback"] = saying(accept())
        assert await status_after(api, await offered(api)) == "accepted"
        assert api.sandbox.callbacks == {"assignment timed out": 1, "fallback answered": 1}


async def test_a_reservation_that_nobody_decides_stays_pending(
    api: Api, receiver: Receiver
) -> None:
    receiver.answers["/asked"] = receiver.answers["/fallback"] = answering("", 503)
    assert await status_after(api, await offered(api)) == "pending"
    await ask(api, receiver.url("/asked"))
    assert await status_after(api, await offered(api, "Bob")) == "pending"
    assert api.sandbox.callbacks == {"assignment refused": 2, "fallback refused": 1}


@pytest.mark.parametrize("kind", ["text/plain", "", "application/jsonp", "json"])
async def test_an_answer_of_another_type_is_not_read_and_the_fallback_asked(
    api: Api, receiver: Receiver, kind: str
) -> None:
    receiver.answers["/asked"] = answering(json.dumps(accept()), kind=kind)
    receiver.answers["/fallback"] = answering(json.dumps(accept()), kind=kind)
    url = await offered(api)
    assert await status_after(api, url) == "pending"
    sid = url.rpartition("/")[2]
    assert api.sandbox.debugger == [
        DebuggerEntry(
            40000, f"The answer of the {name} URL is not of the type application/json", sid
        )
        for name in ("assignment", "fallback")
    ]


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON ; charset=utf-8"])
@pytest.mark.parametrize("body", ["{}", "[]", "null", ""])
async def test_an_empty_answer_leaves_the_reservation_pending(
    api: Api, receiver: Receiver, body: str, kind: str
) -> None:
    receiver.answers["/asked"] = answering(body, kind=kind)
    assert await status_after(api, await offered(api)) == "pending"
    assert api.sandbox.callbacks == {"assignment answered": 1}
    assert api.sandbox.debugger == []


async def test_an_empty_answer_needs_no_type(api: Api, receiver: Receiver) -> None:
    receiver.answers["/asked"] = answering("", kind="text/html")
    assert await status_after(api, await offered(api)) == "pending"
    assert api.sandbox.callbacks == {"assignment answered": 1}


GARBAGE = [
    (b"{'instruction':'accept'}", 40001),
    (b"\xff\xfe", 40001),
    (b"[" * 10_000, 40001),
    (b'{"instruction":"accept","a":"' + b"a" * 70_000 + b'"}', 40001),
    (b'{"Instruction":"accept"}', 40005),
    (b'{"instruction":null}', 40005),
    (b'["accept"]', 40005),
    (b"1", 40005),
    (b'{"instruction":""}', 55555),
    (b'{"instruction":"Accept"}', 55555),
    (b'{"instruction":["accept"]}', 55555),
    (b'{"instruction":' + b"[" * 500 + b"]" * 500 + b"}", 55555),
    (b'{"instruction":"reject","activity_sid":' + b"[" * 500 + b"]" * 500 + b"}", 40100),
    (b'{"instruction":{"accept":1}}', 55555),
    (b'{"instruction":"' + b"a" * 60_000 + b'"}', 55555),
    (b'{"instruction":"supervise"}', 40146),
    (b'{"instruction":"reject"}', 40100),
    (b'{"instruction":"reject","activity_sid":""}', 40100),
    (b'{"instruction":"reject","activity_sid":"WA1"}', 40100),
    (b'{"instruction":"reject","activity_sid":{"WA":1}}', 40100),
    (b'{"instruction":"call","url":"https://x.example/"}', 40111),
    (b'{"instruction":"call","from":"+1"}', 40112),
    (b'{"instruction":"call","from":"+1","url":"x","timeout":-1}', 55555),
    (b'{"instruction":"redirect","call_sid":"CA1","url":"x"}', 40121),
    (b'{"instruction":"redirect","url":"x"}', 40121),
    (b'{"instruction":"redirect","call_sid":"%s"}' % CALL_SID.encode(), 40120),
    (b'{"instruction":"dequeue","post_work_activity_sid":"WA1"}', 40130),
    (b'{"instruction":"dequeue","status_callback_events":"born,died"}', 40134),
    (b'{"instruction":"conference","post_work_activity_sid":"WA1"}', 40139),
    (b'{"instruction":"conference","beep":"loud"}', 55555),
]


@pytest.mark.parametrize(("body", "code"), GARBAGE)
async def test_a_wrong_answer_is_seen_in_the_debugger_and_nowhere_else(
    api: Api, receiver: Receiver, body: bytes, code: int
) -> None:
    receiver.answers["/asked"] = answering(body)
    url = await offered(api)
    assert await status_after(api, url) == "pending"
    (entry,) = api.sandbox.debugger
    assert (entry.code, entry.resource_sid) == (code, url.rpartition("/")[2])
    assert 0 < len(entry.message) <= 500
    assert api.sandbox.callbacks == {"assignment answered": 1}


@pytest.mark.parametrize(
    ("answer", "code"), [(dequeue(to="client:ada"), 40140), (conference(from_="+1"), 40142)]
)
async def test_an_instruction_for_a_call_that_the_task_does_not_have_is_in_the_debugger(
    api: Api, receiver: Receiver, answer: Mapping[str, Any], code: int
) -> None:
    receiver.answers["/asked"] = saying(answer)
    url = await offered(api, Attributes='{"type":"chat"}')
    assert await status_after(api, url) == "pending"
    (entry,) = api.sandbox.debugger
    assert (entry.code, entry.resource_sid) == (code, url.rpartition("/")[2])


@given(contents.map(lambda content: json.dumps(content).encode()) | st.binary())
def test_whatever_is_answered_is_carried_out_or_one_entry(body: bytes) -> None:
    sandbox = Sandbox(routing=False)
    sid = sandbox.create_workspace("Support")
    path = f"/v1/Workspaces/{sid}/Tasks"
    form = urlencode({"Attributes": ENQUEUED}).encode()
    sandbox._service.answer(Request("POST", "", path, b"", form, None))
    (task,) = sandbox.tasks(sid)
    made = sandbox.reserve(task.sid, sandbox.create_worker(sid, "Ada"))
    workspace = sandbox._workspace(sid)
    reservation = workspace.stores.reservations.items[made]
    entry = follow(body, reservation, workspace.stores, workspace.transitions)
    assert reservation.status == "pending" or entry is None


NO_MORE_PENDING = [
    (accept(), 55555),
    (reject(activity_sid="WA" + "0" * 32), 40100),
    (dequeue(), 40135),
    (call(from_="+1", url="https://x.example/"), 40114),
    (redirect(call_sid=CALL_SID, url="https://x.example/"), 40123),
    (conference(), 40136),
]


@pytest.mark.parametrize(("answer", "code"), NO_MORE_PENDING)
@pytest.mark.parametrize("end", ["accepted", "deleted"])
async def test_an_instruction_may_come_too_late(
    api: Api, receiver: Receiver, answer: Mapping[str, Any], code: int, end: str
) -> None:
    released = asyncio.Event()

    async def late(request: web.Request) -> web.StreamResponse:
        await released.wait()
        return await saying(answer)(request)

    receiver.answers["/asked"] = late
    url = await offered(api)
    await receiver.came(1)
    if end == "accepted":
        assert (await api("POST", url, {"ReservationStatus": "accepted"})).status == 200
    else:
        (task,) = await api.listed("/Tasks")
        assert (await api("DELETE", task["url"])).status == 204
    released.set()
    await api.sandbox.callbacks_sent()
    (entry,) = api.sandbox.debugger
    assert (entry.code, entry.resource_sid) == (code, url.rpartition("/")[2])
    found = await api("GET", url)
    assert found.status == 404 or found.json["reservation_status"] == "accepted"


async def test_a_receiver_may_have_accepted_before_it_answers(api: Api, receiver: Receiver) -> None:
    async def accepts(_request: web.Request) -> web.StreamResponse:
        assignment = receiver.posts[-1].assignment
        url = f"/Tasks/{assignment.task_sid}/Reservations/{assignment.reservation_sid}"
        assert (await api("POST", url, {"ReservationStatus": "accepted"})).status == 200
        return web.Response()

    receiver.answers["/asked"] = accepts
    assert await status_after(api, await offered(api)) == "accepted"
    assert api.sandbox.debugger == []


async def test_many_are_asked_at_once_and_the_rest_in_their_turn() -> None:
    async with (
        serving(clock=Clock(), callback_timeout=300.0, routing=False) as api,
        receiving(api.sandbox) as receiver,
    ):
        await ask(api, receiver.url("/asked"))
        receiver.answers["/asked"] = receiver.hang
        for number in range(AT_ONCE + 5):
            await offered(api, f"{number}")
        await receiver.came(AT_ONCE)
        assert len(receiver.posts) == AT_ONCE
        receiver.answers["/asked"] = saying(accept())
        receiver.released.set()
        await api.sandbox.callbacks_sent()
        assert api.sandbox.callbacks["assignment answered"] == AT_ONCE + 5


async def test_closing_gives_up_what_is_being_asked(api: Api, receiver: Receiver) -> None:
    receiver.answers["/asked"] = receiver.hang
    await offered(api)
    await receiver.came(1)
    await api.sandbox.close()
    assert api.sandbox.callbacks == {"assignment dropped": 1}
    assert receiver.at("/fallback") == []


async def test_the_debugger_keeps_the_latest_entries(api: Api, receiver: Receiver) -> None:
    receiver.answers["/asked"] = answering("1")
    task = await api.make("/Tasks")
    worker = api.sandbox.create_worker(api.workspace, "Ada")
    sids = [api.sandbox.reserve(task["sid"], worker) for _ in range(1005)]
    await api.sandbox.callbacks_sent()
    kept = {entry.resource_sid for entry in api.sandbox.debugger}
    assert len(api.sandbox.debugger) == len(kept) == 1000
    assert kept < set(sids)
