"""The verbs of a soak, of every kind, each well behaved or left in the middle."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, aclosing
from shutil import rmtree
from typing import Any, NamedTuple

import aiohttp

import aiotask
from aiotask.taskrouter import NewTask, Task, TaskChanges, Worker, WorkerChanges
from soak.scene import MOST_ROWS, RAISING, Scene, client_of

ASSISTANT = "UA0123456789abcdef0123456789abcdef"
LEAVING = 0.3  # of iterations are left in the middle
SETTLE = 1.0  # longer than the sandbox is late, and its lists are
_KEYS = 30  # names of tasks that are made once, in a workspace


async def create(scene: Scene) -> None:
    """Create a task."""
    task = await scene.workspace.tasks.create(**scene.row())
    scene.room.tasks.append(task.sid)


async def create_once(scene: Scene) -> None:
    """Create a task that may be there, or be in the making."""
    key = f"order_{scene.random.randrange(_KEYS)}"
    await scene.workspace.tasks.create(once=key, settle=SETTLE, **scene.row())


async def fetch(scene: Scene) -> None:
    """Fetch a task."""
    await scene.workspace.tasks.fetch(scene.task)


async def update(scene: Scene) -> None:
    """Change a task."""
    await scene.workspace.tasks.update(scene.task, priority=scene.random.randrange(9))


async def update_if_match(scene: Scene) -> None:
    """Change a task under its ETag, or under one that it had."""
    tasks = scene.workspace.tasks
    task = await tasks.fetch(scene.task)
    if scene.chance(0.2):
        await tasks.update(task.sid, priority=1)
    # What was created in bulk keeps its key.
    attributes = {**task.attributes, **scene.attributes()}
    await tasks.update(task.sid, if_match=task.etag, attributes=attributes)


async def modify(scene: Scene) -> None:
    """Change a task by what it is."""

    def change(task: Task) -> TaskChanges | None:
        scene.may_raise()
        return {"priority": (task.priority or 0) + 1} if scene.chance(0.8) else None

    await scene.workspace.tasks.modify(scene.task, change)


async def end(scene: Scene) -> None:
    """Cancel or complete a task, which may not be possible."""
    tasks = scene.workspace.tasks
    await (tasks.cancel if scene.chance(0.7) else tasks.complete)(scene.task, "soak")


async def delete(scene: Scene) -> None:
    """Delete some tasks."""
    tasks, known = scene.workspace.tasks, scene.room.tasks
    for _ in range(len(known) // 40):
        if known:  # others delete, too
            await tasks.delete(known.popleft())


async def list_tasks(scene: Scene) -> None:
    """List all tasks, or some of them."""
    listing = scene.workspace.tasks.list(page_size=scene.random.choice((20, 100, 1000)))
    last = scene.random.randrange(60) if scene.chance(LEAVING) else -1
    number = 0
    async for _ in listing:
        if number == last:
            break
        number += 1


async def list_pages(scene: Scene) -> None:
    """List a few pages, and go on from where that ended."""
    tasks = scene.workspace.tasks
    async with aclosing(tasks.list(page_size=10, ordering="Priority:desc").pages()) as pages:
        cursor = (await anext(pages)).cursor
    async for page in tasks.list(cursor=cursor).pages() if cursor else tasks.list(limit=0).pages():
        if page.cursor is None or scene.chance(LEAVING):
            break


async def list_by_expression(scene: Scene) -> None:
    """List tasks by an expression."""
    await scene.workspace.tasks.list(evaluate_task_attributes="type == 'soak'", limit=20).all()


async def list_events(scene: Scene) -> None:
    """List the latest events."""
    await scene.workspace.events.list(minutes=1, page_size=100, limit=300).all()


async def statistics(scene: Scene) -> None:
    """Fetch statistics of some kind."""
    workspace, room = scene.workspace, scene.room
    queue, workflow = workspace.task_queue(room.queue), workspace.workflow(room.workflow)
    asked: list[Callable[[], Awaitable[object]]] = [
        workspace.statistics.fetch,
        workspace.real_time_statistics.fetch,
        workspace.cumulative_statistics.fetch,
        workspace.workers.statistics.fetch,
        workspace.workers.real_time_statistics.fetch,
        workspace.workers.cumulative_statistics.fetch,
        workspace.worker(room.workers[0]).statistics.fetch,
        queue.statistics.fetch,
        queue.real_time_statistics.fetch,
        queue.cumulative_statistics.fetch,
        workflow.statistics.fetch,
        workflow.cumulative_statistics.fetch,
        workspace.task_queues.statistics.list(limit=10).all,
        lambda: workspace.task_queues.bulk_real_time_statistics.create(queue_sids=[room.queue]),
    ]
    await scene.random.choice(asked)()


async def activities(scene: Scene) -> None:
    """Make an activity and remove it."""
    activities = scene.workspace.activities
    made = await activities.create(friendly_name=scene.name(), available=True)
    await activities.update(made.sid, friendly_name=scene.name())
    await activities.list(available=True, limit=5).all()
    await activities.delete(made.sid)


async def workers(scene: Scene) -> None:
    """Make a worker, let its channel be, and remove it."""
    workers = scene.workspace.workers

    def change(_: Worker) -> WorkerChanges:
        scene.may_raise()
        return {"attributes": scene.attributes()}

    made = await workers.create(friendly_name=scene.name(), attributes={"languages": ["es"]})
    try:
        await workers.modify(made.sid, change)
        await workers.list(friendly_name=made.friendly_name or "").all()
        await scene.workspace.worker(made.sid).worker_channels.update("default", capacity=3)
    finally:
        await workers.delete(made.sid)


async def queues(scene: Scene) -> None:
    """Make a queue and a workflow that leads to it, and remove them."""
    queues, workflows = scene.workspace.task_queues, scene.workspace.workflows
    queue = await queues.create(friendly_name=scene.name(), target_workers="1==2")
    await queues.update(queue.sid, target_workers="1==3")
    configuration = {"task_routing": {"default_filter": {"queue": queue.sid}}}
    workflow = await workflows.create(friendly_name=scene.name(), configuration=configuration)
    await workflows.update(workflow.sid, task_reservation_timeout=60)
    await workflows.list(limit=3).all()
    await workflows.delete(workflow.sid)
    await queues.delete(queue.sid)


async def channels(scene: Scene) -> None:
    """Make a task channel and remove it."""
    channels = scene.workspace.task_channels
    made = await channels.create(friendly_name="Soak", unique_name=scene.name())
    await channels.update(made.sid, friendly_name="Soaked")
    await channels.list().all()
    await channels.delete(made.sid)


async def reservations(scene: Scene) -> None:
    """Take up or reject what a worker is offered."""
    worker = scene.workspace.worker(scene.random.choice(scene.room.workers))
    async for reservation in worker.reservations.list(reservation_status="pending", limit=3):
        if scene.chance(0.2):
            await worker.reservations.reject(reservation.sid)
            continue
        await worker.reservations.accept(reservation.sid)
        if task := reservation.task_sid:
            await scene.workspace.task(task).reservations.list().all()
            await scene.workspace.tasks.complete(task, "soak")


async def autopilot(scene: Scene) -> None:
    """Make a task of an assistant and remove it."""
    tasks = scene.client.autopilot.assistant(ASSISTANT).tasks
    made = await tasks.create(unique_name=scene.name())
    await tasks.list(limit=10).all()
    await tasks.delete(made.sid)


async def create_many(scene: Scene) -> None:
    """Create in bulk, without a journal."""
    await _in_bulk(scene, scene.rows())


async def create_many_journaled(scene: Scene) -> None:
    """Create in bulk with a journal, go on with it, and recount."""
    rows, closing = scene.rows(), scene.chance(0.7)
    folder = tempfile.mkdtemp(dir=scene.folder)
    journal = f"{folder}/journal.db"
    try:
        for _ in range(scene.random.randint(1, 3) if closing else 1):
            await _in_bulk(scene, rows, journal, closing=closing)
        if closing and scene.chance(0.3):
            await scene.workspace.tasks.audit(journal, fix=True)
    finally:
        if closing:  # a run that is left without closing has its journal for a moment longer
            rmtree(folder)


async def _in_bulk(
    scene: Scene, rows: list[NewTask], journal: str | None = None, *, closing: bool = False
) -> None:
    def given() -> Iterator[NewTask]:
        yield from rows
        scene.may_raise()

    async def awaited() -> AsyncIterator[NewTask]:
        for row in given():
            await asyncio.sleep(0)
            yield row

    last = scene.random.randrange(MOST_ROWS) if scene.chance(LEAVING) else None
    async with AsyncExitStack() as stack:
        outcomes = scene.workspace.tasks.create_many(
            awaited() if scene.chance(1 / 2) else given(),
            journal=journal,
            settle=SETTLE,
            max_in_flight=8,
        )
        if closing:
            await stack.enter_async_context(aclosing(outcomes))
        number = 0
        async for outcome in outcomes:
            if isinstance(outcome, aiotask.Created):
                scene.room.tasks.append(outcome.sid)
            if scene.chance(RAISING):
                await asyncio.sleep(0.01)
            if number == last:
                break
            number += 1


async def visit(scene: Scene) -> None:
    """Enter another client and leave it, at times with calls under way."""
    async with AsyncExitStack() as stack:
        more = {}
        if scene.chance(LEAVING):
            more["session"] = await stack.enter_async_context(aiohttp.ClientSession())
        other = client_of(scene.base, scene.random, 2, **more)
        for _ in range(scene.random.randint(1, 2)):
            async with other:
                tasks = other.taskrouter.workspace(scene.room.sid).tasks
                calls = [asyncio.create_task(tasks.fetch(scene.task)) for _ in range(4)]
                stack.push_async_callback(_drop, calls)
                async for _ in tasks.list(page_size=10, limit=25):
                    if scene.chance(0.1):
                        break
            for end in await asyncio.gather(*calls, return_exceptions=True):
                if isinstance(end, BaseException):
                    raise end


async def _drop(calls: list[asyncio.Task[Task]]) -> None:
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


class Verb(NamedTuple):
    """A verb, and its share among the others."""

    share: int
    act: Callable[[Scene], Coroutine[Any, Any, None]]


VERBS = {
    verb.act.__name__.replace("_", " "): verb
    for verb in (
        Verb(24, create),
        Verb(2, create_once),
        Verb(16, fetch),
        Verb(12, update),
        Verb(8, update_if_match),
        Verb(8, modify),
        Verb(8, end),
        Verb(12, delete),
        Verb(8, list_tasks),
        Verb(4, list_pages),
        Verb(1, list_by_expression),
        Verb(5, list_events),
        Verb(12, statistics),
        Verb(3, activities),
        Verb(3, workers),
        Verb(3, queues),
        Verb(3, channels),
        Verb(8, reservations),
        Verb(3, autopilot),
        Verb(2, create_many),
        Verb(2, create_many_journaled),
        Verb(3, visit),
    )
}
"""All of them, by their names in words."""
