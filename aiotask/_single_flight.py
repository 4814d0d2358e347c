"""Single flight: concurrent creates of one key share one result."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

# The service's lists show a new task a moment later; while its key is remembered, they need not be
# asked. An entry has some 200 bytes.
_MOST_REMEMBERED = 10_000


class SingleFlight:
    """Lets one caller at a time create what has a key, and remembers the latest results."""

    def __init__(self) -> None:
        self._results: OrderedDict[str, str] = OrderedDict()
        self._waiting: dict[str, list[asyncio.Event]] = {}

    @asynccontextmanager
    async def exclusive(self, key: str) -> AsyncIterator[str | None]:
        """Wait for exclusive use of *key*, and give the sid that was created for it, if any."""
        if (line := self._waiting.get(key)) is None:
            line = self._waiting[key] = []
        else:
            turn = asyncio.Event()
            line.append(turn)
            try:
                await turn.wait()
            except BaseException:
                # A cancellation may come when the key is this caller's already: pass it on.
                if turn.is_set():
                    self._next(key)
                else:
                    line.remove(turn)
                raise
        try:
            yield self._results.get(key)
        finally:
            self._next(key)

    def remember(self, key: str, sid: str) -> None:
        """Record the sid that was created for *key*."""
        self._results[key] = sid
        self._results.move_to_end(key)
        if len(self._results) > _MOST_REMEMBERED:
            self._results.popitem(last=False)

    def _next(self, key: str) -> None:
        if line := self._waiting[key]:
            line.pop(0).set()
        else:
            del self._waiting[key]
