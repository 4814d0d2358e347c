"""Rows in doubt: what was sent and not answered is looked for, and never sent again unseen.

A row waits for *settle* seconds, in which whatever was sent for it is carried out or never will
be, and comes to be seen. That it is not there then counts only if the same look finds a control: a
resource that was made after that. So a look that shows an older state than now proves nothing.
"""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol

from aiotask.bulk.item import Item
from aiotask.bulk.sentinels import Sentinels
from aiotask.bulk.settings import Settings
from aiotask.bulk.target import Found, ServiceClock, Target, keep_first
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

_BATCH = 100  # keys in one expression: about 4 kB of URL
_MOST_BY_KEY = 300  # rows; of more, the latest resources are gone through
_MARGIN = 60.0  # seconds that are looked through before a row was sent
_UNKNOWN_CLOCK = 86_400.0  # ... where only the local clock tells when that was
_IN_LIST = 240.0  # seconds; a resource that ends is removed from lists 300 s later
_AGAIN = 30.0  # seconds after a look that failed
_LAST_DATE = 253_402_214_400.0  # seconds since 1970: the last day of the year 9999
_LOOKS = 3
_LAST_LOOKS = 6
_TOO_LONG = frozenset({413, 414, 431})
_NO_EVENTS = (NotFoundError, PermissionDeniedError)

FATAL = (AccessError, NotFoundError, ClientStateError, UnexpectedRedirectError)
"""What no row can be blamed for, and no waiting helps against."""


class Verdicts(Protocol):
    """Who is told what became of rows in doubt."""

    def found(self, item: Item, sid: str) -> None:
        """Take it that the row became this one."""

    def absent(self, item: Item) -> None:
        """Take it that nothing came of the row, for certain."""

    def unresolved(self, item: Item) -> None:
        """Take it that this cannot be found out."""

    def look_again(self) -> None:
        """Take it that time has passed: what waited for that may go on."""


class Resolver:
    """Looks for the rows in doubt of one run, whose keys are in *attribute*.

    *quiet* tells whether the run creates nothing until doubts are settled: then no control can
    come, and one row at a time is taken for absent after three looks, each a settle time apart,
    that saw nothing of it in lists and events. Its own re-sending is the control for the others.
    """

    def __init__(
        self,
        target: Target,
        settings: Settings,
        service: ServiceClock,
        verdicts: Verdicts,
        quiet: Callable[[], bool],
    ) -> None:
        self.items: dict[int, Item] = {}
        self.begun = 0.0
        self._target = target
        self._attribute = settings.keys.attribute or ""
        self._settle = settings.settle
        # What is carried out late is so by then, and a control is what was made after that.
        self._late = settings.settle / 2
        self._patience = max(settings.patience, 10 * settings.settle)
        self._service = service
        self._verdicts = verdicts
        self._quiet = quiet
        self._clock = target.retry.clock
        self._sleep = target.retry.sleep
        self._added = asyncio.Event()
        self._controls = Sentinels(settings.settle)
        self._keys_refused = False
        self._failing_since = math.inf

    def add(
        self, item: Item, error: AiotaskError | None, since: float, *, old: bool = False
    ) -> None:
        """Take a row whose fate is open *since* then; *old* where it may have been for long."""
        item.error, item.old, item.looks = error, old, 0
        item.given_up, item.due = since, since + self._settle
        self.items[item.number] = item
        self._added.set()

    def drop(self) -> list[Item]:
        """Return the rows in doubt, and look for them no more."""
        items = [*self.items.values()]
        self.items.clear()
        return items

    def confirmed(self, key: str | None, began: float) -> None:
        """Note a resource that is there for certain, whose create began then: a control."""
        if key is not None:
            self._controls.note(key, began)

    def young(self, now: float) -> bool:
        """Whether a row is in doubt for which a resource made now would be no control."""
        return any(now < item.given_up + self._late for item in self.items.values())

    async def run(self) -> None:
        """Settle doubts until cancelled; an error is one that concerns every row."""
        while True:
            if not self.items:
                self._added.clear()
                await self._added.wait()
            now = self._clock()
            due = [item for item in self.items.values() if item.due <= now]
            if due:
                await self._look(due)
            else:
                moments = [item.due for item in self.items.values()]
                ripe = [item.given_up + self._late for item in self.items.values()]
                moments += [moment for moment in ripe if moment > now]
                await self._sleep(min(min(moments) - now, self._settle / 4))
            self._verdicts.look_again()

    async def _look(self, due: list[Item]) -> None:
        try:
            if len(due) <= _MOST_BY_KEY and not self._keys_refused:
                await self._look_by_keys(due)
            else:
                await self._look_through(due)
        except FATAL:
            raise
        except AiotaskError as error:
            now = self._clock()
            self._failing_since = min(self._failing_since, now)
            if now - self._failing_since > self._patience:
                raise
            for item in due:
                item.due = now + min(self._settle, _AGAIN)
                item.error = item.error or error
        else:
            self._failing_since = math.inf

    async def _look_by_keys(self, due: list[Item]) -> None:
        """Ask for the rows by their keys, with the controls: each look vouches for itself alone."""
        size, start = _BATCH, 0
        controls = self._controls.keys
        while start < len(due):
            batch = due[start : start + size]
            keys = [item.key for item in batch if item.key is not None]
            try:
                found = await self._target.by_keys(self._attribute, [*keys, *controls])
            except StatusError as error:
                if not isinstance(error, BadRequestError) and error.status not in _TOO_LONG:
                    raise
                if size == 1:
                    self._keys_refused = True
                    await self._look_through(due[start:])
                    return
                size = max(1, size // 4)
            else:
                await self._judge(batch, keep_first({}, found))
                start += size

    async def _look_through(self, due: list[Item]) -> None:
        """Go through the latest resources, back to where the first of these rows was sent."""
        wanted = {item.key for item in due} | {*self._controls.keys}
        there: dict[str, Found] = {}
        since = self._since(due)
        async for found in self._target.newest(self._attribute):
            keep_first(there, [each for each in found if each.key in wanted])
            last = found[-1].created if found else None
            if last is not None and last < since:
                break
        await self._judge(due, there)

    def _since(self, due: Sequence[Item]) -> datetime:
        known = [item.sent for item in due if item.sent is not None]
        first = min(known) - _MARGIN if len(known) == len(due) else self.begun - _UNKNOWN_CLOCK
        return _date(first)

    def _date_of(self, moment: float) -> datetime:
        """Return a date from which on events tell of what was made at a *moment* of this run."""
        known = self._service.at(moment)
        return _date(self.begun - _UNKNOWN_CLOCK if known is None else known - _MARGIN)

    async def _judge(self, due: list[Item], there: dict[str, Found]) -> None:
        seen, now = self._controls.latest_in(there), self._clock()
        absent: list[Item] = []
        alone: list[Item] = []
        for item in due:
            if (found := there.get(item.key or "")) is not None:
                self._found(item, found)
            elif seen < item.given_up + self._late:
                alone.append(item)
            else:
                absent.append(item)
        await self._conclude(absent, control=True)
        if alone and self._quiet():
            await self._judge_alone(alone, there)
        # One that is sent again now is a control for the others soon.
        wait = self._settle if self._quiet() else self._settle / 4
        for item in alone:
            if item.number in self.items:
                item.due = now + wait
                if now - item.given_up > self._patience:
                    self._unresolved(item)

    async def _judge_alone(self, alone: list[Item], there: Mapping[str, Found]) -> None:
        """Settle rows for which no control can come, as far as that is possible."""
        if await self._shows_newest(there):
            await self._conclude(await self._without_control(alone), control=False)
            return
        newest = self._controls.newest
        if newest is None or self._clock() - newest[0] <= _IN_LIST:
            return
        # It has ended, perhaps, and lists forget that: events do not, and have to show it.
        if settled := await self._without_control(alone):
            with suppress(*_NO_EVENTS):
                await self._ask_events(settled, control=False)

    async def _shows_newest(self, there: Mapping[str, Found]) -> bool:
        """Whether a look shows the latest of this run's resources that nobody has deleted."""
        if self._controls.newest_in(there):
            return True
        gone: set[str | None] = set()
        with suppress(*_NO_EVENTS):
            since = self._date_of(self._controls.oldest)
            async for found in self._target.deleted_since(self._attribute, since):
                gone.update(each.key for each in found)
        self._controls.forget(gone)
        return self._controls.newest_in(there)

    async def _without_control(self, items: list[Item]) -> list[Item]:
        """Return those of *items* that may be taken for absent all the same."""
        if (newest := await self._newest_of_all()) is not None:
            covered = [
                item
                for item in items
                if (moment := self._service.at(item.given_up + self._late)) is not None
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
        """Return when the latest resource was made, whoever made it, by the service's clock."""
        async for found in self._target.newest(self._attribute):
            return next((each.created.timestamp() for each in found if each.created), None)
        return None

    async def _conclude(self, absent: list[Item], *, control: bool) -> None:
        """Settle rows that lists do not show; what has ended for long is no longer in those."""
        now = self._clock()
        if listed := [item for item in absent if self._is_listed(item, now)]:
            await self._ask_for_deleted(listed)
        if ended := [item for item in absent if not self._is_listed(item, now)]:
            try:
                await self._ask_events(ended, control=control)
            except _NO_EVENTS as error:
                for item in ended:
                    item.error = error
                    self._unresolved(item)

    async def _ask_for_deleted(self, absent: list[Item]) -> None:
        """Settle rows whose tasks are in lists, unless somebody has deleted them since."""
        there: dict[str, Found] = {}
        wanted = {item.key for item in absent}
        # Without events there is nobody to tell it.
        with suppress(*_NO_EVENTS):
            async for found in self._target.deleted_since(self._attribute, self._since(absent)):
                keep_first(there, [each for each in found if each.key in wanted])
        for item in absent:
            if (deleted := there.get(item.key or "")) is not None:
                self._found(item, deleted)
            else:
                self._absent(item)

    def _is_listed(self, item: Item, now: float) -> bool:
        """Whether what came of a row is still in lists, even if it ended at once."""
        time = self._service.at(now)
        if time is not None and item.sent is not None:
            return time - item.sent < _IN_LIST
        return not item.old and now - item.given_up < _IN_LIST

    async def _ask_events(self, missing: list[Item], *, control: bool) -> None:
        there: dict[str, Found] = {}
        wanted = {item.key for item in missing} | {*self._controls.keys}
        since, least = self._since(missing), -math.inf
        if not control and self._controls.newest is not None:
            least = self._controls.newest[0]
            since = min(since, self._date_of(least))
        async for found in self._target.created_since(self._attribute, since):
            keep_first(there, [each for each in found if each.key in wanted])
        seen = self._controls.latest_in(there)
        for item in missing:
            if (found_one := there.get(item.key or "")) is not None:
                self._found(item, found_one)
            elif seen < (item.given_up + self._late if control else least):
                item.due = self._clock() + self._settle / 4
            else:
                self._absent(item)

    def _found(self, item: Item, found: Found) -> None:
        del self.items[item.number]
        self._verdicts.found(item, found.sid)

    def _absent(self, item: Item) -> None:
        if not item.carried_out:
            del self.items[item.number]
            self._verdicts.absent(item)
            return
        # A 201 said that it was made; if it cannot be found, it must not be made again.
        item.looks += 1
        item.due = self._clock() + self._settle
        if item.looks >= _LAST_LOOKS:
            self._unresolved(item)

    def _unresolved(self, item: Item) -> None:
        del self.items[item.number]
        self._verdicts.unresolved(item)


def _date(moment: float) -> datetime:
    # A service's clock may be anywhere.
    return datetime.fromtimestamp(min(max(moment, 0.0), _LAST_DATE), UTC)
