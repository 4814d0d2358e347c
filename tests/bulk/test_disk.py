"""A bulk creation on a disk and a machine that fail: every row becomes one task all the same."""

import asyncio
import os
import resource
import sqlite3
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing, contextmanager
from contextvars import ContextVar
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import msgspec
import pytest

from aiotask import JournalFullError, JournalIOError
from aiotask.bulk import read_summary
from aiotask.bulk.journal.records import Claim, State
from aiotask.bulk.journal.sqlite import SqliteJournal
from aiotask.bulk.journal.writer import JournalWriter
from tests.bulk.bench import KEYS, TIMEOUT, VERB, Bench, bench, look, number_of, rows, states_of
from tests.bulk.importer import Importer, importing
from tests.bulk.lossy_disk import HAS_MACHINE, Machine, compiled
from tests.sweeps import sweep

needs_machine = pytest.mark.skipif(not HAS_MACHINE, reason="there is no C compiler, or no Linux")


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path, faults=0.1, seed=1) as there:
        yield there


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("library"))


@pytest.fixture
def machine(tmp_path: Path, library: Path) -> Machine:
    return Machine(tmp_path, library)


# An intent before the first byte


class Witness:
    """Looks into the journal whenever a create is about to be sent, just before its first byte."""

    def __init__(self, journal: Path) -> None:
        self.seen: Counter[State | None] = Counter()
        self._journal = journal
        self._body: ContextVar[bytes] = ContextVar("body")
        self._connection: sqlite3.Connection | None = None

    def session(self) -> aiohttp.ClientSession:
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(self._look)
        return aiohttp.ClientSession(trace_configs=[trace], middlewares=[self._note])

    async def _note(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if request.method == "POST" and not isinstance(request.body, bytes):
            self._body.set(await request.body.as_bytes())
        return await handler(request)

    async def _look(
        self, _: object, __: object, sent: aiohttp.TraceRequestHeadersSentParams
    ) -> None:
        if sent.method != "POST":
            return
        if self._connection is None:
            self._connection = sqlite3.connect(self._journal)
        (attributes,) = parse_qs(self._body.get().decode())["Attributes"]
        number = msgspec.json.decode(attributes)["n"] + 1
        query = "SELECT state FROM rows WHERE number = ?"
        found = self._connection.execute(query, (number,)).fetchone()
        self.seen[None if found is None else State(found[0])] += 1

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


async def witnessed(folder: Path, number: int) -> Counter[State | None]:
    """Run a job with faults, in three parts; return the states of its rows when they were sent."""
    with closing(Witness(folder / "journal")) as witness:
        async with (
            witness.session() as session,
            bench(folder, session=session, faults=0.2, seed=2) as there,
        ):
            told = await there.some(rows(number), number // 3)
            told += await there.some(rows(number), number // 3)
            told += await there.finish(rows(number))
            there.check(told)
            assert there.sent == witness.seen.total()
    return witness.seen


@pytest.mark.virtual_time
async def test_no_byte_of_a_row_is_sent_before_its_intent_is_in_the_journal(tmp_path: Path) -> None:
    seen = await witnessed(tmp_path, 120)
    assert seen.keys() == {State.IN_FLIGHT}
    assert seen.total() > 120


class ForgetfulWriter(JournalWriter):
    """A writer that does not record which rows may be sent."""

    async def write(self, claims: Any = ()) -> None:
        del claims
        await super().write()


@pytest.mark.virtual_time
async def test_a_journal_without_intents_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiotask.bulk.run.JournalWriter", ForgetfulWriter)
    assert None in await witnessed(tmp_path, 30)


# A full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    (folder := tmp_path / "small").mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, check=False, capture_output=True)
    except OSError:
        pytest.skip("there is no mount")
    if mounted.returncode:
        pytest.skip("a small disk takes a superuser")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607


def fill(disk: Path, leave: int) -> Path:
    """Leave so many bytes of a disk."""
    ballast = disk / "ballast"
    ballast.write_bytes(b"")
    with ballast.open("wb", buffering=0) as file:
        while (free := os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize) > leave:
            file.write(bytes(min(4096, free - leave)))
    return ballast


@pytest.mark.parametrize("left", [0, 20_000, 60_000, 120_000])
@pytest.mark.virtual_time
async def test_on_a_full_disk_a_run_ends_and_goes_on_when_there_is_space(
    small_disk: Path, left: int
) -> None:
    async with bench(small_disk, faults=0.05, seed=3) as there:
        ballast = fill(small_disk, left)
        told = []
        with pytest.raises(JournalFullError, match="no space left"):
            async for outcome in there.job(rows(3000), max_in_flight=50):
                told.append(outcome)
        assert told or left < 100_000
        there.check(told)
        there.sandbox.faults.share = 0
        written = read_summary(there.journal).claimed if there.journal.exists() else 0
        assert there.made().keys() <= set(range(written))
        ballast.unlink()
        number = written + 20
        there.check(await there.finish(rows(number), max_in_flight=50))
        await there.check_all(number)


@needs_machine
async def test_when_a_disk_gets_full_in_the_middle_what_was_told_is_true(machine: Machine) -> None:
    async with bench(machine.folder, faults=0.05, seed=4) as there:
        machine.start()
        async with importing(there, 3000, around=machine.around) as importer:
            await importer.tell(100)
            machine.fill()
            assert await importer.end() == "JournalFullError"
            importer.check(there)
        claimed = len(states_of(there.journal))
        assert there.made().keys() <= set(range(claimed))
        machine.fill(full=False)
        there.sandbox.faults.share = 0
        there.check(await there.finish(rows(claimed)))
        await there.check_all(claimed)


# A disk that fails

FOR_EVER = 1_000_000


@needs_machine
@pytest.mark.parametrize(
    ("after", "times"),
    sweep([(0, 1), (14, FOR_EVER), (20, 1), (0, FOR_EVER), (14, 1), (20, FOR_EVER)], usual=3),
)
async def test_when_the_disk_fails_a_run_ends_and_sends_nothing_more(
    machine: Machine, after: int, times: int
) -> None:
    async with bench(machine.folder) as there:
        machine.start()
        machine.fail(after, times)
        async with importing(there, 3000, around=machine.around) as importer:
            error = await importer.end()
            importer.check(there)
        assert error == "JournalIOError"
        claimed = certain_rows(machine, there.journal)
        assert there.made().keys() <= set(range(claimed))
        sent = there.sent
        assert bool(sent) is (after > 0)
        machine.fail(0, 0)
        number = len(states_of(there.journal)) + 20  # more than is certain, perhaps
        there.check(await there.finish(rows(number)))
        await there.check_all(number)


def certain_rows(machine: Machine, journal: Path) -> int:
    """Return how many rows a journal has on the disk for certain."""
    (copy := machine.folder.parent / "copy").mkdir()
    for name in (journal.name, f"{journal.name}-wal"):
        if (kept := machine.certain(name)) is not None:
            (copy / name).write_bytes(kept)
    return len(states_of(copy / journal.name)) if (copy / journal.name).exists() else 0


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Have the system refuse to let any file of this process grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_after_the_disk_has_failed_nothing_more_is_written(tmp_path: Path) -> None:
    def claims(first: int) -> list[Claim]:
        numbers = range(first, first + 1000)
        return [Claim(number, State.IN_FLIGHT, None, None, None, None) for number in numbers]

    journal = SqliteJournal(tmp_path / "journal")
    journal.open("target", VERB, KEYS)
    journal.commit(claims(1), [])
    with (
        files_no_larger_than((tmp_path / "journal-wal").stat().st_size + 5000),
        pytest.raises(JournalIOError, match="cannot be read or written"),
    ):
        journal.commit(claims(1001), [])
    with pytest.raises(JournalIOError, match="failed before, and is not written to any more"):
        journal.commit(claims(1001), [])
    journal.close()
    journal.open("target", VERB, KEYS)
    assert journal.claimed == 1000
    with closing(SqliteJournal(tmp_path / "another")) as another:
        another.open("target", VERB, KEYS)
    journal.close()


@pytest.mark.virtual_time
async def test_where_files_may_not_grow_a_run_ends_and_goes_on_later(tmp_path: Path) -> None:
    async with bench(tmp_path) as there:
        told = []
        with pytest.raises(JournalIOError):
            async with aclosing(there.job(rows(3000), max_in_flight=50)) as outcomes:
                told.append(await anext(outcomes))
                with files_no_larger_than(there.journal.stat().st_size + 50_000):
                    async for outcome in outcomes:
                        told.append(outcome)
        there.check(told)
        claimed = len(states_of(there.journal))
        assert there.made().keys() <= set(range(claimed))
        there.check(await there.finish(rows(claimed)))
        await there.check_all(claimed)


# A loss of power


async def lose_power(there: Bench, machine: Machine, random: Random, flaw: str = "") -> Importer:
    """Import for a while, then lose the power."""
    machine.start()
    async with importing(there, 100, around=machine.around, flaw=flaw) as importer:
        await importer.tell(random.randint(1, 40))
        await importer.kill()
    machine.lose_power(there.journal, random)
    return importer


@pytest.mark.campaign
@needs_machine
@pytest.mark.parametrize("seed", range(3))
async def test_whatever_a_loss_of_power_leaves_every_row_is_made_once(
    machine: Machine, seed: int
) -> None:
    random = Random(seed)
    async with bench(machine.folder, faults=0.15, seed=seed) as there:
        for _ in range(3):
            (await lose_power(there, machine, random)).check(there)
        there.check(await there.finish(rows(100)))
        await there.check_all(100)


@needs_machine
async def test_a_journal_that_lost_its_last_commits_is_looked_at_closely(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    class Unlucky(Random):
        def random(self) -> float:
            return 0.0

        def choice(self, seq: Any) -> Any:
            return seq[0]

    async with bench(machine.folder) as there:
        for _ in range(2):
            await lose_power(there, machine, Unlucky(1), "does not wait for the disk")
        await there.finish(rows(100))
        assert "its rows are looked for first" in caplog.text
        await there.check_all(100)


@pytest.mark.virtual_time
async def test_results_that_were_lost_are_found_again(there: Bench) -> None:
    there.sandbox.faults.share = 0
    for number in (80, 400):
        await there.finish(rows(number))
        look(there.journal, "UPDATE rows SET state = ?, sid = NULL", State.IN_FLIGHT)
        told = await there.finish(rows(number))
        assert Counter(number_of(outcome.row) for outcome in told) == Counter(range(number))
        there.check(told)
        await there.check_all(number)
    assert there.sent == 400


@pytest.mark.virtual_time
async def test_results_that_were_lost_among_faults_are_found_again(there: Bench) -> None:
    for taken in (20, 40):
        there.check(await there.some(rows(100), taken))
        look(there.journal, "UPDATE rows SET state = ?, sid = NULL", State.IN_FLIGHT)
    there.check(await there.finish(rows(100)))
    await there.check_all(100)


# A machine that sleeps, and a clock that is wrong


async def test_a_process_that_was_stopped_for_long_goes_on_and_makes_no_row_twice(
    there: Bench,
) -> None:
    async with importing(there, 100) as importer:
        for told in (10, 50):
            await importer.tell(told)
            importer.pause()
            await asyncio.sleep(3 * TIMEOUT)
            importer.resume()
        assert await importer.end() == ""
        assert len(importer.told) == 100
        importer.check(there)
    await there.check_all(100)


HOUR = 3600


@pytest.mark.campaign
@needs_machine
@pytest.mark.parametrize("steps", [(HOUR, -HOUR), (-HOUR, HOUR, -10 * 365 * 24 * HOUR)])
async def test_however_the_clock_is_put_every_row_is_made_once(
    machine: Machine, steps: tuple[int, ...]
) -> None:
    async with bench(machine.folder, faults=0.15, seed=6) as there:
        for place, step in enumerate(steps):
            async with importing(there, 100, around=machine.around) as importer:
                await importer.tell(20)
                machine.set_clock(step)
                await importer.tell(40)
                if place < len(steps) - 1:
                    await importer.kill()
                else:
                    assert await importer.end() == ""
                importer.check(there)
        await there.check_all(100)
