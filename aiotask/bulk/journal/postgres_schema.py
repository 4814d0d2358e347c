"""Schema of journals in PostgreSQL: its versions, and the sentences about one that does not fit."""

import re
from typing import Any

from aiotask.errors import JournalAccessError, JournalError, JournalVersionError

VERSION = 2

# A window is a range of rows that one worker has at a time, named by its first row; taking it is
# the intent to send each of its rows. Keys that follow from job and number are not kept.
_MIGRATIONS = (
    """
    CREATE TABLE aiotask.job (
        id text PRIMARY KEY,
        name text NOT NULL UNIQUE,
        verb text NOT NULL,
        target text NOT NULL,
        account text,
        host text NOT NULL,
        key_attribute text,
        named boolean NOT NULL,
        begun timestamptz NOT NULL DEFAULT now(),
        rows bigint NOT NULL DEFAULT 0,
        suspect_since timestamptz
    );
    CREATE TABLE aiotask.input (
        job text NOT NULL REFERENCES aiotask.job ON DELETE CASCADE,
        number bigint NOT NULL,
        line bigint,
        print bigint,
        key text,
        body bytea,
        PRIMARY KEY (job, number)
    );
    CREATE UNIQUE INDEX input_by_key ON aiotask.input (job, key) WHERE key IS NOT NULL;
    CREATE TABLE aiotask."window" (
        job text NOT NULL REFERENCES aiotask.job ON DELETE CASCADE,
        first bigint NOT NULL,
        last bigint NOT NULL,
        epoch integer NOT NULL DEFAULT 0,
        owner text,
        lease timestamptz,
        begun timestamptz,
        done boolean NOT NULL DEFAULT false,
        PRIMARY KEY (job, first)
    );
    CREATE INDEX window_open ON aiotask."window" (job, first) WHERE NOT done;
    CREATE TABLE aiotask.outcome (
        job text NOT NULL REFERENCES aiotask.job ON DELETE CASCADE,
        number bigint NOT NULL,
        state smallint NOT NULL,
        sid text,
        error text,
        epoch integer NOT NULL,
        written xid8 NOT NULL DEFAULT pg_current_xact_id(),
        PRIMARY KEY (job, number)
    );
    CREATE INDEX outcome_by_time ON aiotask.outcome (job, written);
    """,
    # Rows that are enqueued have numbers of a sequence, which never waits for a transaction.
    """
    ALTER TABLE aiotask.job ADD COLUMN enqueued boolean NOT NULL DEFAULT false;
    CREATE SEQUENCE aiotask.row_number;
    ALTER TABLE aiotask."window" ADD COLUMN offered integer NOT NULL DEFAULT 0;
    CREATE TABLE aiotask.origin (system bigint NOT NULL, timeline text NOT NULL);
    INSERT INTO aiotask.origin
        SELECT system_identifier, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
        FROM pg_control_system();
    CREATE UNLOGGED TABLE aiotask.beat (
        worker text NOT NULL,
        lane text NOT NULL,
        at timestamptz NOT NULL,
        rate float8 NOT NULL,
        refused_at timestamptz,
        PRIMARY KEY (worker, lane)
    );
    """,
)
assert len(_MIGRATIONS) == VERSION  # noqa: S101 - of this very file

_BEGIN = """
    CREATE SCHEMA IF NOT EXISTS aiotask;
    CREATE TABLE IF NOT EXISTS aiotask.version (number integer NOT NULL);
    LOCK TABLE aiotask.version IN EXCLUSIVE MODE
"""
_FOUND = "SELECT to_regclass('aiotask.version') IS NOT NULL"
_VERSION = "SELECT max(number) FROM aiotask.version"
_SECRET = re.compile(r"(?<=://)([^:@/?]*):[^@/?]*@|([?&]password=)[^&]*")


def masked(url: str) -> str:
    """Return a journal's URL without the password."""
    return _SECRET.sub(lambda m: f"{m[2]}…" if m[2] else f"{m[1]}@", url)


def init(connection: Any, url: str) -> bool:
    """Make or update the tables; return whether there was anything to do."""
    with connection.transaction():
        connection.execute(_BEGIN)
        (found,) = connection.execute(_VERSION).fetchone()
        check_newer(found, url)
        for migration in _MIGRATIONS[found or 0 :]:
            connection.execute(migration)
        if found == VERSION:
            return False
        connection.execute(
            f"DELETE FROM aiotask.version; INSERT INTO aiotask.version VALUES ({VERSION})"  # noqa: S608
        )
    return True


def check(connection: Any, url: str) -> None:
    """Refuse a database without tables, or with those of another version."""
    (there,) = connection.execute(_FOUND).fetchone()
    if not there:
        raise without_tables(url)
    (found,) = connection.execute(_VERSION).fetchone()
    check_version(found, url)


def check_version(found: int | None, url: str) -> None:
    """Refuse tables of another version."""
    check_newer(found, url)
    if found != VERSION:
        raise JournalVersionError(
            f"has tables of an older aiotask (format {found or 0}, this one needs {VERSION}): "
            f"update them with aiotask journal init {masked(url)}",
            masked(url),
        )


def check_newer(found: int | None, url: str) -> None:
    """Refuse tables that a newer version made."""
    if (found or 0) > VERSION:
        raise JournalVersionError(
            f"was made by a newer aiotask (format {found}; this one knows up to {VERSION})",
            masked(url),
        )


def without_tables(url: str) -> JournalError:
    """Return the error for a database in which no journal was made."""
    return JournalAccessError(
        f"has no tables of aiotask: make them with aiotask journal init {masked(url)}", masked(url)
    )
