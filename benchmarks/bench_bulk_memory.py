"""Memory, which must not grow, and CPU time of a bulk creation of a million rows.

    python benchmarks/bench_bulk_memory.py [--rows N] [--journal] [--check]

`create_many` is given a generator of rows and its outcomes are counted and dropped. The memory of
the process is read every 10,000 outcomes. The server is another process. With `--journal` it keeps
a journal, in a temporary file.

How to read it: growth is what the process has at the most after the first 10,000 outcomes, over
what it has then; a bulk creation whose memory is bounded shows no trend in the column. Rows a
second depend on the machine (the server has to have a core of its own), CPU for a row less so.
"""

import asyncio
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import attrs
from measure import Target, command, conclude, most_resident, print_table, resident, server
from peers import aiotask_tasks, new_task
from servers.bare import WORKSPACE

EVERY = 10_000
SHOWN = 10


@attrs.frozen
class Sample:
    """The process after so many outcomes; memory in MB."""

    outcomes: int
    resident: float
    most: float


@attrs.frozen
class Run:
    """The cost of a bulk creation."""

    samples: list[Sample]
    kinds: Counter[str]
    seconds: float
    cpu: float


async def measure(rows: int, max_in_flight: int, journal: Path | None) -> Run:
    """Create so many rows in bulk."""
    kinds: Counter[str] = Counter()
    samples = []
    with server("servers/bare.py") as base:
        async with aiotask_tasks(base, WORKSPACE) as tasks:
            started, cpu = time.perf_counter(), time.process_time()
            source = (new_task(number) for number in range(rows))
            outcomes = tasks.create_many(source, journal=journal, max_in_flight=max_in_flight)
            async for outcome in outcomes:
                kinds[type(outcome).__name__] += 1
                count = kinds.total()
                if count % EVERY == 0 or count == rows:
                    samples.append(Sample(count, resident(), most_resident()))
            return Run(samples, kinds, time.perf_counter() - started, time.process_time() - cpu)


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = command(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help=f"more than {EVERY:,}")
    parser.add_argument("--max-in-flight", type=int, default=50)
    parser.add_argument("--journal", action="store_true")
    options = parser.parse_args()
    if options.rows <= EVERY:
        parser.error(f"--rows must be more than {EVERY:,}: growth is counted from there")
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory()) if options.journal else None
        journal = Path(folder, "journal") if folder else None
        run = asyncio.run(measure(options.rows, options.max_in_flight, journal))
        written = journal.stat().st_size if journal else 0
    first, *later = run.samples
    step = -(-len(later) // SHOWN)
    shown = [first, *later[step - 1 :: step]]
    if shown[-1] is not later[-1]:
        shown.append(later[-1])
    print_table(
        f"Memory of create_many with{'' if journal else 'out'} a journal, "
        f"{options.max_in_flight} in flight",
        ["outcomes", "resident, MB", "at the most until then, MB"],
        [[each.outcomes, each.resident, each.most] for each in shown],
    )
    told = ", ".join(f"{count:,} {kind.lower()}" for kind, count in run.kinds.items())
    print(f"\n  {told}; {run.seconds:,.1f} s")
    print(f"  {options.rows / run.seconds:,.0f} rows a second")
    print(f"  {run.cpu / options.rows * 1e6:,.1f} µs of CPU for a row")
    if journal:
        print(f"  {written / options.rows:,.0f} bytes of journal for a row")
    highest = max(sample.resident for sample in later)
    return conclude(
        [
            Target("memory at the most", later[-1].most, 60, unit=" MB"),
            Target("growth, as sampled", highest - first.resident, 20, unit=" MB"),
            Target("growth of the peak", later[-1].most - first.most, 20, unit=" MB"),
        ],
        check=options.check,
    )


if __name__ == "__main__":
    sys.exit(main())
