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
    """A worker's channel as the service last reported it.

    ``assigned_tasks`` and ``configured_capacity`` are numbers of tasks.
    """

    sid: str
    account_sid: str | None = None
    assigned_tasks: int | None = None
    available: bool | None = None
    available_capacity_percentage: int | None = None
    configured_capacity: int | None = None
    date_created: AwareDatetime | None = None
    date_updated: AwareDatetime | None = None
    task_channel_sid: str | None = None
    task_channel_unique_name: str | None = None
    worker_sid: str | None = None
    workspace_sid: str | None = None
    url: str | None = None


class WorkerChannelChanges(TypedDict, total=False):
    """Fields that a worker's channel is changed with; a *capacity* of 0 lets no task through."""

    capacity: Amount
    available: bool


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
