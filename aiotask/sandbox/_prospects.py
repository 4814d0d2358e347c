"""Prospects of a task: the targets on its way through its workflow, and who could take it there."""

from collections.abc import Iterator
from typing import NamedTuple

from aiotask.sandbox._json import loads
from aiotask.sandbox._workspace import Workspace
from aiotask.sandbox.expressions.language import Scope
from aiotask.sandbox.model.reservation import OPEN, Reservation
from aiotask.sandbox.model.task import Task
from aiotask.sandbox.model.task_queue import TaskQueue
from aiotask.sandbox.model.worker import Worker, WorkerView
from aiotask.sandbox.model.worker_order import rank
from aiotask.sandbox.model.workflow_configuration import DEFAULT_RULE, Target
from aiotask.sandbox.routing.waiting import Key, WaitingGroup


class Prospect(NamedTuple):
    """A target of the filter that takes a task."""

    rule: int
    """Number of the filter from 0, or -1 for the default filter."""
    step: int
    """Number of the target in its filter, from 0."""
    queue: str
    """Name of the target's queue."""
    workers: tuple[str, ...]
    """Names of those who are eligible by the expressions of queue and target, in its order,
    whatever they are doing.
    """
    free: tuple[str, ...]
    """Names of those among them who could take the task now, or are offered it."""


class Outlook(NamedTuple):
    """What has become of a task so far, and its prospects; queue and workers by friendly name.

    *worker* is the first who is offered the task or has it, None if nobody does.
    """

    assignment_status: str
    """Status of the task."""
    reason: str | None
    """Why the task was canceled or completed, None before that."""
    priority: int
    """Priority of the task."""
    queue: str | None
    """Name of the queue that it is in, None where it is in none."""
    worker: str | None
    """Name of the first who is offered the task or has it, None if nobody does."""
    prospects: tuple[Prospect, ...]
    """Targets of the filter that takes the task, in order."""


def outlook(workspace: Workspace, task: Task) -> Outlook:
    """Return what has become of a task, and what may."""
    offered = (each.worker.friendly_name for each in _offers(workspace, task))
    return Outlook(
        task.assignment_status,
        task.reason,
        task.priority,
        None if task.queue is None else task.queue.friendly_name,
        next(offered, None),
        tuple(_prospects(workspace, task)),
    )


def _prospects(workspace: Workspace, task: Task) -> Iterator[Prospect]:
    """Yield the targets of the first filter that matches a task, in their order."""
    document = task.workflow.document
    rule = document.route(loads(task.attributes))
    if rule is None:
        return
    step = 0
    while (target := document.target(rule, step)) is not None:
        queue = workspace.stores.queues.get(target.queue_sid)
        if queue is not None:
            fitting = _fitting(workspace, task, queue, target)
            free = tuple(each.friendly_name for each in fitting if _is_free(workspace, each, task))
            names = tuple(each.friendly_name for each in fitting)
            yield Prospect(rule, step, queue.friendly_name, names, free)
        if rule == DEFAULT_RULE:
            return
        step += 1


def _fitting(workspace: Workspace, task: Task, queue: TaskQueue, target: Target) -> list[Worker]:
    group = WaitingGroup(queue, target, task, Key.of(task, queue, target))
    fitting = [
        worker
        for worker in queue.eligible(workspace.stores.workers)
        if group.admits(worker) and _is_the_one(group, worker)
    ]
    if target.order_by:
        fitting.sort(key=lambda worker: rank(target.order_by, Scope(worker=WorkerView(worker))))
    return fitting


def _is_the_one(group: WaitingGroup, worker: Worker) -> bool:
    """Tell whether a worker is the known one of the target, if that has one."""
    names = ("sid", worker.sid), ("name", worker.friendly_name.casefold())
    return group.person is None or group.person in names


def _is_free(workspace: Workspace, worker: Worker, task: Task) -> bool:
    if any(each.worker is worker for each in _offers(workspace, task)):
        return True  # but for this very task
    router = workspace.router
    return router is not None and router.is_free(worker, task.channel.sid)


def _offers(workspace: Workspace, task: Task) -> list[Reservation]:
    held = workspace.stores.reservations.of_task(task.sid).values()
    return [each for each in held if each.status in OPEN]
