"""Workflows: the rules by which tasks come to queues."""

from dataclasses import dataclass
from typing import Any

from aiotask.sandbox._account import Account
from aiotask.sandbox._answers import Answer, invalid
from aiotask.sandbox._calls import Call
from aiotask.sandbox._parameters import Parameters
from aiotask.sandbox._routing import Document, read_document
from aiotask.sandbox._shelf import Resource, Shelf
from aiotask.sandbox._task_queues import TaskQueues

_MAX_RESERVATION = 86_400


@dataclass(slots=True, kw_only=True)
class Workflow(Resource):
    """The rules by which tasks come to queues."""

    friendly_name: str
    document: Document
    assignment_callback_url: str | None = None
    fallback_assignment_callback_url: str | None = None
    task_reservation_timeout: int = 120


class Workflows(Shelf[Workflow]):
    """The workflows of one workspace; ReEvaluateTasks is ignored, so queued tasks stay put."""

    key = "workflows"
    filters = {"FriendlyName": "friendly_name"}  # noqa: RUF012 - declared a ClassVar by Shelf

    def __init__(self, account: Account, workspace_sid: str, queues: TaskQueues) -> None:
        super().__init__(account)
        self._workspace_sid = workspace_sid
        self._queues = queues

    def open(self, friendly_name: str, configuration: str) -> Workflow:
        """Add a workflow with the defaults."""
        now = self.account.now()
        return self.add(
            Workflow(
                sid=self.account.new_sid("WW"),
                created=now,
                updated=now,
                friendly_name=friendly_name,
                document=self._document(configuration),
            )
        )

    def create(self, call: Call) -> Answer:
        """Add a workflow."""
        name = call.parameters.required("FriendlyName")
        configuration = call.parameters.required("Configuration")
        changes = self._read(call.parameters)
        workflow = self.open(name, configuration)
        self.change(workflow, changes)
        return self.answer(call, 201, workflow)

    def update(self, call: Call) -> Answer:
        """Change a workflow."""
        workflow = self.find(call)
        changes = self._read(call.parameters)
        configuration = call.parameters.text("Configuration")
        if configuration is not None:
            changes["document"] = self._document(configuration)
        self.change(workflow, changes)
        return self.answer(call, 200, workflow)

    def delete(self, call: Call) -> Answer:
        """Remove a workflow; its tasks stay."""
        return self.remove(call)

    def render(self, item: Workflow, parent: str) -> dict[str, Any]:
        """Return the documented fields."""
        url = f"{parent}/Workflows/{item.sid}"
        return {
            "account_sid": self.account.sid,
            "assignment_callback_url": item.assignment_callback_url,
            "configuration": item.document.text,
            **item.dates(),
            "document_content_type": "application/json",
            "fallback_assignment_callback_url": item.fallback_assignment_callback_url,
            "friendly_name": item.friendly_name,
            "sid": item.sid,
            "task_reservation_timeout": item.task_reservation_timeout,
            "workspace_sid": self._workspace_sid,
            "url": url,
            "links": {
                "statistics": f"{url}/Statistics",
                "real_time_statistics": f"{url}/RealTimeStatistics",
                "cumulative_statistics": f"{url}/CumulativeStatistics",
            },
        }

    def only(self) -> Workflow:
        """Return the one workflow that needs no naming."""
        if len(self) != 1:
            raise invalid("WorkflowSid is required: the Workspace does not have exactly 1 Workflow")
        return next(iter(self))

    def _read(self, parameters: Parameters) -> dict[str, Any]:
        timeout = parameters.integer("TaskReservationTimeout", 1, _MAX_RESERVATION)
        return {
            "friendly_name": parameters.named("FriendlyName", longest=255),
            "assignment_callback_url": parameters.text("AssignmentCallbackUrl"),
            "fallback_assignment_callback_url": parameters.text("FallbackAssignmentCallbackUrl"),
            "task_reservation_timeout": timeout,
        }

    def _document(self, configuration: str) -> Document:
        return read_document(configuration, lambda sid: self._queues.get(sid) is not None)
