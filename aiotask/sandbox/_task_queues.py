"""Task queues: where tasks wait, and for which workers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiotask.sandbox._account import Account
from aiotask.sandbox._activities import Activities, Activity
from aiotask.sandbox._answers import Answer, invalid
from aiotask.sandbox._calls import Call
from aiotask.sandbox._parameters import Parameters
from aiotask.sandbox._shelf import Resource, Shelf

DEFAULT_TARGET = "1==1"

_ORDERS = ("FIFO", "LIFO")
_MAX_RESERVED = 50


@dataclass(slots=True, kw_only=True)
class TaskQueue(Resource):
    """Where tasks wait."""

    friendly_name: str
    target_workers: str = DEFAULT_TARGET
    max_reserved_workers: int = 1
    task_order: str = "FIFO"
    reservation_activity: Activity | None = None
    assignment_activity: Activity | None = None


class TaskQueues(Shelf[TaskQueue]):
    """The task queues of one workspace.

    The lists' EvaluateWorkerAttributes and WorkerSid ask about workers, of which there are none:
    the expression is checked, and nothing matches. Ordering is ignored, its grammar unpublished.
    """

    key = "task_queues"
    filters = {"FriendlyName": "friendly_name"}  # noqa: RUF012 - declared a ClassVar by Shelf

    def __init__(
        self,
        account: Account,
        workspace_sid: str,
        activities: Activities,
        in_use: Callable[[TaskQueue], bool],
    ) -> None:
        super().__init__(account)
        self._workspace_sid = workspace_sid
        self._activities = activities
        self._in_use = in_use

    def open(self, friendly_name: str) -> TaskQueue:
        """Add a queue with the defaults."""
        now = self.account.now()
        sid = self.account.new_sid("WQ")
        return self.add(TaskQueue(sid=sid, created=now, updated=now, friendly_name=friendly_name))

    def create(self, call: Call) -> Answer:
        """Add a queue."""
        call.parameters.required("FriendlyName")
        changes = self._read(call.parameters, None)
        queue = self.open(changes["friendly_name"])
        self.change(queue, changes)
        return self.answer(call, 201, queue)

    def update(self, call: Call) -> Answer:
        """Change a queue."""
        queue = self.find(call)
        self.change(queue, self._read(call.parameters, queue))
        return self.answer(call, 200, queue)

    def delete(self, call: Call) -> Answer:
        """Remove a queue, unless tasks may still go through it, which Twilio answers with 400."""
        if self._in_use(self.find(call)):
            raise invalid(f"Cannot delete TaskQueue {call.sid} because it is in use")
        return self.remove(call)

    def render(self, item: TaskQueue, parent: str) -> dict[str, Any]:
        """Return the documented fields."""
        reservation, assignment = item.reservation_activity, item.assignment_activity
        collection = f"{parent}/TaskQueues"
        url = f"{collection}/{item.sid}"
        return {
            "account_sid": self.account.sid,
            "assignment_activity_name": assignment and assignment.friendly_name,
            "assignment_activity_sid": assignment and assignment.sid,
            **item.dates(),
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
            "workspace_sid": self._workspace_sid,
        }

    def matcher(self, parameters: Parameters) -> Callable[[TaskQueue], bool]:
        """Return the test of the name; what asks for workers finds none."""
        if parameters.expression("EvaluateWorkerAttributes") or parameters.text("WorkerSid"):
            return lambda _: False
        return super().matcher(parameters)

    def _read(self, parameters: Parameters, queue: TaskQueue | None) -> dict[str, Any]:
        changes: dict[str, Any] = {
            "friendly_name": parameters.named("FriendlyName", code=20002),
            "target_workers": parameters.text("TargetWorkers"),
            "max_reserved_workers": parameters.integer("MaxReservedWorkers", 1, _MAX_RESERVED),
            "task_order": parameters.chosen("TaskOrder", _ORDERS),
            "reservation_activity": self._activity(parameters, "ReservationActivitySid"),
            "assignment_activity": self._activity(parameters, "AssignmentActivitySid"),
        }
        name = changes["friendly_name"]
        if any(other.friendly_name == name for other in self if other is not queue):
            raise invalid(f"A TaskQueue with the FriendlyName {name!r} exists already")
        parameters.expression("TargetWorkers")
        return changes

    def _activity(self, parameters: Parameters, name: str) -> Activity | None:
        sid = parameters.text(name)
        activity = self._activities.get(sid)
        if sid and activity is None:
            raise invalid(f"Invalid {name} {sid!r}: there is no such Activity")
        return activity
