"""Endpoints of workflows."""

from collections.abc import Mapping
from typing import Any, ClassVar

from aiotask.sandbox.api.collection import EditableCollection
from aiotask.sandbox.api.dates import dates
from aiotask.sandbox.api.endpoint import Endpoint
from aiotask.sandbox.api.statistics import Reports
from aiotask.sandbox.model.workflow import Workflow
from aiotask.sandbox.model.workflow_configuration import Document, read_document
from aiotask.sandbox.model.workspace_stores import Stores
from aiotask.sandbox.wire.parameters import Parameters

_MAX_RESERVATION = 86_400


class Workflows(EditableCollection[Workflow]):
    """The workflows of one workspace.

    Undocumented by Twilio; the sandbox: ReEvaluateTasks stays set and restarts pending tasks only,
    and a deleted workflow keeps routing its tasks.
    """

    key = "workflows"
    filters: ClassVar[Mapping[str, str]] = {"FriendlyName": "friendly_name"}
    required: ClassVar[tuple[str, ...]] = ("FriendlyName", "Configuration")

    def __init__(self, stores: Stores, reports: Reports) -> None:
        super().__init__(stores.workflows, stores.workspace_sid)
        self._queues = stores.queues
        self._reports = reports

    def below(self, sid: str, name: str) -> Endpoint | None:
        """Return the statistics of a workflow."""
        workflow = self.store.get(sid)
        return None if workflow is None else self._reports.workflow(workflow, name)

    def render(self, item: Workflow, parent: str) -> dict[str, Any]:
        """Return the documented fields."""
        url = f"{parent}/Workflows/{item.sid}"
        return {
            "account_sid": self.account.sid,
            "assignment_callback_url": item.assignment_callback_url,
            "configuration": item.document.text,
            **dates(item),
            "document_content_type": "application/json",
            "fallback_assignment_callback_url": item.fallback_assignment_callback_url,
            "friendly_name": item.friendly_name,
            "sid": item.sid,
            "task_reservation_timeout": item.task_reservation_timeout,
            "workspace_sid": self.workspace_sid,
            "url": url,
            "links": {
                "statistics": f"{url}/Statistics",
                "real_time_statistics": f"{url}/RealTimeStatistics",
                "cumulative_statistics": f"{url}/CumulativeStatistics",
            },
        }

    def read(self, parameters: Parameters, item: Workflow | None) -> dict[str, Any]:
        """Return the values of a request."""
        timeout = parameters.integer("TaskReservationTimeout", 1, _MAX_RESERVATION)
        configuration = parameters.text("Configuration")
        return {
            "friendly_name": parameters.named("FriendlyName", longest=255),
            "document": None if configuration is None else self._document(configuration),
            "assignment_callback_url": parameters.text("AssignmentCallbackUrl"),
            "fallback_assignment_callback_url": parameters.text("FallbackAssignmentCallbackUrl"),
            "task_reservation_timeout": timeout,
            "re_evaluate": None if item is None else parameters.boolean("ReEvaluateTasks"),
        }

    def _document(self, configuration: str) -> Document:
        return read_document(configuration, lambda sid: self._queues.get(sid) is not None)
