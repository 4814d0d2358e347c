"""Statistics as typed resources, from answers as Twilio's description shows them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

import aiotask
from aiotask import Client, to_dict
from aiotask.taskrouter import (
    ActivityCount,
    ActivityDuration,
    WaitDuration,
    WaitTimeCounts,
    WaitTimeSplit,
)
from tests.conftest import Canned, answer

BASE = f"https://taskrouter.twilio.com/v1/Workspaces/WS{'1' * 32}"
QUEUE = "WQ" + "2" * 32

CUMULATIVE: dict[str, Any] = {
    "account_sid": "AC" + "0" * 32,
    "workspace_sid": "WS" + "1" * 32,
    "url": f"{BASE}/CumulativeStatistics",
    "avg_task_acceptance_time": 0.5,
    "start_time": "2026-11-21T09:00:00Z",
    "end_time": "2026-11-21T09:15:00Z",
    "reservations_created": 7,
    "reservations_accepted": 4,
    "reservations_rejected": 1,
    "reservations_timed_out": 1,
    "reservations_canceled": 1,
    "reservations_rescinded": 0,
    "tasks_created": 6,
    "tasks_canceled": 2,
    "tasks_completed": 3,
    "tasks_deleted": 0,
    "tasks_moved": 0,
    "tasks_timed_out_in_workflow": 0,
    "wait_duration_until_accepted": {"avg": 12, "min": 3, "max": 30, "total": 48},
    "wait_duration_until_canceled": {"avg": 0, "min": 0, "max": 0, "total": 0},
    "split_by_wait_time": {
        "5": {
            "above": {"tasks_canceled": 0, "reservations_accepted": 1},
            "below": {"tasks_canceled": 2, "reservations_accepted": 3},
        },
        "30": {"above": {}, "below": None},
    },
}
REAL_TIME: dict[str, Any] = {
    "activity_statistics": [{"friendly_name": "Idle", "workers": 9, "sid": "WA" + "3" * 32}],
    "longest_task_waiting_age": 100,
    "longest_task_waiting_sid": "WT" + "4" * 32,
    "tasks_by_priority": {"0": 3, "10": 2},
    "tasks_by_status": {"pending": 5, "reserved": 0, "assigned": 1, "wrapping": 0},
    "total_tasks": 6,
    "total_workers": 15,
}


async def test_a_split_by_wait_time_is_by_thresholds_that_are_numbers(
    far_client: Client, canned: Canned
) -> None:
    workspace = far_client.taskrouter.workspace("WS" + "1" * 32)
    canned.get(f"{BASE}/CumulativeStatistics?Minutes=60&SplitByWaitTime=5%2C30", payload=CUMULATIVE)
    found = await workspace.cumulative_statistics.fetch(minutes=60, split_by_wait_time=[5, 30])
    assert found.split_by_wait_time == {
        5: WaitTimeSplit(
            above=WaitTimeCounts(tasks_canceled=0, reservations_accepted=1),
            below=WaitTimeCounts(tasks_canceled=2, reservations_accepted=3),
        ),
        30: WaitTimeSplit(above=WaitTimeCounts()),
    }
    assert found.wait_duration_until_accepted == WaitDuration(avg=12, min=3, max=30, total=48)
    assert found.avg_task_acceptance_time == 0.5
    assert found.start_time == datetime(2026, 11, 21, 9, tzinfo=UTC)
    plain = to_dict(found)
    assert plain["split_by_wait_time"]["5"] == CUMULATIVE["split_by_wait_time"]["5"]
    for name in CUMULATIVE.keys() - {"split_by_wait_time"}:
        assert plain[name] == CUMULATIVE[name]
    assert msgspec.json.encode(plain)


async def test_what_is_the_case_now_is_typed(far_client: Client, canned: Canned) -> None:
    workspace = far_client.taskrouter.workspace("WS" + "1" * 32)
    canned.get(f"{BASE}/RealTimeStatistics?TaskChannel=voice", payload=REAL_TIME)
    found = await workspace.real_time_statistics.fetch(task_channel="voice")
    assert found.tasks_by_priority == {0: 3, 10: 2}
    assert found.tasks_by_status == REAL_TIME["tasks_by_status"]
    assert found.activity_statistics == [
        ActivityCount(friendly_name="Idle", workers=9, sid="WA" + "3" * 32)
    ]
    assert {k: v for k, v in to_dict(found).items() if v is not None} == REAL_TIME


async def test_both_come_in_one_answer(far_client: Client, canned: Canned) -> None:
    workspace = far_client.taskrouter.workspace("WS" + "1" * 32)
    both = {"cumulative": CUMULATIVE, "realtime": REAL_TIME, "workspace_sid": "WS" + "1" * 32}
    canned.get(f"{BASE}/Statistics", payload=both)
    found = await workspace.statistics.fetch()
    assert found.cumulative is not None
    assert found.cumulative.tasks_completed == 3
    assert found.realtime is not None
    assert found.realtime.total_workers == 15


async def test_workers_show_how_long_they_did_what(far_client: Client, canned: Canned) -> None:
    duration = {"friendly_name": "Busy", "sid": "WA1", "avg": 1, "min": 0, "max": 2, "total": 3.5}
    payload = {"activity_durations": [duration]}
    canned.get(f"{BASE}/Workers/CumulativeStatistics", payload=payload)
    workers = far_client.taskrouter.workspace("WS" + "1" * 32).workers
    found = await workers.cumulative_statistics.fetch()
    assert found.activity_durations == [
        ActivityDuration(friendly_name="Busy", sid="WA1", avg=1, min=0, max=2, total=3.5)
    ]


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"split_by_wait_time": {"soon": {}}}, "split_by_wait_time"),
        ({"split_by_wait_time": {"5_0": {}}}, "split_by_wait_time"),
        ({"split_by_wait_time": {"": {}}}, "split_by_wait_time"),
        ({"split_by_wait_time": []}, "split_by_wait_time"),
        ({"split_by_wait_time": {"5": 1}}, "split_by_wait_time"),
        ({"avg_task_acceptance_time": "1"}, "avg_task_acceptance_time"),
        ({"avg_task_acceptance_time": True}, "avg_task_acceptance_time"),
        ({"reservations_created": 1.5}, "reservations_created"),
    ],
)
async def test_a_statistic_of_another_form_is_a_decoding_error(
    far_client: Client, canned: Canned, wrong: dict[str, Any], place: str
) -> None:
    canned.get(f"{BASE}/CumulativeStatistics", payload=CUMULATIVE | wrong)
    workspace = far_client.taskrouter.workspace("WS" + "1" * 32)
    with pytest.raises(aiotask.DecodingError, match=place):
        await workspace.cumulative_statistics.fetch()


@pytest.mark.parametrize("split", ["", "5;30", [], [1.5], [-1], 5, None, ["5", "x"]])
async def test_thresholds_that_are_no_seconds_are_refused(far_client: Client, split: Any) -> None:
    workspace = far_client.taskrouter.workspace("WS" + "1" * 32)
    with pytest.raises(ValueError, match="split_by_wait_time: must be seconds"):
        await workspace.statistics.fetch(split_by_wait_time=split)


async def test_the_bulk_statistics_are_asked_for_in_json_and_repeated_like_a_read(
    serve: Callable[..., Any],
) -> None:
    data = [{"task_queue_sid": QUEUE, "total_tasks": 3}]
    good = answer(msgspec.json.encode({"task_queue_data": data, "task_queue_response_count": 1}))
    server, client = await serve("reset", good)
    queues = client.taskrouter.workspace("WS" + "1" * 32).task_queues
    found = await queues.bulk_real_time_statistics.create(queue_sids=[QUEUE])
    assert (found.task_queue_response_count, found.task_queue_data[0].total_tasks) == (1, 3)
    assert len(server.requests) == 2
    head, _, body = server.requests[1].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/Workspaces/")
    assert b"Content-Type: application/json" in head
    assert msgspec.json.decode(body) == {"queueSids": [QUEUE]}


@pytest.mark.parametrize(
    ("sids", "reason"),
    [
        ([], "queue_sids: must not be empty"),
        ([QUEUE] * 51, "queue_sids: must be 1 to 50, not 51"),
        (["WT" + "2" * 32], "queue_sids: must be a sid: WQ"),
    ],
)
async def test_queues_that_cannot_be_asked_about_are_refused(
    far_client: Client, sids: list[str], reason: str
) -> None:
    queues = far_client.taskrouter.workspace("WS" + "1" * 32).task_queues
    with pytest.raises(ValueError, match=reason):
        await queues.bulk_real_time_statistics.create(queue_sids=sids)
