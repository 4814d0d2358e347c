"""Calls that must and must not check, for mypy and pyright both; nothing here is ever executed.

Each comment that silences a checker is an assertion: both are told to complain of one that
silences nothing.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, assert_type

import aiotask
from aiotask import blueprint
from aiotask.autopilot import AutopilotTask
from aiotask.taskrouter import (
    Activity,
    DefaultFilter,
    Event,
    FilterTarget,
    NewTask,
    NewWorker,
    Reservation,
    RoutingFilter,
    Task,
    TaskChanges,
    TaskChannel,
    TaskQueue,
    TaskQueueBulkRealTimeStatistics,
    TaskQueuesStatistics,
    TaskQueueStatistics,
    TaskReservationChanges,
    TaskUpdateRow,
    WaitTimeSplit,
    Worker,
    WorkerChannel,
    WorkersCumulativeStatistics,
    WorkersRealTimeStatistics,
    WorkersStatistics,
    WorkerStatistics,
    WorkerUpdateRow,
    Workflow,
    WorkflowConfiguration,
    WorkflowCumulativeStatistics,
    Workspace,
    WorkspaceContext,
    WorkspaceRealTimeStatistics,
)


async def what_checks(client: aiotask.Client, workspace: WorkspaceContext) -> None:
    task = await workspace.tasks.create(
        attributes={"type": "support"},
        priority=5,
        timeout=60,
        virtual_start_time=datetime.now(UTC),
        ignore_capacity=True,
    )
    assert_type(task, Task)
    assert_type(task.priority, int | None)
    assert_type(task.date_created, datetime | None)
    assert_type(task.sid, str)
    assert_type(await workspace.tasks.update(task.sid, if_match=task.etag, priority=1), Task)
    await workspace.tasks.delete(task.sid, if_match='"3"')
    assert_type(await workspace.tasks.modify(task.sid, lambda old: {"reason": old.sid}), Task)
    assert_type(workspace.tasks.list(assignment_status=["pending"]), aiotask.Listing[Task])
    assert_type(await workspace.tasks.list(limit=5).all(), list[Task])
    async for one in workspace.tasks.list(ordering="Priority:desc", cursor=None):
        assert_type(one, Task)
    async for page in workspace.workflows.list().pages():
        assert_type(page, aiotask.Page[Workflow])
    assert_type(await client.taskrouter.workspaces.create(friendly_name="x"), Workspace)
    assistant = client.autopilot.assistant("UA…")
    assert_type(await assistant.tasks.create(unique_name="x"), AutopilotTask)


async def blueprints_check(workspace: WorkspaceContext) -> None:
    document = await blueprint.export(workspace, workers=True)
    found = await blueprint.plan(workspace, document, prune=False)
    assert_type(found, blueprint.Plan)
    assert_type(found.left, list[blueprint.Change])
    assert_type(found.warnings, list[str])
    async for change in blueprint.apply(workspace, {"activities": []}, prune=True):
        assert_type(change, blueprint.Change)
    assert_type(blueprint.diff(document, document), list[blueprint.Change])


def renewed(found: Reservation) -> TaskReservationChanges:
    return {"reservation_status": "wrapping", "post_work_activity_sid": found.sid}


async def the_whole_tree_checks(workspace: WorkspaceContext) -> None:
    assert_type(await workspace.activities.create(friendly_name="x", available=True), Activity)
    assert_type(workspace.activities.list(available=False), aiotask.Listing[Activity])
    channel = await workspace.task_channels.create(friendly_name="x", unique_name="x")
    assert_type(channel, TaskChannel)
    queue = await workspace.task_queues.create(friendly_name="x", task_order="LIFO")
    assert_type(queue, TaskQueue)
    worker = await workspace.workers.create(friendly_name="x", attributes={"skills": ["a"]})
    assert_type(worker, Worker)
    assert_type(
        await workspace.workers.modify(worker.sid, lambda old: {"attributes": {"was": old.sid}}),
        Worker,
    )
    await workspace.workers.delete(worker.sid, if_match=worker.etag)
    channels = workspace.worker(worker.sid).worker_channels
    assert_type(await channels.update("chat", capacity=3, available=True), WorkerChannel)
    offered = workspace.worker(worker.sid).reservations
    assert_type(await offered.accept("WR…"), Reservation)
    assert_type(await offered.reject("WR…", worker_activity_sid="WA…"), Reservation)
    await offered.update("WR…", if_match=None, instruction="conference", from_="+1", beep="true")
    of_task = workspace.task("WT…").reservations
    await of_task.update("WR…", instruction="supervise", supervisor_mode="whisper")
    await of_task.modify("WR…", renewed)
    assert_type(of_task.list(worker_sid="WK…"), aiotask.Listing[Reservation])
    assert_type(workspace.events.list(minutes=60, task_sid="WT…"), aiotask.Listing[Event])
    assert_type(await workspace.tasks.complete("WT…", "done"), Task | None)
    assert_type(await workspace.tasks.cancel("WT…", "done"), Task | None)


async def statistics_check(workspace: WorkspaceContext) -> None:
    now = await workspace.real_time_statistics.fetch(task_channel="voice")
    assert_type(now, WorkspaceRealTimeStatistics)
    assert_type(now.tasks_by_priority, dict[int, int] | None)
    counted = await workspace.workflow("WW…").cumulative_statistics.fetch(
        split_by_wait_time=[5, 30], start_date=datetime.now(UTC)
    )
    assert_type(counted, WorkflowCumulativeStatistics)
    assert_type(counted.split_by_wait_time, dict[int, WaitTimeSplit] | None)
    await workspace.statistics.fetch(split_by_wait_time="5,30")
    both = await workspace.task_queue("WQ…").statistics.fetch(minutes=5)
    assert_type(both, TaskQueueStatistics)
    rows = workspace.task_queues.statistics.list(friendly_name="x")
    assert_type(rows, aiotask.Listing[TaskQueuesStatistics])
    bulk = await workspace.task_queues.bulk_real_time_statistics.create(queue_sids=["WQ…"])
    assert_type(bulk, TaskQueueBulkRealTimeStatistics)
    workers = workspace.workers
    assert_type(await workers.statistics.fetch(task_queue_name="x"), WorkersStatistics)
    assert_type(await workers.real_time_statistics.fetch(), WorkersRealTimeStatistics)
    assert_type(await workers.cumulative_statistics.fetch(), WorkersCumulativeStatistics)
    assert_type(await workspace.worker("WK…").statistics.fetch(), WorkerStatistics)


async def a_configuration_checks(workspace: WorkspaceContext) -> None:
    target = FilterTarget(queue="WQ…", priority=5)
    configuration = WorkflowConfiguration(
        filters=[RoutingFilter(expression="1==1", targets=[target])],
        default_filter=DefaultFilter(queue="WQ…"),
    )
    await workspace.workflows.create(friendly_name="x", configuration=configuration)
    await workspace.workflows.update("WW…", configuration={"task_routing": {}})
    WorkflowConfiguration.from_document((await workspace.workflows.fetch("WW…")).configuration)
    FilterTarget(priority="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    FilterTarget(priorty=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    RoutingFilter(expression="1==1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def bulk_checks(workspace: WorkspaceContext, rows: list[NewTask]) -> None:
    async def slowly() -> AsyncIterator[NewTask]:
        for row in rows:
            yield row

    def typed() -> Iterator[NewTask]:
        yield {"attributes": {}, "priority": 1}

    async for outcome in workspace.tasks.create_many(rows, max_in_flight=5):
        match outcome:
            case aiotask.Created(row=row, sid=sid):
                assert_type(row, NewTask)
                assert_type(sid, str)
            case aiotask.Rejected(error=error) | aiotask.Unresolved(error=error):
                assert_type(error, Exception)
    workspace.tasks.create_many(slowly())
    workspace.tasks.create_many(typed())
    workspace.tasks.create_many(NewTask(priority=n) for n in range(3))
    async for of_literals in workspace.tasks.create_many([{"priority": 1}, {"attributes": {}}]):
        assert_type(of_literals, aiotask.Outcome[NewTask])


async def rows_of_other_types_check(workspace: WorkspaceContext) -> None:
    def literals() -> Iterator[dict[str, object]]:
        for number in range(3):
            yield {"attributes": {"type": "support", "ticket": number}, "priority": 5}

    async def slowly() -> AsyncIterator[dict[str, Any]]:
        for row in literals():
            yield row

    async for outcome in workspace.tasks.create_many(
        literals(), row_key=lambda row: str(row["id"])
    ):
        assert_type(outcome, aiotask.Outcome[dict[str, object]])
        if isinstance(outcome, aiotask.Created):
            assert_type(outcome.row, dict[str, object])
    async for late in workspace.tasks.create_many(slowly(), journal="import.db"):
        assert_type(late, aiotask.Outcome[dict[str, Any]])
    workspace.tasks.create_many({"attributes": {"n": n}, "priority": 5} for n in range(3))
    collected = [{"attributes": {"n": n}, "priority": 5} for n in range(3)]
    workspace.tasks.create_many(collected)
    frozen: Sequence[Mapping[str, object]] = collected
    workspace.tasks.create_many(frozen, key_attribute=None)
    workspace.tasks.create_many(["sid"])  # type: ignore[list-item]  # pyright: ignore[reportCallIssue, reportArgumentType]
    workspace.tasks.create_many(5)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


async def changes_of_many_check(workspace: WorkspaceContext) -> None:
    async for outcome in workspace.tasks.cancel_many(workspace.tasks.list(), "closed"):
        assert_type(outcome, aiotask.AnyOutcome[str | Task])
        match outcome:
            case aiotask.Updated(row=row, sid=sid) | aiotask.Deleted(row=row, sid=sid):
                assert_type(row, str | Task)
                assert_type(sid, str)
            case aiotask.Unchanged() | aiotask.Created():
                pass
            case aiotask.Rejected(error=error) | aiotask.Unresolved(error=error):
                assert_type(error, Exception)
    workspace.tasks.complete_many(["WT…"], "done", journal="done.db", max_rate=5)
    workspace.tasks.delete_many(sid for sid in ("WT…",))
    workspace.workers.delete_many(workspace.workers.list(available=False))
    changes: list[dict[str, Any]] = [{"sid": "WT…", "priority": 5}]
    async for updated in workspace.tasks.update_many(changes):
        assert_type(updated, aiotask.AnyOutcome[dict[str, Any]])
    async for typed in workspace.tasks.update_many([{"sid": "WT…", "reason": "late"}]):
        assert_type(typed, aiotask.AnyOutcome[TaskUpdateRow])
    agents: list[WorkerUpdateRow] = [{"sid": "WK…", "attributes": {"n": 1}}]
    async for agent in workspace.workers.update_many(agents, journal="agents.db"):
        assert_type(agent, aiotask.AnyOutcome[WorkerUpdateRow])
    wrong: TaskUpdateRow = {"sid": "WT…", "priorty": 5}  # type: ignore[typeddict-unknown-key]  # pyright: ignore[reportAssignmentType]
    nameless: WorkerUpdateRow = {"friendly_name": "Ana"}  # type: ignore[typeddict-item]  # pyright: ignore[reportAssignmentType]
    del wrong, nameless
    people: list[NewWorker] = [{"friendly_name": "Ana"}]
    async for made in workspace.workers.upsert_many(people):
        assert_type(made, aiotask.AnyOutcome[NewWorker])
    workspace.task_queues.upsert_many([{"friendly_name": "Support"}], max_in_flight=2)
    workspace.task_channels.upsert_many([{"friendly_name": "Mail", "unique_name": "mail"}])
    workspace.tasks.cancel_many(["WT…"])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    workspace.tasks.cancel_many([5], "closed")  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    workspace.workers.upsert_many(["Ana"])  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]


async def misspelt_names_do_not(workspace: WorkspaceContext) -> None:
    await workspace.tasks.create(priorty=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await workspace.tasks.update("WT…", atributes={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    workspace.tasks.list(status="pending")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    row: NewTask = {"priorty": 5}  # type: ignore[typeddict-unknown-key]  # pyright: ignore[reportAssignmentType]
    changes: TaskChanges = {"timeout": 5}  # type: ignore[typeddict-unknown-key]  # pyright: ignore[reportAssignmentType]
    del row, changes


async def misspelt_names_of_the_tree_do_not(workspace: WorkspaceContext) -> None:
    await workspace.workers.create(friendly_name="x", atributes={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await workspace.activities.update("WA…", available=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await workspace.worker("WK…").reservations.update("WR…", supervisor="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await workspace.real_time_statistics.fetch(minutes=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await workspace.task_queues.delete("WQ…", if_match="3")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    workspace.worker("WK…").reservations.list(worker_sid="WK…")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    workspace.events.create  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]  # noqa: B018
    workspace.worker("WK…").tasks  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]  # noqa: B018


async def wrong_types_of_the_tree_do_not(workspace: WorkspaceContext) -> None:
    await workspace.worker("WK…").worker_channels.update("chat", capacity="3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await workspace.task_queues.create(friendly_name="x", task_order="RANDOM")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await workspace.worker("WK…").reservations.update("WR…", reservation_status="done")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await workspace.statistics.fetch(split_by_wait_time=[5.5])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    await workspace.task_queues.bulk_real_time_statistics.create()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await workspace.task_channels.create(friendly_name="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await workspace.workers.create(attributes={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await workspace.workers.modify("WK…", lambda old: {"url": old.url})  # type: ignore[arg-type, return-value]  # pyright: ignore[reportArgumentType]


async def wrong_types_do_not(workspace: WorkspaceContext, anything: Any) -> None:
    await workspace.tasks.create(priority="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await workspace.tasks.create(attributes='{"a": 1}')  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await workspace.tasks.create(virtual_start_time="2026-01-01")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await workspace.tasks.update("WT…", assignment_status="done")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await workspace.tasks.fetch(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    task: Task = await workspace.tasks.create(attributes=anything)
    task.priority = 5  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


async def what_is_required_is_missed(client: aiotask.Client, workspace: WorkspaceContext) -> None:
    await client.taskrouter.workspaces.create(template="FIFO")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await workspace.workflows.create(friendly_name="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await workspace.tasks.update(priority=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
