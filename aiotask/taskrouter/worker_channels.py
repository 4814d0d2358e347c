"""Worker channels: a worker's capacity for each task channel."""

from collections.abc import Mapping
from typing import ClassVar, TypedDict, Unpack

import attrs

from aiotask._collection import Collection, SidCheck
from aiotask._decoding import AwareDatetime
from aiotask._paging import Listing, Paging
from aiotask._resource import Resource
from aiotask.taskrouter._fields import WORKER_CHANNEL, Amount

__all__ = ["WorkerChannel", "WorkerChannelChanges", "WorkerChannels"]


@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkerChannel(Resource):
    """A worker's channel as the service last reported it."""

    sid: str
    """SID of the worker channel: ``WC`` and 32 hexadecimal digits."""
    account_sid: str | None = None
    """SID of the account that it belongs to."""
    assigned_tasks: int | None = None
    """Number of tasks that the worker has in it."""
    available: bool | None = None
    """Whether the worker gets tasks in it."""
    available_capacity_percentage: int | None = None
    """Share of the capacity that is free, 0 to 100."""
    configured_capacity: int | None = None
    """Number of tasks that the worker may have in it at once."""
    date_created: AwareDatetime | None = None
    """When it was created."""
    date_updated: AwareDatetime | None = None
    """When it was last changed."""
    task_channel_sid: str | None = None
    """SID of its task channel."""
    task_channel_unique_name: str | None = None
    """Unique name of its task channel, such as voice."""
    worker_sid: str | None = None
    """SID of the worker."""
    workspace_sid: str | None = None
    """SID of its workspace."""
    url: str | None = None
    """Absolute URL of it in the API."""


class WorkerChannelChanges(TypedDict, total=False):
    """Fields that a worker's channel is changed with."""

    capacity: Amount
    """Number of tasks that the worker may have in it at once; 0 lets no task through."""
    available: bool
    """Whether the worker gets tasks in it."""


class WorkerChannels(Collection[WorkerChannel]):
    """The channels of one worker; each is named by its sid or its channel's unique name."""

    name = "Channels"
    key = "channels"
    resource = WorkerChannel
    sid: ClassVar[SidCheck] = WORKER_CHANNEL
    shown_as: ClassVar[Mapping[str, tuple[str, ...]]] = {"capacity": ("configured_capacity",)}

    async def fetch(self, sid: str) -> WorkerChannel:
        """Return one channel of the worker."""
        return await self._fetch(sid)

    async def update(self, sid: str, **changes: Unpack[WorkerChannelChanges]) -> WorkerChannel:
        """Change a channel of the worker."""
        return await self._update(sid, WorkerChannelChanges, changes)

    def list(self, **paging: Unpack[Paging]) -> Listing[WorkerChannel]:
        """Return the channels of the worker, fetched as they are iterated."""
        return self._list(Paging, paging)
