"""Demonstration of one import: killed on its way, and resumed."""

import asyncio
from pathlib import Path

import attrs

from aiotask.bulk import Audit, State, read_summary
from aiotask.cli.commands.demo_check import DemoCheck
from aiotask.cli.commands.demo_stage import Stage
from aiotask.cli.errors import Failure
from aiotask.errors import JournalError

_MOST_RUNS = 5
_REFRESH = 0.02  # seconds


@attrs.define
class ImportDemonstration:
    """One run of the demo."""

    stage: Stage

    async def run(self, workspace: str) -> tuple[DemoCheck, Audit]:
        """Run the demo and return its results."""
        stage, say = self.stage, self.stage.display.say
        say(f"{stage.rows:,} tasks into a sandbox in this process: {stage.limits}")
        stage.write_rows()
        words = ["tasks", "import", stage.file.name, "--journal", self._journal.name]
        words += ["--results", stage.results.name, *stage.waits()]
        words += ["--workspace", workspace, *stage.service()]
        stage.say_command(words)
        await self._import(words, kill_at=max(1, stage.rows * 2 // 5))
        for _ in range(_MOST_RUNS):
            say("running the same command again")
            await self._import(words)
            if self._is_done():
                break
        else:
            raise Failure(f"the import did not finish in {_MOST_RUNS} runs")
        return await stage.count(workspace, self._journal)

    @property
    def _journal(self) -> Path:
        return self.stage.folder / "rows.journal"

    async def _import(self, words: list[str], kill_at: int | None = None) -> None:
        """Run the import in its own process, and kill it when *kill_at* tasks are created."""
        display = self.stage.display
        async with self.stage.running(words, apart=True) as program:
            while not program.ended.done():
                made = self.stage.sandbox.answers[201]
                display.show(made, f"{made:,} tasks created")
                if kill_at is not None and made >= kill_at:
                    program.kill()
                    display.say(f"killed the import (SIGKILL) after {made:,} tasks")
                    kill_at = None
                await asyncio.wait([program.ended], timeout=_REFRESH)

    def _is_done(self) -> bool:
        try:
            summary = read_summary(self._journal)
        except JournalError:
            return False
        ended = summary.claimed - summary.in_doubt - summary.rows[State.PENDING]
        return ended == self.stage.rows
