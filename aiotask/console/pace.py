"""Pace of the console: one limiter for all that it asks the service."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

SPAN = 10.0
"""Seconds over which TaskRouter averages its rates (https://www.twilio.com/docs/taskrouter/api)."""

SERVICE_RATE = 3.0
"""Requests a second: the lowest limit that Twilio publishes for TaskRouter, that of lists by an
expression; bulk statistics have 5, and all other limits are unpublished
(https://www.twilio.com/en-us/changelog/taskrouter-endpoint-rate-limit-correction)."""

SANDBOX_RATE = 100.0


class Pace:
    """Admits at most *rate* requests a second, as the mean over any ten seconds."""

    def __init__(
        self,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._turns = asyncio.Lock()
        self._sent: deque[float] = deque(maxlen=max(1, int(rate * SPAN)))

    async def turn(self) -> None:
        """Wait until one more request may be sent, first come first served."""
        async with self._turns:
            sent = self._sent
            if len(sent) == sent.maxlen:
                while (wait := sent[0] + SPAN - self._clock()) > 0:
                    await self._sleep(wait)
            sent.append(self._clock())
