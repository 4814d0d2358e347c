"""The journal of a bulk creation: what is in it, who may have it, and what is no journal."""

import asyncio
import os
import shutil
import sqlite3
import stat
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing, contextmanager, suppress
from pathlib import Path
from random import Random
from threading import Timer
from typing import Any

import pytest
from filelock import FileLock

from aiotask import (
    Created,
    ForeignJournalError,
    InputChangedError,
    JournalAccessError,
    JournalDamagedError,
    JournalError,
    JournalLockedError,
    JournalVersionError,
    Rejected,
    errors,
)
from aiotask.bulk import entries_of, read_summary
from aiotask.bulk.journal.reader import open_to_read
from aiotask.bulk.journal.records import Claim, End, Entry, State
from aiotask.bulk.journal.sqlite import Journal
from aiotask.bulk.keys import JOB_ATTRIBUTE, KEY_ATTRIBUTE, Keys, derived_key
from aiotask.bulk.rows import fingerprint
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import NewTask
from tests.bulk.bench import (
    KEYS,
    Bench,
    bench,
    bytes_of,
    files_of,
    importing,
    look,
    number_of,
    rows,
    states_of,
)

TARGET = "/v1/Workspaces/WS1/Tasks"
NAMED = Keys(KEY_ATTRIBUTE, str)
OWNER_ONLY = 0o600


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as there:
        yield there


def fill(there: Bench, number: int) -> None:
    """Have a journal that says that so many rows were created, which takes no time."""
    with closing(there.opened()) as journal:
        claims = [
            Claim(n + 1, State.IN_FLIGHT, fingerprint(row), None, None, None)
            for n, row in enumerate(rows(number))
        ]
        journal.commit(
            claims, [End(State.CREATED, f"WT{n}", None, n) for n in range(1, number + 1)]
        )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@contextmanager
def journal_at(path: Path, keys: Keys = KEYS) -> Iterator[Journal]:
    journal = Journal(path)
    journal.open(TARGET, keys)
    with closing(journal):
        yield journal


def claim(number: int, state: State = State.IN_FLIGHT, key: str | None = None) -> Claim:
    return Claim(number, state, number, None, None, key)


def content(path: Path) -> dict[Path, bytes]:
    """Return all that lies in a folder but for the locks, which say nothing."""
    files = (file for file in path.rglob("*") if file.is_file() and file.suffix != ".lock")
    return {file: file.read_bytes() for file in files}


# What is in it


async def test_the_files_of_a_journal_are_its_owners_alone(there: Bench) -> None:
    before = os.umask(0)
    try:
        async with aclosing(there.job(rows(50))) as outcomes:
            await anext(outcomes)
            modes = {
                file.name: stat.S_IMODE(file.stat().st_mode) for file in files_of(there.journal)
            }
    finally:
        os.umask(before)
    assert modes.keys() >= {"journal", "journal-wal", "journal.lock"}
    assert set(modes.values()) == {OWNER_ONLY}


async def test_credentials_and_what_rows_hold_are_in_no_file(there: Bench) -> None:
    secret, customer = "4111-1111-1111-1111", "customer-4711"
    wrong: list[Any] = [
        {"attributes": {"n": 40, "card": secret}, "priority": -1},
        {"attributes": {"n": 41, "card": {secret}}},
        {"attributes": {"n": 42, "card": secret}, "task_channel": "nobody"},
        {"attributes": {"n": 43, "card": secret * 300}},
        {"attributes": secret},
    ]
    given: list[Any] = [{"attributes": {"n": n, "card": secret}} for n in range(40)]
    names = {id(row): f"{customer}-{place}" for place, row in enumerate([*given, *wrong])}
    seen = b""
    async for _ in there.job([*given, *wrong], row_key=lambda row: names[id(row)]):
        seen += await bytes_of(there.journal)
    seen += await bytes_of(there.journal)
    assert customer.encode() in seen  # which is documented
    hidden = [secret, there.sandbox.auth_token, there.sandbox.account_sid]
    assert [text for text in hidden if text.encode() in seen] == []


def test_claims_and_ends_come_back(path: Path) -> None:
    with journal_at(path, NAMED) as journal:
        job, begun = journal.job, journal.begun
        journal.commit([Claim(n, State.IN_FLIGHT, n, 10 * n, 0.5, f"k{n}") for n in (1, 2)], [])
        journal.commit(
            [claim(3, State.PENDING)],
            [
                End(State.CREATED, "WT1", None, 1),
                End(State.UNTOLD, "WT2", None, 2),
            ],
        )
    with journal_at(path, NAMED) as journal:
        assert (journal.job, journal.begun, journal.claimed) == (job, begun, 3)
        assert journal.open_rows() == [
            Entry(2, State.UNTOLD, 2, 20, 0.5, "k2", "WT2", None),
            Entry(3, State.PENDING, 3, None, None, None, None, None),
        ]
        assert journal.prints(1, 5) == [2, 3]
        assert journal.taken(["k2", "k3"]) == {"k2": 2}
    assert [entry.sid for entry in entries_of(path)] == ["WT1", "WT2", None]


@pytest.mark.parametrize("final", [State.CREATED, State.REJECTED, State.UNRESOLVED])
@pytest.mark.parametrize("other", State)
def test_an_end_is_never_undone(path: Path, final: State, other: State) -> None:
    with journal_at(path) as journal:
        journal.commit([claim(1)], [])
        journal.commit([], [End(final, "WT1", "why", 1)])
        journal.commit([], [End(other, "WT2", "why else", 1)])
    assert look(path, "SELECT state, sid, error FROM rows") == [(final, "WT1", "why")]


def test_a_commit_is_all_or_nothing(path: Path) -> None:
    with journal_at(path) as journal:
        journal.commit([claim(1)], [])
        with pytest.raises(JournalError):
            journal.commit([claim(2), claim(1)], [End(State.REJECTED, None, None, 1)])
    assert look(path, "SELECT number, state FROM rows") == [(1, State.IN_FLIGHT)]


def test_no_two_rows_have_one_key(path: Path) -> None:
    with journal_at(path, NAMED) as journal, pytest.raises(JournalError):
        journal.commit([claim(1, key="a"), claim(2, key="a")], [])


WATCH = (
    "CREATE TABLE moves (number, old, new)",
    """CREATE TRIGGER noted AFTER UPDATE OF state ON rows BEGIN
        INSERT INTO moves VALUES (OLD.number, OLD.state, NEW.state); END""",
    """CREATE TRIGGER over BEFORE UPDATE ON rows WHEN OLD.state >= 4 BEGIN
        SELECT RAISE(ABORT, 'an end is undone'); END""",
    "CREATE TRIGGER kept BEFORE DELETE ON rows BEGIN SELECT RAISE(ABORT, 'a row is gone'); END",
)
MOVES = {
    (State.PENDING, State.IN_FLIGHT),
    (State.PENDING, State.PENDING),
    (State.PENDING, State.REJECTED),
    (State.UNTOLD, State.CREATED),
    (State.UNTOLD, State.UNTOLD),
    *((old, new) for old in (State.IN_FLIGHT, State.UNCONFIRMED) for new in State),
}


async def test_under_faults_states_go_only_forward_and_no_end_changes(tmp_path: Path) -> None:
    async with bench(tmp_path, faults=0.2, seed=4) as there:
        assert await there.finish([]) == []
        for command in WATCH:
            look(there.journal, command)
        given: list[Any] = [*rows(120), {"priority": -1}, {"task_channel": "nobody"}]
        given[120:] = [{"attributes": {"n": 120 + n}} | row for n, row in enumerate(given[120:])]
        told = await there.some(given, 30)
        told += await there.some(given, 30)
        told += await there.finish(given)
        there.check(told)
        moves = look(there.journal, "SELECT DISTINCT old, new FROM moves")
        assert {(State(old), State(new)) for old, new in moves} <= MOVES
        # Who leaves at an outcome has not said that it has got there, and is told again.
        told = told[:29] + told[30:59] + told[60:]
        assert Counter(number_of(outcome.row) for outcome in told) == Counter(range(122))
        assert there.made() == Counter(range(120))


# What becomes of what is in it


async def test_a_journal_is_taken_up_where_it_was_left(there: Bench) -> None:
    given = rows(8)
    with closing(there.opened()) as journal:
        job = journal.job
        claims = [
            Claim(n + 1, state, fingerprint(given[n]), None, None, None)
            for n, state in enumerate(
                [
                    State.PENDING,
                    State.IN_FLIGHT,
                    State.IN_FLIGHT,
                    State.UNCONFIRMED,
                    State.UNTOLD,
                    State.CREATED,
                    State.REJECTED,
                    State.UNRESOLVED,
                ]
            )
        ]
        journal.commit(claims, [End(State.UNTOLD, "WT-untold", None, 5)])

    async def made_before(number: int) -> str:
        key = derived_key(job, number + 1)
        attributes = {"n": number, KEY_ATTRIBUTE: key, JOB_ATTRIBUTE: job}
        return (await there.tasks.create(attributes=attributes)).sid

    lost = {number: await made_before(number) for number in (2, 3)}
    before = there.sent
    outcomes = {number_of(outcome.row): outcome for outcome in await there.finish(given)}
    assert outcomes.keys() == {0, 1, 2, 3, 4}
    assert outcomes[2] == Created(given[2], lost[2])
    assert outcomes[3] == Created(given[3], lost[3])
    assert outcomes[4] == Created(given[4], "WT-untold")
    assert there.sent == before + 2
    assert there.made() == Counter(range(4))
    assert Counter(states_of(there.journal).values()) == {
        State.CREATED: 6,
        State.REJECTED: 1,
        State.UNRESOLVED: 1,
    }


async def test_what_was_told_is_passed_over_and_rows_may_follow(there: Bench) -> None:
    assert len(await there.finish(rows(10))) == 10
    before = there.sent
    assert await there.finish(rows(10)) == []
    assert there.sent == before
    assert [number_of(outcome.row) for outcome in await there.finish(rows(12))] == [10, 11]
    await there.check_all(12)


async def test_a_key_is_one_rows_in_all_runs(there: Bench) -> None:
    def named(row: NewTask) -> str:
        return f"customer-{number_of(row) % 3}"

    first = await there.finish(rows(3), row_key=named)
    assert {type(outcome) for outcome in first} == {Created}
    (again,) = await there.finish(rows(4), row_key=named)
    assert isinstance(again, Rejected)
    assert str(again.error) == "row_key: 'customer-0' is the key of row 1 already"
    assert there.made() == Counter(range(3))


# Who has it


async def test_a_journal_that_a_run_has_is_refused_to_another_one(there: Bench) -> None:
    async with aclosing(there.job(rows(300))) as outcomes:
        await anext(outcomes)  # it cannot end before all are taken, so nobody can wait for that
        with pytest.raises(JournalLockedError, match="is in use by another run"):
            await there.finish(rows(300))
        assert sum([1 async for _ in outcomes]) == 299
    await there.check_all(300)


async def test_a_journal_is_one_by_whatever_name(there: Bench, tmp_path: Path) -> None:
    (link := tmp_path / "link").symlink_to(there.journal)
    async with aclosing(there.job(rows(300))) as outcomes:
        await anext(outcomes)
        with pytest.raises(JournalLockedError):
            await there.finish(rows(300), journal=link)
        async for _ in outcomes:
            pass
    assert await there.finish(rows(300), journal=link) == []


async def test_a_journal_of_another_process_is_refused_until_that_is_dead(there: Bench) -> None:
    async with importing(there, 5000) as importer:
        assert await importer.tell(1)
        for paused in (False, True):
            if paused:
                importer.pause()
            with pytest.raises(JournalLockedError):
                await there.finish(rows(5000))
        await importer.kill()
    assert await there.some(rows(5000), 1)


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5, 10, 20, 40, 80])
async def test_whenever_a_run_is_cancelled_its_journal_is_free(there: Bench, steps: int) -> None:
    run = asyncio.ensure_future(there.finish(rows(20)))
    for _ in range(steps):
        await asyncio.sleep(0)
    run.cancel()
    with suppress(asyncio.CancelledError):
        await run
    assert not there.journal.exists() or not read_summary(there.journal).running
    await there.finish(rows(20))
    await there.check_all(20)


@pytest.mark.parametrize("steps", range(12))
async def test_also_at_its_end_a_run_that_is_cancelled_leaves_its_journal_free(
    there: Bench, steps: int
) -> None:
    told = asyncio.Event()

    async def hear() -> None:
        async for _ in there.job([{"attributes": {"n": 0}, "priority": -1}]):
            told.set()

    run = asyncio.ensure_future(hear())
    await told.wait()
    for _ in range(steps):
        await asyncio.sleep(0)
    run.cancel()
    with suppress(asyncio.CancelledError):
        await run
    standing = read_summary(there.journal)
    assert not standing.running
    assert standing.rows[State.IN_FLIGHT] == 0


def test_who_looks_whether_a_run_has_a_journal_keeps_nobody_from_it(path: Path) -> None:
    with journal_at(path):
        pass
    look_taken = FileLock(f"{path}.lock", thread_local=False)
    look_taken.acquire()
    over = Timer(0.1, look_taken.release)
    over.start()
    with journal_at(path):
        assert read_summary(path).running
    over.join()


async def test_it_is_read_while_a_run_has_it_and_afterwards(there: Bench) -> None:
    async with aclosing(there.job(rows(300))) as outcomes:
        await anext(outcomes)
        during = read_summary(there.journal)
        assert during.running
        assert 0 < during.claimed <= 300
        with closing(open_to_read(there.journal)) as reading:
            assert [entry.number for entry in reading.rows()] == list(range(1, during.claimed + 1))
        assert sum([1 async for _ in outcomes]) == 299
    before = content(there.journal.parent)
    after = read_summary(there.journal)
    assert not after.running
    assert (after.job, after.target, after.named) == (during.job, there.path, False)
    assert (after.claimed, after.created, after.in_doubt) == (300, 300, 0)
    assert [*entries_of(there.journal)][6].key == derived_key(after.job, 7)
    assert content(there.journal.parent) == before


# What is not it

Spoil = Callable[[Bench], Any]
HEADER = 100


def overwrite(path: Path, start: int, what: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(what)


def with_random_bytes(there: Bench) -> None:
    overwrite(there.journal, 4096, Random(1).randbytes(3 * 4096))


def with_a_row_less(there: Bench) -> None:
    look(there.journal, "DELETE FROM rows WHERE number = 3")


def with_a_print_that_is_none(there: Bench) -> None:
    look(there.journal, "UPDATE rows SET print = 'no number' WHERE number = 7")


def with_a_state_that_is_none(there: Bench) -> None:
    look(there.journal, "UPDATE rows SET state = -7 WHERE number = 3")


def without_its_job(there: Bench) -> None:
    look(there.journal, "DELETE FROM meta WHERE name = 'job'")


def as_a_text(there: Bench) -> None:
    there.journal.write_text("n,attributes\n" * 1000)


def as_another_database(there: Bench) -> None:
    there.journal.unlink()
    look(there.journal, "CREATE TABLE rows (number, state)")


def as_the_store_of_a_sandbox(there: Bench) -> None:
    there.journal.unlink()
    store = Sandbox(store=there.journal)
    assert store._archive is not None
    store._archive.open(store._service)
    store._close_archive()


def as_a_directory(there: Bench) -> None:
    there.journal.unlink()
    (there.journal / "within").mkdir(parents=True)


def as_a_circle(there: Bench) -> None:
    there.journal.unlink()
    there.journal.symlink_to(there.journal)


@pytest.mark.parametrize(
    ("spoil", "kind", "why"),
    [
        (with_random_bytes, JournalDamagedError, "damaged"),
        (lambda there: os.truncate(there.journal, 2 * 4096), JournalDamagedError, "damaged"),
        (lambda there: os.truncate(there.journal, 5000), JournalDamagedError, "damaged"),
        (lambda there: os.truncate(there.journal, HEADER), JournalDamagedError, "damaged"),
        (lambda there: os.truncate(there.journal, 16), JournalDamagedError, "damaged"),
        (lambda there: os.truncate(there.journal, 1), ForeignJournalError, "some other file"),
        (lambda there: os.truncate(there.journal, 0), JournalDamagedError, "is empty"),
        (with_a_row_less, JournalDamagedError, "299 rows, the last is 300"),
        (with_a_state_that_is_none, JournalDamagedError, "damaged"),
        (with_a_print_that_is_none, JournalDamagedError, "is no number"),
        (without_its_job, JournalDamagedError, "which job it is of"),
        (
            lambda there: look(there.journal, "PRAGMA user_version = 2"),
            JournalVersionError,
            "newer aiotask",
        ),
        (as_a_text, ForeignJournalError, "some other file"),
        (as_another_database, ForeignJournalError, "some other database"),
        (as_the_store_of_a_sandbox, ForeignJournalError, "some other database"),
        (as_a_directory, JournalAccessError, "is no file"),
        (as_a_circle, JournalAccessError, "cannot be"),
        (lambda there: there.journal.chmod(0o444), JournalAccessError, "is read-only"),
    ],
    ids=[
        "random bytes", "two pages left", "cut in a page", "only a header", "only its first line",
        "one byte", "no byte", "a row less", "a state that is none", "a print that is none",
        "no job", "newer form", "text", "another database", "a sandbox's store", "directory",
        "circle", "read-only",
    ],
)  # fmt: skip
async def test_what_is_no_whole_journal_is_refused_and_left_as_it_is(
    there: Bench, spoil: Spoil, kind: type[JournalError], why: str
) -> None:
    fill(there, 300)
    spoil(there)
    before, sent = content(there.journal.parent), there.sent
    with pytest.raises(JournalError, match=why) as caught:
        await there.finish(rows(301))
    assert type(caught.value) is kind
    assert caught.value.path == str(there.journal)
    assert content(there.journal.parent) == before
    assert there.sent == sent


def changed(place: int) -> list[NewTask]:
    given = rows(300)
    given[place] = {"attributes": {"n": -1}}
    return given


@pytest.mark.parametrize(
    ("call", "kind", "why"),
    [
        ({"key_attribute": "other"}, ForeignJournalError, "begun with key_attribute='aiotask_key'"),
        ({"key_attribute": None}, ForeignJournalError, "begun with key_attribute='aiotask_key'"),
        ({"row_key": str}, ForeignJournalError, "was begun without a row_key"),
        ({"given": changed(0)}, InputChangedError, "row 1 is not what it was"),
        ({"given": changed(299)}, InputChangedError, "row 300 is not what it was"),
        ({"given": rows(299)}, InputChangedError, "has 300 rows already, and the input has 299"),
        ({"given": []}, InputChangedError, "has 300 rows already, and the input has 0"),
        ({"given": rows(301)[1:]}, InputChangedError, "row 1 is not what it was"),
    ],
)
async def test_a_journal_is_refused_to_another_job(
    there: Bench, call: dict[str, Any], kind: type[JournalError], why: str
) -> None:
    fill(there, 300)
    before, sent = content(there.journal.parent), there.sent
    with pytest.raises(JournalError, match=why) as caught:
        await there.finish(**{"given": rows(300)} | call)
    assert type(caught.value) is kind
    assert content(there.journal.parent) == before
    assert there.sent == sent


async def test_a_journal_with_row_keys_is_refused_without(there: Bench) -> None:
    await there.finish(rows(3), row_key=lambda row: f"row-{number_of(row)}")
    with pytest.raises(ForeignJournalError, match="was begun with a row_key"):
        await there.finish(rows(3))


async def test_a_journal_of_another_workspace_is_refused(there: Bench) -> None:
    await there.finish(rows(3))
    other = there.client.taskrouter.workspace(there.sandbox.create_workspace("Sales")).tasks
    before = content(there.journal.parent)
    with pytest.raises(ForeignJournalError, match="is of another job: its tasks go to"):
        await anext(other.create_many(rows(3), journal=there.journal))
    with pytest.raises(ForeignJournalError, match="is of another job: its tasks go to"):
        await other.audit(there.journal)
    assert content(there.journal.parent) == before


async def test_a_journal_in_a_directory_that_is_not_there_is_refused(
    there: Bench, tmp_path: Path
) -> None:
    with pytest.raises(JournalAccessError, match="there is no directory"):
        await there.finish(rows(3), journal=tmp_path / "none" / "journal")
    assert there.sent == 0


async def test_a_journal_may_lie_behind_a_link(there: Bench, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    there.journal.symlink_to(tmp_path / "elsewhere" / "real")
    assert len(await there.some(rows(100), 10)) == 10
    assert there.journal.is_symlink()
    assert {file.name for file in files_of(tmp_path / "elsewhere" / "real")} == {
        "real",
        "real.lock",
    }
    await there.finish(rows(100))
    await there.check_all(100)


def test_whatever_is_damaged_a_journal_is_refused_or_read_and_nothing_else(path: Path) -> None:
    with journal_at(path, NAMED) as journal:
        journal.commit([claim(n, key=f"key-{n}") for n in range(1, 200)], [])
        journal.commit([], [End(State.CREATED, f"WT{n}", None, n) for n in range(1, 150)])
    whole, refused = path.read_bytes(), 0
    for seed in range(150):
        random = Random(seed)
        path.write_bytes(whole)
        for _ in range(random.choice([1, 1, 20])):
            wrong = random.randbytes(random.choice([1, 8, 512]))
            overwrite(path, random.randrange(len(whole) - len(wrong)), wrong)
        for attempt in (_opened_and_read, _looked_at):
            try:
                attempt(path)
            except JournalError:
                refused += 1
    assert refused > 100


def _opened_and_read(path: Path) -> None:
    with journal_at(path, NAMED) as journal:
        journal.open_rows()
        journal.taken(["key-1"])
        journal.prints(0, 200)


def _looked_at(path: Path) -> None:
    with closing(open_to_read(path)) as reading:
        reading.standing()
        for _ in reading.rows():
            pass


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (as_a_text, ForeignJournalError),
        (as_another_database, ForeignJournalError),
        (as_a_directory, JournalAccessError),
        (lambda there: there.journal.unlink(), JournalAccessError),
        (lambda there: os.truncate(there.journal, 0), JournalDamagedError),
        (with_random_bytes, JournalDamagedError),
        (without_its_job, JournalDamagedError),
        (lambda there: look(there.journal, "PRAGMA user_version = 2"), JournalVersionError),
    ],
)
async def test_who_only_reads_is_refused_for_the_same_reasons(
    there: Bench, spoil: Spoil, kind: type[JournalError]
) -> None:
    fill(there, 300)
    spoil(there)
    before = content(there.journal.parent)
    for read in (read_summary, lambda path: [*entries_of(path)]):
        with pytest.raises(JournalError) as caught:
            read(there.journal)
        assert type(caught.value) is kind
    with pytest.raises(kind):
        await there.tasks.audit(there.journal)
    assert content(there.journal.parent) == before


# The making of it


def half_made(folder: Path) -> None:
    """Leave what is left of a journal whose making was killed at the worst moment."""
    part = folder / "journal.new"
    with closing(sqlite3.connect(folder / "other", isolation_level=None)) as other:
        other.execute("CREATE TABLE meta (name, value)")
        other.execute("PRAGMA cache_size = 1")
        other.execute("BEGIN")
        other.executemany("INSERT INTO meta VALUES ('job', ?)", [("x" * 1000,)] * 200)
        shutil.copy(folder / "other", part)
        shutil.copy(folder / "other-journal", f"{part}-journal")
    with closing(sqlite3.connect(folder / "other", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("CREATE TABLE rows (number)")
        shutil.copy(folder / "other-wal", f"{part}-wal")
    (folder / "other").unlink()


async def test_what_a_kill_left_of_the_making_of_a_journal_does_no_harm(there: Bench) -> None:
    half_made(there.journal.parent)
    await there.finish(rows(20))
    await there.check_all(20)
    assert {file.name for file in files_of(there.journal)} == {"journal", "journal.lock"}


async def test_a_journal_is_there_whole_or_not_at_all(
    there: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def killed(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        with pytest.raises(KilledError):
            await there.finish(rows(20))
    assert not there.journal.exists()
    assert there.sent == 0
    await there.finish(rows(20))
    await there.check_all(20)


# The recount


async def test_after_faults_a_recount_finds_all_in_order(tmp_path: Path) -> None:
    async with bench(tmp_path, faults=0.2, seed=5) as there:
        async with aclosing(there.job(rows(100))) as outcomes:
            await anext(outcomes)
            there.sandbox.faults.share = 0
            during = await there.tasks.audit(there.journal)
            there.sandbox.faults.share = 0.2
            async for _ in outcomes:
                pass
            there.sandbox.faults.share = 0
        assert during.open > 0
        assert not during.in_order
        wrong = [during.missing, during.twice, during.unexpected, during.foreign]
        assert wrong == [[]] * 4
        result = await there.tasks.audit(there.journal)
        assert result.in_order
        assert (result.found, result.ended, result.open) == (100, 0, 0)


async def test_what_has_ended_and_is_gone_is_known_by_its_events(there: Bench) -> None:
    outcomes = await there.finish(rows(20))
    for outcome in outcomes[:5]:
        assert isinstance(outcome, Created)
        await there.tasks.delete(outcome.sid)
    result = await there.tasks.audit(there.journal)
    assert (result.found, result.ended, result.in_order) == (15, 5, True)


async def test_what_is_nowhere_is_missing(there: Bench) -> None:
    await there.finish(rows(3))
    with closing(there.opened()) as journal:
        job = journal.job
        ends = [End(State.CREATED, "WT4", None, 4), End(State.UNTOLD, "WT5", None, 5)]
        journal.commit([claim(4), claim(5), claim(6, State.PENDING)], ends)
    result = await there.tasks.audit(there.journal)
    assert [(one.row, one.key) for one in result.missing] == [
        (4, derived_key(job, 4)),
        (5, derived_key(job, 5)),
    ]
    assert [copy.sid for one in result.missing for copy in one.copies] == ["WT4", "WT5"]
    assert not result.in_order


async def copied(there: Bench, outcome: Any) -> str:
    """Make a copy of a row's task, as a request does that is carried out too late."""
    original = await there.tasks.fetch(outcome.sid)
    return (await there.tasks.create(attributes=original.attributes)).sid


def status(there: Bench, sid: str) -> str:
    tasks = there.sandbox.tasks(there.workspace)
    return next(task.assignment_status for task in tasks if task.sid == sid)


@pytest.mark.parametrize("later", [0, 2])
async def test_of_two_tasks_the_one_that_the_journal_names_stays(there: Bench, later: int) -> None:
    outcomes = await there.finish(rows(5))
    there.check(outcomes)
    await there.sandbox.advance(seconds=later)
    copies = {await copied(there, outcome): outcome for outcome in outcomes[:3]}
    found = await there.tasks.audit(there.journal)
    assert not found.in_order
    assert len(found.twice) == 3
    assert {status(there, copy) for copy in copies} == {"pending"}  # nothing is done unasked
    fixed = await there.tasks.audit(there.journal, fix=True)
    assert fixed.in_order
    for one in fixed.twice:
        first, copy = one.copies
        original = copies[copy.sid]
        assert isinstance(original, Created)
        assert original.sid == first.sid
        assert (first.canceled, copy.canceled) == (False, True)
        assert (status(there, first.sid), status(there, copy.sid)) == ("pending", "canceled")
    again = await there.tasks.audit(there.journal)
    assert again.in_order
    assert not again.twice


async def test_of_two_tasks_that_one_stays_which_the_caller_was_told_of(there: Bench) -> None:
    (outcome,) = await there.finish(rows(1))
    assert isinstance(outcome, Created)
    await there.sandbox.advance(seconds=2)
    copy = await copied(there, outcome)
    look(there.journal, "UPDATE rows SET sid = ?", copy)
    result = await there.tasks.audit(there.journal, fix=True)
    assert [[one.sid for one in finding.copies] for finding in result.twice] == [
        [copy, outcome.sid]
    ]
    assert (status(there, copy), status(there, outcome.sid)) == ("pending", "canceled")


async def test_a_copy_that_a_worker_has_is_left_to_them(there: Bench) -> None:
    (outcome,) = await there.finish(rows(1))
    copy = await copied(there, outcome)
    there.sandbox.assign(copy)
    result = await there.tasks.audit(there.journal, fix=True)
    assert status(there, copy) == "assigned"
    assert not result.in_order
    assert [[copy.canceled for copy in one.copies] for one in result.twice] == [[False, False]]


async def test_a_copy_that_a_worker_gets_in_that_moment_is_left_to_them(
    there: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    (outcome,) = await there.finish(rows(1))
    copy = await copied(there, outcome)
    fetch = type(there.tasks).fetch

    async def fetch_and_lose(tasks: Any, sid: str) -> Any:
        found = await fetch(tasks, sid)
        there.sandbox.assign(sid)
        return found

    monkeypatch.setattr(type(there.tasks), "fetch", fetch_and_lose)
    result = await there.tasks.audit(there.journal, fix=True)
    assert status(there, copy) == "assigned"
    assert not result.in_order
    assert there.sandbox.answers[412] == 1


async def test_tasks_that_no_row_should_have_are_found(there: Bench) -> None:
    await there.finish(rows(3))
    with closing(there.opened()) as journal:
        job = journal.job
        journal.commit(
            [claim(4), claim(5)],
            [End(State.REJECTED, None, "why", 4), End(State.UNRESOLVED, None, "why", 5)],
        )
    keys = [derived_key(job, 4), derived_key(job, 5), "of-nobody", None]
    sids = []
    for key in keys:
        attributes = {JOB_ATTRIBUTE: job} | ({} if key is None else {KEY_ATTRIBUTE: key})
        sids.append((await there.tasks.create(attributes=attributes)).sid)
    await there.tasks.create(attributes={JOB_ATTRIBUTE: "another", KEY_ATTRIBUTE: keys[0]})
    result = await there.tasks.audit(there.journal)
    assert [(one.row, one.key, one.copies[0].sid) for one in result.unexpected] == [
        (4, keys[0], sids[0]),
        (5, keys[1], sids[1]),
    ]
    assert {(one.row, one.key, one.copies[0].sid) for one in result.foreign} == {
        (None, keys[2], sids[2]),
        (None, keys[3], sids[3]),
    }
    assert not result.in_order


async def test_tasks_without_keys_cannot_be_recounted(there: Bench) -> None:
    await there.finish(rows(3), key_attribute=None)
    with pytest.raises(ForeignJournalError, match="its tasks cannot be told from others"):
        await there.tasks.audit(there.journal)


async def test_rows_with_keys_of_their_own_are_recounted_by_those(there: Bench) -> None:
    await there.finish(
        rows(20), key_attribute="customer", row_key=lambda row: f"customer-{number_of(row)}"
    )
    result = await there.tasks.audit(there.journal)
    assert result.in_order
    assert result.found == 20
    assert [entry.key for entry in entries_of(there.journal)][7] == "customer-7"


def test_an_error_names_its_journal_and_survives_pickling(path: Path) -> None:
    error = errors.JournalFullError("has no space left", str(path))
    assert str(error) == f"the journal {path} has no space left"
