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
    """A workflow as the service last reported it.

    ``configuration`` is its decoded document, of which
    :meth:`WorkflowConfiguration.from_document` makes typed parts.
    """

    sid: str
    account_sid: str | None = None
    assignment_callback_url: str | None = None
    configuration: JsonText = None
    date_created: AwareDatetime | None = None
    date_updated: AwareDatetime | None = None
    document_content_type: str | None = None
    fallback_assignment_callback_url: str | None = None
    friendly_name: str | None = None
    task_reservation_timeout: int | None = None
    workspace_sid: str | None = None
    url: str | None = None
    links: Links | None = None


class WorkflowFields(TypedDict, total=False):
    """Fields that a workflow is created or changed with.

    ``task_reservation_timeout`` is in seconds, 1 to 86,400; the service's default is 120.
    """

    assignment_callback_url: UrlOrNone
    fallback_assignment_callback_url: UrlOrNone
    task_reservation_timeout: Annotated[int, Between(1, 86_400)]


_Configuration = Annotated[Mapping[str, Any] | WorkflowConfiguration, JsonLimit(1_038_576)]


class NewWorkflow(WorkflowFields, total=False):
    """Fields that a workflow is created with.

    ``configuration`` is the document of
    https://www.twilio.com/docs/taskrouter/workflow-configuration, as a mapping or as a
    :class:`WorkflowConfiguration`.
    """

    friendly_name: Required[str]
    configuration: Required[_Configuration]


class WorkflowChanges(WorkflowFields, total=False):
    """Fields that a workflow is changed with.

    ``re_evaluate_tasks`` sends waiting tasks through the new configuration.
    """

    friendly_name: str
    configuration: _Configuration
    re_evaluate_tasks: bool


class WorkflowFilter(Paging, total=False):
    """Filters of the list of workflows."""

    friendly_name: str


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
