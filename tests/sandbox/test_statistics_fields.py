"""Statistics: every documented field."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.sandbox.sandbox_api import Api, Clock, serving
from tests.sandbox.statistics_api import (
    NONE_WAITED,
    NOTHING_NOW,
    activities,
    ask_for_queues,
    only,
    read,
)

NO_RESERVATIONS = {
    "reservations_created": 0,
    "reservations_accepted": 0,
    "reservations_rejected": 0,
    "reservations_timed_out": 0,
    "reservations_canceled": 0,
    "reservations_rescinded": 0,
}
NO_TASKS = {
    "avg_task_acceptance_time": 0,
    "split_by_wait_time": None,
    "wait_duration_until_accepted": NONE_WAITED,
    "wait_duration_until_canceled": NONE_WAITED,
    "tasks_canceled": 0,
    "tasks_completed": 0,
    "tasks_deleted": 0,
    "tasks_moved": 0,
}
WINDOW = {"start_time": "2023-11-14T21:58:20Z", "end_time": "2023-11-14T22:13:20Z"}


@pytest.fixture
async def api(clock: Clock) -> AsyncIterator[Api]:
    async with serving(clock=clock, routing=False) as api:
        yield api


async def test_statistics_of_a_workspace_have_every_documented_field(api: Api) -> None:
    about = {"account_sid": api.sandbox.account_sid, "workspace_sid": api.workspace}
    now = {**NOTHING_NOW, "activity_statistics": await activities(api), "total_workers": 0}
    counts = {"tasks_created": 0, "tasks_timed_out_in_workflow": 0}
    past = {**NO_RESERVATIONS, **NO_TASKS, **WINDOW, **counts}
    for name, expected in (
        ("RealTimeStatistics", now),
        ("CumulativeStatistics", past),
        ("Statistics", {"realtime": now, "cumulative": past}),
    ):
        url = api.url(f"/{name}")
        assert await read(api, f"/{name}") == {**about, "url": url, **expected}


async def test_statistics_of_a_workflow_have_every_documented_field(api: Api) -> None:
    workflow = await only(api, "/Workflows")
    about = {
        "account_sid": api.sandbox.account_sid,
        "workspace_sid": api.workspace,
        "workflow_sid": workflow["sid"],
    }
    counts = {"tasks_entered": 0, "tasks_timed_out_in_workflow": 0}
    past = {**NO_RESERVATIONS, **NO_TASKS, **WINDOW, **counts}
    for name, expected in (
        ("real_time_statistics", NOTHING_NOW),
        ("cumulative_statistics", past),
        ("statistics", {"realtime": NOTHING_NOW, "cumulative": past}),
    ):
        url = workflow["links"][name]
        assert await read(api, url) == {**about, "url": url, **expected}


async def test_statistics_of_a_queue_have_every_documented_field(api: Api) -> None:
    queue = await only(api, "/TaskQueues")
    about = {
        "account_sid": api.sandbox.account_sid,
        "workspace_sid": api.workspace,
        "task_queue_sid": queue["sid"],
    }
    staff = {
        "activity_statistics": await activities(api),
        "total_available_workers": 0,
        "total_eligible_workers": 0,
    }
    longest = {"longest_relative_task_age_in_queue": 0, "longest_relative_task_sid_in_queue": None}
    now = {**NOTHING_NOW, **staff, **longest}
    counts = {"tasks_entered": 0, "wait_duration_in_queue_until_accepted": NONE_WAITED}
    past = {**NO_RESERVATIONS, **NO_TASKS, **WINDOW, **counts}
    both = {"realtime": now, "cumulative": past}
    for name, expected in (
        ("real_time_statistics", now),
        ("cumulative_statistics", past),
        ("statistics", both),
    ):
        url = queue["links"][name]
        assert await read(api, url) == {**about, "url": url, **expected}
    assert await api.listed("/TaskQueues/Statistics") == [{**about, **both}]
    several = await ask_for_queues(api, f'{{"queueSids": ["{queue["sid"]}"]}}'.encode())
    row = {"task_queue_sid": queue["sid"], **NOTHING_NOW, **staff}
    assert (several.status, several.json) == (
        200,
        {
            "account_sid": api.sandbox.account_sid,
            "workspace_sid": api.workspace,
            "url": queue["links"]["bulk_real_time_statistics"],
            "task_queue_data": [row],
            "task_queue_response_count": 1,
        },
    )


async def test_statistics_of_workers_have_every_documented_field(api: Api) -> None:
    sid = api.sandbox.create_worker(api.workspace, "Ada")
    worker = (await api("GET", f"/Workers/{sid}")).json
    about = {"account_sid": api.sandbox.account_sid, "workspace_sid": api.workspace}
    now = {"activity_statistics": await activities(api, Available=1), "total_workers": 1}
    durations = [
        {**NONE_WAITED, "friendly_name": item["friendly_name"], "sid": item["sid"]}
        for item in await api.listed("/Activities")
    ]
    past = {**NO_RESERVATIONS, **WINDOW, "activity_durations": durations}
    cases: dict[str, dict[str, Any]] = {
        "statistics": {"realtime": now, "cumulative": past},
        "real_time_statistics": now,
        "cumulative_statistics": past,
        "worker_statistics": {"worker_sid": sid, "cumulative": past},
    }
    for name, expected in cases.items():
        url = worker["links"][name]
        assert await read(api, url) == {**about, "url": url, **expected}
