"""State transitions of tasks, reservations and workers, with all their consequences.

Requests, tests and routing call one method for one transition; it alone updates channel counts, the
status of the task, versions, events and statistics.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from aiotask.sandbox.expressions.language import Attributes
from aiotask.sandbox.model.activity import Activity
from aiotask.sandbox.model.events import Fact
from aiotask.sandbox.model.refusals import invalid
from aiotask.sandbox.model.reservation import OPEN, Reservation, ReservationStatus
from aiotask.sandbox.model.task import WAITING, Status, Task
from aiotask.sandbox.model.worker import Worker
from aiotask.sandbox.model.workspace_stores import Stores

_CREATED = ("task.created", "workflow.entered")
_MATCHED = ("workflow.target-matched", "task-queue.entered")
_UNMATCHED = (*_CREATED, "task.canceled")
_TASK_EVENTS: Mapping[str, str] = {
    "canceled": "task.canceled",
    "wrapping": "task.wrapup",
    "completed": "task.completed",
}
# When a task changes to one of these statuses, its reservations in the former statuses follow.
_FOLLOWING: Mapping[str, tuple[tuple[ReservationStatus, ...], ReservationStatus]] = {
    "canceled": (("pending",), "canceled"),
    "wrapping": (("accepted",), "wrapping"),
    "completed": (("accepted", "wrapping"), "completed"),
}


class Settings(Protocol):
    """The settings of a workspace."""

    default_activity: Activity
    """The activity of a new worker."""
    timeout_activity: Activity
    """The activity of a worker whose reservation timed out."""
    multi_task_enabled: bool
    """Whether workers do several tasks at once, without a change of activity."""
    prioritize_queue_order: str
    """FIFO or LIFO: the queues that are served first."""


class Transitions:
    """The transitions of one workspace; the api checks whether a request may cause one."""

    def __init__(self, stores: Stores, settings: Callable[[], Settings]) -> None:
        self._account = stores.account
        self._log = stores.log
        self._dirty = stores.dirty
        self._tasks = stores.tasks
        self._reservations = stores.reservations
        self._workers = stores.workers
        self._settings = settings

    def create_task(self, task: Task, attributes: Attributes) -> None:
        """Add a new task; one without a queue is canceled already."""
        self._tasks.add(task, attributes)
        self._dirty.add(task.sid)
        facts = task.facts()
        if task.queue is None:
            self._log.record(task.sid, facts, *_UNMATCHED)
            return
        self._log.record(task.sid, facts, *_CREATED)
        target = None if task.rule is None else task.workflow.document.target(task.rule, 0)
        if target is not None and target.facts:
            facts = facts._replace(more=target.facts)
        self._log.record(task.sid, facts, *_MATCHED)

    def change_task(self, task: Task, changes: Mapping[str, Any]) -> None:
        """Change a task; its reservations follow its status."""
        if changes.get("attributes", task.attributes) != task.attributes:
            self._dirty.add_rewritten(task.sid)
        self._move(task, changes)
        following = _FOLLOWING.get(changes.get("assignment_status", ""))
        if following is not None:
            statuses, status = following
            for reservation in self._reservations.among(task.sid, *statuses):
                self._turn(reservation, status)

    def set_status(self, task: Task, status: Status) -> None:
        """Set any status, without a change to reservations."""
        self._move(task, {"assignment_status": status})

    def route_task(
        self, task: Task, changes: Mapping[str, Any], more: Sequence[Fact], *events: str
    ) -> None:
        """Move a task within its workflow, and record *events* with *more* facts."""
        self._tasks.change(task, changes, self._account.now())
        self._dirty.add(task.sid)
        self._log.record(task.sid, task.facts()._replace(more=tuple(more)), *events)

    def log_event(self, task: Task, *events: str) -> None:
        """Record events that do not change the task."""
        self._log.record(task.sid, task.facts(), *events)

    def delete_task(self, task: Task, *events: str) -> None:
        """Delete a task and its reservations, and record *events*."""
        self._dirty.add(*self._reservations.of_task(task.sid), task.sid)
        self._reservations.drop(task)
        self._tasks.remove(task)
        self._log.record(task.sid, task.facts(), *events)

    def reserve(self, task: Task, worker: Worker) -> Reservation:
        """Offer a waiting task to a worker."""
        if task.assignment_status not in WAITING:
            raise invalid(f"Cannot reserve task {task.sid} because it is not pending or reserved.")
        reservation = self._reservations.built(
            {
                "task": task,
                "worker": worker,
                "channel": task.channel,
                "previous_activity": worker.activity,
                "expires": self._account.milliseconds()
                + task.workflow.task_reservation_timeout * 1000,
                "round": task.rounds + (task.assignment_status == "pending"),
            }
        )
        if task.assignment_status == "pending":
            self._move(task, {"assignment_status": "reserved", "rounds": task.rounds + 1})
        self._reservations.add(reservation)
        self._dirty.add(reservation.sid, task.sid)
        self._rest(reservation)
        if task.queue is not None:
            self._occupy(worker, task.queue.reservation_activity)
        return reservation

    def accept(self, reservation: Reservation) -> None:
        """Assign a task to the worker who accepts it, and rescind its other reservations."""
        task = reservation.task
        # The task is assigned before its other reservations are rescinded, or it would be released.
        self._turn(reservation, "accepted")
        self._move(task, {"assignment_status": "assigned"})
        for sibling in self._reservations.among(task.sid, "pending"):
            self.rescind(sibling)
        if task.queue is not None:
            self._occupy(reservation.worker, task.queue.assignment_activity)

    def reject(self, reservation: Reservation, activity: Activity | None = None) -> None:
        """Reject a reservation, and move its worker to *activity*.

        Without an *activity*, a worker who does one task at a time returns to the former one.
        """
        self._turn(reservation, "rejected")
        if activity is None:
            self._occupy(reservation.worker, reservation.previous_activity)
        else:
            self.move_worker(reservation.worker, activity)
        self._release(reservation.task)

    def time_out(self, reservation: Reservation) -> None:
        """Time out a reservation, and move its worker to the timeout activity."""
        self._turn(reservation, "timeout")
        self.move_worker(reservation.worker, self._settings().timeout_activity)
        self._release(reservation.task)

    def cancel(self, reservation: Reservation) -> None:
        """Cancel a reservation."""
        self._turn(reservation, "canceled")
        self._release(reservation.task)

    def rescind(self, reservation: Reservation) -> None:
        """Rescind a reservation, as another worker was faster."""
        self._turn(reservation, "rescinded")
        self._release(reservation.task)

    def wrap_up(self, reservation: Reservation) -> None:
        """Start the wrap-up; the task follows its last reservation."""
        self._turn(reservation, "wrapping")
        self._follow(reservation.task, "wrapping", ("accepted",))

    def complete(self, reservation: Reservation) -> None:
        """Complete a reservation; the task follows its last one."""
        self._turn(reservation, "completed")
        self._follow(reservation.task, "completed", ("accepted", "wrapping"))

    def move_worker(self, worker: Worker, activity: Activity) -> None:
        """Change a worker's activity, without a change to reservations."""
        if activity is not worker.activity:
            self._workers.change(worker, {"activity": activity})

    def change_worker(self, worker: Worker, changes: Mapping[str, Any], *, reject: bool) -> None:
        """Change a worker, and then *reject* the pending reservations."""
        self._workers.change(worker, changes)
        for reservation in self._reservations.open(worker):
            if reject and reservation.status == "pending":
                self.reject(reservation, worker.activity)

    def delete_worker(self, worker: Worker) -> None:
        """Delete a worker without open reservations."""
        if any(self._reservations.open(worker)):
            raise invalid(f"Cannot delete Worker {worker.sid} because it has open Reservations")
        self._workers.remove(worker)
        self._reservations.leave(worker)

    def _turn(self, reservation: Reservation, status: ReservationStatus) -> None:
        self._reservations.change(reservation, {"status": status})
        self._dirty.add(reservation.sid, reservation.task.sid)
        if status not in OPEN:
            self._rest(reservation)
        if status == "completed" and reservation.post_work_activity is not None:
            self.move_worker(reservation.worker, reservation.post_work_activity)

    def _move(self, task: Task, changes: Mapping[str, Any]) -> None:
        status = changes.get("assignment_status")
        if status is not None:
            changes = {**changes, "moved": self._account.milliseconds()}
        self._tasks.change(task, changes, self._account.now())
        self._dirty.add(task.sid)
        event = "task.updated" if status is None else _TASK_EVENTS.get(status)
        if event is not None:
            self._log.record(task.sid, task.facts(), event)

    def _release(self, task: Task) -> None:
        """Return a task to pending once it has no pending reservation."""
        if task.assignment_status == "reserved" and not self._reservations.among(
            task.sid, "pending"
        ):
            self._move(task, {"assignment_status": "pending"})

    def _rest(self, reservation: Reservation) -> None:
        """Move the worker to the end of the idle order."""
        worker = reservation.worker
        channel = worker.channels.get(reservation.channel.sid)
        self._workers.rest(worker, *([] if channel is None else [channel]))

    def _follow(self, task: Task, status: Status, until: tuple[ReservationStatus, ...]) -> None:
        working = task.assignment_status in ("assigned", "wrapping")
        if working and not self._reservations.among(task.sid, *until):
            self._move(task, {"assignment_status": status})

    def _occupy(self, worker: Worker, activity: Activity | None) -> None:
        """Move a worker, in a workspace of one task at a time."""
        if activity is not None and not self._settings().multi_task_enabled:
            self.move_worker(worker, activity)
