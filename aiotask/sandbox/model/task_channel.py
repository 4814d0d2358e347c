"""Task channels: the kinds of work."""

from collections.abc import Callable
from dataclasses import dataclass

from aiotask.sandbox.model.events import Facts
from aiotask.sandbox.model.store import Resource, Store

FIRST_CHANNELS = (
    {"unique_name": "default", "friendly_name": "Default"},
    {"unique_name": "voice", "friendly_name": "Voice"},
    {"unique_name": "chat", "friendly_name": "Programmable Chat"},
    {"unique_name": "sms", "friendly_name": "SMS"},
    {"unique_name": "video", "friendly_name": "Video"},
)
"""The channels of a new workspace, with the friendly names of recorded answers."""


@dataclass(slots=True, kw_only=True)
class TaskChannel(Resource):
    """A kind of work."""

    friendly_name: str
    unique_name: str
    optimized: bool = False


class TaskChannelStore(Store[TaskChannel]):
    """The task channels of one workspace; Twilio's older page of limits allows fifteen."""

    make: Callable[..., TaskChannel] = TaskChannel
    noun = "TaskChannel"
    prefix = "TC"
    kind = "task-channel"
    most = 15

    @property
    def default(self) -> TaskChannel:
        """The channel ``default``, which cannot be deleted."""
        return next(iter(self))

    def named(self, name: str) -> TaskChannel | None:
        """Return the channel with this sid or unique name."""
        return self.get(name) or next((item for item in self if item.unique_name == name), None)

    def facts(self, item: TaskChannel) -> Facts:
        """Return the event facts of a channel."""
        return Facts(
            task_channel_sid=item.sid,
            task_channel_unique_name=item.unique_name,
            more=(
                ("task_channel_name", item.friendly_name),
                ("task_channel_optimized_routing", str(item.optimized).lower()),
            ),
        )
