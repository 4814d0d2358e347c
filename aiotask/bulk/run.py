"""The engine of bulk creation: every row becomes exactly one resource, or its outcome says why not.

It knows no product: a Target says how to make one and how to find those that are there. No byte is
sent for a row before the journal has it; what is sent and not answered goes to the resolver.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Generic, TypeVar

from aiotask.bulk.claims import WINDOW, Intake, Unfinished
from aiotask.bulk.ends import Ends
from aiotask.bulk.halt import StopSignal, to_its_end
from aiotask.bulk.item import Item
from aiotask.bulk.journal.records import State
from aiotask.bulk.journal.writer import Ledger
from aiotask.bulk.outcomes import Created, Outcome, Rejected, Unresolved
from aiotask.bulk.resolver import Resolver
from aiotask.bulk.rows import Source
from aiotask.bulk.sender import Fate, Lost, Made, Refused, Sender, Unsent
from aiotask.bulk.settings import Settings
from aiotask.bulk.target import ServiceClock, Target
from aiotask.bulk.wait_queue import WaitQueue
from aiotask.errors import AiotaskError, AnswerError, ClientStateError, JournalError

Row = TypeVar("Row")

_MOST_ENDED = 1000  # outcomes that wait for the consumer
_MOST_TRIES = 16  # creates of one row, each proven to have come to nothing
_DRAIN = 30.0  # seconds for what is under way when the consumer leaves
_CREATED = 201


class Run(Generic[Row]):
    """One run of a bulk creation: ``outcomes`` does it, ``stop`` ends it well before its end.

    ``service_is_down`` tells whether only probes are sent.
    """

    def __init__(self, source: Source[Row], target: Target, settings: Settings) -> None:
        self._source = source
        self._settings = settings
        self._halt = StopSignal()
        self._ledger = Ledger(settings.journal)
        self._ends = Ends(self._ledger)
        service = ServiceClock()
        self._intake = Intake(
            source, target, settings, self._ledger, self._ends, service, self._halt
        )
        self._sender = Sender(target, settings, service, self._halt)
        self._resolver = Resolver(target, settings, service, self, self._quiet)
        self._check = target.check
        self._path = target.path
        self._clock = target.retry.clock
        self._hooks = target.hooks
        self._ready: deque[Item] = deque()
        self._ended: deque[tuple[Item, Outcome[Row]]] = deque()
        self._idle = WaitQueue()
        self._hungry = asyncio.Event()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._tasks: list[asyncio.Task[Any]] = []
        self._workers: list[asyncio.Task[Any]] = []
        self._feeding: asyncio.Task[None] | None = None
        self._working = 0
        self._sending = 0
        self._source_done = False
        self._source_error: BaseException | None = None

    @property
    def job(self) -> str:
        """The job's name, which its resources carry; empty before it has begun."""
        return self._ledger.job

    @property
    def in_doubt(self) -> int:
        """How many rows wait for a look at what became of them."""
        return len(self._resolver.items)

    @property
    def service_is_down(self) -> bool:
        """Whether the service seems to be down, so that only probes are sent."""
        return self._sender.breaker.open

    def stop(self) -> None:
        """Send nothing more; what is under way ends, and its outcomes are given."""
        self._stop(None)

    async def outcomes(self) -> AsyncGenerator[Outcome[Row], None]:
        """Yield outcomes as they are known; then raise what stopped the run, if anything did."""
        home = asyncio.get_running_loop()
        try:
            await self._start()
            while True:
                self._arrived.clear()
                while self._ended:
                    item, outcome = self._ended[0]
                    yield outcome
                    if asyncio.get_running_loop() is not home:
                        raise ClientStateError("the run belongs to another event loop")
                    self._ended.popleft()
                    self._tell(item, outcome)
                if self._over():
                    break
                await self._arrived.wait()
        except GeneratorExit:
            self._stop(None)
            if self._working:
                await asyncio.wait(self._workers, timeout=_DRAIN)
            raise
        finally:
            if asyncio.get_running_loop() is home:
                await to_its_end(self._finish())
            elif not home.is_closed():
                home.call_soon_threadsafe(lambda: home.create_task(self._finish()))
        if (trouble := self._halt.error or self._source_error) is not None:
            raise trouble

    async def _start(self) -> None:
        self._check()
        start = asyncio.get_running_loop().create_task
        entries = await self._ledger.open(self._path, self._settings.keys)
        opened = self._clock()  # whoever had the journal before sends nothing from here on
        self._resolver.begun = self._ledger.begun
        # A task of its own, which a halt can cancel; this one is the caller's.
        restoring = start(self._intake.restore(entries))
        self._tasks.append(restoring)
        await asyncio.wait([restoring])
        if restoring.cancelled() and self._halt.called():
            return
        for left in restoring.result():
            self._take_up(left, opened)
        # It was not sent by the earlier run, and may be from now on.
        for item in self._ready:
            self._ends.note(item, State.IN_FLIGHT)
        await self._ends.write()
        self._feeding = start(self._guarded(self._feed))
        for work in (self._ends.keep, self._resolver.run):
            self._tasks.append(start(self._guarded(work)))
        self._working = self._settings.max_in_flight
        self._workers = [start(self._work()) for _ in range(self._working)]

    def _take_up(self, left: Unfinished, opened: float) -> None:
        item, entry, wrong = left
        if entry.state is State.UNTOLD and entry.sid is not None:
            self._end(item, Created(item.row, entry.sid))
        elif entry.state is State.PENDING:
            if wrong is None:
                self._ready.append(item)
            else:
                self._end(item, Rejected(item.row, wrong))
        elif item.key is None:
            error = AiotaskError("the run ended while it was under way, and it has no key")
            error.maybe_applied = True
            self._end(item, Unresolved(item.row, error))
        else:
            item.carried_out = entry.state is State.UNCONFIRMED
            self._resolver.add(item, None, opened, old=True)

    async def _feed(self) -> None:
        """Take rows when they are needed."""
        while True:
            await self._hunger()
            if self._halt.called():
                break
            try:
                claimed = await self._intake.claim()
            except (JournalError, KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:
                if self._halt.called():
                    raise
                self._source_error = error  # raised when all rows before it are done
                break
            if claimed is None:
                break
            items, wrong = claimed
            if self._halt.called():
                for item in (*items, *(each.item for each in wrong)):
                    self._ends.note(item, State.PENDING)
                break
            for item, reason in wrong:
                self._end(item, Rejected(item.row, reason))
            self._ready.extend(items)
            self._idle.wake(len(items))
        self._source_done = True
        self._idle.wake()
        self._arrived.set()

    async def _hunger(self) -> None:
        """Wait until rows are needed."""
        while not self._halt.called():
            if len(self._ready) < WINDOW and len(self._ended) < _MOST_ENDED:
                return
            self._hungry.clear()
            await self._hungry.wait()

    async def _work(self) -> None:
        try:
            while (item := await self._next()) is not None:
                self._sending += 1
                try:
                    self._settle(item, await self._sender.send(item))
                finally:
                    self._sending -= 1
                    if self._source_done or not self._ready:
                        self.look_again()
                while len(self._ended) >= _MOST_ENDED and not self._halt.called():
                    self._room.clear()
                    await self._room.wait()
        except Exception as error:  # noqa: BLE001 - raised again when every row under way is done
            self._stop(error)
        finally:
            self._working -= 1
            self._arrived.set()

    async def _next(self) -> Item | None:
        while not self._halt.called():
            if self._ready and self._may_start():
                if len(self._ready) <= WINDOW:
                    self._hungry.set()
                return self._ready.popleft()
            await self._idle.wait()
        return None

    def _may_start(self) -> bool:
        """Whether the next row may be sent.

        The last one there is waits until it can be the control for all that are in doubt.
        """
        if len(self._ready) > 1 or not self._source_done or self._settings.keys.attribute is None:
            return True
        return not self._sending and not self._resolver.young(self._clock())

    def _quiet(self) -> bool:
        return not self._ready and not self._sending

    def _settle(self, item: Item, fate: Fate) -> None:
        """Do what follows from a row's fate."""
        match fate:
            case Made(found=found, began=began):
                self._resolver.confirmed(item.key, began)
                self._end(item, Created(item.row, found.sid))
            case Refused(error=refusal):
                self._end(item, Rejected(item.row, refusal))
            case Lost(error=error):
                item.tries += 1
                if item.key is None:
                    self._end(item, Unresolved(item.row, error))
                    return
                if isinstance(error, AnswerError) and error.status == _CREATED:
                    item.carried_out = True
                    self._ends.note(item, State.UNCONFIRMED)
                self._resolver.add(item, error, self._clock())
            case Unsent(error=error_of_all):
                self._ends.note(item, State.PENDING)
                self._stop(error_of_all)

    def found(self, item: Item, sid: str) -> None:
        """Take it that a row in doubt became this one."""
        self._sender.progress()
        self._end(item, Created(item.row, sid))

    def absent(self, item: Item) -> None:
        """Take it that nothing came of a row in doubt: it is sent again."""
        self._sender.progress()
        if item.tries >= _MOST_TRIES and item.error is not None:
            item.error.maybe_applied = False
            self._end(item, Rejected(item.row, item.error))
        else:
            if item.error is not None:
                self._hooks.retrying(item.tries, 0.0, item.error)
            self._ready.append(item)

    def unresolved(self, item: Item) -> None:
        """Take it that nobody can tell what became of a row."""
        self._end(item, _open(item))

    def look_again(self) -> None:
        """Let go on what waited for a change, or for time to pass."""
        self._idle.wake(len(self._ready))
        if self._over():
            self._arrived.set()

    def _end(self, item: Item, outcome: Outcome[Row]) -> None:
        self._ended.append((item, outcome))
        if not self._arrived.is_set():
            self._arrived.set()

    def _tell(self, item: Item, outcome: Outcome[Row]) -> None:
        """Note for the journal what the caller has been told."""
        if len(self._ended) == _MOST_ENDED - 1:
            self._room.set()
            self._hungry.set()
        self._ends.told(item, outcome)

    def _over(self) -> bool:
        if self._ended:
            return False
        if self._halt.called():
            if not self._working and not self._ledger.kept:
                # Nobody will look for them any more.
                for item in self._resolver.drop():
                    self._end(item, _open(item))
            return not self._working and not self._ended
        return self._source_done and self._quiet() and not self._resolver.items

    def _stop(self, error: Exception | None) -> None:
        """Send nothing more; the first error is the one that is raised in the end."""
        if not self._halt.call(error):
            return
        for task in self._tasks:
            task.cancel()
        for item in self._ready:
            self._ends.note(item, State.PENDING)
        self._ready.clear()
        self._idle.wake()
        self._hungry.set()
        self._room.set()
        self._arrived.set()

    async def _finish(self) -> None:
        self._stop(None)
        for task in (*self._tasks, *self._workers):
            task.cancel()
        # What is being claimed is so when this ends, and is released then.
        feeding = () if self._feeding is None else (self._feeding,)
        await asyncio.gather(*self._tasks, *self._workers, *feeding, return_exceptions=True)
        self._source.close()
        for item, outcome in self._ended:
            self._ends.untold(item, outcome)
        try:
            await self._ends.write()
        except JournalError as error:
            self._halt.call(error)
        finally:
            await self._ledger.close()

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        # Its coroutine is made in here: a task that is cancelled at once would never await it.
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - raised again when every row under way is done
            self._stop(error)


def _open(item: Item) -> Unresolved[Any]:
    return Unresolved(item.row, item.error or AiotaskError("what became of it cannot be found out"))
