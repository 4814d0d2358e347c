"""Operations of a bulk run: the effect of one row on the service."""

from abc import abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from aiotask._hooks import Hooks
from aiotask._rate_limiter import RateLimiter
from aiotask._retry import RetryPolicy
from aiotask._service_time import Offsets
from aiotask.bulk.item import Item
from aiotask.bulk.outcomes import Created, Effect
from aiotask.errors import AiotaskError


class Done(NamedTuple):
    """A row's success: the resource's sid, and its creation by the service's clock.

    *effect* is the class of the row's outcome.
    """

    sid: str
    created: datetime | None
    effect: Effect = Created


class Failed(NamedTuple):
    """A row's failure, which concerns no other row, whatever kind of error it is.

    *certain* tells whether the row certainly had no effect.
    """

    error: Exception
    certain: bool = True


class Operation(Protocol):
    """One verb on one collection, applied to a row at a time."""

    @property
    @abstractmethod
    def verb(self) -> str:
        """The verb's name, such as ``tasks.create``; a journal serves one verb."""

    @property
    @abstractmethod
    def path(self) -> str:
        """The collection's path, the same on every host; a journal serves one path."""

    @property
    @abstractmethod
    def idempotent(self) -> bool:
        """Whether a row may be sent again although an earlier attempt may have been carried out.

        Only rows of other operations need a :class:`~aiotask.bulk.lookup.Lookup`.
        """

    @property
    @abstractmethod
    def retry(self) -> RetryPolicy:
        """The retry policy of reads; the run takes its clock and its sleep from here."""

    @property
    @abstractmethod
    def limiter(self) -> RateLimiter:
        """The rate limiter of the operation, shared with all other callers of it."""

    @property
    @abstractmethod
    def service_time(self) -> Offsets:
        """The service's time, as its answers show it."""

    @property
    @abstractmethod
    def hooks(self) -> Hooks:
        """The hooks that are called when a row is sent again."""

    @abstractmethod
    def check(self) -> None:
        """Raise the error that keeps anything from being sent from here and now."""

    @abstractmethod
    def body(self, fields: Any, mark: Callable[[Any], Any]) -> bytes:
        """Return the request body for a row's *fields*; *mark* puts the key into attributes.

        A TypeError or ValueError says why the row cannot be sent.
        """

    @abstractmethod
    async def send(self, item: Item) -> Done | Failed:
        """Send a row once; the caller holds a slot of the limiter.

        Failures that may concern other rows as well, or that may pass, are AiotaskErrors. An answer
        that shows another row's key is one: it belongs to another request.
        """

    @abstractmethod
    def accepted(self, error: AiotaskError) -> bool:
        """Whether a failed answer says all the same that the row was carried out."""
