"""Activities and task channels: what workers can be doing, and what kinds of work there are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiotask.sandbox._account import Account
from aiotask.sandbox._calls import Call
from aiotask.sandbox._parameters import Parameters
from aiotask.sandbox._shelf import Resource, Shelf

# What a workspace begins with, as documented; the friendly names of channels as recorded.
_ACTIVITIES = {"Offline": False, "Unavailable": False, "Available": True}
_CHANNELS = {
    "default": "Default",
    "voice": "Voice",
    "chat": "Programmable Chat",
    "sms": "SMS",
    "video": "Video",
}


@dataclass(slots=True, kw_only=True)
class Activity(Resource):
    """What a worker can be doing."""

    friendly_name: str
    available: bool


class Activities(Shelf[Activity]):
    """The activities of one workspace."""

    key = "activities"
    filters = {"FriendlyName": "friendly_name"}  # noqa: RUF012 - declared a ClassVar by Shelf

    def __init__(self, account: Account, workspace_sid: str) -> None:
        super().__init__(account)
        self._workspace_sid = workspace_sid
        now = account.now()
        for name, available in _ACTIVITIES.items():
            self.add(
                Activity(
                    sid=account.new_sid("WA"),
                    created=now,
                    updated=now,
                    friendly_name=name,
                    available=available,
                )
            )

    def render(self, item: Activity, parent: str) -> dict[str, Any]:
        """Return the documented fields."""
        return {
            "account_sid": self.account.sid,
            "available": item.available,
            **item.dates(),
            "friendly_name": item.friendly_name,
            "sid": item.sid,
            "url": f"{parent}/Activities/{item.sid}",
            "workspace_sid": self._workspace_sid,
            "links": {"workspace": parent},
        }

    def matcher(self, parameters: Parameters) -> Callable[[Activity], bool]:
        """Return the test of the name, and of Available."""
        named = super().matcher(parameters)
        available = parameters.boolean("Available")
        return lambda item: available in (None, item.available) and named(item)


@dataclass(slots=True, kw_only=True)
class TaskChannel(Resource):
    """A kind of work."""

    friendly_name: str
    unique_name: str
    optimized: bool = False


class TaskChannels(Shelf[TaskChannel]):
    """The task channels of one workspace; a path may name one by its unique name."""

    key = "channels"

    def __init__(self, account: Account, workspace_sid: str) -> None:
        super().__init__(account)
        self._workspace_sid = workspace_sid
        now = account.now()
        for unique_name, friendly_name in _CHANNELS.items():
            self.add(
                TaskChannel(
                    sid=account.new_sid("TC"),
                    created=now,
                    updated=now,
                    friendly_name=friendly_name,
                    unique_name=unique_name,
                )
            )

    def named(self, name: str) -> TaskChannel | None:
        """Return the channel with this sid or unique name."""
        return self.get(name) or next((item for item in self if item.unique_name == name), None)

    def find(self, call: Call) -> TaskChannel:
        """Return the channel that a call means."""
        item = self.named(call.sid)
        if item is None:
            raise call.absent()
        return item

    def render(self, item: TaskChannel, parent: str) -> dict[str, Any]:
        """Return the documented fields."""
        return {
            "account_sid": self.account.sid,
            **item.dates(),
            "friendly_name": item.friendly_name,
            "sid": item.sid,
            "unique_name": item.unique_name,
            "url": f"{parent}/TaskChannels/{item.sid}",
            "workspace_sid": self._workspace_sid,
            "channel_optimized_routing": item.optimized,
            "links": {"workspace": parent},
        }
