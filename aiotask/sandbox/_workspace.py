"""Workspaces as they are kept: each with its stores, and what may happen to them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from aiotask.sandbox._json import dumps
from aiotask.sandbox.model.account import Account
from aiotask.sandbox.model.activity import Activity
from aiotask.sandbox.model.changes import DERIVED
from aiotask.sandbox.model.store import Resource, Store
from aiotask.sandbox.model.transitions import Transitions
from aiotask.sandbox.model.workflow_configuration import read_document
from aiotask.sandbox.model.workspace_stores import Stores
from aiotask.sandbox.routing.router import Router

Template = Literal["NONE", "FIFO"]

TEMPLATES: tuple[Template, ...] = get_args(Template)

# What the template FIFO makes, by the names that recorded answers have.
_FIFO_QUEUE = "Sample Queue"
_FIFO_WORKFLOW = "Default Fifo Workflow"


@dataclass(slots=True, kw_only=True, eq=False)
class Workspace(Resource):
    """One workspace, and what it holds."""

    friendly_name: str
    default_activity: Activity
    timeout_activity: Activity
    stores: Stores = field(metadata=DERIVED)
    transitions: Transitions = field(metadata=DERIVED)
    router: Router | None = field(default=None, metadata=DERIVED)
    """What offers tasks to workers; there may be none."""
    event_callback_url: str = ""
    events_filter: str | None = None
    multi_task_enabled: bool = True
    prioritize_queue_order: str = "FIFO"

    def resume(self) -> None:
        """Go on with what the stores hold."""
        if self.router is not None:
            self.router.resume()

    def close(self) -> None:
        """Have nothing happen any longer."""
        if self.router is not None:
            self.router.close()


Watch = Callable[[Workspace], None]
"""Who is told of each workspace that is made, before anything happens in it."""


class WorkspaceStore(Store[Workspace]):
    """The workspaces of the account, of which Twilio's older page of limits allows 5,000.

    What happens to one is in its own log, and gone with it.
    """

    make = Workspace
    noun = "Workspace"
    prefix = "WS"
    kind = "workspace"
    most = 5_000

    def __init__(self, account: Account, watch: Watch) -> None:
        super().__init__(account)
        self._watch = watch

    def open(self, friendly_name: str, template: Template) -> Workspace:
        """Add a workspace with what its template makes."""
        return self.new({"friendly_name": friendly_name, "template": template})

    def built(self, values: Mapping[str, Any]) -> Workspace:
        """Return a workspace that is not kept yet, without what its template makes."""
        stores = Stores.open(self.account)
        offline = next(iter(stores.activities))
        first = {"default_activity": offline, "timeout_activity": offline}
        now = self.account.now()
        given = {name: value for name, value in values.items() if value is not None}
        given |= {"sid": stores.workspace_sid, "created": now, "updated": now}
        return self.joined(stores, {**first, **given})

    def joined(self, stores: Stores, values: Mapping[str, Any]) -> Workspace:
        """Return the workspace that has these values and *stores*, and is not kept yet."""
        transitions = Transitions(stores, lambda: workspace)
        router = Router(stores, transitions, lambda: workspace) if self.account.routing else None
        workspace = Workspace(stores=stores, transitions=transitions, router=router, **values)
        self._watch(workspace)
        return workspace

    def new(self, values: Mapping[str, Any]) -> Workspace:
        """Add a workspace with what its template makes."""
        rest = {name: value for name, value in values.items() if name != "template"}
        workspace = super().new(rest)
        if values["template"] == "FIFO":
            _fill(workspace.stores)
        return workspace

    def changed(self, item: Workspace, old: Mapping[str, Any]) -> None:
        """Tell the log of a change, and routing if it is about what workers do."""
        super().changed(item, old)
        if "multi_task_enabled" in old:
            item.stores.dirty.add(*item.stores.workers.items)

    def remove(self, item: Workspace) -> None:
        """Forget a workspace, in which nothing happens any longer."""
        item.close()
        super().remove(item)
        item.stores.account.changes.empty()

    def record(self, item: Workspace, *verbs: str) -> None:
        """Tell the workspace's own log what happened to it."""
        types = (f"{self.kind}.{verb}" for verb in verbs)
        item.stores.log.record(item.sid, self.facts(item), *types)


def _fill(stores: Stores) -> None:
    queue = stores.queues.new({"friendly_name": _FIFO_QUEUE})
    routing = {"filters": [], "default_filter": {"queue": queue.sid}}
    text = dumps({"task_routing": routing}).decode()
    document = read_document(text, lambda sid: stores.queues.get(sid) is not None)
    stores.workflows.new({"friendly_name": _FIFO_WORKFLOW, "document": document})
