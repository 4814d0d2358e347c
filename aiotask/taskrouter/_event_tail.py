"""Tails: events as they come, found by lists that overlap in time."""

import logging
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from datetime import datetime
from math import isfinite
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

from aiotask._paging import Listing
from aiotask._service_time import date_of
from aiotask._session import Session
from aiotask.errors import AiotaskError, StatusError
from aiotask.taskrouter._tail_position import TailPosition

_log = logging.getLogger("aiotask")
_PAGE_SIZE = 1000
# A longer past is read a part at a time, so that no more events than these are held at once.
_MOST_HELD = 5000
# The newest events are looked for in the last minute, by the service's own clock.
_GLANCE = {"minutes": 1, "page_size": _PAGE_SIZE}
# Where that minute has none, events of its second half count as new: clocks of nodes disagree.
_CLOCK_MARGIN = 30
_BAD_PAGE_TOKEN = 21481


class Dated(Protocol):
    """An event, as far as a tail knows it."""

    @property
    @abstractmethod
    def sid(self) -> str:
        """Its name."""

    @property
    @abstractmethod
    def event_date(self) -> datetime | None:
        """Its date, in whole seconds."""

    @property
    @abstractmethod
    def event_date_ms(self) -> int | None:
        """Its date in milliseconds since 1970."""


E = TypeVar("E", bound=Dated)


class _Found(NamedTuple, Generic[E]):
    events: list[tuple[int, E]]
    crowd: tuple[int, int] | None
    """Where there are too many: the first and the last second of those that were read."""


class EventTail(Generic[E]):
    """Events as they come, without end: an async iterator for one consumer.

    Each event is given once, those of one look from the oldest to the newest. An event that the
    service lists late is given when it is listed, if it is at most ``overlap`` seconds older than
    the newest one. While the service cannot be reached, or is overloaded, the tail goes on trying
    and logs warnings; any other error is raised, and the next ``anext`` tries again. A wait that
    is cancelled loses nothing either.
    """

    def __init__(
        self,
        session: Session,
        listing: Callable[[Mapping[str, Any]], Listing[E]],
        filters: Mapping[str, Any],
        position: TailPosition | None,
        overlap: float,
        every: float,
    ) -> None:
        self._session = session
        self._listing = listing
        self._filters = filters
        self._position = position
        self._overlap = overlap
        self._every = every
        self._due: float | None = None
        self._failures = 0
        self._found: deque[tuple[int, E]] = deque()
        # While a long past is read, in seconds: up to where it is read, the length of the next
        # part, the end of the part in hand, and up to where events are known to be listed.
        self._read_to: int | None = None
        self._span = 0
        self._until: int | None = None
        self._listed_to = 0

    @property
    def cursor(self) -> str | None:
        """The place after the last event that was given, as text; None before the first look.

        ``tail(cursor=…)`` goes on from there, in another process and after any time, without a gap
        or a double. It has about eleven characters for each event of the last ``overlap`` seconds.
        """
        return None if self._position is None else self._position.text()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> E:
        while self._position is None:
            await self._wait()
            self._position = await self._tried(self._begin)
        position = self._position
        while not self._found:
            await self._look(position)
        moment, event = self._found.popleft()
        position.add(event.sid, moment)
        return event

    async def _wait(self) -> None:
        if self._due is not None:
            await self._session.retry.sleep(max(self._due - self._session.retry.clock(), 0.0))

    async def _tried(self, attempt: Callable[[], Any]) -> Any:
        """Return what an attempt finds, or None where it has to be made again."""
        self._due = self._session.retry.clock() + self._every
        try:
            found = await attempt()
        except AiotaskError as error:
            gone = isinstance(error, StatusError) and error.code == _BAD_PAGE_TOKEN
            if not (gone or self._session.retry.repeats(error, idempotent=True)):
                raise
            self._failures += 1
            if self._failures & (self._failures - 1) == 0:  # the first, second, fourth, eighth …
                _log.warning(
                    "events cannot be listed at present, and are asked for again: %s", error
                )
            return None
        self._failures = 0
        return found

    async def _begin(self) -> TailPosition:
        """Return the present: after the newest event, or now by the service's clock."""
        newest: int | None = None
        there: set[str] = set()
        async for event in self._listing({**self._filters, **_GLANCE}):
            moment = _moment(event)
            if moment is None:
                continue
            if newest is None or moment // 1000 > newest // 1000:
                there.clear()
            newest = moment if newest is None else max(newest, moment)
            if moment // 1000 == newest // 1000:
                there.add(event.sid)
        if newest is None:
            since = int(self._now()) - _CLOCK_MARGIN
            return TailPosition(self._overlap, since, 1000 * since)
        position = TailPosition(self._overlap, newest // 1000, newest)
        for sid in there:
            position.add(sid, newest)
        return position

    def _now(self) -> float:
        low = self._session.service_time.low
        return time.time() if low is None else low + self._session.retry.clock()

    async def _look(self, position: TailPosition) -> None:
        """List what is new, or a part of it, once that is due."""
        if self._until is not None:  # its events are all given by now
            position.advance(1000 * self._until)
            self._read_to, self._until = self._until, None
        position.forget()
        await self._wait()
        until = self._end_of_part()
        # One second cannot be divided further.
        whole = until is not None and self._read_to is not None and until - self._read_to == 1
        most = None if whole else _MOST_HELD
        found = await self._tried(lambda: self._listed(position, until, most))
        if found is None:
            return
        if found.crowd is not None:
            self._divide(position, until, *found.crowd)
            self._due = None
        elif until is not None:
            self._found.extend(found.events)
            self._until, self._due = until, None
            if len(found.events) < _MOST_HELD // 4:
                self._span *= 2
        else:
            self._found.extend(found.events)

    def _end_of_part(self) -> int | None:
        """Return the second at which the next part of a long past ends; None is the present."""
        if self._read_to is not None and self._read_to >= self._listed_to:
            self._read_to = None
        return None if self._read_to is None else min(self._read_to + self._span, self._listed_to)

    def _divide(self, position: TailPosition, until: int | None, oldest: int, newest: int) -> None:
        """Take a shorter part, as there are too many events between two seconds."""
        if self._read_to is None:
            self._read_to = max(position.edge, position.newest // 1000) - 1
        if until is None:
            # Nothing is concluded from a second without events unless later ones are listed.
            self._listed_to = max(newest, self._read_to + 1)
        end = oldest if until is None else until
        self._span = max((end - self._read_to) // 2, 1)

    async def _listed(
        self, position: TailPosition, until: int | None, most: int | None
    ) -> _Found[E]:
        filters = {**self._filters, "start_date": date_of(position.edge), "page_size": _PAGE_SIZE}
        if until is not None:
            filters["end_date"] = date_of(until)
        new: list[tuple[int, E]] = []
        async with aclosing(self._listing(filters).pages()) as pages:
            async for page in pages:
                new += _new(page.items, position)
                if most is not None and len(new) > most:
                    moments = [moment // 1000 for moment, _ in new]
                    return _Found([], (min(moments), max(moments)))
        # Those of one moment keep their order, which is the other way round in a list.
        if new and new[0][0] >= new[-1][0]:
            new.reverse()
        new.sort(key=lambda each: each[0])
        return _Found(new, None)


def _new(events: Iterable[E], position: TailPosition) -> list[tuple[int, E]]:
    # What has no date at all counts as the newest there is.
    dated = ((_moment(event), event) for event in events)
    moments = ((position.newest if at is None else at, event) for at, event in dated)
    return [(at, event) for at, event in moments if position.is_new(event.sid, at)]


def _moment(event: Dated) -> int | None:
    if event.event_date_ms is not None:
        return event.event_date_ms
    return None if event.event_date is None else int(1000 * event.event_date.timestamp())


def check_seconds(name: str, value: Any, least: float) -> None:
    """Refuse what is no number of seconds from *least*, with a ValueError."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and least <= value and isfinite(value)):
        raise ValueError(f"{name}: must be a finite number of seconds from {least}, not {value!r}")
