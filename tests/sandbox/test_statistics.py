"""Statistics: the figures, now and over a while."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.sandbox.sandbox_api import Api, Clock, Value, serving
from tests.sandbox.statistics_api import NONE_WAITED, NOTHING_NOW, activities, only, read


@pytest.fixture
async def api(clock: Clock) -> AsyncIterator[Api]:
    async with serving(clock=clock, routing=False) as api:
        yield api


async def fill(api: Api, clock: Clock) -> dict[str, Any]:
    """Make tasks of all statuses on two channels and in two queues."""
    other = await api.make("/TaskQueues", FriendlyName="Other", TargetWorkers="level > 1")
    ada = api.sandbox.create_worker(api.workspace, "Ada", {"level": 1})
    bob = api.sandbox.create_worker(api.workspace, "Bob", {"level": 2})
    api.sandbox.create_worker(api.workspace, "Eve", {"level": 3}, "Offline")
    made = {}
    forms: dict[str, dict[str, Value]] = {
        "canceled": {},
        "pending": {"Priority": 5},
        "reserved": {"TaskChannel": "voice"},
        "assigned": {},
        "wrapping": {"TaskChannel": "voice", "Priority": 5},
        "completed": {},
        "deleted": {},
        "other": {"TaskQueueSid": other["sid"]},
    }
    for name, form in forms.items():
        made[name] = await api.make("/Tasks", **form)
        clock.now += 1
    clock.now += 2
    await api("POST", made["canceled"]["url"], {"AssignmentStatus": "canceled"})
    await api("DELETE", made["deleted"]["url"])
    for name, statuses in {
        "reserved": [],
        "assigned": ["accepted"],
        "wrapping": ["accepted", "wrapping"],
        "completed": ["accepted", "completed"],
        "other": ["rejected"],
    }.items():
        task = made[name]
        if name == "assigned":
            api.sandbox.reserve(task["sid"], ada)
        url = f"{task['url']}/Reservations/{api.sandbox.reserve(task['sid'], bob)}"
        for status in statuses:
            assert (await api("POST", url, {"ReservationStatus": status})).status == 200
    return {**made, "queue": other["sid"], "ada": ada, "bob": bob}


async def test_real_time_statistics_count_what_is_open(api: Api, clock: Clock) -> None:
    made = await fill(api, clock)
    now = await read(api, "/RealTimeStatistics")
    assert now["tasks_by_status"] == {"pending": 2, "reserved": 1, "assigned": 1, "wrapping": 1}
    assert now["tasks_by_priority"] == {"0": 3, "5": 2}
    assert now["total_tasks"] == 5
    assert now["longest_task_waiting_sid"] == made["pending"]["sid"]
    assert now["longest_task_waiting_age"] == 9
    assert now["activity_statistics"] == await activities(api, Available=2, Offline=1)
    assert now["total_workers"] == 3
    voice = await read(api, "/RealTimeStatistics", TaskChannel="voice")
    assert voice["tasks_by_status"] == {"pending": 0, "reserved": 1, "assigned": 0, "wrapping": 1}
    assert voice["longest_task_waiting_sid"] == made["reserved"]["sid"]
    workflow = await only(api, "/Workflows")
    same = await read(api, workflow["links"]["real_time_statistics"])
    assert same["tasks_by_status"] == now["tasks_by_status"]
    assert same["longest_task_waiting_sid"] == made["pending"]["sid"]


async def test_real_time_statistics_of_a_queue_count_its_tasks_and_workers(
    api: Api, clock: Clock
) -> None:
    made = await fill(api, clock)
    now = await read(api, f"/TaskQueues/{made['queue']}/RealTimeStatistics")
    assert now["tasks_by_status"] == {"pending": 1, "reserved": 0, "assigned": 0, "wrapping": 0}
    assert (now["total_eligible_workers"], now["total_available_workers"]) == (2, 1)
    assert now["activity_statistics"] == await activities(api, Available=1, Offline=1)
    assert now["longest_relative_task_age_in_queue"] == 3
    assert now["longest_relative_task_sid_in_queue"] == made["other"]["sid"]
    path = f"/TaskQueues/{made['queue']}/RealTimeStatistics"
    voice = await read(api, path, TaskChannel="voice")
    assert (voice["total_tasks"], voice["longest_relative_task_sid_in_queue"]) == (0, None)


async def test_real_time_statistics_keep_up_with_every_change(api: Api, clock: Clock) -> None:
    made = await fill(api, clock)
    path = "/RealTimeStatistics"
    await read(api, path)
    await read(api, f"/TaskQueues/{made['queue']}/RealTimeStatistics")
    await api("POST", made["pending"]["url"], {"TaskChannel": "voice", "Priority": 1})
    now = await read(api, path, TaskChannel="voice")
    assert now["tasks_by_priority"] == {"0": 1, "1": 1, "5": 1}
    assert now["longest_task_waiting_sid"] == made["pending"]["sid"]
    await api("POST", made["pending"]["url"], {"AssignmentStatus": "canceled"})
    now = await read(api, path)
    assert now["longest_task_waiting_sid"] == made["reserved"]["sid"]
    for name in ("reserved", "assigned", "wrapping", "completed", "other", "pending", "canceled"):
        await api("DELETE", made[name]["url"])
    now = await read(api, path)
    assert {name: now[name] for name in NOTHING_NOW} == NOTHING_NOW


async def test_cumulative_statistics_count_what_has_happened(api: Api, clock: Clock) -> None:
    await fill(api, clock)
    past = await read(api, "/CumulativeStatistics", SplitByWaitTime="6,7")
    expected = {
        "reservations_created": 6,
        "reservations_accepted": 3,
        "reservations_rejected": 1,
        "reservations_timed_out": 0,
        "reservations_canceled": 0,
        "reservations_rescinded": 1,
        "tasks_created": 8,
        "tasks_canceled": 1,
        "tasks_completed": 1,
        "tasks_deleted": 1,
        "tasks_moved": 0,
        "tasks_timed_out_in_workflow": 0,
        "avg_task_acceptance_time": 6,
        "wait_duration_until_accepted": {"avg": 6, "min": 5, "max": 7, "total": 18},
        "wait_duration_until_canceled": {"avg": 10, "min": 10, "max": 10, "total": 10},
        "split_by_wait_time": {
            "6": {
                "above": {"tasks_canceled": 1, "reservations_accepted": 1},
                "below": {"tasks_canceled": 0, "reservations_accepted": 2},
            },
            "7": {
                "above": {"tasks_canceled": 1, "reservations_accepted": 0},
                "below": {"tasks_canceled": 0, "reservations_accepted": 3},
            },
        },
    }
    assert {name: past[name] for name in expected} == expected


async def test_cumulative_statistics_are_those_of_a_queue_workflow_or_channel(
    api: Api, clock: Clock
) -> None:
    made = await fill(api, clock)
    other = await read(api, f"/TaskQueues/{made['queue']}/CumulativeStatistics")
    assert (other["tasks_entered"], other["reservations_rejected"]) == (1, 1)
    assert other["reservations_accepted"] == 0
    sample = (await api.listed("/TaskQueues"))[0]["links"]["cumulative_statistics"]
    first = await read(api, sample)
    assert (first["tasks_entered"], first["reservations_rejected"]) == (7, 0)
    assert first["wait_duration_in_queue_until_accepted"]["total"] == 18
    workflow = await only(api, "/Workflows")
    assert (await read(api, workflow["links"]["cumulative_statistics"]))["tasks_entered"] == 8
    voice = await read(api, "/CumulativeStatistics", TaskChannel="voice")
    assert (voice["tasks_created"], voice["reservations_created"]) == (2, 2)


async def test_cumulative_statistics_are_those_of_a_while(api: Api, clock: Clock) -> None:
    await api.make("/Tasks")
    clock.now += 1000
    await api.make("/Tasks")

    async def created(**window: Value) -> tuple[int, str, str]:
        past = await read(api, "/CumulativeStatistics", **window)
        return past["tasks_created"], past["start_time"], past["end_time"]

    assert await created() == (1, "2023-11-14T22:15:00Z", "2023-11-14T22:30:00Z")
    assert (await created(Minutes=17))[0] == 2
    start, end = "2023-11-14T22:13:20Z", "2023-11-14T22:20:00Z"
    assert await created(StartDate=start, EndDate=end) == (1, start, end)
    assert (await created(StartDate=start))[0] == 2


async def test_the_activities_of_workers_are_timed(api: Api, clock: Clock) -> None:
    sid = api.sandbox.create_worker(api.workspace, "Ada")
    api.sandbox.create_worker(api.workspace, "Bob")
    offline, _, available = await api.listed("/Activities")
    clock.now += 100
    await api("POST", f"/Workers/{sid}", {"ActivitySid": offline["sid"]})
    clock.now += 20
    await api("POST", f"/Workers/{sid}", {"ActivitySid": available["sid"]})
    clock.now += 30

    async def durations(path: str, **parameters: Value) -> dict[str, Any]:
        found = await read(api, path, **parameters)
        past = found.get("cumulative", found)
        return {
            item.pop("friendly_name"): {name: item[name] for name in NONE_WAITED}
            for item in past["activity_durations"]
        }

    assert await durations(f"/Workers/{sid}/Statistics") == {
        "Offline": {"avg": 20, "min": 20, "max": 20, "total": 20},
        "Unavailable": NONE_WAITED,
        "Available": {"avg": 65, "min": 30, "max": 100, "total": 130},
    }
    everyone = await durations("/Workers/CumulativeStatistics")
    assert everyone["Available"] == {"avg": 93, "min": 30, "max": 150, "total": 280}
    recent = await durations("/Workers/Statistics", FriendlyName="ada", Minutes=1)
    assert recent["Offline"]["total"] == 20
    assert recent["Available"] == {"avg": 20, "min": 10, "max": 30, "total": 40}
    early = await durations(
        "/Workers/Statistics", FriendlyName="ada", EndDate="2023-11-14T22:14:20Z"
    )
    assert early["Available"]["total"] == 60
    assert early["Offline"] == NONE_WAITED


async def test_statistics_of_workers_are_those_of_the_ones_meant(api: Api, clock: Clock) -> None:
    made = await fill(api, clock)

    async def found(**parameters: Value) -> tuple[int, int]:
        figures = await read(api, "/Workers/Statistics", **parameters)
        return figures["realtime"]["total_workers"], figures["cumulative"]["reservations_created"]

    assert await found() == (3, 6)
    assert await found(FriendlyName="BOB") == (1, 5)
    assert await found(TaskQueueName="Other") == (2, 5)
    assert await found(TaskQueueSid=made["queue"], FriendlyName="Ada") == (0, 0)
    assert await found(TaskChannel="voice") == (3, 2)
    await api("POST", f"/Workers/{made['ada']}/Channels/voice", {"Available": "false"})
    assert await found(TaskChannel="voice") == (2, 2)
    one = await read(api, f"/Workers/{made['ada']}/Statistics")
    assert one["cumulative"]["reservations_rescinded"] == 1


async def test_statistics_of_many_workers_are_off_unless_switched_on() -> None:
    for most, status in ((2, 400), (None, 200)):
        async with serving(worker_statistics=most) as api:
            sids = [api.sandbox.create_worker(api.workspace, name) for name in "abc"]
            for path in ("/Workers/Statistics", f"/Workers/{sids[0]}/Statistics"):
                assert (await api("GET", path)).status == status
            assert (await api("GET", "/Statistics")).status == 200
