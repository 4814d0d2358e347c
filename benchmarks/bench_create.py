"""CPU time of one create: checked, encoded, sent, answered and decoded.

    python benchmarks/bench_create.py [--creates N] [--rounds N] [--check]

The same creates are made with aiotask, with aiohttp by hand as fast as it goes (no checks, no
errors, no objects), and with twilio-python's asynchronous client, in turns, in one process and
one event loop; first one after the other, then 50 at a time. The server is another process, which
is not measured, and every answer comes at once, so nothing but the client's own work counts.

How to read it: the table has medians over all rounds, in microseconds of CPU for one create. The
ratios are medians of each round's own ratio, so they may differ a little from what the table
gives. Below 1 is less than the other. `create_many` is there to be compared; it has no target.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterable
from statistics import median
from typing import Any

from measure import (
    Contender,
    Rounds,
    Target,
    command,
    conclude,
    in_turns,
    print_table,
    ratio,
    server,
)
from peers import BareTasks, aiotask_tasks, bare_tasks, new_task, twilio_tasks, workers
from servers.bare import WORKSPACE

import aiotask
from aiotask.taskrouter import NewTask, Tasks

AIOTASK, BARE, TWILIO, MANY = "aiotask", "bare aiohttp", "twilio-python", "aiotask create_many"
Create = Callable[[NewTask], Awaitable[object]]
Drive = Callable[[Iterable[NewTask], Create], Awaitable[None]]


async def one_by_one(rows: Iterable[NewTask], create: Create) -> None:
    """Create the next when the last is there."""
    for row in rows:
        await create(row)


def contenders(
    rows: list[NewTask], drive: Drive, ours: Tasks, bare: BareTasks, twilio: Any
) -> dict[str, Contender]:
    """Return what is run in turns."""

    async def with_aiotask(row: NewTask) -> None:
        await ours.create(**row)

    async def with_twilio(row: NewTask) -> None:
        await twilio.create_async(
            attributes=json.dumps(row["attributes"]), priority=row["priority"]
        )

    return {
        AIOTASK: lambda: drive(rows, with_aiotask),
        BARE: lambda: drive(rows, bare.create),
        TWILIO: lambda: drive(rows, with_twilio),
    }


async def create_many(rows: list[NewTask], tasks: Tasks) -> None:
    """Create all in bulk."""
    async for outcome in tasks.create_many(rows):
        if not isinstance(outcome, aiotask.Created):
            raise outcome.error


async def measure(creates: int, rounds: int) -> tuple[Rounds, Rounds]:
    """Return CPU seconds by round, one after the other and 50 at a time."""
    rows = [new_task(number) for number in range(creates)]
    with server("servers/bare.py") as base:
        async with (
            aiotask_tasks(base, WORKSPACE) as ours,
            bare_tasks(base, WORKSPACE) as bare,
            twilio_tasks(base, WORKSPACE) as twilio,
        ):
            alone = await in_turns(contenders(rows, one_by_one, ours, bare, twilio), rounds)
            together = contenders(rows, workers, ours, bare, twilio)
            together[MANY] = lambda: create_many(rows, ours)
            return alone, await in_turns(together, rounds)


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = command(__doc__)
    parser.add_argument("--creates", type=int, default=500, help="in each turn")
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args()
    targets = []
    measured = asyncio.run(measure(options.creates, options.rounds))
    for manner, spent in zip(("one after the other", "50 at a time"), measured, strict=True):
        print_table(
            f"CPU of one create, {manner}; {options.creates} in each of {options.rounds} rounds",
            ["", "µs"],
            [[name, median(times) / options.creates * 1e6] for name, times in spent.items()],
        )
        targets += [
            Target(f"aiotask / bare aiohttp, {manner}", ratio(spent, AIOTASK, BARE), 1.12),
            Target(f"aiotask / twilio-python, {manner}", ratio(spent, AIOTASK, TWILIO), 0.75),
        ]
    return conclude(targets, check=options.check)


if __name__ == "__main__":
    sys.exit(main())
