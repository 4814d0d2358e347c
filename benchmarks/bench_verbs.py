"""Many of other verbs: requests of an upsert, and pace and memory of a hundred thousand cancels.

    python benchmarks/bench_verbs.py [--workers N] [--tasks N] [--rate R] [--check]

`upsert_many` is given as many workers as there are, of which 100 are otherwise, and the requests
that come in are counted.

Then `cancel_many` is given a listing of all tasks of a sandbox in another process, which admits 500
requests of a verb in any second, and refuses the rest with 429; a request takes 0.05 s. "used" is
the share of the cancels that the limit allowed in the time that all took, its start included.
"refused" is the share of 429 among all cancels, in percent. Memory is that of this process after
10,000 outcomes, and at the end.
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
from measure import Target, command, conclude, ensure, print_table, resident
from peers import ACCOUNT, TOKEN

import aiotask
from aiotask.sandbox import Sandbox

DIFFERENT = 100
PAGE = 1000
WARM = 10_000


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
class Cancels:
    """All cancels: seconds, the share refused, and memory in MB."""

    seconds: float
    refused: float
    warm: float
    end: float


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


async def cancel(base: str, workspace: str, number: int) -> Cancels:
    """Cancel all tasks."""
    done, warm = 0, 0.0
    async with aiotask.Client(ACCOUNT, TOKEN, base_url=base) as client:
        tasks = client.taskrouter.workspace(workspace).tasks
        listing = tasks.list(assignment_status=["pending"], page_size=PAGE)
        began = time.perf_counter()
        async for outcome in tasks.cancel_many(listing, "benchmark"):
            if not isinstance(outcome, aiotask.Updated):
                raise TypeError(outcome)
            done += 1
            if done == min(WARM, number):
                warm = resident()
        seconds = time.perf_counter() - began
        refusals = client.counters.refusals
    ensure(done, number)
    return Cancels(seconds, 100 * refusals / (refusals + number), warm, resident())


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = command(__doc__)
    parser.add_argument("--workers", type=int, default=10_000, help=f"a multiple of {DIFFERENT}")
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=500.0, help="cancels a second")
    options = parser.parse_args()
    reads, changes = asyncio.run(upsert(options.workers))
    print_table(
        f"upsert_many of {options.workers:,} workers, {DIFFERENT} of them otherwise",
        ["", "requests"],
        [["reads", reads], ["changes", changes]],
    )
    with serving(options.tasks, options.rate) as (base, workspace):
        run = asyncio.run(cancel(base, workspace, options.tasks))
    used = options.tasks / (options.rate * run.seconds)
    print_table(
        f"cancel_many of {options.tasks:,} tasks, {options.rate:g} a second",
        ["", ""],
        [
            ["seconds", run.seconds],
            ["used", f"{used:.3f}"],
            ["refused, %", f"{run.refused:.2f}"],
            [f"resident after {WARM:,}, MB", run.warm],
            ["resident at the end, MB", run.end],
        ],
    )
    # Each change reads what it replaces once more: a list shows no ETags.
    most = 2 * DIFFERENT + options.workers // PAGE + 1
    return conclude(
        [
            Target("upsert: reads and changes", reads + changes, most),
            Target("upsert: changes", changes, DIFFERENT),
            Target("cancel: used", used, 0.93, at_least=True),
            Target("cancel: refused", run.refused, 1.0, unit=" %"),
            Target("cancel: memory at the end / after 10,000", run.end / run.warm, 1.1),
        ],
        check=options.check,
    )


if __name__ == "__main__":
    sys.exit(main())
