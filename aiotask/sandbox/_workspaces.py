"""Workspaces: what holds activities, channels, queues, workflows and tasks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import orjson

from aiotask.sandbox._activities import Activities, Activity, TaskChannels
from aiotask.sandbox._answers import Answer, invalid
from aiotask.sandbox._calls import Call, Collection
from aiotask.sandbox._parameters import Parameters
from aiotask.sandbox._shelf import Resource, Shelf
from aiotask.sandbox._task_parameters import TaskReader
from aiotask.sandbox._task_queues import TaskQueue, TaskQueues
from aiotask.sandbox._tasks import Tasks
from aiotask.sandbox._workflows import Workflows

Template = Literal["NONE", "FIFO"]

_TEMPLATES: tuple[Template, ...] = get_args(Template)

# What the template FIFO makes, by the names that recorded answers have.
_FIFO_QUEUE = "Sample Queue"
_FIFO_WORKFLOW = "Default Fifo Workflow"
_ORDERS = ("FIFO", "LIFO")
_LINKS = {
    "activities": "Activities",
    "statistics": "Statistics",
    "real_time_statistics": "RealTimeStatistics",
    "cumulative_statistics": "CumulativeStatistics",
    "task_queues": "TaskQueues",
    "tasks": "Tasks",
    "workers": "Workers",
    "workflows": "Workflows",
    "task_channels": "TaskChannels",
    "events": "Events",
}


@dataclass(slots=True, kw_only=True)
class Workspace(Resource):
    """One workspace, and the collections in it by the name that their path has."""

    friendly_name: str
    default_activity: Activity
    timeout_activity: Activity
    collections: Mapping[str, Collection]
    activities: Activities
    queues: TaskQueues
    workflows: Workflows
    tasks: Tasks
    event_callback_url: str = ""
    events_filter: str | None = None
    multi_task_enabled: bool = True
    prioritize_queue_order: str = "FIFO"


class Workspaces(Shelf[Workspace]):
    """The workspaces of the account. Their names need not differ."""

    key = "workspaces"
    filters = {"FriendlyName": "friendly_name"}  # noqa: RUF012 - declared a ClassVar by Shelf

    def open(self, friendly_name: str, template: Template) -> Workspace:
        """Add a workspace with what its template makes."""
        account, now = self.account, self.account.now()
        sid = account.new_sid("WS")
        activities, channels = Activities(account, sid), TaskChannels(account, sid)

        def in_use(queue: TaskQueue) -> bool:
            routed = any(queue.sid in item.document.queue_sids for item in workflows)
            return routed or tasks.wait_in(queue)

        queues = TaskQueues(account, sid, activities, in_use)
        workflows = Workflows(account, sid, queues)
        tasks = Tasks(account, sid, TaskReader(account, workflows, queues, channels))
        if template == "FIFO":
            caught = {"default_filter": {"queue": queues.open(_FIFO_QUEUE).sid}}
            configuration = orjson.dumps({"task_routing": {"filters": [], **caught}})
            workflows.open(_FIFO_WORKFLOW, configuration.decode())
        offline = next(iter(activities))
        return self.add(
            Workspace(
                sid=sid,
                created=now,
                updated=now,
                friendly_name=friendly_name,
                default_activity=offline,
                timeout_activity=offline,
                activities=activities,
                queues=queues,
                workflows=workflows,
                tasks=tasks,
                collections={
                    "Activities": activities,
                    "TaskChannels": channels,
                    "TaskQueues": queues,
                    "Tasks": tasks,
                    "Workflows": workflows,
                },
            )
        )

    def create(self, call: Call) -> Answer:
        """Add a workspace."""
        name = call.parameters.required("FriendlyName")
        template = call.parameters.chosen("Template", _TEMPLATES) or "NONE"
        changes = self._read(call.parameters)
        workspace = self.open(name, template)
        self.change(workspace, changes)
        return self.answer(call, 201, workspace)

    def update(self, call: Call) -> Answer:
        """Change a workspace."""
        workspace = self.find(call)
        changes = self._read(call.parameters)
        for parameter, field in (
            ("DefaultActivitySid", "default_activity"),
            ("TimeoutActivitySid", "timeout_activity"),
        ):
            changes[field] = _activity(workspace, call.parameters, parameter)
        self.change(workspace, changes)
        return self.answer(call, 200, workspace)

    def delete(self, call: Call) -> Answer:
        """Remove a workspace with all that is in it."""
        return self.remove(call)

    def render(self, item: Workspace, parent: str) -> dict[str, Any]:
        """Return the documented fields."""
        url = f"{parent}/Workspaces/{item.sid}"
        return {
            "account_sid": self.account.sid,
            **item.dates(),
            "default_activity_name": item.default_activity.friendly_name,
            "default_activity_sid": item.default_activity.sid,
            "event_callback_url": item.event_callback_url,
            "events_filter": item.events_filter,
            "friendly_name": item.friendly_name,
            "links": {name: f"{url}/{path}" for name, path in _LINKS.items()},
            "multi_task_enabled": item.multi_task_enabled,
            "prioritize_queue_order": item.prioritize_queue_order,
            "sid": item.sid,
            "timeout_activity_name": item.timeout_activity.friendly_name,
            "timeout_activity_sid": item.timeout_activity.sid,
            "url": url,
        }

    def _read(self, parameters: Parameters) -> dict[str, Any]:
        return {
            "friendly_name": parameters.named("FriendlyName", code=20002),
            "event_callback_url": parameters.text("EventCallbackUrl"),
            "events_filter": parameters.text("EventsFilter"),
            "multi_task_enabled": parameters.boolean("MultiTaskEnabled"),
            "prioritize_queue_order": parameters.chosen("PrioritizeQueueOrder", _ORDERS),
        }


def _activity(workspace: Workspace, parameters: Parameters, name: str) -> Activity | None:
    sid = parameters.text(name)
    activity = workspace.activities.get(sid)
    if sid and activity is None:
        raise invalid(f"Invalid {name} {sid!r}: there is no such Activity")
    return activity
