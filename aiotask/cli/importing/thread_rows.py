"""Bridge from a blocking reader thread to the event loop."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
Prepared = TypeVar("Prepared")

# The thread reads so many portions ahead, and resumes when half of them are taken.
_AHEAD = 32


class _ClosedError(Exception):
    """Ends the reading of a source that was closed."""


class ThreadRows(Generic[T]):
    """A source of rows that *read* hands over in portions, in its own thread.

    *passed* is called once, when more than the first *known* rows are asked for.
    """

    def __init__(
        self,
        read: Callable[[Callable[[list[T]], None]], None],
        *,
        known: int = 0,
        passed: Callable[[], None] | None = None,
    ) -> None:
        self._read = read
        self._known = known
        self._passed = passed
        self._taken = 0
        self._portions: deque[list[T]] = deque()
        self._space = threading.Event()
        self._arrived = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = False
        self._closed = False
        self._error: Exception | None = None

    @property
    def started(self) -> bool:
        """Whether a thread reads: it does from the first call of ``take``."""
        return self._loop is not None

    @property
    def exhausted(self) -> bool:
        """Whether the input has ended and all its rows were taken."""
        return self._ended and not self._portions and self._error is None

    async def take(self, most: int, prepare: Callable[[T], Prepared]) -> list[Prepared]:
        """Return 1 to *most* rows as soon as any are read, each prepared, and none at the end."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            # A daemon, because nothing can wake it from reading a silent pipe.
            threading.Thread(target=self._run, args=(self._loop,), daemon=True).start()
        if self._taken >= self._known and (passed := self._passed) is not None:
            self._passed = None
            passed()
        while not self._portions:
            if self._ended and not self._portions:
                if self._error is not None:
                    raise self._error
                return []
            self._arrived.clear()
            # A portion that came before the clear would be waited for in vain.
            if not (self._portions or self._ended):
                await self._arrived.wait()
        taken: list[T] = []
        while self._portions and len(taken) < most:
            portion, wanted = self._portions[0], most - len(taken)
            taken += portion[:wanted]
            del portion[:wanted]
            if not portion:
                self._portions.popleft()
        self._taken += len(taken)
        if len(self._portions) <= _AHEAD // 2:
            self._space.set()
        return [*map(prepare, taken)]

    def close(self) -> None:
        """End the reading, and leave the rows that were not taken."""
        self._closed = True
        self._space.set()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        def put(portion: list[T]) -> None:
            self._portions.append(portion)
            self._wake(loop)
            if len(self._portions) >= _AHEAD:
                self._space.clear()
                # A take or a close before the clear would be waited for in vain.
                if len(self._portions) >= _AHEAD and not self._closed:
                    self._space.wait()
            if self._closed:
                raise _ClosedError

        try:
            self._read(put)
        except _ClosedError:
            return
        except Exception as error:  # noqa: BLE001 - raised where the rows are awaited
            self._error = error
        self._ended = True
        self._wake(loop)

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._arrived.is_set() and not self._closed:
            try:
                loop.call_soon_threadsafe(self._arrived.set)
            except RuntimeError:
                self._closed = True  # the loop is closed, and takes no more rows
