from collections.abc import AsyncIterator

import pytest

from tests.sandbox.sandbox_api import Api, Clock, Value, serving

ASSISTANT = "UA" + "a" * 32
PATH = f"/v1/Assistants/{ASSISTANT}/Tasks"


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving(clock=Clock()) as api:
        yield api


async def test_a_new_task_has_every_documented_field(api: Api) -> None:
    task = await api.make(
        PATH,
        UniqueName="order pizza/now",
        FriendlyName="Order",
        ActionsUrl="https://example.com",
        Actions='{"actions": [{"say": "hi"}]}',
    )
    url = api.url(f"{PATH}/{task['sid']}")
    assert task["sid"].startswith("UD")
    assert task == {
        "account_sid": api.sandbox.account_sid,
        "actions_url": "https://example.com",
        "assistant_sid": ASSISTANT,
        "date_created": "2023-11-14T22:13:20Z",
        "date_updated": "2023-11-14T22:13:20Z",
        "friendly_name": "Order",
        "links": {
            "fields": f"{url}/Fields",
            "samples": f"{url}/Samples",
            "statistics": f"{url}/Statistics",
            "task_actions": f"{url}/Actions",
        },
        "sid": task["sid"],
        "unique_name": "order pizza/now",
        "url": url,
    }
    for name in (task["sid"], "order%20pizza%2Fnow"):
        assert (await api("GET", f"{PATH}/{name}")).json == task


async def test_a_task_is_updated_listed_and_deleted_by_its_name(api: Api) -> None:
    task = await api.make(PATH, UniqueName="Tasks")
    form = {"UniqueName": "hello", "FriendlyName": "Hello", "Actions": "{}"}
    updated = (await api("POST", f"{PATH}/Tasks", form)).json
    assert updated == task | {"unique_name": "hello", "friendly_name": "Hello"}
    assert (await api("POST", f"{PATH}/hello", {"UniqueName": "hello"})).status == 200
    assert await api.listed(PATH) == [updated]
    assert await api.listed(PATH.replace("a" * 32, "b" * 32)) == []
    assert (await api("DELETE", f"{PATH}/hello")).status == 204
    assert (await api("GET", f"{PATH}/hello")).refusal == (404, 20404)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({}, 20001),
        ({"UniqueName": "x" * 65}, 20001),
        ({"UniqueName": "taken"}, 90101),
        ({"UniqueName": "x", "FriendlyName": "x" * 256}, 20001),
        ({"UniqueName": "x", "Actions": "{"}, 90100),
    ],
)
async def test_a_wrong_task_is_not_created(api: Api, form: dict[str, Value], code: int) -> None:
    await api.make(PATH, UniqueName="taken")
    assert (await api("POST", PATH, form)).refusal == (400, code)
    assert len(await api.listed(PATH)) == 1


@pytest.mark.parametrize("path", ["/v1/Assistants/UA1/Tasks", "/v1/Assistants/AC" + "a" * 32])
async def test_what_is_no_assistant_is_not_found(api: Api, path: str) -> None:
    assert (await api("GET", path)).refusal == (404, 20404)
