"""User hooks and request counters."""

import asyncio
import inspect
import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import attrs
from aiohttp import ClientResponse
from yarl import URL

from aiotask._operations import described
from aiotask.errors import AiotaskError, ConfigurationError

_log = logging.getLogger("aiotask")

# A hook blocks the event loop: at 1,000 requests a second, 50 of them wait for this long a hook.
_SLOW = 0.05  # seconds
_DESCRIPTIONS = ("operation", "route", "headers")

_NONE: Mapping[str, str] = {}


class RequestHook(Protocol):
    """A hook of requests that is told their operation and route, too."""

    def __call__(self, method: str, url: str, /, *, operation: str, route: str) -> object:
        """Be told of a request."""


class ResponseHook(Protocol):
    """A hook of answers that is told their operation and route, too."""

    def __call__(
        self, method: str, url: str, status: int, seconds: float, /, *, operation: str, route: str
    ) -> object:
        """Be told of an answer."""


class HeadersHook(Protocol):
    """A hook of answers that is told their headers, too."""

    def __call__(
        self, method: str, url: str, status: int, seconds: float, /, *, headers: Mapping[str, str]
    ) -> object:
        """Be told of an answer."""


class ErrorHook(Protocol):
    """A hook of missing answers that is told their operation and route, too."""

    def __call__(
        self,
        method: str,
        url: str,
        error: BaseException,
        seconds: float,
        /,
        *,
        operation: str,
        route: str,
    ) -> object:
        """Be told of a request without an answer."""


class RetryHook(Protocol):
    """A hook of repetitions that is told their operation and route, too."""

    def __call__(
        self, attempt: int, delay: float, reason: AiotaskError, /, *, operation: str, route: str
    ) -> object:
        """Be told of a repetition."""


OnRequest = Callable[[str, str], object] | RequestHook
OnResponse = Callable[[str, str, int, float], object] | ResponseHook | HeadersHook
OnError = Callable[[str, str, BaseException, float], object] | ErrorHook
OnRetry = Callable[[int, float, AiotaskError], object] | RetryHook
OnOutcome = Callable[[str, object], object]


@attrs.define
class Counters:
    """Totals of a client since it was created.

    ``requests`` counts the requests that were sent or tried, ``retries`` those among them that
    were not the first of their call, or of their row of ``create_many``, ``refusals`` those that
    were answered with 429. ``ambiguous`` counts calls, and creates of rows, that ended without a
    usable answer although the service may have acted, also if a later lookup settled them, as
    ``create_many`` does.

    A caller's own aiohttp session may repeat a read or a delete by itself, uncounted, on a dead
    connection.
    """

    requests: int = 0
    """Requests that were sent or tried."""
    retries: int = 0
    """Requests that were not the first of their call or row."""
    refusals: int = 0
    """Requests that were answered with 429."""
    ambiguous: int = 0
    """Calls and rows that ended without a usable answer although the service may have acted."""


class Hooks:
    """Counts requests and calls the user's hooks, whose errors do not affect a request."""

    def __init__(
        self,
        clock: Callable[[], float],
        on_request: OnRequest | None = None,
        on_response: OnResponse | None = None,
        on_retry: OnRetry | None = None,
        on_error: OnError | None = None,
    ) -> None:
        self.counters: Counters = Counters()
        self.outcomes: list[OnOutcome] = []
        """Called with the verb and the outcome of each row of a bulk run."""
        self._clock = clock
        self._of_requests: list[_Hook] = []
        self._of_responses: list[_Hook] = []
        self._of_retries: list[_Hook] = []
        self._of_errors: list[_Hook] = []
        self._known_slow: set[str] = set()
        self.add(on_request, on_response, on_retry, on_error)

    def add(
        self,
        on_request: OnRequest | None = None,
        on_response: OnResponse | None = None,
        on_retry: OnRetry | None = None,
        on_error: OnError | None = None,
    ) -> None:
        """Call these as well from now on."""
        for name, hook, others, said in (
            ("on_request", on_request, self._of_requests, 2),
            ("on_response", on_response, self._of_responses, 4),
            ("on_retry", on_retry, self._of_retries, 3),
            ("on_error", on_error, self._of_errors, 4),
        ):
            if hook is not None:
                others.append(_checked(name, hook, said))

    def sending(self, method: str, url: URL) -> None:
        """Record that a request is about to be sent."""
        self.counters.requests += 1
        if self._of_requests:
            self._call(self._of_requests, method, url, ())

    def answered(self, method: str, url: URL, response: ClientResponse, began: float) -> None:
        """Record a complete answer to a request that was sent at *began*."""
        if self._of_responses:
            said = (response.status, self._clock() - began)
            self._call(self._of_responses, method, url, said, response.headers)

    def unanswered(self, method: str, url: URL, error: BaseException, began: float) -> None:
        """Record that a request, sent at *began*, has no complete answer and will have none."""
        if self._of_errors:
            self._call(self._of_errors, method, url, (error, self._clock() - began))

    def retrying(self, attempt: int, delay: float, reason: AiotaskError) -> None:
        """Record that the *attempt*-th attempt (from 1) failed and another one follows."""
        self.counters.retries += 1
        for hook in self._of_retries:
            told = hook.descriptions(reason.method or "", reason.url or "")
            self._run(hook, (attempt, delay, reason), told)

    def failed(self, error: AiotaskError) -> None:
        """Record the error of a call."""
        if error.maybe_applied:
            self.counters.ambiguous += 1

    def _call(
        self,
        hooks: list["_Hook"],
        method: str,
        url: URL,
        said: tuple[Any, ...],
        headers: Mapping[str, str] = _NONE,
    ) -> None:
        shown = str(url.with_query(None))
        for hook in hooks:
            told = hook.descriptions(method, shown, headers)
            self._run(hook, (method, shown, *said), told)

    def _run(self, hook: "_Hook", said: tuple[Any, ...], told: dict[str, Any]) -> None:
        began = self._clock()
        try:
            hook.call(*said, **told)
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 - a hook is foreign code
            _log.exception("%s raised; the request continues", hook.name)
        if self._clock() - began > _SLOW and hook.name not in self._known_slow:
            self._known_slow.add(hook.name)
            _log.warning(
                "%s blocked the event loop for %.2f s; this warning is given once",
                hook.name,
                self._clock() - began,
            )


class _Hook(NamedTuple):
    """A callable, and which descriptions of a request it has parameters for."""

    name: str
    call: Callable[..., object]
    wanted: tuple[str, ...]

    def descriptions(
        self, method: str, url: str, headers: Mapping[str, str] = _NONE
    ) -> dict[str, Any]:
        if not self.wanted:
            return {}
        known = described(method, url)._asdict() | {"headers": headers}
        return {name: known[name] for name in self.wanted}


def _checked(name: str, hook: Callable[..., object], said: int) -> _Hook:
    if inspect.iscoroutinefunction(hook) or not callable(hook):
        raise ConfigurationError(
            f"{name} must be a plain callable, not a coroutine function: {hook!r}"
        )
    return _Hook(name, hook, _wanted(hook, said))


def _wanted(hook: Callable[..., object], said: int) -> tuple[str, ...]:
    """Return the descriptions that a hook has parameters for, after those for what is *said*."""
    try:
        parameters = [*inspect.signature(hook).parameters.values()]
    except ValueError:  # some that are written in C have none
        return ()
    free = {
        each.name
        for place, each in enumerate(parameters)
        if each.kind is each.KEYWORD_ONLY
        or (each.kind is each.POSITIONAL_OR_KEYWORD and place >= said)
    }
    return tuple(each for each in _DESCRIPTIONS if each in free)
