"""What can be done to a sandbox without requests, and seen of it: for tests."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiotask.sandbox._contents import Contents, Filler
from aiotask.sandbox._json import dumps, loads
from aiotask.sandbox._workspace import Template, Workspace
from aiotask.sandbox.api.dispatch import Service
from aiotask.sandbox.model.account import Account
from aiotask.sandbox.model.refusals import Refusal
from aiotask.sandbox.model.task import Status, StoredTask, Task


class TestControls:
    """What a test sets up before it, and looks at after it."""

    _account: Account
    _service: Service

    @property
    def workspaces(self) -> list[str]:
        """The sids of the workspaces that there are, in the order of their creation."""
        return list(self._service.workspaces.items)

    @property
    def _origin(self) -> str:
        """What URLs begin with while nobody serves."""
        return "http://sandbox"

    async def advance(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0) -> None:
        """Let time pass, and do on the way what is due: each thing in order and at its own time.

        The clock of this sandbox goes on from there; a store does not keep how far it was moved.
        """
        span = round(1000 * (seconds + 60 * minutes + 3600 * hours))
        if span < 0:
            raise ValueError("time does not go back")
        scheduler = self._account.scheduler
        with self._as_request():
            end = scheduler.timeline.milliseconds() + span
            while (due := scheduler.next) is not None and due <= end:
                scheduler.advance_to(due)
                await asyncio.sleep(0)  # so that others see each moment, too
            scheduler.advance_to(end)

    def freeze_index(self) -> None:
        """Let lists of tasks and of events stand still: nothing that is new gets into them.

        Sids find it, and :meth:`snapshot` and :meth:`tasks` show it. What lists did not show by now
        because of their lag waits as well.
        """
        self._account.scheduler.catch_up()
        self._account.index.freeze(self._account.milliseconds())

    def thaw_index(self) -> None:
        """Let lists go on after :meth:`freeze_index`, no further behind than their lag."""
        self._account.index.thaw()

    def create_workspace(self, friendly_name: str, template: Template = "FIFO") -> str:
        """Add a workspace without a request, and return its sid.

        The template FIFO comes with a queue and a workflow that puts every task in it.
        """
        with self._as_request():
            return self._service.workspaces.open(friendly_name, template).sid

    def fill(self, contents: Contents) -> None:
        """Add workspaces with what they hold, without requests.

        *contents* has a mapping for each workspace, by its friendly name. In it may stand settings
        of the workspace (``template``, ``events_filter`` ...), and lists of ``activities``,
        ``task_channels``, ``task_queues``, ``workflows``, ``workers`` and ``tasks``: mappings of
        the fields that create them, by the names of a client's ``create``. Where a sid belongs, a
        friendly name will do (``"activity_sid": "Available"``, also the queues of a configuration),
        and a worker's ``channels`` are capacities by unique name. What cannot be is a
        :class:`ContentsError` that says where it stands; what stood before it is there then.
        """
        with self._as_request():
            self._filler().fill(contents)

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """Return all that is there now, by the friendly names of the workspaces.

        Each has its own fields and the lists that :meth:`fill` takes, with all fields that the
        service gives; ``attributes`` and configurations are decoded, tasks have their
        ``reservations`` and workers their ``channels``.
        """
        self._account.scheduler.catch_up()
        with self._account.index.bypass():
            return self._filler().snapshot()

    def tasks(self, workspace_sid: str) -> list[StoredTask]:
        """Return the tasks that a workspace holds now, in the order of their creation."""
        self._account.scheduler.catch_up()
        return [StoredTask.of(task) for task in self._workspace(workspace_sid).stores.tasks]

    def assign(self, task_sid: str) -> None:
        """Make a task assigned, as a worker who accepts its reservation does."""
        self.set_status(task_sid, "assigned")

    def set_status(self, task_sid: str, status: Status) -> None:
        """Give a task any status, and leave its reservations alone; its version grows."""
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
        """Add a worker without a request, and return its sid; *activity* is a friendly name.

        The worker gets tasks at once, if the activity is available.
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
        """Offer a waiting task to a worker, whatever routing would, and return its sid."""
        workspace, task = self._task(task_sid)
        worker = workspace.stores.workers.get(worker_sid)
        if worker is None:
            raise LookupError(f"the workspace of {task_sid} has no worker {worker_sid}")
        with self._as_request():
            return workspace.transitions.reserve(task, worker).sid

    @contextmanager
    def _as_request(self) -> Iterator[None]:
        """Do without a request what stands around one: what is due before, what follows after."""
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
