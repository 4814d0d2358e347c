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
    account_sid: str | None = None
    available: bool | None = None
    date_created: AwareDatetime | None = None
    date_updated: AwareDatetime | None = None
    friendly_name: str | None = None
    workspace_sid: str | None = None
    url: str | None = None
    links: Links | None = None


class NewActivity(TypedDict, total=False):
    """Fields that an activity is created with; *available* cannot be changed later."""

    friendly_name: Required[ShortName]
    available: bool


class ActivityChanges(TypedDict, total=False):
    """Fields that an activity is changed with."""

    friendly_name: ShortName


class ActivityFilter(Paging, total=False):
    """Filters of the list of activities."""

    friendly_name: str
    available: bool


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
