"""One job of a kill campaign: a program that is killed and started again, and its service.

Each job has a sandbox of its own, in this process, which is never killed. Its program is
``kill/driver.py``.
"""

import asyncio
import os
import shutil
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import get_args

from aiotask.sandbox import FaultKind, Sandbox
from kill.changes import ChangesComparison
from kill.comparison import Comparison
from kill.incidents import OF_JOURNALS, Incident, JournalFiles, JournalIncident
from kill.memory import Memory
from kill.others import Others
from kill.plan import Job, Plan
from kill.service import ServiceSide
from kill.verbs import WORKS

FAULTS = 0.22
LATE = 0.6  # seconds

_DRIVER = "kill.driver"
_FOLDER = Path(__file__).parents[1]
# A refusal is no trouble for a client that finds its pace, and slows it down: there are fewer.
_FAULT_KINDS: list[FaultKind] = [
    kind for kind in get_args(FaultKind) for _ in range(1 if kind == "before_429" else 5)
]
_SOONEST, _LATEST = 0.3, 2.2  # seconds from a driver's beginning to its death ...
_EARLY = 0.1  # ... of which this share is killed sooner, when the journal is made or read
_LONGEST = 300.0  # seconds for a run that is not killed
_CLOSELY = 5.0  # seconds more, where a journal is looked at closely first
_BEFALLEN = 0.7  # share of the kills after which something befalls the journal
_PAUSED = 1.0, 3.0  # seconds that a program is suspended
_JUMPS = [sign * hours * 3600.0 for sign in (-1, 1) for hours in (1, 24, 240)]


class JobRun:
    """Runs one job to its end: start, kill, start again, compare."""

    _sandbox: Sandbox
    _workspace: str
    _side: ServiceSide | Others

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
        self._files = JournalFiles(job.folder / "journal", random, job.incidents)
        self._memory = Memory(plan.rows)
        self._between = [kind for kind in OF_JOURNALS if kind in plan.incidents]
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
            routing=self._ending or bool(plan.incidents),  # it also removes what has ended
            seed=job.seed,
        ) as self._sandbox:
            sandbox = self._sandbox
            self._side, sids = await self._prepared()
            interfering = asyncio.ensure_future(self._interfere())
            try:
                is_over = await self._run_to_the_end()
            finally:
                interfering.cancel()
            if is_over:
                await self._compare(sids)
            job.injected, job.sent = sandbox.injected, self._sent()
        job.seconds = time.perf_counter() - began
        if not job.wrong:
            shutil.rmtree(job.folder)

    async def _prepared(self) -> tuple[ServiceSide | Others, list[str]]:
        """Make the workspace, and what rows of another verb than create name."""
        sandbox, plan, job = self._sandbox, self._plan, self._job
        if plan.verb == "create":
            self._workspace = sandbox.create_workspace("campaign")
            return ServiceSide(
                sandbox, self._workspace, self._random, plan.incidents, job.incidents
            ), []
        work = WORKS[plan.verb]
        sids = await work.prepared(sandbox, plan.rows)
        (self._workspace,) = sandbox.workspaces
        path = job.folder / "sids"
        path.write_text("\n".join(sids), encoding="ascii")
        self._options += ["--verb", plan.verb, "--sids", path]
        others = Others(
            sandbox,
            self._workspace,
            work,
            work.numbers(sandbox, sids),
            self._random,
            plan.incidents,
            job.incidents,
        )
        return others, sids

    def _sent(self) -> int:
        """Return the number of requests that change something."""
        requests = self._sandbox.requests
        if self._plan.verb == "create":
            return requests["POST Tasks"]
        return sum(count for name, count in requests.items() if not name.startswith("GET "))

    async def _interfere(self) -> None:
        if isinstance(self._side, Others):
            await self._side.keep_interfering()
        elif self._ending:
            await self._side.keep_completing()

    async def _run_to_the_end(self) -> bool:
        failures = 0
        while True:
            killing = self._job.kills < self._kills
            codes = await self._run_once(self._files.path, self._moment() if killing else None)
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
            await self._between_runs()

    async def _between_runs(self) -> None:
        if self._between:
            if self._random.random() < _BEFALLEN:
                await self._befall(self._random.choice(self._between))
            if self._random.random() < 1 / 2:
                self._files.back_up()
        if self._ending and (self._plan.ending or self._random.random() < 1 / 2):
            await self._side.leap()

    async def _befall(self, incident: JournalIncident) -> None:
        """Let an incident befall the journal."""
        done = True
        if not incident.startswith("copy run"):
            done = self._files.befall(incident)
        elif self._files.path.exists():
            copy = self._files.copy()
            self._job.incidents[incident] += 1
            codes = await self._run_once(copy, self._moment())
            if not {None, 0} & {*codes}:
                self._job.wrong["driver failed"].append(f"with {codes} on a copy; see {self._log}")
            if incident == "copy run, and gone on with":
                self._files.path = copy
        if done:
            self._note(incident)

    def _note(self, incident: str) -> None:
        """Write an incident into the log, among the messages of the program."""
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"--- {incident}; the journal is {self._files.path.name}\n")

    def _befalls(self, incident: Incident, share: float) -> bool:
        return incident in self._plan.incidents and self._random.random() < share

    def _moment(self) -> float:
        if self._random.random() < _EARLY:
            return self._random.uniform(0, _SOONEST)
        looks_closely = self._between and self._plan.verb == "create"
        more = self._random.uniform(0, _CLOSELY) if looks_closely else 0.0
        return self._random.uniform(_SOONEST, _LATEST) + more

    async def _run_once(self, journal: Path, death: float | None) -> list[int | None]:
        """Run the driver, or several; return how each ended, with None for those killed here."""
        if isinstance(self._side, Others):
            befallen = any(self._job.incidents[each] for each in OF_JOURNALS)
            self._memory.begin(journal, is_suspect=befallen)
            self._side.see_no_more_of(self._memory.ended, LATE)
        drivers = [await self._start(journal) for _ in range(self._plan.drivers)]
        disturbing = asyncio.ensure_future(self._disturb(drivers))
        try:
            ends = [asyncio.ensure_future(driver.wait()) for driver in drivers]
            await asyncio.wait(ends, timeout=_LONGEST if death is None else death)
            return [driver.returncode for driver in drivers]
        finally:
            disturbing.cancel()
            for driver in drivers:
                if driver.returncode is None:
                    driver.kill()
                await driver.wait()
            if isinstance(self._side, Others):
                self._memory.end(journal)

    async def _disturb(self, drivers: Sequence[Process]) -> None:
        """Suspend the program, or let time leap, while it runs."""
        await asyncio.sleep(self._random.uniform(0, _LATEST))
        if self._befalls("time leapt in mid-run", 1 / 4):
            self._job.incidents["time leapt in mid-run"] += 1
            await self._side.leap()
        running = [driver for driver in drivers if driver.returncode is None]
        if running and self._befalls("program suspended", 1 / 3):
            self._job.incidents["program suspended"] += 1
            for driver in running:
                driver.send_signal(signal.SIGSTOP)
            await asyncio.sleep(self._random.uniform(*_PAUSED))
            await self._side.leap()
            for driver in running:
                driver.send_signal(signal.SIGCONT)

    async def _start(self, journal: Path) -> Process:
        words = [_DRIVER, self._sandbox.url, self._workspace, journal, self._outcomes]
        options = [*self._options]
        if self._befalls("clock jumped", 1 / 3):
            self._job.incidents["clock jumped"] += 1
            first, second = self._random.choice(_JUMPS), self._random.choice(_JUMPS)
            options += ["--clock", f"0:{first:g}", f"{self._random.uniform(0, _LATEST)}:{second:g}"]
        environment = {
            **os.environ,
            "TWILIO_ACCOUNT_SID": self._sandbox.account_sid,
            "TWILIO_AUTH_TOKEN": self._sandbox.auth_token,
            "PYTHONPATH": os.pathsep.join([str(_FOLDER), *filter(None, [os.getenv("PYTHONPATH")])]),
            # Where nothing may be written beside the sources, every start would compile them.
            "PYTHONPYCACHEPREFIX": str(self._plan.folder / "compiled"),
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        with self._log.open("ab") as log:
            driver = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *map(str, [*words, *options]), stdout=PIPE, stderr=log,
                env=environment,
            )  # fmt: skip
        if driver.stdout is not None:
            await driver.stdout.readline()
        return driver

    async def _compare(self, sids: Sequence[str]) -> None:
        await asyncio.sleep(LATE + 2 * self._plan.lag)  # what is late is there by then
        side = self._side
        if isinstance(side, Others):
            changes = ChangesComparison(self._plan, self._job, side, self._memory, sids)
            changes.judge_all(self._files.path, self._outcomes, self._sandbox)
            return
        self._job.doubled = len(side.doubled)
        comparison = Comparison(self._plan, self._job, self._files.path, side.doubled)
        comparison.judge_all([*side.seen.values()], self._outcomes)
        self._sandbox.faults.share = 0
        await comparison.audit(self._sandbox, self._workspace)
