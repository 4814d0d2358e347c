"""Connections of a client, and what all of its calls share; bound to one event loop."""

import asyncio
import ssl as tls

import aiohttp

from aiotask._background import BackgroundTasks
from aiotask._owner import Owner, check_owner, running_owner
from aiotask._pool import open_pool
from aiotask._rate_limiter import RateLimiter
from aiotask._retry import RetryPolicy
from aiotask._route import Route
from aiotask._time_limits import TimeLimits
from aiotask._transport import LARGE_AT_ONCE
from aiotask.errors import ClientStateError

# Beyond this number, idle rate limiters are dropped: a rate is soon found again.
_MOST_LANES = 2000


class Connections:
    """Connections, and the queue for them: at most *most* requests are under way at a time.

    *given* is a caller's own session, which is never closed. *route* leads to the service, where
    there is a proxy, and *context* has the settings of TLS.
    """

    def __init__(
        self,
        *,
        most: int,
        given: aiohttp.ClientSession | None,
        route: Route | None,
        context: tls.SSLContext | None,
    ) -> None:
        self.most = most
        self.route = route
        self.is_given: bool = given is not None
        self.http: aiohttp.ClientSession | None = given
        self.is_closed: bool = False
        self.background: BackgroundTasks = BackgroundTasks()
        self.slots: asyncio.Semaphore = asyncio.Semaphore(most)
        self.large: asyncio.Semaphore = asyncio.Semaphore(LARGE_AT_ONCE)
        self.limits: _Limits = _Limits()
        self.lanes: dict[str, RateLimiter] = {}
        self._context = context
        self._owner: Owner | None = None

    async def open(self) -> None:
        """Bind to the running loop, and open a connection pool unless the caller gave a session."""
        if self._owner is not None:
            raise ClientStateError("the client is entered already")
        self._bind()
        if not self.is_given:
            self.http = open_pool(self.most, self._context)

    async def close(self) -> None:
        """Cancel background tasks and close the pool; a caller's own session stays open."""
        owner, http = self._owner, self.http
        if owner is not None and owner[0].is_closed():
            self.background.forget()  # they can be cancelled by their loop only
        elif owner is not None:
            check_owner(owner)
        # From here on, waiting calls end with "is closed".
        self._owner, self.is_closed = None, True
        try:
            await self.background.cancel()
        finally:  # also if this very call is cancelled meanwhile
            if not self.is_given and http is not None:
                if self.http is http:  # and not a pool that was opened since
                    self.http = None
                await http.close()

    def usable(self) -> aiohttp.ClientSession:
        """Return aiohttp's session; a ClientStateError if it cannot be used here and now."""
        if self._owner is None and self.is_given and not self.is_closed:
            self._bind()
        if self._owner is None or self.http is None:
            state = "is closed" if self.is_closed else "is not entered: use `async with client:`"
            raise ClientStateError(f"the client {state}")
        check_owner(self._owner)
        return self.http

    def check_open(self, http: aiohttp.ClientSession) -> None:
        """Raise a ClientStateError if *http* was closed since a call began to wait."""
        if self.is_closed or http.closed:
            owner = "client" if self.is_closed else "client's aiohttp session"
            raise ClientStateError(f"the {owner} is closed")

    def lane(self, operation: str, retry: RetryPolicy, max_rate: float) -> RateLimiter:
        """Return the rate limiter of one operation, made with *max_rate* at the first call."""
        lane = self.lanes.get(operation)
        if lane is None:
            if len(self.lanes) >= _MOST_LANES:
                self.lanes = {name: each for name, each in self.lanes.items() if each.in_use}
            lane = RateLimiter(retry.clock, retry.sleep, max_rate=max_rate)
            self.lanes[operation] = lane
        return lane

    def _bind(self) -> None:
        self._owner = running_owner()
        self.slots = asyncio.Semaphore(self.most)
        self.limits = _Limits()
        self.lanes = {}  # their waiting calls belong to a loop
        self.is_closed = False


class _Limits(dict[float | None, TimeLimits]):
    """The time limits of each length."""

    def __missing__(self, seconds: float | None) -> TimeLimits:
        limits = self[seconds] = TimeLimits(seconds)
        return limits
