"""What the owner of a client can watch: hooks that are called as it goes, and counters."""

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

# A hook is called by the event loop, which does nothing else meanwhile.
_SLOW = 0.05  # seconds


@attrs.define
class Counters:
    """What a client has done since it was made.

    ``requests`` were sent, or tried; ``retries`` of them were the second or a later one of their
    call, or of a row of ``create_many``. ``refusals`` were answered with 429. ``ambiguous`` is how
    many calls, and creates of rows, ended with no usable answer where the service may have acted:
    also those that a second look then settled, as ``create_many`` does with its rows.

    A caller's own aiohttp session may send a read or a delete again by itself, uncounted, when a
    connection turns out to be dead.
    """

    requests: int = 0
    retries: int = 0
    refusals: int = 0
    ambiguous: int = 0


class Hooks:
    """Counts, and calls the hooks that there are; no hook can do a request any harm."""

    def __init__(
        self,
        clock: Callable[[], float],
        on_request: OnRequest | None = None,
        on_response: OnResponse | None = None,
        on_retry: OnRetry | None = None,
    ) -> None:
        self.counters = Counters()
        self._clock = clock
        self._on_request = _checked("on_request", on_request)
        self._on_response = _checked("on_response", on_response)
        self._on_retry = _checked("on_retry", on_retry)
        self._known_slow: set[str] = set()

    def sending(self, method: str, url: URL) -> None:
        """Note that a request is about to be sent."""
        self.counters.requests += 1
        if (hook := self._on_request) is not None:
            self._call("on_request", lambda: hook(method, _place(url)))

    def answered(self, method: str, url: URL, status: int, began: float) -> None:
        """Note the whole answer to a request that began then."""
        if (hook := self._on_response) is not None:
            seconds = self._clock() - began
            self._call("on_response", lambda: hook(method, _place(url), status, seconds))

    def retrying(self, attempt: int, delay: float, reason: AiotaskError) -> None:
        """Note that the *attempt*-th attempt (from 1) failed, and another one follows."""
        self.counters.retries += 1
        if (hook := self._on_retry) is not None:
            self._call("on_retry", lambda: hook(attempt, delay, reason))

    def failed(self, error: AiotaskError) -> None:
        """Note how a call ended."""
        if error.maybe_applied:
            self.counters.ambiguous += 1

    def _call(self, name: str, call: Callable[[], object]) -> None:
        began = self._clock()
        try:
            call()
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 - whatever is wrong with it
            _log.exception("%s raised; the request goes on", name)
        if self._clock() - began > _SLOW and name not in self._known_slow:
            self._known_slow.add(name)
            _log.warning(
                "%s took %.2f s, in which the event loop did nothing else; this is said once",
                name,
                self._clock() - began,
            )


def _checked(name: str, hook: H) -> H:
    if hook is not None and (inspect.iscoroutinefunction(hook) or not callable(hook)):
        raise ConfigurationError(
            f"{name} must be a plain callable, which nobody awaits, not {hook!r}"
        )
    return hook


def _place(url: URL) -> str:
    return str(url.with_query(None))
