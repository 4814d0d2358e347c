"""Demonstration of many machines: workers of a shared journal, killed one after the other."""

import asyncio
import secrets
from contextlib import suppress
from itertools import count

import attrs

from aiotask.bulk import Audit, SharedJournal, State, place_of, read_summary
from aiotask.bulk.journal import postgres_upkeep as upkeep
from aiotask.cli.commands.demo_check import DemoCheck
from aiotask.cli.commands.demo_stage import Program, Stage
from aiotask.cli.errors import FAILED, Failure
from aiotask.errors import JournalError

# Others wait for a dead worker's lease: an audience would not wait for one of ten seconds.
_LEASE = 4.0  # seconds
_REFRESH = 0.02  # seconds
_LOOK = 12  # turns between two looks into the journal


async def look_at(journal: SharedJournal) -> None:
    """Raise the JournalError that says why a journal cannot be used, if there is one."""
    async with journal:
        pass


@attrs.define
class WorkersDemonstration:
    """One run of the demo, with so many *workers*; nothing of it stays in the *journal*."""

    stage: Stage
    journal: SharedJournal
    workers: int
    _job: str = attrs.field(factory=lambda: f"demo-{secrets.token_hex(4)}", init=False)
    _programs: dict[int, Program] = attrs.field(factory=dict, init=False)
    _is_up: list[asyncio.Event] = attrs.field(factory=list, init=False)

    async def run(self, workspace: str) -> tuple[DemoCheck, Audit]:
        """Run the demo and return its results."""
        self._is_up = [asyncio.Event() for _ in range(self.workers)]
        steps = asyncio.create_task(self._steps(workspace))
        keepers = [asyncio.create_task(self._keep(n)) for n in range(self.workers)]
        try:
            await asyncio.wait([steps, *keepers], return_when=asyncio.FIRST_COMPLETED)
            for keeper in keepers:
                if keeper.done():
                    await keeper  # which says why it gave up
            return await steps
        finally:
            for task in (steps, *keepers):
                task.cancel()
            await asyncio.gather(steps, *keepers, return_exceptions=True)
            self._clear()

    async def _keep(self, number: int) -> None:
        """Run a worker, and start it again whenever it was killed."""
        words = ["worker", "--journal", self.journal.url, "--lease", f"{_LEASE:g}"]
        words += [*self.stage.waits(), *self.stage.service()]
        name = f"worker {number + 1}"
        while True:
            async with self.stage.running(words, f"  {name}: ") as program:
                self._programs[number] = program
                ready = asyncio.create_task(program.is_ready.wait())
                await asyncio.wait([ready, program.ended], return_when=asyncio.FIRST_COMPLETED)
                ready.cancel()
                self._is_up[number].set()
                await program.end()
            del self._programs[number]
            # A signal has a negative number: ours, or the one by which a worker that stood still
            # beyond its lease is ended.
            if (status := program.process.returncode or 0) >= 0:
                raise Failure(f"{name} ended by itself, with the exit status {status}")
            self.stage.display.say(f"starting {name} again")

    async def _steps(self, workspace: str) -> tuple[DemoCheck, Audit]:
        stage = self.stage
        stage.display.say(
            f"{stage.rows:,} tasks into a sandbox in this process, by {self.workers} workers: "
            f"{stage.limits}"
        )
        stage.write_rows()
        command = ["worker", "--journal", self.journal.where]
        stage.say_command([*command, *stage.waits(), *stage.service()])
        for is_up in self._is_up:
            await is_up.wait()
        await self._import(workspace, "--detach")
        await self._kill_each()
        await self._import(workspace, "--results", stage.results.name)
        return await stage.count(workspace, self.journal.url, self._job)

    async def _import(self, workspace: str, *options: str) -> None:
        stage, journal = self.stage, self.journal
        before, after = ["tasks", "import", stage.file.name, "--journal"], ["--job", self._job]
        after += [*options, "--workspace", workspace, *stage.service()]
        stage.say_command([*before, journal.where, *after])
        async with stage.running([*before, journal.url, *after]) as program:
            await program.end()
        if (status := program.process.returncode) not in (0, FAILED):
            raise Failure(f"the import ended with the exit status {status}")

    async def _kill_each(self) -> None:
        """Kill each worker once, evenly over the job, and wait until that is done."""
        display, killed = self.stage.display, 0
        for turn in count():
            made = self.stage.sandbox.answers[201]
            display.show(made, f"{made:,} tasks created")
            if killed == self.workers:
                if turn % _LOOK == 0 and await self._is_done():
                    return
            elif made >= self._due(killed) and killed in self._programs:
                self._programs[killed].kill()
                killed += 1
                display.say(f"killed worker {killed} (SIGKILL) after {made:,} tasks")
            await asyncio.sleep(_REFRESH)

    def _due(self, killed: int) -> int:
        """Return after how many tasks the next worker is killed."""
        return max(1, self.stage.rows * (killed + 1) // (self.workers + 1))

    async def _is_done(self) -> bool:
        place = place_of(self.journal.url, self._job)
        summary = await asyncio.to_thread(read_summary, place)
        ended = summary.claimed - summary.in_doubt - summary.rows[State.PENDING]
        return ended == self.stage.rows

    def _clear(self) -> None:
        with suppress(JournalError):
            upkeep.remove(self.journal.url, self._job)
