"""Calls that must and must not check, for mypy and pyright both; nothing here is ever executed.

Each comment that silences a checker is an assertion: both are told to complain of one that
silences nothing.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any, assert_type

import aiotask
from aiotask.autopilot import AutopilotTask
from aiotask.taskrouter import NewTask, Task, TaskChanges, Workflow, Workspace, WorkspacePlace


async def what_checks(client: aiotask.Client, workspace: WorkspacePlace) -> None:
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


async def bulk_checks(workspace: WorkspacePlace, rows: list[NewTask]) -> None:
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


async def misspelt_names_do_not(workspace: WorkspacePlace) -> None:
    await workspace.tasks.create(priorty=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await workspace.tasks.update("WT…", atributes={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    workspace.tasks.list(status="pending")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    row: NewTask = {"priorty": 5}  # type: ignore[typeddict-unknown-key]  # pyright: ignore[reportAssignmentType]
    changes: TaskChanges = {"timeout": 5}  # type: ignore[typeddict-unknown-key]  # pyright: ignore[reportAssignmentType]
    del row, changes


async def wrong_types_do_not(workspace: WorkspacePlace, anything: Any) -> None:
    await workspace.tasks.create(priority="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await workspace.tasks.create(attributes='{"a": 1}')  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await workspace.tasks.create(virtual_start_time="2026-01-01")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await workspace.tasks.update("WT…", assignment_status="done")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await workspace.tasks.fetch(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    workspace.tasks.create_many([{"priority": "5"}])  # type: ignore[typeddict-item]  # pyright: ignore[reportArgumentType]
    task: Task = await workspace.tasks.create(attributes=anything)
    task.priority = 5  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


async def what_is_required_is_missed(client: aiotask.Client, workspace: WorkspacePlace) -> None:
    await client.taskrouter.workspaces.create(template="FIFO")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await workspace.workflows.create(friendly_name="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await workspace.tasks.update(priority=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    workspace.task_queues  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]  # noqa: B018
