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
    account_sid: str | None = None
    date_created: AwareDatetime | None = None
    date_updated: AwareDatetime | None = None
    friendly_name: str | None = None
    links: Links | None = None
    assistant_sid: str | None = None
    unique_name: str | None = None
    actions_url: str | None = None
    url: str | None = None


class AutopilotTaskFields(TypedDict, total=False):
    """Fields that an Autopilot task is created or changed with.

    ``actions`` is a mapping, the document of https://www.twilio.com/docs/autopilot/actions.
    """

    friendly_name: Annotated[str, Length(0, 255)]
    actions: Mapping[str, Any]
    actions_url: str


_UniqueName = Annotated[str, Length(1, 64)]


class NewAutopilotTask(AutopilotTaskFields, total=False):
    """Fields that an Autopilot task is created with; ``unique_name`` is so per assistant."""

    unique_name: Required[_UniqueName]


class AutopilotTaskChanges(AutopilotTaskFields, total=False):
    """Fields that an Autopilot task is changed with."""

    unique_name: _UniqueName


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
