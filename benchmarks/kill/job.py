"""One job of a kill campaign: a program that is killed and started again, and its service.

Each job has a sandbox of its own, in this process, which is never killed. Its program is
``kill/driver.py``.
"""

import asyncio
import os
import shutil
import sys
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from random import Random
from typing import get_args

from aiotask.sandbox import FaultKind, Sandbox
from kill.comparison import Comparison, Task, task_of
from kill.plan import Job, Plan

FAULTS = 0.22
LATE = 0.6  # seconds

_DRIVER = Path(__file__).with_name("driver.py")
# A refusal is no trouble for a client that finds its pace, and slows it down: there are fewer.
_FAULT_KINDS: list[FaultKind] = [
    kind for kind in get_args(FaultKind) for _ in range(1 if kind == "before_429" else 5)
]
_SOONEST, _LATEST = 0.3, 2.2  # seconds from a driver's beginning to its death ...
_EARLY = 0.1  # ... of which this share is killed sooner, when the journal is made or read
_LONGEST = 300.0  # seconds for a run that is not killed
_LEAP = 400.0  # seconds, after which a service has no task any longer that was at its end
_LOOK_EVERY = 0.2


class JobRun:
    """Runs one job to its end: start, kill, start again, compare."""

    def __init__(self, plan: Plan, job: Job, kills: int) -> None:
        self._plan = plan
        self._job = job
        self._kills = kills
        self._random = random = Random(job.seed)
        self._options: list[object] = ["--rows", plan.rows]
        self._options += ["--in-flight", random.choice([10, 50, 100])]
        if plan.without is not None:
            self._options += ["--without", plan.without]
        named, awaited, self._ending = (
            random.random() < 1 / 2 if wanted is None else wanted
            for wanted in (plan.named, plan.awaited, plan.ending)
        )
        self._options += ["--named"] * named + ["--awaited"] * awaited
        self._seen: dict[str, Task] = {}
        self._journal = job.folder / "journal"
        self._outcomes = job.folder / "outcomes"
        self._log = job.folder / "driver.log"

    async def run(self) -> None:
        """Run, kill, run again ..., and compare; what is in order leaves no files."""
        job, plan = self._job, self._plan
        job.folder.mkdir(parents=True)
        began = time.perf_counter()
        async with Sandbox(
            faults=FAULTS,
            fault_kinds=_FAULT_KINDS,
            late=LATE,
            index_lag=plan.lag,
            routing=self._ending,  # it also removes what has ended
            seed=job.seed,
        ) as sandbox:
            workspace = sandbox.create_workspace("campaign")
            watching = asyncio.get_running_loop().create_task(self._watch(sandbox, workspace))
            try:
                ended = await self._run_to_the_end(sandbox, workspace)
            finally:
                watching.cancel()
            if ended:
                await self._compare(sandbox, workspace)
            job.injected, job.sent = sandbox.injected, sandbox.requests["POST Tasks"]
        job.seconds = time.perf_counter() - began
        if not job.wrong:
            shutil.rmtree(job.folder)

    async def _run_to_the_end(self, sandbox: Sandbox, workspace: str) -> bool:
        failures = 0
        while True:
            killing = self._job.kills < self._kills
            codes = await self._run_once(sandbox, workspace, self._moment() if killing else None)
            if 0 in codes:
                return True
            # With several, one may stop the others where nothing keeps it from their journal.
            failures = 0 if None in codes else failures + 1
            if failures >= self._plan.drivers:
                self._job.wrong["driver failed"].append(f"with {codes}; see {self._log}")
                return False
            if not killing and None in codes:
                self._job.wrong["never ended"].append(f"not within {_LONGEST:g} s")
                return False
            self._job.kills += None in codes
            if self._ending and (self._plan.ending or self._random.random() < 1 / 2):
                self._complete(sandbox, workspace)
                await sandbox.advance(seconds=_LEAP)

    async def _watch(self, sandbox: Sandbox, workspace: str) -> None:
        """Complete a part of the tasks, where tasks come to an end."""
        while self._ending:
            self._complete(sandbox, workspace)
            await asyncio.sleep(_LOOK_EVERY)

    def _complete(self, sandbox: Sandbox, workspace: str) -> None:
        for sid in self._look(sandbox, workspace):
            if self._random.random() < 1 / 2:
                sandbox.set_status(sid, "completed")

    def _look(self, sandbox: Sandbox, workspace: str) -> list[str]:
        """Keep the service's tasks, and return the sids of the new ones."""
        new = [task for task in sandbox.tasks(workspace) if task.sid not in self._seen]
        self._seen.update((task.sid, task_of(task.sid, task.attributes)) for task in new)
        return [task.sid for task in new]

    def _moment(self) -> float:
        if self._random.random() < _EARLY:
            return self._random.uniform(0, _SOONEST)
        return self._random.uniform(_SOONEST, _LATEST)

    async def _run_once(
        self, sandbox: Sandbox, workspace: str, death: float | None
    ) -> list[int | None]:
        """Run the driver, or several; return how each ended, with None for those killed here."""
        drivers = [await self._start(sandbox, workspace) for _ in range(self._plan.drivers)]
        try:
            ends = [asyncio.ensure_future(driver.wait()) for driver in drivers]
            await asyncio.wait(ends, timeout=_LONGEST if death is None else death)
            return [driver.returncode for driver in drivers]
        finally:
            for driver in drivers:
                if driver.returncode is None:
                    driver.kill()
                await driver.wait()

    async def _start(self, sandbox: Sandbox, workspace: str) -> Process:
        words = [_DRIVER, sandbox.url, workspace, self._journal, self._outcomes]
        environment = {
            **os.environ,
            "TWILIO_ACCOUNT_SID": sandbox.account_sid,
            "TWILIO_AUTH_TOKEN": sandbox.auth_token,
            # Where nothing may be written beside the sources, every start would compile them.
            "PYTHONPYCACHEPREFIX": str(self._plan.folder / "compiled"),
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        with self._log.open("ab") as log:
            driver = await asyncio.create_subprocess_exec(
                sys.executable, *map(str, [*words, *self._options]), stdout=PIPE, stderr=log,
                env=environment,
            )  # fmt: skip
        if driver.stdout is not None:
            await driver.stdout.readline()
        return driver

    async def _compare(self, sandbox: Sandbox, workspace: str) -> None:
        await asyncio.sleep(LATE + 2 * self._plan.lag)  # what is late is there by then
        self._look(sandbox, workspace)
        comparison = Comparison(self._plan, self._job, self._journal, ending=self._ending)
        comparison.judge_all([*self._seen.values()], self._outcomes)
        sandbox.faults.share = 0
        await comparison.audit(sandbox, workspace)
