"""The contents of a journal, and a run that takes them up."""

import os
import sqlite3
import stat
from collections import Counter
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import pytest

from aiotask import Created, JournalError, Rejected
from aiotask.bulk import entries_of
from aiotask.bulk.fingerprint import fingerprint
from aiotask.bulk.journal.records import Claim, End, Entry, State
from aiotask.bulk.keys import JOB_ATTRIBUTE, KEY_ATTRIBUTE, derived_key
from aiotask.taskrouter import NewTask
from tests.bulk.bench import Bench, bench, bytes_of, files_of, look, number_of, rows, states_of
from tests.bulk.journal.written_journals import NAMED, claim, journal_at

pytestmark = pytest.mark.virtual_time

OWNER_ONLY = 0o600


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
        job, begun = journal.job, journal.started_at
        journal.commit([Claim(n, State.IN_FLIGHT, n, 10 * n, 0.5, f"k{n}") for n in (1, 2)], [])
        journal.commit(
            [claim(3, State.PENDING)],
            [
                End(State.CREATED, "WT1", None, 1),
                End(State.UNDELIVERED, "WT2", None, 2),
            ],
        )
    with journal_at(path, NAMED) as journal:
        assert (journal.job, journal.started_at, journal.claimed) == (job, begun, 3)
        assert journal.open_rows() == [
            Entry(2, State.UNDELIVERED, 2, 20, 0.5, "k2", "WT2", None),
            Entry(3, State.PENDING, 3, None, None, None, None, None),
        ]
        assert journal.fingerprints(1, 5) == [2, 3]
        assert journal.existing_keys(["k2", "k3"]) == {"k2": 2}
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


def test_what_a_failed_commit_noted_is_noted_by_the_next_one(path: Path) -> None:
    with journal_at(path) as journal:
        journal.commit([claim(1)], [])
        journal.suspicion = "copied"
        with pytest.raises(JournalError):
            journal.commit([claim(1)], [])
        journal.commit([claim(2)], [])
    assert look(path, "SELECT value FROM meta WHERE name = 'suspicion'") == [("copied",)]


@pytest.mark.parametrize("values", [999, 32766])
def test_a_commit_of_many_rows_is_whole_however_few_values_sqlite_takes(
    path: Path, values: int
) -> None:
    with journal_at(path) as journal:
        journal._connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, values)
        numbers = range(1, 1301)
        journal.commit([claim(n) for n in numbers], [])
        journal.commit([], [End(State.CREATED, f"WT{n}", None, n) for n in numbers])
    assert [entry.sid for entry in entries_of(path)] == [f"WT{n}" for n in numbers]


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
    (State.UNDELIVERED, State.CREATED),
    (State.UNDELIVERED, State.UNDELIVERED),
    *((old, new) for old in (State.IN_FLIGHT, State.ACCEPTED_WITHOUT_SID) for new in State),
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
                    State.ACCEPTED_WITHOUT_SID,
                    State.UNDELIVERED,
                    State.CREATED,
                    State.REJECTED,
                    State.UNRESOLVED,
                ]
            )
        ]
        journal.commit(claims, [End(State.UNDELIVERED, "WT-untold", None, 5)])

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
