"""A local server that behaves like Twilio TaskRouter v1, for tests and demonstrations.

It knows nothing of the rest of aiotask, so that a client and a server that agree have not merely
copied each other.
"""

from aiotask.sandbox._changes import StoreError
from aiotask.sandbox._contents import ContentsError
from aiotask.sandbox._debugger import DebuggerEntry
from aiotask.sandbox._faults import FAULT_KINDS, FaultKind, Faults
from aiotask.sandbox._server import Sandbox
from aiotask.sandbox._task import StoredTask

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
