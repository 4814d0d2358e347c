"""Looks for rows in doubt: what lists and the events of creation show of them."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from aiotask.bulk.item import Item
from aiotask.bulk.lookup import Found, Lookup, Matches
from aiotask.bulk.sentinels import Sentinels
from aiotask.bulk.service_clock import ServiceClock
from aiotask.bulk.settings import Settings
from aiotask.errors import NotFoundError, PermissionDeniedError

# Lists and events are read from so long before the first row was sent: dates are in whole seconds,
# and the nodes of a service do not agree on the time to the second.
_MARGIN = 60.0  # seconds
_NO_EVENTS = NotFoundError, PermissionDeniedError


class View(NamedTuple):
    """One look: the resources that it shows, and how recent the state is that they prove.

    *sentinel* is the start of the latest one by the run's clock, *newest* the latest date.
    """

    found: Matches
    sentinel: float
    newest: float = -math.inf


class Looks:
    """Goes through lists and events, back to the time when rows may have become resources."""

    def __init__(
        self, lookup: Lookup, settings: Settings, service: ServiceClock, sentinels: Sentinels
    ) -> None:
        self.job: str = ""
        self._lookup = lookup
        self._of_job = settings.keys.scope == "job"
        self._service = service
        self._sentinels = sentinels

    async def through_lists(self, items: Sequence[Item]) -> View:
        """Go through the latest resources, back to the time when the first row was sent."""
        wanted = self._wanted(items)
        kept: list[Found] = []
        since = self._service.since(self._earliest(items))
        async for found in self._lookup.newest():
            kept += [each for each in found if each.key in wanted]
            last = found[-1].created if found else None
            if last is not None and last < since:
                break
        return self.view(kept)

    async def through_events(self, items: Sequence[Item]) -> View | None:
        """Go through the events of creation since the first row was sent; None without events."""
        wanted = self._wanted(items)
        kept: list[Found] = []
        latest = -math.inf
        since = self._service.since(self._earliest(items))
        if (newest := self._sentinels.newest) is not None and newest.created is not None:
            since = min(since, newest.created)
        try:
            async for found in self._lookup.created_since(since):
                kept += [each for each in found if each.key in wanted]
                dates = [each.created.timestamp() for each in found if each.created]
                latest = max([latest, *dates])
        except _NO_EVENTS as error:
            for item in items:
                item.error = item.error or error
            return None
        return self.view(kept, latest)

    def view(self, found: Iterable[Found], newest: float = -math.inf) -> View:
        """Return a look that shows some resources."""
        matches = Matches(self.job if self._of_job else None)
        matches.add(found)
        return View(matches, self._sentinels.latest_in(matches), newest)

    def _wanted(self, items: Sequence[Item]) -> set[str | None]:
        return {item.key for item in items} | {*self._sentinels.keys}

    def _earliest(self, items: Sequence[Item]) -> float | None:
        """Return the service's time from which on these rows may have become resources."""
        if not self._of_job and any(item.from_earlier_run for item in items):
            return None  # another job may have made them, long before
        known = [item.sent_at for item in items if item.sent_at is not None]
        if len(known) < len(items):
            if (started_at := self._service.job_began()) is None:
                return None
            known.append(started_at)
        return min(known) - _MARGIN
