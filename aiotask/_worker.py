"""Worker of a shared journal: does rows of all jobs of an account, whoever loaded them."""

import asyncio
import logging
import re
from contextlib import suppress
from functools import partial
from typing import Any

from aiotask._client import Client
from aiotask.bulk import Keys, Run, Settings, SharedJournal, source_of
from aiotask.bulk.journal.postgres_jobs import Job, open_jobs
from aiotask.bulk.windows import JobWindows
from aiotask.errors import JournalError
from aiotask.taskrouter import Tasks

_log = logging.getLogger("aiotask")

_VERB = "tasks.create"
_WORKSPACE = re.compile("/Workspaces/(WS[0-9a-fA-F]{32})/Tasks$")
_LOOK = 5.0  # seconds between two looks for jobs, unless the journal's bell rings
_APART = 0.05  # seconds: many rings are one
_REST = 30.0  # seconds after an error of a whole job
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
        self._error: JournalError | None = None

    def stop(self) -> None:
        """Take no more rows: those under way end, others are given back, and ``run`` returns."""
        self._stopped.set()
        self._journal.bell.ring()

    async def run(self) -> None:
        """Work until stopped; a JournalError says that the journal cannot be used any more."""
        # The place of any workspace of the client is that of all.
        _, _, place = self._tasks_of("WS" + "0" * 32).parts(None)
        link = self._journal.link(self._stopped.is_set)
        await link.open()
        try:
            while not self._stopped.is_set():
                rung = self._journal.bell.rung
                for job in await link.call(
                    lambda db: open_jobs(db, _VERB, place.host, place.account)
                ):
                    self._begin(job)
                await self._journal.bell.wait(rung, _LOOK)
                await asyncio.sleep(_APART)
        finally:
            await self._drain()
            await link.close()
        if self._error is not None:
            raise self._error

    def _tasks_of(self, workspace: str) -> Tasks:
        return self._client.taskrouter.workspace(workspace).tasks

    def _begin(self, job: Job) -> None:
        """Work on a job, unless that is done already."""
        found = _WORKSPACE.search(job.target)
        if job.id in self._tasks or found is None:
            return
        creation, lookup, _ = self._tasks_of(found[1]).parts(job.key_attribute)
        if creation.path != job.target:
            return  # of the same host by another base URL
        windows = JobWindows(self._journal, job, lambda: True, lambda _: None)
        settings = self._settings(keys=Keys(job.key_attribute))
        run = Run(source_of(list[Any]()), creation, settings, lookup, windows)
        self._runs[job.id] = run
        self._tasks[job.id] = asyncio.get_running_loop().create_task(self._work(job, run))

    async def _work(self, job: Job, run: Run[Any]) -> None:
        try:
            async for _ in run.outcomes():
                pass
        except JournalError as error:
            self._error = self._error or error
            self.stop()
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
        self._stopped.set()
        for run in self._runs.values():
            run.stop()
        if tasks := [*self._tasks.values()]:
            _, late = await asyncio.wait(tasks, timeout=_DRAIN)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
