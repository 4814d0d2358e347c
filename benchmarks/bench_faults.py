"""Tasks lost and made twice: creates against a server that fails now and then.

    python benchmarks/bench_faults.py [--rows N] [--faults SHARE] [--seed K] [--check]
    python benchmarks/bench_faults.py --rate R [--rows N] [--check]

Every row has a number in its attributes. All rows are created, 50 at a time, against a sandbox of
its own in another process, which breaks a share of all requests: before or after they are executed
it answers 500 to 504, resets the connection or never answers, refuses with 429 what it did not
execute, and of what it did it cuts the answer, empties or garbles it. Then all tasks are listed and
counted by number, and compared with what each way said of each row:

* aiotask's `create_many`, which looks for a task whose answer is lost `--settle` seconds later;
* twilio-python as it comes;
* twilio-python with `max_retries=5`;
* twilio-python as it comes, tried up to six times by tenacity on any exception.

twilio-python's asynchronous client takes a timeout and does not use it (its requests end after
aiohttp's five minutes), so each call is put into `asyncio.wait_for`; with `max_retries`, which
repeats inside a call, the limit is five times as long. All others have the same seconds for an
attempt (`--timeout`).

With `--rate` nothing is broken, and the sandbox answers 429 to what is above R requests a second.

How to read it: "once" should be all rows, and the columns to the right nought. "missing" and
"twice+" are what the server holds; "said created" are rows that are missing although they were
reported as created, "said failed" rows that exist although they were reported as not created.
"unresolved" are those that are reported as open; a task may stand behind them or not.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Literal

import attrs
from measure import Target, command, conclude, print_table, server
from peers import aiotask_tasks, new_task, twilio_tasks, workers
from tenacity import AsyncRetrying, stop_after_attempt, wait_random_exponential

import aiotask

ATTEMPTS = 6
MOST_RETRIES = 5
LISTINGS = 20  # a listing may meet faults, too

Said = Literal["created", "failed", "unresolved"]
Report = dict[int, Said]
Way = Callable[["Place", Report], Coroutine[Any, Any, None]]


@attrs.frozen
class Place:
    """A workspace, the number of rows, and the patience of a client."""

    base: str
    workspace: str
    rows: int
    timeout: float
    settle: float


async def with_aiotask(place: Place, said: Report) -> None:
    """Create in bulk."""
    rows = (new_task(number) for number in range(place.rows))
    async with aiotask_tasks(place.base, place.workspace, timeout=place.timeout) as tasks:
        async for outcome in tasks.create_many(rows, settle=place.settle):
            said[outcome.row["attributes"]["number"]] = told(outcome)


def told(outcome: aiotask.Outcome[Any]) -> Said:
    """Return what an outcome says."""
    match outcome:
        case aiotask.Created():
            return "created"
        case aiotask.Unresolved():
            return "unresolved"
    return "failed"


async def each(place: Place, said: Report, create: Callable[[int], Awaitable[object]]) -> None:
    """Create all rows; a create that raises counts as failed, as its caller has to take it."""

    async def one(number: int) -> None:
        try:
            await create(number)
        except Exception:  # noqa: BLE001 - whatever it is, it is all that the user is told
            said[number] = "failed"
        else:
            said[number] = "created"

    await workers(range(place.rows), one)


@asynccontextmanager
async def twilio_create(
    place: Place, limit: float, max_retries: int | None = None
) -> AsyncIterator[Callable[[int], Awaitable[Any]]]:
    """Give what creates a row with twilio-python, within *limit* seconds."""
    async with twilio_tasks(place.base, place.workspace, max_retries) as tasks:

        async def create(number: int) -> Any:
            row = new_task(number)
            attributes = json.dumps(row["attributes"])
            call = tasks.create_async(attributes=attributes, priority=row["priority"])
            return await asyncio.wait_for(call, limit)

        yield create


async def with_twilio(place: Place, said: Report) -> None:
    """Create once each."""
    async with twilio_create(place, place.timeout) as create:
        await each(place, said, create)


async def with_twilio_retries(place: Place, said: Report) -> None:
    """Create with twilio-python's own retries."""
    async with twilio_create(place, place.timeout * MOST_RETRIES, MOST_RETRIES) as create:
        await each(place, said, create)


async def with_tenacity(place: Place, said: Report) -> None:
    """Create again on any exception."""
    async with twilio_create(place, place.timeout) as create:

        async def again(number: int) -> Any:
            controller = AsyncRetrying(
                stop=stop_after_attempt(ATTEMPTS),
                wait=wait_random_exponential(multiplier=0.25, max=10),
                reraise=True,
            )
            return await controller(create, number)

        await each(place, said, again)


AIOTASK = "aiotask create_many"
WAYS: dict[str, Way] = {
    AIOTASK: with_aiotask,
    "twilio-python": with_twilio,
    f"twilio-python, max_retries={MOST_RETRIES}": with_twilio_retries,
    f"twilio-python, tenacity, {ATTEMPTS} attempts": with_tenacity,
}


async def recount(place: Place) -> Counter[int]:
    """Return how often each row is there."""
    async with aiotask_tasks(place.base, place.workspace, timeout=place.timeout) as tasks:
        for _ in range(LISTINGS):
            try:
                return Counter(
                    [task.attributes["number"] async for task in tasks.list(page_size=1000)]
                )
            except aiotask.AiotaskError as error:
                trouble = error
                await asyncio.sleep(1 / 2)
        raise trouble


@attrs.frozen
class Tally:
    """The ends of all rows."""

    once: int
    missing: int
    twice: int
    unresolved: int
    said_created: int
    said_failed: int
    seconds: float

    @property
    def figures(self) -> list[object]:
        """The columns of the table."""
        return [*attrs.astuple(self)]


async def tally(way: Way, place: Place) -> Tally:
    """Create all rows one way, and hold the server's tasks against what was said."""
    said: Report = {}
    started = time.perf_counter()
    await way(place, said)
    seconds = time.perf_counter() - started
    there = await recount(place)
    rows = range(place.rows)
    return Tally(
        once=sum(there[row] == 1 for row in rows),
        missing=sum(there[row] == 0 for row in rows),
        twice=sum(there[row] > 1 for row in rows),
        unresolved=sum(said.get(row) == "unresolved" for row in rows),
        said_created=sum(said.get(row) == "created" and there[row] == 0 for row in rows),
        said_failed=sum(said.get(row) == "failed" and there[row] > 0 for row in rows),
        seconds=seconds,
    )


def main() -> int:
    """Run all ways, print, and return the exit status."""
    parser = command(__doc__)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--faults", type=float, default=0.1, help="share of all requests")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, help="requests a second, and no faults")
    parser.add_argument("--timeout", type=float, default=2.0, help="seconds for an attempt")
    parser.add_argument("--settle", type=float, default=3.0, help="seconds until a look")
    options = parser.parse_args()
    if options.rate is None:
        settings = ["--faults", options.faults, "--seed", options.seed]
        trouble = f"{options.faults:.0%} of requests broken"
    else:
        settings = ["--rate", options.rate]
        trouble = f"{options.rate:g} requests a second allowed"
    found = {}
    for name, way in WAYS.items():
        with server("servers/sandbox.py", *settings) as line:
            base, workspace = line.split()
            place = Place(base, workspace, options.rows, options.timeout, options.settle)
            found[name] = asyncio.run(tally(way, place))
    print_table(
        f"{options.rows:,} rows, {trouble}",
        ["", "once", "missing", "twice+", "unresolved", "said created", "said failed", "s"],
        [[name, *each.figures] for name, each in found.items()],
    )
    ours = found[AIOTASK]
    wrongly = ours.said_created + ours.said_failed
    targets = [
        Target("aiotask: created twice or more", ours.twice, 0),
        Target("aiotask: missing", ours.missing, 0),
        Target("aiotask: wrongly reported", wrongly, 0),
        Target("aiotask: unresolved", ours.unresolved, 0),
    ]
    return conclude(targets, check=options.check)


if __name__ == "__main__":
    sys.exit(main())
