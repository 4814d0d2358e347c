"""Workers without work, woken as many at a time as there is work for: first come, first served."""

import asyncio
import math
from collections import deque


class WaitQueue:
    """Those who wait for something to do."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        """Wait until woken."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    def wake(self, count: float = math.inf) -> None:
        """Wake so many, or all; whoever was cancelled meanwhile is none of them."""
        while count > 0 and self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                count -= 1
