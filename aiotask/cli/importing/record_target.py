"""Target whose rows are records: the fields of each are read when its body is made."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any

from aiotask.bulk import Found, Target
from aiotask.cli.importing.records import Record, Records


class RecordTarget:
    """A target whose rows are records; ``waiting`` has the unfinished ones by number.

    ``sent`` has the numbers of those of them that were sent, and ``used`` is True if any was.
    """

    def __init__(self, target: Target, records: Records) -> None:
        self.path = target.path
        self.retry = target.retry
        self.lane = target.lane
        self.hooks = target.hooks
        self.waiting: dict[int, Record] = {}
        self.sent: set[int] = set()
        self.used = False
        self._target = target
        self._records = records
        self._unsent: dict[bytes, int] = {}

    def check(self) -> None:
        """Raise a ClientStateError if the client cannot send now."""
        self._target.check()

    def body(self, row: Record, mark: Callable[[Any], Any]) -> bytes:
        """Return the body for a record; a TypeError or ValueError says why it has none."""
        self.waiting[row.number] = row
        body = self._target.body(self._records.fields(row), mark)
        self._unsent[body] = row.number  # the row's key makes the body unique
        return body

    async def create(self, body: bytes, attribute: str, key: str | None) -> Found:
        """Send one create."""
        self.used = True
        if (number := self._unsent.pop(body, None)) is not None:
            self.sent.add(number)
        return await self._target.create(body, attribute, key)

    def ended(self, row: Record) -> None:
        """Record that a row has its outcome."""
        self.waiting.pop(row.number, None)
        self.sent.discard(row.number)

    async def is_there(self, sid: str) -> bool:
        """Return whether there is a task with this sid."""
        return await self._target.is_there(sid)

    async def by_keys(self, attribute: str, keys: Sequence[str]) -> list[Found]:
        """Return the tasks that have one of these keys."""
        return await self._target.by_keys(attribute, keys)

    def newest(self, attribute: str) -> AsyncIterator[list[Found]]:
        """Yield all tasks in portions, the newest first."""
        return self._target.newest(attribute)

    def of_job(self, job_attribute: str, job: str, attribute: str) -> AsyncIterator[Found]:
        """Yield the tasks of a job."""
        return self._target.of_job(job_attribute, job, attribute)

    def deleted_since(self, attribute: str, since: datetime) -> AsyncIterator[list[Found]]:
        """Yield in portions the tasks that were deleted, from the events."""
        return self._target.deleted_since(attribute, since)

    def created_since(self, attribute: str, since: datetime) -> AsyncIterator[list[Found]]:
        """Yield in portions the tasks that were created, from the events."""
        return self._target.created_since(attribute, since)
