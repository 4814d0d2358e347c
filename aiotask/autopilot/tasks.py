"""Tasks of an Autopilot assistant: requests that it understands. TaskRouter's are another thing."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Required, TypedDict, Unpack

import attrs

from aiotask._checks import Identifier, Length
from aiotask._collection import Collection, SidCheck
from aiotask._decoding import AwareDatetime, Links
from aiotask._paging import Listing, Paging
from aiotask._resource import Resource

__all__ = ["AutopilotTask", "AutopilotTaskChanges", "AutopilotTasks", "NewAutopilotTask"]


@attrs.frozen(kw_only=True, weakref_slot=False)
class AutopilotTask(Resource):
    """An Autopilot task as the service last reported it; without its actions."""

    sid: str
    """SID of the task: ``UD`` and 32 hexadecimal digits."""
    account_sid: str | None = None
    """SID of the account that it belongs to."""
    date_created: AwareDatetime | None = None
    """When it was created."""
    date_updated: AwareDatetime | None = None
    """When it was last changed."""
    friendly_name: str | None = None
    """Name for people."""
    links: Links | None = None
    """Absolute URLs of what belongs to it, by name: fields, samples, task_actions, statistics."""
    assistant_sid: str | None = None
    """SID of the assistant that it belongs to."""
    unique_name: str | None = None
    """Name that is unique in the assistant."""
    actions_url: str | None = None
    """URL that its actions are fetched from."""
    url: str | None = None
    """Absolute URL of it in the API."""


class AutopilotTaskFields(TypedDict, total=False):
    """Fields that an Autopilot task is created or changed with."""

    friendly_name: Annotated[str, Length(0, 255)]
    """Name of at most 255 characters, for people."""
    actions: Mapping[str, Any]
    """JSON object with what the assistant does (https://www.twilio.com/docs/autopilot/actions)."""
    actions_url: str
    """URL that the actions are fetched from."""


_UniqueName = Annotated[str, Length(1, 64)]


class NewAutopilotTask(AutopilotTaskFields, total=False):
    """Fields that an Autopilot task is created with."""

    unique_name: Required[_UniqueName]
    """Name of 1 to 64 characters, unique in the assistant."""


class AutopilotTaskChanges(AutopilotTaskFields, total=False):
    """Fields that an Autopilot task is changed with."""

    unique_name: _UniqueName
    """Name of 1 to 64 characters, unique in the assistant."""


class AutopilotTasks(Collection[AutopilotTask]):
    """The tasks of one assistant; each is named by its sid or its unique name."""

    name = "Tasks"
    key = "tasks"
    resource = AutopilotTask
    sid: ClassVar[SidCheck] = Identifier("UD")

    async def create(self, **fields: Unpack[NewAutopilotTask]) -> AutopilotTask:
        """Create a task."""
        return await self._create(NewAutopilotTask, fields)

    async def fetch(self, sid: str) -> AutopilotTask:
        """Return one task."""
        return await self._fetch(sid)

    async def update(self, sid: str, **changes: Unpack[AutopilotTaskChanges]) -> AutopilotTask:
        """Change a task."""
        return await self._update(sid, AutopilotTaskChanges, changes)

    async def delete(self, sid: str) -> None:
        """Delete a task."""
        await self._delete(sid)

    def list(self, **paging: Unpack[Paging]) -> Listing[AutopilotTask]:
        """Return the tasks, fetched as they are iterated."""
        return self._list(Paging, paging)
