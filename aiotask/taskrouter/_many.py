"""Many at once, of the verbs that collections share."""

from collections.abc import AsyncIterable, Iterable
from os import PathLike
from typing import ClassVar, TypeVar

from aiotask._collection import Tagged, Versioned
from aiotask.bulk import AnyOutcome, OutcomeStream, Run, Settings, SharedJournal, Source
from aiotask.taskrouter._changes import Deletion, SingleChange, Update, stream

V = TypeVar("V", bound=Tagged)
Row = TypeVar("Row")


class Many(Versioned[V]):
    """Resources that are changed by the thousand."""

    # The fields of an update.
    changes: ClassVar[type]

    def change_of(self, verb: str) -> SingleChange[V] | None:
        """Return the operation of rows that others have made; None for a verb that is not here."""
        match verb:
            case "update":
                return Update(self._place, self.changes)
            case "delete":
                return Deletion(self._place)
        return None

    def _update_many(
        self,
        shape: type,
        rows: Iterable[Row] | AsyncIterable[Row],
        journal: str | PathLike[str] | SharedJournal | None,
        job: str | None,
        max_in_flight: int | None,
        max_rate: float | None,
    ) -> OutcomeStream[AnyOutcome[Row]]:
        return stream(Update(self._place, shape), rows, journal, job, max_in_flight, max_rate)

    def updating(self, shape: type, source: Source[Row], settings: Settings) -> Run[Row]:
        """Return the run that changes the resource of each row; *shape* has update's fields."""
        return Run(source, Update(self._place, shape), settings)

    def delete_many(
        self,
        rows: Iterable[str | V] | AsyncIterable[str | V],
        *,
        journal: str | PathLike[str] | SharedJournal | None = None,
        job: str | None = None,
        max_in_flight: int | None = None,
        max_rate: float | None = None,
    ) -> OutcomeStream[AnyOutcome[str | V]]:
        """Delete resources, given by their sids or as they were listed.

        An outcome is :class:`~aiotask.Deleted`, also for one that was gone already,
        :class:`~aiotask.Rejected` or :class:`~aiotask.Unresolved`. With a *journal*, the same call
        with the same rows resumes. All else is as in :meth:`Tasks.create_many`.
        """
        return stream(Deletion(self._place), rows, journal, job, max_in_flight, max_rate)
