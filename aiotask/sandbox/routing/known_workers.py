"""Known workers of targets: errors about them for the debugger.

Source: Twilio's pages on known agent routing and on the errors 40152, 40154 and 40155.

Undocumented by Twilio; the sandbox: an error is recorded whenever a task starts to wait for a known
worker, and again if its attributes then name another one.
"""

from collections.abc import Callable

from aiotask.sandbox.model.debugger import DebuggerEntry
from aiotask.sandbox.model.task import Task
from aiotask.sandbox.model.workspace_stores import Stores
from aiotask.sandbox.routing.waiting import WaitingGroup
from aiotask.sandbox.routing.worker_pools import WorkerPools

_NOT_IN_QUEUE = 40152
_INVALID = 40154
_NOT_IN_WORKSPACE = 40155


class KnownWorkers:
    """The known workers of one workspace; *exists* tells whether any workspace has a worker."""

    def __init__(self, stores: Stores, pools: WorkerPools, exists: Callable[[str], bool]) -> None:
        self._debugger = stores.account.debugger
        self._workers = stores.workers
        self._pools = pools
        self._exists = exists

    def check(self, task: Task, group: WaitingGroup) -> None:
        """Record an error if no worker of the queue is the one for whom a task waits."""
        if group.person is None or group.direct:
            return
        kind, value = group.person
        name = value if isinstance(value, str) else ""
        worker = self._workers.get(name) if kind == "sid" else self._workers.named(name)
        if worker is None and kind == "sid" and self._exists(name):
            code, reason = _NOT_IN_WORKSPACE, "is not in this Workspace"
        elif worker is None:
            code, reason = _INVALID, "does not exist" if name else "is missing or invalid"
        elif worker not in self._pools.pool(group.queue.target_workers):
            code, reason = _NOT_IN_QUEUE, f"is not in TaskQueue {group.queue.sid}"
        else:
            return
        subject = f"The known Worker {name[:64]!r}" if name else "The known Worker"
        self._debugger.append(DebuggerEntry(code, f"{subject} {reason}", task.sid))
