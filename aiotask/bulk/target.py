"""What a bulk creation needs of a product: how to make one, and to find those that are there."""

import math
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from aiotask._hooks import Hooks
from aiotask._rate_limiter import RateLimiter
from aiotask._retry import RetryPolicy


class Found(NamedTuple):
    """A resource that is there: its key, and when it was made, by the service's clock."""

    key: str | None
    sid: str
    created: datetime | None


def keep_first(there: dict[str, Found], found: Iterable[Found]) -> dict[str, Found]:
    """Keep in *there* the first of those that have one key; the rest is for an audit."""
    for each in found:
        if each.key is not None:
            known = there.get(each.key)
            if known is None or _age(each) < _age(known):
                there[each.key] = each
    return there


def _age(found: Found) -> float:
    return math.inf if found.created is None else found.created.timestamp()


class Target(Protocol):
    """Where a bulk creation makes resources, and looks for them."""

    @property
    @abstractmethod
    def path(self) -> str:
        """The path of the collection, which names it on every host."""

    @property
    @abstractmethod
    def retry(self) -> RetryPolicy:
        """How often a read is repeated; and the clock, and what sleeps."""

    @property
    @abstractmethod
    def lane(self) -> RateLimiter:
        """The pace of creates."""

    @property
    @abstractmethod
    def hooks(self) -> Hooks:
        """What is told that a row is sent again."""

    @abstractmethod
    def check(self) -> None:
        """Raise what keeps anything from being sent from here and now."""

    @abstractmethod
    def body(self, row: Any, mark: Callable[[Any], Any]) -> bytes:
        """Return what is sent for a row whose attributes *mark* has changed.

        A TypeError or ValueError says why the row cannot be sent.
        """

    @abstractmethod
    async def create(self, body: bytes, attribute: str, key: str | None) -> Found:
        """Send it once; the caller has a turn in the lane. Failures are AiotaskErrors.

        One is where the answer shows another *key* in the *attribute*: it is not for this request.
        """

    @abstractmethod
    async def is_there(self, sid: str) -> bool:
        """Whether there is one with this sid."""

    @abstractmethod
    async def by_keys(self, attribute: str, keys: Sequence[str]) -> list[Found]:
        """Return what has one of these keys, as the service's index has it now."""

    @abstractmethod
    def newest(self, attribute: str) -> AsyncIterator[list[Found]]:
        """Yield all there are in portions, those made last first."""

    @abstractmethod
    def of_job(self, job_attribute: str, job: str, attribute: str) -> AsyncIterator[Found]:
        """Yield what carries the name of a job."""

    @abstractmethod
    def created_since(self, attribute: str, since: datetime) -> AsyncIterator[list[Found]]:
        """Yield in portions what was made since then, whether or not it is there still."""

    @abstractmethod
    def deleted_since(self, attribute: str, since: datetime) -> AsyncIterator[list[Found]]:
        """Yield in portions what somebody has deleted since then."""


class ServiceClock:
    """The time by the service's own clock, as far as its answers have told it."""

    def __init__(self) -> None:
        self._known: tuple[float, float] | None = None

    def note(self, created: datetime | None, now: float) -> None:
        """Take the time from a resource that was made just *now*, by the local clock."""
        if created is not None:
            self._known = created.timestamp(), now

    def at(self, now: float) -> float | None:
        """Return the service's time in seconds since 1970, or None where it has told nothing."""
        return None if self._known is None else self._known[0] + now - self._known[1]
