"""A worker in a process of its own, which a test can stop and kill.

Run as a program, this is that worker.
"""

import asyncio
import math
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path

import attrs
import msgspec

from aiotask import Client, LeaseTerms, SharedJournal, Worker
from aiotask._gate import GatedBody
from aiotask.bulk.lease import Lease
from aiotask.taskrouter import Tasks
from tests.bulk.bench import SETTLE, TIMEOUT, Bench

ROOT = Path(__file__).parents[2]
TERMS = LeaseTerms(length=1.5, renewed=0.25, guard=0.4)


@attrs.frozen(kw_only=True)
class Errand:
    """The orders of a worker in another process."""

    url: str
    account_sid: str
    auth_token: str
    workspace: str
    journal: str
    switch: bool
    flaw: str


class WorkerProcess:
    """A worker in another process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    def send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def end(self) -> int:
        """Wait for its end, and return how it ended: minus the signal, if any."""
        return await self.process.wait()


@asynccontextmanager
async def working(
    bench: Bench, journal: str, *, switch: bool = True, flaw: str = ""
) -> AsyncIterator[WorkerProcess]:
    """Have a worker in another process, which does not outlive the block."""
    errand = Errand(
        url=bench.sandbox.url,
        account_sid=bench.sandbox.account_sid,
        auth_token=bench.sandbox.auth_token,
        workspace=bench.workspace,
        journal=journal,
        switch=switch,
        flaw=flaw,
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        msgspec.json.encode(attrs.asdict(errand)).decode(),
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    worker = WorkerProcess(process)
    try:
        yield worker
    finally:
        worker.send(signal.SIGKILL)
        worker.send(signal.SIGCONT)
        await worker.end()


def _hold_for_ever() -> None:
    setattr(Lease, "is_good", lambda _: True)  # noqa: B010 - mypy's rule
    setattr(Lease, "end", lambda *_, **__: None)  # noqa: B010


def _stop_in_the_gap() -> None:
    """Stop this process between a look at a lease and the first byte, once."""
    make = GatedBody.__init__
    looks = count(1)

    def make_with_gap(gated: GatedBody, body: bytes, may_go: Callable[[], bool]) -> None:
        def may_go_and_stop() -> bool:
            if not may_go():
                return False
            if next(looks) == 50:
                os.kill(os.getpid(), signal.SIGSTOP)
            return True

        make(gated, body, may_go_and_stop)

    setattr(GatedBody, "__init__", make_with_gap)  # noqa: B010


async def _work(errand: Errand) -> None:
    client = Client(errand.account_sid, errand.auth_token, base_url=errand.url, timeout=TIMEOUT)
    journal = SharedJournal(errand.journal, terms=TERMS, switch=errand.switch)
    async with client, journal:
        tasks: Tasks = client.taskrouter.workspace(errand.workspace).tasks
        client._session.lane(f"list by expression {tasks._operations}", math.inf)
        worker = Worker(journal, client, settle=SETTLE, max_in_flight=8)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
        print("ready", flush=True)  # noqa: T201
        await worker.run()


def _main() -> None:
    errand = Errand(**msgspec.json.decode(sys.argv[1]))
    if errand.flaw == "holds leases for ever":
        _hold_for_ever()
    elif errand.flaw == "stops in the gap":
        _stop_in_the_gap()
    asyncio.run(_work(errand))


if __name__ == "__main__":
    _main()
