"""The kill campaign's own work: jobs whose program is killed again and again, and what came of it.

Each job has a sandbox of its own, in this process, which is never killed. Its program is
``kill/driver.py``.
"""

import asyncio
import os
import shutil
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple, get_args

import attrs
import msgspec
from kill.driver import expected

from aiotask import Client
from aiotask.bulk import KEY_ATTRIBUTE, State, entries_of, read_summary
from aiotask.bulk.journal.records import Entry
from aiotask.bulk.keys import JOB_ATTRIBUTE
from aiotask.sandbox import FaultKind, Sandbox

FAULTS = 0.22
LATE = 0.6  # seconds
LAG = 0.1

_DRIVER = Path(__file__).parents[1] / "kill" / "driver.py"
# A refusal is no trouble for a client that finds its pace, and slows it down: there are fewer.
_FAULT_KINDS: list[FaultKind] = [
    kind for kind in get_args(FaultKind) for _ in range(1 if kind == "before_429" else 5)
]
_SOONEST, _LATEST = 0.3, 2.2  # seconds from a driver's beginning to its death ...
_EARLY = 0.1  # ... of which this share is killed sooner, when the journal is made or read
_LONGEST = 300.0  # seconds for a run that is not killed
_LEAP = 400.0  # seconds, after which a service has no task any longer that was at its end
_TICK = 0.05
_LOOK_EVERY = 0.2
_SHOWN = 5  # violations of a job that are told in full

_ENDS = {State.CREATED: "created", State.REJECTED: "rejected", State.UNRESOLVED: "unresolved"}
# What an audit cannot see, which knows the journal and the service.
_BEYOND_AUDIT = frozenset({"told otherwise", "never told", "wrongly reported", "unresolved"})


@attrs.frozen(kw_only=True)
class Plan:
    """What every job does: so many *rows*, and so many *kills* at the most.

    *lag* is how many seconds lists are behind. *without* names what its program leaves out, and
    *drivers* is how many of them have the journal at once. The rest is left to chance where it is
    None: whether rows are *named* by keys of their own, whether they are *awaited*, and whether
    tasks are *ending*: completed meanwhile, and removed between two runs.
    """

    folder: Path
    rows: int = 1500
    kills: int = 12
    lag: float = LAG
    without: str | None = None
    drivers: int = 1
    named: bool | None = None
    awaited: bool | None = None
    ending: bool | None = None


@attrs.define
class Job:
    """One job, and what came of it: in *wrong* the violations by kind, each in words."""

    seed: int
    folder: Path
    kills: int = 0
    sent: int = 0
    seconds: float = 0.0
    injected: Counter[FaultKind] = attrs.field(factory=Counter)
    wrong: dict[str, list[str]] = attrs.field(factory=lambda: defaultdict(list))

    def report(self) -> Iterator[str]:
        """Yield lines that say what is wrong."""
        for kind, found in self.wrong.items():
            yield f"job {self.seed}: {len(found):,} {kind}: {'; '.join(found[:_SHOWN])}"


class Task(NamedTuple):
    """A task as the service has it."""

    sid: str
    number: int | None
    key: str | None
    job: str | None


class Campaign:
    """Runs jobs, some at once, with seeds that follow on *seed*.

    ``stall`` is the longest time, in seconds, by which this process, and so every sandbox, was late
    with its work.
    """

    def __init__(self, plan: Plan, seed: int) -> None:
        self.jobs: list[Job] = []
        self.stall = 0.0
        self._plan = plan
        self._seed = seed
        self._left = 0

    async def run(self, kills: int, at_once: int) -> None:
        """Run jobs until so many kills are done."""
        self._left = kills
        watching = asyncio.get_running_loop().create_task(self._watch())
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(at_once):
                    group.create_task(self._some())
        finally:
            watching.cancel()

    @property
    def wrong(self) -> Counter[str]:
        """How many violations there are, by kind."""
        found: Counter[str] = Counter()
        for job in self.jobs:
            found.update({kind: len(each) for kind, each in job.wrong.items()})
        return found

    @property
    def summary(self) -> str:
        """The violations in words."""
        return ", ".join(f"{count:,} {kind}" for kind, count in self.wrong.items()) or "none"

    @property
    def injected(self) -> Counter[FaultKind]:
        """How many faults there were, by kind."""
        found: Counter[FaultKind] = Counter()
        for job in self.jobs:
            found.update(job.injected)
        return found

    async def _some(self) -> None:
        while self._left > 0:
            kills = min(self._left, self._plan.kills)
            self._left -= kills
            job = Job(self._seed, self._plan.folder / f"job-{self._seed}")
            self._seed += 1
            await _Work(self._plan, job, kills).run()
            self.jobs.append(job)
            self._left += kills - max(job.kills, 1)  # a job may be over before its kills are

    async def _watch(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_TICK)
            self.stall = max(self.stall, time.perf_counter() - began - _TICK)


class _Work:
    """Brings one job to its end."""

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
        """Keep what there is, and return what is new."""
        new = [task for task in sandbox.tasks(workspace) if task.sid not in self._seen]
        self._seen.update((task.sid, _task(task.sid, task.attributes)) for task in new)
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
        """Hold rows, journal, outcomes and the service's tasks against each other."""
        await asyncio.sleep(LATE + 2 * self._plan.lag)  # what is late is there by then
        self._look(sandbox, workspace)
        tasks = [*self._seen.values()]
        told: dict[int, list[tuple[str, str]]] = defaultdict(list)
        for line in self._outcomes.read_text(encoding="ascii").splitlines():
            row, kind, sid = line.split()
            told[int(row)].append((kind, sid))
        entries = {entry.number - 1: entry for entry in entries_of(self._journal)}
        there: dict[int | None, list[str]] = defaultdict(list)
        for task in tasks:
            there[task.number].append(task.sid)
        for number in range(self._plan.rows):
            self._judge(number, there[number], entries.get(number), told[number])
        self._find_foreign(tasks, entries)
        sandbox.faults.share = 0
        await self._audit(sandbox, workspace)

    def _judge(
        self, number: int, sids: Sequence[str], entry: Entry | None, told: Sequence[tuple[str, str]]
    ) -> None:
        wrong = self._job.wrong
        case = f"row {number}: tasks {list(sids)}, told {list(told)}, journal {entry}"
        kind = None if entry is None else _ENDS.get(entry.state)
        if len(sids) > 1:
            wrong["twice"].append(case)
        if not sids and expected(number) == "created":
            wrong["lost"].append(case)
        if kind is None or entry is None:
            wrong["without an end"].append(case)
            return
        if kind == "unresolved":
            wrong["unresolved"].append(case)
        elif kind != expected(number) or (sids if kind == "rejected" else entry.sid not in sids):
            wrong["wrongly reported"].append(case)
        if not told:
            wrong["never told"].append(case)
        elif set(told) != {(kind, entry.sid or "-")}:
            wrong["told otherwise"].append(case)

    def _find_foreign(self, tasks: Sequence[Task], entries: Mapping[int, Entry]) -> None:
        job = read_summary(self._journal).job
        for task in tasks:
            entry = entries.get(-1 if task.number is None else task.number)
            if entry is None or task.key != entry.key or task.job != job:
                self._job.wrong["foreign"].append(str(task))

    async def _audit(self, sandbox: Sandbox, workspace: str) -> None:
        """See whether the library's own recount comes to the same."""
        client = Client(sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url)
        async with client:
            found = await client.taskrouter.workspace(workspace).tasks.audit(self._journal)
        wrong = self._job.wrong.keys() - _BEYOND_AUDIT
        if self._ending:
            wrong -= {"twice", "foreign"}  # of which some may have been removed
        if (found.in_order and wrong) or not (found.in_order or self._job.wrong):
            self._job.wrong["audited otherwise"].append(str(found)[:1000])


def _task(sid: str, text: str) -> Task:
    attributes = msgspec.json.decode(text)
    return Task(
        sid,
        attributes.get("number"),
        attributes.get(KEY_ATTRIBUTE),
        attributes.get(JOB_ATTRIBUTE),
    )
