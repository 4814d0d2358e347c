"""Changes and ends of tasks in bulk: the operations that update, cancel and complete tasks."""

from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from os import PathLike
from typing import Any, TypeVar, overload

from aiotask._collection import Place, form
from aiotask.bulk import (
    AnyOutcome,
    Deleted,
    Done,
    Failed,
    Item,
    OutcomeStream,
    SharedJournal,
    Updated,
)
from aiotask.bulk.fingerprint import fingerprint
from aiotask.errors import AiotaskError, NotFoundError
from aiotask.taskrouter._changes import SingleChange, stream
from aiotask.taskrouter._many import Many
from aiotask.taskrouter._task import Task
from aiotask.taskrouter._task_fields import TaskChanges, TaskStatus, TaskUpdateRow

Changes = TypeVar("Changes", bound=Mapping[str, object])

_STATUSES: Mapping[str, TaskStatus] = {"cancel": "canceled", "complete": "completed"}


class Ending(SingleChange[Task]):
    """Brings tasks to their end; one that is there already, or gone, needs nothing more."""

    def __init__(self, place: Place[Task], verb: str, status: TaskStatus, reason: str) -> None:
        super().__init__(place, verb, place.lane("update"))
        self._status = status
        self._fields = form(TaskChanges, {"assignment_status": status, "reason": reason})

    def body(self, fields: Any, mark: Callable[[Any], Any]) -> bytes:  # noqa: ARG002 - no keys
        """Return the sid, and the form that ends the task."""
        return b"%b\n%b" % (self.checked(self.sid_of(fields)).encode(), self._fields)

    def fingerprint(self, row: Any) -> int | None:
        """Return what tells a sid from others: what else a listed row shows will change."""
        return fingerprint(self.sid_of(row))

    def is_so(self, item: Item) -> bool:
        """Whether the task was listed as one that has ended so."""
        return isinstance(item.row, Task) and item.row.assignment_status == self._status

    async def refused(
        self,
        item: Item,  # noqa: ARG002 - whoever ended it
        sid: str,
        fields: str,  # noqa: ARG002
        error: AiotaskError,
    ) -> Done | Failed:
        """Return the end of a row: a task that has ended so is as it should be."""
        current = None if isinstance(error, NotFoundError) else await self.current(sid)
        if current is None:
            return Done(sid, None, Deleted)
        if current.assignment_status == self._status:
            return Done(sid, None, Updated)
        return Failed(error)


class EndedByMany(Many[Task]):
    """Tasks that are changed, canceled and completed by the thousand."""

    @overload
    def update_many(
        self,
        rows: Iterable[TaskUpdateRow] | AsyncIterable[TaskUpdateRow],
        *,
        journal: str | PathLike[str] | SharedJournal | None = None,
        job: str | None = None,
        max_in_flight: int | None = None,
        max_rate: float | None = None,
    ) -> OutcomeStream[AnyOutcome[TaskUpdateRow]]: ...

    @overload
    def update_many(
        self,
        rows: Iterable[Changes] | AsyncIterable[Changes],
        *,
        journal: str | PathLike[str] | SharedJournal | None = None,
        job: str | None = None,
        max_in_flight: int | None = None,
        max_rate: float | None = None,
    ) -> OutcomeStream[AnyOutcome[Changes]]: ...

    def update_many(
        self,
        rows: Iterable[Any] | AsyncIterable[Any],
        *,
        journal: str | PathLike[str] | SharedJournal | None = None,
        job: str | None = None,
        max_in_flight: int | None = None,
        max_rate: float | None = None,
    ) -> OutcomeStream[AnyOutcome[Any]]:
        """Change the task of every row, a mapping of its ``sid`` and :meth:`Tasks.update`'s fields.

        An outcome is :class:`~aiotask.Updated`, :class:`~aiotask.Rejected` or
        :class:`~aiotask.Unresolved`; :class:`~aiotask.Unchanged` for a row without a change. A row
        whose answer is lost is sent again. Rows are sent in no particular order. All else is as in
        :meth:`Tasks.create_many`, also with a *journal* in PostgreSQL and a *job* there.
        """
        return self._update_many(TaskChanges, rows, journal, job, max_in_flight, max_rate)

    def change_of(self, verb: str) -> SingleChange[Task] | None:
        """Return the operation of rows that others have made; they tell the reason."""
        if verb in _STATUSES:
            return Ending(self._place, verb, _STATUSES[verb], "")
        return super().change_of(verb)

    def cancel_many(
        self,
        tasks: Iterable[str | Task] | AsyncIterable[str | Task],
        reason: str,
        *,
        journal: str | PathLike[str] | SharedJournal | None = None,
        job: str | None = None,
        max_in_flight: int | None = None,
        max_rate: float | None = None,
    ) -> OutcomeStream[AnyOutcome[str | Task]]:
        """Cancel tasks, given by their sids or as listed, as :meth:`Tasks.cancel` does one.

        An outcome is :class:`~aiotask.Updated`, also for a task that was canceled already,
        :class:`~aiotask.Deleted` where the service no longer has the task,
        :class:`~aiotask.Rejected` (it is assigned by now) or :class:`~aiotask.Unresolved`. A task
        that was listed as canceled is :class:`~aiotask.Unchanged`. With a *journal*, the same call
        with the same tasks resumes. All else is as in :meth:`Tasks.create_many`.
        """
        ending = Ending(self._place, "cancel", _STATUSES["cancel"], reason)
        return stream(ending, tasks, journal, job, max_in_flight, max_rate)

    def complete_many(
        self,
        tasks: Iterable[str | Task] | AsyncIterable[str | Task],
        reason: str,
        *,
        journal: str | PathLike[str] | SharedJournal | None = None,
        job: str | None = None,
        max_in_flight: int | None = None,
        max_rate: float | None = None,
    ) -> OutcomeStream[AnyOutcome[str | Task]]:
        """Complete tasks as :meth:`cancel_many` cancels them."""
        ending = Ending(self._place, "complete", _STATUSES["complete"], reason)
        return stream(ending, tasks, journal, job, max_in_flight, max_rate)
