"""``aiotask demo``: an import through injected faults, killed and gone on with, and a recount."""

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
from aiotask.cli.commands.demo_check import Recount
from aiotask.cli.errors import FAILED, INTERRUPTED, Failure
from aiotask.cli.options import Number
from aiotask.cli.output import show_table
from aiotask.cli.progress import Display
from aiotask.cli.signals import stop_signals
from aiotask.errors import AiotaskError, JournalError
from aiotask.sandbox import FaultKind, Sandbox

# Some faults never answer, and a demonstration does not wait long for those.
_TIMEOUT = 1.5
_SETTLE = 2.0
# In the time that an import gives the service: what is late has to be there before it is over.
_LATE = 0.8
_INDEX_LAG = 0.5
# A service refuses what is above its rate, and not by chance.
_RATE = 500.0  # requests a second
_KINDS = [kind for kind in get_args(FaultKind) if kind != "before_429"]
_MOST_RUNS = 5
_LOOK = 0.02  # seconds
_NEXT = (
    "Next: `aiotask sandbox` runs such a service for your own code; the README shows the client."
)


@click.command()
@click.option(
    "--tasks", "rows", metavar="N", type=click.IntRange(min=1), default=10_000, show_default=True
)
@click.option(
    "--faults",
    metavar="SHARE",
    type=Number(0, 0.5),
    default=0.1,
    show_default=True,
    help="The share of requests that go wrong, 0 to 0.5.",
)
@click.option(
    "--seed", metavar="K", type=int, help="Makes the choice of faults the same each time."
)
def demo(rows: int, faults: float, seed: int | None) -> None:
    """Import tasks into a sandbox that breaks requests, kill the import, go on, and recount.

    The sandbox is in this process: no account, no credentials and no network are needed.
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
            shown = Demonstration(sandbox, rows, Path(folder), display)
            recount, audit = asyncio.run(shown.run())
    except AiotaskError as error:
        raise Failure(str(error)) from error
    except asyncio.CancelledError:
        raise click.exceptions.Exit(INTERRUPTED) from None
    show_table(recount.table())
    click.echo(f"{sandbox.refused:,} requests came too fast and were refused (429).")
    click.echo(_injected(sandbox.injected))
    for line in report(audit):
        click.echo(f"Audit: {line}")
    click.echo(recount.verdict())
    click.echo(_NEXT)
    if recount.lost or recount.surplus or not audit.in_order:
        raise click.exceptions.Exit(FAILED)


@attrs.define
class Demonstration:
    """One demonstration, whose files are in a *folder* of its own."""

    sandbox: Sandbox
    rows: int
    folder: Path
    display: Display

    async def run(self) -> tuple[Recount, Audit]:
        """Show it, and return what came of it; a signal cancels it."""
        async with self.sandbox as sandbox:
            shown = asyncio.ensure_future(self._shown(sandbox.create_workspace("Demo")))
            with stop_signals(lambda: _cancel(shown)):
                return await shown

    async def _shown(self, workspace: str) -> tuple[Recount, Audit]:
        breaks = f"breaks {self.sandbox.faults.share:.0%} of requests"
        where = f"a sandbox in this process, which takes {_RATE:.0f} a second and {breaks}"
        self.display.say(f"{self.rows:,} tasks to {where}")
        self._file.write_text(
            "".join(f'{{"attributes": {{"row": {n}}}}}\n' for n in range(1, self.rows + 1))
        )
        words = self._words(workspace)
        self.display.say(f"$ {shlex.join(['aiotask', *words])}")
        await self._import(words, kill_at=max(1, self.rows * 2 // 5))
        for _ in range(_MOST_RUNS):
            self.display.say("the same command again")
            await self._import(words)
            if self._is_done():
                break
        else:
            raise Failure(f"the import did not come to its end in {_MOST_RUNS} runs")
        self.sandbox.faults.share = 0
        await self.sandbox.advance(seconds=_INDEX_LAG)
        self.display.say("audit, and recount")
        return self._recount(workspace), await self._audit(workspace)

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
        """Run an import in a process of its own, to its end or until so many tasks are made."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "aiotask", *words),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
            cwd=self.folder,
            env=self._environment(),
            start_new_session=True,  # Ctrl-C is for this process, which ends that one
        )
        ended = asyncio.create_task(self._ended(process))
        try:
            while not ended.done():
                made = self.sandbox.answers[201]
                self.display.show(made, f"{made:,} tasks made")
                if kill_at is not None and made >= kill_at:
                    process.kill()
                    self.display.say(f"killed it (SIGKILL) when {made:,} tasks were made")
                    kill_at = None
                await asyncio.wait([ended], timeout=_LOOK)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await ended

    async def _ended(self, process: Process) -> None:
        """Say what it says, until it ends."""
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
            standing = read_summary(self._journal)
        except JournalError:
            return False
        ended = standing.claimed - standing.in_doubt - standing.rows[State.PENDING]
        return ended == self.rows

    def _recount(self, workspace: str) -> Recount:
        results = map(loads, self._results.read_bytes().splitlines())
        tasks = self.sandbox.tasks(workspace)
        return Recount(
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
    """Return which faults there were, before the service acted, after, and late."""
    parts = []
    for when, meaning in (
        ("before", "before the service acted"),
        ("after", "after it had"),
        ("late", "before it acted late"),
    ):
        kinds = {
            kind.removeprefix(f"{when}_"): count
            for kind, count in sorted(faults.items())
            if kind.startswith(when)
        }
        named = ", ".join(f"{kind} {count}" for kind, count in kinds.items()) or "none"
        parts.append(f"{sum(kinds.values()):,} {meaning} ({named})")
    return f"{faults.total():,} requests were broken: {'; '.join(parts)}."
