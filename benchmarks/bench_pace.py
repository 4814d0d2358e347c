"""Pace: the used share of the limit of a service, and the share of requests that it refuses.

    python benchmarks/bench_pace.py [--seconds N] [--stated] [--check]

`create_many` is given rows without end and left after so many seconds, its start included, against
a sandbox of its own in another process: one that bears 50, 100, 200, 500 or 1,000 requests in any
one second, one that bears 40 at a time, each of which takes 0.1 s, and one that bears 50 a second,
then 10, then 100, a third of the time each. What is above gets 429. But for the second kind, a
request takes 0.05 s. No answer states a limit, unless `--stated` is given: then the headers do that
the service documents by name.

How to read it: "used" is what was created, of what could have been; a window of a second allows one
second's worth more in the end, so it may be a little above 1. "refused" is the share of 429 among
all requests, in percent. The loop of a client that has to share its core with others starts
requests late, which "used" then shows.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import aclosing
from itertools import count
from pathlib import Path
from typing import Any, cast

import attrs
from measure import Target, command, conclude, print_table
from peers import aiotask_tasks, new_task

from aiotask.taskrouter import NewTask

LATENCY = 0.05
AT_ONCE, LONG = 40, 0.1
SERVER = Path(__file__).with_name("servers") / "pace.py"


@attrs.frozen
class Case:
    """A service: its limits, and how many creates it could have carried out in a second."""

    name: str
    bears: float
    rates: tuple[float, ...] = ()
    in_flight: int | None = None
    latency: float = LATENCY

    def options(self, seconds: float) -> list[str]:
        """Return how the server is told."""
        words: list[object] = ["--latency", self.latency]
        if self.in_flight is not None:
            words += ["--in-flight", self.in_flight]
        if self.rates:
            words += ["--seconds", seconds / len(self.rates), "--rates", *self.rates]
        return [*map(str, words)]


STEPS = (50.0, 10.0, 100.0)
CASES = [
    *(Case(f"{rate:,} a second", rate, (rate,)) for rate in (50, 100, 200, 500, 1000)),
    Case(f"{AT_ONCE} at a time, {LONG:g} s each", AT_ONCE / LONG, (), AT_ONCE, LONG),
    Case("50, 10, 100 a second", sum(STEPS) / len(STEPS), STEPS),
]


async def create(base: str, workspace: str, seconds: float) -> None:
    """Create for so long."""
    rows: Iterator[NewTask] = map(new_task, count())
    async with (
        aiotask_tasks(base, workspace) as tasks,
        # What is iterated is a generator, which ends well when it is closed.
        aclosing(cast("Any", tasks.create_many(rows))) as outcomes,
    ):
        end = time.perf_counter() + seconds
        async for _ in outcomes:
            if time.perf_counter() > end:
                break


def run(case: Case, seconds: float, *, stated: bool) -> tuple[int, int]:
    """Return how many were created, and how many refused."""
    words = [sys.executable, str(SERVER), *case.options(seconds), *["--stated"] * stated]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        if server.stdin is None or server.stdout is None:
            raise RuntimeError("there are no pipes")
        base, workspace = server.stdout.readline().split()
        asyncio.run(create(base, workspace, seconds))
        server.stdin.close()
        created, refused = server.stdout.readline().split()
    return int(created), int(refused)


def main() -> int:
    """Run all cases, print, and return the exit status."""
    parser = command(__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="for each limit")
    parser.add_argument("--stated", action="store_true", help="answers state the first limit")
    options = parser.parse_args()
    lines, targets = [], []
    for case in CASES:
        # What a change costs is seen only beside what comes after it.
        steps = case is CASES[-1]
        seconds = options.seconds * (2 if steps else 1)
        created, refused = run(case, seconds, stated=options.stated)
        used = created / (case.bears * seconds)
        share = 100 * refused / (created + refused)
        lines.append([case.name, created, refused, f"{used:.3f}", f"{share:.2f}"])
        targets.append(Target(f"{case.name}: used", used, 0.9, at_least=True))
        if not steps:
            targets.append(Target(f"{case.name}: refused", share, 1.5, unit=" %"))
    print_table(
        f"The pace of create_many, {options.seconds:g} s each, twice that for the steps",
        ["", "created", "refused", "used", "refused, %"],
        lines,
    )
    return conclude(targets, check=options.check)


if __name__ == "__main__":
    sys.exit(main())
