"""Kill campaign: a bulk run whose program is killed again and again, amid faults.

    python benchmarks/bench_kill.py [--kills N] [--rows N] [--jobs N] [--seed K] [--plain] [--check]
    python benchmarks/bench_kill.py --verb VERB|all [--kills N] [--rows N] [--jobs N] [--check]
    python benchmarks/bench_kill.py --ablations [--verb VERB|all] [--check]
    python benchmarks/bench_kill.py --ablation NAME [--kills N] [--check]

Jobs of `create_many` with a journal run against sandboxes that break 22 % of all requests: every
kind of fault that there is, some of them carried out up to 0.6 s after the client gave up, which it
does after 0.5 s; lists are 0.1 s behind, and those by an expression are answered three times a
second. Each job's program is killed with SIGKILL 0.3 to 2.2 s after it began, at times sooner, up
to 12 times, and started again with the same rows and journal; then it may come to its end. Some
rows are such that the service refuses them, or the client itself. In half of the jobs rows have
keys of their own, in half the rows are waited for, and in half tasks are completed meanwhile and at
times removed between two runs, so that only events tell of them.

Unless `--plain` says otherwise, incidents befall the jobs, and the table has the count of each.
Between two runs, a journal is moved without its log, its log is deleted or damaged, a backup is
restored over it, or a copy of it is run for a while. The program's clock jumps by hours or days; it
is suspended, and the tasks that it has made end meanwhile. Tasks are completed as soon as they are
there, and removed in mid-run; a worker's software replaces the attributes of some, which lose their
keys. And some creates are delivered twice: then there is a second task, and the audit has to report
exactly these rows.

Then four things are held against each other: the rows, the journal, the tasks that the service
has, and what the program was told, which it notes in a file before it asks for more.

* lost: a row without a task;
* twice: a row with several, where its create was delivered once;
* wrongly reported: the journal names a task that is not the row's, or a refused row has one;
* told otherwise: an outcome is not the one in the journal, or two of one row differ;
* never told, unresolved, without an end: what they say;
* foreign: a task that is of no row of the job;
* audited otherwise: `audit` finds something else than this campaign.

With `--verb` it is another verb than create: `update`, `cancel`, `complete` or `delete` of tasks
that are there before, `update-workers` or `delete-workers`, or `upsert` of workers or
`upsert-workflows`, a third of which are there. Among the updates are some that set a status, which
the service does not do twice. Kills, faults and what befalls the journal, the clock and the program
are the same. Besides, a proxy delivers some requests twice, and passes on either answer; and others
change what the program has just read, change tasks, end or remove them, up to one in twenty. `all`
runs these verbs in turn, each with its part of the kills; 500 kills of 2,500 rows a job take about
a quarter of an hour with `--jobs 2`. What is held against each other is the same, but:

* lost: a row without its effect, with which nobody else interfered;
* twice: a name that was created twice;
* wrongly reported: done without a request that could have done it, rejected although it was done,
  gone although it is there;
* sent again after its end: a row that was sent although the journal had its end;
* written over, undone: what others have changed meanwhile is lost.

With `--ablation` one safeguard is taken out, in the killed program alone, and `--ablations` takes
out in turn each of those of the verb. A campaign that finds nothing then would have proven nothing
before.

How to read it: every violation is one too many, and the exit status says so with `--check`; with
ablations it is 1 where one of them goes unnoticed. Faults come by the seed, but what is under way
at a kill depends on the machine as well: a seed finds its violation again often, not always. What
is left in the folder that is named is the journal, the outcomes and the log of a job that went
wrong.
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import randrange

import attrs
from kill.campaign import Campaign
from kill.incidents import Incident, incidents_of
from kill.job import FAULTS
from kill.plan import LAG, Plan
from kill.verbs import WORKS
from measure import command, print_table


@attrs.frozen
class Ablation:
    """A safeguard that is left out, in words, and jobs that show it, most of the time at once.

    *shows* is the violation that they have to show.
    """

    meaning: str
    kills: int = 3
    lag: float = LAG
    drivers: int = 1
    ending: bool = False
    rows: int = 400
    incidents: frozenset[Incident] = frozenset()
    verb: str = "create"
    shows: str = "twice"

    def plan(self, name: str, folder: Path) -> Plan:
        """Return how it is run."""
        return Plan(
            folder=folder / name,
            verb=self.verb,
            rows=self.rows,
            kills=self.kills,
            lag=self.lag,
            without=name,
            drivers=self.drivers,
            named=False,
            awaited=False,
            ending=self.ending,
            incidents=self.incidents,
        )


ABLATIONS = {
    "no-intent": Ablation("rows are sent before the journal has them"),
    "no-doubt": Ablation("what was in flight at the end of a run is sent again"),
    "new-keys": Ablation("every run has other keys"),
    "blind-retry": Ablation("what is lost is sent again at once", kills=1),
    "no-wait": Ablation("what is lost is looked for at once, and once", lag=0.6),
    "no-sentinel": Ablation("no look has to show what is new", lag=3.0),
    "no-created-events": Ablation("what lists do not show is not there", kills=5, ending=True),
    "no-suspicion": Ablation(
        "journals are always believed", incidents=frozenset({"log deleted", "backup restored"})
    ),
    "no-lock": Ablation("two programs have the journal at once", drivers=2, rows=250, kills=1),
    "lost-is-done": Ablation(
        "a lost answer is taken for a good one", verb="update", shows="lost", kills=1, rows=200
    ),
    "once-only": Ablation(
        "what was in flight at the end of a run is not sent again",
        verb="cancel",
        shows="lost",
        rows=250,
    ),
    "refused-is-rejected": Ablation(
        "what was refused is not read", verb="complete", shows="wrongly reported", kills=1, rows=200
    ),
    "gone-is-rejected": Ablation(
        "what is gone was not deleted", verb="delete", shows="wrongly reported", kills=1, rows=200
    ),
    "forgotten-ends": Ablation(
        "what has its end is sent again",
        verb="delete-workers",
        shows="sent again after its end",
        rows=250,
    ),
    "no-memory": Ablation(
        "what an earlier run may have sent is not known", verb="upsert", shows="wrongly reported"
    ),
    "no-etag": Ablation(
        "changes by others are not noticed",
        verb="upsert",
        shows="written over",
        kills=1,
        rows=250,
        incidents=frozenset({"changed by others"}),
    ),
    "no-settle": Ablation(
        "a name is looked for at once", verb="upsert-workflows", kills=1, rows=250
    ),
}

MOST_TRIALS = 5


def show(campaign: Campaign, plan: Plan) -> None:
    """Print what was done, and what is wrong."""
    injected, jobs = campaign.injected, campaign.jobs
    rows, sent = plan.rows * len(jobs), sum(job.sent for job in jobs)
    creates = plan.verb == "create"
    print_table(
        f"{plan.verb}: many with a journal, killed again and again; "
        f"{FAULTS:.0%} of requests broken",
        ["", "count"],
        [
            ["jobs", len(jobs)],
            ["rows", rows],
            ["kills", campaign.kills],
            ["creates sent" if creates else "changes sent", sent],
            *([["... more than rows", sent - rows]] if creates else []),
            ["requests broken", injected.total()],
            *([f"... {kind}", count] for kind, count in sorted(injected.items())),
            *([kind, campaign.incidents[kind]] for kind in sorted(plan.incidents)),
            *([["rows with a second task by that", sum(job.doubled for job in jobs)]] * creates),
            ["seconds", campaign.seconds],
            ["longest stall of the services, s", f"{campaign.stall:.2f}"],
        ],
    )
    print()
    for job in jobs:
        for line in job.report():
            print(f"  {line}")
    print(f"  violations: {campaign.summary}", flush=True)


def show_all(campaigns: Mapping[str, Campaign]) -> None:
    """Print a line for each verb."""
    print_table(
        "all verbs",
        ["", "jobs", "rows", "kills", "broken", "incidents", "violations", "seconds"],
        [
            [
                verb,
                len(each.jobs),
                each.rows,
                each.kills,
                each.injected.total(),
                each.incidents.total(),
                each.wrong.total(),
                each.seconds,
            ]
            for verb, each in campaigns.items()
        ],
    )
    done = campaigns.values()
    rows, kills = sum(each.rows for each in done), sum(each.kills for each in done)
    wrong = sum(each.wrong.total() for each in done)
    print(f"\n  {rows:,} rows, {kills:,} kills, {wrong:,} violations")


def judge(plan: Plan, seed: int, kills: int, jobs: int) -> Campaign:
    """Run a campaign with all safeguards, and return it."""
    campaign = Campaign(plan, seed)
    asyncio.run(campaign.run(kills, jobs))
    show(campaign, plan)
    return campaign


async def ablate(names: Sequence[str], folder: Path, seed: int, jobs: int) -> bool:
    """Take out each of these safeguards, and return whether all were missed."""
    turns = asyncio.Semaphore(jobs)

    async def noticed(name: str) -> bool:
        ablation = ABLATIONS[name]
        campaign = Campaign(ablation.plan(name, folder), seed)
        async with turns:
            while not campaign.wrong[ablation.shows] and len(campaign.jobs) < MOST_TRIALS:
                await campaign.run(ablation.kills, 1)
        # A driver that fails, or does nothing, shows nothing but that.
        ran = all(job.told for job in campaign.jobs) and not campaign.wrong["driver failed"]
        missed = ran and campaign.wrong[ablation.shows] > 0
        verdict = "missed" if missed else "NOT MISSED"
        count = f"{len(campaign.jobs)} jobs" if len(campaign.jobs) > 1 else "1 job"
        print(
            f"  {name}, {ablation.meaning}: {verdict}: {campaign.summary}, in {count}", flush=True
        )
        return missed

    return all(await asyncio.gather(*map(noticed, names)))


def main() -> int:
    """Run, print, and return the exit status."""
    parser = command(__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--rows", type=int, default=1500, help="of a job")
    parser.add_argument("--most-kills", type=int, default=12, help="of a job")
    parser.add_argument("--jobs", type=int, default=3, help="at once")
    parser.add_argument("--lag", type=float, default=LAG, help="seconds that lists are behind")
    parser.add_argument("--seed", type=int, help="of the first job; by chance unless told")
    parser.add_argument("--verb", choices=["create", "all", *WORKS], default="create")
    parser.add_argument("--ablation", choices=ABLATIONS, action="append", help="may be repeated")
    parser.add_argument("--ablations", action="store_true", help="all of the verb's")
    parser.add_argument("--plain", action="store_true", help="kills and faults, no incidents")
    options = parser.parse_args()
    seed = randrange(10**6) if options.seed is None else options.seed
    folder = Path(tempfile.mkdtemp(prefix="aiotask-kill-"))
    verbs = list(WORKS) if options.verb == "all" else [options.verb]
    names = options.ablation or []
    if options.ablations:
        names = [name for name, ablation in ABLATIONS.items() if ablation.verb in verbs]
    if names or options.ablations:
        well = asyncio.run(ablate(names, folder, seed, options.jobs))
    else:
        campaigns = {
            verb: judge(
                Plan(
                    folder=folder / verb,
                    verb=verb,
                    rows=min(options.rows, WORKS[verb].most) if verb in WORKS else options.rows,
                    kills=options.most_kills,
                    lag=options.lag,
                    incidents=frozenset() if options.plain else incidents_of(verb),
                ),
                seed,
                -(-options.kills // len(verbs)),
                options.jobs,
            )
            for verb in verbs
        }
        well = not any(each.wrong for each in campaigns.values())
        if options.verb == "all":
            show_all(campaigns)
    print(f"  seed {seed}")
    if well:
        shutil.rmtree(folder)
    else:
        print(f"  left in {folder}")
    return int(options.check and not well)


if __name__ == "__main__":
    sys.exit(main())
