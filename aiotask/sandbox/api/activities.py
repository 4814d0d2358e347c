"""Endpoints of activities."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from aiotask.sandbox.api.collection import EditableCollection
from aiotask.sandbox.api.dates import dates
from aiotask.sandbox.api.endpoint import Call
from aiotask.sandbox.model.activity import Activity
from aiotask.sandbox.model.refusals import invalid
from aiotask.sandbox.model.transitions import Settings
from aiotask.sandbox.model.workspace_stores import Stores
from aiotask.sandbox.wire.answers import Answer
from aiotask.sandbox.wire.parameters import Parameters


class Activities(EditableCollection[Activity]):
    """The activities of one workspace.

    Undocumented by Twilio; the sandbox: an activity that a worker, a task queue or the workspace
    uses cannot be deleted, and names may repeat.
    """

    key = "activities"
    filters: ClassVar[Mapping[str, str]] = {"FriendlyName": "friendly_name"}

    def __init__(self, stores: Stores, settings: Callable[[], Settings]) -> None:
        super().__init__(stores.activities, stores.workspace_sid)
        self._stores = stores
        self._settings = settings

    def read(self, parameters: Parameters, item: Activity | None) -> dict[str, Any]:
        """Return the name, and for a new activity its availability."""
        return {
            "friendly_name": parameters.named("FriendlyName", code=20002),
            "available": parameters.boolean("Available") if item is None else None,
        }

    def update(self, call: Call) -> Answer:
        """Change the name; queues may match workers by it."""
        answer = super().update(call)
        self._stores.dirty.add(*self._stores.workers.items)
        return answer

    def take_out(self, item: Activity) -> None:
        """Remove an activity that is not in use."""
        if self._uses(item):
            raise invalid(f"Cannot delete Activity {item.sid} because it is in use")
        super().take_out(item)

    def render(self, item: Activity, parent: str) -> dict[str, Any]:
        """Return the documented fields."""
        return {
            "account_sid": self.account.sid,
            "available": item.available,
            **dates(item),
            "friendly_name": item.friendly_name,
            "sid": item.sid,
            "url": f"{parent}/Activities/{item.sid}",
            "workspace_sid": self.workspace_sid,
            "links": {"workspace": parent},
        }

    def matcher(self, parameters: Parameters) -> Callable[[Activity], bool]:
        """Return the filter by name and Available."""
        named = super().matcher(parameters)
        available = parameters.boolean("Available")
        return lambda item: available in (None, item.available) and named(item)

    def _uses(self, item: Activity) -> bool:
        settings, stores = self._settings(), self._stores
        return (
            item in (settings.default_activity, settings.timeout_activity)
            or stores.workers.by_activity[item.sid] > 0
            or any(item in (q.reservation_activity, q.assignment_activity) for q in stores.queues)
        )
