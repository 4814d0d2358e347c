"""A workspace of a sandbox, a client of it, and the place of a journal."""

import asyncio
import math
import sqlite3
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager, closing
from pathlib import Path
from typing import Any, cast

import aiohttp
import msgspec

from aiotask import Client, Created, Outcome, OutcomeStream, Rejected, RetryPolicy
from aiotask._service_time import Offsets
from aiotask.bulk.journal.records import State
from aiotask.bulk.journal.sqlite import SqliteJournal
from aiotask.bulk.keys import KEY_ATTRIBUTE, Keys
from aiotask.sandbox import FAULT_KINDS, FaultKind, Sandbox
from aiotask.taskrouter import NewTask, Tasks
from tests.virtual_time import LoopClock, VirtualTimeLoop

SETTLE = 0.2
TIMEOUT = 0.3
PATIENCE = 30.0  # where nothing is to time out, on a machine that is busy
_LONG = 200.0
LATE = SETTLE / 4
# Without refusals, after which a run is slower than a test should be.
KINDS: list[FaultKind] = [kind for kind in FAULT_KINDS if kind != "before_429"]
KINDS += ["late_hang", "late_reset"]
KEYS = Keys(KEY_ATTRIBUTE)
VERB = "tasks.create"


def rows(number: int) -> list[NewTask]:
    return [{"attributes": {"n": n}} for n in range(number)]


def number_of(row: NewTask) -> int:
    return int(cast("dict[str, Any]", row["attributes"])["n"])


def files_of(journal: Path) -> list[Path]:
    return sorted(journal.parent.glob(f"{journal.name}*"))


async def bytes_of(journal: Path) -> bytes:
    """Return all that is in a journal's files; another process reads them.

    To close a file lifts all locks that a process has on it, and a run of this one may need them.
    """
    process = await asyncio.create_subprocess_exec(
        "cat", *map(str, files_of(journal)), stdout=subprocess.PIPE
    )
    return (await process.communicate())[0]


def look(journal: Path, query: str, *values: object) -> list[Any]:
    """Ask a journal something, or change it, by a connection of our own."""
    with closing(sqlite3.connect(journal, isolation_level=None)) as connection:
        return connection.execute(query, values).fetchall()


def states_of(journal: Path) -> dict[int, State]:
    """Return the states of a journal's rows by the rows' numbers, counted from 0."""
    if not journal.exists():
        return {}
    found = look(journal, "SELECT number, state FROM rows")
    return {number - 1: State(state) for number, state in found}


class Bench:
    """A workspace of a sandbox, a client of it, and the place of a journal."""

    def __init__(self, sandbox: Sandbox, client: Client, journal: Path) -> None:
        self.sandbox = sandbox
        self.client = client
        self.journal = journal
        self.workspace = sandbox.create_workspace("Support")
        # The sandbox of a bench has no such limit, and a test no time to keep to one.
        client._session.lane(f"list by expression {self.tasks._operations}", math.inf)

    @property
    def tasks(self) -> Tasks:
        return self.client.taskrouter.workspace(self.workspace).tasks

    @property
    def path(self) -> str:
        return self.tasks._url.raw_path

    @property
    def sent(self) -> int:
        """The number of creates that came in."""
        return self.sandbox.requests["POST Tasks"]

    def job(self, given: Iterable[NewTask], **settings: Any) -> OutcomeStream[Outcome[NewTask]]:
        chosen: dict[str, Any] = {"journal": self.journal, "settle": SETTLE, "max_in_flight": 20}
        return self.tasks.create_many(given, **chosen | settings)

    async def finish(self, given: Iterable[NewTask], **settings: Any) -> list[Outcome[NewTask]]:
        return [outcome async for outcome in self.job(given, **settings)]

    async def some(
        self, given: Iterable[NewTask], most: int, **settings: Any
    ) -> list[Outcome[NewTask]]:
        """Run until so many outcomes are there, and leave."""
        taken: list[Outcome[NewTask]] = []
        async with aclosing(self.job(given, **settings)) as outcomes:
            async for outcome in outcomes:
                taken.append(outcome)
                if len(taken) == most:
                    break
        return taken

    async def taken(self) -> None:
        """Wait until the sandbox has what killed programs have sent, which it reads in order."""
        sandbox = self.sandbox
        async with Client(sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url) as client:
            await client.taskrouter.workspaces.fetch(self.workspace)

    def opened(self) -> SqliteJournal:
        """Open the journal, or make it, as a run of this workspace does."""
        journal = SqliteJournal(self.journal)
        journal.open(self.path, VERB, KEYS)
        return journal

    def row_of(self) -> dict[str, int]:
        """Return the row's number of each task there is, by its sid."""
        tasks = self.sandbox.tasks(self.workspace)
        return {task.sid: msgspec.json.decode(task.attributes)["n"] for task in tasks}

    def made(self) -> Counter[int]:
        return Counter(self.row_of().values())

    async def until_made(self, number: int) -> None:
        """Wait until there are so many tasks, and no longer than any machine needs for that."""
        async with asyncio.timeout(_LONG):
            while len(self.sandbox.tasks(self.workspace)) < number:
                await asyncio.sleep(0.01)

    def check(self, outcomes: Iterable[Outcome[NewTask]]) -> None:
        """See that outcomes are true: the row's task if it was created, none if rejected."""
        there, made = self.row_of(), self.made()
        for outcome in outcomes:
            number = number_of(outcome.row)
            if isinstance(outcome, Created):
                assert there.get(outcome.sid) == number, outcome
            elif isinstance(outcome, Rejected):
                assert not made[number], outcome

    async def end_all(self) -> None:
        """Complete all tasks, and let time go by until lists do not show them any more.

        The client knows what time it is on the service, and not what time it was, as another one.
        """
        for task in self.sandbox.tasks(self.workspace):
            self.sandbox.set_status(task.sid, "completed")
        await self.sandbox.advance(seconds=400)
        assert not self.made()
        self.client._session.service_time = Offsets()
        assert await self.tasks.list(limit=1).all() == []

    def change_after_read(self, sid: str, form: bytes) -> None:
        """Have somebody else change a resource right after its next read by its sid."""
        service: Any = self.sandbox._service
        carry_out = service.carry_out

        def changing(request: Any) -> Any:
            answer = carry_out(request)
            if request.method == "GET" and request.path.endswith(sid):
                service.carry_out = carry_out
                carry_out(request._replace(method="POST", query=b"", form=form))
            return answer

        service.carry_out = changing

    async def copied(self, outcome: Outcome[NewTask]) -> str:
        """Make a copy of a row's task, as a request does that is carried out twice."""
        assert isinstance(outcome, Created)
        original = await self.tasks.fetch(outcome.sid)
        return (await self.tasks.create(attributes=original.attributes)).sid

    def status(self, sid: str) -> str:
        tasks = self.sandbox.tasks(self.workspace)
        return next(task.assignment_status for task in tasks if task.sid == sid)

    async def check_all(self, number: int) -> None:
        """See that there is one task for each row, and that the journal says so."""
        made = self.made()
        self.sandbox.faults.share = 0
        wrong = {n: made[n] for n in range(number) if made[n] != 1}
        assert not wrong
        assert made.total() == number
        patient = self.client.with_options(timeout=PATIENCE)
        result = await patient.taskrouter.workspace(self.workspace).tasks.audit(self.journal)
        assert result.in_order, result
        assert result.rows[State.CREATED] == number, result


@asynccontextmanager
async def bench(
    folder: Path,
    *,
    session: aiohttp.ClientSession | None = None,
    patience: float = TIMEOUT,
    **settings: Any,
) -> AsyncIterator[Bench]:
    """Serve a sandbox with faults that are soon over, and nothing that slows down a test.

    On a loop with virtual time, that is the time of the sandbox and of its client.
    """
    virtual = isinstance(asyncio.get_running_loop(), VirtualTimeLoop)
    timing: dict[str, Any] = {"clock": LoopClock()} if virtual else {}
    chosen: dict[str, Any] = {"expression_rate": None, "late": LATE, "fault_kinds": KINDS}
    async with (
        Sandbox(**chosen | timing | settings) as sandbox,
        Client(
            sandbox.account_sid,
            sandbox.auth_token,
            base_url=sandbox.url,
            timeout=patience,
            retry=RetryPolicy(base=0.05, throttled_base=0.1, **timing),
            session=session,
        ) as client,
    ):
        yield Bench(sandbox, client, folder / "journal")
