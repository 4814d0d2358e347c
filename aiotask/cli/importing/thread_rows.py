"""What a thread reads, which may have to wait for it, for a loop that must not."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

# So many portions are read ahead, and the next ones when half of them are gone.
_AHEAD = 32


class _NotWantedError(Exception):
    """Ends the reading: nobody takes what comes of it."""


class Feed(Generic[T]):
    """A source whose rows *read* hands over in portions, in a thread of its own.

    The thread is a daemon because nothing can wake it from reading a silent pipe.
    """

    def __init__(self, read: Callable[[Callable[[list[T]], None]], None]) -> None:
        self._read = read
        self._made: deque[list[T]] = deque()
        self._room = threading.Event()
        self._arrived = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = False
        self._closed = False
        self._error: Exception | None = None

    @property
    def begun(self) -> bool:
        """Whether anything was asked for, so that there is a thread that reads."""
        return self._loop is not None

    @property
    def exhausted(self) -> bool:
        """Whether all rows that there are were taken."""
        return self._ended and not self._made and self._error is None

    async def take(self, most: int) -> list[T]:
        """Return 1 to *most* rows as soon as there are any; none at the end."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            threading.Thread(target=self._run, args=(self._loop,), daemon=True).start()
        while not self._made:
            if self._ended and not self._made:
                if self._error is not None:
                    raise self._error
                return []
            self._arrived.clear()
            # Made before the clearing, it would be waited for in vain.
            if not (self._made or self._ended):
                await self._arrived.wait()
        taken: list[T] = []
        while self._made and len(taken) < most:
            portion, wanted = self._made[0], most - len(taken)
            taken += portion[:wanted]
            del portion[:wanted]
            if not portion:
                self._made.popleft()
        if len(self._made) <= _AHEAD // 2:
            self._room.set()
        return taken

    def close(self) -> None:
        """End the reading; what was not taken is left."""
        self._closed = True
        self._room.set()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        def put(portion: list[T]) -> None:
            self._made.append(portion)
            self._tell(loop)
            if len(self._made) >= _AHEAD:
                self._room.clear()
                # Taken or closed before the clearing, it would be waited for in vain.
                if len(self._made) >= _AHEAD and not self._closed:
                    self._room.wait()
            if self._closed:
                raise _NotWantedError

        try:
            self._read(put)
        except _NotWantedError:
            return
        except Exception as error:  # noqa: BLE001 - raised where the rows are awaited
            self._error = error
        self._ended = True
        self._tell(loop)

    def _tell(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._arrived.is_set() and not self._closed:
            try:
                loop.call_soon_threadsafe(self._arrived.set)
            except RuntimeError:
                self._closed = True  # the loop is closed: nobody waits any more
