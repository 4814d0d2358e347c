"""Workflows: rules that send tasks to queues."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Required, TypedDict, Unpack

import attrs

from aiotask._checks import Between, JsonLimit
from aiotask._collection import SidCheck
from aiotask._decoding import AwareDatetime, JsonText, Links
from aiotask._paging import Listing, Paging
from aiotask._resource import Resource
from aiotask.taskrouter._fields import WORKFLOW, UrlOrNone
from aiotask.taskrouter._upsert import Kind
from aiotask.taskrouter._upserted import Upserted
from aiotask.taskrouter.workflow_configuration import WorkflowConfiguration

__all__ = ["NewWorkflow", "Workflow", "WorkflowChanges", "WorkflowFilter", "Workflows"]


@attrs.frozen(kw_only=True, weakref_slot=False)
class Workflow(Resource):
    """A workflow as the service last reported it."""

    sid: str
    """SID of the workflow: ``WW`` and 32 hexadecimal digits."""
    account_sid: str | None = None
    """SID of the account that it belongs to."""
    assignment_callback_url: str | None = None
    """URL that is asked for an instruction when a worker is offered a task."""
    configuration: JsonText = None
    """Its rules, decoded; :meth:`WorkflowConfiguration.from_document` makes typed parts of them."""
    date_created: AwareDatetime | None = None
    """When it was created."""
    date_updated: AwareDatetime | None = None
    """When it was last changed."""
    document_content_type: str | None = None
    """Media type of the rules, application/json."""
    fallback_assignment_callback_url: str | None = None
    """URL that is asked when the first one fails."""
    friendly_name: str | None = None
    """Name for people."""
    task_reservation_timeout: int | None = None
    """Seconds that a worker has to answer an offer."""
    workspace_sid: str | None = None
    """SID of its workspace."""
    url: str | None = None
    """Absolute URL of it in the API."""
    links: Links | None = None
    """Absolute URLs of what belongs to it, by name: statistics, real_time_statistics,
    cumulative_statistics.
    """


class WorkflowFields(TypedDict, total=False):
    """Fields that a workflow is created or changed with."""

    assignment_callback_url: UrlOrNone
    """URL that is asked for an instruction when a worker is offered a task; empty for none."""
    fallback_assignment_callback_url: UrlOrNone
    """URL that is asked when the first one fails; empty for none."""
    task_reservation_timeout: Annotated[int, Between(1, 86_400)]
    """Seconds that a worker has to answer an offer, 1 to 86,400; 120 by default."""


_Configuration = Annotated[Mapping[str, Any] | WorkflowConfiguration, JsonLimit(1_038_576)]


class NewWorkflow(WorkflowFields, total=False):
    """Fields that a workflow is created with.

    In Python, ``configuration`` is a mapping or a :class:`WorkflowConfiguration`.
    """

    friendly_name: Required[str]
    """Name for people."""
    configuration: Required[_Configuration]
    """Its rules as a JSON object
    (https://www.twilio.com/docs/taskrouter/workflow-configuration).
    """


class WorkflowChanges(WorkflowFields, total=False):
    """Fields that a workflow is changed with."""

    friendly_name: str
    """Name for people."""
    configuration: _Configuration
    """New rules as a JSON object, in place of all so far."""
    re_evaluate_tasks: bool
    """Whether tasks that wait go through the new rules; false by default."""


class WorkflowFilter(Paging, total=False):
    """Filters of the list of workflows."""

    friendly_name: str
    """Only workflows of this name."""


def _plainest(document: Any) -> Any:
    """Return a configuration without the ways in which one rule can be written differently."""
    try:
        return WorkflowConfiguration.from_document(document).to_document()
    except ValueError:
        return document


class Workflows(Upserted[Workflow]):
    """The workflows of one workspace."""

    name = "Workflows"
    key = "workflows"
    resource = Workflow
    _kind: ClassVar[Kind] = Kind(
        new=NewWorkflow,
        changes=WorkflowChanges,
        filtered=WorkflowFilter,
        unique=False,
        meaning=_plainest,
    )
    sid: ClassVar[SidCheck] = WORKFLOW

    async def create(self, **fields: Unpack[NewWorkflow]) -> Workflow:
        """Create a workflow."""
        return await self._create(NewWorkflow, fields)

    async def fetch(self, sid: str) -> Workflow:
        """Return one workflow."""
        return await self._fetch(sid)

    async def update(self, sid: str, **changes: Unpack[WorkflowChanges]) -> Workflow:
        """Change a workflow."""
        return await self._update(sid, WorkflowChanges, changes)

    async def delete(self, sid: str) -> None:
        """Delete a workflow."""
        await self._delete(sid)

    def list(self, **filters: Unpack[WorkflowFilter]) -> Listing[Workflow]:
        """Return the workflows that match, fetched as they are iterated."""
        return self._list(WorkflowFilter, filters)
