"""A run of bulk work: every row is carried out exactly once, or its outcome says why not.

The run knows no product: an Operation says what a row does to the service, a Lookup how to find
what became of it. Nothing is sent for a row before the journal has it. A row goes one way: from the
feeder to the work queue, to a worker, and to delivery; one whose answer was lost goes through the
resolver first.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection
from functools import partial
from typing import Generic, TypeVar

from aiotask._owner import running_owner
from aiotask._rate_limiter import RateLimiter
from aiotask.bulk.claims import WINDOW, Claims, Unfinished
from aiotask.bulk.delivery import Delivery
from aiotask.bulk.feeder import Feeder
from aiotask.bulk.intake import Feeding, Windows
from aiotask.bulk.item import Item
from aiotask.bulk.journal.records import State
from aiotask.bulk.journal.writer import JournalWriter
from aiotask.bulk.lookup import Lookup
from aiotask.bulk.operation import Operation
from aiotask.bulk.outcome_stream import OutcomeStream
from aiotask.bulk.outcomes import Outcome, Rejected, carried_out, refused, unresolved
from aiotask.bulk.resolver import Resolver
from aiotask.bulk.rows import Source
from aiotask.bulk.screening import Screening
from aiotask.bulk.sender import MAX_TRIES, Fate, Gone, Lost, Made, Refused, Sender, Unsent
from aiotask.bulk.sentinels import Sentinel
from aiotask.bulk.service_clock import ServiceClock
from aiotask.bulk.settings import Settings, shown
from aiotask.bulk.verdicts import Absent, Exists, Undecided, Verdict
from aiotask.bulk.wait_queue import StopSignal, guarded, to_its_end
from aiotask.bulk.watch import Watch
from aiotask.bulk.work_queue import WorkQueue
from aiotask.bulk.workers import Workers
from aiotask.errors import AiotaskError, ClientStateError, JournalError

Row = TypeVar("Row")

_DRAIN = 30.0  # seconds for rows under way when the caller leaves


class Run(Generic[Row]):
    """One run: iterate ``outcomes`` to do it, call ``stop`` to end it early.

    *lookup* finds what became of rows whose answer was lost. Without one, rows of an idempotent
    operation are sent again, and those of another one are unresolved. The rows of *windows*, which
    have a journal of their own, come in place of a source's.
    """

    def __init__(
        self,
        source: Source[Row],
        operation: Operation,
        settings: Settings,
        lookup: Lookup | None = None,
        windows: Windows | None = None,
    ) -> None:
        self._source = source
        self._operation = operation
        self._settings = settings
        retry, self._clock = operation.retry, operation.retry.clock
        self._stopped = StopSignal()
        self._writer = (
            JournalWriter(settings.journal, repeats=operation.idempotent)
            if windows is None
            else windows.writer
        )
        self._delivery: Delivery[Row] = Delivery(self._stopped, operation.hooks, operation.verb)
        wanted = windows.wanted if windows else WINDOW
        self._queue = WorkQueue(self._stopped, self._hold_last, wanted)
        queue, delivery = self._queue, self._delivery
        self._service = service = ServiceClock(operation.service_time, self._clock)
        self._claims = Claims(source, operation, settings, self._writer, service, self._stopped)
        self._sender = Sender(operation, settings, service, self._stopped, self._rows_waiting)
        self._workers = Workers(self._queue, self._sender, self._delivery, self._settle, self._stop)
        self._resolver: Resolver | None = None
        self._screening: Screening | None = None
        if lookup is not None and not operation.idempotent and settings.keys.attribute is not None:
            quiet, down = lambda: self._queue.is_quiet, lambda: self._sender.pause.is_on
            self._resolver = Resolver(lookup, settings, service, retry, quiet, down)
        if self._resolver is not None and lookup is not None and windows is None:
            writer, made, pause = self._writer, self._exists, self._sender.pause
            self._screening = Screening(
                lookup, settings, writer, service, retry, made, delivery.exists, pause
            )
        self._feeder: Feeding = (
            Feeder(self._claims, queue, delivery, self._writer, self._stopped, self._screening)
            if windows is None
            else windows.feeder(
                queue, delivery, self._service, self._stopped, self._resolver, self._stop
            )
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._feeding: asyncio.Task[None] | None = None

    @property
    def job(self) -> str:
        """The job's name, which its resources carry; empty before the run has begun."""
        return self._writer.job

    @property
    def begun(self) -> bool:
        """Whether any row was sent."""
        return self._sender.begun

    @property
    def limiter(self) -> RateLimiter:
        """The rate limiter of the operation: requests in flight, and refusals so far."""
        return self._operation.limiter

    @property
    def in_doubt(self) -> int:
        """The number of rows that wait to be looked for."""
        return 0 if self._resolver is None else len(self._resolver.items)

    @property
    def waiting(self) -> Collection[Item]:
        """The claimed rows whose outcome was not delivered yet; ``sent`` tells which were sent."""
        return self._delivery.waiting.values()

    @property
    def service_is_down(self) -> bool:
        """Whether the circuit is open: the service seems down, and only probes are sent."""
        return self._sender.breaker.open

    def _rows_waiting(self) -> str:
        doubt = f", {self.in_doubt:,} of them in doubt" if self.in_doubt else ""
        return f"{len(self.waiting):,} rows wait{doubt}"

    def stop(self) -> None:
        """Send nothing more; rows under way end, and their outcomes are delivered."""
        self._stop(None)

    def outcomes(self) -> OutcomeStream[Outcome[Row]]:
        """Yield outcomes as they are known; then raise the error that stopped the run, if any."""
        durable = self._writer.durable
        return OutcomeStream(self._outcomes(), self.watched, self._clock, durable=durable)

    def watched(self, watch: Watch, *, outcomes: bool = True) -> None:
        """Let a watch see all that this run does, before it begins."""
        settings = shown(self._settings, self._operation)
        watch.see(settings, self.limiter.found, lambda: self.in_doubt)
        self._sender.watch = self._sender.pause.watch = watch
        self._delivery.watch = watch if outcomes else None
        if self._resolver is not None:
            self._resolver.watch = self._resolver.pause.watch = watch

    async def _outcomes(self) -> AsyncGenerator[Outcome[Row], None]:
        home = running_owner().loop
        delivery = self._delivery
        try:
            await self._start()
            while True:
                delivery.changed.clear()
                while not delivery.is_empty:
                    yield delivery.first
                    if asyncio.get_running_loop() is not home:
                        raise ClientStateError("the run belongs to another event loop")
                    self._writer.delivered(*delivery.pop())
                if self._is_over():
                    break
                await delivery.changed.wait()
        except GeneratorExit:
            self._stop(None)
            if self._workers.running:
                await asyncio.wait(self._workers.tasks, timeout=_DRAIN)
            raise
        finally:
            if asyncio.get_running_loop() is home:
                await to_its_end(self._finish())
            elif not home.is_closed():
                home.call_soon_threadsafe(lambda: home.create_task(self._finish()))
        if (trouble := self._stopped.error or self._feeder.error) is not None:
            raise trouble

    async def _start(self) -> None:
        operation, start = self._operation, asyncio.get_running_loop().create_task
        operation.check()
        entries = await self._writer.open(operation.path, operation.verb, self._settings.keys)
        opened_at = self._clock()  # an earlier owner of the journal sends nothing from here on
        if self._writer.resumes:
            self._service.resume(self._writer.service_time, self._writer.started_at)
        else:
            self._writer.job_began = self._service.job_began
        if self._screening is None and not operation.idempotent:
            self._writer.refuse_if_suspect()
        # A task of its own, which a stop can cancel; this one is the caller's.
        restoring = start(self._claims.restore(entries))
        await asyncio.wait([restoring])
        if restoring.cancelled() and self._stopped.is_set():
            return
        unfinished = restoring.result()
        self._delivery.expect(each.item for each in unfinished)
        unsent = [each.item for each in unfinished if self._is_unsent(each, opened_at)]
        # Until now the journal says of some of them that they were not sent.
        for item in unsent:
            self._writer.note(item, State.IN_FLIGHT)
        await self._writer.write()
        if self._screening is not None:
            self._screening.opened_at = opened_at
        self._feeding = start(guarded(lambda: self._feeder.run(unsent), self._stop))
        self._tasks = [start(guarded(self._writer.keep_writing, self._stop))]
        if (resolver := self._resolver) is not None:
            resolver.looks.job = self._writer.job
            self._tasks.append(start(guarded(partial(self._resolve, resolver), self._stop)))
        self._workers.start(self._settings.max_in_flight)

    def _is_unsent(self, unfinished: Unfinished, opened_at: float) -> bool:
        """Settle a row that an earlier run left, or look for it, unless it is to be sent."""
        item, entry = unfinished
        if entry.state is State.UNDELIVERED and entry.sid is not None:
            self._delivery.put(item, carried_out(item, entry.sid, entry.error))
        elif entry.state is State.PENDING or self._operation.idempotent:
            if item.invalid is None:
                return True
            self._delivery.put(item, Rejected(item.row, item.invalid))
        elif self._resolver is None:
            self._delivery.put(item, unresolved(item))
        else:
            item.accepted = entry.state is State.ACCEPTED_WITHOUT_SID
            self._resolver.add(item, None, opened_at, from_earlier_run=True)
        return False

    def _hold_last(self) -> bool:
        """Whether a row that is sent alone waits, to be a sentinel for all rows in doubt."""
        resolver = self._resolver
        return resolver is not None and (
            resolver.too_recent(self._clock()) or (self._queue.is_held and resolver.is_failing)
        )

    def _settle(self, item: Item, fate: Fate) -> None:
        """Deliver a row that was sent, or pass it on."""
        match fate:
            case Made(done=done, started_at=started_at):
                if self._resolver is not None and item.key is not None:
                    sentinel = Sentinel(started_at, item.key, done.created)
                    self._resolver.sentinels.note(sentinel)
                self._delivery.put(item, done.effect(item.row, done.sid))
            case Refused(error=refusal, certain=certain):
                self._delivery.put(item, refused(item, refusal, certain=certain))
            case Lost(error=error):
                self._doubt(item, error)
            case Unsent(error=error_of_all):
                self._writer.release(item)
                self._stop(error_of_all)
            case Gone():
                self._delivery.forget(item)

    def _doubt(self, item: Item, error: AiotaskError) -> None:
        item.error = error
        if self._resolver is None:
            self._delivery.put(item, unresolved(item))
            return
        if self._operation.accepted(error):
            item.accepted = True
            self._writer.note(item, State.ACCEPTED_WITHOUT_SID)
        self._resolver.add(item, error, self._clock())
        self._queue.is_held = self._resolver.is_full
        if self._sender.is_stalled:
            # Creates have failed for so long. What is in doubt stays so in the journal.
            self._stop(error)

    async def _resolve(self, resolver: Resolver) -> None:
        """Deliver rows in doubt as the resolver decides, or send them again."""
        async for verdicts in resolver.verdicts():
            for verdict in verdicts:
                self._obey(verdict)
            self._queue.is_held = resolver.is_full
            self._queue.look_again()
            if self._is_over():
                self._delivery.changed.set()

    def _obey(self, verdict: Verdict) -> None:
        match verdict:
            case Exists(item=item, sid=sid):
                self._exists(item, sid)
            case Undecided(item=item):
                self._delivery.put(item, unresolved(item))
            case Absent(item=item):
                self._send_again(item)

    def _exists(self, item: Item, sid: str) -> None:
        """Deliver a row that became a resource."""
        self._sender.progress()
        self._delivery.put(item, carried_out(item, sid, None))

    def _send_again(self, item: Item) -> None:
        """Send a row again that certainly had no effect, unless that was tried often enough."""
        if item.invalid is not None:
            self._delivery.put(item, Rejected(item.row, item.invalid))
            return
        if item.error is not None:
            if item.tries >= MAX_TRIES:
                item.error.maybe_applied = False
                self._delivery.put(item, Rejected(item.row, item.error))
                return
            self._operation.hooks.retrying(item.tries, 0.0, item.error)
        self._queue.add([item])

    def _is_over(self) -> bool:
        if not self._delivery.is_empty:
            return False
        if self._stopped.is_set():
            if not self._workers.running and not self._writer.durable and self._resolver:
                # Nothing will look for them any more.
                for verdict in self._resolver.drop():
                    self._obey(verdict)
            return not self._workers.running and self._delivery.is_empty
        return self._queue.complete and self._queue.is_quiet and not self.in_doubt

    def _stop(self, error: Exception | None) -> None:
        """Send nothing more; the first error is the one that is raised in the end."""
        if not self._stopped.set(error):
            return
        for task in self._tasks:
            task.cancel()
        for item in self._queue.drain():
            self._writer.release(item)
        self._delivery.space.set()
        self._delivery.changed.set()

    async def _finish(self) -> None:
        if not self._stopped.is_set() and self._is_over():
            self._sender.pause.end()  # what was in doubt was all that was left
        self._stop(None)
        for task in (*self._tasks, *self._workers.tasks):
            task.cancel()
        # A claim that is being committed is in the journal when this ends, and is released then.
        feeding = () if self._feeding is None else (self._feeding,)
        await asyncio.gather(*self._tasks, *self._workers.tasks, *feeding, return_exceptions=True)
        self._sender.close()
        self._source.close()
        if self._screening is not None:
            self._screening.close()
        for item, outcome in self._delivery.drain():
            self._writer.undelivered(item, outcome)
        try:
            await self._writer.write()
        except JournalError as error:
            self._stopped.set(error)
        finally:
            await self._writer.close()
