"""Fleet campaign: workers of one shared journal that are killed and stopped, amid faults.

    python benchmarks/bench_fleet.py [--kills N] [--rows N] [--workers N] [--seed K] [--check]
    python benchmarks/bench_fleet.py --ablation NAME [--kills N] [--check]

Jobs of 10,000 rows lie in a journal in a PostgreSQL server of this program's own, and four workers
do each of them, against a sandbox that breaks 10 % of all requests: every kind of fault that there
is, some of them carried out up to 0.6 s after the client gave up. Every 1.5 s on average a worker
is killed with SIGKILL and another one started, or it is stopped for 0.5 to 60 s (its leases last 2
s) and goes on then, if the kernel's timer does not end it first. Now and then the database crashes,
and is away for up to 3 s.

After each job the rows, the journal and the service's tasks are held against each other.

* lost: a row without a task; twice: a row with several;
* wrongly reported: the journal names a task that is not the row's, or a refused row has one;
* unresolved, without an end, foreign: what they say;
* worker failed: a worker ended otherwise than by a kill or its switch.

With `--ablation` one safeguard is taken out of the workers. A campaign that finds nothing then
would have proven nothing before.

How to read it: every violation is one too many, and the exit status says so with `--check`; with an
ablation it is 1 where no row is there twice.
"""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from random import randrange

from fleet.job import FleetJob, Plan, Tally, counts
from fleet.worker import WITHOUT
from measure import command, print_table
from servers.postgres import PROGRAMS, Postgres

from aiotask.sandbox import Sandbox

FAULTS = 0.1
LATE = 0.6  # seconds
KILLS_OF_A_JOB = 25
LATENCY = 0.05  # seconds


async def campaign(plan: Plan, database: Postgres, kills: int, crashes: int, seed: int) -> Tally:
    """Run jobs until there were so many kills and crashes of the database."""
    tally = Tally()
    jobs = -(-kills // KILLS_OF_A_JOB)
    for number in range(jobs):
        async with Sandbox(
            faults=FAULTS,
            late=LATE,
            index_lag=0.1,
            latency=LATENCY,
            seed=seed + number,
            expression_rate=None,
        ) as sandbox:
            job = FleetJob(plan, tally, sandbox, database, seed + number)
            most = min(KILLS_OF_A_JOB, kills - number * KILLS_OF_A_JOB)
            await job.run(most, crashes * (number + 1) // jobs - crashes * number // jobs)
        print(f"  {tally.kills} kills, {tally.stops} stops: {dict(counts(tally))}", flush=True)
    return tally


def show(plan: Plan, tally: Tally) -> None:
    """Print what was done, and what is wrong."""
    print_table(
        f"{plan.workers} workers of one journal, killed and stopped; {FAULTS:.0%} broken",
        ["", "count"],
        [
            ["jobs", tally.jobs],
            ["rows", tally.rows],
            ["kills", tally.kills],
            ["stops", tally.stops],
            ["ended by the switch", tally.switched],
            ["crashes of the database", tally.crashes],
            ["not begun, for it was away", tally.turned_away],
            ["creates sent", tally.sent],
            ["seconds", tally.seconds],
        ],
    )
    print()
    for kind, cases in tally.wrong.items():
        print(f"  {len(cases):,} {kind}: {'; '.join(cases[:5])}")
    summary = ", ".join(f"{count:,} {kind}" for kind, count in counts(tally).items())
    print(f"  violations: {summary or 'none'}", flush=True)


def main() -> int:
    """Run, print, and return the exit status."""
    parser = command(__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--crashes", type=int, help="of the database; one for 25 kills by default")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--every", type=float, default=1.5, help="seconds between two blows")
    parser.add_argument("--seed", type=int, help="of the first job; by chance unless told")
    parser.add_argument("--ablation", choices=WITHOUT)
    options = parser.parse_args()
    if not PROGRAMS:
        print("there is no PostgreSQL here: /usr/lib/postgresql/*/bin/initdb is missing")
        return 1
    seed = randrange(10**6) if options.seed is None else options.seed
    crashes = options.kills // 25 if options.crashes is None else options.crashes
    folder = Path(tempfile.mkdtemp(prefix="aiotask-fleet-"))
    plan = Plan(
        folder=folder,
        rows=options.rows,
        workers=options.workers,
        every=options.every,
        without=options.ablation,
    )
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as home:
        database = Postgres(Path(home), PROGRAMS[-1].parent)
        database.make()
        database.start()
        try:
            tally = asyncio.run(campaign(plan, database, options.kills, crashes, seed))
        finally:
            database.crash()
    show(plan, tally)
    print(f"  seed {seed}")
    found = counts(tally)
    well = found["twice"] > 0 if options.ablation else not found
    if well:
        shutil.rmtree(folder)
    else:
        print(f"  left in {folder}")
    return int(options.check and not well)


if __name__ == "__main__":
    sys.exit(main())
