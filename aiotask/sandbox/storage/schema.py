"""Tables: one for each kind of resource, and one of events."""

from collections.abc import Mapping

from aiotask.sandbox._workspace import Workspace
from aiotask.sandbox.api.autopilot import AutopilotTask
from aiotask.sandbox.model.activity import Activity
from aiotask.sandbox.model.events import Facts
from aiotask.sandbox.model.reservation import Reservation
from aiotask.sandbox.model.task import Task
from aiotask.sandbox.model.task_channel import TaskChannel
from aiotask.sandbox.model.task_queue import TaskQueue
from aiotask.sandbox.model.worker import Worker
from aiotask.sandbox.model.workflow import Workflow
from aiotask.sandbox.model.workflow_configuration import Document, read_document
from aiotask.sandbox.storage.codecs import Codec, Plan, Planner

IN_WORKSPACES: Mapping[str, type] = {
    "activities": Activity,
    "channels": TaskChannel,
    "queues": TaskQueue,
    "workflows": Workflow,
    "workers": Worker,
    "tasks": Task,
    "reservations": Reservation,
}
"""Tables of workspaces, named as its stores, in dependency order."""
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
    "tombstone INTEGER NOT NULL, content BLOB NOT NULL"
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

# Documents were validated by the request; their queues may have been deleted since.
_DOCUMENT = Codec(lambda item: item.text, lambda text, _: read_document(text, lambda _: True))
_PLANNER = Planner(frozenset(KINDS.values()), {Document: _DOCUMENT})
PLANS: Mapping[str, Plan] = {table: _PLANNER.plan(kind) for table, kind in KINDS.items()}
FACTS = _PLANNER.plan(Facts)
