"""Who is let in, and how many: credentials, rate and concurrency, and the headers about them."""

from base64 import b64encode
from collections.abc import Iterable
from random import Random

from multidict import CIMultiDict

from aiotask.sandbox.clock.rate_window import Clock, SlidingWindow
from aiotask.sandbox.model.refusals import Refusal
from aiotask.sandbox.wire.answers import too_many_requests, unauthenticated

_RATE_SECONDS = 1

# CORS as the API description declares it, with the values of recorded answers.
_COMPANIONS = {
    "Content-Type": "application/json",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": (
        "Accept, Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Match, "
        "If-Unmodified-Since, Idempotency-Key"
    ),
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Expose-Headers": "ETag",
}
_UNLIMITED = "unlimited"


class Admission:
    """What every request passes before it is handled.

    The rate is a mean over any one second. The format of the X-Rate-Limit headers is not published:
    here Limit and Remaining are whole numbers per second, and Config is both numbers of the window;
    without a rate they say so in a word.
    """

    def __init__(
        self,
        credentials: Iterable[tuple[str, str]],
        rate: float | None,
        in_flight: int | None,
        clock: Clock,
        random: Random,
    ) -> None:
        self._accepted = {
            b64encode(f"{name}:{secret}".encode()).decode() for name, secret in credentials
        }
        self._window = None if rate is None else SlidingWindow(rate, _RATE_SECONDS, clock)
        self._in_flight = in_flight
        self._random = random
        self._headers = CIMultiDict(_COMPANIONS)
        limit, config = _UNLIMITED, _UNLIMITED
        if self._window is not None:
            limit = str(self._window.limit)
            config = f"{limit};w={self._window.seconds:g}"
        self._headers["X-Rate-Limit-Limit"] = limit
        self._headers["X-Rate-Limit-Config"] = config

    def refuse(self, authorization: str | None, others: int) -> Refusal | None:
        """Return why a request is not let in, while *others* are being handled."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "basic" or token.strip() not in self._accepted:
            return unauthenticated()
        crowded = self._in_flight is not None and others >= self._in_flight
        if crowded or (self._window is not None and not self._window.accept()):
            return too_many_requests()
        return None

    def headers(self, in_flight: int, seconds: float) -> CIMultiDict[str]:
        """Return the headers that every answer has."""
        headers = self._headers.copy()
        left = _UNLIMITED if self._window is None else str(self._window.remaining)
        headers["X-Rate-Limit-Remaining"] = left
        headers["Twilio-Request-Id"] = f"RQ{self._random.getrandbits(128):032x}"
        headers["Twilio-Concurrent-Requests"] = str(in_flight)
        headers["Twilio-Request-Duration"] = f"{seconds:.3f}"
        return headers
