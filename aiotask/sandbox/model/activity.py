"""Activities as they are kept: what workers can be doing."""

from dataclasses import dataclass

from aiotask.sandbox.model.events import Facts
from aiotask.sandbox.model.store import Resource, Store

FIRST_ACTIVITIES = (
    {"friendly_name": "Offline"},
    {"friendly_name": "Unavailable"},
    {"friendly_name": "Available", "available": True},
)
"""What a workspace begins with, as documented."""


@dataclass(slots=True, kw_only=True)
class Activity(Resource):
    """What a worker can be doing; whether it is *available* work never changes."""

    friendly_name: str
    available: bool = False


class ActivityStore(Store[Activity]):
    """The activities of one workspace; Twilio's older page of limits allows a hundred."""

    make = Activity
    noun = "Activity"
    prefix = "WA"
    kind = "activity"
    most = 100

    def facts(self, item: Activity) -> Facts:
        """Return its sid and name."""
        return Facts(more=(("activity_sid", item.sid), ("activity_name", item.friendly_name)))
