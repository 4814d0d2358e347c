"""Activities: the states of workers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiotask.sandbox.model.events import Facts
from aiotask.sandbox.model.store import Resource, Store

FIRST_ACTIVITIES: tuple[Mapping[str, Any], ...] = (
    {"friendly_name": "Offline"},
    {"friendly_name": "Unavailable"},
    {"friendly_name": "Available", "available": True},
)
"""The documented activities of a new workspace."""


@dataclass(slots=True, kw_only=True)
class Activity(Resource):
    """A state of workers; *available* never changes."""

    friendly_name: str
    available: bool = False


class ActivityStore(Store[Activity]):
    """The activities of one workspace; Twilio's older page of limits allows a hundred."""

    make: Callable[..., Activity] = Activity
    noun = "Activity"
    prefix = "WA"
    kind = "activity"
    most = 100

    def facts(self, item: Activity) -> Facts:
        """Return the event facts of an activity."""
        return Facts(
            more=(
                ("activity_sid", item.sid),
                ("activity_name", item.friendly_name),
                ("activity_available", str(item.available).lower()),
            )
        )
