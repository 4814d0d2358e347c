"""Safeguards of the other verbs, each taken out of the process that calls its function."""

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import aiotask
from aiotask.bulk.claims import Unfinished
from aiotask.bulk.item import Item
from aiotask.bulk.journal.records import Entry, State
from aiotask.bulk.journal.sqlite import SqliteJournal
from aiotask.bulk.operation import Done, Failed
from aiotask.bulk.run import Run
from aiotask.bulk.sender import Fate, Made, Sender
from aiotask.taskrouter import _upsert
from aiotask.taskrouter._changes import Deletion
from aiotask.taskrouter._task_ends import Ending
from aiotask.taskrouter._upsert import Upsert


def lost_is_done() -> None:
    """Take a lost answer for a good one."""
    fate_of = Sender._fate  # noqa: SLF001 - the safeguard lies inside

    def fate(sender: Sender, item: Item, error: aiotask.AiotaskError) -> Fate | None:
        if error.maybe_applied:
            sid = item.body.decode().partition("\n")[0]
            return Made(Done(sid, None, aiotask.Updated), 0.0)
        return fate_of(sender, item, error)

    patch.object(Sender, "_fate", fate).start()


def once_only() -> None:
    """Take what an earlier run left in flight for done."""
    as_it_is = Run._is_unsent  # noqa: SLF001 - as above

    def is_unsent(run: Run[Any], unfinished: Unfinished, now: float) -> bool:
        item, entry = unfinished
        if entry.state is State.PENDING or item.invalid is not None:
            return as_it_is(run, unfinished, now)
        outcome = aiotask.Updated(item.row, item.body.decode().partition("\n")[0])
        run._delivery.put(item, outcome)  # noqa: SLF001 - as above
        return False

    patch.object(Run, "_is_unsent", is_unsent).start()


def refused_is_rejected() -> None:
    """Take a refusal for an end, without a look at the task."""

    async def refused(
        _: Ending, __: Item, ___: str, ____: str, error: aiotask.AiotaskError
    ) -> Failed:
        return Failed(error)

    patch.object(Ending, "refused", refused).start()


def no_memory() -> None:
    """Know of no attempt of an earlier run."""
    patch.object(Item, "from_earlier_run", property(lambda _: False, lambda _, __: None)).start()


def gone_is_rejected() -> None:
    """Take what is gone for a wrong row."""

    async def refused(
        _: Deletion[Any], __: Item, ___: str, ____: str, error: aiotask.AiotaskError
    ) -> Failed:
        return Failed(error)

    patch.object(Deletion, "refused", refused).start()


def forgotten_ends() -> None:
    """Send again what the journal has the end of."""
    open_rows = SqliteJournal.open_rows

    def all_rows(journal: SqliteJournal) -> list[Entry]:
        found = {entry.number: entry for entry in open_rows(journal)}
        rows = range(1, journal.claimed + 1)
        known = Entry(0, State.IN_FLIGHT, None, None, None, None, None, None)
        return [found.get(number, known._replace(number=number)) for number in rows]

    patch.object(SqliteJournal, "open_rows", all_rows).start()


def no_etag() -> None:
    """Write over what others have changed since it was read."""
    patch.object(_upsert, "sendable_etag", lambda _: None).start()


def no_settle() -> None:
    """Look for a name at once after a lost create."""

    async def at_once(_: Upsert[Any], __: Item) -> None:
        pass

    patch.object(Upsert, "_settled", at_once).start()


WITHOUT_OF_CHANGES: dict[str, Callable[[], None]] = {
    "lost-is-done": lost_is_done,
    "once-only": once_only,
    "refused-is-rejected": refused_is_rejected,
    "no-memory": no_memory,
    "gone-is-rejected": gone_is_rejected,
    "forgotten-ends": forgotten_ends,
    "no-etag": no_etag,
    "no-settle": no_settle,
}
