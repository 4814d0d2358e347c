"""Endpoints of task channels."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from aiotask.sandbox.api.collection import EditableCollection
from aiotask.sandbox.api.dates import dates
from aiotask.sandbox.api.endpoint import Call
from aiotask.sandbox.model.refusals import invalid
from aiotask.sandbox.model.task import CLOSED
from aiotask.sandbox.model.task_channel import TaskChannel
from aiotask.sandbox.model.workspace_stores import Stores
from aiotask.sandbox.wire.answers import Answer
from aiotask.sandbox.wire.parameters import Parameters

# As described on Twilio's pages on multitasking and on task channels.
_UNIQUE_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]{0,63}", re.ASCII)


class TaskChannels(EditableCollection[TaskChannel]):
    """The task channels of one workspace, by sid or unique name.

    Undocumented by Twilio; the sandbox: neither ``default`` nor the channel of an open task can be
    deleted.
    """

    key = "channels"
    required: ClassVar[tuple[str, ...]] = ("FriendlyName", "UniqueName")

    def __init__(self, stores: Stores) -> None:
        super().__init__(stores.channels, stores.workspace_sid)
        self._stores = stores

    def named(self, name: str) -> TaskChannel | None:
        """Return the channel with this sid or unique name."""
        return self._stores.channels.named(name)

    def read(self, parameters: Parameters, item: TaskChannel | None) -> dict[str, Any]:
        """Return the values of a request; the unique name never changes."""
        unique_name = parameters.text("UniqueName") if item is None else None
        if unique_name is not None:
            if not _UNIQUE_NAME.fullmatch(unique_name):
                raise invalid(
                    f"Invalid UniqueName {unique_name!r}: "
                    "must be letters, digits, _ and $, and not begin with a digit"
                )
            if self.named(unique_name) is not None:
                raise invalid(f"A TaskChannel with the UniqueName {unique_name!r} exists already")
        return {
            "friendly_name": parameters.named("FriendlyName", code=20002),
            "unique_name": unique_name,
            "optimized": parameters.boolean("ChannelOptimizedRouting"),
        }

    def put_in(self, values: Mapping[str, Any]) -> TaskChannel:
        """Add a channel, also to every worker."""
        channel = super().put_in(values)
        self._stores.workers.add_channel(channel)
        return channel

    def update(self, call: Call) -> Answer:
        """Change a channel; its routing mode changes the order of idle workers."""
        answer = super().update(call)
        self._stores.dirty.add(*self._stores.workers.items)
        return answer

    def take_out(self, item: TaskChannel) -> None:
        """Remove a channel without open tasks."""
        if item is self._stores.channels.default or self._uses(item):
            raise invalid(f"Cannot delete TaskChannel {item.sid} because it is in use")
        self._stores.workers.remove_channel(item)
        super().take_out(item)

    def render(self, item: TaskChannel, parent: str) -> dict[str, Any]:
        """Return the documented fields."""
        return {
            "account_sid": self.account.sid,
            **dates(item),
            "friendly_name": item.friendly_name,
            "sid": item.sid,
            "unique_name": item.unique_name,
            "url": f"{parent}/TaskChannels/{item.sid}",
            "workspace_sid": self.workspace_sid,
            "channel_optimized_routing": item.optimized,
            "links": {"workspace": parent},
        }

    def _uses(self, item: TaskChannel) -> bool:
        groups = self._stores.tasks.counts({"task_channel_sid": frozenset([item.sid])})
        return any(group.assignment_status not in CLOSED for group, _ in groups)
