"""Work of a kill campaign on the other verbs: rows, and the effect that each has to have.

Every so many-th row is one that the service refuses, and every so many-th one that the client sees
to be wrong itself. All follows from a row's number, and from the sids of what there is.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import aiotask
from aiotask.sandbox import Sandbox
from aiotask.sandbox.model.task import Status
from aiotask.taskrouter import WorkspaceContext

REFUSED = 97
WRONG = 101
SETTLE = 1.3  # seconds, which is longer than any request is late
_PRIORITIES = 1000
_TOO_LONG = 5000
_STATUSES = 7  # one update in so many sets a status, which the service does not do twice
_AGE = 60.0  # seconds, so that what is there is older than the job

Rows = Iterable[Any] | AsyncIterable[Any]
Shown = Mapping[str, Any]
Outcomes = AsyncGenerator[aiotask.AnyOutcome[Any], None]
Collection = Literal["Tasks", "Workers", "Workflows"]
_LISTS: Mapping[Collection, str] = {
    "Tasks": "tasks",
    "Workers": "workers",
    "Workflows": "workflows",
}


def number_of(row: Any, numbers: Mapping[str, int]) -> int:
    """Return the number of a row, given those of the sids."""
    name: str = row if isinstance(row, str) else row.get("sid") or row["friendly_name"]
    return numbers[name] if name in numbers else _number_in(name)


def _number_in(name: str) -> int:
    return int(name.rpartition("-")[2])


def is_wrong(number: int) -> bool:
    """Whether the client sees that a row is wrong."""
    return number % WRONG == WRONG - 1


class Work(ABC):
    """One verb, applied to many rows of a collection."""

    collection: ClassVar[Collection] = "Tasks"
    refuses: ClassVar[bool] = True
    """Whether there are rows that the service refuses."""
    by_name: ClassVar[bool] = False
    """Whether rows name what they are about, and do not have its sid."""
    reads_first: ClassVar[bool] = False
    """Whether what is changed is read first, and changed under its ETag."""
    most: ClassVar[int] = 1_000_000
    """The number of rows that a workspace has room for."""
    others_end: ClassVar[Status | None] = None
    """The status by which others interfere."""

    def is_refused(self, number: int) -> bool:
        """Whether a row is to be refused, by the service or by the client."""
        return is_wrong(number) or (self.refuses and number % REFUSED == REFUSED - 1)

    def contents(self, rows: int) -> dict[str, Any]:
        """Return what a workspace holds before: what the rows name."""
        return {"template": "FIFO", "tasks": [{"priority": 0}] * rows}

    def prepare(self, sandbox: Sandbox, sids: Sequence[str]) -> None:  # noqa: B027 - for some
        """Bring what there is into the state that the verb is for."""

    async def prepared(self, sandbox: Sandbox, rows: int) -> list[str]:
        """Make a workspace, and return the sid that each row needs."""
        sandbox.fill({"campaign": self.contents(rows)})
        sids = self.sids(sandbox, rows)
        self.prepare(sandbox, sids)
        await sandbox.advance(seconds=_AGE)
        return sids

    def sids(self, sandbox: Sandbox, rows: int) -> list[str]:  # noqa: ARG002 - for some
        """Return the sid that each row needs."""
        return [each["sid"] for each in self.shown(sandbox)]

    def shown(self, sandbox: Sandbox) -> list[dict[str, Any]]:
        """Return what the service has now."""
        (held,) = sandbox.snapshot().values()
        found: list[dict[str, Any]] = held[_LISTS[self.collection]]
        return found

    def numbers(self, sandbox: Sandbox, sids: Sequence[str]) -> dict[str, int]:
        """Return the number of the row that each sid belongs to."""
        if self.by_name:
            return {each["sid"]: _number_in(each["friendly_name"]) for each in self.shown(sandbox)}
        return {sid: number for number, sid in enumerate(sids)}

    def row(self, number: int, sids: Sequence[str]) -> Any:
        """Return the row of a number."""
        return f"none-{number}" if is_wrong(number) else sids[number]

    @abstractmethod
    def outcomes(self, workspace: WorkspaceContext, rows: Rows, **settings: Any) -> Outcomes:
        """Begin the run."""

    @abstractmethod
    def is_so(self, number: int, shown: Shown) -> bool:
        """Whether something shows the effect of a row."""


class Update(Work):
    """Sets the priority of each task, or its status."""

    others_end = "completed"

    def row(self, number: int, sids: Sequence[str]) -> Any:
        """Return the row of a number."""
        sid = super().row(number, sids)
        if self._sets_status(number):
            return {"sid": sid, "assignment_status": "canceled", "reason": "no longer needed"}
        more = {"task_channel": "nowhere"} if number % REFUSED == REFUSED - 1 else {}
        return {"sid": sid, "priority": number % _PRIORITIES + 1, **more}

    def _sets_status(self, number: int) -> bool:
        return number % _STATUSES == 0 and not self.is_refused(number)

    def outcomes(self, workspace: WorkspaceContext, rows: Rows, **settings: Any) -> Outcomes:
        """Begin the run."""
        return workspace.tasks.update_many(rows, **settings)

    def is_so(self, number: int, shown: Shown) -> bool:
        """Whether a task has the priority or the status."""
        if self._sets_status(number):
            return bool(shown["assignment_status"] == "canceled")
        return bool(shown["priority"] == number % _PRIORITIES + 1)


class Cancel(Work):
    """Cancels each task; those that are assigned cannot be."""

    others_end = "assigned"

    def prepare(self, sandbox: Sandbox, sids: Sequence[str]) -> None:
        """Assign those that the service is to refuse."""
        for number, sid in enumerate(sids):
            if number % REFUSED == REFUSED - 1:
                sandbox.assign(sid)

    def outcomes(self, workspace: WorkspaceContext, rows: Rows, **settings: Any) -> Outcomes:
        """Begin the run."""
        return workspace.tasks.cancel_many(rows, "no longer needed", **settings)

    def is_so(self, number: int, shown: Shown) -> bool:  # noqa: ARG002 - the same for all
        """Whether a task is canceled."""
        return bool(shown["assignment_status"] == "canceled")


class Complete(Work):
    """Completes each task; those that are not assigned cannot be."""

    others_end = "canceled"

    def prepare(self, sandbox: Sandbox, sids: Sequence[str]) -> None:
        """Assign all but those that the service is to refuse."""
        for number, sid in enumerate(sids):
            if number % REFUSED != REFUSED - 1:
                sandbox.assign(sid)

    def outcomes(self, workspace: WorkspaceContext, rows: Rows, **settings: Any) -> Outcomes:
        """Begin the run."""
        return workspace.tasks.complete_many(rows, "done", **settings)

    def is_so(self, number: int, shown: Shown) -> bool:  # noqa: ARG002 - the same for all
        """Whether a task is completed."""
        return bool(shown["assignment_status"] == "completed")


class Delete(Work):
    """Deletes each task."""

    refuses = False
    others_end = "completed"

    def outcomes(self, workspace: WorkspaceContext, rows: Rows, **settings: Any) -> Outcomes:
        """Begin the run."""
        return workspace.tasks.delete_many(rows, **settings)

    def is_so(self, number: int, shown: Shown) -> bool:  # noqa: ARG002 - it is there
        """Return False."""
        return False


class _OfWorkers(Work):
    collection = "Workers"

    def contents(self, rows: int) -> dict[str, Any]:
        """Return as many workers as rows."""
        names = (f"worker-{number}" for number in range(rows))
        workers = [{"friendly_name": name, "attributes": {"number": -1}} for name in names]
        return {"template": "FIFO", "workers": workers}

    def attributes(self, number: int) -> dict[str, Any]:
        """Return what the row of a number sets."""
        return {"number": number}

    def is_so(self, number: int, shown: Shown) -> bool:
        """Whether a worker has the attributes."""
        return bool(shown["attributes"] == self.attributes(number))


class UpdateWorkers(_OfWorkers):
    """Sets the attributes of each worker."""

    def row(self, number: int, sids: Sequence[str]) -> Any:
        """Return the row of a number."""
        sid = super().row(number, sids)
        more = {"activity_sid": f"WA{'0' * 32}"} if number % REFUSED == REFUSED - 1 else {}
        return {"sid": sid, "attributes": self.attributes(number), **more}

    def outcomes(self, workspace: WorkspaceContext, rows: Rows, **settings: Any) -> Outcomes:
        """Begin the run."""
        return workspace.workers.update_many(rows, **settings)


class DeleteWorkers(_OfWorkers):
    """Deletes each worker."""

    refuses = False

    def outcomes(self, workspace: WorkspaceContext, rows: Rows, **settings: Any) -> Outcomes:
        """Begin the run."""
        return workspace.workers.delete_many(rows, **settings)

    def is_so(self, number: int, shown: Shown) -> bool:  # noqa: ARG002 - it is there
        """Return False."""
        return False


class UpsertWorkers(_OfWorkers):
    """Creates a worker for each row, or changes the one that is there."""

    by_name = reads_first = True

    def contents(self, rows: int) -> dict[str, Any]:
        """Return the workers of a third of the rows, half of them as the rows say."""
        workers = [
            {
                "friendly_name": f"worker-{number}",
                "attributes": {"number": number if number % 2 else -1},
            }
            for number in range(0, rows, 3)
            if not self.is_refused(number)
        ]
        return {"template": "FIFO", "workers": workers}

    def sids(self, sandbox: Sandbox, rows: int) -> list[str]:  # noqa: ARG002 - none is needed
        """Return nothing: rows have names."""
        return [""] * rows

    def row(self, number: int, sids: Sequence[str]) -> Any:  # noqa: ARG002 - of names
        """Return the row of a number."""
        attributes = self.attributes(number)
        if is_wrong(number):
            attributes["note"] = "x" * _TOO_LONG
        more = {"activity_sid": f"WA{'0' * 32}"} if number % REFUSED == REFUSED - 1 else {}
        return {"friendly_name": f"worker-{number}", "attributes": attributes, **more}

    def outcomes(self, workspace: WorkspaceContext, rows: Rows, **settings: Any) -> Outcomes:
        """Begin the run."""
        return workspace.workers.upsert_many(rows, **settings)


class UpsertWorkflows(Work):
    """Creates a workflow for each row, or changes it; the service takes a name twice."""

    collection = "Workflows"
    by_name = True
    most = 900  # a workspace has no more than 1,000

    def contents(self, rows: int) -> dict[str, Any]:
        """Return the workflows of a third of the rows, half of them as the rows say."""
        workflows = [
            {
                "friendly_name": f"workflow-{number}",
                "configuration": {"task_routing": {"default_filter": {"queue": "All"}}},
                "task_reservation_timeout": self._seconds(number) if number % 2 else 5,
            }
            for number in range(0, rows, 3)
            if not self.is_refused(number)
        ]
        return {"task_queues": [{"friendly_name": "All"}], "workflows": workflows}

    def _seconds(self, number: int) -> int:
        return 10 + number

    def sids(self, sandbox: Sandbox, rows: int) -> list[str]:
        """Return the sid of the queue that each row leads to."""
        (held,) = sandbox.snapshot().values()
        (queue,) = [each["sid"] for each in held["task_queues"] if each["friendly_name"] == "All"]
        return [queue] * rows

    def row(self, number: int, sids: Sequence[str]) -> Any:
        """Return the row of a number."""
        refused = number % REFUSED == REFUSED - 1
        queue = f"WQ{'0' * 32}" if refused else sids[number]
        return {
            "friendly_name": f"workflow-{number}",
            "configuration": {"task_routing": {"default_filter": {"queue": queue}}},
            "task_reservation_timeout": 0 if is_wrong(number) else self._seconds(number),
        }

    def outcomes(self, workspace: WorkspaceContext, rows: Rows, **settings: Any) -> Outcomes:
        """Begin the run."""
        return workspace.workflows.upsert_many(rows, settle=SETTLE, **settings)

    def is_so(self, number: int, shown: Shown) -> bool:
        """Whether a workflow has the timeout."""
        return bool(shown["task_reservation_timeout"] == self._seconds(number))


WORKS: dict[str, Work] = {
    "update": Update(),
    "cancel": Cancel(),
    "complete": Complete(),
    "delete": Delete(),
    "update-workers": UpdateWorkers(),
    "delete-workers": DeleteWorkers(),
    "upsert": UpsertWorkers(),
    "upsert-workflows": UpsertWorkflows(),
}
