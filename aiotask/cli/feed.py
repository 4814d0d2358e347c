"""Items of an iterator that may block, such as the lines of a pipe, for a loop that must not."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Generator
from contextlib import closing
from typing import Generic, TypeVar

T = TypeVar("T")

# So many items are made ahead, and the next ones when half of them are gone: waking a thread for
# every single one costs more than reading a line.
_AHEAD = 512


class Feed(Generic[T]):
    """Runs an iterator in a thread of its own, and gives what it makes until it is stopped.

    The thread is a daemon because nothing can wake it from reading a silent pipe.
    """

    def __init__(self, items: Generator[T, None, None]) -> None:
        self._items = items
        self._made: deque[T] = deque()
        self._room = threading.Event()
        self._arrived = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._ended = False
        self._stopped = False
        self._error: Exception | None = None

    def stop(self) -> bool:
        """End it, and return whether that leaves anything: what was not yet given is dropped."""
        left = bool(self._made) or not self._ended
        self._stopped = True
        self._made.clear()
        self._arrived.set()
        self._room.set()
        return left

    async def __aiter__(self) -> AsyncIterator[T]:
        """Give item after item, and at last the error that the iterator ended with."""
        threading.Thread(target=self._make, daemon=True).start()
        while not self._stopped:
            if self._made:
                item = self._made.popleft()
                if len(self._made) <= _AHEAD // 2:
                    self._room.set()
                yield item
            elif self._ended:
                if self._error is not None:
                    raise self._error
                return
            else:
                await self._wait()

    async def _wait(self) -> None:
        self._arrived.clear()
        self._room.set()
        # Made before the clearing, it would be waited for in vain.
        if not (self._made or self._ended or self._stopped):
            await self._arrived.wait()

    def _make(self) -> None:
        try:
            with closing(self._items) as items:
                for item in items:
                    self._made.append(item)
                    self._tell()
                    if len(self._made) >= _AHEAD:
                        self._room.clear()
                        self._room.wait()
                    if self._stopped:
                        return
        except Exception as error:  # noqa: BLE001 - raised where the items are awaited
            self._error = error
        self._ended = True
        self._tell()

    def _tell(self) -> None:
        if not self._arrived.is_set() and not self._stopped:
            try:
                self._loop.call_soon_threadsafe(self._arrived.set)
            except RuntimeError:
                self._stopped = True  # the loop is closed: nobody waits any more
