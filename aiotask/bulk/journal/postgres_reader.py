"""Reader of one job of a journal in PostgreSQL, also while others work on it."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from aiotask.bulk.journal.postgres import driver
from aiotask.bulk.journal.postgres_schema import check, masked
from aiotask.bulk.journal.records import Entry, JournalSummary, State
from aiotask.errors import JournalAccessError

_PORTION = 1000

_JOBS = "SELECT name FROM aiotask.job ORDER BY begun, name"
_JOB = """
    SELECT id, target, verb, key_attribute, named, extract(epoch FROM begun)::float8,
        (SELECT coalesce(sum(last - first + 1), 0)::bigint FROM aiotask."window" w WHERE w.job = id)
    FROM aiotask.job WHERE name = %s"""
_ENDED = f"""
    SELECT state, count(*) FROM aiotask.outcome
    WHERE job = %s AND state <> {State.PENDING:d} GROUP BY state"""  # noqa: S608 - a number of ours
# A row may have been sent once its window was taken, unless the last owner has said since that it
# was not.
_IN_FLIGHT = f"""
    SELECT count(*) FROM aiotask."window" w
    JOIN aiotask.input i ON i.job = w.job AND i.number BETWEEN w.first AND w.last
    LEFT JOIN aiotask.outcome o ON o.job = i.job AND o.number = i.number
    WHERE w.job = %s AND NOT w.done AND w.epoch > 0
        AND (o.state IS NULL OR o.state = {State.PENDING:d} AND o.epoch < w.epoch)"""  # noqa: S608
_WORKERS = """
    SELECT owner, count(*), extract(epoch FROM now() - min(begun))::float8
    FROM aiotask."window" WHERE job = %s AND NOT done AND lease > now()
    GROUP BY owner ORDER BY owner"""
_ROWS = f"""
    SELECT i.number,
        CASE WHEN o.state <> {State.PENDING:d} THEN o.state
            WHEN w.epoch = 0 OR o.epoch = w.epoch THEN {State.PENDING:d}
            ELSE {State.IN_FLIGHT:d} END,
        i.print, i.line, extract(epoch FROM w.begun)::float8, i.key, o.sid, o.error
    FROM aiotask.input i
    JOIN LATERAL (
        SELECT epoch, begun FROM aiotask."window" v
        WHERE v.job = i.job AND v.first <= i.number ORDER BY v.first DESC LIMIT 1
    ) w ON true
    LEFT JOIN aiotask.outcome o ON o.job = i.job AND o.number = i.number
    WHERE i.job = %s AND i.number > %s ORDER BY i.number LIMIT {_PORTION}"""  # noqa: S608


def place_of(url: str, job: str | None) -> str:
    """Return the place of a job in a journal: the URL, with the job's name as its fragment."""
    return url if job is None else f"{url}#{job}"


class PostgresReader:
    """Reads one job."""

    def __init__(self, url: str, name: str | None) -> None:
        self.where: str = place_of(masked(url), name)
        self._url = url
        self._driver = driver(url)
        self._connection = self._driver.connection_to(url)
        try:
            self._job = self._opened(name)
        except BaseException:
            self.close()
            raise

    def _opened(self, name: str | None) -> tuple[Any, ...]:
        self._guarded(lambda connection: check(connection, self._url))
        names = [found for (found,) in self._all(_JOBS)]
        if name is None and len(names) == 1:
            name = names[0]
        if name is None or name not in names:
            known = f"its jobs are {', '.join(names)}" if names else "it has none"
            what = "has no job of this name" if name else "holds many jobs: name one"
            raise JournalAccessError(f"{what}; {known}", self.where)
        (job,) = self._all(_JOB, name)
        return job

    def summary(self) -> JournalSummary:
        """Return the progress of the job."""
        job, target, verb, key_attribute, named, begun, rows = self._job
        counts = dict.fromkeys(State, 0)
        counts |= {State(state): number for state, number in self._all(_ENDED, job)}
        ((counts[State.IN_FLIGHT],),) = self._all(_IN_FLIGHT, job)
        # Workers go on between the looks.
        counts[State.PENDING] = max(rows - sum(counts.values()), 0)
        return JournalSummary(
            job=job,
            target=target,
            verb=verb,
            key_attribute=key_attribute,
            has_row_key=named,
            started_at=begun,
            rows=counts,
            running=bool(self.workers()),
        )

    def workers(self) -> list[tuple[str, int, float]]:
        """Return who works on the job, on how many windows, and for how many seconds."""
        return self._all(_WORKERS, self._job[0])

    def rows(self) -> Iterator[Entry]:
        """Yield all rows in their order."""
        last = 0
        while rows := self._all(_ROWS, self._job[0], last):
            for number, state, *rest in rows:
                yield Entry(number, State(state), *rest)
            last = rows[-1][0]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self._guarded(
            lambda connection: connection.execute(query, values).fetchall()
        )
        return found

    def _guarded(self, act: Any) -> Any:
        try:
            return act(self._connection)
        except Exception as error:
            raise self._driver.failure_of(error, self._url) from error


def open_job(place: str) -> PostgresReader:
    """Open the job that a URL's fragment names, or the only one that there is."""
    url, _, name = place.partition("#")
    return PostgresReader(url, name or None)


def workers_of(place: str) -> list[tuple[str, int, float]]:
    """Return who works on a job, on how many windows, and for how many seconds."""
    with closing(open_job(place)) as reader:
        return reader.workers()
