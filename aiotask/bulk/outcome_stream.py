"""Outcome stream of a bulk run: an asynchronous generator that outlives a cancelled wait.

A generator proper ends with the cancellation that ``asyncio.wait_for`` throws into it. Here the
wait for an outcome stands outside, and the generator proper is the lifetime of the run alone: the
event loop closes it once the stream is dropped, and before the loop itself ends.
"""

import asyncio
from asyncio import AbstractEventLoop, CancelledError, Task, get_running_loop
from collections.abc import AsyncGenerator, Awaitable, Callable
from types import TracebackType
from typing import Any, Protocol, TypeVar

import attrs

from aiotask.bulk.delivery import Delivery
from aiotask.bulk.item import Item
from aiotask.bulk.outcomes import Outcome
from aiotask.bulk.wait_queue import to_its_end
from aiotask.errors import ClientStateError

Row = TypeVar("Row")


class EndOfRun(Protocol):
    """Ends a run: *at_once*, or when the rows under way are done."""

    async def __call__(self, *, at_once: bool) -> None:
        """End the run, even if the caller is cancelled meanwhile."""


@attrs.define(eq=False)
class _State:
    """The state of a stream, shared with its lifetime, which must not refer to the stream."""

    end: EndOfRun
    given: bool = False
    """The caller has the first outcome of the delivery, and did not come back yet."""
    cut_short: bool = False
    """The last wait of the caller was cancelled."""
    delivers: bool = False
    """The run has begun, and did not end."""
    closed: bool = False


# Tasks that wait for nothing but each other are garbage, as asyncio refers to them weakly. Runs
# under way are held here, so that a stream that is collected still finds its run, and ends it.
_held: dict[AbstractEventLoop, set[_State]] = {}


async def _lifetime(state: _State) -> AsyncGenerator[None, None]:
    loop = get_running_loop()
    for each in [*_held]:
        if each.is_closed():
            _held.pop(each, None)
    _held.setdefault(loop, set()).add(state)
    try:
        yield
    finally:
        state.given = state.delivers = False
        state.closed = True
        try:
            await state.end(at_once=state.cut_short)
        finally:
            _release(loop, state)


def _release(loop: AbstractEventLoop, state: _State) -> None:
    if (held := _held.get(loop)) is not None:
        held.discard(state)
        if not held:
            del _held[loop]


class OutcomeStream(AsyncGenerator[Outcome[Row], None]):
    """The outcomes of one run, in the order in which they became known.

    The first wait begins the run, by *start*. *acknowledge* is called with an outcome when the
    caller comes back for the next one. A cancelled wait changes nothing: the next one goes on.
    When the run *is_over*, *end* is called, and its *error*, if any, is raised.
    """

    def __init__(
        self,
        delivery: Delivery[Row],
        acknowledge: Callable[[Item, Outcome[Any]], None],
        start: Callable[[], Task[None]],
        is_over: Callable[[], bool],
        end: EndOfRun,
        error: Callable[[], BaseException | None],
    ) -> None:
        self._delivery = delivery
        self._acknowledge = acknowledge
        self._start = start
        self._is_over = is_over
        self._error = error
        self._state = _State(end)
        self._home: AbstractEventLoop | None = None
        self._lifetime: AsyncGenerator[None, None] | None = None
        self._opening: Task[None] | None = None
        self._closing: Task[None] | None = None
        self._busy = False

    async def __anext__(self) -> Outcome[Row]:
        """Return the next outcome as soon as there is one."""
        delivery, state = self._delivery, self._state
        if state.given and get_running_loop() is self._home:
            self._acknowledge(*delivery.pop())
            if not delivery.is_empty:
                return delivery.first
            state.given = False
            self._busy = True
        else:
            self._enter("anext")
            state.cut_short = False
        try:
            while (awaited := self._awaited()) is not None:
                await awaited
        except CancelledError:
            state.cut_short = True
            raise
        else:
            state.given = True
            return delivery.first
        finally:
            self._busy = False
            # The traceback of a cancelled caller would keep the stream, and the run with it.
            del self

    async def asend(self, value: None) -> Outcome[Row]:  # noqa: ARG002 - no outcome depends on it
        """Return the next outcome as soon as there is one."""
        return await self.__anext__()

    async def athrow(
        self,
        typ: type[BaseException] | BaseException,
        val: object = None,
        tb: TracebackType | None = None,
    ) -> Outcome[Row]:
        """End the run, and raise the error."""
        error = typ if isinstance(typ, BaseException) else _instance(typ, val)
        await self._close("athrow", at_once=not isinstance(error, GeneratorExit))
        raise error.with_traceback(tb or error.__traceback__)

    async def aclose(self) -> None:
        """End the run: nothing more is sent, and rows under way have 30 seconds to be done.

        They have none where the caller is cancelled, and was waiting for an outcome then.
        """
        caller = asyncio.current_task()
        cancelled = caller is not None and caller.cancelling() > 0
        await self._close("aclose", at_once=cancelled and self._state.cut_short)

    async def _close(self, call: str, *, at_once: bool) -> None:
        self._enter(call)
        try:
            if (closing := self._closing) is not None:
                self._closing = None
                await to_its_end(lambda: closing)
            elif self._lifetime is not None and not self._state.closed:
                self._state.cut_short = at_once
                await self._lifetime.aclose()
            self._state.closed = True
        finally:
            self._busy = False

    def _enter(self, call: str) -> None:
        """Note that a call is under way, of which there is one at a time."""
        state = self._state
        if self._busy:
            raise RuntimeError(f"{call}(): asynchronous generator is already running")
        if not (self._home is None or state.closed or self._home is get_running_loop()):
            # The run cannot be awaited here: its own loop ends it, as its lifetime is dropped.
            state.given = state.delivers = False
            state.cut_short = state.closed = True
            self._lifetime = None
            raise ClientStateError("the run belongs to another event loop")
        self._busy = True

    def _awaited(self) -> Awaitable[object] | None:
        """Return the next thing to wait for, or None where an outcome is there."""
        if self._state.delivers:
            self._delivery.changed.clear()
            if not self._delivery.is_empty:
                return None
            if not self._is_over():
                return self._delivery.changed.wait()
        if self._closing is None:
            if self._state.closed:
                raise StopAsyncIteration
            if self._lifetime is None or self._opening is None:
                self._home, self._lifetime = get_running_loop(), _lifetime(self._state)
                self._opening = self._start()
                return anext(self._lifetime)  # which makes the lifetime known to the loop
            if not self._opening.done():
                return asyncio.wait([self._opening])
            if not (self._state.delivers or self._opening.cancelled() or self._opening.exception()):
                self._state.delivers = True
                return self._awaited()
            self._closing = asyncio.create_task(_close(self._lifetime))
        if not self._closing.done():
            return asyncio.wait([self._closing])
        raise self._end_of(self._closing)

    def _end_of(self, closing: Task[None]) -> BaseException:
        """Return the error that ended the run, once; StopAsyncIteration if there is none."""
        self._closing = None
        for task in (closing, self._opening):
            if task is not None:
                task.result()
        error = self._error()
        if isinstance(error, StopAsyncIteration):
            raise RuntimeError("the rows raised StopAsyncIteration") from error
        return error or StopAsyncIteration()


async def _close(lifetime: AsyncGenerator[None, None]) -> None:
    await lifetime.aclose()


def _instance(kind: type[BaseException], value: object) -> BaseException:
    if isinstance(value, kind):
        return value
    return kind() if value is None else kind(value)
