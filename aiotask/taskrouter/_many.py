"""Many at once, of the verbs that collections share."""

from collections.abc import AsyncIterable, Iterable
from os import PathLike
from typing import TypeVar

from aiotask._collection import Tagged, Versioned
from aiotask.bulk import AnyOutcome, OutcomeStream, Run, Settings, Source
from aiotask.taskrouter._changes import Deletion, Update, stream

V = TypeVar("V", bound=Tagged)
Row = TypeVar("Row")


class Many(Versioned[V]):
    """Resources that are changed by the thousand."""

    def _update_many(
        self,
        shape: type,
        rows: Iterable[Row] | AsyncIterable[Row],
        journal: str | PathLike[str] | None,
        max_in_flight: int | None,
        max_rate: float | None,
    ) -> OutcomeStream[AnyOutcome[Row]]:
        return stream(Update(self._place, shape), rows, journal, max_in_flight, max_rate)

    def updating(self, shape: type, source: Source[Row], settings: Settings) -> Run[Row]:
        """Return the run that changes the resource of each row; *shape* has update's fields."""
        return Run(source, Update(self._place, shape), settings)

    def delete_many(
        self,
        rows: Iterable[str | V] | AsyncIterable[str | V],
        *,
        journal: str | PathLike[str] | None = None,
        max_in_flight: int | None = None,
        max_rate: float | None = None,
    ) -> OutcomeStream[AnyOutcome[str | V]]:
        """Delete resources, given by their sids or as they were listed.

        An outcome is :class:`~aiotask.Deleted`, also for one that was gone already,
        :class:`~aiotask.Rejected` or :class:`~aiotask.Unresolved`. With a *journal*, the same call
        with the same rows resumes. All else is as in :meth:`Tasks.create_many`.
        """
        return stream(Deletion(self._place), rows, journal, max_in_flight, max_rate)
