"""Soak test: the memory, tasks and sockets of a client in half an hour of everything amid faults.

    python benchmarks/bench_soak.py [--minutes M] [--faults SHARE] [--seed K] [--check]

One client works all the time against a sandbox in another process, which breaks a share of all
requests: every kind of fault that there is, some of them carried out up to 0.6 s later; lists are
0.1 s behind, and what is above `--rate` requests a second gets 429. Thirty hands call verbs by
chance: tasks are made, made once, changed, ended and deleted, listed to the end or left in the
middle, created in bulk with a journal and without; all else is made, changed and removed, and
other clients are entered and left. One call in ten is cancelled at any moment, half of them by
`asyncio.timeout`, and one hook or callback in twenty raises. Three workspaces are there at a time,
each for 30 seconds.

How to read it: the table has medians of each tenth of the time, and below it how far those of the
last third are above those of the middle third, and the slope of a straight line through all after
the first fifth. "memory" is in MB. "lanes" are what the client knows of the pace of operations in
workspaces: at 2,000 it forgets those that are not in use. "objects" are the others that the garbage
collector knows after a collection. "once" is how many tasks the client remembers to have made once,
10,000 at the most, "taken" the slots for requests. "server" is the memory of the sandbox. In less
than twenty minutes or so the lanes are not yet as many as they will be, and memory grows with them.

In the end, when nothing is called any longer, nothing may be left: no task, no request, no
connection in use. "foreign" is any exception but those of aiotask, of cancelling, and the hooks'
and callbacks' own; "not cancelled" is a call that came to its end although it was cancelled, and
a complaint is what the event loop, its logger, a warning or a finalizer had to say.
"""

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random, randrange
from statistics import linear_regression, median

import attrs
from measure import Target, command, conclude, print_table, server
from soak.scene import client_of
from soak.watch import Inside, Sample, Watch, descriptors, inside, quiet
from soak.work import DELIBERATE, FOREIGN, STOPPED, SWALLOWED, WELL, Soak, Tally

CONNECTIONS = 20  # fewer than calls, so that some wait for a slot
SAMPLES = 150
WARM = 1 / 5  # of the time
ROWS = 10
MOST_MEMORY, MOST_MEGABYTES, MOST_OBJECTS = 5.0, 3.0, 2.0  # percent, or MB; percent

HEADS = ["minutes", *(name for name in Sample._fields if name != "seconds")]


@attrs.frozen
class Found:
    """The findings of a soak."""

    samples: Sequence[Sample]
    tally: Tally
    complaints: Counter[str]
    logged: Counter[str]
    counters: object
    rest: Inside
    tasks: int
    more: int
    """Descriptors that are neither of the beginning nor idle connections."""
    left: int
    """Descriptors after the client was left that were not there before."""


async def soak(base: str, process: int, seconds: float, seed: int) -> Found:
    """Work, watch, and look at what is left."""
    before, _ = descriptors()
    client = client_of(base, Random(seed), CONNECTIONS)
    watch = Watch(client, process)
    with watch.listening(), tempfile.TemporaryDirectory(prefix="aiotask-soak-") as folder:
        async with client:
            work = Soak(client, base, seed, Path(folder))
            looking = watch.sample(seconds, SAMPLES, lambda: work.tally.calls)
            watching = asyncio.create_task(looking)
            await work.run(seconds)
            await watching
            await quiet(client)
            rest, tasks = inside(client), len(asyncio.all_tasks())
            more = descriptors()[0] - before - rest.idle
        await asyncio.sleep(0.1)
        left = descriptors()[0] - before
    return Found(
        samples=watch.samples,
        tally=work.tally,
        complaints=watch.complaints,
        logged=watch.logged,
        counters=client.counters,
        rest=rest,
        tasks=tasks,
        more=more,
        left=left,
    )


def figure(samples: Sequence[Sample], name: str) -> float:
    """Return the median of one measure."""
    values: list[float] = [getattr(sample, name) for sample in samples]
    return median(values)


def part(samples: Sequence[Sample], begin: float, end: float) -> Sequence[Sample]:
    """Return the samples of a part of the time, which goes from 0 to 1."""
    return samples[round(begin * len(samples)) : round(end * len(samples))]


def growth(samples: Sequence[Sample], name: str) -> tuple[float, float, float]:
    """Return a measure in the middle third and in the last, and its slope in an hour."""
    middle, last = part(samples, 1 / 3, 2 / 3), part(samples, 2 / 3, 1)
    warm = part(samples, WARM, 1)
    hours = [sample.seconds / 3600 for sample in warm]
    line = linear_regression(hours, [getattr(sample, name) for sample in warm])
    return figure(middle, name), figure(last, name), line.slope


def show(found: Found) -> None:
    """Print what happened, and what was held meanwhile."""
    tally, samples = found.tally, found.samples
    ends = [WELL, STOPPED, DELIBERATE, FOREIGN, SWALLOWED]
    rows = [
        [verb, *_counted(count, ends), tally.longest[verb]]
        for verb, count in sorted(tally.ends.items())
    ]
    rows.append(["all", *_counted(tally.all, ends), max(tally.longest.values())])
    print_table("Calls, and how they ended", ["", "calls", *ends, "errors", "longest, s"], rows)
    named = [[name, count] for name, count in tally.errors.most_common()]
    print_table("Errors", ["", "calls"], named)
    print_table("The client's log", ["", "times"], [*found.logged.most_common()])
    seconds, verb = tally.slowest
    print(f"\n  {found.counters}, {tally.rooms} workspaces")
    print(f"  the longest cancellation: {seconds:.2f} s, of {verb}")
    tenths = [part(samples, row / ROWS, (row + 1) / ROWS) for row in range(ROWS)]
    table = [
        [f"{tenth[-1].seconds / 60:.1f}", *(figure(tenth, name) for name in HEADS[1:])]
        for tenth in tenths
        if tenth
    ]
    print_table("Medians of each tenth of the time", HEADS, table)
    grown = []
    for name in HEADS[2:]:
        middle, last, slope = growth(samples, name)
        grown.append([name, middle, last, last - middle, slope])
    heads = ["", "middle third", "last third", "more", "an hour"]
    print_table("Growth", heads, grown)


def _counted(count: Counter[str], ends: Sequence[str]) -> list[int]:
    known = [count[end] for end in ends]
    return [count.total(), *known, count.total() - sum(known)]


def targets(found: Found) -> list[Target]:
    """Return what has to be so."""
    rest, ends = found.rest, found.tally.all
    memory, memory_last, _ = growth(found.samples, "memory")
    objects, objects_last, _ = growth(found.samples, "objects")
    bound = max(MOST_MEGABYTES, memory * MOST_MEMORY / 100)
    more_objects = 100 * (objects_last / objects - 1)
    return [
        Target("memory, last third above the middle", memory_last - memory, bound, unit=" MB"),
        Target("objects, last third above the middle", more_objects, MOST_OBJECTS, unit=" %"),
        Target("in the end: tasks", found.tasks, 1),
        Target("... slots taken", rest.taken, 0),
        Target("... connections in use", rest.acquired, 0),
        Target("... requests under way in lanes", rest.in_flight, 0),
        Target("... pages under way", rest.background, 0),
        Target("... tasks in the making once", rest.making, 0),
        Target("... descriptors beyond idle connections", found.more, 0),
        Target("... descriptors after the client", found.left, 0),
        Target("calls without an end", found.tally.endless, 0),
        Target("foreign exceptions", ends[FOREIGN], 0),
        Target("cancelled calls that went on", ends[SWALLOWED], 0),
        Target("complaints", found.complaints.total(), 0),
    ]


def main() -> int:
    """Run, print, and return the exit status."""
    parser = command(__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--faults", type=float, default=0.1, help="share of all requests")
    parser.add_argument("--rate", type=float, default=400.0, help="requests a second; more get 429")
    parser.add_argument("--seed", type=int, help="by chance unless told")
    options = parser.parse_args()
    seed = randrange(10**6) if options.seed is None else options.seed
    settings = ["--faults", options.faults, "--seed", seed, "--rate", options.rate]
    with server("soak/sandbox.py", *settings) as line:
        base, process = line.split()
        found = asyncio.run(soak(base, int(process), options.minutes * 60, seed))
    show(found)
    print(f"\n  seed {seed}")
    return conclude(targets(found), check=options.check)


if __name__ == "__main__":
    sys.exit(main())
