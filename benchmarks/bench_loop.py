"""CPU time with uvloop, to that with the event loop of asyncio.

    python benchmarks/bench_loop.py [--rows N] [--pages N] [--rounds N]

The same work is done on the loop of asyncio and on uvloop's, in turns, in one process: creates 50
at a time, pages of 1,000 tasks listed, and rows imported with a journal (`create_many`). The server
is another process, which is not measured, and every answer comes at once. Each turn has a client of
its own, whose connections are open before it is measured.

How to read it: the table has medians over all rounds, in microseconds of CPU for one task, and the
median of each round's own ratio: below 1, uvloop costs less.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from statistics import median

import uvloop
from measure import Rounds, command, ensure, print_table, ratio, server
from peers import IN_FLIGHT, aiotask_tasks, new_task, workers
from servers.bare import WORKSPACE

from aiotask.taskrouter import Tasks

PAGE_SIZE = 1000
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
WORK = ("create, 50 at a time", "list", "import with a journal")


async def turn(base: str, rows: int, pages: int, journals: Callable[[], Path]) -> dict[str, float]:
    """Return the CPU seconds of each kind of work."""
    made = [new_task(number) for number in range(rows)]
    async with aiotask_tasks(base, WORKSPACE) as tasks:

        async def create() -> None:
            await workers(made, lambda row: tasks.create(**row))

        async def listed() -> None:
            found = [None async for _ in tasks.list(page_size=PAGE_SIZE)]
            ensure(len(found), pages * PAGE_SIZE)

        async def imported() -> None:
            outcomes = tasks.create_many(made, journal=journals(), max_in_flight=IN_FLIGHT)
            ensure(len([None async for _ in outcomes]), rows)

        await _warmed(tasks)
        return {
            name: await _seconds(work)
            for name, work in zip(WORK, (create, listed, imported), strict=True)
        }


async def _warmed(tasks: Tasks) -> None:
    await workers([new_task(0)] * IN_FLIGHT, lambda row: tasks.create(**row))


async def _seconds(work: Callable[[], Awaitable[None]]) -> float:
    started = time.process_time()
    await work()
    return time.process_time() - started


def measure(rows: int, pages: int, rounds: int, folder: Path) -> Rounds:
    """Return CPU seconds by round, of each kind of work on each loop."""
    spent: Rounds = {f"{work}, {loop}": [] for work in WORK for loop in LOOPS}
    numbers = count()
    with server("servers/bare.py", "--pages", pages, "--page-size", PAGE_SIZE) as base:
        for number in range(rounds + 1):
            for loop, factory in LOOPS.items():
                with asyncio.Runner(loop_factory=factory) as runner:
                    took = runner.run(
                        turn(base, rows, pages, lambda: folder / f"journal-{next(numbers)}")
                    )
                for work, seconds in took.items():
                    if number:
                        spent[f"{work}, {loop}"].append(seconds)
    return spent


def main() -> int:
    """Measure, and print."""
    parser = command(__doc__)
    parser.add_argument("--rows", type=int, default=3000, help="in each turn")
    parser.add_argument("--pages", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        spent = measure(options.rows, options.pages, options.rounds, Path(folder))
    counts = dict(zip(WORK, (options.rows, options.pages * PAGE_SIZE, options.rows), strict=True))
    print_table(
        f"CPU of one task, in each of {options.rounds} rounds",
        ["", "asyncio, µs", "uvloop, µs", "uvloop / asyncio"],
        [
            [
                work,
                *(median(spent[f"{work}, {loop}"]) / counts[work] * 1e6 for loop in LOOPS),
                f"{ratio(spent, f'{work}, uvloop', f'{work}, asyncio'):.2f}",
            ]
            for work in WORK
        ],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
