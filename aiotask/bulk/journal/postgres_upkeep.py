"""Upkeep of jobs in PostgreSQL, by hand: bodies or jobs are removed, a job is made suspect."""

from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeVar

from aiotask.bulk.journal.postgres import driver
from aiotask.bulk.journal.postgres_schema import check, masked
from aiotask.errors import JournalAccessError

T = TypeVar("T")

_JOB = "SELECT id FROM aiotask.job WHERE name = %s"
# What is not done may have to be sent yet.
_PURGE = """
    UPDATE aiotask.input i SET body = NULL FROM aiotask."window" w
    WHERE i.job = %(job)s AND w.job = i.job AND w.done AND i.number BETWEEN w.first AND w.last
        AND i.body IS NOT NULL"""
_LEFT = "SELECT count(*) FROM aiotask.input WHERE job = %(job)s AND body IS NOT NULL"
_SUSPECT = "UPDATE aiotask.job SET suspect_since = now() WHERE id = %(job)s"

_REMOVE = "DELETE FROM aiotask.job WHERE id = %(job)s"  # and all that belongs to it


def purge(url: str, name: str) -> tuple[int, int]:
    """Remove the bodies of a job's rows that are done; return how many, and how many are left."""

    def act(connection: Any, job: str) -> tuple[int, int]:
        removed = connection.execute(_PURGE, {"job": job}).rowcount
        (left,) = connection.execute(_LEFT, {"job": job}).fetchone()
        return removed, left

    return _done(url, name, act)


def suspect(url: str, name: str) -> None:
    """Have rows of a job that look untouched looked for before they are sent, by everybody."""

    def act(connection: Any, job: str) -> None:
        connection.execute(_SUSPECT, {"job": job})

    _done(url, name, act)


def remove(url: str, name: str) -> None:
    """Remove a job with its rows and their outcomes: nobody can tell any more what it made."""

    def act(connection: Any, job: str) -> None:
        connection.execute(_REMOVE, {"job": job})

    _done(url, name, act)


def _done(url: str, name: str, act: Callable[[Any, str], T]) -> T:
    module = driver(url)
    try:
        with closing(module.connection_to(url)) as connection:
            check(connection, url)
            found = connection.execute(_JOB, (name,)).fetchone()
            if found is None:
                raise JournalAccessError(f"has no job of the name {name!r}", masked(url))
            return act(connection, found[0])
    except module.psycopg.Error as error:
        raise module.failure_of(error, url) from error
