"""What has changed in a workspace since its routing last looked."""

from aiotask.sandbox.clock.scheduler import Owner, Scheduler


class DirtySet:
    """The sids of what has changed, in that order; without an *owner* nobody looks, ever."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.owner: Owner | None = None
        self._scheduler = scheduler
        self._sids: dict[str, None] = {}
        self._rewritten: dict[str, None] = {}

    def add(self, *sids: str) -> None:
        """Note that resources have come, changed, or gone."""
        if self.owner is not None:
            self._sids.update(dict.fromkeys(sids))
            self._scheduler.wake(self.owner)

    def add_rewritten(self, sid: str) -> None:
        """Note that a task has other attributes."""
        self.add(sid)
        if self.owner is not None:
            self._rewritten[sid] = None

    def take_rewritten(self) -> list[str]:
        """Return which tasks have other attributes, and note it no longer."""
        sids = list(self._rewritten)
        self._rewritten.clear()
        return sids

    def take(self) -> list[str]:
        """Return what was noted, and note it no longer."""
        sids = list(self._sids)
        self._sids.clear()
        return sids
