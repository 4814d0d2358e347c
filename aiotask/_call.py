"""One call of the API, as it is sent, and sent again."""

from collections.abc import Callable

import attrs
from multidict import CIMultiDict
from yarl import URL

from aiotask._rate_limiter import RateLimiter
from aiotask._verbs import Verb
from aiotask.errors import AiotaskError


@attrs.define(eq=False)
class Call:
    """What is sent; *url* is encoded already, and *lane* is the rate limiter of the operation.

    *may_go* is asked immediately before the first byte, and can forbid it: a WithheldError.
    """

    verb: Verb
    url: URL
    body: bytes | None
    headers: CIMultiDict[str]
    lane: RateLimiter
    may_go: Callable[[], bool] | None = None

    def tell(self, error: AiotaskError, attempts: int, *, maybe_applied: bool) -> None:
        """Write into an error which call it is of."""
        error.method, error.url = self.verb.method, str(self.url.with_query(None))
        error.attempts, error.maybe_applied = attempts, maybe_applied
