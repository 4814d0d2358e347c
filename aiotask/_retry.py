"""Retry policy: failures that are worth another attempt, and the waits before it; no I/O."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import attrs
from multidict import CIMultiDict
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
)

from aiotask._slept_clock import SleptClock
from aiotask.errors import (
    AiotaskError,
    AnswerError,
    ConnectionFailedError,
    IncompleteAnswerError,
    NotJsonError,
    PreconditionFailedError,
    ProtocolError,
    RateLimitError,
    ServerError,
    StatusError,
    TLSError,
    TransportError,
    UnexpectedRedirectError,
)

# 408 and 425 leave open whether the request was carried out, as a 5xx does.
_UNDECIDED = frozenset({408, 425})
_REFUSAL = range(400, 500)
_PASSING = _UNDECIDED | {421, 429}
# Routing changes resources too, so a few conflicts in a row are nothing unusual.
_MOST_CONFLICTS = 10


class WithheldError(ConnectionFailedError):
    """The sender forbade the request when it had a connection: nothing was sent."""


def fate_unknown(error: AiotaskError) -> bool:
    """Whether a request that failed with *error* may have been carried out all the same."""
    match error:
        case ConnectionFailedError() | UnexpectedRedirectError():
            return False
        case TransportError() | ProtocolError() | ServerError():
            return True
        case StatusError(status=status):
            return status in _UNDECIDED
    return False


def refused_by_proxy(error: AiotaskError) -> bool:
    """Whether a forward proxy does not let requests through, which waiting seldom mends.

    It answers 407 in the service's place where the way to the service is plain http.
    """
    match error:
        case ConnectionFailedError(proxy_status=int(status)):
            return status in _REFUSAL and status not in _PASSING
        case StatusError(status=status):
            return status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED
    return False


def retry_after(headers: CIMultiDict[str], now: Callable[[], datetime]) -> float | None:
    """Return the seconds that an answer asks to wait, or None if it does not ask clearly.

    By RFC 9110, section 10.2.3, it is whole seconds or a date. A date is compared with the
    answer's own ``Date``, so that neither side's clock matters, or with *now* if there is none.
    The longest of several values counts.
    """
    waits = (
        _asked(value.strip(" \t"), headers, now) for value in headers.getall("Retry-After", ())
    )
    return max((wait for wait in waits if wait is not None), default=None)


def _asked(value: str, headers: CIMultiDict[str], now: Callable[[], datetime]) -> float | None:
    if value.isascii() and value.isdigit():
        return float(value)
    until = _date(value)
    if until is None:
        return None
    since = _date(headers.get("Date", "")) or now()
    return max(0.0, (until - since).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # OverflowError: a number too large for a date
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _failure(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _not_negative(_: object, attribute: "attrs.Attribute[float]", value: float) -> None:
    if not value >= 0:
        raise ValueError(f"{attribute.name} must be a number of seconds from 0, not {value!r}")


def _at_least_one(_: object, attribute: "attrs.Attribute[int]", value: int) -> None:
    if value < 1:
        raise ValueError(f"{attribute.name} must be at least 1, not {value!r}")


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """Policy by which failed calls are repeated; one policy serves any number of clients.

    Refusals (429) and failures to connect are repeated for every verb, but not those that no wait
    mends: of TLS, and of a proxy that answers with a 4xx. Failures after which the service may have
    acted are repeated for reads, updates and deletes, never for a create.

    Waits are exponential backoff with full jitter: a random number of seconds from 0 to ``base *
    2 ** n``, or ``throttled_base * 2 ** n`` after a 429, and never above ``cap``. A
    ``Retry-After`` is obeyed, with up to a tenth added. No wait exceeds ``longest_wait``: if the
    service asks for more, or if the wait would end more than ``deadline`` seconds after the call
    began, the error is raised at once. ``attempts`` includes the first one. ``sleep``, ``clock``
    (monotonic, in seconds) and ``jitter`` (0 to 1) can be replaced in tests, each without the
    others: a ``sleep`` that has returned counts as waited, whatever the ``clock`` says.
    """

    attempts: int = attrs.field(default=5, validator=_at_least_one)
    """Largest number of attempts of one call, with the first; 5 by default."""
    base: float = attrs.field(default=0.25, validator=_not_negative)
    """Seconds that the first wait is at the most, and each later one twice as long; 0.25 by
    default.
    """
    throttled_base: float = attrs.field(default=1.0, validator=_not_negative)
    """The same after a 429; 1 by default."""
    cap: float = attrs.field(default=20.0, validator=_not_negative)
    """Longest wait in seconds, unless a Retry-After asks for more; 20 by default."""
    longest_wait: float = attrs.field(default=120.0, validator=_not_negative)
    """Longest wait in seconds that a Retry-After may ask for; 120 by default."""
    deadline: float = attrs.field(default=150.0, validator=_not_negative)
    """Seconds after which no attempt of a call begins; 150 by default."""
    sleep: Callable[[float], Awaitable[None]] = attrs.field(default=asyncio.sleep, repr=False)
    """How to wait so many seconds."""
    clock: Callable[[], float] = attrs.field(default=time.monotonic, repr=False)
    """Monotonic time, in seconds."""
    jitter: Callable[[], float] = attrs.field(default=random.random, repr=False)
    """Random number from 0 to 1."""

    def steady(self) -> "RetryPolicy":
        """Return this policy with a clock that its sleep moves, for one client."""
        if self.sleep is asyncio.sleep and self.clock is time.monotonic:
            return self
        clock = SleptClock(self.clock, self.sleep)
        return attrs.evolve(self, clock=clock, sleep=clock.sleep)

    def repeats(self, error: BaseException | None, *, idempotent: bool) -> bool:
        """Whether a call that failed with *error* is repeated."""
        match error:
            case AnswerError(retry_after=float(wait)) if wait > self.longest_wait:
                return False
            case ConnectionFailedError():
                return not (isinstance(error, TLSError | WithheldError) or refused_by_proxy(error))
            case RateLimitError() | StatusError(status=421):
                # Neither was carried out: 429 by Twilio's error 20429, 421 by RFC 9110, 15.5.20.
                return True
            case (
                TransportError()
                | ServerError()
                | IncompleteAnswerError()
                | NotJsonError()
                | ProtocolError(status=0)  # the answer was not HTTP
            ):
                return idempotent
            case StatusError(status=status):
                return idempotent and status in _UNDECIDED
        return False

    def wait(self, error: BaseException | None, attempt: int) -> float:
        """Return the seconds to wait after *error* in the *attempt*-th attempt (from 1)."""
        match error:
            case AnswerError(retry_after=float(asked)):
                return min(asked * (1 + self.jitter() / 10), self.longest_wait)
            case RateLimitError():
                base = self.throttled_base
            case _:
                base = self.base
        # Beyond 2 ** 32 every base is above every cap; the exponent must not overflow a float.
        ceiling = min(base * 2.0 ** min(attempt - 1, 32), self.cap, self.longest_wait)
        return ceiling * self.jitter()

    def conflicts(self) -> AsyncRetrying:
        """Return a tenacity controller for a change that has met with one conflict (412)."""
        return AsyncRetrying(
            sleep=self.sleep,
            retry=retry_if_exception_type(PreconditionFailedError),
            stop=stop_after_attempt(_MOST_CONFLICTS - 1),
            wait=lambda state: self.wait(None, state.attempt_number),
            reraise=True,
        )

    def controller(
        self,
        *,
        idempotent: bool,
        started: float,
        before_sleep: Callable[[RetryCallState], None],
    ) -> AsyncRetrying:
        """Return a tenacity controller for one call that began at *started* by this clock.

        tenacity keeps the state of a call in its controller, so controllers are not shared.
        """

        def stop(state: RetryCallState) -> bool:
            too_late = self.clock() - started + state.upcoming_sleep > self.deadline
            return too_late or state.attempt_number >= self.attempts

        return AsyncRetrying(
            sleep=self.sleep,
            retry=lambda state: self.repeats(_failure(state), idempotent=idempotent),
            wait=lambda state: self.wait(_failure(state), state.attempt_number),
            stop=stop,
            before_sleep=before_sleep,
            reraise=True,
        )
