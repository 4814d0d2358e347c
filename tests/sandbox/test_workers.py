from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from tests.sandbox.sandbox_api import Api, Clock, Value, serving

NOW_TEXT = "2023-11-14T22:13:20Z"
NOBODY = "WK" + "0" * 32


@pytest.fixture
async def api(clock: Clock) -> AsyncIterator[Api]:
    async with serving("FIFO", clock=clock, expression_rate=None, routing=False) as api:
        yield api


async def hire(api: Api, name: str, **attributes: object) -> Any:
    text = msgspec.json.encode(attributes).decode()
    activity = (await api.listed("/Activities", FriendlyName="Available"))[0]
    return await api.make(
        "/Workers", FriendlyName=name, Attributes=text, ActivitySid=activity["sid"]
    )


async def test_a_new_worker_has_every_documented_field(api: Api) -> None:
    worker = await api.make("/Workers", FriendlyName="Ada")
    (offline, *_) = await api.listed("/Activities")
    workers = api.url("/Workers")
    url = f"{workers}/{worker['sid']}"
    assert worker == {
        "account_sid": api.sandbox.account_sid,
        "activity_name": "Offline",
        "activity_sid": offline["sid"],
        "attributes": "{}",
        "available": False,
        "date_created": NOW_TEXT,
        "date_status_changed": NOW_TEXT,
        "date_updated": NOW_TEXT,
        "friendly_name": "Ada",
        "sid": worker["sid"],
        "url": url,
        "workspace_sid": api.workspace,
        "links": {
            "channels": f"{url}/Channels",
            "activity": offline["url"],
            "workspace": api.url(""),
            "statistics": f"{workers}/Statistics",
            "real_time_statistics": f"{workers}/RealTimeStatistics",
            "cumulative_statistics": f"{workers}/CumulativeStatistics",
            "worker_statistics": f"{url}/Statistics",
            "worker_channels": f"{url}/Channels",
            "reservations": f"{url}/Reservations",
        },
    }
    assert (await api("GET", url)).json == worker


async def test_a_worker_begins_with_the_workspaces_default_activity(api: Api) -> None:
    available = (await api.listed("/Activities"))[2]
    await api("POST", "", {"DefaultActivitySid": available["sid"]})
    worker = await api.make("/Workers", FriendlyName="Ada")
    assert (worker["activity_name"], worker["available"]) == ("Available", True)


@pytest.mark.parametrize(
    ("form", "code", "quoted"),
    [
        ({}, 20001, "FriendlyName"),
        ({"FriendlyName": "x" * 65}, 20002, "FriendlyName"),
        ({"FriendlyName": "TAKEN"}, 20001, "TAKEN"),
        ({"FriendlyName": "x", "Attributes": "[]"}, 20001, "Attributes"),
        ({"FriendlyName": "x", "Attributes": "{"}, 20001, "Attributes"),
        ({"FriendlyName": "x", "ActivitySid": "WA" + "0" * 32}, 20001, "WA" + "0" * 32),
    ],
)
async def test_a_wrong_worker_is_neither_created_nor_changed(
    api: Api, form: dict[str, Value], code: int, quoted: str
) -> None:
    await api.make("/Workers", FriendlyName="Taken")
    worker = await api.make("/Workers", FriendlyName="Ada")
    reply = await api("POST", "/Workers", form)
    assert reply.refusal == (400, code)
    assert quoted in reply.json["message"]
    assert len(await api.listed("/Workers")) == 2
    if form:
        assert (await api("POST", worker["url"], form)).refusal == (400, code)
        assert (await api("GET", worker["url"])).json == worker


async def test_an_update_changes_what_it_names(api: Api, clock: Clock) -> None:
    worker = await hire(api, "Ada", level=1)
    clock.now += 60
    form: dict[str, Value] = {"FriendlyName": "ada", "Attributes": '{"level":2}'}
    updated = (await api("POST", worker["url"], form)).json
    assert updated == worker | {
        "friendly_name": "ada",
        "attributes": '{"level":2}',
        "date_updated": "2023-11-14T22:14:20Z",
    }
    offline = (await api.listed("/Activities"))[0]
    moved = (await api("POST", worker["url"], {"ActivitySid": offline["sid"]})).json
    assert (moved["activity_name"], moved["available"]) == ("Offline", False)
    assert moved["date_status_changed"] == "2023-11-14T22:14:20Z"
    assert moved["links"]["activity"] == offline["url"]
    clock.now += 60
    again = (await api("POST", worker["url"], {"ActivitySid": offline["sid"]})).json
    assert again["date_status_changed"] == "2023-11-14T22:14:20Z"


async def test_a_freed_name_can_be_taken_again(api: Api) -> None:
    worker = await hire(api, "Ada")
    await api("POST", worker["url"], {"FriendlyName": "Grace"})
    other = await hire(api, "ADA")
    assert (await api("DELETE", worker["url"])).status == 204
    assert (await api("DELETE", worker["url"])).refusal == (404, 20404)
    await hire(api, "grace")
    assert [item["friendly_name"] for item in await api.listed("/Workers")] == ["ADA", "grace"]
    assert await api.listed("/Workers", FriendlyName="ada") == [other]


async def test_a_workers_version_is_its_etag_and_guards_it(api: Api) -> None:
    created = await api("POST", "/Workers", {"FriendlyName": "Ada"})
    url = created.json["url"]
    assert created.headers["ETag"] == '"0"'
    form = {"Attributes": "{}"}
    assert (await api("POST", url, form, headers={"If-Match": "0"})).headers["ETag"] == '"1"'
    stale = {"If-Match": '"0"'}
    assert (await api("POST", url, form, headers=stale)).refusal == (412, 20412)
    assert (await api("DELETE", url, headers=stale)).refusal == (412, 20412)
    assert (await api("GET", url)).headers["ETag"] == '"1"'
    assert (await api("DELETE", url, headers={"If-Match": '"1"'})).status == 204


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["Ada", "Bob", "Eve"]),
        ({"FriendlyName": "BOB"}, ["Bob"]),
        ({"ActivityName": "Available"}, ["Ada", "Bob"]),
        ({"ActivityName": "Busy"}, []),
        ({"Available": "true"}, ["Ada", "Bob"]),
        ({"Available": "yes"}, ["Ada", "Bob"]),
        ({"Available": "1"}, ["Ada", "Bob"]),
        ({"Available": "nope"}, ["Eve"]),
        ({"TargetWorkersExpression": "languages HAS 'en'"}, ["Ada", "Eve"]),
        ({"TargetWorkersExpression": "friendly_name == 'Bob'"}, ["Bob"]),
        ({"TargetWorkersExpression": "activity_name == 'Offline'"}, ["Eve"]),
        ({"TargetWorkersExpression": "activity_sid != null AND level > 1"}, ["Bob"]),
        ({"TargetWorkersExpression": "channel.voice.configured_capacity == 0"}, ["Bob"]),
        ({"TargetWorkersExpression": "channel.voice.assigned_tasks == 1"}, ["Ada"]),
        ({"TargetWorkersExpression": "channel.chat.available_capacity_percentage < 100"}, ["Ada"]),
        ({"TargetWorkersExpression": "channel.fax.assigned_tasks == 0"}, []),
        ({"TaskQueueName": "English"}, ["Ada", "Eve"]),
        ({"TaskQueueName": "Nowhere"}, []),
        ({"TaskQueueSid": "WQ" + "0" * 32}, []),
        ({"TaskQueueName": "English", "Available": "true"}, ["Ada"]),
        ({"TaskQueueName": "For nobody"}, []),
        ({"Ordering": "FriendlyName:desc"}, ["Ada", "Bob", "Eve"]),
    ],
)
async def test_workers_are_listed_by_filter(
    api: Api, filters: dict[str, Value], names: list[str]
) -> None:
    ada = await hire(api, "Ada", languages=["en", "fr"], level=1)
    bob = await hire(api, "Bob", languages=[], level=3, sid="hidden")
    await api.make("/Workers", FriendlyName="Eve", Attributes='{"languages": ["en"]}')
    await api("POST", bob["url"] + "/Channels/voice", {"Capacity": 0})
    await api.make("/TaskQueues", FriendlyName="English", TargetWorkers="languages HAS 'en'")
    await api.make("/TaskQueues", FriendlyName="For nobody", TargetWorkers="")
    for channel in ("voice", "chat"):
        task = await api.make("/Tasks", TaskChannel=channel)
        sid = api.sandbox.reserve(task["sid"], ada["sid"])
        if channel == "voice":
            url = f"{ada['url']}/Reservations/{sid}"
            await api("POST", url, {"ReservationStatus": "accepted"})
    found = await api.listed("/Workers", **filters)
    assert [worker["friendly_name"] for worker in found] == names


async def test_workers_are_listed_by_sids(api: Api) -> None:
    ada, bob = await hire(api, "Ada", level=1), await hire(api, "Bob", level=2)
    queue = await api.make("/TaskQueues", FriendlyName="Two", TargetWorkers="level == 2")
    assert await api.listed("/Workers", TaskQueueSid=queue["sid"]) == [bob]
    expression = f"sid == '{ada['sid']}'"
    assert await api.listed("/Workers", TargetWorkersExpression=expression) == [ada]
    assert len(await api.listed("/Workers", ActivitySid=ada["activity_sid"])) == 2
    wrong: dict[str, Value] = {"TargetWorkersExpression": "a ="}
    assert (await api("GET", "/Workers", wrong)).refusal == (400, 20001)


async def test_queues_are_listed_by_the_workers_who_may_get_their_tasks(api: Api) -> None:
    ada, bob = await hire(api, "Ada", level=1), await hire(api, "Bob", level=2)
    high = await api.make("/TaskQueues", FriendlyName="High", TargetWorkers="level > 1")
    empty = await api.make("/TaskQueues", FriendlyName="Empty", TargetWorkers="")
    (sample, *_) = await api.listed("/TaskQueues")
    assert await api.listed("/TaskQueues", WorkerSid=bob["sid"]) == [sample, high]
    assert await api.listed("/TaskQueues", WorkerSid=ada["sid"]) == [sample]
    assert await api.listed("/TaskQueues", WorkerSid=NOBODY) == []
    assert await api.listed("/TaskQueues", EvaluateWorkerAttributes="level == 2") == [sample, high]
    both: dict[str, Value] = {"EvaluateWorkerAttributes": "level == 2", "WorkerSid": ada["sid"]}
    assert await api.listed("/TaskQueues", **both) == []
    assert empty["target_workers"] == ""


async def test_lists_of_workers_by_an_expression_are_held_back() -> None:
    async with serving(clock=Clock()) as api:
        form: dict[str, Value] = {"TargetWorkersExpression": "1==1"}
        statuses = [(await api("GET", "/Workers", form)).status for _ in range(31)]
        assert statuses == [200] * 30 + [429]
        assert (await api("GET", "/Workers")).status == 200


async def test_pending_reservations_are_rejected_when_a_worker_leaves(api: Api) -> None:
    worker = await hire(api, "Ada")
    tasks = [await api.make("/Tasks") for _ in range(3)]
    sids = [api.sandbox.reserve(task["sid"], worker["sid"]) for task in tasks]
    accepted = f"{worker['url']}/Reservations/{sids[0]}"
    await api("POST", accepted, {"ReservationStatus": "accepted"})
    unavailable = (await api.listed("/Activities"))[1]
    form: dict[str, Value] = {"RejectPendingReservations": "true"}
    assert (await api("POST", worker["url"], form)).refusal == (400, 20001)
    form["ActivitySid"] = unavailable["sid"]
    assert (await api("POST", worker["url"], form)).json["activity_name"] == "Unavailable"
    found = await api.listed(f"/Workers/{worker['sid']}/Reservations")
    assert [item["reservation_status"] for item in found] == ["accepted", "rejected", "rejected"]
    statuses = [(await api("GET", task["url"])).json["assignment_status"] for task in tasks]
    assert statuses == ["assigned", "pending", "pending"]


async def test_a_worker_keeps_what_is_offered_when_only_the_activity_changes(api: Api) -> None:
    worker = await hire(api, "Ada")
    task = await api.make("/Tasks")
    api.sandbox.reserve(task["sid"], worker["sid"])
    offline = (await api.listed("/Activities"))[0]
    await api("POST", worker["url"], {"ActivitySid": offline["sid"]})
    (found,) = await api.listed(f"/Workers/{worker['sid']}/Reservations")
    assert found["reservation_status"] == "pending"


async def test_a_worker_with_open_reservations_is_not_deleted(api: Api) -> None:
    worker = await hire(api, "Ada")
    task = await api.make("/Tasks")
    sid = api.sandbox.reserve(task["sid"], worker["sid"])
    assert (await api("DELETE", worker["url"])).refusal == (400, 20001)
    url = f"{task['url']}/Reservations/{sid}"
    await api("POST", url, {"ReservationStatus": "rejected"})
    assert (await api("DELETE", worker["url"])).status == 204
    assert (await api("GET", worker["url"] + "/Reservations")).refusal == (404, 20404)
    assert (await api("GET", url)).json["worker_name"] == "Ada"
    assert (await api("DELETE", task["url"])).status == 204


async def test_a_worker_channel_has_every_documented_field(api: Api) -> None:
    worker = await hire(api, "Ada")
    voice = (await api("GET", "/TaskChannels/voice")).json
    channel = (await api("GET", worker["url"] + "/Channels/voice")).json
    assert channel == {
        "account_sid": api.sandbox.account_sid,
        "assigned_tasks": 0,
        "available": True,
        "available_capacity_percentage": 100,
        "configured_capacity": 1,
        "date_created": NOW_TEXT,
        "date_updated": NOW_TEXT,
        "sid": channel["sid"],
        "task_channel_sid": voice["sid"],
        "task_channel_unique_name": "voice",
        "url": f"{worker['url']}/Channels/{channel['sid']}",
        "worker_sid": worker["sid"],
        "workspace_sid": api.workspace,
    }
    assert channel["sid"].startswith("WC")
    for name in (channel["sid"], voice["sid"]):
        assert (await api("GET", f"{worker['url']}/Channels/{name}")).json == channel
    assert channel in await api.listed(f"/Workers/{worker['sid']}/Channels")


async def test_a_worker_channel_is_updated_and_never_created_or_deleted(
    api: Api, clock: Clock
) -> None:
    worker = await hire(api, "Ada")
    channels = worker["url"] + "/Channels"
    before = (await api("GET", channels + "/chat")).json
    clock.now += 1
    form: dict[str, Value] = {"Capacity": 0, "Available": "false"}
    after = (await api("POST", channels + "/chat", form)).json
    assert after == before | {
        "available": False,
        "available_capacity_percentage": 0,
        "configured_capacity": 0,
        "date_updated": "2023-11-14T22:13:21Z",
    }
    for capacity in (-1, 51, "many"):
        wrong: dict[str, Value] = {"Capacity": capacity}
        assert (await api("POST", channels + "/chat", wrong)).refusal == (400, 20001)
    assert (await api("GET", channels + "/chat")).json == after
    assert (await api("GET", channels + "/fax")).refusal == (404, 20404)
    assert (await api("POST", channels, form)).refusal == (405, 20004)
    assert (await api("DELETE", channels + "/chat")).refusal == (405, 20004)
    assert (await api("GET", f"/Workers/{NOBODY}/Channels")).refusal == (404, 20404)
    assert (await api("GET", worker["url"] + "/Nothing")).refusal == (404, 20404)


async def test_the_counts_of_a_channel_follow_the_reservations(api: Api) -> None:
    worker = await hire(api, "Ada")
    url = worker["url"] + "/Channels/default"
    await api("POST", url, {"Capacity": 3})

    async def counts() -> tuple[int, int]:
        channel = (await api("GET", url)).json
        return channel["assigned_tasks"], channel["available_capacity_percentage"]

    reservations = []
    for _ in range(2):
        task = await api.make("/Tasks")
        sid = api.sandbox.reserve(task["sid"], worker["sid"])
        reservations.append(f"{task['url']}/Reservations/{sid}")
    assert await counts() == (0, 33)
    await api("POST", reservations[0], {"ReservationStatus": "accepted"})
    assert await counts() == (1, 33)
    await api("POST", reservations[0], {"ReservationStatus": "wrapping"})
    assert await counts() == (0, 33)
    await api("POST", reservations[0], {"ReservationStatus": "completed"})
    assert await counts() == (0, 66)
    await api("POST", url, {"Capacity": 1})
    assert await counts() == (0, 0)
    await api("DELETE", reservations[1].rsplit("/", 2)[0])
    assert await counts() == (0, 100)


async def test_a_sandbox_makes_workers_without_a_request(api: Api) -> None:
    sid = api.sandbox.create_worker(api.workspace, "Ada", {"level": 1}, "Unavailable")
    worker = (await api("GET", f"/Workers/{sid}")).json
    assert (worker["attributes"], worker["activity_name"]) == ('{"level":1}', "Unavailable")
    with pytest.raises(ValueError, match="exists already"):
        api.sandbox.create_worker(api.workspace, "ada")
    with pytest.raises(LookupError, match="Busy"):
        api.sandbox.create_worker(api.workspace, "Bob", activity="Busy")
    with pytest.raises(LookupError):
        api.sandbox.create_worker("WS" + "0" * 32, "Bob")


async def test_a_workspace_has_fifteen_thousand_workers_at_most(api: Api) -> None:
    for number in range(15_000):
        api.sandbox.create_worker(api.workspace, f"W{number}", {"n": number})
    assert (await api("POST", "/Workers", {"FriendlyName": "x"})).refusal == (400, 20001)
    (found,) = await api.listed("/Workers", TargetWorkersExpression="n == 14999")
    assert found["friendly_name"] == "W14999"
