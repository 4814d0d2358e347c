"""Admission control: credentials, rate and concurrency limits, and the headers about them."""

from base64 import b64encode
from collections.abc import Iterable
from random import Random

from multidict import CIMultiDict

from aiotask.sandbox.clock.rate_window import Clock, SlidingWindow
from aiotask.sandbox.model.refusals import Refusal
from aiotask.sandbox.server.tokens import Tokens
from aiotask.sandbox.wire.answers import too_many_requests, unauthenticated

_RATE_SECONDS = 1

# CORS as Twilio's API description declares it, with the values of recorded answers.
_COMMON_HEADERS = {
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
    """Admits or refuses requests before they are handled; the rate is a mean over any second.

    Undocumented by Twilio; the sandbox: X-Rate-Limit-Limit and -Remaining are whole numbers per
    second, -Config is the limit and the window, and without a rate all three are "unlimited".
    """

    def __init__(
        self,
        credentials: Iterable[tuple[str, str]],
        rate: float | None,
        in_flight: int | None,
        clock: Clock,
        random: Random,
        tokens: Tokens,
    ) -> None:
        self._accepted = {
            b64encode(f"{name}:{secret}".encode()).decode() for name, secret in credentials
        }
        self.tokens = tokens
        self._window = None if rate is None else SlidingWindow(rate, _RATE_SECONDS, clock)
        self._in_flight = in_flight
        self._random = random
        self._headers = CIMultiDict(_COMMON_HEADERS)
        limit, config = _UNLIMITED, _UNLIMITED
        if self._window is not None:
            limit = str(self._window.limit)
            config = f"{limit};w={self._window.seconds:g}"
        self._headers["X-Rate-Limit-Limit"] = limit
        self._headers["X-Rate-Limit-Config"] = config

    def refuse(self, authorization: str | None, others: int) -> Refusal | None:
        """Return the refusal of a request, while *others* are being handled; None admits it."""
        if not self._knows(authorization):
            return unauthenticated()
        return self.refuse_above_limits(others)

    def _knows(self, authorization: str | None) -> bool:
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() == "bearer":
            return self.tokens.accept(token.strip())
        return scheme.lower() == "basic" and token.strip() in self._accepted

    def refuse_above_limits(self, others: int) -> Refusal | None:
        """Return the refusal of a request above the limits, whoever sends it."""
        crowded = self._in_flight is not None and others >= self._in_flight
        if crowded or (self._window is not None and not self._window.accept()):
            return too_many_requests()
        return None

    def headers(self, in_flight: int, seconds: float) -> CIMultiDict[str]:
        """Return the headers of every answer."""
        headers = self._headers.copy()
        left = _UNLIMITED if self._window is None else str(self._window.remaining)
        headers["X-Rate-Limit-Remaining"] = left
        headers["Twilio-Request-Id"] = f"RQ{self._random.getrandbits(128):032x}"
        headers["Twilio-Concurrent-Requests"] = str(in_flight)
        headers["Twilio-Request-Duration"] = f"{seconds:.3f}"
        return headers
