"""Tasks as a bulk creation finds them, in whatever form lists and events tell of them."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from aiotask import Client, DecodingError
from aiotask.bulk import Done, Found, Item
from aiotask.taskrouter._task_lookup import TaskLookup
from tests.conftest import Canned

WORKSPACE = "WS" + "1" * 32
TASKS = f"https://taskrouter.twilio.com/v1/Workspaces/{WORKSPACE}/Tasks"
EVENTS = TASKS.replace("/Tasks", "/Events")
SIDS = [f"WT{number:032x}" for number in range(4)]
SINCE = datetime(2026, 11, 22, tzinfo=UTC)
ROW = Item(1, {}, None, b"", None, None)


def page(key: str, rows: list[Any]) -> dict[str, Any]:
    return {key: rows, "meta": {"key": key, "next_page_url": None}}


def lookup_of(client: Client) -> TaskLookup:
    return client.taskrouter.workspace(WORKSPACE).tasks._lookup("aiotask_key")


def text(**attributes: Any) -> str:
    return msgspec.json.encode(attributes).decode()


async def test_a_task_whose_list_leaves_out_its_attributes_is_fetched(
    far_client: Client, canned: Canned
) -> None:
    rows: list[dict[str, Any]] = [
        {"sid": SIDS[0], "attributes": text(aiotask_key="k0")},
        {"sid": SIDS[1], "attributes": None},
        {"sid": SIDS[2], "attributes": None},
    ]
    canned.get(re.compile(re.escape(f"{TASKS}?")), payload=page("tasks", rows))
    canned.get(f"{TASKS}/{SIDS[1]}", payload=rows[1] | {"attributes": text(aiotask_key="k1")})
    canned.get(f"{TASKS}/{SIDS[2]}", status=404)
    lookup = lookup_of(far_client)
    found = await lookup.by_keys(["k0", "k1", "k2"])
    assert found == [Found("k0", SIDS[0], None), Found("k1", SIDS[1], None)]
    ((_, url),) = [request for request in canned.requests if "?" in str(request[1])]
    assert url.query["EvaluateTaskAttributes"] == 'aiotask_key IN ["k0", "k1", "k2"]'


async def test_what_is_no_key_is_none(far_client: Client, canned: Canned) -> None:
    rows = [
        {"sid": SIDS[0], "attributes": "not JSON"},
        {"sid": SIDS[1], "attributes": "[1]"},
        {"sid": SIDS[2], "attributes": text(aiotask_key=7)},
        {
            "sid": SIDS[3],
            "attributes": text(aiotask_key="k"),
            "date_created": "2026-11-22T00:00:00Z",
        },
    ]
    canned.get(re.compile(re.escape(f"{TASKS}?")), payload=page("tasks", rows))
    ((*nothing, last),) = [found async for found in lookup_of(far_client).newest()]
    assert nothing == [Found(None, sid, None) for sid in SIDS[:3]]
    assert last == Found("k", SIDS[3], SINCE)


@pytest.mark.parametrize("encoded", [True, False])
async def test_events_tell_of_tasks_by_their_data(
    far_client: Client, canned: Canned, *, encoded: bool
) -> None:
    attributes: Any = text(aiotask_key="k") if encoded else {"aiotask_key": "k"}
    rows = [
        {"sid": "EV1", "event_data": {"task_sid": SIDS[0], "task_attributes": attributes}},
        {"sid": "EV2", "resource_sid": SIDS[1], "event_date": "2026-11-22T00:00:00Z"},
        {"sid": "EV3", "event_data": {"task_sid": SIDS[2], "task_attributes": "not JSON"}},
    ]
    canned.get(re.compile(re.escape(f"{EVENTS}?")), payload=page("events", rows), repeat=True)
    lookup = lookup_of(far_client)
    (found,) = [found async for found in lookup.created_since(SINCE)]
    assert found == [
        Found("k", SIDS[0], None),
        Found(None, SIDS[1], SINCE),
        Found(None, SIDS[2], None),
    ]
    _, url = [*canned.requests][-1]
    assert url.query["EventType"] == "task.created"
    assert url.query["StartDate"] == "2026-11-22T00:00:00Z"


@pytest.mark.parametrize("answer", [None, [], {}, {"sid": None}, {"sid": ""}, {"sid": 5}])
async def test_an_answer_that_names_no_task_is_an_error(
    far_client: Client, canned: Canned, answer: Any
) -> None:
    canned.post(TASKS, status=201, payload=answer)
    creation = far_client.taskrouter.workspace(WORKSPACE).tasks._creation("key")
    await creation.limiter.acquire()
    with pytest.raises(DecodingError, match=r"the answer names no task|an empty answer") as caught:
        await creation.send(ROW)
    assert (caught.value.status, caught.value.maybe_applied) == (201, True)


@pytest.mark.parametrize("date", [None, 5, "soon", "2026-11-22T00:00:00"])
async def test_a_date_that_is_none_is_not_known(
    far_client: Client, canned: Canned, date: Any
) -> None:
    canned.post(TASKS, status=201, payload={"sid": SIDS[0], "date_created": date})
    creation = far_client.taskrouter.workspace(WORKSPACE).tasks._creation("key")
    await creation.limiter.acquire()
    assert await creation.send(ROW) == Done(SIDS[0], None)
