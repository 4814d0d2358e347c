"""Endpoints of task queues."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from aiotask.sandbox.api.collection import EditableCollection
from aiotask.sandbox.api.dates import dates
from aiotask.sandbox.api.endpoint import Call, Endpoint
from aiotask.sandbox.api.references import referred
from aiotask.sandbox.api.singleton import Singleton
from aiotask.sandbox.api.statistics import Reports
from aiotask.sandbox.model.refusals import invalid
from aiotask.sandbox.model.task import WAITING
from aiotask.sandbox.model.task_queue import TaskQueue
from aiotask.sandbox.model.worker import Worker, WorkerView
from aiotask.sandbox.model.workspace_stores import Stores
from aiotask.sandbox.wire.answers import Answer
from aiotask.sandbox.wire.parameters import Parameters

_ORDERS = ("FIFO", "LIFO")
_MAX_RESERVED = 50


class TaskQueues(EditableCollection[TaskQueue]):
    """The task queues of one workspace.

    EvaluateWorkerAttributes lists the queues that match one of the workers it selects. Ordering is
    ignored, as its grammar is unpublished.
    """

    key = "task_queues"
    filters: ClassVar[Mapping[str, str]] = {"FriendlyName": "friendly_name"}

    def __init__(self, stores: Stores, reports: Reports) -> None:
        super().__init__(stores.queues, stores.workspace_sid)
        self._stores = stores
        self._reports = reports

    def special(self, name: str) -> Endpoint | None:
        """Return statistics of several queues."""
        match name:
            case "Statistics":
                return _StatisticsList(self, self._reports)
            case "RealTimeStatistics":
                return self._reports.bulk()
        return None

    def below(self, sid: str, name: str) -> Endpoint | None:
        """Return the statistics of a queue."""
        queue = self.store.get(sid)
        return None if queue is None else self._reports.queue(queue, name)

    def take_out(self, item: TaskQueue) -> None:
        """Remove a queue; refuse with Twilio's 400 while tasks or workflows use it."""
        if self._uses(item):
            raise invalid(f"Cannot delete TaskQueue {item.sid} because it is in use")
        super().take_out(item)

    def render(self, item: TaskQueue, parent: str) -> dict[str, Any]:
        """Return the documented fields."""
        reservation, assignment = item.reservation_activity, item.assignment_activity
        collection = f"{parent}/TaskQueues"
        url = f"{collection}/{item.sid}"
        return {
            "account_sid": self.account.sid,
            "assignment_activity_name": assignment and assignment.friendly_name,
            "assignment_activity_sid": assignment and assignment.sid,
            **dates(item),
            "friendly_name": item.friendly_name,
            "max_reserved_workers": item.max_reserved_workers,
            "links": {
                "assignment_activity": assignment and f"{parent}/Activities/{assignment.sid}",
                "reservation_activity": reservation and f"{parent}/Activities/{reservation.sid}",
                "workspace": parent,
                "statistics": f"{url}/Statistics",
                "real_time_statistics": f"{url}/RealTimeStatistics",
                "cumulative_statistics": f"{url}/CumulativeStatistics",
                "list_statistics": f"{collection}/Statistics",
                "bulk_real_time_statistics": f"{collection}/RealTimeStatistics",
            },
            "reservation_activity_name": reservation and reservation.friendly_name,
            "reservation_activity_sid": reservation and reservation.sid,
            "sid": item.sid,
            "target_workers": item.target_workers,
            "task_order": item.task_order,
            "url": url,
            "workspace_sid": self.workspace_sid,
        }

    def matcher(self, parameters: Parameters) -> Callable[[TaskQueue], bool]:
        """Return the filter by name and by eligible workers."""
        named = super().matcher(parameters)
        expression = parameters.expression("EvaluateWorkerAttributes")
        sid = parameters.filter("WorkerSid")
        if expression is None and sid is None:
            return named
        asked: Iterable[Worker] = self._stores.workers
        if sid:
            asked = [worker for worker in asked if worker.sid == sid]
        if expression is not None:
            asked = [worker for worker in asked if expression.test(WorkerView(worker))]
        return lambda queue: named(queue) and any(map(queue.targets, asked))

    def read(self, parameters: Parameters, item: TaskQueue | None) -> dict[str, Any]:
        """Return the values of a request."""
        activities = self._stores.activities
        changes: dict[str, Any] = {
            "friendly_name": parameters.named("FriendlyName", code=20002),
            "target_workers": parameters.text("TargetWorkers"),
            "max_reserved_workers": parameters.integer("MaxReservedWorkers", 1, _MAX_RESERVED),
            "task_order": parameters.chosen("TaskOrder", _ORDERS),
            "reservation_activity": referred(activities, parameters, "ReservationActivitySid"),
            "assignment_activity": referred(activities, parameters, "AssignmentActivitySid"),
        }
        name = changes["friendly_name"]
        if any(other.friendly_name == name for other in self.store if other is not item):
            raise invalid(f"A TaskQueue with the FriendlyName {name!r} exists already")
        parameters.expression("TargetWorkers")
        return changes

    def _uses(self, item: TaskQueue) -> bool:
        waiting = {"task_queue_sid": frozenset([item.sid]), "assignment_status": WAITING}
        return bool(self._stores.tasks.counts(waiting)) or any(
            item.sid in workflow.document.queue_sids for workflow in self._stores.workflows
        )


class _StatisticsList(Singleton):
    """Pages with the statistics of each queue."""

    def __init__(self, queues: TaskQueues, reports: Reports) -> None:
        self._queues = queues
        self._reports = reports

    def read(self, call: Call) -> Answer:
        """Return a page."""
        figures = self._reports.of_queues(call.parameters)

        def render(queue: TaskQueue, _parent: str) -> dict[str, Any]:
            return figures(queue)

        return self._queues.page(call, "task_queues_statistics", render)
