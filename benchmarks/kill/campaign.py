"""A kill campaign: jobs, some at once, until there were enough kills."""

import asyncio
import time
from collections import Counter

from aiotask.sandbox import FaultKind
from kill.incidents import Incident
from kill.job import JobRun
from kill.plan import Job, Plan

_TICK = 0.05


class Campaign:
    """Runs jobs, some at once, with seeds that follow on *seed*.

    ``seconds`` is how long that took, and ``stall`` the longest time, in seconds, by which this
    process, and so every sandbox, was late with its work.
    """

    def __init__(self, plan: Plan, seed: int) -> None:
        self.jobs: list[Job] = []
        self.seconds = self.stall = 0.0
        self._plan = plan
        self._seed = seed
        self._left = 0

    async def run(self, kills: int, at_once: int) -> None:
        """Run jobs until so many kills are done."""
        self._left = kills
        began = time.perf_counter()
        watching = asyncio.get_running_loop().create_task(self._watch())
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(at_once):
                    group.create_task(self._some())
        finally:
            watching.cancel()
            self.seconds += time.perf_counter() - began

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self._plan.rows * len(self.jobs)

    @property
    def kills(self) -> int:
        """The number of kills."""
        return sum(job.kills for job in self.jobs)

    @property
    def wrong(self) -> Counter[str]:
        """The number of violations, by kind."""
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
        """The number of faults, by kind."""
        found: Counter[FaultKind] = Counter()
        for job in self.jobs:
            found.update(job.injected)
        return found

    @property
    def incidents(self) -> Counter[Incident]:
        """The number of incidents, by kind."""
        found: Counter[Incident] = Counter()
        for job in self.jobs:
            found.update(job.incidents)
        return found

    async def _some(self) -> None:
        while self._left > 0:
            kills = min(self._left, self._plan.kills)
            self._left -= kills
            job = Job(self._seed, self._plan.folder / f"job-{self._seed}")
            self._seed += 1
            await JobRun(self._plan, job, kills).run()
            self.jobs.append(job)
            self._left += kills - max(job.kills, 1)  # a job may be over before its kills are

    async def _watch(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_TICK)
            self.stall = max(self.stall, time.perf_counter() - began - _TICK)
