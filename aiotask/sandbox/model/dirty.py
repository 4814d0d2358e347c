"""Dirty set: the resources that changed since routing last looked."""

from aiotask.sandbox.clock.scheduler import Owner, Scheduler


class DirtySet:
    """The sids of changed resources in order; without an *owner* (no routing) always empty."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.owner: Owner | None = None
        self._scheduler = scheduler
        self._sids: dict[str, None] = {}
        self._rewritten: dict[str, None] = {}

    def add(self, *sids: str) -> None:
        """Add new, changed and deleted resources, and wake the owner."""
        if self.owner is not None:
            self._sids.update(dict.fromkeys(sids))
            self._scheduler.wake(self.owner)

    def add_rewritten(self, sid: str) -> None:
        """Add a task whose attributes changed."""
        self.add(sid)
        if self.owner is not None:
            self._rewritten[sid] = None

    def take_rewritten(self) -> list[str]:
        """Return and clear the tasks whose attributes changed."""
        sids = list(self._rewritten)
        self._rewritten.clear()
        return sids

    def take(self) -> list[str]:
        """Return and clear all sids."""
        sids = list(self._sids)
        self._sids.clear()
        return sids
