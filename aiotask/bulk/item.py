"""A row on its way through a bulk run."""

from collections.abc import Callable
from typing import Any

import attrs

from aiotask.bulk.lease import Lease
from aiotask.errors import AiotaskError


@attrs.define(eq=False)
class Item:
    """A claimed row: the body that is sent for it, and its progress.

    Times are in seconds: ``failed_at``, since when it is in doubt, and ``due`` by the run's own
    clock, ``sent_at`` by the service's, None before the service has told its time.
    """

    number: int
    row: Any
    key: str | None
    body: bytes
    fingerprint: int | None
    source_line: int | None
    sent_at: float | None = None
    sent: bool = False
    accepted: bool = False
    """A 201 said that the row was carried out, without naming a sid."""
    from_earlier_run: bool = False
    """An earlier run may have sent it."""
    invalid: Exception | None = None
    """The reason why the row cannot be sent as it was: it is only looked for."""
    tries: int = 0
    looks: int = 0
    failed_at: float = 0.0
    due: float = 0.0
    error: AiotaskError | None = None
    lease: Lease | None = None
    """The lease under which alone the row may be sent; None where nobody else can send it."""

    @property
    def may_go(self) -> Callable[[], bool] | None:
        """What forbids the first byte of a row that is another worker's by now."""
        return None if self.lease is None else self.lease.is_good

    @property
    def may_be_done(self) -> bool:
        """Whether the row may have been carried out by an attempt before this one."""
        return self.tries > 0 or self.from_earlier_run
