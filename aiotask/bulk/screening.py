"""Screening of claimed rows: those that exist already are settled, and only the others are sent.

Rows of a new job need none. A journal that is resumed may be older than the truth (a backup, a
copy, a file without its log): rows that look untouched in it may have been sent. And keys may name
a task for ever, whichever job created it.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TypeVar

from aiotask._retry import RetryPolicy, refused_by_proxy
from aiotask.bulk.census import Census
from aiotask.bulk.item import Item
from aiotask.bulk.journal.writer import JournalWriter
from aiotask.bulk.lookup import Lookup, Matches, newest_date
from aiotask.bulk.pause import Pause, Trouble
from aiotask.bulk.service_clock import ServiceClock
from aiotask.bulk.settings import Settings
from aiotask.bulk.verdicts import FATAL
from aiotask.errors import (
    AiotaskError,
    BadRequestError,
    JournalDamagedError,
    NotFoundError,
    PermissionDeniedError,
)

T = TypeVar("T")

_log = logging.getLogger("aiotask")

_BATCH = 100  # keys in one request, as the resolver asks for them
_LOOKS = 3  # a settle apart, where nothing proves how recent a look is
_MARGIN = 900.0  # seconds before the begin of the job, from which on events are read
_AFTER_FAILURE = 30.0  # seconds
_LONG = 30.0  # seconds that a census may take before the run tells of it


class Screening:
    """Screens the rows of one run; *created* and *existing* settle those that exist.

    The pause of *sending* goes before the one of the screening. ``opened_at`` is the moment at
    which the run got the journal: an earlier owner sends nothing after it.
    """

    def __init__(
        self,
        lookup: Lookup,
        settings: Settings,
        writer: JournalWriter,
        service: ServiceClock,
        retry: RetryPolicy,
        created: Callable[[Item, str], None],
        existing: Callable[[Item, str], None],
        sending: Pause,
    ) -> None:
        self.opened_at: float = 0.0
        self._lookup = lookup
        self._settings = settings
        self._writer = writer
        self._service = service
        self._clock = retry.clock
        self._sleep = retry.sleep
        self._attempts = retry.attempts
        self._created = created
        self._existing = existing
        self._pause = sending.inner("the run pauses, because its rows are looked for first")
        self._for_ever = settings.keys.scope == "workspace" and not settings.screened
        self._census: Census | None = None
        # The rows that an earlier run left unsent, and the first ones that are claimed.
        self._to_check = 2

    async def __call__(self, items: list[Item]) -> list[Item]:
        """Return the rows that are to be sent."""
        if self._to_check and items:
            self._to_check -= 1
            await self._check(items)
        if self._census is not None:
            items = [item for item in items if not self._is_counted(item, self._census)]
        if self._for_ever:
            items = await self._unlisted(items)
        self._pause.end()
        return items

    def close(self) -> None:
        """Drop what was collected, and tell nothing more."""
        self._pause.close()
        if self._census is not None:
            self._census.close()

    async def _check(self, items: list[Item]) -> None:
        """Take a census if the journal cannot be believed, or keys name tasks for ever."""
        writer = self._writer
        if self._settings.look_first and writer.suspicion is None:
            writer.suspicion = "it was to be looked first"
        elif (
            writer.resumes
            and writer.suspicion is None
            and await self._patiently(lambda: self._is_any_there(items[:_BATCH]))
        ):
            writer.suspicion = "rows that it calls untouched exist"
        writer.believed = writer.suspicion is None and not self._to_check
        if self._census is None and (writer.suspicion is not None or self._for_ever):
            await self._take_census()

    async def _is_any_there(self, items: list[Item]) -> bool:
        """Whether any of some rows exists that the journal calls untouched, or has existed."""
        found = await self._by_keys(items, self._writer.job)
        if found is not None and any(map(found.of, items)):
            return True
        # Another run of this job, if any, sent them after the last claim that the journal knows.
        last = self._writer.last_sent or self._service.job_started_at
        since = self._service.since(None if last is None else last - _MARGIN)
        with suppress(NotFoundError, PermissionDeniedError):  # no events for this account
            async for told in self._lookup.created_since(since):
                matches = Matches(self._writer.job)
                matches.add(told)
                if any(map(matches.of, items)):
                    return True
        return False

    async def _take_census(self) -> None:
        writer = self._writer
        self._pause.begin(self._clock(), Trouble(), first_line_after=_LONG)
        job = None if self._for_ever else writer.job
        since = self._service.since(None)
        if writer.suspicion is not None:
            where = self._settings.journal
            _log.warning(
                "the journal %s may say less than the truth (%s): its rows are looked for first",
                where,
                writer.suspicion,
            )
            if self._service.is_out_of_reach(self._service.job_started_at):
                raise JournalDamagedError(
                    f"cannot be believed ({writer.suspicion}), and its job began longer ago than "
                    "the service's events go back",
                    str(where),
                )
            await self._wait_until_settled()
            if not self._for_ever and (began := self._service.job_started_at) is not None:
                since = self._service.since(began - _MARGIN)
        self._census = await self._patiently(lambda: self._counted(job, since))

    async def _counted(self, job: str | None, since: datetime) -> Census:
        census = Census(str(self._settings.journal), job)
        try:
            await census.take(self._lookup, since)
        except BaseException:
            census.close()
            raise
        return census

    async def _wait_until_settled(self) -> None:
        """Wait until requests of an earlier owner are carried out, and lists show that."""
        settle = self._settings.settle
        settled_at = self.opened_at + settle
        await self._wait(max(settled_at + settle / 8 - self._clock(), 0.0))
        for _ in range(_LOOKS - 1):
            newest = await self._patiently(lambda: newest_date(self._lookup))
            if (known := self._service.latest(settled_at)) is not None and newest > known + 1:
                return
            await self._wait(settle)

    def _is_counted(self, item: Item, census: Census) -> bool:
        if (sid := census.sid_of(item)) is None:
            return False
        (self._existing if self._for_ever else self._created)(item, sid)
        return True

    async def _unlisted(self, items: list[Item]) -> list[Item]:
        """Return the rows whose keys name nothing that lists show now."""
        left: list[Item] = []
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            found = await self._patiently(partial(self._by_keys, batch, None))
            for item in batch:
                if found is not None and (known := found.of(item)) is not None:
                    self._existing(item, known.sid)
                else:
                    left.append(item)
        return left

    async def _by_keys(self, items: list[Item], job: str | None) -> Matches | None:
        """Return what lists show of rows; None where the service takes no such expression."""
        matches = Matches(job)
        try:
            matches.add(await self._lookup.by_keys([item.key for item in items if item.key]))
        except BadRequestError:
            if job is None:
                raise
            return None
        return matches

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until there is an answer: nothing is sent before. The last error ends the run."""
        began, refusals = self._clock(), 0
        ends_at = began + self._settings.stall_timeout
        while True:
            try:
                answer = await ask()
            except FATAL:
                raise
            except AiotaskError as error:
                refusals += refused_by_proxy(error)
                if self._clock() > ends_at or refusals >= self._attempts:
                    raise
                self._pause.begin(began, Trouble(error, ends_at))
                await self._wait(min(self._settings.settle, _AFTER_FAILURE))
            else:
                self._pause.trouble = Trouble()
                return answer

    async def _wait(self, seconds: float) -> None:
        await self._sleep(seconds)
        self._pause.tell()
