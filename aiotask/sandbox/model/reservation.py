"""Reservations: offers of one task to one worker."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from aiotask.sandbox.model.account import Account
from aiotask.sandbox.model.activity import Activity
from aiotask.sandbox.model.events import EventLog, Facts
from aiotask.sandbox.model.store import Resource, Store
from aiotask.sandbox.model.task import Task
from aiotask.sandbox.model.task_channel import TaskChannel
from aiotask.sandbox.model.worker import Worker, WorkerStore

ReservationStatus = Literal[
    "pending",
    "accepted",
    "rejected",
    "timeout",
    "canceled",
    "rescinded",
    "wrapping",
    "completed",
]
RESERVATION_STATUSES: tuple[ReservationStatus, ...] = get_args(ReservationStatus)

OPEN = frozenset(["pending", "accepted", "wrapping"])
"""Statuses that use capacity; Twilio's page on multitasking frees it at completion."""


@dataclass(slots=True, kw_only=True, eq=False)
class Reservation(Resource):
    """A task offered to a worker, on the channel that the task had at that time."""

    task: Task
    worker: Worker
    channel: TaskChannel
    previous_activity: Activity
    """The worker's activity before, restored in workspaces of one task at a time."""
    status: ReservationStatus = "pending"
    post_work_activity: Activity | None = None
    expires: int
    """When it times out, in milliseconds since 1970."""
    round: int
    """The task's `rounds` when it was reserved."""

    @property
    def worker_sid(self) -> str:
        """The worker's sid."""
        return self.worker.sid


class ReservationStore(Store[Reservation]):
    """The reservations of one workspace, by task and by worker."""

    make: Callable[..., Reservation] = Reservation
    noun = "Reservation"
    prefix = "WR"
    kind = "reservation"

    def __init__(self, account: Account, log: EventLog, workers: WorkerStore) -> None:
        super().__init__(account, log)
        self._workers = workers
        self._by_task: dict[str, dict[str, Reservation]] = {}
        self._by_worker: dict[str, dict[str, Reservation]] = {}
        self._open: dict[str, dict[str, Reservation]] = {}

    def of_task(self, sid: str) -> Mapping[str, Reservation]:
        """Return a task's reservations."""
        return self._by_task.get(sid, {})

    def of_worker(self, sid: str) -> Mapping[str, Reservation]:
        """Return a worker's reservations."""
        return self._by_worker.get(sid, {})

    def among(self, sid: str, *statuses: ReservationStatus) -> list[Reservation]:
        """Return a task's reservations that have one of these statuses."""
        return [item for item in self.of_task(sid).values() if item.status in statuses]

    def open(self, worker: Worker) -> Iterator[Reservation]:
        """Yield the worker's reservations that use capacity."""
        return iter(list(self._open.get(worker.sid, {}).values()))

    def hold(self, item: Reservation) -> None:
        """Keep a reservation, and count it on its worker's channel."""
        self._by_task.setdefault(item.task.sid, {})[item.sid] = item
        self._by_worker.setdefault(item.worker.sid, {})[item.sid] = item
        self._engage(item, 1)
        super().hold(item)

    def change(self, item: Reservation, changes: Mapping[str, Any]) -> None:
        """Set what is not None."""
        # Counted out and in again around the change, which may be one of status.
        self._engage(item, -1)
        super().change(item, changes)
        self._engage(item, 1)

    def changed(self, item: Reservation, old: Mapping[str, Any]) -> None:
        """Record a new status, the one change with events."""
        if "status" in old:
            self.record(item, "wrapup" if item.status == "wrapping" else item.status)

    def drop(self, task: Task) -> None:
        """Drop the reservations of a deleted task; TaskRouter has no event for it."""
        for item in self._by_task.pop(task.sid, {}).values():
            self._engage(item, -1)
            del self.items[item.sid]
            self.account.changes.drop(item.sid)
            self._by_worker.get(item.worker.sid, {}).pop(item.sid, None)

    def leave(self, worker: Worker) -> None:
        """Drop the list of a deleted worker; the tasks keep the reservations."""
        self._by_worker.pop(worker.sid, None)
        self._open.pop(worker.sid, None)

    def facts(self, item: Reservation) -> Facts:
        """Return the event facts of a reservation, its task and its worker."""
        worker, channel = item.worker, item.worker.channels.get(item.channel.sid)
        capacity = () if channel is None else (("worker_channel_capacity", str(channel.capacity)),)
        return item.task.facts()._replace(
            reservation_sid=item.sid,
            worker_sid=worker.sid,
            worker_name=worker.friendly_name,
            worker_attributes=worker.attributes,
            worker_activity_sid=worker.activity.sid,
            worker_activity_name=worker.activity.friendly_name,
            reservation_version=item.version,
            worker_version=worker.version,
            more=capacity,
        )

    def _engage(self, item: Reservation, count: int) -> None:
        if item.status not in OPEN:
            return
        busy = self._open.setdefault(item.worker.sid, {})
        if count > 0:
            busy[item.sid] = item
        else:
            del busy[item.sid]
        assigned = count if item.status == "accepted" else 0
        self._workers.engage(item.worker, item.channel, count, assigned)
