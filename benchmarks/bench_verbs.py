"""Many of other verbs: requests of an upsert, and pace and memory of a hundred thousand cancels.

    python benchmarks/bench_verbs.py [--only cancel|upsert] [--tasks N] [--rate R] [--check]

`cancel_many` is given a listing of all tasks of a sandbox in another process, which admits 500
requests of a verb in any second, and refuses the rest with 429; a request takes 0.05 s. "used" is
the share of the cancels that the limit allowed in the time that all took, its start included.
"refused" is the share of 429 among all cancels, in percent. A line for every tenth part of them has
the same of that part, and the memory of this process: what it has then, and the most that it has
had. It is flat if the most at the end is no more than a tenth above the most after the first tenth.

Then `upsert_many` is given as many workers as there are, of which 100 are otherwise, and the
requests that come in are counted.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
from bench_pace import LATENCY, SERVER
from measure import Target, command, conclude, ensure, most_resident, print_table, resident
from peers import ACCOUNT, TOKEN

import aiotask
from aiotask.sandbox import Sandbox

DIFFERENT = 100
PAGE = 1000
PARTS = 10


async def upsert(number: int) -> tuple[int, int]:
    """Return the requests that read and that change, for so many workers."""
    rows: list[dict[str, Any]] = [
        {"friendly_name": f"Worker {n}", "attributes": {"skills": ["a", "b"], "n": n}}
        for n in range(number)
    ]
    async with Sandbox() as sandbox:
        sandbox.fill({"benchmark": {"template": "FIFO", "workers": rows}})
        (workspace,) = sandbox.workspaces
        client = aiotask.Client(sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url)
        every = number // DIFFERENT
        for row in rows[::every]:
            row["attributes"] = {"skills": ["c"]}
        async with client:
            before = sandbox.requests.copy()
            workers = client.taskrouter.workspace(workspace).workers
            async for outcome in workers.upsert_many(rows):
                if not isinstance(outcome, aiotask.Updated | aiotask.Unchanged):
                    raise TypeError(outcome)
            sent = sandbox.requests - before
    reads = sum(count for name, count in sent.items() if name.startswith("GET "))
    return reads, sent.total() - reads


@attrs.frozen
class Point:
    """So many cancels: seconds since the beginning, refusals, and memory in MB."""

    done: int
    seconds: float
    refusals: int
    memory: float
    most: float


@contextmanager
def serving(tasks: int, rate: float) -> Iterator[tuple[str, str]]:
    """Run a sandbox with so many tasks; give its URL and the workspace."""
    words = [sys.executable, str(SERVER), "--tasks", str(tasks), "--rates", str(rate)]
    words += ["--latency", str(LATENCY)]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        if server.stdin is None or server.stdout is None:
            raise RuntimeError("there are no pipes")
        base, workspace = server.stdout.readline().split()
        yield base, workspace
        server.stdin.close()
        server.stdout.read()


async def cancel(base: str, workspace: str, number: int) -> list[Point]:
    """Cancel all tasks, and return what was at the end of every tenth of them."""
    points: list[Point] = []
    async with aiotask.Client(ACCOUNT, TOKEN, base_url=base) as client:
        tasks = client.taskrouter.workspace(workspace).tasks
        listing = tasks.list(assignment_status=["pending"], page_size=PAGE)
        done, began = 0, time.perf_counter()
        async for outcome in tasks.cancel_many(listing, "benchmark"):
            if not isinstance(outcome, aiotask.Updated):
                raise TypeError(outcome)
            done += 1
            if done == number * (len(points) + 1) // PARTS:
                seconds, refusals = time.perf_counter() - began, client.counters.refusals
                points.append(Point(done, seconds, refusals, resident(), most_resident()))
    ensure(done, number)
    return points


def share_refused(done: int, refusals: int) -> float:
    """Return the share of refusals among all cancels, in percent."""
    return 100 * refusals / (refusals + done)


def measured_cancels(tasks: int, rate: float) -> list[Target]:
    """Measure, print, and return the targets."""
    with serving(tasks, rate) as (base, workspace):
        points = asyncio.run(cancel(base, workspace, tasks))
    lines, before = [], Point(0, 0.0, 0, 0.0, 0.0)
    for point in points:
        done, seconds = point.done - before.done, point.seconds - before.seconds
        refused = share_refused(done, point.refusals - before.refusals)
        used = f"{done / (rate * seconds):.3f}"
        lines.append([point.done, point.seconds, used, f"{refused:.2f}", point.memory, point.most])
        before = point
    print_table(
        f"cancel_many of {tasks:,} tasks, {rate:g} a second",
        ["canceled", "after, s", "used", "refused, %", "memory, MB", "most, MB"],
        lines,
    )
    end = points[-1]
    used_of_all, refused = tasks / (rate * end.seconds), share_refused(tasks, end.refusals)
    print(f"  all: {used_of_all:.3f} used, {refused:.2f} % refused")
    return [
        Target("cancel: used", used_of_all, 0.93, at_least=True),
        Target("cancel: refused", refused, 1.0, unit=" %"),
        Target("cancel: most memory at the end / after a tenth", end.most / points[0].most, 1.1),
    ]


def measured_upserts(workers: int) -> list[Target]:
    """Count, print, and return the targets."""
    reads, changes = asyncio.run(upsert(workers))
    print_table(
        f"upsert_many of {workers:,} workers, {DIFFERENT} of them otherwise",
        ["", "requests"],
        [["reads", reads], ["changes", changes]],
    )
    # Each change reads what it replaces once more: a list shows no ETags.
    most = 2 * DIFFERENT + workers // PAGE + 1
    return [
        Target("upsert: reads and changes", reads + changes, most),
        Target("upsert: changes", changes, DIFFERENT),
    ]


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = command(__doc__)
    parser.add_argument("--only", choices=["cancel", "upsert"])
    parser.add_argument("--workers", type=int, default=10_000, help=f"a multiple of {DIFFERENT}")
    parser.add_argument("--tasks", type=int, default=100_000, help=f"{PARTS} at least")
    parser.add_argument("--rate", type=float, default=500.0, help="cancels a second")
    options = parser.parse_args()
    targets = []
    # What the sandbox of the upserts takes in this process is not to be counted before.
    if options.only != "upsert":
        targets += measured_cancels(options.tasks, options.rate)
    if options.only != "cancel":
        targets += measured_upserts(options.workers)
    return conclude(targets, check=options.check)


if __name__ == "__main__":
    sys.exit(main())
