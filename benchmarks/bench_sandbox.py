"""Time of a request to a sandbox with 1,000 to 500,000 waiting tasks.

The sandbox runs in another process. Each figure is the median time of a whole request, client and
server together, in milliseconds; what counts is that it does not grow with the number of tasks.
The orders and indexes that a list needs are built by the first one of its kind, which is left out.

"a worker's turn" is five requests: a worker becomes available, sees the reservation that came of
it, accepts it, completes the task, and goes away. The last row is how many creates a second of its
own CPU time the sandbox did while it was filled to that size.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from statistics import median

from measure import Target, command, conclude, print_table, server
from peers import ACCOUNT, TOKEN, new_task

from aiotask import Client
from aiotask.taskrouter import Tasks, WorkspaceContext

_REPEATED = 40
_SETTLED = 3


def requests(tasks: Tasks) -> dict[str, Callable[[], Awaitable[object]]]:
    """Return what is measured, by name."""
    keys = ", ".join(f'"{n * 2654435761 % 2**32:08x}"' for n in range(100))
    one_page = partial(tasks.list, limit=50, page_size=50)
    return {
        "create": lambda: tasks.create(**new_task(0)),
        "page": lambda: one_page().all(),
        "page, newest first": lambda: one_page(ordering="DateCreated:desc").all(),
        "page, by priority": lambda: one_page(ordering="Priority:desc").all(),
        "page, of a status": lambda: one_page(assignment_status=["pending"]).all(),
        "page, nothing found": lambda: one_page(priority=999).all(),
        "page, 100 keys of all": lambda: one_page(
            evaluate_task_attributes=f"customer IN [{keys}]"
        ).all(),
    }


async def turn_of(workspace: WorkspaceContext) -> Callable[[], Awaitable[object]]:
    """Return what has a new worker do one task."""
    activities = {each.friendly_name: each.sid async for each in workspace.activities.list()}
    worker = await workspace.workers.create(friendly_name="Ana")
    reservations = workspace.worker(worker.sid).reservations

    async def turn() -> None:
        await workspace.workers.update(worker.sid, activity_sid=activities["Available"])
        (offered,) = await reservations.list(reservation_status="pending").all()
        await reservations.accept(offered.sid)
        await reservations.update(offered.sid, reservation_status="completed")
        await workspace.workers.update(
            worker.sid, activity_sid=activities["Offline"], reject_pending_reservations=True
        )

    return turn


async def timed(call: Callable[[], Awaitable[object]]) -> float:
    """Return the median milliseconds of a request."""
    spent = []
    for number in range(_REPEATED + _SETTLED):
        started = time.perf_counter()
        await call()
        if number >= _SETTLED:
            spent.append(time.perf_counter() - started)
    return median(spent) * 1000


def server_cpu() -> float:
    """Return the seconds of CPU time that the process with the sandbox has taken."""
    me = os.getpid()
    (child,) = Path(f"/proc/{me}/task/{me}/children").read_text().split()
    user, system = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def measure(sizes: list[int]) -> tuple[dict[str, list[float]], list[float]]:
    """Return milliseconds by request, and creates a second, one for each size."""
    found: dict[str, list[float]] = {}
    rates = []
    with server("servers/sandbox.py", "--expression-rate", 0) as line:
        base, sid = line.split()
        async with Client(ACCOUNT, TOKEN, base_url=base) as client:
            workspace = client.taskrouter.workspace(sid)
            tasks = workspace.tasks
            turn = await turn_of(workspace)
            held = 0
            for size in sizes:
                started, before = server_cpu(), held
                async for _ in tasks.create_many(new_task(n) for n in range(held, size)):
                    held += 1
                rates.append((held - before) / (server_cpu() - started))
                for name, call in {**requests(tasks), "a worker's turn": turn}.items():
                    found.setdefault(name, []).append(await timed(call))
    return found, rates


def options() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = command(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 500_000])
    return parser.parse_args()


def main() -> int:
    """Measure, print, and return the exit status."""
    chosen = options()
    found, rates = asyncio.run(measure(chosen.sizes))
    heads = ["ms", *(f"{size:,}" for size in chosen.sizes)]
    rows = [[name, *(f"{value:.2f}" for value in times)] for name, times in found.items()]
    rows.append(["creates a CPU second", *(f"{rate:,.0f}" for rate in rates)])
    print_table("One request, by the number of tasks in the sandbox", heads, rows)
    targets = [
        Target(f"{name}: largest / smallest", times[-1] / times[0], 2.0)
        for name, times in found.items()
    ]
    targets.append(Target("creates a CPU second", min(rates), 1_500, at_least=True))
    return conclude(targets, check=chosen.check)


if __name__ == "__main__":
    sys.exit(main())
