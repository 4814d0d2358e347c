"""Rehearsal of a task: what would become of it, by the sandbox's routing on a copy of a workspace.

The copy has the configuration and the workers with their activities, and no other task. Nothing is
sent but reads.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from aiotask.blueprint import export
from aiotask.console.reading import Reading
from aiotask.console.routes import Routes, Step, routes_of
from aiotask.sandbox import Outlook, Sandbox
from aiotask.taskrouter import Worker

_EXPORTED = 5
"""Requests of an export: the workspace's five kinds of lists."""

MOST_ASKED = 20
"""Workers whose capacity is read; each takes a request."""

_COPY = "Copy"


@attrs.frozen(kw_only=True)
class Taker:
    """A worker who could take the task; *free* is None where the capacity was not read."""

    sid: str
    name: str
    activity: str
    free: bool | None


@attrs.frozen(kw_only=True)
class Stop:
    """A target on the way, and who could take the task there, those who can now first."""

    step: Step
    takers: list[Taker]
    others: int


@attrs.frozen(kw_only=True)
class Rehearsal:
    """What would become of a task.

    *rule* is the number of the filter that takes it, None if none does. *status* and *queue* are
    those of the task after its creation, and *worker* is who would be offered it then.
    """

    routes: Routes
    rule: int | None
    stops: list[Stop]
    status: str
    reason: str
    queue: str
    priority: int
    worker: Worker | None
    workers_left_out: bool


async def rehearse(
    reading: Reading, workflow_sid: str, attributes: Mapping[str, Any], channel: str, priority: int
) -> Rehearsal:
    """Return what would become of a task with these attributes, created now."""
    workspace = reading.workspace
    workflow = await reading.ask(lambda: workspace.workflows.fetch(workflow_sid))
    for _ in range(_EXPORTED):
        await reading.turn()
    document = await export(workspace)
    found = await reading.some(lambda n: workspace.workers.list(limit=n, page_size=n))
    queues = {each.sid: each.friendly_name or "" for each in await reading.queues()}
    names = {each.friendly_name or "": each for each in found.rows}
    own = await reading.own()
    contents = {
        **document,
        "multi_task_enabled": own.multi_task_enabled is not False,
        "prioritize_queue_order": own.prioritize_queue_order or "FIFO",
    }
    task = {
        "attributes": attributes,
        "workflow_sid": workflow.friendly_name,
        "task_channel": channel,
        "priority": priority,
    }
    first = await asyncio.to_thread(_try, contents, found.rows, {}, task)
    free = dict.fromkeys(name for each in first.prospects for name in each.free)
    room = {
        name: await _has_room(reading, names[name].sid, channel) for name in list(free)[:MOST_ASKED]
    }
    trial = await asyncio.to_thread(_try, contents, found.rows, room, task)
    routes = routes_of(workflow, queues)
    rule, stops = _stops(routes, trial, names, room)
    return Rehearsal(
        routes=routes,
        rule=rule,
        stops=stops,
        status=trial.assignment_status,
        reason=trial.reason or "",
        queue=trial.queue or "",
        priority=trial.priority,
        worker=None if trial.worker is None else names[trial.worker],
        workers_left_out=found.more,
    )


async def _has_room(reading: Reading, sid: str, channel: str) -> bool:
    channels = reading.workspace.worker(sid).worker_channels
    found = await reading.ask(lambda: channels.fetch(channel))
    return bool(found.available and found.available_capacity_percentage)


def _try(
    contents: Mapping[str, Any],
    workers: Sequence[Worker],
    room: Mapping[str, bool],
    task: Mapping[str, Any],
) -> Outlook:
    """Create the task in a copy of the workspace, and return what became of it."""
    rows = [_row(worker, room, task["task_channel"]) for worker in workers]
    copy = Sandbox(expression_rate=None)
    copy.fill({_COPY: {**contents, "workers": rows}})
    (workspace,) = copy.workspaces
    told = json.dumps(task["attributes"])
    named = {worker.sid: worker.friendly_name for worker in workers if worker.sid in told}
    if named:
        sids = {row["friendly_name"]: row["sid"] for row in copy.snapshot()[_COPY]["workers"]}
        known = {sid: sids[name] for sid, name in named.items()}
        task = {**task, "attributes": _renamed(task["attributes"], known)}
    return copy.outlook(copy.create_task(workspace, task))


def _row(worker: Worker, room: Mapping[str, bool], channel: str) -> dict[str, Any]:
    name = worker.friendly_name or ""
    row = {
        "friendly_name": name,
        "activity_sid": worker.activity_name,
        "attributes": worker.attributes or {},
    }
    return row if room.get(name, True) else {**row, "channels": {channel: 0}}


def _renamed(value: Any, sids: Mapping[str, str]) -> Any:
    """Return attributes that name the copy's workers where they named the workspace's own."""
    match value:
        case str():
            return sids.get(value, value)
        case list():
            return [_renamed(each, sids) for each in value]
        case dict():
            return {key: _renamed(each, sids) for key, each in value.items()}
    return value


def _stops(
    routes: Routes, trial: Outlook, workers: Mapping[str, Worker], room: Mapping[str, bool]
) -> tuple[int | None, list[Stop]]:
    if not trial.prospects or not routes.rules:
        return None, []
    rule = trial.prospects[0].rule % len(routes.rules)  # the default filter is the last one
    stops = []
    for each in trial.prospects:
        ready = set(each.free)
        ordered = sorted(each.workers, key=lambda name: name not in ready)
        takers = [
            Taker(
                sid=workers[name].sid,
                name=name,
                activity=workers[name].activity_name or "",
                free=room.get(name) if workers[name].available else False,
            )
            for name in ordered[:MOST_ASKED]
        ]
        step = routes.rules[rule].steps[each.step]
        stops.append(Stop(step=step, takers=takers, others=len(ordered) - len(takers)))
    return rule, stops
