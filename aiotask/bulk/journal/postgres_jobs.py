"""Jobs of a journal in PostgreSQL: begun, listed, loaded with rows, and followed."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from aiotask.bulk.journal.records import State

_JOB = """
    SELECT id, name, verb, target, account, host, key_attribute, named, enqueued,
        extract(epoch FROM now() - begun)::float8,
        extract(epoch FROM now() - suspect_since)::float8,
        rows, pg_snapshot_xmin(pg_current_snapshot())::text
    FROM aiotask.job"""
_BEGIN = """
    INSERT INTO aiotask.job
        (id, name, verb, target, account, host, key_attribute, named, enqueued)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (name) DO NOTHING"""
_OPEN = f"""{_JOB} WHERE verb = ANY(%s) AND host = %s AND (account IS NULL OR account = %s)
    AND EXISTS (SELECT 1 FROM aiotask."window" w WHERE w.job = id AND NOT w.done)"""  # noqa: S608
_SUSPECT = "UPDATE aiotask.job SET suspect_since = now() WHERE id = %s"
# One import at a time loads rows: what another one has loaded meanwhile is compared first.
_GROW = "UPDATE aiotask.job SET rows = rows + %s WHERE id = %s AND rows = %s"
_ROWS = "COPY aiotask.input (job, number, line, print, key, body) FROM STDIN"
_WINDOW = 'INSERT INTO aiotask."window" (job, first, last) VALUES (%s, %s, %s)'
_REJECTED = f"""
    INSERT INTO aiotask.outcome (job, number, state, error, epoch)
    SELECT %s, number, {State.REJECTED:d}, error, 0
    FROM unnest(%s::bigint[], %s::text[]) AS refused (number, error)"""  # noqa: S608 - a number
_PRINTS = """
    SELECT print FROM aiotask.input WHERE job = %s AND number > %s AND number <= %s
    ORDER BY number"""
_KEYS = "SELECT key, number FROM aiotask.input WHERE job = %s AND key = ANY(%s)"
_COUNT = "SELECT rows FROM aiotask.job WHERE id = %s"
_ENDED = f"""
    SELECT number, state, sid, error FROM aiotask.outcome
    WHERE job = %s AND number = ANY(%s) AND state >= {State.CREATED:d}"""  # noqa: S608
# Transactions become visible in another order than they began: what is older than the oldest that
# was under way at one look is never new at the next one.
_FOLLOWED = f"""
    SELECT number, state, sid, error FROM aiotask.outcome
    WHERE job = %s AND written >= %s::xid8 AND state >= {State.CREATED:d} ORDER BY number"""  # noqa: S608
_HORIZON = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text"
# Everybody who listens wakes when the transaction is committed.
_RING = "SELECT pg_notify('aiotask', %s)"
_NUMBERS = "SELECT nextval('aiotask.row_number') FROM generate_series(1, %s)"
_ENQUEUE = """
    INSERT INTO aiotask.input (job, number, print, key, body)
    SELECT %s, number, print, key, body
    FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::bytea[])
        AS given (number, print, key, body)
    ON CONFLICT DO NOTHING RETURNING number"""


class Job(NamedTuple):
    """A job; ages are in seconds, by the database's clock."""

    id: str
    name: str
    verb: str
    target: str
    account: str | None
    host: str
    key_attribute: str | None
    named: bool
    enqueued: bool = False
    age: float = 0.0
    suspect_for: float | None = None
    rows: int = 0
    horizon: str = "0"
    """The transaction from which on outcomes may be new to who asks now."""


class Loaded(NamedTuple):
    """A row for the journal; one that cannot be sent has no body, and the reason instead."""

    number: int
    line: int | None
    print: int | None
    key: str | None
    body: bytes | None
    error: str | None


class Ended(NamedTuple):
    """The end of a row."""

    number: int
    state: int
    sid: str | None
    error: str | None


async def begin(database: Any, wanted: Job) -> Job:
    """Return the job of that name, which may have been begun with other settings."""
    await database.execute(_BEGIN, wanted[:9])
    cursor = await database.execute(f"{_JOB} WHERE name = %s", (wanted.name,))
    return Job(*await cursor.fetchone())


async def suspect(database: Any, job: str) -> None:
    """Note that rows of a job that look untouched may have been sent until now."""
    await database.execute(_SUSPECT, (job,))


async def open_jobs(
    database: Any, verbs: Sequence[str], host: str, account: str | None
) -> list[Job]:
    """Return the jobs of an account, with such verbs, whose rows are not all done."""
    cursor = await database.execute(_OPEN, ([*verbs], host, account))
    return [Job(*row) for row in await cursor.fetchall()]


async def load(database: Any, job: str, after: int, rows: Sequence[Loaded], window: int) -> bool:
    """Append rows to a job that has so many; return False if it does not have just those."""
    async with database.transaction():
        cursor = await database.execute(_GROW, (len(rows), job, after))
        if cursor.rowcount != 1:
            return False
        async with database.cursor() as cursor:
            async with cursor.copy(_ROWS) as copy:
                for row in rows:
                    await copy.write_row((job, *row[:5]))
            windows = [rows[start : start + window] for start in range(0, len(rows), window)]
            await cursor.executemany(
                _WINDOW, [(job, some[0].number, some[-1].number) for some in windows]
            )
        if wrong := [row for row in rows if row.error is not None]:
            refused = [row.number for row in wrong], [row.error for row in wrong]
            await database.execute(_REJECTED, (job, *refused))
        await database.execute(_RING, (job,))
    return True


async def numbers(database: Any, many: int) -> list[int]:
    """Return numbers that no other row has, in their order."""
    cursor = await database.execute(_NUMBERS, (many,))
    return [number for (number,) in await cursor.fetchall()]


async def enqueue(cursor: Any, job: str, rows: Sequence[Loaded], window: int) -> int:
    """Add those rows whose numbers and keys the job does not have; return how many these are.

    It is for a transaction, which may be the caller's own.
    """
    # In one order, so that two transactions with the same keys wait for each other one way only.
    given = sorted(rows, key=lambda row: row.key or "")
    columns = zip(*((row.number, row.print, row.key, row.body) for row in given), strict=True)
    await cursor.execute(_ENQUEUE, (job, *map(list, columns)))
    added = sorted(number for (number,) in await cursor.fetchall())
    if added:
        await cursor.executemany(_WINDOW, [(job, *each) for each in _ranges(added, window)])
        await cursor.execute(_RING, (job,))
    return len(added)


def _ranges(numbers: Sequence[int], most: int) -> list[tuple[int, int]]:
    """Return the first and last ones of portions in which no number is left out."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        first, last = ranges[-1] if ranges else (0, -1)
        if number == last + 1 and number - first < most:
            ranges[-1] = first, number
        else:
            ranges.append((number, number))
    return ranges


async def count(database: Any, job: str) -> int:
    """Return the number of rows that a job has."""
    cursor = await database.execute(_COUNT, (job,))
    (rows,) = await cursor.fetchone()
    return int(rows)


async def prints(database: Any, job: str, after: int, until: int) -> list[int | None]:
    """Return the fingerprints of rows in their order."""
    cursor = await database.execute(_PRINTS, (job, after, until))
    return [found for (found,) in await cursor.fetchall()]


async def existing_keys(database: Any, job: str, keys: Sequence[str]) -> dict[str, int]:
    """Return those of *keys* that rows have already, with the rows' numbers."""
    cursor = await database.execute(_KEYS, (job, [*keys]))
    return dict(await cursor.fetchall())


async def ended(database: Any, job: str, numbers: Sequence[int]) -> list[Ended]:
    """Return the ends of those rows that have one."""
    cursor = await database.execute(_ENDED, (job, [*numbers]))
    return [Ended(*row) for row in await cursor.fetchall()]


async def follow(database: Any, job: str, since: str) -> tuple[list[Ended], str]:
    """Return the ends written since a horizon, some of them again, and the next horizon."""
    cursor = await database.execute(_HORIZON)  # before the look, so that nothing is left out
    (horizon,) = await cursor.fetchone()
    cursor = await database.execute(_FOLLOWED, (job, since))
    return [Ended(*row) for row in await cursor.fetchall()], horizon


def difference(wanted: Job, found: Job) -> str | None:
    """Return in what a job differs from the one that is wanted under its name; None for nothing."""
    if wanted.enqueued != found.enqueued:
        return f"its rows are {'enqueued' if found.enqueued else 'loaded from an input'}"
    for name, now, then in zip(Job._fields[2:8], wanted[2:8], found[2:8], strict=True):
        # An API key alone does not tell its account.
        if now != then and (name != "account" or None not in {now, then}):
            return f"its {name} is {then!r}, not {now!r}"
    return None
