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
    """SID of the workspace: ``WS`` and 32 hexadecimal digits."""
    account_sid: str | None = None
    """SID of the account that it belongs to."""
    date_created: AwareDatetime | None = None
    """When it was created."""
    date_updated: AwareDatetime | None = None
    """When it was last changed."""
    default_activity_name: str | None = None
    """Name of the activity that new workers are in."""
    default_activity_sid: str | None = None
    """SID of the activity that new workers are in."""
    event_callback_url: str | None = None
    """URL that events are posted to; empty for none."""
    events_filter: str | None = None
    """Types of the events that are posted, with commas between; empty for all."""
    friendly_name: str | None = None
    """Name for people."""
    multi_task_enabled: bool | None = None
    """Whether workers may have several tasks at once."""
    timeout_activity_name: str | None = None
    """Name of the activity of workers who let an offer pass."""
    timeout_activity_sid: str | None = None
    """SID of the activity of workers who let an offer pass."""
    prioritize_queue_order: str | None = None
    """FIFO or LIFO: which kind of queue a worker gets tasks from first."""
    url: str | None = None
    """Absolute URL of it in the API."""
    links: Links | None = None
    """Absolute URLs of what belongs to it, by name: activities, events, task_queues, tasks,
    workers, workflows and others.
    """


class WorkspaceFields(TypedDict, total=False):
    """Fields that a workspace is created or changed with."""

    event_callback_url: UrlOrNone
    """URL that events are posted to; empty for none."""
    events_filter: str
    """Types of the events that are posted, with commas and no spaces between; all by default."""
    multi_task_enabled: bool
    """Whether workers may have several tasks at once; a new workspace lets them by default."""
    prioritize_queue_order: QueueOrder
    """FIFO or LIFO: which kind of queue a worker gets tasks from first."""


class NewWorkspace(WorkspaceFields, total=False):
    """Fields that a workspace is created with."""

    friendly_name: Required[ShortName]
    """Name of 1 to 64 characters."""
    template: Literal["NONE", "FIFO"]
    """What it begins with: NONE, the default, has a few activities, FIFO a queue and a
    workflow, too.
    """


class WorkspaceChanges(WorkspaceFields, total=False):
    """Fields that a workspace is changed with."""

    default_activity_sid: ActivitySid
    """SID of the activity that new workers are in."""
    friendly_name: ShortName
    """Name of 1 to 64 characters."""
    timeout_activity_sid: ActivitySid
    """SID of the activity that workers move to who let an offer pass."""


class WorkspaceFilter(Paging, total=False):
    """Filters of the list of workspaces."""

    friendly_name: str
    """Only workspaces of this name."""


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
