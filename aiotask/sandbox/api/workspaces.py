"""Endpoints of workspaces."""

from collections.abc import Mapping
from typing import Any, ClassVar

from aiotask.sandbox._workspace import TEMPLATES, Workspace, WorkspaceStore
from aiotask.sandbox.api.activities import Activities
from aiotask.sandbox.api.collection import EditableCollection
from aiotask.sandbox.api.dates import dates
from aiotask.sandbox.api.endpoint import Endpoint
from aiotask.sandbox.api.events import Events
from aiotask.sandbox.api.references import referred
from aiotask.sandbox.api.reservations import WorkspaceAccess
from aiotask.sandbox.api.statistics import Reports
from aiotask.sandbox.api.task_channels import TaskChannels
from aiotask.sandbox.api.task_queues import TaskQueues
from aiotask.sandbox.api.tasks import Tasks
from aiotask.sandbox.api.workers import Workers
from aiotask.sandbox.api.workflows import Workflows
from aiotask.sandbox.wire.parameters import Parameters

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


class Workspaces(EditableCollection[Workspace]):
    """The workspaces of the account; names may repeat."""

    key = "workspaces"
    filters: ClassVar[Mapping[str, str]] = {"FriendlyName": "friendly_name"}

    def __init__(self, workspaces: WorkspaceStore) -> None:
        super().__init__(workspaces)
        self._endpoints: dict[str, Mapping[str, Endpoint]] = {}

    def below(self, sid: str, name: str) -> Endpoint | None:
        """Return a collection of a workspace, or its statistics."""
        workspace = self.store.get(sid)
        if workspace is None:
            return None
        if sid not in self._endpoints:
            self._endpoints[sid] = _endpoints(workspace)
        return self._endpoints[sid].get(name)

    def take_out(self, item: Workspace) -> None:
        """Delete a workspace and its contents."""
        self._endpoints.pop(item.sid, None)
        super().take_out(item)

    def read(self, parameters: Parameters, item: Workspace | None) -> dict[str, Any]:
        """Return the values of a request."""
        changes: dict[str, Any] = {
            "friendly_name": parameters.named("FriendlyName", code=20002),
            "event_callback_url": parameters.text("EventCallbackUrl"),
            "events_filter": parameters.text("EventsFilter"),
            "multi_task_enabled": parameters.boolean("MultiTaskEnabled"),
            "prioritize_queue_order": parameters.chosen("PrioritizeQueueOrder", _ORDERS),
        }
        if item is None:
            return {**changes, "template": parameters.chosen("Template", TEMPLATES)}
        return {
            **changes,
            "default_activity": referred(item.stores.activities, parameters, "DefaultActivitySid"),
            "timeout_activity": referred(item.stores.activities, parameters, "TimeoutActivitySid"),
        }

    def render(self, item: Workspace, parent: str) -> dict[str, Any]:
        """Return the documented fields."""
        url = f"{parent}/Workspaces/{item.sid}"
        return {
            "account_sid": self.account.sid,
            **dates(item),
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


def _endpoints(workspace: Workspace) -> Mapping[str, Endpoint]:
    """Return the endpoints of a workspace by path."""
    stores, reports = workspace.stores, Reports(workspace.stores)
    access = WorkspaceAccess(stores, workspace.transitions)
    return {
        "Activities": Activities(stores, lambda: workspace),
        "Events": Events(stores, lambda: workspace.friendly_name),
        "TaskChannels": TaskChannels(stores),
        "TaskQueues": TaskQueues(stores, reports),
        "Tasks": Tasks(access),
        "Workers": Workers(access, reports, lambda: workspace),
        "Workflows": Workflows(stores, reports),
        **reports.workspace(),
    }
