"""Workers and their channels, and the view of them in expressions."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiotask.sandbox._json import loads
from aiotask.sandbox.expressions.language import View
from aiotask.sandbox.model.account import Account
from aiotask.sandbox.model.activity import Activity
from aiotask.sandbox.model.changes import DERIVED
from aiotask.sandbox.model.dirty import DirtySet
from aiotask.sandbox.model.events import EventLog, Facts
from aiotask.sandbox.model.refusals import invalid
from aiotask.sandbox.model.store import Resource, Store
from aiotask.sandbox.model.task_channel import TaskChannel, TaskChannelStore


@dataclass(slots=True, kw_only=True, eq=False)
class WorkerChannel(Resource):
    """A worker's capacity and load on one task channel."""

    channel: TaskChannel
    capacity: int = 1
    available: bool = True
    assigned: int = field(default=0, metadata=DERIVED)
    """The number of accepted reservations."""
    engaged: int = field(default=0, metadata=DERIVED)
    """The number of pending, accepted and wrapping reservations."""
    turn: int = 0
    """Sort key: the worker idle for longest on this channel comes first."""

    @property
    def percentage(self) -> int:
        """The free share of the capacity, computed as on Twilio's page on multitasking."""
        if not self.capacity:
            return 0
        return max(0, (self.capacity - self.engaged) * 100 // self.capacity)


@dataclass(slots=True, kw_only=True, eq=False)
class Worker(Resource):
    """A worker; the present activity began at *since*, in milliseconds since 1970."""

    friendly_name: str
    activity: Activity
    since: int
    attributes: str = "{}"
    decoded: Mapping[str, Any] = field(default_factory=dict, metadata=DERIVED)
    channels: dict[str, WorkerChannel] = field(default_factory=dict)
    """Channels by the sid of the task channel."""
    turn: int = 0
    """Sort key: the worker idle for longest comes first."""

    @property
    def activity_sid(self) -> str:
        """The sid of the present activity."""
        return self.activity.sid

    @property
    def activity_name(self) -> str:
        """The name of the present activity."""
        return self.activity.friendly_name

    def facts(self) -> Facts:
        """Return the event facts of a worker."""
        return Facts(
            worker_sid=self.sid,
            worker_name=self.friendly_name,
            worker_attributes=self.attributes,
            worker_activity_sid=self.activity.sid,
            worker_activity_name=self.activity.friendly_name,
            worker_version=self.version,
        )


class WorkerView(View):
    """A worker in expressions: Twilio's own fields first, then the attributes."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def get(self, name: str, /) -> Any:
        """Return the value of a field or attribute, or None."""
        worker = self._worker
        match name:
            case "sid" | "friendly_name" | "activity_sid" | "activity_name":
                return getattr(worker, name)
            case "channel":
                return {
                    item.channel.unique_name: {
                        "configured_capacity": item.capacity,
                        "assigned_tasks": item.assigned,
                        "available_capacity_percentage": item.percentage,
                    }
                    for item in worker.channels.values()
                }
        return worker.decoded.get(name)


class WorkerStore(Store[Worker]):
    """The workers of one workspace, each with one channel per task channel.

    Twilio's page on workers allows 15,000.
    """

    make: Callable[..., Worker] = Worker
    noun = "Worker"
    prefix = "WK"
    kind = "worker"
    most = 15_000

    def __init__(
        self, account: Account, log: EventLog, channels: TaskChannelStore, dirty: DirtySet
    ) -> None:
        super().__init__(account, log)
        self.dirty = dirty
        self.by_activity: Counter[str] = Counter()
        self._channels = channels
        self._names: dict[str, Worker] = {}
        self._turn = 0

    def built(self, values: Mapping[str, Any]) -> Worker:
        """Return a new worker without adding it."""
        self._check_name(values["friendly_name"], None)
        worker = super().built({**values, "since": self.account.milliseconds()})
        for channel in self._channels:
            self._add_channel(worker, channel)
        self.rest(worker, *worker.channels.values())
        return worker

    def named(self, name: str) -> Worker | None:
        """Return the worker with a friendly name, whatever its case."""
        return self._names.get(name.casefold())

    def rest(self, worker: Worker, *channels: WorkerChannel) -> None:
        """Put a worker at the end of the idle order."""
        # In thousandths of a millisecond, so that many changes within one keep their order.
        self._turn = max(self._turn + 1, self.account.milliseconds() * 1000)
        worker.turn = self._turn
        for item in channels:
            item.turn = self._turn
        if worker.sid in self.items:
            self.mark_unsaved(worker)
        self.dirty.add(worker.sid)

    def hold(self, item: Worker) -> None:
        """Keep a new or loaded worker."""
        self._index(item)
        super().hold(item)

    def restore(self, item: Worker) -> None:
        """Keep a loaded worker, and compute the derived fields."""
        item.decoded = loads(item.attributes)
        self._turn = max(self._turn, item.turn, *(each.turn for each in item.channels.values()))
        super().restore(item)

    def change(self, item: Worker, changes: Mapping[str, Any]) -> None:
        """Set the values that are not None; a new activity begins now."""
        self._check_name(changes.get("friendly_name"), item)
        if changes.get("activity") not in (None, item.activity):
            changes = {**changes, "since": self.account.milliseconds()}
        self._unindex(item)
        idle = item.activity.available
        super().change(item, changes)
        self._index(item)
        if item.activity.available and not idle:
            self.rest(item, *item.channels.values())
        self.dirty.add(item.sid)

    def changed(self, item: Worker, old: Mapping[str, Any]) -> None:
        """Record the changes that TaskRouter has events for."""
        if "attributes" in old:
            self.record(item, "attributes.update")
        if "activity" in old:
            facts = item.facts()._replace(
                more=self._spent(old["activity"], old.get("since", item.since))
            )
            self.log_event(item.sid, facts, "worker.activity.update")

    def remove(self, item: Worker) -> None:
        """Remove a worker."""
        self._unindex(item)
        # Reservations of closed tasks still refer to the worker.
        del self.items[item.sid]
        self.account.changes.add_tombstone(item)
        self.dirty.add(item.sid)
        facts = item.facts()._replace(more=self._spent(item.activity, item.since))
        self.log_event(item.sid, facts, "worker.deleted")

    def facts(self, item: Worker) -> Facts:
        """Return the event facts of a worker."""
        return item.facts()

    def add_channel(self, channel: TaskChannel) -> None:
        """Add a channel to every worker, for a new task channel."""
        for worker in self:
            self._add_channel(worker, channel)
            self.mark_unsaved(worker)

    def remove_channel(self, channel: TaskChannel) -> None:
        """Remove the channel of a deleted task channel from every worker."""
        for worker in self:
            del worker.channels[channel.sid]
            self.mark_unsaved(worker)
            self.dirty.add(worker.sid)

    def engage(self, worker: Worker, channel: TaskChannel, engaged: int, assigned: int) -> None:
        """Add to a worker's counts of reservations on a channel."""
        item = worker.channels.get(channel.sid)
        if item is not None:
            item.engaged += engaged
            item.assigned += assigned
        self.dirty.add(worker.sid)

    def _check_name(self, name: str | None, item: Worker | None) -> None:
        """Refuse the name of another worker; Twilio ignores case."""
        if name is not None and self._names.get(name.casefold()) not in (None, item):
            raise invalid(f"A Worker with the FriendlyName {name!r} exists already")

    def _spent(self, activity: Activity, since: int) -> tuple[tuple[str, str], ...]:
        spent = self.account.milliseconds() - since
        return (
            ("worker_previous_activity_sid", activity.sid),
            ("worker_previous_activity_name", activity.friendly_name),
            ("worker_time_in_previous_activity", str(spent // 1000)),
            ("worker_time_in_previous_activity_ms", str(spent)),
        )

    def _add_channel(self, worker: Worker, channel: TaskChannel) -> None:
        now = self.account.now()
        sid = self.account.new_sid("WC")
        worker.channels[channel.sid] = WorkerChannel(
            sid=sid, created=now, updated=now, channel=channel, turn=worker.turn
        )
        self.dirty.add(worker.sid)

    def _index(self, item: Worker) -> None:
        self._names[item.friendly_name.casefold()] = item
        self.by_activity[item.activity.sid] += 1

    def _unindex(self, item: Worker) -> None:
        del self._names[item.friendly_name.casefold()]
        self.by_activity[item.activity.sid] -= 1


class WorkerChannelStore(Store[WorkerChannel]):
    """The channels of one worker; their events are the worker's."""

    def __init__(self, workers: WorkerStore, worker: Worker) -> None:
        super().__init__(workers.account, workers.log)
        self._dirty = workers.dirty
        self.items: dict[str, WorkerChannel] = {item.sid: item for item in worker.channels.values()}
        self.worker = worker

    def mark_unsaved(self, item: WorkerChannel) -> None:  # noqa: ARG002 - for all of them
        """Save the worker, whose row holds the channels."""
        self.account.changes.put(self.worker)

    def changed(self, item: WorkerChannel, old: Mapping[str, Any]) -> None:
        """Record a change, under the field names of TaskRouter's event callbacks."""
        facts = self.worker.facts()._replace(
            task_channel_sid=item.channel.sid,
            task_channel_unique_name=item.channel.unique_name,
            more=(
                ("worker_channel_available", str(item.available).lower()),
                ("worker_channel_available_capacity", str(item.percentage)),
                ("worker_channel_previous_capacity", str(old.get("capacity", item.capacity))),
                ("worker_channel_task_count", str(item.assigned)),
            ),
        )
        self._dirty.add(self.worker.sid)
        if "capacity" in old:
            self.log_event(self.worker.sid, facts, "worker.capacity.update")
        if "available" in old:
            self.log_event(self.worker.sid, facts, "worker.channel.availability.update")
