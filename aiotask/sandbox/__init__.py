"""A local server that behaves like Twilio TaskRouter v1, for tests and demonstrations.

It knows nothing of the rest of aiotask, so that a client and a server that agree have not merely
copied each other.
"""

from aiotask.sandbox._contents import ContentsError
from aiotask.sandbox._sandbox import Sandbox
from aiotask.sandbox.callbacks.debugger import DebuggerEntry
from aiotask.sandbox.model.changes import StoreError
from aiotask.sandbox.model.task import StoredTask
from aiotask.sandbox.server.faults import FAULT_KINDS, FaultKind, Faults

__all__ = [
    "FAULT_KINDS",
    "ContentsError",
    "DebuggerEntry",
    "FaultKind",
    "Faults",
    "Sandbox",
    "StoreError",
    "StoredTask",
]
