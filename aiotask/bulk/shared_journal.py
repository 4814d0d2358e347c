"""Shared journal: one in PostgreSQL, which many processes on many machines use at a time."""

import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeVar

from aiotask._rate_limiter import RateLimiter
from aiotask.bulk.beats import Beats, Lanes
from aiotask.bulk.bell import Bell
from aiotask.bulk.journal.postgres import driver, is_shared
from aiotask.bulk.journal.postgres_jobs import Job
from aiotask.bulk.journal.postgres_schema import masked
from aiotask.bulk.journal.postgres_witness import Witness
from aiotask.bulk.lease import LeaseTerms
from aiotask.bulk.leases import DeadMansSwitch, Leases, Link
from aiotask.errors import ClientStateError, JournalError

T = TypeVar("T")

_PATIENCE = 3600.0  # seconds for which a run waits for a database that is away


class SharedJournal:
    """A journal in the PostgreSQL database at *url*: ``async with SharedJournal(url) as journal``.

    It needs the extra ``postgres``, and tables that ``aiotask journal init URL`` has made. Every
    process that works on its jobs opens it for itself. A worker has some rows at a time, under a
    lease that it renews, as *terms* say, which have to fit those of all other processes: others
    take over the rows of one that does not. While the database is away nothing is sent.

    With *switch*, the kernel ends this process where it was stopped for longer than its leases
    last, before it can send what may be another's by then. It uses SIGALRM and the process's real
    timer, and belongs to the main program alone.
    """

    def __init__(
        self,
        url: str,
        *,
        terms: LeaseTerms = LeaseTerms(),  # noqa: B008 - frozen
        switch: bool = False,
    ) -> None:
        if not is_shared(url):
            raise ValueError(f"journal: {url!r} is not a URL such as postgresql://host/database")
        self.terms: LeaseTerms = terms
        self._url = url
        self._driver = driver(url)
        self._switch = switch
        self._witness = Witness()
        self._leases: Leases | None = None
        self._link: Link | None = None
        self._beats: Beats | None = None
        self.bell: Bell = Bell(lambda: self._driver.listen(self._url))
        """It rings when rows came in."""
        self.jobs: dict[str, Job] = {}
        """Jobs that rows were enqueued into, by their names."""

    @property
    def url(self) -> str:
        """The URL, with a password if it has one."""
        return self._url

    @property
    def where(self) -> str:
        """The URL, without a password."""
        return masked(self._url)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect, and begin to renew leases; a JournalError says why that is not possible."""
        if self._link is not None:
            raise ClientStateError("the journal is open already")
        link = self.link()
        await link.open()
        self._link = link
        # A name for people; epochs tell takes apart.
        owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(2)}"
        switch = DeadMansSwitch() if self._switch else None
        self._leases = Leases(link, owner, self.terms, switch, self._witness)
        self._leases.start()
        self._beats = Beats(link, owner)

    async def close(self) -> None:
        """Renew nothing more, and close the connection."""
        leases, link, self._leases, self._link = self._leases, self._link, None, None
        if self._beats is not None:
            await self._beats.close()
        await self.bell.close()
        if leases is not None:
            await leases.close()
        if link is not None:
            await link.close()

    @property
    def is_open(self) -> bool:
        """Whether it was opened, and not closed since."""
        return self._link is not None

    @property
    def leases(self) -> Leases:
        """The windows that this process has."""
        if self._leases is None:
            raise ClientStateError("the journal is not open: use `async with journal:`")
        return self._leases

    def share(self, host: str, lanes: Lanes) -> None:
        """Share the limits of a client with all processes that have this journal open."""
        if self._beats is not None:
            self._beats.add(host, lanes)

    async def join(self, limiter: RateLimiter) -> None:
        """Hear of the others that use a shared limit before it is used here."""
        if self._beats is not None:
            await self._beats.join(limiter)

    async def call(self, act: Callable[[Any], Awaitable[T]]) -> T:
        """Do something on the journal's own connection, and again whenever that breaks."""
        if self._link is None:
            raise ClientStateError("the journal is not open: use `async with journal:`")
        return await self._link.call(act)

    def check_connection(self, connection: object) -> None:
        """Refuse a connection on which nothing can be enqueued."""
        self._driver.check_connection(connection)

    async def within(self, connection: Any, act: Callable[[Any], Awaitable[T]]) -> T:
        """Do something with a cursor of the caller's connection, in its transaction."""
        done: T = await self._driver.within(connection, act, self._url)
        return done

    def link(self, is_stopped: Callable[[], bool] = bool) -> Link:
        """Return a connection of one's own; for a stopped run it waits no longer than a lease."""

        def patience() -> float:
            return self.terms.length if is_stopped() else _PATIENCE

        made: Link = self._driver.Link(self._url, patience, self._witness)
        return made

    def error(self, kind: type[JournalError], why: str) -> JournalError:
        """Return an error about this journal."""
        return kind(why, self.where)
