"""Peak memory of 100,000 creates, and of 100,000 listed tasks.

    python benchmarks/bench_memory.py [--creates N] [--listed N] [--rounds N]

Each way runs in a fresh process that has imported everything; what is told is how far its memory
rises above what it had then, by the kernel's own record of the peak. The server is another process.

Creates: aiotask's `create_many`; aiohttp by hand and twilio-python, each with a semaphore of 50
that is acquired before a create is started; and twilio-python as it is written without one, all
creates in one `asyncio.gather`. Listed, in pages of 1,000: aiotask's `async for`, aiohttp by hand
page after page, and twilio-python's `stream_async` and `list_async`.

How to read it: medians in MB (10⁶ bytes). What does not depend on the number (run it with
half of it) is what the connections and the pages under way take.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Coroutine
from statistics import median
from typing import Any

from measure import ensure, most_resident, print_table, resident, server
from peers import IN_FLIGHT, aiotask_tasks, bare_tasks, new_task, twilio_tasks
from servers.bare import WORKSPACE

import aiotask
from aiotask.taskrouter import NewTask

PAGE = 1000
Way = Callable[[str, int], Coroutine[Any, Any, int]]


async def bounded(count: int, create: Callable[[NewTask], Awaitable[object]]) -> None:
    """Create so many with a semaphore, and without a task for every row from the start."""
    slots = asyncio.Semaphore(IN_FLIGHT)

    async def one(row: NewTask) -> None:
        try:
            await create(row)
        finally:
            slots.release()

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await slots.acquire()
            group.create_task(one(new_task(number)))


async def create_aiotask(base: str, count: int) -> int:
    """Create in bulk."""
    done = 0
    async with aiotask_tasks(base, WORKSPACE) as tasks:
        async for outcome in tasks.create_many(new_task(number) for number in range(count)):
            done += isinstance(outcome, aiotask.Created)
    return done


async def create_bare(base: str, count: int) -> int:
    """Create with aiohttp and a semaphore."""
    async with bare_tasks(base, WORKSPACE) as tasks:
        await bounded(count, tasks.create)
    return count


async def create_twilio(base: str, count: int) -> int:
    """Create with twilio-python and a semaphore."""
    async with twilio_tasks(base, WORKSPACE) as tasks:

        async def create(row: NewTask) -> None:
            await tasks.create_async(
                attributes=json.dumps(row["attributes"]), priority=row["priority"]
            )

        await bounded(count, create)
    return count


async def create_twilio_gathered(base: str, count: int) -> int:
    """Create with twilio-python, all at once."""
    async with twilio_tasks(base, WORKSPACE) as tasks:
        rows = (new_task(number) for number in range(count))
        made = await asyncio.gather(
            *(
                tasks.create_async(
                    attributes=json.dumps(row["attributes"]), priority=row["priority"]
                )
                for row in rows
            )
        )
    return len(made)


async def list_aiotask(base: str, _: int) -> int:
    """List task by task."""
    done = 0
    async with aiotask_tasks(base, WORKSPACE) as tasks:
        async for _task in tasks.list(page_size=PAGE):
            done += 1
    return done


async def list_bare(base: str, _: int) -> int:
    """List page by page, undecoded."""
    done = 0
    async with bare_tasks(base, WORKSPACE) as tasks:
        async for page in tasks.pages(PAGE):
            done += len(page)
    return done


async def list_twilio_streamed(base: str, _: int) -> int:
    """List task by task with twilio-python."""
    done = 0
    async with twilio_tasks(base, WORKSPACE) as tasks:
        async for _task in await tasks.stream_async(page_size=PAGE):
            done += 1
    return done


async def list_twilio(base: str, _: int) -> int:
    """List all with twilio-python."""
    async with twilio_tasks(base, WORKSPACE) as tasks:
        return len(await tasks.list_async(page_size=PAGE))


CREATES: dict[str, Way] = {
    "aiotask create_many": create_aiotask,
    "bare aiohttp, semaphore": create_bare,
    "twilio-python, semaphore": create_twilio,
    "twilio-python, gather": create_twilio_gathered,
}
LISTS: dict[str, Way] = {
    "aiotask async for": list_aiotask,
    "bare aiohttp, by page": list_bare,
    "twilio-python stream_async": list_twilio_streamed,
    "twilio-python list_async": list_twilio,
}


def run_alone(name: str, base: str, count: int) -> None:
    """Be the fresh process: print how far memory has risen."""
    imported = resident()
    done = asyncio.run((CREATES | LISTS)[name](base, count))
    ensure(done, count)
    print(most_resident() - imported)


def compare(ways: dict[str, Way], base: str, count: int, rounds: int) -> dict[str, float]:
    """Return the median growth of each way, in MB, run in turns."""
    grown: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, found in grown.items():
            words = [sys.executable, __file__, "--alone", name, base, str(count)]
            done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
            found.append(float(done.stdout))
    return {name: median(found) for name, found in grown.items()}


def show(title: str, grown: dict[str, float]) -> None:
    """Print one table; the first way is ours."""
    ours = next(iter(grown.values()))
    print_table(
        title,
        ["", "MB", "to aiotask"],
        [[name, megabytes, megabytes / ours] for name, megabytes in grown.items()],
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--creates", type=int, default=100_000)
    parser.add_argument("--listed", type=int, default=100_000, help=f"a multiple of {PAGE:,}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        name, base, count = options.alone
        run_alone(name, base, int(count))
        return
    if options.listed < PAGE or options.listed % PAGE:
        parser.error(f"--listed must be a multiple of {PAGE:,}")
    with server("servers/bare.py") as base:
        grown = compare(CREATES, base, options.creates, options.rounds)
    show(f"Peak above what imports take, {options.creates:,} creates", grown)
    pages = options.listed // PAGE
    with server("servers/bare.py", "--pages", pages, "--page-size", PAGE) as base:
        grown = compare(LISTS, base, options.listed, options.rounds)
    show(f"Peak above what imports take, {options.listed:,} listed", grown)


if __name__ == "__main__":
    main()
