"""Work of a kill campaign on the other verbs: rows, their effect, and the look that proves it.

Every so many-th row is one that the service refuses, and every so many-th one that the client sees
to be wrong itself. All follows from a row's number, and for changes from the tasks there are.
"""

from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import aiotask
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import WorkspaceContext

REFUSED = 97
WRONG = 101
_PRIORITIES = 1000
_TOO_LONG = 5000

Rows = Iterable[Any] | AsyncIterable[Any]


def number_of(row: Any, sids: Mapping[str, int]) -> int:
    """Return the number of a row, given those of the tasks."""
    name: str = row if isinstance(row, str) else row.get("sid") or row["friendly_name"]
    return sids[name] if name in sids else int(name.rpartition("-")[2])


def is_refused(number: int) -> bool:
    """Whether the service refuses a row, or the client does."""
    return number % WRONG == WRONG - 1 or number % REFUSED == REFUSED - 1


class Work(Protocol):
    """One verb, applied to many rows."""

    refuses: bool
    """Whether there are rows that the service refuses."""

    @abstractmethod
    def prepare(self, sandbox: Sandbox, sids: Sequence[str]) -> None:
        """Bring tasks into the state that the verb is for."""

    @abstractmethod
    def row(self, number: int, sids: Sequence[str]) -> Any:
        """Return the row of a number."""

    @abstractmethod
    def outcomes(
        self, workspace: WorkspaceContext, rows: Rows, **settings: Any
    ) -> AsyncGenerator[aiotask.AnyOutcome[Any], None]:
        """Begin the run."""

    @abstractmethod
    def done(self, sandbox: Sandbox, workspace: str, sids: Sequence[str]) -> set[int]:
        """Return the rows whose effect the service shows."""


class Update:
    """Sets the priority of each task."""

    refuses = True

    def prepare(self, sandbox: Sandbox, sids: Sequence[str]) -> None:
        """Leave them as they are."""

    def row(self, number: int, sids: Sequence[str]) -> Any:
        """Return the row of a number."""
        sid = f"task-{number}" if number % WRONG == WRONG - 1 else sids[number]
        more = {"task_channel": "nowhere"} if number % REFUSED == REFUSED - 1 else {}
        return {"sid": sid, "priority": number % _PRIORITIES + 1, **more}

    def outcomes(
        self, workspace: WorkspaceContext, rows: Rows, **settings: Any
    ) -> AsyncGenerator[aiotask.AnyOutcome[Any], None]:
        """Begin the run."""
        return workspace.tasks.update_many(rows, **settings)

    def done(self, sandbox: Sandbox, workspace: str, sids: Sequence[str]) -> set[int]:
        """Return the rows whose effect the service shows."""
        shown = {task.sid: task.priority for task in sandbox.tasks(workspace)}
        return {n for n, sid in enumerate(sids) if shown.get(sid) == n % _PRIORITIES + 1}


class _OfSids:
    refuses = True

    def row(self, number: int, sids: Sequence[str]) -> Any:
        """Return the row of a number."""
        return f"task-{number}" if number % WRONG == WRONG - 1 else sids[number]


class Cancel(_OfSids):
    """Cancels each task; those that are assigned cannot be."""

    status = "canceled"

    def prepare(self, sandbox: Sandbox, sids: Sequence[str]) -> None:
        """Assign those that the service is to refuse."""
        for number, sid in enumerate(sids):
            if number % REFUSED == REFUSED - 1:
                sandbox.assign(sid)

    def outcomes(
        self, workspace: WorkspaceContext, rows: Rows, **settings: Any
    ) -> AsyncGenerator[aiotask.AnyOutcome[Any], None]:
        """Begin the run."""
        return workspace.tasks.cancel_many(rows, "no longer needed", **settings)

    def done(self, sandbox: Sandbox, workspace: str, sids: Sequence[str]) -> set[int]:
        """Return the rows whose effect the service shows: it removes what has ended."""
        shown = {task.sid: task.assignment_status for task in sandbox.tasks(workspace)}
        return {n for n, sid in enumerate(sids) if shown.get(sid, self.status) == self.status}


class Complete(Cancel):
    """Completes each task; those that are not assigned cannot be."""

    status = "completed"

    def prepare(self, sandbox: Sandbox, sids: Sequence[str]) -> None:
        """Assign all but those that the service is to refuse."""
        for number, sid in enumerate(sids):
            if number % REFUSED != REFUSED - 1:
                sandbox.assign(sid)

    def outcomes(
        self, workspace: WorkspaceContext, rows: Rows, **settings: Any
    ) -> AsyncGenerator[aiotask.AnyOutcome[Any], None]:
        """Begin the run."""
        return workspace.tasks.complete_many(rows, "done", **settings)


class Delete(_OfSids):
    """Deletes each task."""

    refuses = False

    def prepare(self, sandbox: Sandbox, sids: Sequence[str]) -> None:
        """Leave them as they are."""

    def outcomes(
        self, workspace: WorkspaceContext, rows: Rows, **settings: Any
    ) -> AsyncGenerator[aiotask.AnyOutcome[Any], None]:
        """Begin the run."""
        return workspace.tasks.delete_many(rows, **settings)

    def done(self, sandbox: Sandbox, workspace: str, sids: Sequence[str]) -> set[int]:
        """Return the rows whose effect the service shows."""
        shown = {task.sid for task in sandbox.tasks(workspace)}
        return {n for n, sid in enumerate(sids) if sid not in shown}


class Upsert:
    """Creates a worker for each row, or changes the one that is there."""

    refuses = True

    def prepare(self, sandbox: Sandbox, sids: Sequence[str]) -> None:
        """Make the workers of a third of the rows, half of them as the rows say."""
        (workspace,) = sandbox.workspaces
        for number in range(0, len(sids), 3):
            as_wanted = number % 2 and not is_refused(number)
            attributes = self._attributes(number) if as_wanted else {}
            sandbox.create_worker(workspace, f"worker-{number}", attributes, "Offline")

    def _attributes(self, number: int) -> dict[str, Any]:
        return {"number": number}

    def row(self, number: int, sids: Sequence[str]) -> Any:  # noqa: ARG002 - of names
        """Return the row of a number."""
        attributes = self._attributes(number)
        if number % WRONG == WRONG - 1:
            attributes["note"] = "x" * _TOO_LONG
        more = {"activity_sid": f"WA{'0' * 32}"} if number % REFUSED == REFUSED - 1 else {}
        return {"friendly_name": f"worker-{number}", "attributes": attributes, **more}

    def outcomes(
        self, workspace: WorkspaceContext, rows: Rows, **settings: Any
    ) -> AsyncGenerator[aiotask.AnyOutcome[Any], None]:
        """Begin the run."""
        return workspace.workers.upsert_many(rows, **settings)

    def done(
        self,
        sandbox: Sandbox,
        workspace: str,  # noqa: ARG002 - there is one
        sids: Sequence[str],
    ) -> set[int]:
        """Return the rows whose effect the service shows."""
        (held,) = sandbox.snapshot().values()
        shown = {worker["friendly_name"]: worker["attributes"] for worker in held["workers"]}
        return {n for n in range(len(sids)) if shown.get(f"worker-{n}") == self._attributes(n)}


WORKS: dict[str, Work] = {
    "update": Update(),
    "cancel": Cancel(),
    "complete": Complete(),
    "delete": Delete(),
    "upsert": Upsert(),
}
