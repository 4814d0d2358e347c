"""Resolver of rows in doubt: a row whose answer was lost is looked for, never sent again unseen.

A row waits for *settle* seconds, after which its request has been carried out or never will be.
Absence then counts only if lists and the events of creation agree on it, and show a sentinel, a
resource that was created after that: a look that shows an older state than now proves nothing.
Lists alone are not enough: tasks that ended are taken off them, and tasks whose attributes were
replaced have lost their key. Events tell of both.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Mapping

from aiotask._retry import RetryPolicy, refused_by_proxy
from aiotask.bulk.item import Item
from aiotask.bulk.lease import Lease
from aiotask.bulk.looks import Looks, View
from aiotask.bulk.lookup import Lookup, newest_date
from aiotask.bulk.pause import Pause, Trouble
from aiotask.bulk.sentinels import Sentinels
from aiotask.bulk.service_clock import ServiceClock
from aiotask.bulk.settings import Settings
from aiotask.bulk.verdicts import FATAL, Absent, Exists, Undecided, Verdict
from aiotask.bulk.watch import Watch
from aiotask.errors import (
    AiotaskError,
    BadRequestError,
    StatusError,
)

# A look by keys is one request for 100 rows (about 4 kB of URL), of which the service answers
# three a second. For more than 300 rows, going through pages of 1,000 is quicker.
_BATCH = 100
_MOST_BY_KEY = 300
# The service takes a task off its lists 300 s after its end
# (https://www.twilio.com/docs/taskrouter/lifecycle-task-state). Without events, lists are believed
# well before that.
_LISTED_FOR = 240.0  # seconds
_AFTER_FAILURE = 30.0  # seconds until the next look
# Looks that have to agree before a row is taken for absent without a sentinel; and before a row
# that the service has accepted, and does not show, is given up.
_LOOKS = 3
_LOOKS_FOR_ACCEPTED = 6

# Rows in doubt cost some 4 kB each. Beyond so many, nothing new is sent but a row now and then that
# can be the sentinel for all of them.
_MOST_IN_DOUBT = 5000
_WHY = "rows in doubt wait, because they cannot be looked for"
_SETTLED: Mapping[type, str] = {
    Exists: "found",
    Absent: "not there, sent again",
    Undecided: "given up",
}
_TOO_LONG = frozenset({413, 414, 431})


class Resolver:
    """Looks for the rows in doubt of one run.

    *is_quiet* tells whether the run sends nothing until doubts are settled. Then no sentinel will
    come, and one row at a time is taken for absent after three looks, each a settle time apart,
    that saw nothing of it. Sending it again makes the sentinel for the others. *is_down* tells
    whether creates fail: then a row is not given up, however long it waits.
    """

    def __init__(
        self,
        lookup: Lookup,
        settings: Settings,
        service: ServiceClock,
        retry: RetryPolicy,
        is_quiet: Callable[[], bool],
        is_down: Callable[[], bool],
    ) -> None:
        self.items: dict[int, Item] = {}
        self.sentinels: Sentinels = Sentinels(settings.settle)
        self.looks: Looks = Looks(lookup, settings, service, self.sentinels)
        self.pause: Pause = Pause(_WHY, retry.clock, self._waiting, is_down)
        self.watch: Watch | None = None
        self._lookup = lookup
        self._settle = settings.settle
        self._stall_timeout = max(settings.stall_timeout, 10 * settings.settle)
        self._service = service
        self._is_quiet = is_quiet
        self._is_down = is_down
        self._clock = retry.clock
        self._sleep = retry.sleep
        self._attempts = retry.attempts
        self._added = asyncio.Event()
        self._reached: list[Verdict] = []
        self._batch = _BATCH
        self._failing_since = math.inf
        self._refusals = 0

    @property
    def is_full(self) -> bool:
        """Whether nothing new is to be sent until rows are settled."""
        return len(self.items) >= _MOST_IN_DOUBT

    @property
    def is_failing(self) -> bool:
        """Whether the last look failed."""
        return self._failing_since < math.inf

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
        # The first look allows for the creation of a sentinel, after all requests are settled.
        item.failed_at, item.due = failed_at, failed_at + 9 * self._settle / 8
        self.items[item.number] = item
        self._added.set()
        if self.watch is not None:
            self.watch.doubt(item.number, item.source_line, error)

    def _waiting(self) -> str:
        return f"{len(self.items):,} rows are in doubt"

    def drop(self) -> list[Verdict]:
        """Return the verdicts reached so far, and an undecided one for each row still in doubt."""
        verdicts = self._taken() + [Undecided(item) for item in self.items.values()]
        self.items.clear()
        return verdicts

    def too_recent(self, now: float) -> bool:
        """Whether a resource created now would be no sentinel for some row in doubt."""
        return any(now < item.failed_at + self._settle for item in self.items.values())

    async def verdicts(self) -> AsyncGenerator[list[Verdict], None]:
        """Yield the verdicts of each look; an empty list tells that time has passed.

        The generator raises an error that concerns every row, and never ends otherwise.
        """
        try:
            while True:
                if not self.items:
                    self._added.clear()
                    await self._added.wait()
                now = self._clock()
                if due := [item for item in self.items.values() if item.due <= now]:
                    await self._look(due)
                else:
                    moments = [item.due for item in self.items.values()]
                    settled = (item.failed_at + self._settle for item in self.items.values())
                    moments += [moment for moment in settled if moment > now]
                    await self._sleep(min(min(moments) - now, self._settle / 4))
                    self.pause.tell()
                yield self._taken()
        finally:
            self.pause.close()

    def _taken(self) -> list[Verdict]:
        reached, self._reached = self._reached, []
        return reached

    def forget(self, lease: Lease) -> None:
        """Look no more for the rows of a window that another worker has now."""
        theirs = [item for item in self.items.values() if item.lease is lease]
        for item in theirs:
            del self.items[item.number]

    def _reach(self, verdict: Verdict) -> None:
        # While a look was under way, another worker may have had the row, and given it back.
        if self._is_in_doubt(verdict.item):
            del self.items[verdict.item.number]
            self._reached.append(verdict)
            if self.watch is not None:
                self.watch.settle(verdict.item.number, _SETTLED[type(verdict)])

    def _is_in_doubt(self, item: Item) -> bool:
        return self.items.get(item.number) is item

    async def _look(self, due: list[Item]) -> None:
        """Look for the rows that are due, or for the first of them."""
        try:
            if len(due) <= _MOST_BY_KEY and self._batch:
                await self._look_by_keys(due[: self._batch])
            else:
                await self._judge(due, await self.looks.through_lists(due))
        except FATAL:
            raise
        except AiotaskError as error:
            now = self._clock()
            since = self._failing_since = min(self._failing_since, now)
            self._refusals += refused_by_proxy(error)
            if now - since > self._stall_timeout or self._refusals >= self._attempts:
                raise
            for item in due:
                item.due = now + min(self._settle, _AFTER_FAILURE)
                item.error = item.error or error
            self.pause.begin(since, Trouble(error, since + self._stall_timeout))
        else:
            self._failing_since = math.inf
            self._refusals = 0
            self.pause.end()

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
            await self._judge(batch, self.looks.view(found))

    async def _judge(self, due: list[Item], listed: View) -> None:
        """Reach verdicts on rows after a look at lists."""
        left = self._found(due, listed)
        for item in left:
            sent_at = item.sent_at or self._service.job_began()
            if item.from_earlier_run and self._service.is_out_of_reach(sent_at):
                self._reach(Undecided(item))
        left = [item for item in left if self._is_in_doubt(item)]
        if not left:
            return
        events = await self.looks.through_events(left)
        left = self._believed(left) if events is None else self._found(left, events)
        alone = [item for item in left if not self._is_proven(item, listed, events)]
        if alone and self._is_quiet():
            await self._judge_alone(alone, listed, events)
        self._postpone(left)

    def _found(self, items: list[Item], view: View) -> list[Item]:
        """Settle rows that a look shows, and return the others."""
        left: list[Item] = []
        for item in items:
            if (found := view.found.of(item)) is not None:
                self._reach(Exists(item, found.sid))
            else:
                left.append(item)
        return left

    def _believed(self, items: list[Item]) -> list[Item]:
        """Return the rows that lists show even if their task has ended; give up the others."""
        now = self._clock()
        time = self._service.latest(now)
        left: list[Item] = []
        for item in items:
            ages = [now - item.failed_at]
            sent_at = self._service.job_began() if item.sent_at is None else item.sent_at
            ages += [time - sent_at] if time is not None and sent_at is not None else []
            if not item.from_earlier_run and max(ages) < _LISTED_FOR:
                left.append(item)
            else:
                self._reach(Undecided(item))
        return left

    def _is_proven(self, item: Item, listed: View, events: View | None) -> bool:
        """Settle a row whose absence looks prove by a sentinel that came after it."""
        settled_at = item.failed_at + self._settle
        proven = (listed if events is None else events).sentinel >= settled_at
        if proven and listed.sentinel < settled_at:
            # Events prove it, and lists do not: they lag, or the sentinels there have lost their
            # keys. Only several looks make up for the difference.
            item.looks += 1
            proven = item.looks >= _LOOKS
        if proven:
            self._not_there(item)
        return proven

    async def _judge_alone(self, alone: list[Item], listed: View, events: View | None) -> None:
        """Settle rows for which no sentinel can come, as far as that is possible."""
        newest = self.sentinels.newest
        shown = (listed if events is None else events).sentinel
        if newest is not None and shown < newest.started_at:
            return  # the look is older than what is known to exist
        for item in await self._without_sentinel(alone, events):
            self._not_there(item)

    async def _without_sentinel(self, items: list[Item], events: View | None) -> list[Item]:
        """Return those of *items* that may be taken for absent all the same."""
        listed = await newest_date(self._lookup)
        latest = listed if events is None else min(listed, events.newest)
        covered = [
            item
            for item in items
            if (settled_at := self._service.latest(item.failed_at + self._settle)) is not None
            # Dates are in whole seconds.
            and latest > settled_at + 1
        ]
        if covered:
            return covered
        for item in items:
            item.looks += 1
        first = min(items, key=lambda item: item.number)
        return [first] if first.looks >= _LOOKS else []

    def _not_there(self, item: Item) -> None:
        if not item.accepted:
            self._reach(Absent(item))
            return
        # A 201 said that it was created: not found, it must not be created again.
        item.looks += 1
        item.due = self._clock() + self._settle
        if item.looks >= _LOOKS_FOR_ACCEPTED:
            self._reach(Undecided(item))

    def _postpone(self, items: list[Item]) -> None:
        """Look again later for rows without a verdict, or give up those that waited too long."""
        now = self._clock()
        # A row that is sent again now is a sentinel for the others soon.
        wait = self._settle if self._is_quiet() else self._settle / 4
        for item in items:
            if not self._is_in_doubt(item):
                continue
            if now - item.failed_at > self._stall_timeout and not self._is_down():
                self._reach(Undecided(item))
            else:
                item.due = max(item.due, now + wait)
