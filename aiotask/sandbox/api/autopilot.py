"""Endpoints of Autopilot tasks, the training data of a retired product.

Undocumented by Twilio; the sandbox: any well-formed sid is an assistant, and a UniqueName that is
taken is refused with 400.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from aiotask.sandbox._json import JsonSyntaxError, loads
from aiotask.sandbox.api.collection import EditableCollection
from aiotask.sandbox.api.dates import dates
from aiotask.sandbox.model.account import Account
from aiotask.sandbox.model.refusals import Refusal
from aiotask.sandbox.model.store import Resource, Store
from aiotask.sandbox.wire.parameters import Parameters


@dataclass(slots=True, kw_only=True)
class AutopilotTask(Resource):
    """A task that an assistant can recognize."""

    unique_name: str
    friendly_name: str | None = None
    actions_url: str | None = None
    actions: str | None = None
    """Stored and not rendered: the service has a resource of its own for them."""


class AutopilotTaskStore(Store[AutopilotTask]):
    """The tasks of one assistant."""

    make: Callable[..., AutopilotTask] = AutopilotTask
    noun = "Task"
    prefix = "UD"


class AutopilotTasks(EditableCollection[AutopilotTask]):
    """The tasks of one assistant, by sid or unique name."""

    key = "tasks"
    required: ClassVar[tuple[str, ...]] = ("UniqueName",)

    def __init__(self, account: Account, assistant_sid: str) -> None:
        super().__init__(AutopilotTaskStore(account.within(assistant_sid)))
        self._assistant_sid = assistant_sid

    def named(self, name: str | None) -> AutopilotTask | None:
        """Return the task with this sid or unique name."""
        by_name = (item for item in self.store if item.unique_name == name)
        return self.store.get(name) or next(by_name, None)

    def render(self, item: AutopilotTask, parent: str) -> dict[str, Any]:
        """Return the documented fields."""
        url = f"{parent}/Tasks/{item.sid}"
        return {
            "account_sid": self.account.sid,
            "actions_url": item.actions_url,
            "assistant_sid": self._assistant_sid,
            **dates(item),
            "friendly_name": item.friendly_name,
            "links": {
                "fields": f"{url}/Fields",
                "samples": f"{url}/Samples",
                "statistics": f"{url}/Statistics",
                "task_actions": f"{url}/Actions",
            },
            "sid": item.sid,
            "unique_name": item.unique_name,
            "url": url,
        }

    def read(self, parameters: Parameters, item: AutopilotTask | None) -> dict[str, Any]:
        """Return the values of a request."""
        changes = {
            "unique_name": parameters.named("UniqueName"),
            "friendly_name": parameters.named("FriendlyName", longest=255),
            "actions": parameters.text("Actions"),
            "actions_url": parameters.text("ActionsUrl"),
        }
        if self.named(changes["unique_name"]) not in (None, item):
            raise Refusal(90101, "A task with this UniqueName exists already")
        if changes["actions"]:
            try:
                loads(changes["actions"])
            except JsonSyntaxError as error:
                raise Refusal(90100, f"Invalid Actions: not JSON: {error}") from error
        return changes
