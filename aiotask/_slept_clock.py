"""Clock that a sleep moves, also where only one of the two was replaced."""

from collections.abc import Awaitable, Callable

# So much passes in every sleep of more than nothing: what is left of a wait by rounding ends, too.
_LEAST = 1e-6  # seconds


class SleptClock:
    """A clock, and a sleep that has passed on it when it returns.

    *clock* returns monotonic seconds and *sleep* waits them. What a sleep leaves out, because it
    returned at once or because the clock stands still, is added to this clock: who waits until a
    moment by sleeping has waited then.
    """

    def __init__(
        self, clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._added = 0.0

    def __call__(self) -> float:
        """Return the seconds of now."""
        return self._clock() + self._added

    async def sleep(self, seconds: float) -> None:
        """Sleep, after which at least so many seconds have passed."""
        until = self() + max(seconds, _LEAST) if seconds > 0 else self()
        await self._sleep(seconds)
        self._added += max(until - self(), 0.0)
