"""The service's clock, as its answers tell it."""

from datetime import datetime


class ServiceClock:
    """Converts moments of the run's clock into the service's time."""

    def __init__(self) -> None:
        self._known: tuple[float, float] | None = None

    def note(self, created: datetime | None, now: float) -> None:
        """Take the time from a resource that was created just *now*, by the run's clock."""
        if created is not None:
            self._known = created.timestamp(), now

    def at(self, now: float) -> float | None:
        """Return the service's time in seconds since 1970, or None where it is not known."""
        return None if self._known is None else self._known[0] + now - self._known[1]
