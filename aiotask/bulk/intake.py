"""Intake of a bulk run: where its rows come from, and the journal that they are written to."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

from aiotask.bulk.delivery import Delivery
from aiotask.bulk.item import Item
from aiotask.bulk.journal.writer import JournalWriter
from aiotask.bulk.resolver import Resolver
from aiotask.bulk.service_clock import ServiceClock
from aiotask.bulk.wait_queue import StopSignal
from aiotask.bulk.work_queue import WorkQueue


class Feeding(Protocol):
    """Puts rows into the work queue as they are needed."""

    error: BaseException | None
    """The error in the making of rows, which is raised when all rows before it are done."""

    @abstractmethod
    async def run(self, unsent: list[Item]) -> None:
        """Feed the queue until there are no more rows, or the run stops."""


class Windows(Protocol):
    """The windows of a job in a shared journal, taken one after the other."""

    @property
    @abstractmethod
    def writer(self) -> JournalWriter:
        """The writer of the journal."""

    @property
    @abstractmethod
    def wanted(self) -> int:
        """The rows of which there have to be fewer before the next window is taken."""

    @abstractmethod
    def feeder(
        self,
        queue: WorkQueue,
        delivery: Delivery[Any],
        service: ServiceClock,
        stop: StopSignal,
        resolver: Resolver | None,
        fail: Callable[[Exception], None],
    ) -> Feeding:
        """Return the feeder of one run, which *fail* ends with an error."""
