"""Outcome stream of a bulk run: an asynchronous generator that tells of a cancelled wait."""

from asyncio import CancelledError
from collections.abc import AsyncGenerator, Coroutine
from types import TracebackType
from typing import Any, TypeVar

from aiotask.bulk.outcomes import Outcome
from aiotask.errors import ClientStateError

Row = TypeVar("Row")


class OutcomeStream(AsyncGenerator[Outcome[Row], None]):
    """The outcomes of one run.

    A cancelled wait ends an asynchronous generator, and with it the run: it must not go on, nor
    keep its journal, for a caller who may never come back. The generator alone would then look as
    if all outcomes had been delivered; here the next wait raises a ClientStateError.
    """

    def __init__(self, outcomes: AsyncGenerator[Outcome[Row], None], *, durable: bool) -> None:
        self._outcomes = outcomes
        self._durable = durable
        self._cut_short = False

    async def __anext__(self) -> Outcome[Row]:
        """Return the next outcome as soon as there is one."""
        return await self._waited(self._outcomes.__anext__())

    async def asend(self, value: None) -> Outcome[Row]:
        """Return the next outcome as soon as there is one."""
        return await self._waited(self._outcomes.asend(value))

    async def athrow(
        self,
        typ: type[BaseException] | BaseException,
        val: object = None,
        tb: TracebackType | None = None,
    ) -> Outcome[Row]:
        """End the run, and raise the error."""
        if isinstance(typ, BaseException):
            return await self._outcomes.athrow(typ)
        return await self._outcomes.athrow(typ, val, tb)

    async def aclose(self) -> None:
        """End the run: nothing more is sent, and rows under way have 30 seconds to be done."""
        await self._outcomes.aclose()

    async def _waited(self, coming: Coroutine[Any, Any, Outcome[Row]]) -> Outcome[Row]:
        try:
            return await coming
        except CancelledError:
            self._cut_short = True
            raise
        except StopAsyncIteration:
            if not self._cut_short:
                raise
        left = "the same call goes on" if self._durable else "rows without an outcome may be done"
        raise ClientStateError(f"a wait for an outcome was cancelled, which ended the run; {left}")
