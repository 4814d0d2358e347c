"""The workspace at a glance: figures by statistics alone, however many tasks and workers it has."""

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime

import attrs

from aiotask.console.history import Figures, History, Minute
from aiotask.console.reading import Reading
from aiotask.taskrouter import ActivityCount, TaskQueueRealTimeStatistics

STATUSES = ("pending", "reserved", "assigned", "wrapping")

MOST_QUEUES = 200
"""Queues whose figures are read: four requests each time."""

_BULK = 50  # queues in one request, by Twilio's page on statistics of queues


@attrs.frozen(kw_only=True)
class QueueLine:
    """A queue with its open tasks by status and its workers; ages are in seconds."""

    sid: str
    name: str
    statuses: dict[str, int]
    longest_age: int
    longest_sid: str | None
    eligible: int
    available: int


@attrs.frozen(kw_only=True)
class Glance:
    """Figures of a workspace, read at *at*, in seconds since 1970 by this machine's clock."""

    at: float
    statuses: dict[str, int]
    longest_age: int
    longest_sid: str | None
    workers: int
    activities: list[tuple[str, int]]
    queues: list[QueueLine]
    queues_left_out: int
    reservations: dict[str, int]
    minutes: list[Minute | None]

    @property
    def unread(self) -> int:
        """Minutes of the last hour that are not read yet."""
        return self.minutes.count(None)


class Glances:
    """Reads the glances of a workspace, one for all who look at the same time."""

    def __init__(self, reading: Reading, *, minutes_at_a_time: int) -> None:
        self._reading = reading
        self._history = History(self._past, at_a_time=minutes_at_a_time)
        self._one = asyncio.Lock()
        self._last: Glance | None = None

    async def current(self, fresh: float) -> Glance:
        """Return a glance that is no older than *fresh* seconds."""
        async with self._one:
            if self._last is None or time.time() - self._last.at > fresh:
                self._last = await self._read()
            return self._last

    async def _read(self) -> Glance:
        reading = self._reading
        at = time.time()
        now = await reading.ask(reading.workspace.real_time_statistics.fetch)
        queues = await reading.queues()
        lines = await self._lines([(each.sid, each.friendly_name or "") for each in queues])
        if self._last is None:
            # Only an answer about the past tells what time it is for the service.
            first = await reading.ask(reading.workspace.cumulative_statistics.fetch)
            reading.now = first.end_time or reading.now
        reading.now = await self._history.update(reading.now)
        activities = now.activity_statistics or []
        return Glance(
            at=at,
            statuses=_statuses(now.tasks_by_status),
            longest_age=now.longest_task_waiting_age or 0,
            longest_sid=now.longest_task_waiting_sid or None,
            workers=now.total_workers or 0,
            activities=[(_name(each), each.workers or 0) for each in activities],
            queues=lines,
            queues_left_out=max(0, len(queues) - MOST_QUEUES),
            reservations=self._history.total(),
            minutes=self._history.minutes,
        )

    async def _lines(self, queues: Sequence[tuple[str, str]]) -> list[QueueLine]:
        names, lines = dict(queues[:MOST_QUEUES]), []
        sids = list(names)
        bulk = self._reading.workspace.task_queues.bulk_real_time_statistics
        for first in range(0, len(sids), _BULK):
            some = sids[first : first + _BULK]
            answer = await self._reading.ask(lambda some=some: bulk.create(queue_sids=some))  # type: ignore[misc]
            lines += [
                _line(names[each.task_queue_sid], each)
                for each in answer.task_queue_data or []
                if each.task_queue_sid in names
            ]
        return lines

    async def _past(self, start: datetime, end: datetime | None) -> Figures:
        statistics = self._reading.workspace.cumulative_statistics
        if end is None:
            return await self._reading.ask(lambda: statistics.fetch(start_date=start))
        return await self._reading.ask(lambda: statistics.fetch(start_date=start, end_date=end))


def _statuses(given: dict[str, int] | None) -> dict[str, int]:
    known = given or {}
    return {name: known.get(name, 0) for name in (*STATUSES, *sorted(known.keys() - {*STATUSES}))}


def _name(activity: ActivityCount) -> str:
    return activity.friendly_name or activity.sid or ""


def _line(name: str, now: TaskQueueRealTimeStatistics) -> QueueLine:
    return QueueLine(
        sid=now.task_queue_sid or "",
        name=name,
        statuses=_statuses(now.tasks_by_status),
        longest_age=now.longest_task_waiting_age or 0,
        longest_sid=now.longest_task_waiting_sid or None,
        eligible=now.total_eligible_workers or 0,
        available=now.total_available_workers or 0,
    )
