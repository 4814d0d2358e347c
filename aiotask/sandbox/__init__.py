"""A local server that behaves like Twilio TaskRouter v1, for tests and demonstrations.

It imports nothing of the rest of aiotask, so that client and server agree by the documentation and
not by shared code. From top to bottom, each part imports only parts below it:

* ``_sandbox``: settings, start and close; ``_threaded``: the same in a thread
* ``_controls``: methods for tests; ``_contents``: fill and snapshot
* ``server``: HTTP and faults; ``callbacks``: posts and instructions; ``storage``: the SQLite file
* ``api``: endpoints, and the dispatch of requests to them
* ``_workspace``: stores, transitions and router put together
* ``routing``: offers of tasks to workers; ``wire``: parameters and answers
* ``model``: resources, stores and state transitions
* ``expressions``: the expression language; ``clock``: time and timers
* ``_json``: strict JSON; ``_sorted``: sorted containers
"""

from aiotask.sandbox._contents import ContentsError
from aiotask.sandbox._prospects import Outlook, Prospect
from aiotask.sandbox._sandbox import Sandbox
from aiotask.sandbox._settings import SandboxSettings
from aiotask.sandbox._threaded import ThreadedSandbox
from aiotask.sandbox.callbacks.sender import Post
from aiotask.sandbox.model.changes import StoreError
from aiotask.sandbox.model.debugger import DebuggerEntry
from aiotask.sandbox.model.task import StoredTask
from aiotask.sandbox.server.beside import Beside, Exchange
from aiotask.sandbox.server.faults import FAULT_KINDS, FaultKind, Faults

__all__ = [
    "FAULT_KINDS",
    "Beside",
    "ContentsError",
    "DebuggerEntry",
    "Exchange",
    "FaultKind",
    "Faults",
    "Outlook",
    "Post",
    "Prospect",
    "Sandbox",
    "SandboxSettings",
    "StoreError",
    "StoredTask",
    "ThreadedSandbox",
]
