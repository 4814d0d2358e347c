"""Parameters that refer to resources by their sids or names."""

from collections.abc import Callable
from typing import TypeVar

from aiotask.sandbox.model.refusals import invalid
from aiotask.sandbox.model.store import Resource, Store
from aiotask.sandbox.model.task_channel import TaskChannel, TaskChannelStore
from aiotask.sandbox.model.task_queue import TaskQueueStore
from aiotask.sandbox.model.worker import Worker
from aiotask.sandbox.wire.parameters import Parameters

R = TypeVar("R", bound=Resource)


def referred(store: Store[R], parameters: Parameters, name: str) -> R | None:
    """Return the resource whose sid a parameter is; refuse a sid that does not exist."""
    sid = parameters.text(name)
    item = store.get(sid)
    if sid and item is None:
        raise invalid(f"Invalid {name} {sid!r}: there is no such {store.noun}", name)
    return item


def referred_channel(channels: TaskChannelStore, parameters: Parameters) -> TaskChannel | None:
    """Return the channel that TaskChannel names; refuse one that does not exist."""
    name = parameters.text("TaskChannel")
    channel = channels.named(name) if name else None
    if name and channel is None:
        raise invalid(f"Invalid TaskChannel {name!r}: there is no such TaskChannel")
    return channel


def worker_filter(queues: TaskQueueStore, parameters: Parameters) -> Callable[[Worker], bool]:
    """Return the test of a worker's FriendlyName, and of the queues that the worker serves.

    TaskQueueSid and TaskQueueName name those queues; a name that no queue has matches no worker.
    """
    name = (parameters.filter("FriendlyName") or "").casefold()
    sid, queue_name = parameters.filter("TaskQueueSid"), parameters.filter("TaskQueueName")
    named_queues = [
        queue
        for queue in queues
        if (not sid or queue.sid == sid) and (not queue_name or queue.friendly_name == queue_name)
    ]
    by_queue = bool(sid or queue_name)

    def matches(worker: Worker) -> bool:
        named = not name or worker.friendly_name.casefold() == name
        return named and (not by_queue or any(queue.targets(worker) for queue in named_queues))

    return matches
