import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aiotask.sandbox._workspace import Workspace
from aiotask.sandbox.model.reservation import Reservation
from tests.sandbox.sandbox_api import Api, Clock, Value, serving

NOW_TEXT = "2023-11-14T22:13:20Z"


@pytest.fixture
async def api(clock: Clock) -> AsyncIterator[Api]:
    async with serving(clock=clock, routing=False) as api:
        yield api


ENQUEUED = '{"call_sid":"CA00000000000000000000000000000001"}'


async def offer(api: Api, worker: str = "Ada", task: Any = None) -> tuple[Any, str]:
    """Reserve a task for a worker, and return it with the URL of the reservation."""
    task = task or await api.make("/Tasks", Attributes=ENQUEUED)
    found = await api.listed("/Workers", FriendlyName=worker)
    sid = found[0]["sid"] if found else api.sandbox.create_worker(api.workspace, worker)
    return task, f"{task['url']}/Reservations/{api.sandbox.reserve(task['sid'], sid)}"


async def turned(api: Api, url: str, *statuses: str) -> None:
    for status in statuses:
        assert (await api("POST", url, {"ReservationStatus": status})).status == 200


async def status_of(api: Api, url: str) -> Any:
    found = (await api("GET", url)).json
    return found.get("reservation_status") or found["assignment_status"]


async def activity_of(api: Api, worker: str = "Ada") -> Any:
    return (await api.listed("/Workers", FriendlyName=worker))[0]["activity_name"]


async def test_a_reservation_has_every_documented_field_in_both_views(api: Api) -> None:
    task, url = await offer(api)
    worker = (await api.listed("/Workers"))[0]
    sid = url.rsplit("/", 1)[1]
    reservation = (await api("GET", url)).json
    assert sid.startswith("WR")
    assert reservation == {
        "account_sid": api.sandbox.account_sid,
        "date_created": NOW_TEXT,
        "date_updated": NOW_TEXT,
        "links": {"task": task["url"], "worker": worker["url"], "workspace": api.url("")},
        "reservation_status": "pending",
        "sid": sid,
        "task_sid": task["sid"],
        "url": url,
        "worker_name": "Ada",
        "worker_sid": worker["sid"],
        "workspace_sid": api.workspace,
    }
    other = f"{worker['url']}/Reservations/{sid}"
    assert (await api("GET", other)).json == reservation | {"url": other}
    assert await api.listed(f"/Tasks/{task['sid']}/Reservations") == [reservation]
    assert (await api.listed(f"/Workers/{worker['sid']}/Reservations"))[0]["url"] == other
    assert await status_of(api, task["url"]) == "reserved"


async def test_reservations_are_listed_by_filter_and_by_the_page(api: Api) -> None:
    task, first = await offer(api, "Ada")
    _, second = await offer(api, "Bob", task)
    _, third = await offer(api, "Ada", task)
    await turned(api, second, "rejected")
    path = f"/Tasks/{task['sid']}/Reservations"
    (ada,) = await api.listed("/Workers", FriendlyName="Ada")
    assert [item["url"] for item in await api.listed(path)] == [first, second, third]
    assert [i["url"] for i in await api.listed(path, ReservationStatus="rejected")] == [second]
    assert [i["url"] for i in await api.listed(path, WorkerSid=ada["sid"])] == [first, third]
    other = f"/Workers/{ada['sid']}/Reservations"
    assert len(await api.listed(other, ReservationStatus="pending")) == 2
    assert (await api("GET", other, {"ReservationStatus": "x"})).refusal == (400, 20001)
    page = await api("GET", path, {"PageSize": 2})
    following = await api("GET", page.json["meta"]["next_page_url"])
    assert [item["url"] for item in following.json["reservations"]] == [third]
    back = await api("GET", following.json["meta"]["previous_page_url"])
    assert back.json["reservations"] == page.json["reservations"]
    wrong: dict[str, Value] = {"PageToken": "PAWR" + "0" * 32}
    assert (await api("GET", path, wrong)).refusal == (400, 21481)


async def test_reservations_are_neither_created_nor_deleted_by_requests(api: Api) -> None:
    task, url = await offer(api)
    assert (await api("POST", task["url"] + "/Reservations")).refusal == (405, 20004)
    assert (await api("DELETE", url)).refusal == (405, 20004)
    assert (await api("GET", url[:-1] + "x")).refusal == (404, 20404)
    other, _ = await offer(api)
    elsewhere = f"{other['url']}/Reservations/{url.rsplit('/', 1)[1]}"
    assert (await api("GET", elsewhere)).refusal == (404, 20404)
    assert (await api("GET", task["url"] + "/Nothing")).refusal == (404, 20404)


async def test_only_a_waiting_task_is_reserved(api: Api) -> None:
    task = await api.make("/Tasks")
    worker = api.sandbox.create_worker(api.workspace, "Ada")
    with pytest.raises(LookupError):
        api.sandbox.reserve(task["sid"], "WK" + "0" * 32)
    api.sandbox.assign(task["sid"])
    with pytest.raises(ValueError, match="not pending or reserved"):
        api.sandbox.reserve(task["sid"], worker)


async def test_accepting_assigns_the_task_and_rescinds_the_siblings(api: Api) -> None:
    task, url = await offer(api, "Ada")
    _, sibling = await offer(api, "Bob", task)
    await turned(api, url, "accepted")
    assert await status_of(api, url) == "accepted"
    assert await status_of(api, sibling) == "rescinded"
    assert await status_of(api, task["url"]) == "assigned"


async def test_a_task_waits_again_when_the_last_offer_is_rejected(api: Api) -> None:
    task, url = await offer(api, "Ada")
    _, sibling = await offer(api, "Bob", task)
    offline = (await api.listed("/Activities"))[0]
    form: dict[str, Value] = {"ReservationStatus": "rejected", "WorkerActivitySid": offline["sid"]}
    assert (await api("POST", url, form)).json["reservation_status"] == "rejected"
    assert await activity_of(api, "Ada") == "Offline"
    assert await status_of(api, task["url"]) == "reserved"
    await turned(api, sibling, "rejected")
    assert await activity_of(api, "Bob") == "Available"
    assert await status_of(api, task["url"]) == "pending"


async def test_a_task_follows_its_reservation_to_its_end(api: Api) -> None:
    task, url = await offer(api)
    for status, expected in (
        ("accepted", "assigned"),
        ("wrapping", "wrapping"),
        ("completed", "completed"),
    ):
        await turned(api, url, status)
        assert await status_of(api, task["url"]) == expected
    task, url = await offer(api)
    await turned(api, url, "accepted", "completed")
    assert await status_of(api, task["url"]) == "completed"


@pytest.mark.parametrize(
    ("before", "moves", "after"),
    [
        ([], ["canceled"], "canceled"),
        (["accepted"], ["wrapping"], "wrapping"),
        (["accepted"], ["completed"], "completed"),
        (["accepted"], ["wrapping", "completed"], "completed"),
        (["accepted", "wrapping"], ["completed"], "completed"),
    ],
)
async def test_reservations_follow_their_task(
    api: Api, before: list[str], moves: list[str], after: str
) -> None:
    task, url = await offer(api)
    await turned(api, url, *before)
    for status in moves:
        assert (await api("POST", task["url"], {"AssignmentStatus": status})).status == 200
    assert await status_of(api, url) == after
    assert await status_of(api, task["url"]) == after


async def test_a_rejected_reservation_stays_so_when_its_task_is_canceled(api: Api) -> None:
    task, url = await offer(api)
    await turned(api, url, "rejected")
    await api("POST", task["url"], {"AssignmentStatus": "canceled"})
    assert await status_of(api, url) == "rejected"


async def test_the_reservations_of_a_deleted_task_are_gone(api: Api) -> None:
    task, url = await offer(api)
    await offer(api, "Ada")
    worker = (await api.listed("/Workers"))[0]
    other = f"/Workers/{worker['sid']}/Reservations"
    await api("DELETE", task["url"])
    assert (await api("GET", url)).refusal == (404, 20404)
    assert len(await api.listed(other)) == 1


async def test_a_status_that_a_test_sets_leaves_the_reservations_alone(api: Api) -> None:
    task, url = await offer(api)
    await turned(api, url, "accepted")
    api.sandbox.set_status(task["sid"], "canceled")
    await turned(api, url, "completed")
    assert await status_of(api, task["url"]) == "canceled"


ILLEGAL = [
    ([], "wrapping"),
    ([], "completed"),
    ([], "pending"),
    ([], "timeout"),
    ([], "canceled"),
    ([], "rescinded"),
    ([], "assigned"),
    (["accepted"], "accepted"),
    (["accepted"], "rejected"),
    (["rejected"], "accepted"),
    (["accepted", "wrapping"], "wrapping"),
    (["accepted", "completed"], "completed"),
]


@pytest.mark.parametrize(("before", "status"), ILLEGAL)
async def test_an_illegal_transition_is_refused_and_changes_nothing(
    api: Api, before: list[str], status: str
) -> None:
    _, url = await offer(api)
    await turned(api, url, *before)
    kept = await api("GET", url)
    assert (await api("POST", url, {"ReservationStatus": status})).refusal == (400, 20001)
    after = await api("GET", url)
    assert (after.json, after.headers["ETag"]) == (kept.json, kept.headers["ETag"])


@pytest.mark.parametrize("view", ["task", "worker"])
async def test_a_version_is_the_etag_of_both_views_and_guards_them(api: Api, view: str) -> None:
    task, url = await offer(api)
    if view == "worker":
        worker = (await api.listed("/Workers"))[0]
        url = f"{worker['url']}/Reservations/{url.rsplit('/', 1)[1]}"
    assert (await api("GET", url)).headers["ETag"] == '"0"'
    assert (await api("GET", task["url"])).headers["ETag"] == '"1"'
    accepting = {"ReservationStatus": "accepted"}
    wrong = await api("POST", url, accepting, headers={"If-Match": '"1"'})
    assert wrong.refusal == (412, 20412)
    right = await api("POST", url, accepting, headers={"If-Match": '"0"'})
    assert (right.status, right.headers["ETag"]) == (200, '"1"')
    assert (await api("GET", task["url"])).headers["ETag"] == '"2"'
    assert (await api("POST", url)).headers["ETag"] == '"2"'


INSTRUCTIONS: list[tuple[dict[str, Value], str, str]] = [
    ({"Instruction": "accept"}, "accepted", "assigned"),
    ({"Instruction": "accept", "ReservationStatus": "pending"}, "accepted", "assigned"),
    ({"Instruction": "reject"}, "rejected", "pending"),
    ({"Instruction": "dequeue", "DequeueTo": "client:ada", "DequeueTimeout": 30}, "accepted", ""),
    ({"Instruction": "call", "CallFrom": "+1", "CallUrl": "https://x"}, "pending", "reserved"),
    (
        {"Instruction": "call", "CallFrom": "+1", "CallUrl": "https://x", "CallAccept": "true"},
        "accepted",
        "assigned",
    ),
    (
        {"Instruction": "redirect", "RedirectCallSid": "CA" + "0" * 32, "RedirectUrl": "https://x"},
        "pending",
        "reserved",
    ),
    (
        {
            "Instruction": "redirect",
            "RedirectCallSid": "CA" + "0" * 32,
            "RedirectUrl": "https://x",
            "RedirectAccept": "true",
        },
        "accepted",
        "assigned",
    ),
    (
        {
            "Instruction": "conference",
            "To": "client:ada",
            "From": "+1",
            "StatusCallbackEvent": ["initiated", "ringing"],
            "ConferenceStatusCallbackEvent": "start,end",
            "Beep": "onEnter",
            "ConferenceRecord": "record-from-start",
            "MaxParticipants": 2,
            "JitterBufferSize": "off",
        },
        "accepted",
        "assigned",
    ),
]


@pytest.mark.parametrize(("form", "reservation", "task_status"), INSTRUCTIONS)
async def test_an_instruction_moves_a_reservation_as_its_call_would(
    api: Api, form: dict[str, Value], reservation: str, task_status: str
) -> None:
    task, url = await offer(api)
    assert (await api("POST", url, form)).json["reservation_status"] == reservation
    assert await status_of(api, task["url"]) == (task_status or "assigned")


async def test_an_instruction_needs_its_reservation_in_the_right_state(api: Api) -> None:
    _, url = await offer(api)
    sid = url.rsplit("/", 1)[1]
    reply = await api("POST", url, {"Instruction": "supervise"})
    assert reply.refusal == (400, 20001)
    assert reply.json["message"] == (
        "Unable to execute Supervise instruction. "
        f"Reservation {sid} is not currently in an Accepted state."
    )
    await turned(api, url, "accepted")
    assert (await api("POST", url, {"Instruction": "supervise"})).status == 200
    reply = await api("POST", url, {"Instruction": "conference"})
    assert reply.refusal == (400, 20001)
    assert reply.json["message"] == (
        "Unable to execute Conference instruction. "
        f"Reservation {sid} is not currently in a Pending state."
    )


@pytest.mark.parametrize(
    ("instruction", "attributes", "status"),
    [
        ("dequeue", {}, 400),
        ("dequeue", {"outbound_to": "+15017122661"}, 400),
        ("dequeue", {"call_sid": None}, 400),
        ("dequeue", {"call_sid": "CA1"}, 200),
        ("conference", {}, 400),
        ("conference", {"call_sid": ""}, 400),
        ("conference", {"call_sid": "CA1"}, 200),
        ("conference", {"outbound_to": "+15017122661"}, 200),
        ("call", {}, 200),
        ("redirect", {}, 200),
    ],
)
async def test_an_instruction_that_moves_a_call_needs_a_task_that_has_one(
    api: Api, instruction: str, attributes: dict[str, object], status: int
) -> None:
    task = await api.make("/Tasks", Attributes=json.dumps(attributes))
    _, url = await offer(api, task=task)
    form = {"Instruction": instruction, "CallFrom": "+1", "CallUrl": "https://x"}
    form |= {"RedirectCallSid": "CA" + "0" * 32, "RedirectUrl": "https://x"}
    reply = await api("POST", url, form)
    assert reply.status == status
    if status == 400:
        assert reply.json["code"] == 20001
        assert f"Task {task['sid']} was not created by Enqueue" in reply.json["message"]
        assert await status_of(api, url) == "pending"


@pytest.mark.parametrize(
    "form",
    [
        {"Instruction": "sing"},
        {"Instruction": "call"},
        {"Instruction": "call", "CallFrom": "+1"},
        {"Instruction": "redirect", "RedirectUrl": "https://x"},
        {"Instruction": "redirect", "RedirectUrl": "https://x", "RedirectCallSid": "CA1"},
        {"ReservationStatus": "rejected", "WorkerActivitySid": "WA" + "0" * 32},
        {"Instruction": "dequeue", "DequeuePostWorkActivitySid": "WA1"},
        {"Instruction": "conference", "PostWorkActivitySid": "WA1"},
        {"Instruction": "conference", "Beep": "loud"},
        {"Instruction": "conference", "MaxParticipants": 1},
        {"Instruction": "conference", "MaxParticipants": 251},
        {"Instruction": "conference", "Timeout": "soon"},
        {"Instruction": "conference", "WaitMethod": "PUT"},
        {"Instruction": "conference", "RecordingChannels": "stereo"},
        {"Instruction": "conference", "StatusCallbackEvent": "died"},
        {"Instruction": "supervise", "SupervisorMode": "shout"},
    ],
)
async def test_a_wrong_update_changes_nothing(api: Api, form: dict[str, Value]) -> None:
    _, url = await offer(api)
    assert (await api("POST", url, form)).refusal == (400, 20001)
    reply = await api("GET", url)
    assert (reply.json["reservation_status"], reply.headers["ETag"]) == ("pending", '"0"')


@pytest.mark.parametrize(
    ("instruction", "parameter"),
    [("conference", "PostWorkActivitySid"), ("dequeue", "DequeuePostWorkActivitySid")],
)
async def test_an_activity_for_after_the_work_begins_when_it_is_completed(
    api: Api, instruction: str, parameter: str
) -> None:
    _, url = await offer(api)
    offline = (await api.listed("/Activities"))[0]
    form: dict[str, Value] = {"Instruction": instruction, parameter: offline["sid"]}
    assert (await api("POST", url, form)).status == 200
    assert await activity_of(api) == "Available"
    await turned(api, url, "wrapping")
    assert await activity_of(api) == "Available"
    await turned(api, url, "completed")
    assert await activity_of(api) == "Offline"


def stored(api: Api, url: str) -> tuple[Workspace, Reservation]:
    workspace = api.sandbox._workspace(api.workspace)
    reservation = workspace.stores.reservations.get(url.rsplit("/", 1)[1])
    assert reservation is not None
    return workspace, reservation


async def test_a_reservation_that_times_out_moves_the_worker_and_frees_the_task(api: Api) -> None:
    task, url = await offer(api)
    unavailable = (await api.listed("/Activities"))[1]
    await api("POST", "", {"TimeoutActivitySid": unavailable["sid"]})
    workspace, reservation = stored(api, url)
    workspace.transitions.time_out(reservation)
    assert await status_of(api, url) == "timeout"
    assert await status_of(api, task["url"]) == "pending"
    assert await activity_of(api) == "Unavailable"


async def test_a_reservation_that_is_canceled_frees_the_task(api: Api) -> None:
    task, url = await offer(api)
    workspace, reservation = stored(api, url)
    workspace.transitions.cancel(reservation)
    assert await status_of(api, url) == "canceled"
    assert await status_of(api, task["url"]) == "pending"
    assert await activity_of(api) == "Available"


async def test_a_workspace_of_single_tasks_moves_the_worker_with_the_reservation(api: Api) -> None:
    reserved = await api.make("/Activities", FriendlyName="Reserved")
    busy = await api.make("/Activities", FriendlyName="Busy")
    (queue,) = await api.listed("/TaskQueues")
    form: dict[str, Value] = {
        "ReservationActivitySid": reserved["sid"],
        "AssignmentActivitySid": busy["sid"],
    }
    await api("POST", queue["url"], form)
    _, url = await offer(api)
    assert await activity_of(api) == "Available"
    await turned(api, url, "rejected")
    await api("POST", "", {"MultiTaskEnabled": "false"})
    _, url = await offer(api)
    assert await activity_of(api) == "Reserved"
    await turned(api, url, "rejected")
    assert await activity_of(api) == "Available"
    _, url = await offer(api)
    await turned(api, url, "accepted")
    assert await activity_of(api) == "Busy"
    await turned(api, url, "completed")
    assert await activity_of(api) == "Busy"


async def test_a_task_of_no_queue_can_be_offered_when_a_test_revives_it(api: Api) -> None:
    (workflow,) = await api.listed("/Workflows")
    await api("POST", workflow["url"], {"Configuration": '{"task_routing": {}}'})
    task = await api.make("/Tasks")
    api.sandbox.set_status(task["sid"], "pending")
    _, url = await offer(api, task=task)
    await turned(api, url, "accepted")
    assert await status_of(api, task["url"]) == "assigned"


async def test_a_reservation_outlives_the_channel_that_it_was_made_on(api: Api) -> None:
    task = await api.make("/Tasks", TaskChannel="sms")
    _, url = await offer(api, task=task)
    worker = (await api.listed("/Workers"))[0]
    await api("POST", task["url"], {"TaskChannel": "voice"})
    sms, voice = f"{worker['url']}/Channels/sms", f"{worker['url']}/Channels/voice"
    assert (await api("GET", sms)).json["available_capacity_percentage"] == 0
    assert (await api("GET", voice)).json["available_capacity_percentage"] == 100
    assert (await api("DELETE", "/TaskChannels/sms")).status == 204
    await turned(api, url, "accepted", "completed")
    assert await status_of(api, task["url"]) == "completed"
