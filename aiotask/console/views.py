"""Views: what each page of a workspace shows, read anew each time."""

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from aiotask.console.glance import Glances
from aiotask.console.pages import Shown
from aiotask.console.picture import picture_of
from aiotask.console.plot import HEIGHT, WIDTH, plots
from aiotask.console.reading import Reading
from aiotask.console.routes import DEFAULT, Routes, routes_of
from aiotask.errors import NotFoundError
from aiotask.taskrouter import Event, Task

MOST_TASKS = 100
"""Tasks of a queue that are shown, the next to be served first."""

MOST_WORKERS = 200
MOST_EVENTS = 200
_REACH = timedelta(days=29, hours=12)  # events go back thirty days
_NONE = Routes(rules=[])


class Views:
    """The views of one workspace."""

    def __init__(self, reading: Reading, glances: Glances, fresh: float, *, changes: bool) -> None:
        self._reading = reading
        self._workspace = reading.workspace
        self._glances = glances
        self._fresh = fresh
        self._changes = changes

    async def glance(self) -> Shown:
        """Return the workspace at a glance."""
        glance = await self._glances.current(self._fresh)
        about = {"glance": glance}
        plotted = {**about, "plots": plots(glance.minutes), "width": WIDTH, "height": HEIGHT}
        return Shown(
            title="At a glance",
            at=glance.at,
            live={
                "tasks": about,
                "workers_now": about,
                "reservations_now": about,
                "hour": plotted,
                "queues": about,
            },
        )

    async def queue(self, sid: str) -> Shown:
        """Return a queue, and its tasks in the order in which they will be served."""
        at, reading = time.time(), self._reading
        queue = await reading.ask(lambda: self._workspace.task_queues.fetch(sid))
        now = await reading.ask(self._workspace.task_queue(sid).real_time_statistics.fetch)
        last_in = queue.task_order == "LIFO"
        order = "VirtualStartTime:desc" if last_in else "Priority:desc,VirtualStartTime:asc"
        tasks = await reading.some(
            lambda n: self._workspace.tasks.list(
                task_queue_sid=sid,
                assignment_status=["pending", "reserved"],
                ordering=order,
                limit=n,
                page_size=n,
            ),
            MOST_TASKS,
        )
        routes = await self._routes()
        rows = [
            (task, routes.get(task.workflow_sid or "", _NONE).towards(task.attributes, sid))
            for task in tasks.rows
        ]
        waiting = {"rows": rows, "more": tasks.more, "last_in": last_in, "now": now}
        return Shown(
            title=f"Queue {queue.friendly_name}",
            at=at,
            live={"queue": {"queue": queue, "now": now}, "waiting": waiting},
        )

    async def task(self, sid: str) -> Shown:
        """Return a task, its way through its workflow and its events."""
        at, reading = time.time(), self._reading
        reservations: Any = []
        absent: NotFoundError | None = None
        try:
            task = await reading.ask(lambda: self._workspace.tasks.fetch(sid))
            context = self._workspace.task(sid)
            found = await reading.some(lambda n: context.reservations.list(limit=n, page_size=n))
            reservations = found.rows
        except NotFoundError as error:
            absent = error
            # The service removes tasks five minutes after their end, and keeps their events.
            task = Task(sid=sid)
        events = await reading.some(
            lambda n: self._workspace.events.list(
                task_sid=sid, start_date=reading.now - _REACH, limit=n, page_size=n
            ),
            MOST_EVENTS,
        )
        if absent is not None and not events.rows:
            raise absent
        in_time = _in_time(events.rows)
        routes = (await self._routes()).get(task.workflow_sid or "", _NONE)
        way = {
            "routes": routes,
            "taken": routes.first(task.attributes),
            "entered": _entered(in_time),
            "task": task,
        }
        return Shown(
            title=f"Task {sid}",
            at=at,
            live={
                "task": {"task": task},
                "attributes": {"attributes": task.attributes},
                "reservations": {
                    "reservations": reservations,
                    "of": "task",
                    "changes": self._changes,
                    "back": f"tasks/{sid}",
                },
                "way": way,
                "events": {"events": in_time, "more": events.more},
            },
        )

    async def workers(self) -> Shown:
        """Return the first workers of the workspace."""
        at = time.time()
        workers = await self._reading.some(
            lambda n: self._workspace.workers.list(limit=n, page_size=n), MOST_WORKERS
        )
        listed = {"workers": workers.rows, "more": workers.more}
        return Shown(title="Workers", at=at, live={"workers": listed})

    async def worker(self, sid: str) -> Shown:
        """Return a worker with channels, capacity, reservations and events."""
        at, reading, context = time.time(), self._reading, self._workspace.worker(sid)
        worker = await reading.ask(lambda: self._workspace.workers.fetch(sid))
        channels = await reading.some(lambda n: context.worker_channels.list(limit=n, page_size=n))
        reservations = await reading.some(
            lambda n: context.reservations.list(limit=n, page_size=n), MOST_TASKS
        )
        events = await reading.some(
            lambda n: self._workspace.events.list(
                worker_sid=sid, start_date=reading.now - timedelta(days=1), limit=n, page_size=n
            ),
            MOST_TASKS,
        )
        in_time = _in_time(events.rows)
        return Shown(
            title=f"Worker {worker.friendly_name}",
            at=at,
            live={
                "worker": {"worker": worker},
                "attributes": {"attributes": worker.attributes},
                "channels": {"channels": channels.rows},
                "reservations": {
                    "reservations": reservations.rows,
                    "of": "worker",
                    "changes": self._changes,
                    "back": f"workers/{sid}",
                },
                "events": {"events": in_time, "more": events.more},
            },
        )

    async def workflows(self) -> Shown:
        """Return the workflows of the workspace."""
        at = time.time()
        listed = {"workflows": await self._reading.workflows()}
        return Shown(title="Workflows", at=at, live={"workflows": listed})

    async def workflow(self, sid: str) -> Shown:
        """Return a workflow as a picture, and in words."""
        at = time.time()
        workflow = await self._reading.ask(lambda: self._workspace.workflows.fetch(sid))
        routes = routes_of(workflow, await self._names())
        about = {"workflow": workflow, "routes": routes, "picture": picture_of(routes)}
        return Shown(
            title=f"Workflow {workflow.friendly_name}",
            at=at,
            live={"picture": about, "workflow": about},
        )

    async def _names(self) -> dict[str, str]:
        queues = await self._reading.queues()
        return {each.sid: each.friendly_name or each.sid for each in queues}

    async def _routes(self) -> Mapping[str, Routes]:
        workflows, names = await self._reading.workflows(), await self._names()
        return {each.sid: routes_of(each, names) for each in workflows}


def _in_time(events: Sequence[Event]) -> list[Event]:
    """Return events the oldest first; those of one millisecond are listed the latest first."""
    in_time = [*reversed(events)]
    in_time.sort(key=lambda event: event.event_date_ms or 0)
    return in_time


def _entered(events: list[Event]) -> list[dict[str, Any]]:
    """Return the filters and targets that a task has come to, as its events tell of them."""
    return [
        {
            "at": event.event_date,
            "filter": data.get("workflow_filter_name") or _unnamed(data),
            "expression": data.get("workflow_filter_expression"),
            "target": data.get("workflow_filter_target_expression"),
            "queue": data.get("task_queue_name"),
            "priority": data.get("task_priority"),
        }
        for event in events
        if event.event_type == "workflow.target-matched"
        for data in [event.event_data or {}]
    ]


def _unnamed(data: Mapping[str, Any]) -> str:
    return "a filter without a name" if data.get("workflow_filter_expression") else DEFAULT
