"""Tasks of Autopilot assistants: training material of a retired product, unlike other tasks.

Any well-formed sid is an assistant here. Whether the service answered a name that is taken with 400
or 409 is not known; the sandbox does with 400.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from aiotask.sandbox._account import Account
from aiotask.sandbox._answers import Answer, Refusal
from aiotask.sandbox._calls import Call
from aiotask.sandbox._parameters import Parameters
from aiotask.sandbox._shelf import Resource, Shelf


@dataclass(slots=True, kw_only=True)
class AutopilotTask(Resource):
    """Something that an assistant can be asked to do."""

    unique_name: str
    friendly_name: str | None = None
    actions_url: str | None = None
    actions: str | None = None
    """Kept, and not answered: the service has them below the task."""


class AutopilotTasks(Shelf[AutopilotTask]):
    """The tasks of one assistant; a path may name one by its unique name."""

    key = "tasks"

    def __init__(self, account: Account, assistant_sid: str) -> None:
        super().__init__(account)
        self._assistant_sid = assistant_sid

    def create(self, call: Call) -> Answer:
        """Add a task."""
        name = call.parameters.required("UniqueName")
        changes = self._read(call.parameters, None)
        now = self.account.now()
        sid = self.account.new_sid("UD")
        task = AutopilotTask(sid=sid, created=now, updated=now, unique_name=name)
        self.change(task, changes)
        return self.answer(call, 201, self.add(task))

    def update(self, call: Call) -> Answer:
        """Change a task."""
        task = self.find(call)
        self.change(task, self._read(call.parameters, task))
        return self.answer(call, 200, task)

    def delete(self, call: Call) -> Answer:
        """Remove a task."""
        return self.remove(call)

    def find(self, call: Call) -> AutopilotTask:
        """Return the task with this sid or unique name."""
        task = self.get(call.sid) or self._named(call.sid)
        if task is None:
            raise call.absent()
        return task

    def render(self, item: AutopilotTask, parent: str) -> dict[str, Any]:
        """Return the documented fields."""
        url = f"{parent}/Tasks/{item.sid}"
        return {
            "account_sid": self.account.sid,
            "actions_url": item.actions_url,
            "assistant_sid": self._assistant_sid,
            **item.dates(),
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

    def _named(self, name: str | None) -> AutopilotTask | None:
        return next((item for item in self if item.unique_name == name), None)

    def _read(self, parameters: Parameters, task: AutopilotTask | None) -> dict[str, Any]:
        changes = {
            "unique_name": parameters.named("UniqueName"),
            "friendly_name": parameters.named("FriendlyName", longest=255),
            "actions": parameters.text("Actions"),
            "actions_url": parameters.text("ActionsUrl"),
        }
        if self._named(changes["unique_name"]) not in (None, task):
            raise Refusal(400, 90101, "A task with this UniqueName exists already")
        if changes["actions"]:
            try:
                orjson.loads(changes["actions"])
            except orjson.JSONDecodeError as error:
                raise Refusal(400, 90100, f"Invalid Actions: not JSON: {error}") from error
        return changes
