"""The rest of TaskRouter's tree, end to end against the sandbox."""

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

import aiotask
from aiotask import Client
from aiotask.taskrouter import (
    Reservation,
    ReservationChanges,
    Worker,
    WorkerChanges,
    WorkspaceContext,
)


@pytest.fixture
async def worker(workspace: WorkspaceContext) -> Worker:
    (available,) = await workspace.activities.list(available=True).all()
    return await workspace.workers.create(
        friendly_name="Ana", attributes={"languages": ["es"]}, activity_sid=available.sid
    )


@pytest.fixture
async def offered(workspace: WorkspaceContext, worker: Worker) -> Reservation:
    task = await workspace.tasks.create()
    reservations = workspace.task(task.sid).reservations
    (reservation,) = await reservations.list(worker_sid=worker.sid).all()
    return await reservations.fetch(reservation.sid)


async def test_an_activity_lives_from_create_to_delete(workspace: WorkspaceContext) -> None:
    made = await workspace.activities.create(friendly_name="Lunch", available=False)
    assert (made.friendly_name, made.available) == ("Lunch", False)
    changed = await workspace.activities.update(made.sid, friendly_name="Dinner")
    assert await workspace.activities.fetch(made.sid) == changed
    assert await workspace.activities.list(friendly_name="Dinner").all() == [changed]
    names = [each.friendly_name async for each in workspace.activities.list(available=False)]
    assert set(names) == {"Offline", "Unavailable", "Dinner"}
    await workspace.activities.delete(made.sid)
    with pytest.raises(aiotask.NotFoundError):
        await workspace.activities.fetch(made.sid)


async def test_a_task_channel_lives_from_create_to_delete(workspace: WorkspaceContext) -> None:
    channels = workspace.task_channels
    made = await channels.create(friendly_name="Letters", unique_name="letters")
    assert (made.unique_name, made.channel_optimized_routing) == ("letters", False)
    changed = await channels.update("letters", channel_optimized_routing=True, friendly_name="Mail")
    assert await channels.fetch(made.sid) == await channels.fetch("letters") == changed
    assert "letters" in [each.unique_name async for each in channels.list(page_size=2)]
    await channels.delete("letters")
    with pytest.raises(aiotask.NotFoundError):
        await channels.fetch("letters")


async def test_a_task_queue_lives_from_create_to_delete(
    workspace: WorkspaceContext, worker: Worker
) -> None:
    queues = workspace.task_queues
    made = await queues.create(
        friendly_name="Spanish",
        target_workers='languages HAS "es"',
        max_reserved_workers=3,
        task_order="LIFO",
        reservation_activity_sid=worker.activity_sid or "",
        assignment_activity_sid=worker.activity_sid or "",
    )
    assert (made.max_reserved_workers, made.task_order) == (3, "LIFO")
    assert made.assignment_activity_name == made.reservation_activity_name == "Available"
    changed = await queues.update(made.sid, friendly_name="Español", max_reserved_workers=5)
    assert await queues.fetch(made.sid) == changed
    assert await queues.list(friendly_name="Español").all() == [changed]
    assert changed.sid in [each.sid async for each in queues.list(worker_sid=worker.sid)]
    found = queues.list(evaluate_worker_attributes='languages HAS "es"')
    assert changed.sid in [each.sid async for each in found]
    await queues.delete(made.sid)
    with pytest.raises(aiotask.NotFoundError):
        await queues.fetch(made.sid)


async def test_a_worker_lives_from_create_to_delete(
    workspace: WorkspaceContext, worker: Worker
) -> None:
    workers = workspace.workers
    assert (worker.attributes, worker.available) == ({"languages": ["es"]}, True)
    (offline,) = await workspace.activities.list(friendly_name="Offline").all()
    changed = await workers.update(
        worker.sid,
        if_match=worker.etag,
        friendly_name="Anna",
        activity_sid=offline.sid,
        attributes={"languages": ["es", "en"]},
        reject_pending_reservations=True,
    )
    assert changed.etag != worker.etag
    assert (changed.activity_name, changed.available) == ("Offline", False)
    assert await workers.fetch(worker.sid) == changed
    with pytest.raises(aiotask.PreconditionFailedError):
        await workers.update(worker.sid, if_match=worker.etag, friendly_name="Annie")
    with pytest.raises(aiotask.PreconditionFailedError):
        await workers.delete(worker.sid, if_match=worker.etag)
    await workers.delete(worker.sid, if_match=changed.etag)
    with pytest.raises(aiotask.NotFoundError):
        await workers.fetch(worker.sid)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, 1),
        ({"activity_name": "Available"}, 1),
        ({"activity_name": "Offline"}, 0),
        ({"available": True}, 1),
        ({"available": False}, 0),
        ({"friendly_name": "Ana"}, 1),
        ({"friendly_name": "Bea"}, 0),
        ({"target_workers_expression": 'languages HAS "es" AND friendly_name == "Ana"'}, 1),
        ({"target_workers_expression": 'activity_name == "Offline"'}, 0),
        ({"task_queue_name": "Sample Queue"}, 1),
        ({"task_queue_name": "Nobody's"}, 0),
    ],
)
async def test_every_filter_of_workers_is_sent(
    workspace: WorkspaceContext, worker: Worker, filters: dict[str, Any], found: int
) -> None:
    listed = await workspace.workers.list(**filters).all()
    assert listed == [attrs.evolve(worker, etag=None)] * found


async def test_a_worker_is_changed_by_what_it_is(
    workspace: WorkspaceContext, worker: Worker
) -> None:
    def promoted(current: Worker) -> WorkerChanges:
        return {"attributes": {**current.attributes, "level": 2}}

    changed = await workspace.workers.modify(worker.sid, promoted)
    assert changed.attributes == {"languages": ["es"], "level": 2}


async def test_a_workers_channels_are_there_from_the_start(
    workspace: WorkspaceContext, worker: Worker
) -> None:
    channels = workspace.worker(worker.sid).worker_channels
    names = {each.task_channel_unique_name async for each in channels.list()}
    assert names == {"default", "voice", "chat", "sms", "video"}
    changed = await channels.update("chat", capacity=3, available=True)
    assert (changed.configured_capacity, changed.assigned_tasks) == (3, 0)
    assert await channels.fetch(changed.sid) == changed


async def test_a_reservation_is_seen_and_moved_from_both_sides(
    workspace: WorkspaceContext, worker: Worker, offered: Reservation
) -> None:
    of_task = workspace.task(offered.task_sid or "").reservations
    of_worker = workspace.worker(worker.sid).reservations
    assert (offered.reservation_status, offered.worker_name) == ("pending", "Ana")
    seen = await of_worker.fetch(offered.sid)
    assert (seen.sid, seen.etag) == (offered.sid, offered.etag)
    assert [r.sid async for r in of_task.list(worker_sid=worker.sid)] == [offered.sid]
    assert await of_worker.list(reservation_status="accepted").all() == []
    accepted = await of_worker.accept(offered.sid)
    assert (accepted.reservation_status, accepted.etag != offered.etag) == ("accepted", True)
    assert (await of_worker.accept(offered.sid)).etag == accepted.etag
    with pytest.raises(aiotask.PreconditionFailedError):
        await of_task.update(offered.sid, if_match=offered.etag, reservation_status="wrapping")

    def done(current: Reservation) -> ReservationChanges:
        assert current.etag == accepted.etag
        return {"reservation_status": "completed"}

    assert (await of_worker.modify(offered.sid, done)).reservation_status == "completed"
    task = await workspace.tasks.fetch(offered.task_sid or "")
    assert task.assignment_status == "completed"


async def test_a_rejected_reservation_moves_its_worker(
    workspace: WorkspaceContext, worker: Worker, offered: Reservation
) -> None:
    (offline,) = await workspace.activities.list(friendly_name="Offline").all()
    of_task = workspace.task(offered.task_sid or "").reservations
    rejected = await of_task.reject(offered.sid, worker_activity_sid=offline.sid)
    assert rejected.reservation_status == "rejected"
    assert (await of_task.reject(offered.sid)).etag == rejected.etag
    assert (await workspace.workers.fetch(worker.sid)).activity_name == "Offline"
    assert (await workspace.tasks.fetch(offered.task_sid or "")).assignment_status == "pending"


async def test_events_tell_what_happened(
    workspace: WorkspaceContext, worker: Worker, offered: Reservation
) -> None:
    await workspace.worker(worker.sid).reservations.accept(offered.sid)
    events = workspace.events
    (created,) = await events.list(event_type="reservation.created", minutes=5).all()
    assert created == await events.fetch(created.sid)
    assert created.event_data is not None
    assert created.event_data["task_sid"] == offered.task_sid
    assert created.event_date is not None
    kinds = [each.event_type async for each in events.list(reservation_sid=offered.sid)]
    assert set(kinds) == {"reservation.created", "reservation.accepted"}
    assert await events.list(sid=created.sid).all() == [created]
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    assert await events.list(start_date=now - 2 * hour, end_date=now - hour).all() == []


async def test_every_statistic_is_a_typed_answer(
    workspace: WorkspaceContext, worker: Worker, offered: Reservation
) -> None:
    await workspace.worker(worker.sid).reservations.accept(offered.sid)
    (queue,) = await workspace.task_queues.list().all()
    (workflow,) = await workspace.workflows.list().all()
    for place in (workspace, workspace.workflow(workflow.sid), workspace.task_queue(queue.sid)):
        both: Any = await place.statistics.fetch(minutes=5, split_by_wait_time=[5, 30])
        assert both.cumulative.reservations_accepted == 1
        assert both.cumulative.split_by_wait_time[5].below.reservations_accepted == 1
        assert both.realtime.tasks_by_status["assigned"] == 1
        now: Any = await place.real_time_statistics.fetch()
        assert (now.total_tasks, now.tasks_by_priority) == (1, {0: 1})
        past: Any = await place.cumulative_statistics.fetch(task_channel="default")
        assert (past.reservations_created, past.tasks_completed) == (1, 0)
        assert past.start_time < past.end_time
    workers = workspace.workers
    everyone = await workers.statistics.fetch(friendly_name="Ana")
    assert everyone.realtime is not None
    assert everyone.realtime.total_workers == 1
    assert (await workers.real_time_statistics.fetch()).total_workers == 1
    assert (await workers.cumulative_statistics.fetch()).reservations_accepted == 1
    own = await workspace.worker(worker.sid).statistics.fetch(minutes=5)
    assert own.cumulative is not None
    assert own.cumulative.reservations_created == 1
    (row,) = await workspace.task_queues.statistics.list(friendly_name="Sample Queue").all()
    assert row.task_queue_sid == queue.sid
    bulk = await workspace.task_queues.bulk_real_time_statistics.create(queue_sids=[queue.sid])
    assert bulk.task_queue_response_count == 1
    assert bulk.task_queue_data is not None
    assert bulk.task_queue_data[0].total_tasks == 1


async def test_statistics_older_than_the_service_keeps_are_its_refusal(client: Client) -> None:
    made = await client.taskrouter.workspaces.create(friendly_name="x")
    place = client.taskrouter.workspace(made.sid)
    with pytest.raises(aiotask.BadRequestError) as caught:
        await place.statistics.fetch(start_date=datetime.now(UTC) - timedelta(days=31))
    assert caught.value.code == 14241
