"""Command ``aiotask demo``: an import through injected faults, killed, resumed and checked."""

import asyncio
import os
import shlex
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import attrs
import click

from aiotask._client import Client
from aiotask._json import loads
from aiotask.bulk import Audit, State, read_summary
from aiotask.cli.commands.audit import report
from aiotask.cli.commands.demo_check import DemoCheck
from aiotask.cli.errors import FAILED, INTERRUPTED, Failure
from aiotask.cli.loop import run
from aiotask.cli.options import Number
from aiotask.cli.output import show_table
from aiotask.cli.progress import Display
from aiotask.cli.signals import stop_signals
from aiotask.errors import AiotaskError, JournalError
from aiotask.sandbox import FaultKind, Sandbox

# Some faults never answer, and a demo should not wait long for those.
_TIMEOUT = 1.5
_SETTLE = 2.0
# Both are shorter than _SETTLE: the import looks for a task after the sandbox has it and lists it.
_LATE = 0.8
_INDEX_LAG = 0.5
_RATE = 500.0  # requests a second
# Refusals come from the rate alone: a random 429 would say nothing about the import's pace.
_KINDS = [kind for kind in get_args(FaultKind) if kind != "before_429"]
_MOST_RUNS = 5
_REFRESH = 0.02  # seconds
_NEXT = "Next: aiotask sandbox runs such a service for your own code; the README shows the client."


@click.command()
@click.option(
    "--tasks",
    "rows",
    metavar="N",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="Number of tasks to import.",
)
@click.option(
    "--faults",
    metavar="SHARE",
    type=Number(0, 0.5),
    default=0.1,
    show_default=True,
    help="Share of requests that fail, 0 to 0.5.",
)
@click.option(
    "--seed", metavar="K", type=int, help="Choose the same faults in each run with this seed."
)
def demo(rows: int, faults: float, seed: int | None) -> None:
    """Import into a faulty sandbox, kill the import and resume it.

    At the end it counts the tasks. The sandbox runs in this process: the demo needs no account,
    no credentials and no network.
    """
    sandbox = Sandbox(
        rate=_RATE,
        faults=faults,
        fault_kinds=_KINDS,
        late=_LATE,
        index_lag=_INDEX_LAG,
        seed=seed,
    )
    display = Display(rows)
    try:
        with TemporaryDirectory(prefix="aiotask-demo-") as folder, display:
            demonstration = Demonstration(sandbox, rows, Path(folder), display)
            check, audit = run(demonstration.run())
    except AiotaskError as error:
        raise Failure(str(error)) from error
    except asyncio.CancelledError:
        raise click.exceptions.Exit(INTERRUPTED) from None
    show_table(check.table())
    click.echo(f"{sandbox.refused:,} requests exceeded the rate and were refused (429).")
    click.echo(_injected(sandbox.injected))
    for line in report(audit):
        click.echo(f"Audit: {line}")
    click.echo(check.verdict())
    click.echo(_NEXT)
    if check.lost or check.surplus or not audit.in_order:
        raise click.exceptions.Exit(FAILED)


@attrs.define
class Demonstration:
    """One run of the demo, with its files in *folder*."""

    sandbox: Sandbox
    rows: int
    folder: Path
    display: Display

    async def run(self) -> tuple[DemoCheck, Audit]:
        """Run the demo and return its results; a signal cancels it."""
        async with self.sandbox as sandbox:
            steps = asyncio.ensure_future(self._steps(sandbox.create_workspace("Demo")))
            with stop_signals(lambda: _cancel(steps)):
                return await steps

    async def _steps(self, workspace: str) -> tuple[DemoCheck, Audit]:
        limits = f"{_RATE:.0f} requests a second, {self.sandbox.faults.share:.0%} of them fail"
        self.display.say(f"{self.rows:,} tasks into a sandbox in this process: {limits}")
        self._file.write_text(
            "".join(f'{{"attributes": {{"row": {n}}}}}\n' for n in range(1, self.rows + 1))
        )
        words = self._words(workspace)
        self.display.say(f"$ {shlex.join(['aiotask', *words])}")
        await self._import(words, kill_at=max(1, self.rows * 2 // 5))
        for _ in range(_MOST_RUNS):
            self.display.say("running the same command again")
            await self._import(words)
            if self._is_done():
                break
        else:
            raise Failure(f"the import did not finish in {_MOST_RUNS} runs")
        self.sandbox.faults.share = 0
        await self.sandbox.advance(seconds=_INDEX_LAG)
        self.display.say("auditing the import and counting the tasks")
        return self._check(workspace), await self._audit(workspace)

    @property
    def _file(self) -> Path:
        return self.folder / "rows.jsonl"

    @property
    def _journal(self) -> Path:
        return self.folder / "rows.journal"

    @property
    def _results(self) -> Path:
        return self.folder / "results.jsonl"

    def _words(self, workspace: str) -> list[str]:
        words = ["tasks", "import", self._file.name, "--journal", self._journal.name]
        words += ["--results", self._results.name]
        words += ["--settle", f"{_SETTLE:g}", "--timeout", f"{_TIMEOUT:g}"]
        return [*words, "--workspace", workspace, "--base-url", self.sandbox.url]

    async def _import(self, words: list[str], kill_at: int | None = None) -> None:
        """Run the import in its own process, and kill it when *kill_at* tasks are created."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "aiotask", *words),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
            cwd=self.folder,
            env=self._environment(),
            start_new_session=True,  # Ctrl-C goes to this process, which ends the import
        )
        ended = asyncio.create_task(self._forward(process))
        try:
            while not ended.done():
                made = self.sandbox.answers[201]
                self.display.show(made, f"{made:,} tasks created")
                if kill_at is not None and made >= kill_at:
                    process.kill()
                    self.display.say(f"killed the import (SIGKILL) after {made:,} tasks")
                    kill_at = None
                await asyncio.wait([ended], timeout=_REFRESH)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await ended

    async def _forward(self, process: Process) -> None:
        """Forward the process's stderr until it exits."""
        while process.stderr is not None and (line := await process.stderr.readline()):
            self.display.say(f"  {line.decode(errors='replace').rstrip()}")
        await process.wait()

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name[:7] != "TWILIO_"}
        return kept | {
            "TWILIO_ACCOUNT_SID": self.sandbox.account_sid,
            "TWILIO_AUTH_TOKEN": self.sandbox.auth_token,
        }

    def _is_done(self) -> bool:
        try:
            summary = read_summary(self._journal)
        except JournalError:
            return False
        ended = summary.claimed - summary.in_doubt - summary.rows[State.PENDING]
        return ended == self.rows

    def _check(self, workspace: str) -> DemoCheck:
        results = map(loads, self._results.read_bytes().splitlines())
        tasks = self.sandbox.tasks(workspace)
        return DemoCheck(
            self.rows,
            {result["row"]: result["outcome"] for result in results},
            Counter(loads(task.attributes)["row"] for task in tasks),
        )

    async def _audit(self, workspace: str) -> Audit:
        sandbox = self.sandbox
        client = Client(sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url)
        async with client:
            return await client.taskrouter.workspace(workspace).tasks.audit(self._journal)


def _cancel(task: asyncio.Future[Any]) -> None:
    task.cancel()


def _injected(faults: Counter[FaultKind]) -> str:
    """Return the injected faults by when they struck."""
    parts = []
    for when, meaning in (
        ("before", "before the sandbox acted"),
        ("after", "after it acted"),
        ("late", "before it acted late"),
    ):
        kinds = {
            kind.removeprefix(f"{when}_"): count
            for kind, count in sorted(faults.items())
            if kind.startswith(when)
        }
        named = ", ".join(f"{kind} {count}" for kind, count in kinds.items()) or "none"
        parts.append(f"{sum(kinds.values()):,} {meaning} ({named})")
    return f"{faults.total():,} requests failed: {'; '.join(parts)}."
