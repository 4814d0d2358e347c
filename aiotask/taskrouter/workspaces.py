"""Workspaces: separate sets of tasks, workers, queues and workflows."""

from typing import ClassVar, Literal, Required, TypedDict, Unpack

import attrs

from aiotask._collection import Collection, SidCheck
from aiotask._decoding import AwareDatetime, Links
from aiotask._paging import Listing, Paging
from aiotask._resource import Resource
from aiotask.taskrouter._fields import WORKSPACE, ActivitySid, QueueOrder, ShortName, UrlOrNone

__all__ = ["NewWorkspace", "Workspace", "WorkspaceChanges", "WorkspaceFilter", "Workspaces"]


@attrs.frozen(kw_only=True, weakref_slot=False)
class Workspace(Resource):
    """A workspace as the service last reported it."""

    sid: str
    account_sid: str | None = None
    date_created: AwareDatetime | None = None
    date_updated: AwareDatetime | None = None
    default_activity_name: str | None = None
    default_activity_sid: str | None = None
    event_callback_url: str | None = None
    events_filter: str | None = None
    friendly_name: str | None = None
    multi_task_enabled: bool | None = None
    timeout_activity_name: str | None = None
    timeout_activity_sid: str | None = None
    prioritize_queue_order: str | None = None
    url: str | None = None
    links: Links | None = None


class WorkspaceFields(TypedDict, total=False):
    """Fields that a workspace is created or changed with.

    ``events_filter`` names event types with commas and no spaces between them; without it every
    event is posted to ``event_callback_url``. ``prioritize_queue_order`` says which queues a
    worker is given tasks from first.
    """

    event_callback_url: UrlOrNone
    events_filter: str
    multi_task_enabled: bool
    prioritize_queue_order: QueueOrder


class NewWorkspace(WorkspaceFields, total=False):
    """Fields that a workspace is created with.

    ``template`` ``"NONE"``, the service's default, makes a few activities; ``"FIFO"`` makes a
    queue and a workflow too.
    """

    friendly_name: Required[ShortName]
    template: Literal["NONE", "FIFO"]


class WorkspaceChanges(WorkspaceFields, total=False):
    """Fields that a workspace is changed with."""

    default_activity_sid: ActivitySid
    friendly_name: ShortName
    timeout_activity_sid: ActivitySid


class WorkspaceFilter(Paging, total=False):
    """Filters of the list of workspaces."""

    friendly_name: str


class Workspaces(Collection[Workspace]):
    """The workspaces of the account."""

    name = "Workspaces"
    key = "workspaces"
    resource = Workspace
    sid: ClassVar[SidCheck] = WORKSPACE

    async def create(self, **fields: Unpack[NewWorkspace]) -> Workspace:
        """Create a workspace."""
        return await self._create(NewWorkspace, fields)

    async def fetch(self, sid: str) -> Workspace:
        """Return one workspace."""
        return await self._fetch(sid)

    async def update(self, sid: str, **changes: Unpack[WorkspaceChanges]) -> Workspace:
        """Change a workspace."""
        return await self._update(sid, WorkspaceChanges, changes)

    async def delete(self, sid: str) -> None:
        """Delete a workspace with everything in it."""
        await self._delete(sid)

    def list(self, **filters: Unpack[WorkspaceFilter]) -> Listing[Workspace]:
        """Return the workspaces that match, fetched as they are iterated."""
        return self._list(WorkspaceFilter, filters)
