"""Task channels: kinds of work, each with a capacity per worker."""

from typing import Annotated, ClassVar, Required, TypedDict, Unpack

import attrs

from aiotask._checks import Form
from aiotask._collection import SidCheck
from aiotask._decoding import AwareDatetime, Links
from aiotask._paging import Listing, Paging
from aiotask._resource import Resource
from aiotask.taskrouter._fields import TASK_CHANNEL, ShortName
from aiotask.taskrouter._upsert import Kind
from aiotask.taskrouter._upserted import Upserted

__all__ = ["NewTaskChannel", "TaskChannel", "TaskChannelChanges", "TaskChannels"]


@attrs.frozen(kw_only=True, weakref_slot=False)
class TaskChannel(Resource):
    """A task channel as the service last reported it."""

    sid: str
    """SID of the task channel: ``TC`` and 32 hexadecimal digits."""
    account_sid: str | None = None
    """SID of the account that it belongs to."""
    date_created: AwareDatetime | None = None
    """When it was created."""
    date_updated: AwareDatetime | None = None
    """When it was last changed."""
    friendly_name: str | None = None
    """Name for people."""
    unique_name: str | None = None
    """Name that programs and expressions use, such as voice."""
    workspace_sid: str | None = None
    """SID of its workspace."""
    channel_optimized_routing: bool | None = None
    """Whether whoever has been idle longest in this channel goes first."""
    url: str | None = None
    """Absolute URL of it in the API."""
    links: Links | None = None
    """Absolute URLs of what belongs to it, by name: workspace."""


class TaskChannelFields(TypedDict, total=False):
    """Fields that a task channel is created or changed with."""

    channel_optimized_routing: bool
    """Whether whoever has been idle longest in this channel goes first."""


# https://www.twilio.com/docs/taskrouter/multitasking: no hyphen, since expressions name channels.
_UniqueName = Annotated[
    str, Form(r"[A-Za-z_$][A-Za-z0-9_$]*", "letters, digits, _ and $, no digit first")
]


class NewTaskChannel(TaskChannelFields, total=False):
    """Fields that a task channel is created with."""

    friendly_name: Required[ShortName]
    """Name of 1 to 64 characters, for people."""
    unique_name: Required[_UniqueName]
    """Name of letters, digits, _ and $, no digit first; it stays so for good."""


class TaskChannelChanges(TaskChannelFields, total=False):
    """Fields that a task channel is changed with."""

    friendly_name: ShortName
    """Name of 1 to 64 characters, for people."""


class TaskChannels(Upserted[TaskChannel]):
    """The task channels of one workspace; each is named by its sid or its unique name."""

    name = "TaskChannels"
    key = "channels"
    resource = TaskChannel
    _kind: ClassVar[Kind] = Kind(
        new=NewTaskChannel, changes=TaskChannelChanges, filtered=None, name="unique_name"
    )
    sid: ClassVar[SidCheck] = TASK_CHANNEL

    async def create(self, **fields: Unpack[NewTaskChannel]) -> TaskChannel:
        """Create a task channel."""
        return await self._create(NewTaskChannel, fields)

    async def fetch(self, sid: str) -> TaskChannel:
        """Return one task channel."""
        return await self._fetch(sid)

    async def update(self, sid: str, **changes: Unpack[TaskChannelChanges]) -> TaskChannel:
        """Change a task channel."""
        return await self._update(sid, TaskChannelChanges, changes)

    async def delete(self, sid: str) -> None:
        """Delete a task channel."""
        await self._delete(sid)

    def list(self, **paging: Unpack[Paging]) -> Listing[TaskChannel]:
        """Return the task channels, fetched as they are iterated."""
        return self._list(Paging, paging)
