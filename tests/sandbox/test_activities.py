from collections.abc import AsyncIterator

import pytest

from tests.sandbox.sandbox_api import Api, Clock, Value, serving

NOW_TEXT = "2023-11-14T22:13:20Z"


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving("NONE", clock=Clock()) as api:
        yield api


async def test_a_new_activity_has_every_documented_field(api: Api) -> None:
    activity = await api.make("/Activities", FriendlyName="Lunch")
    url = f"{api.url('')}/Activities/{activity['sid']}"
    assert activity == {
        "account_sid": api.sandbox.account_sid,
        "available": False,
        "date_created": NOW_TEXT,
        "date_updated": NOW_TEXT,
        "friendly_name": "Lunch",
        "sid": activity["sid"],
        "url": url,
        "workspace_sid": api.workspace,
        "links": {"workspace": api.url("")},
    }
    assert (await api("GET", url)).json == activity


async def test_an_activity_is_renamed_and_stays_as_available_as_it_was(api: Api) -> None:
    activity = await api.make("/Activities", FriendlyName="Help", Available="true")
    form: dict[str, Value] = {"FriendlyName": "Helping", "Available": "false"}
    updated = (await api("POST", activity["url"], form)).json
    assert updated == activity | {"friendly_name": "Helping"}
    assert await api.listed("/Activities", FriendlyName="Helping", Available="1") == [updated]


@pytest.mark.parametrize(
    ("form", "code"),
    [({}, 20001), ({"FriendlyName": ""}, 20001), ({"FriendlyName": "x" * 65}, 20002)],
)
async def test_a_wrong_activity_is_not_created(api: Api, form: dict[str, Value], code: int) -> None:
    assert (await api("POST", "/Activities", form)).refusal == (400, code)
    assert len(await api.listed("/Activities")) == 3


async def test_an_activity_is_deleted_unless_something_uses_it(api: Api) -> None:
    offline, unavailable, available = await api.listed("/Activities")
    await api("POST", "", {"TimeoutActivitySid": unavailable["sid"]})
    api.sandbox.create_worker(api.workspace, "Ada", activity="Available")
    queued = await api.make("/Activities", FriendlyName="Queued")
    queue = await api.make("/TaskQueues", FriendlyName="Q", AssignmentActivitySid=queued["sid"])
    for used in (offline, unavailable, available, queued):
        reply = await api("DELETE", used["url"])
        assert reply.refusal == (400, 20001)
        assert used["sid"] in reply.json["message"]
    assert (await api("DELETE", queue["url"])).status == 204
    assert (await api("DELETE", queued["url"])).status == 204
    assert (await api("GET", queued["url"])).refusal == (404, 20404)


async def test_a_workspace_has_a_hundred_activities_at_most(api: Api) -> None:
    for number in range(97):
        await api.make("/Activities", FriendlyName=f"A{number}")
    reply = await api("POST", "/Activities", {"FriendlyName": "One more"})
    assert reply.refusal == (400, 20001)
    assert "100" in reply.json["message"]
    assert len(await api.listed("/Activities", PageSize=1000)) == 100


async def test_a_new_task_channel_has_every_documented_field(api: Api) -> None:
    channel = await api.make(
        "/TaskChannels", FriendlyName="Fax", UniqueName="fax_$1", ChannelOptimizedRouting="true"
    )
    url = f"{api.url('')}/TaskChannels/{channel['sid']}"
    assert channel == {
        "account_sid": api.sandbox.account_sid,
        "date_created": NOW_TEXT,
        "date_updated": NOW_TEXT,
        "friendly_name": "Fax",
        "sid": channel["sid"],
        "unique_name": "fax_$1",
        "url": url,
        "workspace_sid": api.workspace,
        "channel_optimized_routing": True,
        "links": {"workspace": api.url("")},
    }
    assert (await api("GET", "/TaskChannels/fax_$1")).json == channel


@pytest.mark.parametrize("named_by", ["sid", "unique_name"])
async def test_a_task_channel_is_updated_and_deleted_by_either_name(
    api: Api, named_by: str
) -> None:
    channel = await api.make("/TaskChannels", FriendlyName="Fax", UniqueName="fax")
    path = f"/TaskChannels/{channel[named_by]}"
    form: dict[str, Value] = {
        "FriendlyName": "Faxes",
        "ChannelOptimizedRouting": "true",
        "UniqueName": "other",
    }
    updated = (await api("POST", path, form)).json
    assert updated == channel | {"friendly_name": "Faxes", "channel_optimized_routing": True}
    assert (await api("DELETE", path)).status == 204
    assert (await api("GET", path)).refusal == (404, 20404)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"UniqueName": "x"}, 20001),
        ({"FriendlyName": "x"}, 20001),
        ({"FriendlyName": "x", "UniqueName": "voice"}, 20001),
        ({"FriendlyName": "x", "UniqueName": "1x"}, 20001),
        ({"FriendlyName": "x", "UniqueName": "a-b"}, 20001),
        ({"FriendlyName": "x", "UniqueName": "a b"}, 20001),
        ({"FriendlyName": "x", "UniqueName": "é"}, 20001),
        ({"FriendlyName": "x", "UniqueName": "x" * 65}, 20001),
        ({"FriendlyName": "x" * 65, "UniqueName": "x"}, 20002),
    ],
)
async def test_a_wrong_task_channel_is_not_created(
    api: Api, form: dict[str, Value], code: int
) -> None:
    assert (await api("POST", "/TaskChannels", form)).refusal == (400, code)
    assert len(await api.listed("/TaskChannels")) == 5


async def test_a_workspace_has_fifteen_task_channels_at_most(api: Api) -> None:
    for number in range(10):
        await api.make("/TaskChannels", FriendlyName="x", UniqueName=f"c{number}")
    form: dict[str, Value] = {"FriendlyName": "x", "UniqueName": "more"}
    assert (await api("POST", "/TaskChannels", form)).refusal == (400, 20001)


async def test_a_task_channel_is_not_deleted_while_an_open_task_is_on_it() -> None:
    async with serving("FIFO") as api:
        task = await api.make("/Tasks", TaskChannel="sms")
        for name in ("sms", "default"):
            assert (await api("DELETE", f"/TaskChannels/{name}")).refusal == (400, 20001)
        await api("POST", task["url"], {"AssignmentStatus": "canceled"})
        assert (await api("DELETE", "/TaskChannels/sms")).status == 204
        assert (await api("GET", task["url"])).json["task_channel_unique_name"] == "sms"


async def test_every_worker_has_a_channel_for_each_task_channel(api: Api) -> None:
    old = api.sandbox.create_worker(api.workspace, "Old")
    fax = await api.make("/TaskChannels", FriendlyName="Fax", UniqueName="fax")
    new = api.sandbox.create_worker(api.workspace, "New")
    names = ["default", "voice", "chat", "sms", "video"]
    for worker in (old, new):
        channels = await api.listed(f"/Workers/{worker}/Channels")
        assert [item["task_channel_unique_name"] for item in channels] == [*names, "fax"]
    await api("DELETE", fax["url"])
    for worker in (old, new):
        channels = await api.listed(f"/Workers/{worker}/Channels")
        assert [item["task_channel_unique_name"] for item in channels] == names
