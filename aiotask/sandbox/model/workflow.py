"""Workflows: the rules that send tasks to queues."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiotask.sandbox.model.account import Account
from aiotask.sandbox.model.dirty import DirtySet
from aiotask.sandbox.model.events import EventLog, Facts
from aiotask.sandbox.model.refusals import invalid
from aiotask.sandbox.model.store import Resource, Store
from aiotask.sandbox.model.workflow_configuration import Document


@dataclass(slots=True, kw_only=True)
class Workflow(Resource):
    """A workflow with its parsed configuration."""

    friendly_name: str
    document: Document
    assignment_callback_url: str | None = None
    fallback_assignment_callback_url: str | None = None
    task_reservation_timeout: int = 120
    re_evaluate: bool = False
    """Whether waiting tasks start again when the workflow or their attributes change."""


class WorkflowStore(Store[Workflow]):
    """The workflows of one workspace; Twilio's older page of limits allows a thousand."""

    make: Callable[..., Workflow] = Workflow
    noun = "Workflow"
    prefix = "WW"
    kind = "workflow"
    most = 1_000

    def __init__(self, account: Account, log: EventLog, dirty: DirtySet) -> None:
        super().__init__(account, log)
        self._dirty = dirty

    def changed(self, item: Workflow, old: Mapping[str, Any]) -> None:
        """Record a change, and reroute waiting tasks if the rules changed."""
        super().changed(item, old)
        if old.keys() & {"document", "re_evaluate"}:
            self._dirty.add(item.sid)

    def only(self) -> Workflow:
        """Return the only workflow; refuse if there is not exactly one."""
        if len(self) != 1:
            raise invalid("WorkflowSid is required: the Workspace does not have exactly 1 Workflow")
        return next(iter(self))

    def facts(self, item: Workflow) -> Facts:
        """Return the event facts of a workflow."""
        return Facts(workflow_sid=item.sid, workflow_name=item.friendly_name)
