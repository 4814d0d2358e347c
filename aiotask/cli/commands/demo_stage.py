"""Stage of a demo: a faulty sandbox, a file of rows, and programs in processes of their own."""

import asyncio
import os
import shlex
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import get_args

import attrs

from aiotask._client import Client
from aiotask._json import loads
from aiotask.bulk import Audit
from aiotask.cli.commands.demo_check import DemoCheck
from aiotask.cli.progress import Display
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


def new_sandbox(faults: float, seed: int | None, account_sid: str) -> Sandbox:
    """Return a sandbox in which a share of the requests fails."""
    return Sandbox(
        account_sid=account_sid,
        rate=_RATE,
        faults=faults,
        fault_kinds=_KINDS,
        late=_LATE,
        index_lag=_INDEX_LAG,
        seed=seed,
    )


class Program:
    """A running ``aiotask``; ``ended`` is done when it has ended and all that it said is shown."""

    def __init__(self, process: Process, display: Display, indent: str) -> None:
        self.process: Process = process
        self.is_ready: asyncio.Event = asyncio.Event()
        """Set when it has said something."""
        self._display = display
        self._indent = indent
        self.ended: asyncio.Task[None] = asyncio.create_task(self._forward())

    async def _forward(self) -> None:
        stderr = self.process.stderr
        while stderr is not None and (line := await stderr.readline()):
            self._display.say(f"{self._indent}{line.decode(errors='replace').rstrip()}")
            self.is_ready.set()
        await self.process.wait()

    async def end(self) -> None:
        """Wait for its end, which a wait that is cancelled leaves to others."""
        await asyncio.shield(self.ended)

    def kill(self) -> None:
        """Kill it, unless it has ended."""
        with suppress(ProcessLookupError):
            self.process.kill()


@attrs.define
class Stage:
    """A sandbox, a number of rows, and a *folder* for the files of programs."""

    sandbox: Sandbox
    rows: int
    folder: Path
    display: Display

    @property
    def limits(self) -> str:
        """What is told of the sandbox."""
        return f"{_RATE:.0f} requests a second, {self.sandbox.faults.share:.0%} of them fail"

    @property
    def file(self) -> Path:
        """The file of the rows."""
        return self.folder / "rows.jsonl"

    @property
    def results(self) -> Path:
        """The file of the outcomes."""
        return self.folder / "results.jsonl"

    def write_rows(self) -> None:
        """Write the file of the rows."""
        self.file.write_text(
            "".join(f'{{"attributes": {{"row": {n}}}}}\n' for n in range(1, self.rows + 1))
        )

    def waits(self) -> list[str]:
        """Return the options of a program for how long it waits."""
        return ["--settle", f"{_SETTLE:g}", "--timeout", f"{_TIMEOUT:g}"]

    def service(self) -> list[str]:
        """Return the options of a program that lead to the sandbox."""
        return ["--base-url", self.sandbox.url]

    def say_command(self, words: Sequence[str]) -> None:
        """Show a command."""
        self.display.say(f"$ {shlex.join(['aiotask', *words])}")

    @asynccontextmanager
    async def running(
        self, words: Sequence[str], indent: str = "  ", *, apart: bool = False
    ) -> AsyncIterator[Program]:
        """Run a command, kill it at the end, and wait for that.

        One that is *apart* hears nothing of Ctrl-C, which goes to this process alone.
        """
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "aiotask", *words),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
            cwd=self.folder,
            env=self._environment(),
            start_new_session=apart,
        )
        program = Program(process, self.display, indent)
        try:
            yield program
        finally:
            program.kill()
            await program.end()

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name[:7] != "TWILIO_"}
        return kept | {
            "TWILIO_ACCOUNT_SID": self.sandbox.account_sid,
            "TWILIO_AUTH_TOKEN": self.sandbox.auth_token,
        }

    async def count(
        self, workspace: str, journal: str | Path, job: str | None = None
    ) -> tuple[DemoCheck, Audit]:
        """Compare the outcomes and the journal with the tasks that there are."""
        sandbox = self.sandbox
        sandbox.faults.share = 0
        await sandbox.advance(seconds=_INDEX_LAG)
        self.display.say("auditing the import and counting the tasks")
        check = self._check(workspace)
        client = Client(sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url)
        async with client:
            there = client.taskrouter.workspace(workspace).tasks
            return check, await there.audit(journal, job=job)

    def _check(self, workspace: str) -> DemoCheck:
        results = map(loads, self.results.read_bytes().splitlines())
        tasks = self.sandbox.tasks(workspace)
        return DemoCheck(
            self.rows,
            {result["row"]: result["outcome"] for result in results},
            Counter(loads(task.attributes)["row"] for task in tasks),
        )
