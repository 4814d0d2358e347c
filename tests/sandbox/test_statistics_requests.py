"""Requests for statistics: windows, thresholds, pages, and several queues at once."""

from collections.abc import AsyncIterator

import pytest

from tests.sandbox.sandbox_api import Api, Clock, Value, serving
from tests.sandbox.statistics_api import ask_for_queues


@pytest.fixture
async def api(clock: Clock) -> AsyncIterator[Api]:
    async with serving(clock=clock, routing=False) as api:
        yield api


PATHS = [
    "/Statistics",
    "/CumulativeStatistics",
    "/Workers/Statistics",
    "/Workers/CumulativeStatistics",
    "/TaskQueues/Statistics",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"Minutes": 0}, 20001),
        ({"Minutes": "x"}, 20001),
        ({"Minutes": 43_201}, 14241),
        ({"StartDate": "2023-10-15T22:13:19Z"}, 14241),
        ({"StartDate": "yesterday"}, 20001),
        ({"StartDate": "2023-11-14T22:13:20Z", "EndDate": "2023-11-14T22:13:19Z"}, 20001),
        ({"TaskChannel": "fax"}, 20001),
    ],
)
async def test_a_wrong_while_or_channel_is_refused(
    api: Api, path: str, parameters: dict[str, Value], code: int
) -> None:
    assert (await api("GET", path, parameters)).refusal == (400, code)


async def test_statistics_reach_thirty_days_back(api: Api) -> None:
    assert (await api("GET", "/Statistics", {"Minutes": 43_200})).status == 200
    form: dict[str, Value] = {"StartDate": "2023-10-15T22:13:20Z"}
    assert (await api("GET", "/Statistics", form)).status == 200


@pytest.mark.parametrize("split", ["a", "5,", "-1", "1.5", "5;6", ",".join(["1"] * 101)])
async def test_wrong_thresholds_are_refused(api: Api, split: str) -> None:
    form: dict[str, Value] = {"SplitByWaitTime": split}
    assert (await api("GET", "/CumulativeStatistics", form)).refusal == (400, 20001)


async def test_statistics_of_queues_are_paged_and_filtered(api: Api) -> None:
    queues = [
        (await api.make("/TaskQueues", FriendlyName=f"Q{number}"))["sid"] for number in range(4)
    ]
    found = await api.listed("/TaskQueues/Statistics", FriendlyName="Q2")
    assert [item["task_queue_sid"] for item in found] == [queues[2]]
    page = await api("GET", "/TaskQueues/Statistics", {"PageSize": 3})
    following = await api("GET", page.json["meta"]["next_page_url"])
    rows = following.json["task_queues_statistics"]
    assert [item["task_queue_sid"] for item in rows] == queues[2:]
    back = await api("GET", following.json["meta"]["previous_page_url"])
    assert back.json["task_queues_statistics"] == page.json["task_queues_statistics"]


@pytest.mark.parametrize("name", ["QueueSids", "queueSids"])
async def test_statistics_of_several_queues_are_asked_for_in_json(api: Api, name: str) -> None:
    second = await api.make("/TaskQueues", FriendlyName="Second")
    await api.make("/TaskQueues", FriendlyName="Third")
    reply = await ask_for_queues(api, f'{{"{name}": ["{second["sid"]}"]}}'.encode())
    assert reply.status == 200
    assert reply.json["task_queue_response_count"] == 1
    assert [row["task_queue_sid"] for row in reply.json["task_queue_data"]] == [second["sid"]]


async def test_a_queue_that_is_not_there_has_zeros(api: Api) -> None:
    await api.make("/Tasks")
    absent = "WQ" + "0" * 32
    (row,) = (await ask_for_queues(api, f'{{"queueSids": ["{absent}"]}}'.encode())).json[
        "task_queue_data"
    ]
    assert row["task_queue_sid"] == absent
    assert (row["total_tasks"], row["total_eligible_workers"]) == (0, 0)
    assert row["tasks_by_status"] == {"pending": 0, "reserved": 0, "assigned": 0, "wrapping": 0}


async def test_no_more_than_fifty_queues_are_answered_at_once(api: Api) -> None:
    sids = [
        (await api.make("/TaskQueues", FriendlyName=f"Q{number}"))["sid"] for number in range(50)
    ]
    listed = ",".join(f'"{sid}"' for sid in sids)
    reply = await ask_for_queues(api, f'{{"queueSids": [{listed}]}}'.encode())
    assert reply.json["task_queue_response_count"] == 50
    reply = await ask_for_queues(api, f'{{"queueSids": [{listed}, "{sids[0]}"]}}'.encode())
    assert reply.refusal == (400, 20001)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff",
        b"a=%zz&b=%ff",
        b"[]",
        b"null",
        b"",
        b"{}",
        b'{"queueSids": []}',
        b'{"queueSids": "WQ"}',
        b'{"queueSids": [1]}',
        b'{"queueSids": ["WQ1"]}',
        b'{"queueSids": [{}]}',
        b"[" * 5000,
    ],
)
async def test_a_wrong_body_of_json_is_refused(api: Api, body: bytes) -> None:
    assert (await ask_for_queues(api, body)).refusal == (400, 20001)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/Statistics"),
        ("DELETE", "/Workers/Statistics"),
        ("POST", "/TaskQueues/Statistics"),
        ("GET", "/TaskQueues/RealTimeStatistics"),
        ("DELETE", "/TaskQueues/RealTimeStatistics"),
    ],
)
async def test_statistics_have_one_method(api: Api, method: str, path: str) -> None:
    assert (await api(method, path)).refusal == (405, 20004)


async def test_statistics_of_several_queues_come_five_times_a_second(
    clock: Clock, api: Api
) -> None:
    queue = (await api.make("/TaskQueues", FriendlyName="Q"))["sid"]
    body = f'{{"queueSids": ["{queue}"]}}'.encode()
    statuses = [(await ask_for_queues(api, body)).status for _ in range(51)]
    assert statuses == [200] * 50 + [429]
    clock.now += 10
    assert (await ask_for_queues(api, body)).status == 200
