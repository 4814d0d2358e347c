"""Task queues: waiting tasks and the workers who may get them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from aiotask.sandbox.expressions.language import Test, parse
from aiotask.sandbox.model.account import Account
from aiotask.sandbox.model.activity import Activity
from aiotask.sandbox.model.dirty import DirtySet
from aiotask.sandbox.model.events import EventLog, Facts
from aiotask.sandbox.model.store import Resource, Store
from aiotask.sandbox.model.worker import Worker, WorkerView

DEFAULT_TARGET = "1==1"

_MOST = 5_000  # the documented limit of queues, and so of expressions that are in use


@lru_cache(_MOST)
def _test(expression: str) -> Test:
    return parse(expression).test


@dataclass(slots=True, kw_only=True)
class TaskQueue(Resource):
    """A queue of tasks for the workers that *target_workers* matches."""

    friendly_name: str
    target_workers: str = DEFAULT_TARGET
    max_reserved_workers: int = 1
    task_order: str = "FIFO"
    reservation_activity: Activity | None = None
    assignment_activity: Activity | None = None

    def targets(self, worker: Worker) -> bool:
        """Tell whether a worker may get tasks from here; an empty TargetWorkers matches none."""
        return bool(self.target_workers) and _test(self.target_workers)(WorkerView(worker))

    def eligible(self, workers: Iterable[Worker]) -> list[Worker]:
        """Return the workers who may get tasks from here."""
        return [worker for worker in workers if self.targets(worker)]


class TaskQueueStore(Store[TaskQueue]):
    """The task queues of one workspace; Twilio's older page of limits allows 5,000."""

    make: Callable[..., TaskQueue] = TaskQueue
    noun = "TaskQueue"
    prefix = "WQ"
    kind = "task-queue"
    most = _MOST

    def __init__(self, account: Account, log: EventLog, dirty: DirtySet) -> None:
        super().__init__(account, log)
        self._dirty = dirty

    def restore(self, item: TaskQueue) -> None:
        """Keep a loaded queue, whose expression another version may have accepted."""
        parse(item.target_workers or DEFAULT_TARGET)
        super().restore(item)

    def changed(self, item: TaskQueue, old: Mapping[str, Any]) -> None:
        """Record a new expression, the one change with an event."""
        self._dirty.add(item.sid)
        if "target_workers" in old:
            self.record(item, "expression.updated")

    def facts(self, item: TaskQueue) -> Facts:
        """Return the event facts of a queue."""
        return Facts(
            task_queue_sid=item.sid,
            task_queue_name=item.friendly_name,
            task_queue_target_expression=item.target_workers,
        )
