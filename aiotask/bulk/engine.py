"""The engine of bulk creation: pulls rows, keeps so many creates under way, tells how each ended.

It knows no product: *prepare* turns a row into what is sent, *send* that into the new one's sid.
"""

import asyncio
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
)
from typing import Any, Generic, TypeVar

from aiotask._retry import RetryPolicy
from aiotask.bulk.outcomes import Created, Outcome, Rejected, Unresolved
from aiotask.errors import (
    AccessError,
    AiotaskError,
    ConnectionFailedError,
    NotFoundError,
    RateLimitError,
    StatusError,
    TLSError,
)

Row = TypeVar("Row")
Prepared = TypeVar("Prepared")
T = TypeVar("T")
Rows = Iterable[Row] | AsyncIterable[Row]


def create_many(
    rows: Rows[Row],
    prepare: Callable[[Row], Prepared],
    send: Callable[[Prepared], Awaitable[str]],
    *,
    max_in_flight: int,
    retry: RetryPolicy,
) -> AsyncIterator[Outcome[Row]]:
    """Return an iterator that creates one resource for every row, and gives one outcome for each.

    Nothing is sent before it is iterated. What *prepare* raises rejects its row; *send* raises an
    AiotaskError. See ``Tasks.create_many`` for what is promised.
    """
    if max_in_flight < 1:
        raise ValueError(f"max_in_flight: must be at least 1, not {max_in_flight!r}")
    if isinstance(rows, Mapping | str | bytes) or not isinstance(rows, Iterable | AsyncIterable):
        raise TypeError(f"rows is an iterable of mappings, not {type(rows).__name__}")
    return _Run(rows, prepare, send, max_in_flight, retry).outcomes()


class _Run(Generic[Row, Prepared]):
    def __init__(
        self,
        rows: Rows[Row],
        prepare: Callable[[Row], Prepared],
        send: Callable[[Prepared], Awaitable[str]],
        max_in_flight: int,
        retry: RetryPolicy,
    ) -> None:
        self._input = _each(rows)
        self._pulling = asyncio.Lock()
        self._prepare = prepare
        self._send = send
        self._retry = retry
        self._workers = max_in_flight
        # A slow consumer fills this, and so stops the workers: nothing piles up.
        self._ended: asyncio.Queue[Outcome[Row] | None] = asyncio.Queue(2 * max_in_flight)
        self._stopped_by: BaseException | None = None
        self._waiting: set[asyncio.Task[Any] | None] = set()
        self._created_any = False
        self._last_progress = 0.0
        # So long the service may refuse everything before the run is given up.
        self._patience = 2 * retry.deadline

    async def outcomes(self) -> AsyncIterator[Outcome[Row]]:
        """Yield outcomes as they are known; then raise what stopped the run, if anything did."""
        self._last_progress = self._retry.clock()
        start = asyncio.get_running_loop().create_task
        workers = [start(self._work()) for _ in range(self._workers)]
        watch = start(self._announce_end(workers))
        try:
            while (outcome := await self._ended.get()) is not None:
                yield outcome
        finally:
            for task in (*workers, watch):
                task.cancel()
            await asyncio.gather(*workers, watch, return_exceptions=True)
        if self._stopped_by is not None:
            raise self._stopped_by

    async def _announce_end(self, workers: list[asyncio.Task[None]]) -> None:
        await asyncio.wait(workers)
        await self._ended.put(None)

    async def _work(self) -> None:
        try:
            while True:
                row = await self._interruptible(self._pull())
                if self._stopped_by is not None:
                    return
                await self._ended.put(await self._fate(row))
        except StopAsyncIteration:
            return
        except Exception as error:  # noqa: BLE001 - raised again when every row under way is done
            self._stop(error)

    def _stop(self, error: Exception) -> None:
        if self._stopped_by is None:
            self._stopped_by = error
        for worker in self._waiting:
            if worker is not None:
                worker.cancel()

    async def _interruptible(self, coming: Awaitable[T]) -> T:
        """Wait for what may be long in coming; a stop of the run cancels the worker that does."""
        worker = asyncio.current_task()
        self._waiting.add(worker)
        try:
            return await coming
        finally:
            self._waiting.discard(worker)

    async def _pull(self) -> Row:
        async with self._pulling:
            return await anext(self._input)

    async def _fate(self, row: Row) -> Outcome[Row]:
        """Create one row's resource; an error that is raised is about the run and not the row."""
        try:
            prepared = self._prepare(row)
        except (TypeError, ValueError) as error:
            return Rejected(row, error)
        while True:
            try:
                sid = await self._send(prepared)
            except (RateLimitError, ConnectionFailedError) as error:
                await self._wait_for_service(error)
            except AiotaskError as error:
                if error.maybe_applied:
                    return Unresolved(row, error)
                if isinstance(error, StatusError) and not isinstance(error, _ABOUT_THE_RUN):
                    return Rejected(row, error)
                raise
            else:
                self._created_any = True
                self._last_progress = self._retry.clock()
                return Created(row, sid)

    async def _wait_for_service(self, error: RateLimitError | ConnectionFailedError) -> None:
        """Wait after a refusal that outlasted a call's own attempts, or give the run up.

        Nothing was created, so the row can wait as long as the service may be expected back. A
        service that never took a connection is rather a wrong address.
        """
        wait = self._retry.wait(error, 1)
        if isinstance(error, RateLimitError):
            wait = max(wait, error.retry_after or 0.0)
        elif isinstance(error, TLSError) or not self._created_any:
            raise error
        if self._retry.clock() + wait - self._last_progress > self._patience:
            raise error
        await self._interruptible(self._retry.sleep(wait))


# A row's own create cannot be not found: it is the workspace that is not there.
_ABOUT_THE_RUN = (AccessError, NotFoundError)


async def _each(rows: Rows[Row]) -> AsyncIterator[Row]:
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            yield row
    else:
        for row in rows:
            yield row
