"""The rows of a bulk creation as they come: from any iterable, in portions, as they are needed.

A portion is what is there: a source that is slow in the making is not waited for until it is full.
"""

import asyncio
import time
from abc import abstractmethod
from collections import deque
from collections.abc import AsyncIterable, Iterable, Iterator, Mapping
from typing import Generic, Protocol, TypeVar

Row = TypeVar("Row")
Rows = Iterable[Row] | AsyncIterable[Row]

# Rows that are made by the caller's own code take the loop's time while they are made.
_LONGEST_PULL = 0.005  # seconds
_LOOK_AT_CLOCK = 16  # rows
_PULLED_AHEAD = 512  # rows of an asynchronous source


class Source(Protocol[Row]):
    """What gives rows in portions."""

    @abstractmethod
    async def take(self, most: int) -> list[Row]:
        """Return 1 to *most* rows as soon as there are any; none at the end.

        An error of what makes them is raised when all rows before it are taken.
        """

    def close(self) -> None:
        """Be done: nothing more is taken."""


def source_of(rows: Rows[Row]) -> Source[Row]:
    """Return the source that *rows* are; a TypeError where they are no rows."""
    if not isinstance(rows, Mapping | str | bytes):
        if isinstance(rows, AsyncIterable):
            return _Awaited(rows)
        if isinstance(rows, Iterable):
            return _Plain(iter(rows))
    raise TypeError(f"rows is an iterable of mappings, not {type(rows).__name__}")


class _Plain(Generic[Row]):
    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self._error: BaseException | None = None

    async def take(self, most: int) -> list[Row]:
        taken: list[Row] = []
        if self._error is not None:
            raise self._error
        began = time.perf_counter()
        try:
            for row in self._rows:
                taken.append(row)
                if len(taken) >= most:
                    break
                if not len(taken) % _LOOK_AT_CLOCK and time.perf_counter() - began > _LONGEST_PULL:
                    break
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            if not taken:
                raise
            self._error = error
        return taken

    def close(self) -> None:
        """Leave the iterator, which is its owner's."""


class _Awaited(Generic[Row]):
    def __init__(self, rows: AsyncIterable[Row]) -> None:
        self._rows = rows
        self._made: deque[Row] = deque()
        self._pulling: asyncio.Task[None] | None = None
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()

    async def take(self, most: int) -> list[Row]:
        if self._pulling is None:
            self._pulling = asyncio.get_running_loop().create_task(self._pull())
            self._pulling.add_done_callback(lambda _: self._arrived.set())
        while not self._made:
            if self._pulling.done():
                self._pulling.result()
                return []
            self._arrived.clear()
            await self._arrived.wait()
        taken = [self._made.popleft() for _ in range(min(most, len(self._made)))]
        self._room.set()
        return taken

    async def _pull(self) -> None:
        async for row in self._rows:
            self._made.append(row)
            if not self._arrived.is_set():
                self._arrived.set()
            while len(self._made) >= _PULLED_AHEAD:
                self._room.clear()
                await self._room.wait()

    def close(self) -> None:
        if self._pulling is not None:
            self._pulling.cancel()
