"""Cost of the report of a run: CPU, memory, and the size of its page at a million rows.

    python benchmarks/bench_report.py [--rows N] [--rounds N] [--outcomes N] [--check]

The same rows are created with `create_many`, without a journal, in turns without a report, with
one, and without one again, in one process and one event loop. The server is another process, which
is not measured, and every answer comes at once: a row costs the least that it can, and so a report
its largest share.

A run of a million rows takes minutes, and its report is what a million outcomes make of it. These
are given to the watch of a report in a fresh process, as a run gives them: the answer and the
outcome of each row, one row in a hundred refused by the service for a reason with numbers of its
own, one in a thousand in doubt and settled, one in ten thousand after a pause, over three hours.
Then the page is written.

How to read it: the ratio in turns is the median of the rounds' own ratios, to the mean of the turns
before and after. It is as uncertain as that of the two turns without a report is far from 1, which
is more than a report costs unless the machine is quiet. The ratio by counting has what the outcomes
and the page took in the fresh process, to what as many rows take of a run without a report. Memory
is the peak above what the imports take; the plots need matplotlib, which is most of it, and is
imported when the page is drawn.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import attrs
from measure import (
    Contender,
    Rounds,
    Target,
    command,
    conclude,
    in_turns,
    most_resident,
    print_table,
    ratio,
    resident,
)
from measure import server as serving
from peers import IN_FLIGHT, aiotask_tasks, new_task
from servers.bare import TASK, WORKSPACE

import aiotask
from aiotask.bulk.watch import Watch
from aiotask.errors import BadRequestError, ConnectionLostError
from aiotask.taskrouter import NewTask, Tasks

PLAIN, REPORTED, AGAIN = "without a report", "with a report", "without a report, again"
BESIDE = "without a report, on average"
LONGEST = 3 * 3600.0
"""Seconds that the outcomes of the fresh process are spread over."""

_MB = 1_000_000
_LATENCY = 0.05


@attrs.frozen
class Alone:
    """What the fresh process found: seconds of CPU, MB above the imports, bytes of the page."""

    collected: float
    written: float
    memory: float
    memory_written: float
    size: int


async def create(rows: list[NewTask], tasks: Tasks, *, reported: bool) -> None:
    """Create all in bulk."""
    outcomes = tasks.create_many(rows, max_in_flight=IN_FLIGHT)
    if reported:
        outcomes.report()
    async for outcome in outcomes:
        if not isinstance(outcome, aiotask.Created):
            raise outcome.error


async def measure(count_of_rows: int, rounds: int) -> Rounds:
    """Return CPU seconds by round."""
    rows = [new_task(number) for number in range(count_of_rows)]
    with serving("servers/bare.py") as base:
        async with (
            aiotask_tasks(base, WORKSPACE) as plain,
            aiotask_tasks(base, WORKSPACE) as reported,
            aiotask_tasks(base, WORKSPACE) as again,
        ):
            contenders: dict[str, Contender] = {
                PLAIN: lambda: create(rows, plain, reported=False),
                REPORTED: lambda: create(rows, reported, reported=True),
                AGAIN: lambda: create(rows, again, reported=False),
            }
            return await in_turns(contenders, rounds)


def collect(watch: Watch, count: int, clock: "Clock") -> None:
    """Give a watch what a run of so many rows gives it."""
    row = new_task(0)
    created = aiotask.Created(row, TASK)
    lost = ConnectionLostError("the connection broke")
    step = LONGEST / count
    for number in range(count):
        clock.now += step
        if number % 10_000 == 0:
            held = watch.pause("the run pauses", clock.now - step, lost)
            if held is not None:
                held.ended_at = clock.now
        if number % 1_000 == 0:
            watch.failed(lost)
            watch.doubt(number, number, lost)
            watch.settle(number, "found")
        watch.answered(clock.now - _LATENCY)
        if number % 100:
            watch.outcome(number, number, created)
        else:
            error = BadRequestError(f"order {number} is wrong", status=400, headers={})
            watch.outcome(number, number, aiotask.Rejected(row, error))


class Clock:
    """A clock that the rows move on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time of now."""
        return self.now


def run_alone(count: int) -> Alone:
    """Be the fresh process."""
    clock = Clock()
    watch = Watch(clock)
    watch.see({"verb": "tasks.create", "journal": "import.db"}, lambda: 83.3, lambda: 1)
    imported = resident()
    began = time.process_time()
    collect(watch, count, clock)
    collected = time.process_time() - began
    memory = most_resident() - imported
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "run.html"
        began = time.process_time()
        aiotask.Report(watch).write(page)
        written = time.process_time() - began
        size = page.stat().st_size
    return Alone(collected, written, memory, most_resident() - imported, size)


def measure_alone(count: int, rounds: int) -> Alone:
    """Return the medians of fresh processes."""
    found = []
    for _ in range(rounds):
        words = [sys.executable, __file__, "--alone", str(count)]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        found.append(json.loads(done.stdout))
    return Alone(**{name: median(each[name] for each in found) for name in found[0]})


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = command(__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="in each turn")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--outcomes", type=int, default=1_000_000, help="in a fresh process")
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(attrs.asdict(run_alone(options.alone))))
        return 0
    spent = asyncio.run(measure(options.rows, options.rounds))
    alone = measure_alone(options.outcomes, min(options.rounds, 3))
    spent[BESIDE] = [(a + b) / 2 for a, b in zip(spent[PLAIN], spent[AGAIN], strict=True)]
    row = median(spent[BESIDE]) / options.rows
    print_table(
        f"CPU of one row, {IN_FLIGHT} at a time; {options.rows:,} in each of "
        f"{options.rounds} rounds",
        ["", "µs"],
        [
            [PLAIN, median(spent[PLAIN]) / options.rows * 1e6],
            [REPORTED, median(spent[REPORTED]) / options.rows * 1e6],
            [AGAIN, median(spent[AGAIN]) / options.rows * 1e6],
            ["what a report counts of it, alone", alone.collected / options.outcomes * 1e6],
        ],
    )
    print_table(
        f"Report of {options.outcomes:,} rows",
        ["", ""],
        [
            ["page, s of CPU", alone.written],
            ["memory while the rows are counted, MB", alone.memory],
            ["memory with the page, MB", alone.memory_written],
        ],
    )
    print(f"\n  {AGAIN} / {PLAIN}: {ratio(spent, AGAIN, PLAIN):.3f}")
    by_counting = (alone.collected + alone.written) / (row * options.outcomes)
    return conclude(
        [
            Target("CPU with a report, in turns", ratio(spent, REPORTED, BESIDE), 1.02),
            Target("CPU with a report, by counting", 1 + by_counting, 1.02),
            Target("size of the page", alone.size / _MB, 1, unit=" MB"),
        ],
        check=options.check,
    )


if __name__ == "__main__":
    sys.exit(main())
