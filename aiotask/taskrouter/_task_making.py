"""Tasks made by many: the runs that create them, and rows for others to create."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from aiotask._rate_limiter import RateLimiter
from aiotask.bulk import (
    KEY_ATTRIBUTE,
    Destination,
    Keys,
    Run,
    Settings,
    SharedJournal,
    SharedRun,
    Source,
    add_rows,
)
from aiotask.taskrouter._task_creation import TaskCreation
from aiotask.taskrouter._task_ends import EndedByMany
from aiotask.taskrouter._task_fields import NewTask, TaskFilter
from aiotask.taskrouter._task_lookup import TaskLookup
from aiotask.taskrouter.events import Events

Row = TypeVar("Row")


class MadeByMany(EndedByMany):
    """Tasks that are created by the thousand."""

    async def enqueue(
        self,
        journal: SharedJournal,
        job: str,
        rows: Iterable[Mapping[str, Any]],
        *,
        row_key: Callable[[Any], str],
        key_attribute: str = KEY_ATTRIBUTE,
        connection: Any = None,
    ) -> int:
        """Put rows into a job of a shared journal, for workers to create their tasks.

        *rows* and *row_key* are those of :meth:`create_many`. A row whose key the job has already
        is left out, so that the same call may be made again; returned is how many were new. A row
        that cannot be sent is a TypeError or ValueError, and nothing is written.

        Given *connection*, a :class:`psycopg.AsyncConnection` to the same database, the rows are
        part of its transaction: workers see them once that is committed, and never otherwise.
        Without it they are there when this returns.
        """
        keys = Keys(key_attribute, row_key)
        creation, _, place = self.parts(key_attribute)
        return await add_rows(journal, job, *place, creation, keys, rows, connection)

    def creating(self, source: Source[Row], settings: Settings) -> Run[Row]:
        """Return the run that creates a task for each row of a source."""
        if settings.job is not None:
            raise ValueError("job: only a journal in PostgreSQL has jobs of a name")
        attribute = settings.keys.attribute
        return Run(source, self._creation(attribute), settings, self._lookup(attribute or ""))

    def sharing(
        self, source: Source[Row], settings: Settings, journal: SharedJournal | str
    ) -> SharedRun[Row]:
        """Return the run that does so together with others, on a shared journal."""
        creation, lookup, place = self.parts(settings.keys.attribute)
        return SharedRun(source, creation, settings, lookup, journal, place, self._lanes)

    def _lanes(self) -> Mapping[str, RateLimiter]:
        return self._session.connections.lanes

    def parts(self, attribute: str | None) -> tuple[TaskCreation, TaskLookup, Destination]:
        """Return what creates tasks with keys in an attribute, what finds them, and where."""
        place = Destination(self._session.account, str(self._url.origin()))
        return self._creation(attribute), self._lookup(attribute or ""), place

    def _creation(self, attribute: str | None) -> TaskCreation:
        limiter = self._lane("create")
        return TaskCreation(self._session, self._url, NewTask, limiter, attribute)

    def _lookup(self, attribute: str) -> TaskLookup:
        return TaskLookup(
            attribute,
            lambda **filters: self._list(TaskFilter, filters),
            self._fetch,
            self._events,
        )

    @property
    def _events(self) -> Events:
        return Events(self._session, self._path.removesuffix(f"/{self.name}"))
