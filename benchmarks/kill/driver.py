"""The program that the kill campaign kills: one bulk run with a journal, from where it is.

It prints a line when it begins, has every outcome in a file before it asks for the next one, and
ends with 0 when every row has one. The rows follow from their number alone, so that each run has
the same ones. With ``--without`` one safeguard is taken out, in this process: what is proven by a
campaign that finds nothing is only as much as it finds then.
"""

import argparse
import asyncio
import os
import secrets
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from math import inf
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

from filelock import FileLock

import aiotask
from aiotask.bulk.claims import Claims, Unfinished
from aiotask.bulk.item import Item
from aiotask.bulk.journal.locks import Locks
from aiotask.bulk.journal.records import Claim, Entry, State
from aiotask.bulk.journal.sqlite import SqliteJournal
from aiotask.bulk.journal.writer import JournalWriter
from aiotask.bulk.looks import Looks, View
from aiotask.bulk.lookup import Matches
from aiotask.bulk.screening import Screening
from aiotask.bulk.sender import Fate, Sender
from aiotask.bulk.sentinels import Sentinels
from aiotask.taskrouter import NewTask
from kill.flaws import WITHOUT_OF_CHANGES
from kill.verbs import WORKS, number_of

Kind = Literal["created", "rejected", "unresolved"]

TIMEOUT = 0.5  # seconds
SETTLE = 1.3
AT_ONCE = 0.001
LATER = 3.0
PAUSE = 0.02
RETRY = aiotask.RetryPolicy(base=0.05, throttled_base=0.1, cap=0.5)
# After a lost answer a verb that is repeated waits in all its rows.
QUICK = aiotask.RetryPolicy(base=0.01, throttled_base=0.1, cap=0.5)

_REFUSED = 97  # every so many-th row is refused by the service ...
_WRONG = 101  # ... and every so many-th is too long, which the client sees itself
_PORTION = 20  # rows that come at once, where they do not all


def row(number: int) -> NewTask:
    """Return the row of a number, the same in every run."""
    attributes = {"number": number, "customer": f"{number * 2654435761 % 2**32:08x}"}
    if number % _WRONG == _WRONG - 1:
        attributes["note"] = "x" * 5000
    if number % _REFUSED == _REFUSED - 1:
        return {"attributes": attributes, "task_channel": "nowhere"}
    return {"attributes": attributes}


def key_of(row: NewTask) -> str:
    """Return the key of a row that has one of its own."""
    return f"customer-{row['attributes']['number']}"


async def slowly(rows: Iterable[NewTask]) -> AsyncIterator[NewTask]:
    """Yield rows as a source does that has to wait for some of them."""
    for row in rows:
        if not row["attributes"]["number"] % _PORTION:
            await asyncio.sleep(PAUSE)
        yield row


def expected(number: int) -> Kind:
    """Return what has to become of it."""
    bad = number % _WRONG == _WRONG - 1 or number % _REFUSED == _REFUSED - 1
    return "rejected" if bad else "created"


def line_of(outcome: aiotask.Outcome[NewTask]) -> bytes:
    """Return what the caller is told, as a line: the row's number, the kind, and the sid."""
    number = outcome.row["attributes"]["number"]
    match outcome:
        case aiotask.Created(sid=sid):
            return b"%d created %s\n" % (number, sid.encode())
        case aiotask.Rejected():
            return b"%d rejected -\n" % number
    return b"%d unresolved -\n" % number


async def create(options: argparse.Namespace) -> None:
    """Go on with the job until every row has an outcome."""
    settle = AT_ONCE if options.without == "no-wait" else SETTLE
    rows = map(row, range(options.rows))
    told = os.open(options.outcomes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    async with aiotask.Client(base_url=options.base, timeout=TIMEOUT, retry=RETRY) as client:
        outcomes = client.taskrouter.workspace(options.workspace).tasks.create_many(
            slowly(rows) if options.awaited else rows,
            journal=options.journal,
            row_key=key_of if options.named else None,
            max_in_flight=options.in_flight,
            settle=settle,
        )
        print("begun", flush=True)
        async for outcome in outcomes:
            os.write(told, line_of(outcome))


async def change(options: argparse.Namespace) -> None:
    """Go on with a job of another verb, whose rows name the tasks in a file."""
    work = WORKS[options.verb]
    sids = options.sids.read_text(encoding="ascii").split("\n")
    numbers = {sid: number for number, sid in enumerate(sids)}
    rows = (work.row(number, sids) for number in range(options.rows))

    async def slowly() -> AsyncIterator[Any]:
        for number, each in enumerate(rows):
            if not number % _PORTION:
                await asyncio.sleep(PAUSE)
            yield each

    told = os.open(options.outcomes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    async with aiotask.Client(base_url=options.base, timeout=TIMEOUT, retry=QUICK) as client:
        outcomes = work.outcomes(
            client.taskrouter.workspace(options.workspace),
            slowly() if options.awaited else rows,
            journal=options.journal,
            max_in_flight=options.in_flight,
        )
        print("begun", flush=True)
        async for outcome in outcomes:
            number, kind = number_of(outcome.row, numbers), type(outcome).__name__.lower()
            sid: str = getattr(outcome, "sid", "-")
            os.write(told, b"%d %s %s\n" % (number, kind.encode(), sid.encode()))


def no_intent() -> None:
    """Claims come into the journal some time after the rows may be sent, and it is believed."""
    no_suspicion()
    write, close = JournalWriter.write, JournalWriter.close
    coming: list[asyncio.Task[None]] = []

    async def write_later(writer: JournalWriter, claims: Sequence[Claim] = ()) -> None:
        async def later() -> None:
            await asyncio.sleep(LATER)
            await write(writer, claims)

        coming.append(asyncio.get_running_loop().create_task(later()))

    async def close_when_all_is_in(writer: JournalWriter) -> None:
        await asyncio.gather(*coming)
        await close(writer)

    patch.object(JournalWriter, "write", write_later).start()
    patch.object(JournalWriter, "close", close_when_all_is_in).start()


def no_doubt() -> None:
    """Take rows that an earlier run left in flight for rows that were not sent, and believe it."""
    no_suspicion()
    unfinished = Claims._unfinished  # noqa: SLF001 - the safeguard lies inside

    def without_doubt(claims: Claims, entry: Entry, row: Any) -> Unfinished:
        if entry.state is State.IN_FLIGHT:
            entry = entry._replace(state=State.PENDING)
        return unfinished(claims, entry, row)

    patch.object(Claims, "_unfinished", without_doubt).start()


def new_keys() -> None:
    """Rows have another key in every run."""
    patch("aiotask.bulk.keys.derived_key", lambda *_: secrets.token_hex(16)).start()


def blind_retry() -> None:
    """Send again at once what is lost."""
    fate_of = Sender._fate  # noqa: SLF001 - as above

    def fate(sender: Sender, item: Item, error: aiotask.AiotaskError) -> Fate | None:
        return None if error.maybe_applied else fate_of(sender, item, error)

    patch.object(Sender, "_fate", fate).start()


def no_created_events() -> None:
    """Take what lists do not show for absent, although they do not show what has ended."""

    async def unasked(looks: Looks, _: Sequence[Item]) -> View:
        return View(Matches(looks.job), inf, inf)

    patch.object(Looks, "through_events", unasked).start()


def no_sentinel() -> None:
    """Take any look for one that shows the state of now."""
    patch.object(Sentinels, "latest_in", lambda *_: inf).start()


def no_lock() -> None:
    """Let others have the journal at the same time, and write to it."""

    def move(journal: SqliteJournal, connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE meta SET value = ? WHERE name = 'position'",
            (str(journal._next),),  # noqa: SLF001 - as above
        )

    patch.object(FileLock, "acquire", lambda *_, **__: None).start()
    patch.object(Locks, "_take_name", lambda *_: None).start()
    patch.object(Locks, "take_file", lambda locks: Path(locks._path).stat()).start()  # noqa: SLF001
    patch.object(SqliteJournal, "_move", move).start()
    no_suspicion()


def no_suspicion() -> None:
    """Believe every journal."""

    async def unchecked(_: Screening, __: list[Item]) -> None:
        pass

    patch.object(
        SqliteJournal, "suspicion", property(lambda _: None, lambda *_: None), create=True
    ).start()
    patch.object(Screening, "_check", unchecked).start()


def jump(jumps: Sequence[str]) -> None:
    """Put the local clock wrong by seconds, from moments after the beginning on."""
    began, right = time.monotonic(), time.time
    errors = [(float(after), float(error)) for after, error in (each.split(":") for each in jumps)]

    def wrong() -> float:
        passed = time.monotonic() - began
        return right() + next((error for after, error in errors[::-1] if after <= passed), 0.0)

    patch.object(time, "time", wrong).start()


WITHOUT: dict[str, Callable[[], None]] = {
    "no-intent": no_intent,
    "no-doubt": no_doubt,
    "new-keys": new_keys,
    "blind-retry": blind_retry,
    "no-wait": no_sentinel,  # and nothing to wait for, see above
    "no-sentinel": no_sentinel,
    "no-created-events": no_created_events,
    "no-lock": no_lock,
    "no-suspicion": no_suspicion,
    **WITHOUT_OF_CHANGES,
}


def main() -> None:
    """Run once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base")
    parser.add_argument("workspace")
    parser.add_argument("journal", type=Path)
    parser.add_argument("outcomes", type=Path)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--verb", choices=["create", *WORKS], default="create")
    parser.add_argument("--sids", type=Path, help="file of the tasks that rows name")
    parser.add_argument("--in-flight", type=int)
    parser.add_argument("--named", action="store_true", help="rows have keys of their own")
    parser.add_argument("--awaited", action="store_true", help="rows are waited for")
    parser.add_argument("--without", choices=WITHOUT)
    parser.add_argument(
        "--clock", nargs="*", default=(), metavar="AFTER:ERROR", help="seconds, see jump"
    )
    options = parser.parse_args()
    jump(options.clock)
    if options.without:
        WITHOUT[options.without]()
    asyncio.run(create(options) if options.verb == "create" else change(options))


if __name__ == "__main__":
    main()
