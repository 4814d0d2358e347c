"""Activities: states of a worker, in which tasks can be assigned or not."""

from typing import ClassVar, Required, TypedDict, Unpack

import attrs

from aiotask._collection import SidCheck
from aiotask._decoding import AwareDatetime, Links
from aiotask._paging import Listing, Paging
from aiotask._resource import Resource
from aiotask.taskrouter._fields import ACTIVITY, ShortName
from aiotask.taskrouter._upsert import Kind
from aiotask.taskrouter._upserted import Upserted

__all__ = ["Activities", "Activity", "ActivityChanges", "ActivityFilter", "NewActivity"]


@attrs.frozen(kw_only=True, weakref_slot=False)
class Activity(Resource):
    """An activity as the service last reported it."""

    sid: str
    """SID of the activity: ``WA`` and 32 hexadecimal digits."""
    account_sid: str | None = None
    """SID of the account that it belongs to."""
    available: bool | None = None
    """Whether workers in it get tasks."""
    date_created: AwareDatetime | None = None
    """When it was created."""
    date_updated: AwareDatetime | None = None
    """When it was last changed."""
    friendly_name: str | None = None
    """Name, such as Offline or Break."""
    workspace_sid: str | None = None
    """SID of its workspace."""
    url: str | None = None
    """Absolute URL of it in the API."""
    links: Links | None = None
    """Absolute URLs of what belongs to it, by name: workspace."""


class NewActivity(TypedDict, total=False):
    """Fields that an activity is created with."""

    friendly_name: Required[ShortName]
    """Name of 1 to 64 characters."""
    available: bool
    """Whether workers in it get tasks; it stays so for good."""


class ActivityChanges(TypedDict, total=False):
    """Fields that an activity is changed with."""

    friendly_name: ShortName
    """Name of 1 to 64 characters."""


class ActivityFilter(Paging, total=False):
    """Filters of the list of activities."""

    friendly_name: str
    """Only activities of this name."""
    available: bool
    """Only activities in which workers get tasks (true), or only the others (false)."""


class Activities(Upserted[Activity]):
    """The activities of one workspace."""

    name = "Activities"
    key = "activities"
    resource = Activity
    _kind: ClassVar[Kind] = Kind(
        new=NewActivity, changes=ActivityChanges, filtered=ActivityFilter, unique=False
    )
    sid: ClassVar[SidCheck] = ACTIVITY

    async def create(self, **fields: Unpack[NewActivity]) -> Activity:
        """Create an activity."""
        return await self._create(NewActivity, fields)

    async def fetch(self, sid: str) -> Activity:
        """Return one activity."""
        return await self._fetch(sid)

    async def update(self, sid: str, **changes: Unpack[ActivityChanges]) -> Activity:
        """Rename an activity."""
        return await self._update(sid, ActivityChanges, changes)

    async def delete(self, sid: str) -> None:
        """Delete an activity."""
        await self._delete(sid)

    def list(self, **filters: Unpack[ActivityFilter]) -> Listing[Activity]:
        """Return the activities that match, fetched as they are iterated."""
        return self._list(ActivityFilter, filters)
