"""The last hour of a workspace, minute by minute, in bounded memory."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import attrs

from aiotask.taskrouter import WaitDuration, WorkspaceCumulativeStatistics

MINUTES = 60

_RESERVATIONS = ("created", "accepted", "rejected", "timed_out", "canceled", "rescinded")

Figures = WorkspaceCumulativeStatistics
Read = Callable[[datetime, datetime | None], Awaitable[Figures]]
"""Reads the figures from a moment to another one, or until now."""


@attrs.frozen(kw_only=True)
class Minute:
    """What happened in one minute; waits are in seconds, None where nobody was accepted."""

    began: datetime
    created: int = 0
    accepted: int = 0
    canceled: int = 0
    completed: int = 0
    wait_avg: float | None = None
    wait_max: float | None = None
    reservations: dict[str, int] = attrs.field(factory=dict)

    @classmethod
    def of(cls, began: datetime, figures: Figures) -> "Minute":
        """Return the minute of these figures."""
        accepted = figures.reservations_accepted or 0
        waited = (figures.wait_duration_until_accepted or WaitDuration()) if accepted else None
        return cls(
            began=began,
            created=figures.tasks_created or 0,
            accepted=accepted,
            canceled=figures.tasks_canceled or 0,
            completed=figures.tasks_completed or 0,
            wait_avg=waited.avg if waited else None,
            wait_max=waited.max if waited else None,
            reservations={
                name: getattr(figures, f"reservations_{name}") or 0 for name in _RESERVATIONS
            },
        )


class History:
    """The minutes of the last hour, each read once when it is over, the present one each time.

    By the service's clock, which each answer tells: a sandbox may be hours ahead.
    """

    def __init__(self, read: Read, *, at_a_time: int) -> None:
        self._read = read
        self._at_a_time = at_a_time
        self._over: dict[datetime, Minute] = {}
        self._present: Minute | None = None

    async def update(self, now: datetime) -> datetime:
        """Read what is missing, some minutes at a time, the latest first; return the time."""
        began = _whole(now)
        figures = await self._read(began, None)
        now = figures.end_time or now
        if _whole(now) != began:
            # A minute has ended since, or a sandbox has let time pass.
            began = _whole(now)
            figures = await self._read(began, None)
        self._present = Minute.of(began, figures)
        latest = {began - _MINUTE * n: None for n in range(1, MINUTES)}
        self._over = {each: minute for each, minute in self._over.items() if each in latest}
        missing = [each for each in latest if each not in self._over]
        for each in missing[: self._at_a_time]:
            # Both ends belong to a window, and dates are in whole seconds.
            told = await self._read(each, each + _MINUTE - _SECOND)
            self._over[each] = Minute.of(each, told)
        return now

    @property
    def minutes(self) -> list[Minute | None]:
        """The hour up to now, oldest first; None stands for a minute that is not read yet."""
        if self._present is None:
            return []
        began = self._present.began
        over = [self._over.get(began - _MINUTE * n) for n in range(MINUTES - 1, 0, -1)]
        return [*over, self._present]

    def total(self) -> dict[str, int]:
        """Return the reservations of the hour by what became of them."""
        known = [minute for minute in self.minutes if minute is not None]
        return {name: sum(each.reservations[name] for each in known) for name in _RESERVATIONS}


_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)


def _whole(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(second=0, microsecond=0)
