"""Share of a service's limit that `create_many` uses, and share of its requests that are refused.

    python benchmarks/bench_pace.py [--seconds N] [--stated] [--check]

`create_many` gets endless rows and is left after so many seconds, its start included. Each sandbox
runs in a process of its own. One admits 50, 100, 200, 500 or 1,000 requests in any second, one 40
at a time that take 0.1 s each, and one 50, then 10, then 100 a second, a third of the time each.
The rest is refused with 429. A request takes 0.05 s, except where 40 are admitted at a time.
Answers state no limit, unless `--stated` is given: then they have the X-Rate-Limit headers.

"used" is the share of the creates that the limit allowed in that time. A window of a second allows
one second's creates more at the end, so it may exceed 1. "refused" is the share of 429 among all
requests, in percent. On a busy machine requests start late, and "used" is lower.
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
    """A service: its limits, and the creates a second that they allow."""

    name: str
    allowed: float
    rates: tuple[float, ...] = ()
    in_flight: int | None = None
    latency: float = LATENCY
    used: float = 0.9
    refused: float | None = 1.5

    def options(self, seconds: float) -> list[str]:
        """Return the server's command line."""
        words: list[object] = ["--latency", self.latency]
        if self.in_flight is not None:
            words += ["--in-flight", self.in_flight]
        if self.rates:
            words += ["--seconds", seconds / len(self.rates), "--rates", *self.rates]
        return [*map(str, words)]


STEPS = (50.0, 10.0, 100.0)
CASES = [
    *(Case(f"{rate:,} a second", rate, (rate,)) for rate in (50, 100, 200, 500, 1000)),
    Case(f"{AT_ONCE} at a time, {LONG:g} s each", AT_ONCE / LONG, (), AT_ONCE, LONG, 0.93, 1.0),
    # The target of the refused share is for a constant limit.
    Case("50, 10, 100 a second", sum(STEPS) / len(STEPS), STEPS, refused=None),
]


async def create(base: str, workspace: str, seconds: float) -> None:
    """Create tasks for so many seconds."""
    rows: Iterator[NewTask] = map(new_task, count())
    async with (
        aiotask_tasks(base, workspace) as tasks,
        # create_many returns a generator, though its type is an iterator.
        aclosing(cast("Any", tasks.create_many(rows))) as outcomes,
    ):
        end = time.perf_counter() + seconds
        async for _ in outcomes:
            if time.perf_counter() > end:
                break


def run(case: Case, seconds: float, *, stated: bool) -> tuple[int, int]:
    """Return the numbers of created tasks and of refused requests."""
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
        # A step needs time after it to show its cost.
        steps = case is CASES[-1]
        seconds = options.seconds * (2 if steps else 1)
        created, refused = run(case, seconds, stated=options.stated)
        used = created / (case.allowed * seconds)
        share = 100 * refused / (created + refused)
        lines.append([case.name, created, refused, f"{used:.3f}", f"{share:.2f}"])
        targets.append(Target(f"{case.name}: used", used, case.used, at_least=True))
        if case.refused is not None:
            targets.append(Target(f"{case.name}: refused", share, case.refused, unit=" %"))
    print_table(
        f"The pace of create_many, {options.seconds:g} s each, twice that for the steps",
        ["", "created", "refused", "used", "refused, %"],
        lines,
    )
    return conclude(targets, check=options.check)


if __name__ == "__main__":
    sys.exit(main())
