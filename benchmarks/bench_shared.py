"""A journal in PostgreSQL: how fast it is loaded, what a row costs, and what a failure costs.

    python benchmarks/bench_shared.py [PART ...] [--rows N] [--rounds N] [--away S ...] [--check]

* load: a job of 1,000,000 rows is loaded from a generator; rows a second, and the memory of this
  process, read after every tenth of the rows.
* cpu: the same rows are created by `create_many` with an SQLite journal, and by a `Worker` on a
  shared one that is loaded beforehand, in turns, in one process and one event loop. The servers,
  that of PostgreSQL too, are other processes and are not measured.
* deaths: four programs of `aiotask worker` do a job of 10,000 rows under a limit of 300 a second,
  undisturbed, and again while one of them is killed every ten seconds and started anew. How long
  both took, and how long the windows of the dead lay before another worker had them; leases last
  10 s.
* outages: the same, and the database crashes, and comes back after 1 and after 30 seconds, or after
  those of `--away`: how long after its return the next task was made, and what had to be looked
  for.

The PostgreSQL server is this program's own, and does not wait for its disk.

How to read it: seconds depend on the machine, ratios less so.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from measure import (
    Contender,
    Target,
    command,
    conclude,
    in_turns,
    print_table,
    ratio,
    resident,
    server,
)
from peers import IN_FLIGHT, aiotask_tasks, new_task
from servers.bare import WORKSPACE
from servers.postgres import PROGRAMS, Postgres

import aiotask
from aiotask.bulk import KEY_ATTRIBUTE, Keys, Settings, read_summary, source_of
from aiotask.bulk.journal.postgres import make_tables
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import NewTask, Tasks

PARTS = ("load", "cpu", "deaths", "outages")
SQLITE, SHARED = "create_many, SQLite", "Worker, PostgreSQL"
LOADED = 1_000_000
RATE, FLEET, EVERY = 300.0, 4, 10.0
LEASE = 10.0  # seconds
_LOOK = 0.05  # seconds


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a server of PostgreSQL in a folder of its own."""
    if not PROGRAMS:
        raise SystemExit("there is no PostgreSQL: /usr/lib/postgresql/*/bin/initdb is missing")
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        database = Postgres(Path(folder), PROGRAMS[-1].parent)
        database.make()
        database.start()
        try:
            yield database
        finally:
            database.crash()


def job_at(database: Postgres) -> str:
    """Return the URL of a new journal."""
    url = database.new_database()
    make_tables(url)
    return url


async def load(tasks: Tasks, url: str, rows: Iterator[NewTask] | list[NewTask]) -> None:
    """Load a job."""
    settings = Settings(keys=Keys(KEY_ATTRIBUTE), job="spring")
    await tasks.sharing(source_of(rows), settings, url).load()


async def measure_load(database: Postgres, rows: int) -> list[Target]:
    """Load so many rows, and return what was found."""
    samples: list[list[object]] = []
    step = max(rows // 10, 1)

    def numbered() -> Iterator[NewTask]:
        for number in range(rows):
            if number % step == 0:
                samples.append([f"{number:,}", resident()])
            yield new_task(number)

    async with aiotask_tasks("http://127.0.0.1:9", WORKSPACE) as tasks:
        url = job_at(database)
        began, cpu = time.perf_counter(), time.process_time()
        await load(tasks, url, numbered())
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    print_table(f"Memory while {rows:,} rows are loaded", ["rows", "resident, MB"], samples)
    print(f"\n  {cpu / rows * 1e6:.1f} µs of CPU for a row, in {seconds:.1f} s")
    first, *later = (float(str(memory)) for _, memory in samples[1:])
    return [
        Target("rows loaded a second", rows / seconds, 20_000, at_least=True),
        Target("growth of memory", max(later) - first, 20, unit=" MB"),
    ]


async def measure_cpu(database: Postgres, count_of_rows: int, rounds: int) -> list[Target]:
    """Create rows with either journal, in turns."""
    rows = [new_task(number) for number in range(count_of_rows)]
    numbers = count()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        base = stack.enter_context(server("servers/bare.py"))
        async with (
            aiotask_tasks(base, WORKSPACE) as tasks,
            aiotask.Client("AC" + "0" * 32, "token", base_url=base) as client,
        ):
            left = 0
            workers: list[aiotask.Worker] = []

            def ended(_verb: str, outcome: object) -> None:
                nonlocal left
                if not isinstance(outcome, aiotask.Created):
                    raise TypeError(outcome)
                left -= 1
                if not left:
                    workers[-1].stop()

            client.hooks.outcomes.append(ended)
            loaded = [job_at(database) for _ in range(rounds + 1)]
            for url in loaded:
                await load(client.taskrouter.workspace(WORKSPACE).tasks, url, rows)

            async def with_sqlite() -> None:
                path = folder / str(next(numbers))
                outcomes = tasks.create_many(rows, journal=path, max_in_flight=IN_FLIGHT)
                async for outcome in outcomes:
                    if not isinstance(outcome, aiotask.Created):
                        raise outcome.error

            async def with_postgres() -> None:
                nonlocal left
                left = len(rows)
                async with aiotask.SharedJournal(loaded.pop(), switch=False) as journal:
                    workers.append(aiotask.Worker(journal, client, max_in_flight=IN_FLIGHT))
                    await workers[-1].run()
                if left:
                    raise RuntimeError(f"{left} rows have no outcome")

            contenders: dict[str, Contender] = {SQLITE: with_sqlite, SHARED: with_postgres}
            spent = await in_turns(contenders, rounds)
    print_table(
        f"CPU of one row, {IN_FLIGHT} at a time; {count_of_rows:,} in each of {rounds} rounds",
        ["", "µs"],
        [[name, median(times) / count_of_rows * 1e6] for name, times in spent.items()],
    )
    return [Target("PostgreSQL / SQLite", ratio(spent, SHARED, SQLITE), 1.10)]


Blow = Callable[[], Awaitable[float]]


class Fleet:
    """Four programs that work on one job of a sandbox with a limit."""

    def __init__(self, database: Postgres, rows: int) -> None:
        self.url = job_at(database)
        self._database = database
        self._rows = rows
        self._programs: list[subprocess.Popen[bytes]] = []
        self.waited: list[float] = []

    async def run(self, blow: Blow | None = None, most: int = 1_000) -> float:
        """Do the job, with a blow every ten seconds; return how long it took."""
        async with Sandbox(rate=RATE, latency=0.05) as sandbox:
            self._sandbox = sandbox
            self._workspace = sandbox.create_workspace("Fleet")
            account, token = sandbox.account_sid, sandbox.auth_token
            async with aiotask.Client(account, token, base_url=sandbox.url) as client:
                rows = [new_task(number) for number in range(self._rows)]
                await load(client.taskrouter.workspace(self._workspace).tasks, self.url, rows)
            self._programs = [self._started() for _ in range(FLEET)]
            try:
                await self._until_made(1)
                began, due = time.perf_counter(), EVERY
                while await asyncio.to_thread(self._left):
                    await asyncio.sleep(_LOOK)
                    if blow is not None and time.perf_counter() - began > due and most:
                        most -= 1
                        self.waited.append(await blow())
                        due = time.perf_counter() - began + EVERY
                return time.perf_counter() - began
            finally:
                for program in self._programs:
                    program.kill()
                    program.wait()

    async def kill(self) -> float:
        """Kill a worker, start another one, and return after how long others had its windows."""
        program = self._programs.pop(0)
        held = (
            'SELECT first FROM aiotask."window" WHERE NOT done '  # noqa: S608 - a number of ours
            f"AND owner LIKE '%:{program.pid}:%'"
        )
        program.send_signal(signal.SIGKILL)
        program.wait()
        killed = time.perf_counter()
        self._programs.append(self._started())
        while await asyncio.to_thread(Postgres.execute, self.url, held):  # noqa: ASYNC110 - another server
            await asyncio.sleep(_LOOK)
        return time.perf_counter() - killed

    async def crash(self, seconds: float) -> float:
        """Take the database away for so long; return after how long the next task was made."""
        await asyncio.to_thread(self._database.crash)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self._database.start)
        returned, made = time.perf_counter(), self._made
        await self._until_made(made + 1)
        return time.perf_counter() - returned

    def check(self) -> int:
        """Return the number of rows that are not there once."""
        tasks = [msgspec.json.decode(each.attributes) for each in self._tasks]
        numbers = Counter(each["number"] for each in tasks)
        return sum(numbers[number] != 1 for number in range(self._rows))

    @property
    def _tasks(self) -> list[Any]:
        return self._sandbox.tasks(self._workspace)

    @property
    def _made(self) -> int:
        return self._sandbox.requests["POST Tasks"]

    async def _until_made(self, number: int) -> None:
        while self._made < number:  # noqa: ASYNC110 - the sandbox counts
            await asyncio.sleep(_LOOK)

    def _left(self) -> int:
        return self._rows - read_summary(f"{self.url}#spring").created

    def _started(self) -> subprocess.Popen[bytes]:
        sandbox = self._sandbox
        keys = {"TWILIO_ACCOUNT_SID": sandbox.account_sid, "TWILIO_AUTH_TOKEN": sandbox.auth_token}
        words = ["worker", "--journal", self.url, "--base-url", sandbox.url, "--settle", "5"]
        return subprocess.Popen(
            [sys.executable, "-m", "aiotask", *words],
            env=os.environ | keys,
            cwd=Path(__file__).parents[1],
            stderr=subprocess.DEVNULL,
        )


async def measure_deaths(database: Postgres, rows: int) -> list[Target]:
    """Do a job undisturbed, and amid kills."""
    calm, struck = Fleet(database, rows), Fleet(database, rows)
    undisturbed = await calm.run()
    disturbed = await struck.run(struck.kill)
    print_table(
        f"{rows:,} rows by {FLEET} workers, {RATE:g} a second",
        ["", "seconds"],
        [
            ["undisturbed", undisturbed],
            [f"{len(struck.waited)} kills", disturbed],
            ["windows of the dead elsewhere, at the most", max(struck.waited, default=0.0)],
        ],
    )
    return [
        Target("time amid kills / undisturbed", disturbed / undisturbed, 3.0),
        Target(
            "windows of the dead elsewhere", max(struck.waited, default=0.0), LEASE + 1, unit=" s"
        ),
        Target("rows not there once", calm.check() + struck.check(), 0),
    ]


async def measure_outages(database: Postgres, rows: int, lengths: list[float]) -> list[Target]:
    """Do a job while the database goes away for so many seconds, and comes back."""
    targets = []
    for seconds in lengths:
        fleet = Fleet(database, rows)
        await fleet.run(lambda: fleet.crash(seconds), most=1)  # noqa: B023 - called within
        (waited,) = fleet.waited
        targets += [
            Target(f"next task after {seconds:g} s without a database", waited, 2.0, unit=" s"),
            Target("rows not there once", fleet.check(), 0),
        ]
    return targets


async def measured(
    parts: list[str], rows: int | None, rounds: int, away: list[float]
) -> list[Target]:
    """Measure what is asked for."""
    targets = []
    with postgres() as database:
        if "load" in parts:
            targets += await measure_load(database, rows or LOADED)
        if "cpu" in parts:
            targets += await measure_cpu(database, rows or 5_000, rounds)
        if "deaths" in parts:
            targets += await measure_deaths(database, rows or 10_000)
        if "outages" in parts:
            targets += await measure_outages(database, rows or 6_000, away)
    return targets


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = command(__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[*PARTS])
    parser.add_argument("--rows", type=int)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--away", type=float, nargs="+", default=[1.0, 30.0], help="seconds")
    options = parser.parse_args()
    targets = asyncio.run(measured(options.parts, options.rows, options.rounds, options.away))
    return conclude(targets, check=options.check)


if __name__ == "__main__":
    sys.exit(main())
