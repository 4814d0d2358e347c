"""Time until a large job that was broken off is under way again.

    python benchmarks/bench_resume.py [--rows N] [--rounds N] [--check]

A journal is made of so many rows, of which all but the last 100 have become tasks and those may
have been sent. Then `create_many` is called with the same rows and that journal, and the seconds
are taken until the first request comes to a server: a look for the rows in doubt, which is put off
by the settle time, here next to nothing. Meanwhile the journal is checked, and every row is made
and compared with what the journal has of it.

How to read it: medians over all rounds. Most of the time goes to the rows, of which the time that
it takes to make them, by a generator, is told beside it: rows that are read from a file take longer
to make. The memory is the most that the process has had until then, in MB; the rows are not kept.
"""

import asyncio
import shutil
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from measure import Target, command, conclude, most_resident, print_table
from peers import aiotask_tasks, new_task
from servers.bare import WORKSPACE

from aiotask.bulk import KEY_ATTRIBUTE, Keys, State
from aiotask.bulk.fingerprint import fingerprint
from aiotask.bulk.journal.records import Claim, End
from aiotask.bulk.journal.sqlite import SqliteJournal
from aiotask.taskrouter import NewTask, Tasks

OPEN = 100
PORTION = 10_000
SETTLE = 0.001
SENT = 1_772_438_400.0  # seconds since 1970


def source(count: int) -> Iterator[NewTask]:
    """Return rows as a program would make them."""
    return map(new_task, range(count))


def write(path: Path, target: str, count: int) -> None:
    """Make the journal."""
    journal = SqliteJournal(path)
    journal.open(target, "tasks.create", Keys(KEY_ATTRIBUTE))
    for first in range(0, count, PORTION):
        numbers = range(first + 1, min(first + PORTION, count) + 1)
        claims = [
            Claim(number, State.IN_FLIGHT, fingerprint(new_task(number - 1)), None, SENT, None)
            for number in numbers
        ]
        ends = [
            End(State.CREATED, f"WT{number:032x}", None, number)
            for number in numbers
            if number <= count - OPEN
        ]
        journal.commit(claims, ends)
    journal.close()


async def resume(tasks: Tasks, journal: Path, count: int, came: asyncio.Event) -> float:
    """Return the seconds until the first request."""

    async def go_on() -> None:
        async for _ in tasks.create_many(source(count), journal=journal, settle=SETTLE):
            pass

    began = time.perf_counter()
    going = asyncio.get_running_loop().create_task(go_on())
    await asyncio.wait(
        [going, coming := asyncio.ensure_future(came.wait())], return_when="FIRST_COMPLETED"
    )
    seconds = time.perf_counter() - began
    if going.done():
        coming.cancel()
        await going
        raise RuntimeError("the job ended without a request")
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    return seconds - SETTLE


async def measure(count: int, rounds: int, folder: Path) -> tuple[list[float], list[float]]:
    """Return the seconds of each round until a request, and those that making the rows takes."""
    came = asyncio.Event()
    found, made = [], []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        came.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(note, "127.0.0.1", 0) as server:
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with aiotask_tasks(base, WORKSPACE) as tasks:
            write(folder / "journal", f"/v1/Workspaces/{WORKSPACE}/Tasks", count)
            for number in range(rounds):
                copy = folder / f"journal-{number}"
                shutil.copyfile(folder / "journal", copy)
                came.clear()
                found.append(await resume(tasks, copy, count, came))
                began = time.perf_counter()
                deque(source(count), maxlen=0)
                made.append(time.perf_counter() - began)
    return found, made


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = command(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found, made = asyncio.run(measure(options.rows, options.rounds, Path(folder)))
        size = Path(folder, "journal").stat().st_size
    print_table(
        f"A job of {options.rows:,} rows, {OPEN} of them open; {options.rounds} rounds",
        ["", "found"],
        [
            ["s until the first request", f"{median(found):.2f}"],
            ["s to make the rows alone", f"{median(made):.2f}"],
            ["MB of journal", size / 1e6],
            ["MB of memory at the most", most_resident()],
        ],
    )
    return conclude(
        [Target("until the first request", median(found), 3, unit=" s")], check=options.check
    )


if __name__ == "__main__":
    sys.exit(main())
