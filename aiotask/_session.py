"""Session: the client's only I/O, with its authentication, timeouts, retries and errors."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import NoReturn, TypeVar

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict
from tenacity import RetryCallState
from yarl import URL

from aiotask._answers import Answer, read_answer
from aiotask._background import BackgroundTasks
from aiotask._hooks import Hooks
from aiotask._owner import Owner, check_owner, running_owner
from aiotask._rate_limiter import RateLimiter
from aiotask._request_headers import request_headers
from aiotask._retry import RetryPolicy, fate_unknown
from aiotask._secret import SecretText
from aiotask._service_time import Offsets
from aiotask._single_flight import SingleFlight
from aiotask._time_limits import TimeLimit, TimeLimits
from aiotask._transport import (
    LARGE_AT_ONCE,
    Connector,
    failure_of,
    payload_of,
    read_body,
    without_resending,
)
from aiotask._verbs import QUERY, Verb
from aiotask.errors import (
    AiotaskError,
    AuthenticationError,
    ClientStateError,
    RateLimitError,
    ServerError,
    StatusError,
)

T = TypeVar("T")
Reader = Callable[[Answer], T]

_log = logging.getLogger("aiotask")
# Beyond this number, idle rate limiters are dropped: a rate is soon found again.
_MOST_LANES = 2000
# Below the idle timeouts of load balancers, so that a reused connection is seldom a dead one.
_KEEP_ALIVE = 10.0


class Session:
    """Sends requests, repeats them as their verb and the policy allow, and reads the answers.

    It is bound to the event loop that opens it. *credentials* tells which ones they are, masked,
    for the error of a 401, and *account* whose they are, where that is known. At most
    *max_connections* requests are under way at a time; the others wait here, before their timeout
    begins.
    """

    def __init__(
        self,
        *,
        authorization: SecretText,
        credentials: str,
        account: str | None,
        timeout: aiohttp.ClientTimeout,
        retry: RetryPolicy,
        max_connections: int,
        session: aiohttp.ClientSession | None,
        hooks: Hooks,
    ) -> None:
        self.retry = retry
        self._credentials = credentials
        self.account = account
        self.hooks = hooks
        self.once: SingleFlight = SingleFlight()
        self.background: BackgroundTasks = BackgroundTasks()
        self.max_connections = max_connections
        self.service_time: Offsets = Offsets()
        # aiohttp's own total timeout swallows a cancellation in the same turn of the loop: its
        # contexts are nested, and each takes one cancellation back.
        self._total = timeout.total
        self._limits = TimeLimits(timeout.total)
        self._timeout = aiohttp.ClientTimeout(
            total=None,
            connect=timeout.connect,
            sock_connect=timeout.sock_connect,
            sock_read=timeout.sock_read,
            ceil_threshold=timeout.ceil_threshold,
        )
        self._given = session
        self._http = session
        # A caller's session may have middlewares of its own, which ours would replace.
        self._middlewares = (without_resending,) if session is None else None
        self._owner: Owner | None = None
        self._closed = False
        self._slots = asyncio.Semaphore(max_connections)
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._lanes: dict[str, RateLimiter] = {}
        self._reading, self._writing, self._asking = request_headers(authorization)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client does not pickle or copy: it holds credentials and connections")

    async def open(self) -> None:
        """Bind to the running loop, and open a connection pool unless the caller gave a session."""
        if self._owner is not None:
            raise ClientStateError("the client is entered already")
        self._bind()
        if self._given is None:
            self._http = aiohttp.ClientSession(
                connector=Connector(limit=self.max_connections, keepalive_timeout=_KEEP_ALIVE),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
            )

    async def close(self) -> None:
        """Cancel background tasks and close the pool; a caller's own session stays open."""
        owner, http = self._owner, self._http
        if owner is not None and owner[0].is_closed():
            self.background.forget()  # they can be cancelled by their loop only
        elif owner is not None:
            check_owner(owner)
        self._owner, self._closed = None, True  # from here on, waiting calls end with "is closed"
        try:
            await self.background.cancel()
        finally:  # also if this very call is cancelled meanwhile
            if self._given is None and http is not None:
                if self._http is http:  # and not a pool that was opened since
                    self._http = None
                await http.close()

    def check(self) -> None:
        """Raise a ClientStateError if the client cannot be used here and now."""
        self._usable()

    @property
    def lanes(self) -> Mapping[str, RateLimiter]:
        """The rate limiters of operations so far, by the operations' names."""
        return self._lanes

    def lane(self, operation: str, max_rate: float = math.inf) -> RateLimiter:
        """Return the rate limiter of one operation, made with *max_rate* at the first call."""
        lane = self._lanes.get(operation)
        if lane is None:
            if len(self._lanes) >= _MOST_LANES:
                self._lanes = {name: each for name, each in self._lanes.items() if each.in_use}
            lane = RateLimiter(self.retry.clock, self.retry.sleep, max_rate=max_rate)
            self._lanes[operation] = lane
        return lane

    async def send(
        self,
        verb: Verb,
        url: URL,
        read: Reader[T],
        body: bytes | None,
        lane: RateLimiter,
        may_go: Callable[[], bool] | None = None,
    ) -> T:
        """Send one call once; the caller has acquired the *lane*.

        *may_go* is asked immediately before the first byte, and can forbid it: a WithheldError.
        """
        headers = self._reading if body is None else self._writing
        try:
            http = self._usable()
            return read(await self._attempt(http, verb, url, body, headers, lane, may_go))
        except AiotaskError as error:
            error.method, error.url, error.attempts = verb.method, str(url.with_query(None)), 1
            error.maybe_applied = verb.changes and fate_unknown(error)
            self.hooks.failed(error)
            raise

    async def request(
        self,
        verb: Verb,
        url: URL,
        read: Callable[[Answer], T],
        body: bytes | None = None,
        if_match: str | None = None,
        *,
        lane: RateLimiter,
    ) -> T:
        """Send one call, repeat it as verb and policy allow, and return the result of *read*.

        *url* is encoded already. Every failure is an AiotaskError, also those that *read* raises.
        """
        headers = self._reading if body is None else self._writing
        if verb is QUERY:
            headers = self._asking
        if if_match is not None:
            headers = headers.copy()
            headers["If-Match"] = if_match
        started = self.retry.clock()
        try:
            return read(await self._paced(verb, url, body, headers, lane))
        except AiotaskError as error:
            failure = error

        async def attempt() -> T:
            return read(await self._paced(verb, url, body, headers, lane))

        return await self._repeated(failure, started, verb, url, attempt)

    async def _repeated(
        self,
        failure: AiotaskError | None,
        started: float,
        verb: Verb,
        url: URL,
        attempt: Callable[[], Awaitable[T]],
    ) -> T:
        """Repeat a call after its first attempt ended in *failure*.

        tenacity's controller costs a third of a request, so the first attempt does without one.
        """
        place = str(url.with_query(None))
        attempts = 0
        maybe_applied = False

        async def counted() -> T:
            nonlocal failure, attempts, maybe_applied
            attempts += 1
            try:
                if failure is None:
                    return await attempt()
                known, failure = failure, None
                raise known
            except AiotaskError as error:
                maybe_applied |= verb.changes and fate_unknown(error)
                error.method, error.url = verb.method, place
                error.attempts, error.maybe_applied = attempts, maybe_applied
                raise

        def tell(state: RetryCallState) -> None:
            error = state.outcome and state.outcome.exception()
            _log.info("%s; again in %.2f s", error, state.upcoming_sleep)
            if isinstance(error, AiotaskError):
                self.hooks.retrying(attempts, state.upcoming_sleep, error)

        try:
            if not self.retry.repeats(failure, idempotent=verb.idempotent):
                return await counted()
            controller = self.retry.controller(
                idempotent=verb.idempotent, started=started, before_sleep=tell
            )
            return await controller(counted)
        except AiotaskError as error:
            self.hooks.failed(error)
            raise

    async def _paced(
        self, verb: Verb, url: URL, body: bytes | None, headers: CIMultiDict[str], lane: RateLimiter
    ) -> Answer:
        http = self._usable()  # before the lane, in which all waiting calls are of one loop
        start = await lane.acquire() if lane.limited else lane.enter()
        try:
            return await self._attempt(http, verb, url, body, headers, lane)
        finally:
            lane.release(start)

    async def _attempt(
        self,
        http: aiohttp.ClientSession,
        verb: Verb,
        url: URL,
        body: bytes | None,
        headers: CIMultiDict[str],
        lane: RateLimiter,
        may_go: Callable[[], bool] | None = None,
    ) -> Answer:
        payload = None if body is None and may_go is None else payload_of(body or b"", may_go)
        response: aiohttp.ClientResponse | None = None
        slots = self._slots
        await slots.acquire()
        try:
            if self._closed or http.closed:  # since this call began to wait
                owner = "client" if self._closed else "client's aiohttp session"
                raise ClientStateError(f"the {owner} is closed")
            self.hooks.sending(verb.method, url)
            began = self.retry.clock()
            with TimeLimit(self._limits):
                response = await http.request(
                    verb.method,
                    url,
                    data=payload,
                    headers=headers,
                    # A caller's session may have other defaults for each of these.
                    allow_redirects=False,
                    raise_for_status=False,
                    auto_decompress=True,
                    timeout=self._timeout,
                    # aiohttp sends no POST again.
                    middlewares=None if verb.method == "POST" else self._middlewares,
                )
                text = await read_body(response, verb.longest, self._large)
        except (aiohttp.ClientError, HttpProcessingError, OSError) as error:
            failure = failure_of(error, response)
        else:
            self.hooks.answered(verb.method, url, response.status, began)
            return self._noted(lane, began, response, text)
        finally:
            if response is not None:
                response.close()
            slots.release()
        # Raised out here, it does not drag aiohttp's own error along unless failure_of says so.
        raise failure

    def _usable(self) -> aiohttp.ClientSession:
        if self._owner is None and self._given is not None and not self._closed:
            self._bind()
        if self._owner is None or self._http is None:
            state = "is closed" if self._closed else "is not entered: use `async with client:`"
            raise ClientStateError(f"the client {state}")
        check_owner(self._owner)
        return self._http

    def _bind(self) -> None:
        self._owner = running_owner()
        self._slots = asyncio.Semaphore(self.max_connections)
        self._limits = TimeLimits(self._total)
        self._lanes = {}  # their waiting calls belong to a loop
        self._closed = False

    def _noted(
        self, lane: RateLimiter, began: float, response: aiohttp.ClientResponse, body: bytes
    ) -> Answer:
        """Return a successful answer or raise its error, and tell the rate limiter."""
        headers = response.headers
        try:
            answer = read_answer(response.status, headers, body)
        except RateLimitError as error:
            self.hooks.counters.refusals += 1
            lane.refused(began, error.retry_after)
            raise
        except StatusError as error:
            if isinstance(error, AuthenticationError):
                error.credentials = self._credentials
            if not isinstance(error, ServerError):  # as a 2xx, a 4xx is no sign of overload
                lane.delivered(began, headers)
            raise
        lane.delivered(began, headers)
        # Errors may come from a gateway, whose clock is another one.
        self.service_time.read(headers, self.retry.clock())
        return answer
