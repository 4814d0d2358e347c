"""A run on a shared journal: loads a job's rows, works along, and delivers every outcome.

Others may work on the job, or end it. Whoever did a row, its outcome comes from the journal, at
least once: a run that is started again delivers those of all rows.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from typing import Any, Generic, NamedTuple, TypeVar

import attrs

from aiotask._owner import running_owner
from aiotask._rate_limiter import RateLimiter
from aiotask.bulk.beats import Lanes
from aiotask.bulk.claims import Prepared
from aiotask.bulk.item import Item
from aiotask.bulk.journal.postgres_jobs import (
    Ended,
    Job,
    begin,
    difference,
    follow,
    suspect,
)
from aiotask.bulk.journal.records import State
from aiotask.bulk.keys import new_job
from aiotask.bulk.leases import Link
from aiotask.bulk.loader import Loader
from aiotask.bulk.lookup import Lookup
from aiotask.bulk.operation import Operation
from aiotask.bulk.outcome_stream import OutcomeStream
from aiotask.bulk.outcomes import Outcome, Rejected, Unresolved, ended
from aiotask.bulk.rows import Source, source_of
from aiotask.bulk.run import Run
from aiotask.bulk.settings import Settings
from aiotask.bulk.shared_journal import SharedJournal
from aiotask.bulk.wait_queue import to_its_end
from aiotask.bulk.watch import Watch
from aiotask.bulk.windows import JobWindows
from aiotask.errors import AiotaskError, ClientStateError, ForeignJournalError, JournalError

Row = TypeVar("Row")

_DRAIN = 30.0  # seconds for rows under way when the caller leaves
_LOOK = 0.25  # seconds between two looks at what others did
# Rows that are loaded ahead of their outcomes: the caller's own objects are kept for these.
_AHEAD = 20_000


async def _nothing() -> None:
    pass


def _ignore(_: object) -> None:
    pass


class Destination(NamedTuple):
    """Where the tasks of a job go: *account* is None where only an API key is known."""

    account: str | None
    host: str


def _no_lanes() -> Mapping[str, RateLimiter]:
    return {}


class SharedRun(Generic[Row]):
    """One run: iterate ``outcomes`` to do it, call ``stop`` to end it early.

    A *journal* that is a URL is opened for the run, and one that is open stays so.
    """

    def __init__(
        self,
        source: Source[Row],
        operation: Operation,
        settings: Settings,
        lookup: Lookup | None,
        journal: SharedJournal | str,
        place: Destination,
        lanes: Lanes = _no_lanes,
    ) -> None:
        if settings.job is None:
            raise ValueError("job: a journal in PostgreSQL has many, so that this one needs a name")
        if settings.keys.scope != "job":
            raise ValueError("keys: in the scope of a workspace, a journal has to be a file")
        self._source = source
        self._operation = operation
        self._settings = settings
        self._lookup = lookup
        self._own = SharedJournal(journal) if isinstance(journal, str) else None
        self._journal = self._own or journal
        self._place = place
        self._lanes = lanes
        self._name = settings.job
        self._stopped = False
        self._link: Link | None = None
        self._job: Job | None = None
        self._horizon = "0"
        self._run: Run[Any] | None = None
        self._loading: asyncio.Task[None] | None = None
        self._working: asyncio.Task[None] | None = None
        self._waiting: dict[int, Item] = {}
        self._ready: deque[tuple[Item, Outcome[Row]]] = deque()
        self._reasons: dict[int, Exception] = {}
        self._changed = asyncio.Event()
        self._watch: Watch | None = None
        self._room = asyncio.Event()
        self.error: BaseException | None = None
        """The first error that ended the run."""

    @property
    def job(self) -> str:
        """The job's name as its resources carry it; empty before the run has begun."""
        return "" if self._job is None else self._job.id

    @property
    def begun(self) -> bool:
        """Whether this process sent any row."""
        return self._run is not None and self._run.begun

    @property
    def limiter(self) -> RateLimiter:
        """The rate limiter of the operation: requests in flight, and refusals so far."""
        return self._operation.limiter

    @property
    def in_doubt(self) -> int:
        """The number of rows that this process looks for."""
        return 0 if self._run is None else self._run.in_doubt

    @property
    def waiting(self) -> Collection[Item]:
        """The loaded rows whose outcome was not delivered yet."""
        return [*self._waiting.values(), *(item for item, _ in self._ready)]

    @property
    def service_is_down(self) -> bool:
        """Whether the circuit is open: the service seems down, and only probes are sent."""
        return self._run is not None and self._run.service_is_down

    def stop(self) -> None:
        """Send nothing more from here; rows under way end, and their outcomes are delivered."""
        self._stopped = True
        if self._loading is not None:
            self._loading.cancel()
        if self._run is not None:
            self._run.stop()
        self._changed.set()

    def outcomes(self) -> OutcomeStream[Outcome[Row]]:
        """Yield outcomes as they are known; then raise the error that stopped the run, if any."""
        return OutcomeStream(
            self._outcomes(), self._watched, self._operation.retry.clock, durable=True
        )

    def _watched(self, watch: Watch) -> None:
        self._watch = watch

    async def _outcomes(self) -> AsyncGenerator[Outcome[Row], None]:
        running_owner()
        try:
            await self._start()
            while True:
                is_ending = self._is_ending()
                await self._follow()
                while self._ready:
                    yield self._ready[0][1]
                    self._ready.popleft()
                    self._room.set()
                if is_ending and (self._stopped or not self._waiting):
                    break
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK):
                        await self._changed.wait()
                self._changed.clear()
        finally:
            await to_its_end(self._finish())
        if self.error is not None:
            raise self.error

    async def load(self) -> int:
        """Load all rows, and do nothing else; return how many were not there before."""
        try:
            link, job = await self._open()
            loader = self._loader(_nothing, _ignore, _ignore)
            await loader.run(link, job)
        finally:
            await to_its_end(self._finish())
        return loader.loaded

    async def _open(self) -> tuple[Link, Job]:
        if self._own is not None:
            await self._own.open()
        self._link = link = self._shared.link(lambda: self._stopped)
        await link.open()
        self._job = job = await link.call(lambda db: begin(db, self._wanted()))
        self._check(job)
        if self._settings.look_first:
            await link.call(lambda db: suspect(db, job.id))
        return link, job

    def _loader(
        self,
        room: Callable[[], Awaitable[None]],
        expect: Callable[[list[Prepared]], None],
        known: Callable[[list[Ended]], None],
    ) -> Loader:
        source, operation, settings = self._source, self._operation, self._settings
        return Loader(source, operation, settings, self._shared.where, room, expect, known)

    async def _start(self) -> None:
        self._operation.check()
        link, job = await self._open()
        journal, self._horizon = self._shared, job.horizon
        journal.share(self._place.host, self._lanes)
        await journal.join(self._operation.limiter)
        repeats = self._operation.idempotent
        windows = JobWindows(journal, job, self._is_loaded, self._written, repeats=repeats)
        settings = attrs.evolve(self._settings, journal=None, look_first=False)
        nothing = source_of(list[Any]())
        self._run = Run(nothing, self._operation, settings, self._lookup, windows)
        if self._watch is not None:
            self._run.watched(self._watch, outcomes=False)
            self._watch.settings["journal"] = journal.where
            self._watch.settings["job"] = job.name
        loader = self._loader(self._wait_for_room, self._expect, self._take)
        start = asyncio.get_running_loop().create_task
        self._loading = start(self._load(loader, link, job))
        self._working = start(self._work(self._run))
        if self._stopped:
            self.stop()

    @property
    def _shared(self) -> SharedJournal:
        if not isinstance(self._journal, SharedJournal) or not self._journal.is_open:
            raise ClientStateError("the journal is not open: use `async with journal:`")
        return self._journal

    def _wanted(self) -> Job:
        operation, keys = self._operation, self._settings.keys
        return Job(
            new_job(),
            self._name,
            operation.verb,
            operation.path,
            self._place.account,
            self._place.host,
            keys.attribute,
            keys.row_key is not None,
        )

    def _check(self, job: Job) -> None:
        """Refuse a job that was begun with other settings."""
        if (why := difference(self._wanted(), job)) is not None:
            why = f"has another job of the name {self._name!r}: {why}"
            raise self._shared.error(ForeignJournalError, why)

    def _is_loaded(self) -> bool:
        return self._loading is not None and self._loading.done()

    def _is_ending(self) -> bool:
        """Whether what the journal has now is all that this run delivers."""
        worked = self._working is not None and self._working.done()
        return worked if self._stopped else self._is_loaded() and not self._waiting

    async def _load(self, loader: Loader, link: Link, job: Job) -> None:
        try:
            await loader.run(link, job)
        except asyncio.CancelledError:
            if not self._stopped:
                raise
        except (JournalError, KeyboardInterrupt, SystemExit) as error:
            self._end(error)
        except BaseException as error:  # noqa: BLE001 - raised when all rows before it are done
            self.error = self.error or error
        finally:
            self._changed.set()

    async def _work(self, run: Run[Any]) -> None:
        try:
            async for _ in run.outcomes():
                pass
        except Exception as error:  # noqa: BLE001 - raised when what is known was delivered
            self._end(error)
        finally:
            self._changed.set()

    def _end(self, error: BaseException) -> None:
        self.error = self.error or error
        self.stop()

    async def _wait_for_room(self) -> None:
        while len(self._waiting) + len(self._ready) >= _AHEAD:
            self._room.clear()
            await self._room.wait()

    def _expect(self, portion: list[Prepared]) -> None:
        for item, error in portion:
            self._waiting[item.number] = item
            if error is not None:
                self._reasons[item.number] = error

    def _written(self, told: list[tuple[Item, Any]]) -> None:
        for item, outcome in told:
            if isinstance(outcome, Rejected | Unresolved):
                self._reasons[item.number] = outcome.error
        self._changed.set()

    async def _follow(self) -> None:
        """Read what ended since the last look, whoever did it."""
        if self._link is not None and self._job is not None:
            job, since = self._job.id, self._horizon
            ends, self._horizon = await self._link.call(lambda db: follow(db, job, since))
            self._take(ends)

    def _take(self, ends: list[Ended]) -> None:
        for end in ends:
            if (item := self._waiting.pop(end.number, None)) is not None:
                outcome = self._outcome(item.row, end)
                self._ready.append((item, outcome))
                if self._watch is not None:
                    self._watch.outcome(item.number, item.source_line, outcome)
                self._changed.set()

    def _outcome(self, row: Row, end: Ended) -> Any:
        reason = self._reasons.pop(end.number, None) or AiotaskError(end.error or "refused")
        return ended(row, State(end.state), end.sid or "", reason)

    async def _finish(self) -> None:
        self.stop()
        tasks = [task for task in (self._loading, self._working) if task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_DRAIN)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._source.close()
        if self._link is not None:
            await self._link.close()
        if self._own is not None:
            await self._own.close()
