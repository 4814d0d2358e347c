"""One job of a fleet campaign: workers that are killed and stopped until every row has an end."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path
from random import Random

import attrs
import msgspec
from kill.driver import expected, row
from servers.postgres import Postgres

import aiotask
from aiotask.bulk import KEY_ATTRIBUTE, Keys, Settings, State, entries_of, read_summary, source_of
from aiotask.bulk.journal.postgres import make_tables
from aiotask.bulk.keys import JOB_ATTRIBUTE
from aiotask.sandbox import Sandbox

_FOLDER = Path(__file__).parents[1]
_SHORTEST, _LONGEST = 0.5, 60.0  # seconds that a worker is stopped; the lease is 2 s
_KILLED = 0.68  # share of the blows that are kills; the others are stops
_AWAY = 3.0  # seconds that the database is away at the most
_LOOK = 0.25  # seconds between two looks at what is done
_SEEN = 3.0  # seconds in which a program is seen to have ended
_NEVER = 300.0  # seconds without a blow after which a job never ends
_ENDS = {State.CREATED: "created", State.REJECTED: "rejected", State.UNRESOLVED: "unresolved"}


@attrs.frozen(kw_only=True)
class Plan:
    """The work of every job: so many *rows* for so many *workers*.

    A blow falls every *every* seconds, on average. *without* names what the workers leave out.
    """

    folder: Path
    rows: int = 10_000
    workers: int = 4
    every: float = 1.5
    without: str | None = None


@attrs.define
class Tally:
    """The count of what happened, and in *wrong* the violations by kind, each in words."""

    jobs: int = 0
    rows: int = 0
    sent: int = 0
    kills: int = 0
    stops: int = 0
    crashes: int = 0
    switched: int = 0
    turned_away: int = 0
    seconds: float = 0.0
    wrong: dict[str, list[str]] = attrs.field(factory=lambda: defaultdict(list))


class FleetJob:
    """Loads a job, and has it done by workers that are struck meanwhile."""

    def __init__(
        self, plan: Plan, tally: Tally, sandbox: Sandbox, database: Postgres, seed: int
    ) -> None:
        self._plan = plan
        self._tally = tally
        self._sandbox = sandbox
        self._database = database
        self._random = Random(seed)
        self._url = database.new_database()
        self._workspace = sandbox.create_workspace(f"fleet {seed}")
        self._workers: list[Process] = []
        self._stopped: set[int] = set()
        self._back_since = 0.0
        self._log = plan.folder / f"job-{seed}.log"

    async def run(self, kills: int, crashes: int) -> None:
        """Load all rows, strike until so many kills and crashes are done, and compare."""
        began = time.perf_counter()
        sent = self._sandbox.requests["POST Tasks"]
        make_tables(self._url)
        await self._load()
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._workers = [await self._started() for _ in range(self._plan.workers)]
            try:
                ended = await self._strike(kills, crashes)
            finally:
                await self._end_all()
        if ended:
            self._compare()
        self._tally.jobs += 1
        self._tally.rows += self._plan.rows
        self._tally.sent += self._sandbox.requests["POST Tasks"] - sent
        self._tally.seconds += time.perf_counter() - began

    async def _load(self) -> None:
        sandbox = self._sandbox
        client = aiotask.Client(sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url)
        async with client:
            tasks = client.taskrouter.workspace(self._workspace).tasks
            settings = Settings(keys=Keys(KEY_ATTRIBUTE), job="fleet")
            await tasks.sharing(
                source_of(map(row, range(self._plan.rows))), settings, self._url
            ).load()

    async def _started(self) -> Process:
        words: list[object] = ["fleet.worker", self._sandbox.url, self._url]
        if self._plan.without is not None:
            words += ["--without", self._plan.without]
        environment = {
            **os.environ,
            "TWILIO_ACCOUNT_SID": self._sandbox.account_sid,
            "TWILIO_AUTH_TOKEN": self._sandbox.auth_token,
            "PYTHONPATH": os.pathsep.join([str(_FOLDER), *filter(None, [os.getenv("PYTHONPATH")])]),
        }
        with self._log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-m", *map(str, words), stdout=PIPE, stderr=log, env=environment
            )

    async def _strike(self, kills: int, crashes: int) -> bool:
        """Strike until all is done; whether it was."""
        random, tally = self._random, self._tally
        last = time.monotonic()
        blow_at = last + self._plan.every
        blows_to_crash = max(kills // (crashes + 1), 1)
        killed = 0
        while not self._is_done():
            await asyncio.sleep(_LOOK)
            await self._replace_dead()
            now = time.monotonic()
            if killed >= kills:
                if now - last > _NEVER:
                    tally.wrong["never ended"].append(f"{self._left()} rows; see {self._log}")
                    return False
                continue
            if now < blow_at:
                continue
            last, blow_at = now, now + random.expovariate(1 / self._plan.every)
            place = random.randrange(len(self._workers))
            if random.random() < _KILLED:
                killed += 1
                tally.kills += 1
                await self._kill(place)
                if crashes and not killed % blows_to_crash:
                    crashes -= 1
                    await self._crash()
            elif place not in self._stopped:
                tally.stops += 1
                self._group.create_task(self._stop(place))
        return True

    async def _kill(self, place: int) -> None:
        worker = self._workers[place]
        if worker.returncode is None:
            worker.kill()
        await worker.wait()
        self._workers[place] = await self._started()

    async def _stop(self, place: int) -> None:
        """Stop a worker for a time that is as likely to be below its lease as far beyond."""
        worker, random = self._workers[place], self._random
        self._stopped.add(place)
        with suppress(ProcessLookupError, TimeoutError):
            worker.send_signal(signal.SIGSTOP)
            async with asyncio.timeout(_SHORTEST * (_LONGEST / _SHORTEST) ** random.random()):
                await worker.wait()  # its switch may end it
        with suppress(ProcessLookupError):
            worker.send_signal(signal.SIGCONT)
        self._stopped.discard(place)

    async def _crash(self) -> None:
        self._tally.crashes += 1
        await asyncio.to_thread(self._database.crash)
        await asyncio.sleep(self._random.uniform(0, _AWAY))
        await asyncio.to_thread(self._database.start)
        self._back_since = time.monotonic()

    async def _replace_dead(self) -> None:
        """Start those again that have ended by the switch, or had no database to begin with."""
        for place, worker in enumerate(self._workers):
            if worker.returncode is not None:
                if worker.returncode == -signal.SIGALRM:
                    self._tally.switched += 1
                elif time.monotonic() - self._back_since < _SEEN:
                    self._tally.turned_away += 1
                else:
                    self._tally.wrong["worker failed"].append(
                        f"with {worker.returncode}; see {self._log}"
                    )
                self._workers[place] = await self._started()

    async def _end_all(self) -> None:
        for worker in self._workers:
            if worker.returncode is None:
                worker.kill()
            await worker.wait()

    def _left(self) -> int:
        rows = read_summary(f"{self._url}#fleet").rows
        return self._plan.rows - sum(rows[state] for state in _ENDS)

    def _is_done(self) -> bool:
        return not self._left()

    def _compare(self) -> None:
        """Hold the rows, the journal and the service's tasks against each other."""
        wrong = self._tally.wrong
        url = f"{self._url}#fleet"
        job = read_summary(url).job
        there: dict[int, list[str]] = defaultdict(list)
        for task in self._sandbox.tasks(self._workspace):
            attributes = msgspec.json.decode(task.attributes)
            there[attributes["number"]].append(task.sid)
            if attributes.get(JOB_ATTRIBUTE) != job:
                wrong["foreign"].append(str(task.sid))
        entries = {entry.number - 1: entry for entry in entries_of(url)}
        for number in range(self._plan.rows):
            sids, entry = there[number], entries[number]
            kind = _ENDS.get(entry.state)
            case = f"row {number}: tasks {sids}, journal {entry}"
            if len(sids) > 1:
                wrong["twice"].append(case)
            if not sids and expected(number) == "created":
                wrong["lost"].append(case)
            if kind == "unresolved" or kind is None:
                wrong[kind or "without an end"].append(case)
            elif kind != expected(number) or (
                sids if kind == "rejected" else entry.sid not in sids
            ):
                wrong["wrongly reported"].append(case)


def counts(tally: Tally) -> Counter[str]:
    """Return the number of violations, by kind."""
    return Counter({kind: len(cases) for kind, cases in tally.wrong.items()})
