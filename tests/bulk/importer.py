"""An import in a process of its own, which a test can stop and kill.

Run as a program, this is that import.
"""

import asyncio
import math
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Self

import attrs
import msgspec

from aiotask import Client, Created, errors
from aiotask.bulk.journal.sqlite import SqliteJournal
from aiotask.bulk.keys import Keys
from tests.bulk.bench import SETTLE, TIMEOUT, Bench, number_of, rows

ROOT = Path(__file__).parents[2]


@attrs.frozen(kw_only=True)
class Errand:
    """The orders of an import in another process."""

    url: str
    account_sid: str
    auth_token: str
    workspace: str
    journal: str
    number: int
    flaw: str = ""


class Importer:
    """An import in another process; ``told`` are its outcomes so far, in their words."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.told: list[str] = []
        self._process = process

    @classmethod
    async def start(
        cls, bench: Bench, number: int, *, flaw: str = "", around: Mapping[str, str] | None = None
    ) -> Self:
        """Import so many rows; *flaw* is what the importer does wrong."""
        errand = Errand(
            url=bench.sandbox.url,
            account_sid=bench.sandbox.account_sid,
            auth_token=bench.sandbox.auth_token,
            workspace=bench.workspace,
            journal=str(bench.journal),
            number=number,
            flaw=flaw,
        )
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                __name__,
                msgspec.json.encode(attrs.asdict(errand)).decode(),
                stdout=subprocess.PIPE,
                cwd=ROOT,
                env={**os.environ, **(around or {})},
            )
        )

    async def tell(self, most: int) -> bool:
        """Wait until so many outcomes are told; return False where the import is over before."""
        assert self._process.stdout is not None
        while len(self.told) < most:
            line = (await self._process.stdout.readline()).decode().strip()
            if not line:
                return False
            self.told.append(line)
        return True

    async def end(self) -> str:
        """Wait for its end, and return the name of the error that it was, or nothing."""
        while await self.tell(len(self.told) + 1):
            pass
        await self._process.wait()
        last = self.told[-1] if self.told else ""
        return self.told.pop().removeprefix("error ") if last.startswith("error ") else ""

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        await self.end()

    def check(self, bench: Bench) -> None:
        """See that what was told as created is."""
        there = bench.row_of()
        for line in self.told:
            assert line.startswith("Created "), self.told
            _, number, sid = line.split(" ")
            assert there.get(sid) == int(number), line


@asynccontextmanager
async def importing(
    bench: Bench, number: int, *, flaw: str = "", around: Mapping[str, str] | None = None
) -> AsyncIterator[Importer]:
    """Have an import in another process, which does not outlive the block."""
    importer = await Importer.start(bench, number, flaw=flaw, around=around)
    try:
        yield importer
    finally:
        await importer.kill()


async def _import(errand: Errand) -> None:
    async with AsyncExitStack() as stack:
        client = Client(errand.account_sid, errand.auth_token, base_url=errand.url, timeout=TIMEOUT)
        tasks = (
            (await stack.enter_async_context(client)).taskrouter.workspace(errand.workspace).tasks
        )
        client._session.lane(f"list by expression {tasks._operations}", math.inf)
        outcomes = tasks.create_many(
            rows(errand.number), journal=errand.journal, settle=SETTLE, max_in_flight=20
        )
        async for outcome in outcomes:
            sid = outcome.sid if isinstance(outcome, Created) else "-"
            told = f"{type(outcome).__name__} {number_of(outcome.row)} {sid}"
            print(told, flush=True)  # noqa: T201 - at once: it may be killed in between


def _open_carelessly(open_: Callable[[SqliteJournal, str, str, Keys], None]) -> Callable[..., None]:
    """Return what opens a journal that does not wait for the disk."""

    def opened(journal: SqliteJournal, target: str, verb: str, keys: Keys) -> None:
        open_(journal, target, verb, keys)
        journal._connection.execute("PRAGMA synchronous = NORMAL")

    return opened


def _main() -> None:
    errand = Errand(**msgspec.json.decode(sys.argv[1]))
    if errand.flaw == "does not wait for the disk":
        setattr(SqliteJournal, "open", _open_carelessly(SqliteJournal.open))  # noqa: B010 - mypy's rule
    try:
        asyncio.run(_import(errand))
    except errors.AiotaskError as error:
        print("error", type(error).__name__, flush=True)  # noqa: T201


if __name__ == "__main__":
    _main()
