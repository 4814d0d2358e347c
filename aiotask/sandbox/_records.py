"""What is kept of a sandbox: a table for each kind of resource, and one of events."""

from collections.abc import Mapping

from aiotask.sandbox._activity import Activity
from aiotask.sandbox._autopilot import AutopilotTask
from aiotask.sandbox._events import Facts
from aiotask.sandbox._plans import Codec, Plan, Planner
from aiotask.sandbox._reservation import Reservation
from aiotask.sandbox._routing import Document, read_document
from aiotask.sandbox._task import Task
from aiotask.sandbox._task_channel import TaskChannel
from aiotask.sandbox._task_queue import TaskQueue
from aiotask.sandbox._worker import Worker
from aiotask.sandbox._workflow import Workflow
from aiotask.sandbox._workspace import Workspace

IN_WORKSPACES: Mapping[str, type] = {
    "activities": Activity,
    "channels": TaskChannel,
    "queues": TaskQueue,
    "workflows": Workflow,
    "workers": Worker,
    "tasks": Task,
    "reservations": Reservation,
}
"""What lies in workspaces, in tables with the names of its stores: what is referred to first."""
KINDS: Mapping[str, type] = {
    **IN_WORKSPACES,
    "workspaces": Workspace,
    "autopilot_tasks": AutopilotTask,
}
TABLE_OF: Mapping[str, str] = {
    "WA": "activities",
    "TC": "channels",
    "WQ": "queues",
    "WW": "workflows",
    "WK": "workers",
    "WT": "tasks",
    "WR": "reservations",
    "WS": "workspaces",
    "UD": "autopilot_tasks",
}
_COLUMNS = (
    "position INTEGER PRIMARY KEY, sid TEXT NOT NULL, holder TEXT NOT NULL, "
    "gone INTEGER NOT NULL, content BLOB NOT NULL"
)
_OF_EVENTS = (
    "position INTEGER PRIMARY KEY, holder TEXT NOT NULL, last INTEGER NOT NULL, "
    "content BLOB NOT NULL"
)
TABLES = (
    "meta(name TEXT PRIMARY KEY, value NOT NULL)",
    *(f"{table}({_COLUMNS})" for table in KINDS),
    f"events({_OF_EVENTS})",
)

# A document is checked when it comes in; its queues may be gone since.
_DOCUMENT = Codec(lambda item: item.text, lambda text, _: read_document(text, lambda _: True))
_PLANNER = Planner(frozenset(KINDS.values()), {Document: _DOCUMENT})
PLANS: Mapping[str, Plan] = {table: _PLANNER.plan(kind) for table, kind in KINDS.items()}
FACTS = _PLANNER.plan(Facts)
