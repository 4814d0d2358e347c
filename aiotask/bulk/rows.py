"""Sources of rows: any iterable or asynchronous iterable, read in portions as rows are needed.

A portion holds the rows that are ready: a slow source is not awaited until a portion is full. Each
row is prepared in the moment in which it comes, as its maker may change it and yield it again.
"""

import asyncio
import time
from abc import abstractmethod
from collections import deque
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

Row = TypeVar("Row")
Row_co = TypeVar("Row_co", covariant=True)
T = TypeVar("T")
Rows = Iterable[Row] | AsyncIterable[Row]

# A plain iterable runs the caller's code in the event loop, so a portion ends after 5 ms; reading
# the clock costs as much as many a row, so it is read every 16 rows.
_LONGEST_PULL = 0.005  # seconds
_CLOCK_INTERVAL = 16  # rows
# Rows that an asynchronous iterable may be ahead: two windows.
_PULLED_AHEAD = 512


class Source(Protocol[Row_co]):
    """Gives rows in portions."""

    @abstractmethod
    async def take(self, most: int, prepare: Callable[[Row_co], T]) -> list[T]:
        """Return 1 to *most* rows as soon as there are any, each prepared; none at the end.

        *prepare* is called once for each row, in their order, before the next one is made. It is
        the same in all calls. An error in the making of rows is raised when all rows before it are
        taken.
        """

    def close(self) -> None:
        """Release the source: no more rows are taken."""


def source_of(rows: Rows[Row]) -> Source[Row]:
    """Return a source of *rows*; a TypeError if they are not iterable, or a mapping or text."""
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

    async def take(self, most: int, prepare: Callable[[Row], T]) -> list[T]:
        taken: list[T] = []
        if self._error is not None:
            raise self._error
        until = time.perf_counter() + _LONGEST_PULL
        try:
            for row in self._rows:
                taken.append(prepare(row))
                if len(taken) >= most:
                    break
                if not len(taken) % _CLOCK_INTERVAL and time.perf_counter() > until:
                    break
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            if not taken:
                raise
            self._error = error
        return taken

    def close(self) -> None:
        """Do nothing: the caller owns the iterator."""


class _Awaited(Generic[Row]):
    def __init__(self, rows: AsyncIterable[Row]) -> None:
        self._rows = rows
        self._pulled: deque[Any] = deque()  # prepared
        self._pulling: asyncio.Task[None] | None = None
        self._arrived = asyncio.Event()
        self._space = asyncio.Event()

    async def take(self, most: int, prepare: Callable[[Row], T]) -> list[T]:
        if self._pulling is None:
            self._pulling = asyncio.get_running_loop().create_task(self._pull(prepare))
            self._pulling.add_done_callback(lambda _: self._arrived.set())
        while not self._pulled:
            if self._pulling.done():
                self._pulling.result()
                return []
            self._arrived.clear()
            await self._arrived.wait()
        taken: list[T] = [self._pulled.popleft() for _ in range(min(most, len(self._pulled)))]
        self._space.set()
        return taken

    async def _pull(self, prepare: Callable[[Row], Any]) -> None:
        async for row in self._rows:
            self._pulled.append(prepare(row))
            if not self._arrived.is_set():
                self._arrived.set()
            while len(self._pulled) >= _PULLED_AHEAD:
                self._space.clear()
                await self._space.wait()

    def close(self) -> None:
        if self._pulling is not None:
            self._pulling.cancel()
