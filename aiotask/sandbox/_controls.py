"""Test controls: time, contents, tasks and workers without requests."""

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiotask.sandbox._contents import Contents, Filler
from aiotask.sandbox._json import dumps, loads
from aiotask.sandbox._prospects import Outlook, outlook
from aiotask.sandbox._workspace import Template, Workspace
from aiotask.sandbox.api.dispatch import Service
from aiotask.sandbox.callbacks.dispatch import Callbacks
from aiotask.sandbox.callbacks.sender import Post
from aiotask.sandbox.model.account import Account
from aiotask.sandbox.model.debugger import DebuggerEntry
from aiotask.sandbox.model.refusals import Refusal
from aiotask.sandbox.model.task import Status, StoredTask, Task
from aiotask.sandbox.server.faults import FaultKind, Faults
from aiotask.sandbox.server.handler import Counts
from aiotask.sandbox.server.tokens import Tokens


class TestControls(ABC):
    """The methods of a sandbox for tests."""

    account_sid: str
    auth_token: str
    api_key: str
    api_secret: str
    client_id: str
    client_secret: str
    faults: Faults
    _account: Account
    _service: Service
    _counts: Counts
    _callbacks: Callbacks
    _tokens: Tokens

    @abstractmethod
    async def start(self) -> None:
        """Start to serve."""

    @abstractmethod
    async def close(self) -> None:
        """Stop serving."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The base URL."""

    @property
    def workspaces(self) -> list[str]:
        """The sids of all workspaces, in order of creation."""
        return list(self._service.workspaces.items)

    @property
    def _origin(self) -> str:
        """The start of URLs while the sandbox does not serve."""
        return "http://sandbox"

    async def advance(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0) -> None:
        """Advance the clock, and run all timers on the way in order, each at its own time.

        The clock runs on from there. A store does not keep the advance.
        """
        span = round(1000 * (seconds + 60 * minutes + 3600 * hours))
        if span < 0:
            raise ValueError("time cannot go back")
        scheduler = self._account.scheduler
        with self._as_request():
            end = scheduler.timeline.milliseconds() + span
            while (due := scheduler.next) is not None and due <= end:
                scheduler.advance_to(due)
                await asyncio.sleep(0)  # other tasks of the loop see each moment, too
            scheduler.advance_to(end)

    def freeze_index(self) -> None:
        """Freeze the lists of tasks and events: new ones are found by sid, but not listed.

        :meth:`snapshot` and :meth:`tasks` show them. Those that are within the index lag at the
        time of the freeze are not listed either.
        """
        self._account.scheduler.catch_up()
        self._account.index.freeze(self._account.milliseconds())

    def thaw_index(self) -> None:
        """Undo :meth:`freeze_index`: lists are behind by the index lag only."""
        self._account.index.thaw()

    def create_workspace(self, friendly_name: str, template: Template = "FIFO") -> str:
        """Create a workspace without a request, and return its sid.

        The template FIFO has a queue, and a workflow that sends every task to it.
        """
        with self._as_request():
            return self._service.workspaces.open(friendly_name, template).sid

    def fill(self, contents: Contents) -> None:
        """Add workspaces and their contents, without requests.

        *contents* maps friendly names to workspaces, or is one workspace without a name. A
        workspace is a mapping of its settings (``template``, ``events_filter`` ...) and of lists of
        ``activities``, ``task_channels``, ``workers``, ``task_queues``, ``workflows`` and
        ``tasks``, each a mapping with the fields of a client's ``create``. Friendly names may stand
        in place of sids (``"activity_sid": "Available"``), also for the queues in a configuration,
        and in expressions as ``{activity:Available}``. A worker's ``channels`` maps unique names to
        capacities. What a new workspace has by the name of a row already is changed. An invalid
        entry is a :class:`ContentsError` that names its place; the entries before it have been
        added.
        """
        with self._as_request():
            self._filler().fill(contents)

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """Return the present contents, by the friendly names of the workspaces.

        Each workspace has its fields and the lists of :meth:`fill`, with all fields of an answer.
        ``attributes`` and configurations are decoded, tasks have ``reservations`` and workers
        ``channels``.
        """
        self._account.scheduler.catch_up()
        with self._account.index.bypass():
            return self._filler().snapshot()

    def tasks(self, workspace_sid: str) -> list[StoredTask]:
        """Return the tasks of a workspace, in order of creation."""
        self._account.scheduler.catch_up()
        return [StoredTask.of(task) for task in self._workspace(workspace_sid).stores.tasks]

    def create_task(self, workspace_sid: str, fields: Mapping[str, Any]) -> str:
        """Create a task without a request, by the *fields* of :meth:`fill`, and return its sid."""
        self._workspace(workspace_sid)
        with self._as_request():
            return self._filler().add_task(workspace_sid, fields)

    def outlook(self, task_sid: str) -> Outlook:
        """Return the targets on a task's way, the workers who could take it, and who is offered it.

        That is for a task that was created just now: its way is that of its attributes from the
        first filter on.
        """
        return outlook(*self._task(task_sid))

    def assign(self, task_sid: str) -> None:
        """Set a task to assigned, as the acceptance of a reservation does."""
        self.set_status(task_sid, "assigned")

    def set_status(self, task_sid: str, status: Status) -> None:
        """Set any status of a task, without a change to its reservations; its version grows."""
        workspace, task = self._task(task_sid)
        with self._as_request():
            workspace.transitions.set_status(task, status)

    def create_worker(
        self,
        workspace_sid: str,
        friendly_name: str,
        attributes: Mapping[str, Any] | None = None,
        activity: str = "Available",
    ) -> str:
        """Create a worker without a request, and return its sid; *activity* is a friendly name.

        A worker with an available activity gets tasks at once.
        """
        self._account.scheduler.catch_up()
        stores = self._workspace(workspace_sid).stores
        named = [item for item in stores.activities if item.friendly_name == activity]
        if not named:
            raise LookupError(f"the workspace has no activity {activity!r}")
        text = dumps(dict(attributes or {})).decode()
        values = {
            "friendly_name": friendly_name,
            "activity": named[0],
            "attributes": text,
            "decoded": loads(text),
        }
        with self._as_request():
            return stores.workers.new(values).sid

    def reserve(self, task_sid: str, worker_sid: str) -> str:
        """Reserve a waiting task for a worker, whatever routing says; return the sid."""
        workspace, task = self._task(task_sid)
        worker = workspace.stores.workers.get(worker_sid)
        if worker is None:
            raise LookupError(f"the workspace of {task_sid} has no worker {worker_sid}")
        with self._as_request():
            return workspace.transitions.reserve(task, worker).sid

    def revoke_tokens(self) -> None:
        """Make all access tokens of OAuth end now."""
        self._tokens.revoke()

    @property
    def requests(self) -> Counter[str]:
        """Counts of requests by kind, such as "POST Tasks" and "GET Tasks/{Sid}"."""
        return self._counts.requests

    @property
    def answers(self) -> Counter[int]:
        """Counts of the service's answers by status, including answers lost by a fault."""
        return self._counts.answers

    @property
    def refused(self) -> int:
        """The number of requests that the service refused with 429, without injected ones."""
        return self._counts.answers[429]

    @property
    def injected(self) -> Counter[FaultKind]:
        """Counts of injected faults by kind."""
        return self.faults.injected

    @property
    def callbacks(self) -> Counter[str]:
        """Counts of callbacks by kind and outcome, such as "event answered".

        The kinds are event, assignment and fallback; the outcomes are answered (with 2xx), refused,
        timed out, failed and dropped.
        """
        return self._callbacks.counts

    @property
    def posts(self) -> list[Post]:
        """Callbacks that were posted, and what was answered; the last thousand."""
        return list(self._callbacks.posts)

    @property
    def debugger(self) -> list[DebuggerEntry]:
        """Errors of known workers and in answers to assignment callbacks; the last thousand."""
        return list(self._account.debugger)

    async def callbacks_sent(self) -> None:
        """Wait until all callbacks are posted and their instructions executed.

        This includes the callbacks that follow from instructions.
        """
        await self._callbacks.sent()

    @contextmanager
    def _as_request(self) -> Iterator[None]:
        """Run due timers before, and settle and save after, as a request would."""
        self._account.scheduler.catch_up()
        try:
            yield
        except Refusal as refusal:
            raise ValueError(refusal.message) from refusal
        finally:
            self._account.scheduler.settle()
            self._account.changes.commit()

    def _filler(self) -> Filler:
        return Filler(self._service, self._origin)

    def _workspace(self, sid: str) -> Workspace:
        workspace = self._service.workspaces.get(sid)
        if workspace is None:
            raise LookupError(f"the sandbox has no workspace {sid}")
        return workspace

    def _task(self, sid: str) -> tuple[Workspace, Task]:
        self._account.scheduler.catch_up()
        for workspace in self._service.workspaces:
            task = workspace.stores.tasks.get(sid)
            if task is not None:
                return workspace, task
        raise LookupError(f"the sandbox has no task {sid}")
