"""CPU time of one row of a bulk creation or update, with a journal and without.

    python benchmarks/bench_bulk_cpu.py [--rows N] [--rounds N] [--check]
    python benchmarks/bench_bulk_cpu.py --profile [--rows N]

The same rows are created with `create_many`, with `create_many` and a journal, a new one each time,
and with aiohttp by hand as fast as it goes, 50 at a time (no checks, no errors, no pace, no second
attempts), in turns, in one process and one event loop; and the same task is updated as many times,
with `update_many` and by hand. The server is another process, which is not
measured, and every answer comes at once. The CPU time is that of all threads, so that of the
journal counts, too; what its disk makes it wait does not.

How to read it: the table has medians over all rounds, in microseconds of CPU for one row. The
ratios are medians of each round's own ratio, so they may differ a little from what the table
gives. With `--profile` one bulk creation with a journal is profiled instead, and the functions that
took most time by themselves are printed; a profile makes everything slower, small calls most.
"""

import asyncio
import cProfile
import pstats
import sys
import tempfile
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from measure import Contender, Rounds, Target, command, conclude, in_turns, print_table, ratio
from measure import server as serving
from peers import IN_FLIGHT, aiotask_tasks, bare_tasks, new_task, workers
from servers.bare import TASK, WORKSPACE

import aiotask
from aiotask.taskrouter import NewTask, Tasks

MANY, KEPT, BARE = "create_many", "create_many, journal", "bare aiohttp"
CHANGED, BARELY_CHANGED = "update_many", "bare aiohttp, updates"
SHOWN = 45  # functions of a profile


async def create_many(rows: list[NewTask], tasks: Tasks, journal: Path | None) -> None:
    """Create all in bulk."""
    outcomes = tasks.create_many(rows, journal=journal, max_in_flight=IN_FLIGHT)
    async for outcome in outcomes:
        if not isinstance(outcome, aiotask.Created):
            raise outcome.error


async def update_many(rows: list[dict[str, Any]], tasks: Tasks) -> None:
    """Update all in bulk."""
    async for outcome in tasks.update_many(rows, max_in_flight=IN_FLIGHT):
        if not isinstance(outcome, aiotask.Updated):
            raise TypeError(outcome)


async def measure(count_of_rows: int, rounds: int, folder: Path) -> Rounds:
    """Return CPU seconds by round."""
    rows = [new_task(number) for number in range(count_of_rows)]
    changes: list[dict[str, Any]] = [{"sid": TASK, **row} for row in rows]
    numbers = count()
    with serving("servers/bare.py") as base:
        async with (
            aiotask_tasks(base, WORKSPACE) as plain,
            aiotask_tasks(base, WORKSPACE) as kept,
            bare_tasks(base, WORKSPACE) as bare,
        ):
            contenders: dict[str, Contender] = {
                MANY: lambda: create_many(rows, plain, None),
                KEPT: lambda: create_many(rows, kept, folder / f"journal-{next(numbers)}"),
                BARE: lambda: workers(rows, bare.create),
                CHANGED: lambda: update_many(changes, plain),
                BARELY_CHANGED: lambda: workers(changes, bare.update),
            }
            return await in_turns(contenders, rounds)


async def profile(count_of_rows: int, folder: Path) -> cProfile.Profile:
    """Profile one bulk creation with a journal, when the pace has been found."""
    rows = [new_task(number) for number in range(count_of_rows)]
    profiler = cProfile.Profile()
    with serving("servers/bare.py") as base:
        async with aiotask_tasks(base, WORKSPACE) as tasks:
            await create_many(rows, tasks, folder / "first")
            profiler.enable()
            await create_many(rows, tasks, folder / "profiled")
            profiler.disable()
    return profiler


def beside(name: str) -> str:
    """Return what a contender is compared with."""
    return BARELY_CHANGED if name in {CHANGED, BARELY_CHANGED} else BARE


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = command(__doc__)
    parser.add_argument("--rows", type=int, default=5000, help="in each turn")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.profile:
            profiler = asyncio.run(profile(options.rows, Path(folder)))
            pstats.Stats(profiler).sort_stats("tottime").print_stats(SHOWN)
            return 0
        spent = asyncio.run(measure(options.rows, options.rounds, Path(folder)))
    print_table(
        f"CPU of one row, {IN_FLIGHT} at a time; {options.rows:,} in each of "
        f"{options.rounds} rounds",
        ["", "µs", "to bare aiohttp"],
        [
            [name, median(times) / options.rows * 1e6, f"{ratio(spent, name, beside(name)):.2f}"]
            for name, times in spent.items()
        ],
    )
    return conclude(
        [
            Target("with a journal / bare aiohttp", ratio(spent, KEPT, BARE), 1.35),
            Target("updates / bare aiohttp", ratio(spent, CHANGED, BARELY_CHANGED), 1.35),
        ],
        check=options.check,
    )


if __name__ == "__main__":
    sys.exit(main())
