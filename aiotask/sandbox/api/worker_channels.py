"""Endpoints of worker channels."""

from typing import Any

from aiotask.sandbox.api.collection import ReadOnlyCollection
from aiotask.sandbox.api.dates import dates
from aiotask.sandbox.api.endpoint import Call
from aiotask.sandbox.model.worker import Worker, WorkerChannel, WorkerChannelStore
from aiotask.sandbox.model.workspace_stores import Stores
from aiotask.sandbox.wire.answers import Answer

_MAX_CAPACITY = 50  # by Twilio's older page of limits


class WorkerChannels(ReadOnlyCollection[WorkerChannel]):
    """The channels of one worker, by sid or by task channel."""

    key = "channels"

    def __init__(self, stores: Stores, worker: Worker) -> None:
        store = WorkerChannelStore(stores.workers, worker)
        super().__init__(store, stores.workspace_sid)
        self._worker = worker

    def named(self, name: str) -> WorkerChannel | None:
        """Return the channel with this sid, or the sid or unique name of its task channel."""
        return next(
            (
                item
                for item in self.store
                if name in (item.sid, item.channel.sid, item.channel.unique_name)
            ),
            None,
        )

    def update(self, call: Call) -> Answer:
        """Change capacity or availability."""
        item, parameters = self.find(call), call.parameters
        changes = {
            "capacity": parameters.integer("Capacity", 0, _MAX_CAPACITY),
            "available": parameters.boolean("Available"),
        }
        self.store.change(item, changes)
        return self.answer(call, 200, item)

    def render(self, item: WorkerChannel, parent: str) -> dict[str, Any]:
        """Return the documented fields."""
        return {
            "account_sid": self.account.sid,
            "assigned_tasks": item.assigned,
            "available": item.available,
            "available_capacity_percentage": item.percentage,
            "configured_capacity": item.capacity,
            **dates(item),
            "sid": item.sid,
            "task_channel_sid": item.channel.sid,
            "task_channel_unique_name": item.channel.unique_name,
            "url": f"{parent}/Channels/{item.sid}",
            "worker_sid": self._worker.sid,
            "workspace_sid": self.workspace_sid,
        }
