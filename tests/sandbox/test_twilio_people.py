"""Twilio's own Python library on workers, reservations, events and statistics of the sandbox."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tests.sandbox.sandbox_api import serving
from tests.sandbox.test_twilio_client import driven


async def used(use: Callable[[Any], None], *, tasks: int = 0) -> None:
    """Give *use* the library's view of a workspace with one worker, and *tasks* offered to her."""
    async with serving(routing=False) as api:
        worker = api.sandbox.create_worker(api.workspace, "Ada", {"level": 1})
        for _ in range(tasks):
            task = await api.make("/Tasks")
            api.sandbox.reserve(task["sid"], worker)
        workspace_sid = api.workspace

        def run(client: Client) -> None:
            use(client.taskrouter.v1.workspaces(workspace_sid))

        await driven(api.sandbox, run)


async def test_the_official_client_keeps_activities_and_channels() -> None:
    def use(workspace: Any) -> None:
        activity = workspace.activities.create(friendly_name="Lunch", available=True)
        assert workspace.activities(activity.sid).fetch().available is True
        assert workspace.activities(activity.sid).update(friendly_name="L").friendly_name == "L"
        assert len(workspace.activities.list(available="true")) == 2
        assert workspace.activities(activity.sid).delete()
        channel = workspace.task_channels.create(friendly_name="Fax", unique_name="fax")
        assert workspace.task_channels("fax").fetch().sid == channel.sid
        changed = workspace.task_channels("fax").update(channel_optimized_routing=True)
        assert changed.channel_optimized_routing is True
        assert len(workspace.task_channels.list()) == 6
        assert workspace.task_channels(channel.sid).delete()

    await used(use)


async def test_the_official_client_keeps_workers() -> None:
    def use(workspace: Any) -> None:
        created = workspace.workers.create_with_http_info(friendly_name="Bob", attributes="{}")
        assert (created.status_code, created.headers["ETag"]) == (201, '"0"')
        bob = created.data
        assert isinstance(bob.date_status_changed, datetime)
        workers = workspace.workers
        assert workers(bob.sid).update(attributes='{"a":1}', if_match='"0"').attributes == '{"a":1}'
        with pytest.raises(TwilioRestException) as caught:
            workers(bob.sid).update(attributes="{}", if_match='"0"')
        assert (caught.value.status, caught.value.code) == (412, 20412)
        with pytest.raises(TwilioRestException, match="WA0"):
            workers(bob.sid).update(activity_sid="WA0")
        assert [item.friendly_name for item in workers.list(page_size=1)] == ["Ada", "Bob"]
        (found,) = workers.list(target_workers_expression="level == 1", available="true")
        assert workers(found.sid).fetch().friendly_name == "Ada"
        assert workers(bob.sid).delete()

    await used(use)


async def test_the_official_client_keeps_the_channels_of_a_worker() -> None:
    def use(workspace: Any) -> None:
        channels = workspace.workers(workspace.workers.list()[0].sid).worker_channels
        assert len(channels.list()) == 5
        voice = channels("voice").update(capacity=3, available=False)
        assert (voice.configured_capacity, voice.available) == (3, False)
        assert channels(voice.sid).fetch().available_capacity_percentage == 100

    await used(use)


async def test_the_official_client_moves_reservations_from_either_side() -> None:
    def use(workspace: Any) -> None:
        (worker,) = workspace.workers.list()
        mine = workspace.workers(worker.sid).reservations
        first, second = mine.list(reservation_status="pending")
        of_task = workspace.tasks(first.task_sid).reservations
        assert [item.sid for item in of_task.list(worker_sid=worker.sid)] == [first.sid]
        assert of_task(first.sid).fetch().worker_name == "Ada"
        accepted = of_task(first.sid).update(reservation_status="accepted", if_match='"0"')
        assert accepted.reservation_status == "accepted"
        with pytest.raises(TwilioRestException) as caught:
            mine(first.sid).update(instruction="conference")
        assert (caught.value.status, caught.value.code) == (400, 20001)
        assert mine(first.sid).update(reservation_status="completed").date_updated is not None
        assert workspace.tasks(first.task_sid).fetch().assignment_status == "completed"
        rejected = mine(second.sid).update(instruction="reject")
        assert rejected.reservation_status == "rejected"
        assert mine(second.sid).fetch().sid == second.sid

    await used(use, tasks=2)


async def test_the_official_client_reads_events() -> None:
    def use(workspace: Any) -> None:
        (task,) = workspace.tasks.list()
        events = workspace.events.list(task_sid=task.sid, minutes=5, page_size=2)
        assert len(events) == 5
        newest = workspace.events(events[0].sid).fetch()
        assert newest.event_type == "reservation.created"
        assert isinstance(newest.event_date, datetime)
        assert newest.event_data["task_sid"] == task.sid
        assert len(workspace.events.list(event_type="task.created")) == 1

    await used(use, tasks=1)


class Asked:
    """The library's argument for a JSON body."""

    def __init__(self, *sids: str) -> None:
        self.sids = sids

    def to_dict(self) -> dict[str, Any]:
        return {"queueSids": self.sids}


async def test_the_official_client_reads_all_statistics() -> None:
    def use(workspace: Any) -> None:
        (worker,), (queue,) = workspace.workers.list(), workspace.task_queues.list()
        (workflow,) = workspace.workflows.list()
        one = workspace.task_queues(queue.sid)
        same = workspace.workflows(workflow.sid)
        while_ago = {"minutes": 5, "task_channel": "default"}
        for place in (workspace, one, same):
            both = place.statistics().fetch(split_by_wait_time="5,30", **while_ago)
            assert both.realtime["total_tasks"] == 2
            assert set(both.cumulative["split_by_wait_time"]) == {"5", "30"}
            now = place.real_time_statistics().fetch(task_channel="default")
            assert now.tasks_by_status["reserved"] == 2
            past = place.cumulative_statistics().fetch(**while_ago)
            assert past.reservations_created == 2
            assert isinstance(past.start_time, datetime)
        (row,) = workspace.task_queues.statistics.list(friendly_name="Sample Queue")
        assert row.realtime["total_eligible_workers"] == 1
        bulk = workspace.task_queues.bulk_real_time_statistics.create(Asked(queue.sid))
        assert bulk.task_queue_response_count == 1
        everyone = workspace.workers.statistics().fetch(task_queue_sid=queue.sid, **while_ago)
        assert everyone.realtime["total_workers"] == 1
        assert workspace.workers.real_time_statistics().fetch().total_workers == 1
        assert workspace.workers.cumulative_statistics().fetch().reservations_created == 2
        hers = workspace.workers(worker.sid).statistics().fetch(minutes=5)
        assert len(hers.cumulative["activity_durations"]) == 3

    await used(use, tasks=2)
