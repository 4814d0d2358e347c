"""Tasks: the units of work that a workspace routes to its workers."""

from collections.abc import (
    AsyncIterable,
    Callable,
    Iterable,
    Mapping,
)
from datetime import timedelta
from os import PathLike, fspath
from typing import Any, ClassVar, TypeVar, Unpack, overload

import attrs

from aiotask._collection import SidCheck
from aiotask._paging import Listing
from aiotask.bulk import (
    KEY_ATTRIBUTE,
    Audit,
    Keys,
    Outcome,
    OutcomeStream,
    Scope,
    Settings,
    SharedJournal,
    audit,
    is_shared,
    place_of,
    source_of,
)
from aiotask.errors import NotFoundError
from aiotask.taskrouter._fields import TASK
from aiotask.taskrouter._task import Task
from aiotask.taskrouter._task_copies import without_copies
from aiotask.taskrouter._task_fields import (
    NewTask,
    TaskChanges,
    TaskFilter,
    TaskStatus,
    TaskUpdateRow,
)
from aiotask.taskrouter._task_history import REACH, horizon, last_known
from aiotask.taskrouter._task_making import MadeByMany
from aiotask.taskrouter._task_once import made_once

__all__ = [
    "NewTask",
    "Task",
    "TaskChanges",
    "TaskFilter",
    "TaskStatus",
    "TaskUpdateRow",
    "Tasks",
]

Row = TypeVar("Row")
Fields = TypeVar("Fields", bound=Mapping[str, Any])


class Tasks(MadeByMany):
    """The tasks of one workspace."""

    name = "Tasks"
    key = "tasks"
    resource = Task
    changes = TaskChanges
    sid: ClassVar[SidCheck] = TASK
    expression_filter: ClassVar[str | None] = "evaluate_task_attributes"
    shown_as: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "task_channel": ("task_channel_sid", "task_channel_unique_name")
    }

    async def create(
        self,
        *,
        once: str | None = None,
        settle: float = 60.0,
        look_back: timedelta = REACH,
        **fields: Unpack[NewTask],
    ) -> Task:
        """Create one task, never two.

        The service has no idempotency key, so a create is repeated only if it certainly was
        not carried out; an error with ``maybe_applied`` leaves that open.

        With *once*, a key of 1 to 64 letters, digits and any of ``_ . : @ + -``, a lost answer is
        settled here as :meth:`create_many` does, after *settle* seconds, and a task that has the
        key already is returned, whoever created it; one that has ended or was deleted since as
        events tell of it, without what they do not tell (``etag`` is None). Each call costs a
        lookup by expression, of which the service answers three a second. If lists do not show
        the key, the events of creation are read as far as *look_back*: a request for every 1,000
        tasks that were created in that time. ``timedelta()`` reads none. Two processes that use
        one key in the same moment can still create two tasks.
        """
        if once is None:
            return await self._create(NewTask, fields)
        creation, lookup = self._creation(KEY_ATTRIBUTE), self._lookup(KEY_ATTRIBUTE)
        sid = await made_once(creation, lookup, self._session.once, once, settle, look_back, fields)
        try:
            return await self._fetch(sid)
        except NotFoundError:
            since = horizon(REACH, creation.service_time, creation.retry.clock)
            if (known := await last_known(self._events, sid, since)) is None:
                raise
            return Task(**known)

    async def fetch(self, sid: str) -> Task:
        """Return one task."""
        return await self._fetch(sid)

    async def update(
        self, sid: str, *, if_match: str | None = None, **changes: Unpack[TaskChanges]
    ) -> Task:
        """Change a task; given *if_match*, only if its ETag is still that.

        A change whose answer was lost is sent again. If the service then refuses it because it has
        been made already, the task is read and returned.
        """
        return await self._update(sid, TaskChanges, changes, if_match)

    async def delete(self, sid: str, *, if_match: str | None = None) -> None:
        """Delete a task; given *if_match*, only if its ETag is still that."""
        await self._delete(sid, if_match)

    async def modify(self, sid: str, change: Callable[[Task], TaskChanges | None]) -> Task:
        """Change a task by its present state: *change* returns the fields to set.

        The task is read and changed under its ETag, and read anew if it was changed meanwhile, ten
        times at the most; so *change* may be called more than once. If it returns None or an
        empty mapping, nothing is sent. Returns the task as it is then.
        """
        return await self._modify(sid, TaskChanges, change)

    async def complete(self, sid: str, reason: str) -> Task | None:
        """Complete an assigned or wrapping task; one that is completed already is returned.

        Returns None if the service no longer has the task: it removes tasks five minutes after
        their end (https://www.twilio.com/docs/taskrouter/lifecycle-task-state), and deleted ones.
        """
        return await self._end(sid, "completed", reason)

    async def cancel(self, sid: str, reason: str) -> Task | None:
        """Cancel a pending or reserved task; one that is canceled already is returned.

        Returns None if the service no longer has the task, as :meth:`complete` does.
        """
        return await self._end(sid, "canceled", reason)

    async def _end(self, sid: str, status: TaskStatus, reason: str) -> Task | None:
        changes = TaskChanges(assignment_status=status, reason=reason)
        try:
            return await self._reach(
                sid, TaskChanges, changes, lambda task: task.assignment_status == status
            )
        except NotFoundError:
            return None

    @overload
    def create_many(
        self,
        rows: Iterable[NewTask] | AsyncIterable[NewTask],
        *,
        journal: str | PathLike[str] | SharedJournal | None = None,
        job: str | None = None,
        key_attribute: str | None = KEY_ATTRIBUTE,
        row_key: Callable[[NewTask], str] | None = None,
        max_in_flight: int | None = None,
        max_rate: float | None = None,
        settle: float = 60.0,
        keys: Scope = "job",
        look_first: bool = False,
    ) -> OutcomeStream[Outcome[NewTask]]: ...

    @overload
    def create_many(
        self,
        rows: Iterable[Fields] | AsyncIterable[Fields],
        *,
        journal: str | PathLike[str] | SharedJournal | None = None,
        job: str | None = None,
        key_attribute: str | None = KEY_ATTRIBUTE,
        row_key: Callable[[Fields], str] | None = None,
        max_in_flight: int | None = None,
        max_rate: float | None = None,
        settle: float = 60.0,
        keys: Scope = "job",
        look_first: bool = False,
    ) -> OutcomeStream[Outcome[Fields]]: ...

    def create_many(
        self,
        rows: Iterable[Any] | AsyncIterable[Any],
        *,
        journal: str | PathLike[str] | SharedJournal | None = None,
        job: str | None = None,
        key_attribute: str | None = KEY_ATTRIBUTE,
        row_key: Callable[[Any], str] | None = None,
        max_in_flight: int | None = None,
        max_rate: float | None = None,
        settle: float = 60.0,
        keys: Scope = "job",
        look_first: bool = False,
    ) -> OutcomeStream[Outcome[Any]]:
        """Create exactly one task for every row, many at once, and yield one outcome for each.

        *rows* are mappings with the fields of :meth:`create`, pulled no faster than they are
        needed. Each is encoded as it is pulled, so one mapping may be changed and yielded again;
        the ``row`` of an outcome is that very object. An outcome is :class:`~aiotask.Created`,
        :class:`~aiotask.Rejected` or :class:`~aiotask.Unresolved`; one bad row is never an
        exception. The rate adapts to the service; *max_in_flight* (by default the client's number
        of connections) and *max_rate* (a second) only cap it.

        Each task gets a key as the attribute *key_attribute* and the name of its job as
        ``aiotask_job``, some 90 of the 4,096 characters. If an answer is lost, the task is looked
        up by its key *settle* seconds later: by then the service has to have carried out the
        request and to show the task in its lists. The row is sent again only if the lookup shows
        a task that was created later, and not this one. *row_key* returns a key of your own for a
        row (a customer's number): 1 to 64 letters, digits and any of ``_ . : @ + -``. With
        ``key_attribute=None`` tasks get no key, and a lost answer is an Unresolved outcome.

        *keys* is the scope of a key. By default, ``"job"``, it names a row of this job only, and
        another job with the same keys makes tasks of its own. With ``"workspace"``, which needs a
        *row_key*, it names one task of the workspace for ever: before a row is sent, lists and the
        events of the last 29 days are asked for its key, and a row whose key has a task already
        is told it as :class:`~aiotask.Existing`, a kind of Created. Two jobs that run at the same
        time can still make two tasks of one key.

        *journal* is the path of a file that records the job's progress. The same call with the
        same rows resumes where an earlier one ended, for whatever reason: rows whose outcome was
        delivered are skipped, all others have theirs. One run at a time can use it; a
        :class:`~aiotask.JournalError` says why it cannot be used. With *look_first*, the journal
        is not believed where it says that a row was not sent: each row is looked for among the
        tasks of the job before it is sent. That is for a journal that comes from a backup or was
        copied, and it costs one pass through the tasks and events of the job.

        With a *journal* in PostgreSQL, a :class:`~aiotask.SharedJournal` or its URL, many machines
        work on one *job*, which needs a name there: the call loads its rows, works on them together
        with whoever else does, and yields every outcome, also those of others. The same call again
        goes past the rows that are loaded, and yields the outcomes of all of them once more. With
        *look_first*, everybody looks for rows that the journal calls untouched before sending them.

        An error that concerns every row (401, 403, no such workspace, a service that cannot be
        reached) stops the run: the rows under way end, their outcomes are delivered, and then the
        error is raised. Rows without an outcome were not sent, or are in doubt in the journal, and
        the next run settles them. If the iteration is left early or cancelled without a journal,
        the rows under way may have been sent. A wait that is cancelled, also by
        :func:`asyncio.wait_for`, ends the run, and the next one raises a
        :class:`~aiotask.ClientStateError`; :func:`asyncio.wait` cancels nothing. Leave early by
        ``contextlib.aclosing``, so that the run has ended and its journal is free then.
        """
        settings = Settings(
            keys=Keys(key_attribute, row_key, keys),
            journal=None if isinstance(journal, SharedJournal) else journal,
            job=job,
            settle=settle,
            max_in_flight=(
                self._session.max_connections if max_in_flight is None else max_in_flight
            ),
            max_rate=max_rate,
            look_first=look_first,
        )
        if isinstance(journal, SharedJournal):
            return self.sharing(source_of(rows), settings, journal).outcomes()
        if is_shared(journal):
            return self.sharing(source_of(rows), settings, str(journal)).outcomes()
        return self.creating(source_of(rows), settings).outcomes()

    async def audit(
        self,
        journal: str | PathLike[str] | SharedJournal,
        *,
        job: str | None = None,
        fix: bool = False,
    ) -> Audit:
        """Compare the tasks that a job has made with its journal, which has many if it is shared.

        The tasks of the job are listed, and events tell of all that were created with its keys in
        the last thirty days, even if they are gone or have other attributes by now. With *fix*, of
        several tasks of one row those after the first are canceled, as far as they are pending
        still: under their ETag, so that no worker's is taken away. The task that the journal names
        is never canceled.
        """
        self._session.check()
        where = journal.url if isinstance(journal, SharedJournal) else fspath(journal)
        result = await audit(place_of(where, job), self._url.raw_path, self._lookup)
        if fix and result.twice:
            twice = [await without_copies(each, self.fetch, self.update) for each in result.twice]
            return attrs.evolve(result, twice=twice)
        return result

    def list(self, **filters: Unpack[TaskFilter]) -> Listing[Task]:
        """Return the tasks that match, fetched as they are iterated."""
        return self._list(TaskFilter, filters)
