"""Many upserts at once, of collections whose resources have names."""

from collections.abc import AsyncIterable, Iterable, Mapping
from os import PathLike
from typing import ClassVar, TypeVar

from aiotask._collection import Collection
from aiotask.bulk import AnyOutcome, OutcomeStream, Run, Settings, SharedJournal, Source
from aiotask.taskrouter._changes import stream
from aiotask.taskrouter._upsert import Dated, Kind, Upsert

R = TypeVar("R", bound=Dated)
Row = TypeVar("Row")
Fields = TypeVar("Fields", bound=Mapping[str, object])


class Upserted(Collection[R]):
    """Resources that are created or changed by their names."""

    _kind: ClassVar[Kind]

    def upserting(self, source: Source[Row], settings: Settings) -> Run[Row]:
        """Return the run that creates or changes what each row of a source names."""
        return Run(source, self.upsert_of(settings.settle), settings)

    def upsert_of(self, settle: float) -> Upsert[R]:
        """Return the operation of rows, which others may have loaded."""
        return Upsert(self._place, self._kind, settle)

    def upsert_many(
        self,
        rows: Iterable[Fields] | AsyncIterable[Fields],
        *,
        journal: str | PathLike[str] | SharedJournal | None = None,
        job: str | None = None,
        max_in_flight: int | None = None,
        max_rate: float | None = None,
        settle: float = 60.0,
    ) -> OutcomeStream[AnyOutcome[Fields]]:
        """Create what each row names, or change what is there to be as the row says.

        *rows* are mappings with the fields of :meth:`create`. They are compared with what is there,
        and only what differs is sent: under the ETag of what was read, where the service has one,
        so that no change by others is undone. Fields that a row does not have stay as they are.

        An outcome is :class:`~aiotask.Created`, :class:`~aiotask.Updated`,
        :class:`~aiotask.Unchanged` (nothing was sent), :class:`~aiotask.Rejected` or
        :class:`~aiotask.Unresolved`. A name that is there twice is rejected, and so are a second
        row of one name and a field that cannot be changed any more.

        The first rows are looked up by their names, and before more of them all that is there is
        listed once. After a lost answer what has the name is looked up again; where the service
        takes a name twice (activities and workflows), not before *settle* seconds have passed, by
        which it has to have carried out the request. All else is as in :meth:`Tasks.create_many`.
        """
        upsert = self.upsert_of(settle)
        return stream(upsert, rows, journal, job, max_in_flight, max_rate, settle)
