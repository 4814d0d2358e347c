"""Workspaces: stores, transitions and router put together."""

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

# The contents of the template FIFO, with the names of recorded answers.
_FIFO_QUEUE = "Sample Queue"
_FIFO_WORKFLOW = "Default Fifo Workflow"


@dataclass(slots=True, kw_only=True, eq=False)
class Workspace(Resource):
    """One workspace with its contents."""

    friendly_name: str
    default_activity: Activity
    timeout_activity: Activity
    stores: Stores = field(metadata=DERIVED)
    transitions: Transitions = field(metadata=DERIVED)
    router: Router | None = field(default=None, metadata=DERIVED)
    """None in a sandbox without routing."""
    event_callback_url: str = ""
    events_filter: str | None = None
    multi_task_enabled: bool = True
    prioritize_queue_order: str = "FIFO"

    def resume(self) -> None:
        """Start routing with the present contents of the stores."""
        if self.router is not None:
            self.router.resume()

    def close(self) -> None:
        """Stop routing."""
        if self.router is not None:
            self.router.close()


Watch = Callable[[Workspace], None]
"""Called with each new workspace, before its first event."""


class WorkspaceStore(Store[Workspace]):
    """The workspaces of the account; Twilio's older page of limits allows 5,000.

    The events of a workspace are in its own log, and deleted with it.
    """

    make: Callable[..., Workspace] = Workspace
    noun = "Workspace"
    prefix = "WS"
    kind = "workspace"
    most = 5_000

    def __init__(self, account: Account, watch: Watch) -> None:
        super().__init__(account)
        self._watch = watch

    def open(self, friendly_name: str, template: Template) -> Workspace:
        """Create a workspace with the contents of its template."""
        return self.new({"friendly_name": friendly_name, "template": template})

    def built(self, values: Mapping[str, Any]) -> Workspace:
        """Return a new workspace without adding it, and without its template."""
        stores = Stores.open(self.account)
        offline = next(iter(stores.activities))
        first = {"default_activity": offline, "timeout_activity": offline}
        now = self.account.now()
        given = {name: value for name, value in values.items() if value is not None}
        given |= {"sid": stores.workspace_sid, "created": now, "updated": now}
        return self.joined(stores, {**first, **given})

    def joined(self, stores: Stores, values: Mapping[str, Any]) -> Workspace:
        """Return the workspace with these values and *stores*, without adding it."""
        transitions = Transitions(stores, lambda: workspace)
        router = None
        if self.account.routing:
            router = Router(stores, transitions, lambda: workspace, self._has_worker)
        workspace = Workspace(stores=stores, transitions=transitions, router=router, **values)
        self._watch(workspace)
        return workspace

    def new(self, values: Mapping[str, Any]) -> Workspace:
        """Create a workspace with the contents of its template."""
        rest = {name: value for name, value in values.items() if name != "template"}
        workspace = super().new(rest)
        if values["template"] == "FIFO":
            _fill(workspace.stores)
        return workspace

    def changed(self, item: Workspace, old: Mapping[str, Any]) -> None:
        """Record a change, and let workers seek tasks if they may now do several."""
        super().changed(item, old)
        if "multi_task_enabled" in old:
            item.stores.dirty.add(*item.stores.workers.items)

    def remove(self, item: Workspace) -> None:
        """Remove a workspace and its contents."""
        item.close()
        super().remove(item)
        # At last, as it turns the workspace's own tombstone into a deletion: nothing refers to it.
        item.stores.account.changes.empty()

    def _has_worker(self, sid: str) -> bool:
        return any(sid in workspace.stores.workers.items for workspace in self)

    def record(self, item: Workspace, *verbs: str) -> None:
        """Record events in the workspace's own log."""
        types = (f"{self.kind}.{verb}" for verb in verbs)
        item.stores.log.record(item.sid, self.facts(item), *types)


def _fill(stores: Stores) -> None:
    queue = stores.queues.new({"friendly_name": _FIFO_QUEUE})
    routing = {"filters": [], "default_filter": {"queue": queue.sid}}
    text = dumps({"task_routing": routing}).decode()
    document = read_document(text, lambda sid: stores.queues.get(sid) is not None)
    stores.workflows.new({"friendly_name": _FIFO_WORKFLOW, "document": document})
