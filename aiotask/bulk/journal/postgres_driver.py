"""Driver of PostgreSQL: connections, and its errors in the words of a journal.

It needs the extra ``postgres``, so it is loaded by ``aiotask.bulk.journal.postgres`` alone.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow, tuple_row

from aiotask.bulk.journal.postgres_schema import (
    check_version,
    masked,
    without_tables,
)
from aiotask.bulk.journal.postgres_witness import Witness
from aiotask.bulk.wait_queue import let_end
from aiotask.errors import JournalAccessError, JournalDamagedError, JournalError, JournalIOError

T = TypeVar("T")
Database = psycopg.AsyncConnection[TupleRow]

_log = logging.getLogger("aiotask")

# Whatever else a driver raises is a broken connection: it raises more than it documents when a
# server goes away. These are of data, of constraints, and of commands or rights.
_MISTAKES = ("22", "23", "42")
_RIGHTS = "42"
# A server that is silent for so long is taken for gone; libpq itself would wait much longer.
_SILENCE = 10  # seconds
_SETTINGS: dict[str, Any] = {
    "application_name": "aiotask",
    "connect_timeout": _SILENCE,
    "tcp_user_timeout": _SILENCE * 1000,
}
# A commit that was confirmed must not be lost, and a fence has to see what another one committed.
_SESSION = """
    SET synchronous_commit = on;
    SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED
"""
_VERSION = "SELECT max(number) FROM aiotask.version"
_FIRST_WAIT, _LONGEST_WAIT = 0.05, 1.0  # seconds between attempts to connect
_TRIALS = 5
_APART = 30.0  # seconds between two lines of the log
# A run that ends, or is cancelled, lets a command end that it has given.
_TO_END = 3.0  # seconds


def is_mistake(error: BaseException) -> bool:
    """Whether a command failed of itself, and would do so again."""
    return (getattr(error, "sqlstate", None) or "")[:2] in _MISTAKES


def failure_of(error: Exception, url: str) -> JournalError:
    """Return the error of a journal for one of the driver, in a sentence."""
    reason = " ".join(str(error).split()) or type(error).__name__
    where = masked(url)
    failure: JournalError
    match error:
        case JournalError():
            return error
        case errors.UndefinedTable() | errors.UndefinedColumn() | errors.InvalidSchemaName():
            failure = without_tables(url)
        case errors.InsufficientPrivilege():
            failure = JournalAccessError(f"gives this user no right to it: {reason}", where)
        case psycopg.ProgrammingError(sqlstate=None):
            failure = JournalAccessError(f"is no URL of PostgreSQL: {reason}", where)
        case _ if is_mistake(error):
            failure = JournalDamagedError(f"refuses a command: {reason}", where)
        case _:
            failure = JournalAccessError(f"cannot be reached: {reason}", where)
    failure.__cause__ = error
    return failure


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """Have a connection that is not asynchronous; the errors are those of a journal."""
    try:
        with psycopg.connect(url, autocommit=True, **_unless_said(url)) as connection:
            yield connection
    except (psycopg.Error, OSError) as error:
        raise failure_of(error, url) from error


def connection_to(url: str) -> "psycopg.Connection[TupleRow]":
    """Return a connection that is not asynchronous."""
    try:
        return psycopg.connect(url, autocommit=True, **_unless_said(url))
    except (psycopg.Error, OSError) as error:
        raise failure_of(error, url) from error


async def refuse_pooler(connection: Database, url: str) -> None:
    """Refuse a pooler that gives each transaction another connection.

    There, settings of the session and notices are lost. Any pooler has a process number of its own
    for a client; one of these gives the server's process to another client after a command.
    """
    if await _process(connection) == connection.info.backend_pid:
        return
    async with await Database.connect(url, autocommit=True, **_unless_said(url)) as other:
        for _ in range(_TRIALS):
            before = await _process(connection)
            async with other.transaction():
                if await _process(other) == before or await _process(connection) != before:
                    why = "is reached by a pooler of transactions; it has to pool sessions"
                    raise JournalAccessError(why, masked(url))


async def _process(connection: Database) -> int:
    cursor = await connection.execute("SELECT pg_backend_pid()", prepare=False)
    (number,) = await cursor.fetchone() or (0,)
    return int(number)


def check_connection(connection: object) -> None:
    """Refuse what is no asynchronous connection of the driver's."""
    if not isinstance(connection, psycopg.AsyncConnection):
        kind = type(connection).__name__
        raise TypeError(f"connection: is a psycopg.AsyncConnection, not {kind}")


async def within(
    connection: "psycopg.AsyncConnection[Any]",
    act: Callable[[Any], Awaitable[T]],
    url: str,
) -> T:
    """Do something on a connection of the caller's, in its transaction; it is not committed.

    Without one, on a connection that commits each command, all of it is done or nothing.
    """
    try:
        async with AsyncExitStack() as stack:
            if connection.autocommit:
                await stack.enter_async_context(connection.transaction())
            cursor = connection.cursor(row_factory=tuple_row)
            return await act(await stack.enter_async_context(cursor))
    except errors.ForeignKeyViolation as error:
        why = "is another database than the one that the connection leads to"
        raise JournalAccessError(why, masked(url)) from error
    except psycopg.Error as error:
        if error.sqlstate is not None and error.sqlstate.startswith(_RIGHTS):
            raise failure_of(error, url) from error
        raise  # it is about the caller's transaction


async def listen(url: str) -> AsyncGenerator[None, None]:
    """Yield once notices are heard, and at each of them; whatever it raises is the connection's."""
    settings = _unless_said(url)
    settings["application_name"] = "aiotask listens"
    async with await Database.connect(url, autocommit=True, **settings) as connection:
        await _execute(connection, "LISTEN aiotask")
        while True:
            yield
            # A connection that broke in silence fails when it is used.
            async for _ in connection.notifies(timeout=_SILENCE, stop_after=1):
                break
            else:
                await _execute(connection, "SELECT 1")


async def _closed(connection: Database) -> None:
    with suppress(Exception):
        await connection.close()


async def _execute(connection: Database, command: LiteralString) -> None:
    await let_end(connection.execute(command), _TO_END)


def _unless_said(url: str) -> dict[str, Any]:
    said = conninfo_to_dict(url)
    return {name: value for name, value in _SETTINGS.items() if name not in said}


class Link:
    """One connection, made anew whenever it breaks.

    *patience* tells for how many seconds a call is tried again before it raises a JournalIOError.
    """

    def __init__(
        self, url: str, patience: Callable[[], float], witness: Witness | None = None
    ) -> None:
        self._witness = witness
        self._is_checked = False
        self._patience = patience
        self._url = url
        self._connection: Database | None = None
        self._turn = asyncio.Lock()
        self._told_at = 0.0

    async def open(self) -> None:
        """Connect; a JournalError says why that is not possible, or that the tables do not fit."""
        try:
            connection = await self._connected()
            cursor = await connection.execute(_VERSION)
            (found,) = await cursor.fetchone() or (None,)
            check_version(found, self._url)
            await refuse_pooler(connection, self._url)
            self._is_checked = True
            await self._witnessed(connection)
        except BaseException as error:
            await self.close()
            if isinstance(error, psycopg.Error | OSError):
                raise failure_of(error, self._url) from error
            raise

    async def call(self, act: Callable[[Database], Awaitable[T]]) -> T:
        """Do something on the connection, and again whenever that breaks, until it is done.

        So *act* may have been done before. The errors that it makes itself are raised. Where the
        call is cancelled, a command that is under way has some seconds to end.
        """
        async with self._turn:
            since = time.monotonic()
            wait = _FIRST_WAIT
            while True:
                try:
                    connection = await self._connected()
                    done = await let_end(self._act(act, connection), _TO_END)
                except JournalError:
                    raise
                except Exception as error:
                    if is_mistake(error):
                        raise failure_of(error, self._url) from error
                    await self._dropped()
                    self._tell(error, since)
                    if (passed := time.monotonic() - since) > self._patience():
                        why = f"could not be reached for {passed:.0f} s: {error}"
                        raise JournalIOError(why, masked(self._url)) from error
                else:
                    self._untell()
                    return done
                await asyncio.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)

    async def _act(self, act: Callable[[Database], Awaitable[T]], connection: Database) -> T:
        try:
            return await act(connection)
        except asyncio.CancelledError:
            await self._dropped()  # in the middle of a command
            raise

    async def close(self) -> None:
        """Close the connection."""
        await self._dropped()

    async def _connected(self) -> Database:
        if self._connection is None:
            settings = _unless_said(self._url)
            connection = await Database.connect(self._url, autocommit=True, **settings)
            try:
                await let_end(self._begin_session(connection), _TO_END)
            except BaseException:
                await _closed(connection)
                raise
            self._connection = connection
        return self._connection

    async def _begin_session(self, connection: Database) -> None:
        await connection.execute(_SESSION)
        if self._is_checked:
            await self._witnessed(connection)

    async def _witnessed(self, connection: Database) -> None:
        if self._witness is not None:
            await self._witness.check(connection)

    async def _dropped(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await _closed(connection)

    def _tell(self, error: Exception, since: float) -> None:
        now = time.monotonic()
        if not self._told_at or now - self._told_at > _APART:
            self._told_at = now
            _log.warning(
                "the journal %s cannot be reached for %.0f s: %s; the run goes on when it can",
                masked(self._url),
                now - since,
                " ".join(str(error).split()),
            )

    def _untell(self) -> None:
        if self._told_at:
            self._told_at = 0.0
            _log.warning("the journal %s can be reached again", masked(self._url))
