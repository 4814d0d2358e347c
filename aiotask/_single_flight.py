"""What is to be made once: one maker at a time, and the rest gets what was made."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

# A service's lists may show what was made a moment later; so long as this is remembered, they need
# not be asked.
_REMEMBERED = 10_000


class SingleFlight:
    """Knows what is being made under a name, and the latest that were."""

    def __init__(self) -> None:
        self._made: OrderedDict[str, str] = OrderedDict()
        self._makers: dict[str, list[asyncio.Event]] = {}

    @asynccontextmanager
    async def alone(self, name: str) -> AsyncIterator[str | None]:
        """Wait until nobody makes what has this name, and give the sid of what was made then."""
        if (line := self._makers.get(name)) is None:
            line = self._makers[name] = []
        else:
            turn = asyncio.Event()
            line.append(turn)
            try:
                await turn.wait()
            except BaseException:
                if turn.is_set():
                    self._next(name)
                else:
                    line.remove(turn)
                raise
        try:
            yield self._made.get(name)
        finally:
            self._next(name)

    def remember(self, name: str, sid: str) -> None:
        """Note what was made."""
        self._made[name] = sid
        self._made.move_to_end(name)
        if len(self._made) > _REMEMBERED:
            self._made.popitem(last=False)

    def _next(self, name: str) -> None:
        if line := self._makers[name]:
            line.pop(0).set()
        else:
            del self._makers[name]
