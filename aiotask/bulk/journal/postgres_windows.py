"""Windows of a job in PostgreSQL: taken under a lease, renewed, written to, closed, given back.

A window has an epoch, and every take adds one. Whoever writes names the epoch that it has taken;
one that is older writes nothing, and is told so.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from aiotask.bulk.journal.records import End, State

# After its start nobody can have renewed a lease while the server was away: owners come first.
_TAKE = """
    WITH free AS (
        SELECT first, last FROM aiotask."window"
        WHERE job = %(job)s AND NOT done AND (owner IS NULL OR (
            lease < now() AND pg_postmaster_start_time() + %(length)s * interval '1 s' < now()))
        {only}ORDER BY first LIMIT 16 FOR UPDATE SKIP LOCKED
    ), counted AS (
        SELECT first, sum(last - first + 1) OVER (ORDER BY first) AS rows,
            row_number() OVER (ORDER BY first) AS place
        FROM free
    )
    UPDATE aiotask."window" w
    SET epoch = w.epoch + 1, owner = %(owner)s, lease = now() + %(length)s * interval '1 s',
        begun = coalesce(w.begun, now())
    FROM counted
    WHERE w.job = %(job)s AND w.first = counted.first
        AND (counted.rows <= %(most)s OR counted.place = 1)
    RETURNING w.first, w.last, w.epoch, extract(epoch FROM now() - w.begun)::float8, (
        SELECT extract(epoch FROM now() - suspect_since)::float8 FROM aiotask.job WHERE id = w.job)
    """
_TAKE_ANY, _TAKE_ONE = _TAKE.format(only=""), _TAKE.format(only="AND first = %(only)s ")
_ROWS = "SELECT number, line, print, key, body FROM aiotask.input WHERE job = %s AND number "
_STATES = "SELECT number, state, epoch FROM aiotask.outcome WHERE job = %s AND number "
# Passing on one number for each row would take as long as reading the rows.
_FROM_TO, _AMONG = "BETWEEN %s AND %s", "= ANY(%s)"
_KEEP = """
    UPDATE aiotask."window" w SET lease = now() + %(length)s * interval '1 s'
    FROM unnest(%(jobs)s::text[], %(firsts)s::bigint[], %(epochs)s::integer[])
        AS mine (job, first, epoch)
    WHERE w.job = mine.job AND w.first = mine.first AND w.epoch = mine.epoch
        AND w.first = ANY(%(firsts)s) AND NOT w.done AND w.owner = %(owner)s
    RETURNING w.job, w.first, w.epoch"""
# Joins have "= ANY" beside them: a table that was never analysed would be read as a whole.
_STEP = f"""
    WITH fence AS MATERIALIZED (
        SELECT w.first, w.epoch FROM aiotask."window" w
        JOIN unnest(%(firsts)s::bigint[], %(epochs)s::integer[]) AS mine (first, epoch)
            ON w.first = mine.first AND w.epoch = mine.epoch
        WHERE w.job = %(job)s AND w.first = ANY(%(firsts)s) AND NOT w.done
        FOR UPDATE OF w
    ), written AS (
        INSERT INTO aiotask.outcome (job, number, state, sid, error, epoch)
        SELECT %(job)s, told.number, told.state, told.sid, told.error, fence.epoch
        FROM unnest(%(windows)s::bigint[], %(numbers)s::bigint[], %(states)s::smallint[],
            %(sids)s::text[], %(errors)s::text[]) AS told ("window", number, state, sid, error)
        JOIN fence ON fence.first = told."window"
        ON CONFLICT (job, number) DO UPDATE SET state = excluded.state, sid = excluded.sid,
            error = excluded.error, epoch = excluded.epoch, written = excluded.written
        WHERE outcome.state < {State.CREATED:d}
    ), closed AS (
        UPDATE aiotask."window" w SET done = true, owner = NULL, lease = NULL FROM fence
        WHERE w.job = %(job)s AND w.first = fence.first AND w.first = ANY(%(closing)s)
    )
    SELECT first FROM fence"""  # noqa: S608 - a number of ours
_GIVE_BACK = """
    WITH given AS (
        UPDATE aiotask."window" w SET owner = NULL, lease = NULL
        FROM unnest(%(firsts)s::bigint[], %(epochs)s::integer[]) AS mine (first, epoch)
        WHERE w.job = %(job)s AND w.first = mine.first AND w.epoch = mine.epoch
            AND w.first = ANY(%(firsts)s) AND NOT w.done
        RETURNING 1
    )
    SELECT pg_notify('aiotask', %(job)s) FROM (SELECT count(*) FROM given) AS all_of_them"""
_FREE_AT = """CASE WHEN owner IS NULL THEN now() ELSE
        greatest(lease, pg_postmaster_start_time() + %s * interval '1 s') END"""
_NEXT = f"""
    SELECT extract(epoch FROM min({_FREE_AT}) - now())::float8
    FROM aiotask."window" WHERE job = %s AND NOT done"""  # noqa: S608 - of this very module
_ONE = f"{_NEXT} AND first = %s"
# Once for each epoch: whatever an engine loses is taken without it.
_OFFER = """
    WITH free AS (
        SELECT job, first FROM aiotask."window"
        WHERE job = ANY(%(jobs)s) AND NOT done AND offered <= epoch AND (owner IS NULL OR (
            lease < now() AND pg_postmaster_start_time() + %(length)s * interval '1 s' < now()))
        ORDER BY job, first LIMIT %(most)s FOR UPDATE SKIP LOCKED
    )
    UPDATE aiotask."window" w SET offered = w.epoch + 1 FROM free
    WHERE w.job = free.job AND w.first = free.first RETURNING w.job, w.first"""


class Taken(NamedTuple):
    """A window that was taken; *age* is the time since it was first, in seconds.

    *suspect_for* is how long ago it became known that the journal may say less than the truth.
    """

    first: int
    last: int
    epoch: int
    age: float
    suspect_for: float | None


class Row(NamedTuple):
    """A row of a window, with what the journal says of it; *body* is None if it cannot be sent."""

    number: int
    line: int | None
    print: int | None
    key: str | None
    body: bytes | None
    state: State | None = None
    epoch: int = 0


class Held(NamedTuple):
    """A window that a worker has, by the epoch of its take."""

    job: str
    first: int
    epoch: int


async def take(
    database: Any, job: str, owner: str, length: float, most: int, only: int | None = None
) -> list[Taken]:
    """Take the first windows that nobody has, of some *most* rows together, for so long.

    Given *only*, take the window with that first row or none.
    """
    named = {"job": job, "owner": owner, "length": length, "most": most, "only": only}
    cursor = await database.execute(_TAKE_ANY if only is None else _TAKE_ONE, named)
    return sorted(Taken(*row) for row in await cursor.fetchall())


async def rows_of(database: Any, job: str, windows: Sequence[Taken]) -> list[Row]:
    """Return the rows of windows that were taken: nobody else writes to them now."""
    first, last = windows[0].first, windows[-1].last
    size = sum(each.last - each.first + 1 for each in windows)
    which = _FROM_TO
    place: list[Any] = [first, last]
    if size <= last - first:  # with others in between
        numbers = [number for each in windows for number in range(each.first, each.last + 1)]
        which, place = _AMONG, [numbers]
    cursor = await database.execute(_STATES + which, (job, *place))
    known = {number: (State(state), epoch) for number, state, epoch in await cursor.fetchall()}
    cursor = await database.execute(_ROWS + which, (job, *place))
    nothing = None, 0
    rows = [Row(*row) for row in await cursor.fetchall()]
    return [Row(*row[:5], *known.get(row.number, nothing)) for row in rows]


async def keep(database: Any, owner: str, held: Collection[Held], length: float) -> set[Held]:
    """Renew the leases of windows together; those that do not come back are another one's."""
    jobs, firsts, epochs = (list(each) for each in zip(*held, strict=True))
    named = {"owner": owner, "length": length, "jobs": jobs, "firsts": firsts, "epochs": epochs}
    cursor = await database.execute(_KEEP, named)
    return {Held(*row) for row in await cursor.fetchall()}


async def step(
    database: Any,
    job: str,
    windows: Sequence[Held],
    ends: Sequence[tuple[int, End]],
    closing: Sequence[int],
) -> set[int]:
    """Write ends of rows, each with the first row of its window, and close windows.

    Return the windows that are still the worker's; to the others nothing was written.
    """
    named = {
        "job": job,
        "firsts": [each.first for each in windows],
        "epochs": [each.epoch for each in windows],
        "windows": [first for first, _ in ends],
        "numbers": [end.number for _, end in ends],
        "states": [int(end.state) for _, end in ends],
        "sids": [end.sid for _, end in ends],
        "errors": [end.error for _, end in ends],
        "closing": [*closing],
    }
    cursor = await database.execute(_STEP, named)
    return {first for (first,) in await cursor.fetchall()}


async def give_back(database: Any, job: str, windows: Sequence[Held]) -> None:
    """Let others take windows at once."""
    firsts, epochs = [each.first for each in windows], [each.epoch for each in windows]
    await database.execute(_GIVE_BACK, {"job": job, "firsts": firsts, "epochs": epochs})


async def next_free(database: Any, job: str, length: float) -> float | None:
    """Return in how many seconds a window may be free at the soonest; None if all are done."""
    cursor = await database.execute(_NEXT, (length, job))
    (seconds,) = await cursor.fetchone()
    return None if seconds is None else float(seconds)


async def free_in(database: Any, job: str, first: int, length: float) -> float | None:
    """Return in how many seconds a window may be free at the soonest; None if it is done."""
    cursor = await database.execute(_ONE, (length, job, first))
    (seconds,) = await cursor.fetchone()
    return None if seconds is None else float(seconds)


async def to_offer(
    database: Any, jobs: Sequence[str], length: float, most: int
) -> list[tuple[str, int]]:
    """Return free windows that an engine is to be told of, and note that it is."""
    named = {"jobs": [*jobs], "length": length, "most": most}
    cursor = await database.execute(_OFFER, named)
    return sorted(await cursor.fetchall())
