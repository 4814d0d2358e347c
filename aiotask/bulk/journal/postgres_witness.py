"""Witness of a database: notices that it is a copy, or that it has lost its last commits."""

import logging
from typing import Any

_log = logging.getLogger("aiotask")

# Another server, or one that was a standby, may lack the last commits of the one before.
_CHECK = """
    WITH present AS (
        SELECT system_identifier AS system,
            substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline,
            pg_current_wal_flush_lsn() < %s::pg_lsn AS went_back
        FROM pg_control_system()
    ), changed AS (
        UPDATE aiotask.origin o SET system = present.system, timeline = present.timeline
        FROM present WHERE (o.system, o.timeline) <> (present.system, present.timeline)
        RETURNING 1
    )
    UPDATE aiotask.job SET suspect_since = now()
    WHERE (EXISTS (SELECT 1 FROM changed) OR (SELECT went_back FROM present))
        AND EXISTS (SELECT 1 FROM aiotask."window" w WHERE w.job = id AND NOT w.done)
    RETURNING name"""
_PLACE = "SELECT pg_current_wal_flush_lsn()::text"
_FROM_THE_BEGINNING = "0/0"


class Witness:
    """What one process has seen of a database, which must not go back behind it."""

    def __init__(self) -> None:
        self._seen = _FROM_THE_BEGINNING

    async def check(self, database: Any) -> None:
        """Make jobs suspect that may have forgotten rows; to be called on each new connection.

        Their rows that look untouched are looked for before they are sent, by everybody.
        """
        cursor = await database.execute(_CHECK, (self._seen,))
        for (name,) in await cursor.fetchall():
            _log.warning(
                "the journal's database is another one, or has gone back: "
                "rows of the job %s are looked for before they are sent",
                name,
            )
        await self.note(database)

    async def note(self, database: Any) -> None:
        """Note how far the database has come."""
        cursor = await database.execute(_PLACE)
        (self._seen,) = await cursor.fetchone()
