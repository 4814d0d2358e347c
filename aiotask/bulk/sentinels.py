"""What is there for certain: a look that shows none of it may be of an older state than now."""

import math
from collections import deque
from collections.abc import Container, Iterable

_KEPT = 8


class Sentinels:
    """Resources of this run by their keys and when they were begun: some, and the newest.

    They are kept about an eighth of *settle* (seconds) apart.
    """

    def __init__(self, settle: float) -> None:
        self.newest: tuple[float, str] | None = None
        self._apart = settle / _KEPT
        self._some: deque[tuple[float, str]] = deque(maxlen=_KEPT)

    def note(self, key: str, began: float) -> None:
        """Note a resource that is there, whose create began then."""
        if not self._some or began >= self._some[-1][0] + self._apart:
            self._some.append((began, key))
        if self.newest is None or began >= self.newest[0]:
            self.newest = began, key

    def forget(self, gone: Container[str | None]) -> None:
        """Take it that somebody has deleted those."""
        self._some = deque((each for each in self._some if each[1] not in gone), _KEPT)
        if self.newest is not None and self.newest[1] in gone:
            self.newest = self._some[-1] if self._some else None

    @property
    def keys(self) -> list[str]:
        """The keys to look for."""
        return [key for _, key in self._known()]

    @property
    def oldest(self) -> float:
        """When the first of them was begun; infinite without any."""
        return min((began for began, _ in self._known()), default=math.inf)

    def latest_in(self, there: Container[str]) -> float:
        """Return when the latest of them was begun that a look found."""
        return max((began for began, key in self._known() if key in there), default=-math.inf)

    def newest_in(self, there: Container[str]) -> bool:
        """Whether a look found the newest of them, if there is any."""
        return self.newest is None or self.newest[1] in there

    def _known(self) -> Iterable[tuple[float, str]]:
        known = dict.fromkeys(self._some)
        if self.newest is not None:
            known[self.newest] = None
        return known
