"""Worker of a shared journal: does rows of all jobs of an account, whoever loaded them."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from aiotask._client import Client
from aiotask._rate_limiter import RateLimiter
from aiotask.bulk import Keys, Lookup, Operation, Run, Settings, SharedJournal, source_of
from aiotask.bulk.journal.postgres_jobs import Job, open_jobs
from aiotask.bulk.journal.postgres_windows import free_in, to_offer
from aiotask.bulk.offers import Offers
from aiotask.bulk.wait_queue import guarded
from aiotask.bulk.windows import JobWindows
from aiotask.errors import JournalError
from aiotask.taskrouter import Tasks
from aiotask.taskrouter._upserted import Upserted

Submit = Callable[[Sequence[tuple[str, int]]], Awaitable[None]]
"""Tells an engine of windows, each by its job and its first row."""

_log = logging.getLogger("aiotask")

_CREATE = "tasks.create"
_NAMED = ("workers", "task_queues", "activities", "workflows", "task_channels")
_VERBS = (
    _CREATE,
    *(f"tasks.{verb}" for verb in ("update", "cancel", "complete", "delete")),
    *(f"workers.{verb}" for verb in ("update", "delete")),
    *(f"{kind}.upsert" for kind in _NAMED),
)
_WORKSPACE = re.compile(
    "/Workspaces/(WS[0-9a-fA-F]{32})/(Tasks|Workers|TaskQueues|Activities|Workflows|TaskChannels)$"
)
_ANY = "WS" + "0" * 32  # any workspace of a client is in the same place as all
_LOOK = 5.0  # seconds between two looks for jobs, unless the journal's bell rings
_APART = 0.05  # seconds: many rings are one
_REST = 30.0  # seconds after an error of a whole job
_SWEEP = 1.0  # seconds between two looks for windows that an engine is to be told of
_TOLD = 64  # windows that it is told of at once
_DRAIN = 30.0  # seconds for rows under way at the end


class Worker:
    """Works on the jobs of a :class:`~aiotask.SharedJournal`: ``await Worker(...).run()``.

    Both *journal* and *client* are open while it runs. It takes rows of every job of the client's
    account and host, until :meth:`stop` is called. *settle* is as for ``create_many``;
    *max_in_flight*, by default the client's number of connections, and *max_rate* are for each job.
    """

    def __init__(
        self,
        journal: SharedJournal,
        client: Client,
        *,
        settle: float = 60.0,
        max_in_flight: int | None = None,
        max_rate: float | None = None,
    ) -> None:
        self._journal = journal
        self._client = client
        session = client._session  # noqa: SLF001 - a part of the client
        self._settle = settle
        self._settings = partial(
            Settings,
            settle=settle,
            max_in_flight=session.max_connections if max_in_flight is None else max_in_flight,
            max_rate=max_rate,
        )
        self._settings(keys=Keys(None))  # wrong ones are told at once
        self._stopped = asyncio.Event()
        self._runs: dict[str, Run[Any]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._offers: dict[str, Offers] = {}
        self._submit: Submit | None = None
        self._running = asyncio.Event()
        self._beside: set[asyncio.Task[None]] = set()  # that use the link, too
        self._error: JournalError | None = None

    def stop(self) -> None:
        """Take no more rows: those under way end, others are given back, and ``run`` returns."""
        self._stopped.set()
        self._running.set()  # what an engine names now is left to others
        self._journal.bell.ring()

    def use_engine(self, submit: Submit) -> None:
        """Have an engine tell which window is done where, by :meth:`do`; to be called before `run`.

        *submit* passes windows on to it. It may lose, repeat and delay them as it likes: a worker
        that hears of none for a second takes one from the journal.
        """
        self._submit = submit

    async def run(self) -> None:
        """Work until stopped; a JournalError says that the journal cannot be used any more."""
        self._link = self._journal.link(self._stopped.is_set)
        await self._link.open()
        _, _, place = self._tasks_of(_ANY).parts(None)
        self._journal.share(place.host, lambda: self._client._session.connections.lanes)  # noqa: SLF001
        self._running.set()
        try:
            if self._submit is not None:
                sweep = asyncio.create_task(guarded(partial(self._sweep, self._submit), self._fail))
                self._beside.add(sweep)
            while not self._stopped.is_set():
                rung = self._journal.bell.rung
                await self._look()
                await self._journal.bell.wait(rung, _LOOK)
                await asyncio.sleep(_APART)
        finally:
            await self._drain()
            await self._link.close()
        if self._error is not None:
            raise self._error

    async def do(self, job: str, first: int) -> None:
        """Do a window that an engine names, or see that it is done; ``run`` has to run meanwhile.

        One that another worker has is waited for, until it is done or the other's lease is over.
        """
        await self._running.wait()
        task = asyncio.create_task(self._do(job, first))
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)
        await task

    async def _do(self, job: str, first: int) -> None:
        length = self._journal.terms.length
        while not self._stopped.is_set():
            left = await self._link.call(lambda db: free_in(db, job, first, length))
            if left is None:
                return
            if left <= 0:
                if job not in self._offers:
                    await self._look()
                if (offers := self._offers.get(job)) is None:
                    return  # of another account, or resting
                if (lease := await offers.give(first)) is not None:
                    await lease.over()
                    continue
            with suppress(TimeoutError):
                async with asyncio.timeout(max(left, _APART)):
                    await self._stopped.wait()

    async def _look(self) -> None:
        """Begin to work on all jobs that there are."""
        _, _, place = self._tasks_of(_ANY).parts(None)
        for job in await self._link.call(
            lambda db: open_jobs(db, _VERBS, place.host, place.account)
        ):
            if not self._stopped.is_set():
                self._begin(job)

    async def _sweep(self, submit: Submit) -> None:
        """Tell an engine of windows that nobody has, again and again."""
        length = self._journal.terms.length
        while not self._stopped.is_set():
            rung, windows = self._journal.bell.rung, list[tuple[str, int]]()
            if jobs := [*self._offers]:
                windows = await self._link.call(
                    partial(to_offer, jobs=jobs, length=length, most=_TOLD)
                )
            try:
                if windows:
                    await submit(windows)
            except Exception as error:  # noqa: BLE001 - workers go on without it
                _log.warning("the engine was not told of %d windows: %s", len(windows), error)
            if len(windows) < _TOLD:
                await self._journal.bell.wait(rung, _SWEEP)
            await asyncio.sleep(_APART)

    def _fail(self, error: Exception) -> None:
        if isinstance(error, JournalError):
            self._error = self._error or error
        self.stop()

    def _tasks_of(self, workspace: str) -> Tasks:
        return self._client.taskrouter.workspace(workspace).tasks

    def _begin(self, job: Job) -> None:
        """Work on a job, unless that is done already."""
        found = _WORKSPACE.search(job.target)
        if job.id in self._tasks or found is None:
            return
        operation, lookup = self._operation_of(job, found[1])
        if operation is None or operation.path != job.target:
            return  # of the same host by another base URL
        offers = None if self._submit is None else Offers()
        windows = JobWindows(
            self._journal, job, lambda: True, lambda _: None, offers, repeats=operation.idempotent
        )
        settings = self._settings(keys=Keys(job.key_attribute))
        run = Run(source_of(list[Any]()), operation, settings, lookup, windows)
        self._runs[job.id] = run
        if offers is not None:
            self._offers[job.id] = offers
        self._tasks[job.id] = asyncio.get_running_loop().create_task(
            self._work(job, run, operation.limiter)
        )

    def _operation_of(self, job: Job, workspace: str) -> tuple[Operation | None, Lookup | None]:
        """Return what does a job's rows, and what finds them again where that is needed."""
        if job.verb == _CREATE:
            creation, lookup, _ = self._tasks_of(workspace).parts(job.key_attribute)
            return creation, lookup
        context = self._client.taskrouter.workspace(workspace)
        kind, _, verb = job.verb.partition(".")
        if verb == "upsert":
            upserted: Upserted[Any] = getattr(context, kind)
            return upserted.upsert_of(self._settle), None
        return (context.workers if kind == "workers" else context.tasks).change_of(verb), None

    async def _work(self, job: Job, run: Run[Any], limiter: RateLimiter) -> None:
        try:
            await self._journal.join(limiter)
            try:
                async for _ in run.outcomes():
                    pass
            finally:
                if (offers := self._offers.pop(job.id, None)) is not None:
                    offers.close()
        except JournalError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - other jobs go on
            _log.warning("work on the job %s rests for %.0f s: %s", job.name, _REST, error)
            with suppress(TimeoutError):
                async with asyncio.timeout(_REST):
                    await self._stopped.wait()
        finally:
            del self._runs[job.id], self._tasks[job.id]
            self._journal.bell.ring()  # rows may have come in when it was ending

    async def _drain(self) -> None:
        """End all runs; their leases are renewed meanwhile."""
        self.stop()
        for run in self._runs.values():
            run.stop()
        if tasks := [*self._tasks.values(), *self._beside]:
            _, late = await asyncio.wait(tasks, timeout=_DRAIN)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
