"""Bell of a shared journal: it rings when rows came in or were given back, wherever that was."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress

from aiotask.bulk.wait_queue import WaitQueue

_log = logging.getLogger("aiotask")

_HEARD = 5.0  # seconds between looks at the journal, where every ring is heard
_UNHEARD = 0.5  # ... and where none is
_FIRST_REST, _LONGEST_REST = 0.1, 5.0  # seconds between attempts to listen


class Bell:
    """Wakes those who wait for rows, of all jobs.

    *listen* yields once it listens, and then at every ring. It may end with any error: then those
    who wait look for themselves, and oftener, until it listens again.
    """

    def __init__(self, listen: Callable[[], AsyncGenerator[None, None]]) -> None:
        self.rung: int = 0
        """How often it rang."""
        self._listen = listen
        self._listens = False
        self._listener: asyncio.Task[None] | None = None
        self._waiting = WaitQueue()

    def ring(self) -> None:
        """Wake all who wait in this process."""
        self.rung += 1
        self._waiting.wake()

    async def wait(self, rung: int, seconds: float) -> None:
        """Wait until it has rung more often than *rung*, and no longer than so many seconds.

        It is an end to the wait as well that it is time for another look at the journal.
        """
        if self._listener is None:
            self._listener = asyncio.get_running_loop().create_task(self._keep_listening())
        if self.rung == rung:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(seconds, _HEARD if self._listens else _UNHEARD)):
                    await self._waiting.wait()

    async def close(self) -> None:
        """Listen no more."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.cancel()
            await asyncio.wait([listener])

    async def _keep_listening(self) -> None:
        rest = _FIRST_REST
        while True:
            try:
                async with aclosing(self._listen()) as rings:
                    async for _ in rings:
                        # The first one is for what was missed while nobody listened.
                        self._listens, rest = True, _FIRST_REST
                        self.ring()
            except Exception as error:  # noqa: BLE001 - a driver raises more than it documents
                _log.debug("the journal's notices cannot be heard: %s", error)
            self._listens = False
            await asyncio.sleep(rest)
            rest = min(2 * rest, _LONGEST_REST)
