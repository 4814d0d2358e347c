"""Resolver of rows in doubt: a row whose answer was lost is looked for, never sent again unseen.

A row waits for *settle* seconds, after which its request has been carried out or never will be, and
its resource is listed. Absence then counts only if the same look finds a sentinel, a resource that
was created after that: a look that shows an older state than now proves nothing.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from aiotask._retry import RetryPolicy
from aiotask.bulk.item import Item
from aiotask.bulk.lookup import Found, Lookup, keep_first
from aiotask.bulk.sentinels import Sentinels
from aiotask.bulk.service_clock import ServiceClock
from aiotask.bulk.settings import Settings
from aiotask.errors import (
    AccessError,
    AiotaskError,
    BadRequestError,
    ClientStateError,
    NotFoundError,
    PermissionDeniedError,
    StatusError,
    UnexpectedRedirectError,
)

# A look by keys is one request for 100 rows (about 4 kB of URL), of which the service answers
# three a second. For more than 300 rows, going through pages of 1,000 is quicker.
_BATCH = 100
_MOST_BY_KEY = 300

# A look back in time begins so long before the first row was sent: the service's clock is known
# to the second, the machine's own may be wrong by hours.
_MARGIN = 60.0  # seconds
_MARGIN_OF_LOCAL_CLOCK = 86_400.0

# The service takes a task off its lists 300 s after its end
# (https://www.twilio.com/docs/taskrouter/lifecycle-task-state); events are asked well before that.
_LISTED_FOR = 240.0  # seconds

_AFTER_FAILURE = 30.0  # seconds until the next look
_LAST_DATE = 253_402_214_400.0  # seconds since 1970: the last day of the year 9999

# Looks that have to agree before a row is taken for absent without a sentinel; and before a row
# that the service has accepted, and does not show, is given up.
_LOOKS = 3
_LOOKS_FOR_ACCEPTED = 6

_TOO_LONG = frozenset({413, 414, 431})
_NO_EVENTS = (NotFoundError, PermissionDeniedError)

FATAL = (AccessError, NotFoundError, ClientStateError, UnexpectedRedirectError)
"""Errors that concern every row, and that no waiting mends."""


class Exists(NamedTuple):
    """The row became the resource *sid*."""

    item: Item
    sid: str


class Absent(NamedTuple):
    """The row certainly had no effect."""

    item: Item


class Undecided(NamedTuple):
    """The row's effect cannot be found out."""

    item: Item


Verdict = Exists | Absent | Undecided


class Resolver:
    """Looks for the rows in doubt of one run.

    *is_quiet* tells whether the run sends nothing until doubts are settled. Then no sentinel will
    come, and one row at a time is taken for absent after three looks, each a settle time apart,
    that saw nothing of it in lists and events. Sending it again makes the sentinel for the others.
    """

    def __init__(
        self,
        lookup: Lookup,
        settings: Settings,
        service: ServiceClock,
        is_quiet: Callable[[], bool],
        retry: RetryPolicy,
    ) -> None:
        self.items: dict[int, Item] = {}
        self.started_at = 0.0
        self.sentinels = Sentinels(settings.settle)
        self._lookup = lookup
        self._settle = settings.settle
        # A request is carried out before half of the settle time is over, and a sentinel is a
        # resource that was created after that; the other half is for the lists to catch up.
        self._late = settings.settle / 2
        self._stall_timeout = max(settings.stall_timeout, 10 * settings.settle)
        self._service = service
        self._is_quiet = is_quiet
        self._clock = retry.clock
        self._sleep = retry.sleep
        self._added = asyncio.Event()
        self._reached: list[Verdict] = []
        self._batch = _BATCH
        self._failing_since = math.inf

    def add(
        self,
        item: Item,
        error: AiotaskError | None,
        failed_at: float,
        *,
        from_earlier_run: bool = False,
    ) -> None:
        """Take a row that is in doubt since *failed_at*."""
        item.error, item.from_earlier_run, item.looks = error, from_earlier_run, 0
        item.failed_at, item.due = failed_at, failed_at + self._settle
        self.items[item.number] = item
        self._added.set()

    def drop(self) -> list[Verdict]:
        """Return the verdicts reached so far, and an undecided one for each row still in doubt."""
        verdicts = self._taken() + [Undecided(item) for item in self.items.values()]
        self.items.clear()
        return verdicts

    def too_recent(self, now: float) -> bool:
        """Whether a resource created now would be no sentinel for some row in doubt."""
        return any(now < item.failed_at + self._late for item in self.items.values())

    async def verdicts(self) -> AsyncGenerator[list[Verdict], None]:
        """Yield the verdicts of each look; an empty list tells that time has passed.

        The generator raises an error that concerns every row, and never ends otherwise.
        """
        while True:
            if not self.items:
                self._added.clear()
                await self._added.wait()
            now = self._clock()
            if due := [item for item in self.items.values() if item.due <= now]:
                await self._look(due)
            else:
                moments = [item.due for item in self.items.values()]
                ripe = [item.failed_at + self._late for item in self.items.values()]
                moments += [moment for moment in ripe if moment > now]
                await self._sleep(min(min(moments) - now, self._settle / 4))
            yield self._taken()

    def _taken(self) -> list[Verdict]:
        reached, self._reached = self._reached, []
        return reached

    def _reach(self, verdict: Verdict) -> None:
        del self.items[verdict.item.number]
        self._reached.append(verdict)

    async def _look(self, due: list[Item]) -> None:
        """Look for the rows that are due, or for the first of them."""
        try:
            if len(due) <= _MOST_BY_KEY and self._batch:
                await self._look_by_keys(due[: self._batch])
            else:
                await self._look_through(due)
        except FATAL:
            raise
        except AiotaskError as error:
            now = self._clock()
            self._failing_since = min(self._failing_since, now)
            if now - self._failing_since > self._stall_timeout:
                raise
            for item in due:
                item.due = now + min(self._settle, _AFTER_FAILURE)
                item.error = item.error or error
        else:
            self._failing_since = math.inf

    async def _look_by_keys(self, batch: list[Item]) -> None:
        """Ask for rows by their keys, with the sentinels: each look proves its own freshness."""
        keys = [item.key for item in batch if item.key is not None]
        try:
            found = await self._lookup.by_keys([*keys, *self.sentinels.keys])
        except StatusError as error:
            if not isinstance(error, BadRequestError) and error.status not in _TOO_LONG:
                raise
            # The expression is too long for the service or for a proxy, or is refused altogether:
            # then lists are gone through.
            self._batch = 0 if len(batch) == 1 else max(1, len(batch) // 4)
        else:
            await self._judge(batch, keep_first({}, found))

    async def _look_through(self, due: list[Item]) -> None:
        """Go through the latest resources, back to the time when the first row was sent."""
        wanted = {item.key for item in due} | {*self.sentinels.keys}
        there: dict[str, Found] = {}
        since = self._since(due)
        async for found in self._lookup.newest():
            keep_first(there, [each for each in found if each.key in wanted])
            last = found[-1].created if found else None
            if last is not None and last < since:
                break
        await self._judge(due, there)

    def _since(self, due: Sequence[Item]) -> datetime:
        known = [item.sent_at for item in due if item.sent_at is not None]
        if len(known) == len(due):
            return _date(min(known) - _MARGIN)
        return _date(self.started_at - _MARGIN_OF_LOCAL_CLOCK)

    def _date_of(self, moment: float) -> datetime:
        """Return the date from which events tell of what was created at a *moment* of this run."""
        known = self._service.at(moment)
        if known is None:
            return _date(self.started_at - _MARGIN_OF_LOCAL_CLOCK)
        return _date(known - _MARGIN)

    async def _judge(self, due: list[Item], there: dict[str, Found]) -> None:
        seen, now = self.sentinels.latest_in(there), self._clock()
        absent: list[Item] = []
        alone: list[Item] = []
        for item in due:
            if (found := there.get(item.key or "")) is not None:
                self._reach(Exists(item, found.sid))
            elif seen < item.failed_at + self._late:
                alone.append(item)
            else:
                absent.append(item)
        await self._conclude(absent, sentinel=True)
        if alone and self._is_quiet():
            await self._judge_alone(alone, there)
        # A row that is sent again now is a sentinel for the others soon.
        wait = self._settle if self._is_quiet() else self._settle / 4
        for item in alone:
            if item.number in self.items:
                item.due = now + wait
                if now - item.failed_at > self._stall_timeout:
                    self._reach(Undecided(item))

    async def _judge_alone(self, alone: list[Item], there: Mapping[str, Found]) -> None:
        """Settle rows for which no sentinel can come, as far as that is possible."""
        if await self._shows_newest(there):
            await self._conclude(await self._without_sentinel(alone), sentinel=False)
            return
        newest = self.sentinels.newest
        if newest is None or self._clock() - newest[0] <= _LISTED_FOR:
            return
        # It has ended, perhaps, and lists forget that: events do not, and have to show it.
        if settled := await self._without_sentinel(alone):
            with suppress(*_NO_EVENTS):
                await self._ask_events(settled, sentinel=False)

    async def _shows_newest(self, there: Mapping[str, Found]) -> bool:
        """Whether a look shows the latest of this run's resources that still exists."""
        if self.sentinels.newest_in(there):
            return True
        deleted: set[str | None] = set()
        with suppress(*_NO_EVENTS):
            since = self._date_of(self.sentinels.oldest)
            async for found in self._lookup.deleted_since(since):
                deleted.update(each.key for each in found)
        self.sentinels.forget(deleted)
        return self.sentinels.newest_in(there)

    async def _without_sentinel(self, items: list[Item]) -> list[Item]:
        """Return those of *items* that may be taken for absent all the same."""
        if (newest := await self._newest_of_all()) is not None:
            covered = [
                item
                for item in items
                if (moment := self._service.at(item.failed_at + self._late)) is not None
                # The service's dates are in whole seconds.
                and newest > moment + 1
            ]
            if covered:
                return covered
        for item in items:
            item.looks += 1
        first = min(items, key=lambda item: item.number)
        return [first] if first.looks >= _LOOKS else []

    async def _newest_of_all(self) -> float | None:
        """Return the creation of the latest resource, anybody's, by the service's clock."""
        async for found in self._lookup.newest():
            return next((each.created.timestamp() for each in found if each.created), None)
        return None

    async def _conclude(self, absent: list[Item], *, sentinel: bool) -> None:
        """Settle rows that lists do not show; lists have dropped what ended some time ago."""
        now = self._clock()
        if listed := [item for item in absent if self._is_listed(item, now)]:
            await self._ask_for_deleted(listed)
        if ended := [item for item in absent if not self._is_listed(item, now)]:
            try:
                await self._ask_events(ended, sentinel=sentinel)
            except _NO_EVENTS as error:
                for item in ended:
                    item.error = error
                    self._reach(Undecided(item))

    async def _ask_for_deleted(self, absent: list[Item]) -> None:
        """Settle rows that lists would show, unless their tasks were deleted since."""
        there: dict[str, Found] = {}
        wanted = {item.key for item in absent}
        with suppress(*_NO_EVENTS):
            async for found in self._lookup.deleted_since(self._since(absent)):
                keep_first(there, [each for each in found if each.key in wanted])
        for item in absent:
            if (deleted := there.get(item.key or "")) is not None:
                self._reach(Exists(item, deleted.sid))
            else:
                self._not_there(item)

    def _is_listed(self, item: Item, now: float) -> bool:
        """Whether lists still show a row's resource, even if it ended at once."""
        time = self._service.at(now)
        if time is not None and item.sent_at is not None:
            return time - item.sent_at < _LISTED_FOR
        return not item.from_earlier_run and now - item.failed_at < _LISTED_FOR

    async def _ask_events(self, missing: list[Item], *, sentinel: bool) -> None:
        there: dict[str, Found] = {}
        wanted = {item.key for item in missing} | {*self.sentinels.keys}
        since, least = self._since(missing), -math.inf
        if not sentinel and self.sentinels.newest is not None:
            least = self.sentinels.newest[0]
            since = min(since, self._date_of(least))
        async for found in self._lookup.created_since(since):
            keep_first(there, [each for each in found if each.key in wanted])
        seen = self.sentinels.latest_in(there)
        for item in missing:
            if (found_one := there.get(item.key or "")) is not None:
                self._reach(Exists(item, found_one.sid))
            elif seen < (item.failed_at + self._late if sentinel else least):
                item.due = self._clock() + self._settle / 4
            else:
                self._not_there(item)

    def _not_there(self, item: Item) -> None:
        if not item.accepted:
            self._reach(Absent(item))
            return
        # A 201 said that it was created: not found, it must not be created again.
        item.looks += 1
        item.due = self._clock() + self._settle
        if item.looks >= _LOOKS_FOR_ACCEPTED:
            self._reach(Undecided(item))


def _date(moment: float) -> datetime:
    # A service's clock may show any time.
    return datetime.fromtimestamp(min(max(moment, 0.0), _LAST_DATE), UTC)
