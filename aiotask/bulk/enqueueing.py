"""Enqueueing: rows into a job of a shared journal, also on a transaction of the caller's own."""

from collections.abc import Iterable
from typing import Any

from aiotask.bulk.claims import prepared
from aiotask.bulk.journal.postgres_jobs import Job, Loaded, begin, difference, enqueue, numbers
from aiotask.bulk.keys import Keys, new_job
from aiotask.bulk.operation import Operation
from aiotask.bulk.settings import Settings
from aiotask.bulk.shared_journal import SharedJournal
from aiotask.bulk.windows import ROWS
from aiotask.errors import ForeignJournalError


async def add_rows(
    journal: SharedJournal,
    name: str,
    account: str | None,
    host: str,
    operation: Operation,
    keys: Keys,
    rows: Iterable[Any],
    connection: Any,
) -> int:
    """Add rows to a job, which is begun where it is not there yet; return how many were new."""
    settings = Settings(keys=keys, job=name)
    given = [*rows]
    for row in given:
        if (error := prepared(0, row, "", operation, settings, printed=False).error) is not None:
            raise error
    if connection is not None:
        journal.check_connection(connection)
    if not given:
        return 0
    wanted = Job(
        new_job(), name, operation.verb, operation.path, account, host, keys.attribute, True, True
    )
    job = await _begun(journal, wanted)
    found = await journal.call(lambda db: numbers(db, len(given)))
    loaded: list[Loaded] = []
    for number, row in zip(found, given, strict=True):
        item, error = prepared(number, row, job.id, operation, settings, printed=True)
        if error is not None:
            raise error
        loaded.append(Loaded(number, None, item.fingerprint, item.key, item.body, None))

    async def act(database: Any) -> int:
        async with database.transaction(), database.cursor() as cursor:
            return await enqueue(cursor, job.id, loaded, ROWS)

    if connection is None:
        return await journal.call(act)
    return await journal.within(connection, lambda cursor: enqueue(cursor, job.id, loaded, ROWS))


async def _begun(journal: SharedJournal, wanted: Job) -> Job:
    """Return a job, which others see at once: no transaction has to wait for another one's."""
    job = journal.jobs.get(wanted.name)
    if job is None:
        job = await journal.call(lambda db: begin(db, wanted))
    if (why := difference(wanted, job)) is not None:
        why = f"has another job of the name {wanted.name!r}: {why}"
        raise journal.error(ForeignJournalError, why)
    journal.jobs[wanted.name] = job
    return job
