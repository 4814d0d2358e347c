"""User hooks and request counters."""

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import TypeVar

import attrs
from yarl import URL

from aiotask.errors import AiotaskError, ConfigurationError

OnRequest = Callable[[str, str], object]
OnResponse = Callable[[str, str, int, float], object]
OnRetry = Callable[[int, float, AiotaskError], object]
H = TypeVar("H")

_log = logging.getLogger("aiotask")

# A hook blocks the event loop: at 1,000 requests a second, 50 of them wait for this long a hook.
_SLOW = 0.05  # seconds


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
    retries: int = 0
    refusals: int = 0
    ambiguous: int = 0


class Hooks:
    """Counts requests and calls the user's hooks, whose errors do not affect a request."""

    def __init__(
        self,
        clock: Callable[[], float],
        on_request: OnRequest | None = None,
        on_response: OnResponse | None = None,
        on_retry: OnRetry | None = None,
    ) -> None:
        self.counters: Counters = Counters()
        self._clock = clock
        self._on_request = _checked("on_request", on_request)
        self._on_response = _checked("on_response", on_response)
        self._on_retry = _checked("on_retry", on_retry)
        self._known_slow: set[str] = set()

    def sending(self, method: str, url: URL) -> None:
        """Record that a request is about to be sent."""
        self.counters.requests += 1
        if (hook := self._on_request) is not None:
            self._call("on_request", lambda: hook(method, _without_query(url)))

    def answered(self, method: str, url: URL, status: int, began: float) -> None:
        """Record a complete answer to a request that was sent at *began*."""
        if (hook := self._on_response) is not None:
            seconds = self._clock() - began
            self._call("on_response", lambda: hook(method, _without_query(url), status, seconds))

    def retrying(self, attempt: int, delay: float, reason: AiotaskError) -> None:
        """Record that the *attempt*-th attempt (from 1) failed and another one follows."""
        self.counters.retries += 1
        if (hook := self._on_retry) is not None:
            self._call("on_retry", lambda: hook(attempt, delay, reason))

    def failed(self, error: AiotaskError) -> None:
        """Record the error of a call."""
        if error.maybe_applied:
            self.counters.ambiguous += 1

    def _call(self, name: str, call: Callable[[], object]) -> None:
        began = self._clock()
        try:
            call()
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 - a hook is foreign code
            _log.exception("%s raised; the request continues", name)
        if self._clock() - began > _SLOW and name not in self._known_slow:
            self._known_slow.add(name)
            _log.warning(
                "%s blocked the event loop for %.2f s; this warning is given once",
                name,
                self._clock() - began,
            )


def _checked(name: str, hook: H) -> H:
    if hook is not None and (inspect.iscoroutinefunction(hook) or not callable(hook)):
        raise ConfigurationError(
            f"{name} must be a plain callable, not a coroutine function: {hook!r}"
        )
    return hook


def _without_query(url: URL) -> str:
    return str(url.with_query(None))
