"""Fuzzing of answers: a million hostile ones, bent and broken at random.

    python benchmarks/fuzz_answers.py [--answers N] [--seed S] [--jobs J] [--check]
    python benchmarks/fuzz_answers.py --seed S --call NUMBER

Every kind of call is made again and again, 50 at a time, against a server that begins with a good
answer and then gives members of the document other values, refuses, lies about lengths, adds
headers that are none, compresses what it does not say, leads listings astray, changes bytes, says
anything at all, or closes the connection in the middle. Waits take a thousandth of their time. A
call has chances of its own, drawn from the seed and its number, so that it can be made again alone:
then its answers are printed. After ten thousand calls their client has to be as good as new: as
many calls at once as it has connections, answered well, and nothing left under way.

* foreign: an exception that is none of aiotask's, or a result or an error that cannot be shown;
* hangs: a call that takes over 30 s, and again when it is made alone, although its attempts have
  half a second each;
* astray: a request to the other origin, or to a path that no call asked for;
* complaints: warnings, logged ones too, and errors that no caller was told of;
* worn: a client that was not as good as new.

How to read it: each of these is one too many, and the exit status says so with `--check`; a foreign
exception is printed with its answer, and with what makes it again. That calls fail is as it should
be: the table says with which errors. Of timeouts there are more on a busy machine. The seconds say
little about the client: most connections are broken, and what has no end takes all of its timeout.
"""

import asyncio
import gc
import logging
import pickle
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from random import Random
from typing import Any

import attrs
import msgspec
from fuzz.server import Chances, Connection, Service, Stranger
from fuzz.verbs import CALLS, SIDS
from measure import Target, command, conclude, most_resident, print_table

import aiotask

TIMEOUT = 0.5  # seconds for an attempt
LONGEST = 30.0  # seconds for a call
IN_FLIGHT = 50
ROUND = 10_000  # calls of one client
HURRY = 1000  # times as fast as usual a client's clock goes
BETWEEN = 10**9  # the first numbers of two jobs
SHOWN = 5  # of what is wrong, in full
SHOWN_BYTES = 2000
MEMORY = 300.0  # MB: several bombs at a time, and what malloc keeps of them


async def hurry(seconds: float) -> None:
    """Wait a little of the time."""
    await asyncio.sleep(seconds / HURRY)


POLICY = aiotask.RetryPolicy(
    longest_wait=0,
    deadline=float("inf"),
    sleep=hurry,
    clock=lambda: time.monotonic() * HURRY,
)


@attrs.define
class Tally:
    """The ends of all calls."""

    calls: Counter[str] = attrs.field(factory=Counter)
    answers: Counter[str] = attrs.field(factory=Counter)
    succeeded: Counter[str] = attrs.field(factory=Counter)
    errors: Counter[str] = attrs.field(factory=Counter)
    foreign: list[str] = attrs.field(factory=list)
    hangs: list[str] = attrs.field(factory=list)
    astray: list[str] = attrs.field(factory=list)
    complaints: list[str] = attrs.field(factory=list)
    worn: list[str] = attrs.field(factory=list)
    memory: float = 0.0

    def add(self, other: "Tally") -> None:
        """Count the calls of others, too."""
        for field in attrs.fields(Tally):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            whole = max(mine, theirs) if field.name == "memory" else mine + theirs
            setattr(self, field.name, whole)


class Campaign:
    """Calls, one by one and all at once, and their ends."""

    def __init__(self, seed: int) -> None:
        self.tally = Tally()
        self._seed = seed
        self._chances: dict[str, Chances] = {}
        self._slow: list[int] = []
        self._service = Service(self._chances)

    async def until(self, answers: int, first: int) -> Tally:
        """Call until there were so many answers; the number of the first call is *first*."""
        async with self._serving():
            while self._service.answered < answers:
                async with self._client() as client:
                    numbers = iter(range(first, first + ROUND))
                    workers = (self._work(client, numbers, answers) for _ in range(IN_FLIGHT))
                    await asyncio.gather(*workers)
                    slow, self._slow = self._slow, []
                    for number in slow:
                        await self._call(client, number, alone=True)
                    await self._look_at(client)
                first += ROUND
                gc.collect()  # exceptions that were never retrieved complain now
        return self.tally

    async def alone(self, number: int) -> None:
        """Make one call, and print its answers and its end."""
        async with self._serving(), self._client() as client:
            outcome, chances = await self._call(client, number, alone=True)
            for pieces, end in chances.answers:
                print(f"{b''.join(pieces)!r}, and the connection {end}\n")
            print(repr(outcome))

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        """Serve at both origins, and listen to complaints."""
        loop, service = asyncio.get_running_loop(), self._service
        own = await loop.create_server(lambda: Connection(service), "127.0.0.1", 0)
        other = await loop.create_server(lambda: Stranger(service), "127.0.0.1", 0)
        service.own, service.other = (
            f"http://127.0.0.1:{each.sockets[0].getsockname()[1]}" for each in (own, other)
        )
        with complaints_to(self.tally.complaints):
            async with own, other:
                yield
        self.tally.astray += service.astray
        self.tally.memory = most_resident()

    def _client(self) -> aiotask.Client:
        return aiotask.Client(
            "AC" + "0" * 32,
            "0123456789abcdef",
            base_url=self._service.own,
            retry=POLICY,
            timeout=TIMEOUT,
            max_connections=IN_FLIGHT,
        )

    async def _work(self, client: aiotask.Client, numbers: Iterator[int], answers: int) -> None:
        for number in numbers:
            await self._call(client, number)
            if self._service.answered >= answers:
                break

    async def _call(
        self, client: aiotask.Client, number: int, *, alone: bool = False
    ) -> tuple[Any, Chances]:
        tally, key = self.tally, f"{number:032x}"
        verb = [*CALLS][number % len(CALLS)]
        chances = self._chances[key] = Chances(Random(f"{self._seed}:{number}"))
        name = f"--seed {self._seed} --call {number} ({verb})"
        outcome: Any = None
        try:
            async with asyncio.timeout(LONGEST) as limit:
                outcome = await CALLS[verb](client, key)
            show(outcome)
            tally.succeeded[verb] += 1
        except aiotask.AiotaskError as error:
            outcome = error
            tally.errors[type(error).__name__] += 1
            self._try_to_show(error, name, chances)
        except Exception as error:  # noqa: BLE001 - which is what is looked for
            outcome = error
            if not limit.expired():
                tally.foreign.append(told(name, chances))
            elif alone:
                tally.hangs.append(name)
            else:  # for want of a processor, perhaps
                self._slow.append(number)
        tally.calls[verb] += 1
        tally.answers[verb] += len(chances.answers)
        del self._chances[key]
        return outcome, chances

    def _try_to_show(self, error: aiotask.AiotaskError, name: str, chances: Chances) -> None:
        try:
            same = f"{error}".encode() == f"{pickle.loads(pickle.dumps(error))}".encode()  # noqa: S301
        except Exception:  # noqa: BLE001 - whatever it is
            same = False
        if not same:
            self.tally.foreign.append(told(name, chances))

    async def _look_at(self, client: aiotask.Client) -> None:
        """Note what is not as it was in the beginning."""
        tasks = client.taskrouter.workspace("WS" + "f" * 32).tasks
        calls = (tasks.fetch(SIDS["WT"]) for _ in range(IN_FLIGHT))
        found = await asyncio.gather(*calls, return_exceptions=True)
        self.tally.worn += [repr(each) for each in found if isinstance(each, BaseException)]
        session = client._session  # noqa: SLF001 - what is left under way shows nowhere else
        busy = [name for name, lane in session.connections.lanes.items() if lane.in_flight]
        self.tally.worn += [f"still under way: {name}" for name in busy]


def show(outcome: Any) -> None:
    """Write resources as a program would."""
    for each in outcome if isinstance(outcome, list) else [outcome]:
        if attrs.has(type(each)):
            document = aiotask.to_dict(each)
            document.pop("event_data", None)  # which may be nested too deeply to be written
            msgspec.json.encode(document)


def told(name: str, chances: Chances) -> str:
    """Return the traceback of the current exception, and its last answer."""
    answers = [b"".join(answer.pieces) for answer in chances.answers[-1:]]
    last = b"".join(answers)[:SHOWN_BYTES]
    return f"{name}\n{traceback.format_exc(limit=-8)}answered with {last!r}"


class Complaints(logging.Handler):
    """Collects what is logged as a warning, or worse."""

    def __init__(self, found: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._found = found

    def emit(self, record: logging.LogRecord) -> None:
        """Note it, unless it tells of a run that these very answers hold up."""
        if (record.name, record.module) != ("aiotask", "pause"):
            self._found.append(record.getMessage())


@contextmanager
def complaints_to(found: list[str]) -> Iterator[None]:
    """Collect warnings, logged ones too, and exceptions that were never retrieved."""
    handler, hook = Complaints(found), sys.unraisablehook
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: found.append(repr(context)))
    logging.getLogger().addHandler(handler)
    sys.unraisablehook = lambda unraisable: found.append(repr(unraisable.exc_value))
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            yield
            gc.collect()
        found += [str(each.message) for each in warned]
    finally:
        sys.unraisablehook = hook
        logging.getLogger().removeHandler(handler)
        loop.set_exception_handler(None)


def job(answers: int, seed: int, first: int) -> Tally:
    """Do one process's part."""
    return asyncio.run(Campaign(seed).until(answers, first))


def report(tally: Tally, seconds: float) -> list[Target]:
    """Print the tables, and return the targets."""
    answers = tally.answers.total()
    print_table(
        f"{answers:,} hostile answers in {seconds:,.0f} s, {answers / seconds:,.0f} a second",
        ["", "calls", "answers", "succeeded", "failed"],
        [
            [verb, calls, tally.answers[verb], good, calls - good]
            for verb, calls in tally.calls.items()
            for good in [tally.succeeded[verb]]
        ],
    )
    rows = [[name, count] for name, count in tally.errors.most_common()]
    print_table("How calls failed", ["", "calls"], rows)
    wrong = {
        "foreign": tally.foreign,
        "hangs": tally.hangs,
        "astray": tally.astray,
        "complaints": tally.complaints,
        "worn": tally.worn,
    }
    for name, found in wrong.items():
        for each in found[:SHOWN]:
            print(f"\n{name}: {each}")
    memory = Target("peak memory", tally.memory, MEMORY, unit=" MB")
    return [*(Target(name, len(found), 0) for name, found in wrong.items()), memory]


def main() -> int:
    """Run the campaign, print, and return the exit status."""
    parser = command(__doc__)
    parser.add_argument("--answers", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--call", type=int, help="make this one alone")
    options = parser.parse_args()
    if options.call is not None:
        asyncio.run(Campaign(options.seed).alone(options.call))
        return 0
    began, tally = time.perf_counter(), Tally()
    part = -(-options.answers // options.jobs)
    firsts = [number * BETWEEN for number in range(options.jobs)]
    if options.jobs == 1:
        tally = job(part, options.seed, 0)
    else:
        with ProcessPoolExecutor(options.jobs) as pool:
            for done in [pool.submit(job, part, options.seed, first) for first in firsts]:
                tally.add(done.result())
    return conclude(report(tally, time.perf_counter() - began), check=options.check)


if __name__ == "__main__":
    sys.exit(main())
