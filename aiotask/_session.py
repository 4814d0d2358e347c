"""Session: the client's only I/O, with its authentication, timeouts, retries and errors."""

import asyncio
import math
from collections.abc import Callable, Mapping
from typing import NoReturn, TypeVar

import aiohttp
import attrs
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict
from yarl import URL

from aiotask._answers import Answer, read_answer
from aiotask._authorizer import Authorizer
from aiotask._background import BackgroundTasks
from aiotask._call import Call
from aiotask._connections import Connections
from aiotask._hooks import Hooks
from aiotask._last_answer import note
from aiotask._rate_limiter import RateLimiter
from aiotask._repetition import repeated
from aiotask._request_headers import RequestHeaders, authorized
from aiotask._retry import RetryPolicy, fate_unknown
from aiotask._service_time import Offsets
from aiotask._single_flight import SingleFlight
from aiotask._time_limits import TimeLimit
from aiotask._transport import failure_of, payload_of, read_body, without_resending
from aiotask._verbs import QUERY, Verb
from aiotask.errors import (
    AiotaskError,
    AuthenticationError,
    ConfigurationError,
    RateLimitError,
    ServerError,
    StatusError,
)

T = TypeVar("T")
Reader = Callable[[Answer], T]

_REFUSED_BY_AIOHTTP = (
    "aiohttp refuses to make the request; if its session has trust_env, look at HTTPS_PROXY, and "
    "whether .netrc has credentials for the service"
)


class Session:
    """Sends requests, repeats them as their verb and the policy allow, and reads the answers.

    *credentials* tells which ones they are, masked, for the error of a 401, and *account* whose
    they are, where that is known. Calls wait for a connection before their timeout begins.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        headers: RequestHeaders,
        credentials: str,
        account: str | None,
        timeout: aiohttp.ClientTimeout,
        retry: RetryPolicy,
        hooks: Hooks,
    ) -> None:
        self.connections = connections
        self.retry = retry
        self._credentials = credentials
        self.account = account
        self.hooks = hooks
        self.once: SingleFlight = SingleFlight()
        self.background: BackgroundTasks = connections.background
        self.max_connections: int = connections.most
        self.service_time: Offsets = Offsets()
        # aiohttp's own total timeout swallows a cancellation in the same turn of the loop: its
        # contexts are nested, and each takes one cancellation back.
        self._given_timeout, self._total = timeout, timeout.total
        self._timeout = aiohttp.ClientTimeout(
            total=None,
            connect=timeout.connect,
            sock_connect=timeout.sock_connect,
            sock_read=timeout.sock_read,
            ceil_threshold=timeout.ceil_threshold,
        )
        # A caller's session may have middlewares of its own, which ours would replace.
        self._middlewares = None if connections.is_given else (without_resending,)
        self._headers = headers
        self.authorizer: Authorizer | None = None  # asked before each request

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client does not pickle or copy: it holds credentials and connections")

    def with_options(
        self,
        timeout: aiohttp.ClientTimeout | None,
        retry: RetryPolicy | None,
        headers: Mapping[str, str],
    ) -> "Session":
        """Return a view on the same connections, limiters and counters; None changes nothing.

        Limiters and counters go by one clock, so a policy of a view gets that of this session.
        """
        own = self.retry
        view = Session(
            self.connections,
            headers=self._headers.with_more(headers),
            credentials=self._credentials,
            account=self.account,
            timeout=timeout or self._given_timeout,
            retry=own if retry is None else attrs.evolve(retry, clock=own.clock, sleep=own.sleep),
            hooks=self.hooks,
        )
        view.authorizer, view.once = self.authorizer, self.once
        view.service_time = self.service_time
        return view

    def check(self) -> None:
        """Raise a ClientStateError if the client cannot be used here and now."""
        self.connections.usable()

    def lane(self, operation: str, max_rate: float = math.inf) -> RateLimiter:
        """Return the rate limiter of one operation, made with *max_rate* at the first call."""
        return self.connections.lane(operation, self.retry, max_rate)

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
        headers = self._headers.reading if body is None else self._headers.writing
        call = Call(verb, url, body, headers, lane, may_go)
        try:
            return read(await self._attempt(call, paced=False))
        except AiotaskError as error:
            call.tell(error, 1, maybe_applied=verb.changes and fate_unknown(error))
            self.hooks.failed(error)
            raise

    async def request(
        self,
        verb: Verb,
        url: URL,
        read: Reader[T],
        body: bytes | None = None,
        if_match: str | None = None,
        *,
        lane: RateLimiter,
        may_go: Callable[[], bool] | None = None,
    ) -> T:
        """Send one call, repeat it as verb and policy allow, and return the result of *read*.

        *url* is encoded already. Every failure is an AiotaskError, also those that *read* raises.
        *may_go* is as in :meth:`send`: what it forbids is not repeated.
        """
        headers = self._headers.reading if body is None else self._headers.writing
        if verb is QUERY:
            headers = self._headers.asking
        if if_match is not None:
            headers = headers.copy()
            headers["If-Match"] = if_match
        call = Call(verb, url, body, headers, lane, may_go)
        started = self.retry.clock()
        try:
            return read(await self._attempt(call, paced=True))
        except AiotaskError as error:
            failure = error

        async def attempt() -> T:
            return read(await self._attempt(call, paced=True))

        return await repeated(call, attempt, failure, started, self.retry, self.hooks)

    async def _attempt(self, call: Call, *, paced: bool) -> Answer:
        """Send a call when a connection is free, and its lane if it is to be *paced* here."""
        connections, lane = self.connections, call.lane
        http = connections.usable()  # before the lane, in which all calls are of one loop
        start = None
        if paced:
            start = await lane.acquire() if lane.limited else lane.enter()
        try:
            slots = connections.slots
            await slots.acquire()
            try:
                connections.check_open(http)
                if (authorizer := self.authorizer) is None:
                    return await self._exchange(http, call, call.headers)
                return await authorizer.answer_to(
                    call, lambda used: self._exchange(http, call, authorized(call.headers, used))
                )
            finally:
                slots.release()
        finally:
            if start is not None:
                lane.release(start)

    async def ask_token(self, url: URL, form: bytes, read: Reader[T]) -> T:
        """Ask for an access token, once; a call that waits for it has a connection already."""
        call = Call(QUERY, url, form, self._headers.writing, self.lane("token"))
        try:
            return read(await self._exchange(self.connections.usable(), call, call.headers))
        except AiotaskError as error:
            call.tell(error, 1, maybe_applied=False)
            raise

    async def _exchange(
        self, http: aiohttp.ClientSession, call: Call, headers: CIMultiDict[str]
    ) -> Answer:
        verb, url, body, may_go = call.verb, call.url, call.body, call.may_go
        payload = None
        if body is not None or may_go is not None:
            payload = payload_of(body or b"", may_go, pooled=not self.connections.is_given)
        response: aiohttp.ClientResponse | None = None
        began = 0.0
        connections = self.connections
        proxy, for_proxy = None, None
        if connections.route is not None and (way := connections.route.proxy_of(url)) is not None:
            proxy, for_proxy = way.url, way.headers()
            if url.scheme == "http":  # the proxy reads the request itself
                headers = headers.copy()
                headers.update(for_proxy)
        try:
            self.hooks.sending(verb.method, url)
            began = self.retry.clock()
            with TimeLimit(connections.limits[self._total]):
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
                    proxy=proxy,
                    proxy_headers=for_proxy,
                    # aiohttp sends no POST again.
                    middlewares=None if verb.method == "POST" else self._middlewares,
                )
                text = await read_body(response, verb.longest, connections.large)
        except (aiohttp.ClientError, HttpProcessingError, OSError) as error:
            failure = failure_of(error, response)
        except ValueError:
            if response is not None or not connections.is_given:
                raise  # nobody knows what became of the request
            failure = ConfigurationError(_REFUSED_BY_AIOHTTP)  # the message may quote a secret
        except asyncio.CancelledError as error:
            self.hooks.unanswered(verb.method, url, error, began)
            raise
        else:
            self.hooks.answered(verb.method, url, response, began)
            return self._noted(call.lane, began, response, text)
        finally:
            if response is not None and not response.closed:  # it is, if it was read to its end
                response.close()
        self.hooks.unanswered(verb.method, url, failure, began)
        # Raised out here, it does not drag aiohttp's own error along unless failure_of says so.
        raise failure

    def _noted(
        self, lane: RateLimiter, began: float, response: aiohttp.ClientResponse, body: bytes
    ) -> Answer:
        """Return a successful answer or raise its error, and tell the rate limiter."""
        headers = response.headers
        note(self.connections, response.status, headers)
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
