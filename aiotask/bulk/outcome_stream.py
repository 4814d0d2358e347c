"""Outcome stream of a bulk run: an asynchronous generator that tells of a cancelled wait."""

from asyncio import CancelledError
from collections.abc import AsyncGenerator, Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar

from aiotask.bulk.report import Report
from aiotask.bulk.watch import Watch
from aiotask.errors import ClientStateError

O_co = TypeVar("O_co", covariant=True)


class OutcomeStream(AsyncGenerator[O_co, None]):
    """The outcomes of one run; :meth:`report` tells of it as a page.

    A cancelled wait ends an asynchronous generator, and with it the run: it must not go on, nor
    keep its journal, for a caller who may never come back. The generator alone would then look as
    if all outcomes had been delivered; here the next wait raises a ClientStateError.
    """

    def __init__(
        self,
        outcomes: AsyncGenerator[O_co, None],
        watched: Callable[[Watch], None],
        clock: Callable[[], float],
        *,
        durable: bool,
    ) -> None:
        self._outcomes = outcomes
        self._watched = watched
        self._clock = clock
        self._begun = False
        self._durable = durable
        self._cut_short = False

    def report(self, earlier: Report | None = None) -> Report:
        """Return the report of the run, which collects its figures from the beginning on.

        Call it before the first outcome is waited for, or it is a ClientStateError; without it
        nothing is collected. With an *earlier* report, that one goes on with this run. It needs the
        extra ``report``: a ConfigurationError says so.
        """
        if self._begun:
            raise ClientStateError("a report begins before the first outcome is waited for")
        report = Report(Watch(self._clock)) if earlier is None else earlier
        self._watched(report.watch)
        return report

    async def __anext__(self) -> O_co:
        """Return the next outcome as soon as there is one."""
        return await self._waited(self._outcomes.__anext__())

    async def asend(self, value: None) -> O_co:
        """Return the next outcome as soon as there is one."""
        return await self._waited(self._outcomes.asend(value))

    async def athrow(
        self,
        typ: type[BaseException] | BaseException,
        val: object = None,
        tb: TracebackType | None = None,
    ) -> O_co:
        """End the run, and raise the error."""
        # Generators are to be given the error itself since Python 3.12.
        error = typ if isinstance(typ, BaseException) else _made(typ, val)
        return await self._outcomes.athrow(error if tb is None else error.with_traceback(tb))

    async def aclose(self) -> None:
        """End the run: nothing more is sent, and rows under way have 30 seconds to be done."""
        await self._outcomes.aclose()

    async def _waited(self, coming: Coroutine[Any, Any, O_co]) -> O_co:
        self._begun = True
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


def _made(kind: type[BaseException], value: object) -> BaseException:
    """Return the error of a type and what comes with it, as Python makes it of the two."""
    if isinstance(value, kind):
        return value
    if value is None:
        return kind()
    return kind(*value) if isinstance(value, tuple) else kind(value)
