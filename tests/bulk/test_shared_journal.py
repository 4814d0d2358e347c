"""Journals in PostgreSQL: made, refused in a sentence, and one run on them."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aiotask import (
    Client,
    Created,
    LeaseTerms,
    Outcome,
    Rejected,
    SharedJournal,
    errors,
)
from aiotask.bulk.journal import postgres
from aiotask.bulk.journal.postgres import make_tables
from aiotask.bulk.journal.postgres_schema import masked
from tests.bulk.bench import PATIENCE, SETTLE, TIMEOUT, Bench, bench, number_of, rows
from tests.postgres import Postgres


@pytest.fixture
def patience() -> float:
    return PATIENCE


def job(there: Bench, url: str, number: int, **settings: Any) -> Any:
    chosen: dict[str, Any] = {"journal": url, "job": "spring", "settle": SETTLE}
    return there.tasks.create_many(rows(number), **chosen | settings)


async def finish(there: Bench, url: str, number: int, **settings: Any) -> list[Outcome[Any]]:
    return [outcome async for outcome in job(there, url, number, **settings)]


def numbers(outcomes: list[Outcome[Any]]) -> list[int]:
    return sorted(number_of(outcome.row) for outcome in outcomes)


def test_tables_are_made_once(postgres: Postgres) -> None:
    url = postgres.new_database()
    assert make_tables(url)
    assert not make_tables(url)


async def opened(url: str) -> None:
    async with SharedJournal(url):
        pass


def newer(postgres: Postgres, url: str) -> str:
    make_tables(url)
    postgres.execute(url, "UPDATE aiotask.version SET number = 99")
    return url


def older(postgres: Postgres, url: str) -> str:
    make_tables(url)
    postgres.execute(url, "UPDATE aiotask.version SET number = 0")
    return url


def stranger(postgres: Postgres, url: str) -> str:
    make_tables(url)
    postgres.execute(url, "DROP ROLE IF EXISTS stranger; CREATE ROLE stranger LOGIN")
    return url.replace("postgres@", "stranger@")


Made = Callable[[Postgres, str], str]


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (
            lambda _, url: url,
            errors.JournalAccessError,
            "has no tables of aiotask: make them with",
        ),
        (newer, errors.JournalVersionError, "was made by a newer aiotask (format 99"),
        (older, errors.JournalVersionError, "has tables of an older aiotask (format 0"),
        (stranger, errors.JournalAccessError, "gives this user no right to it: permission denied"),
        (
            lambda _, url: url.replace("host=", "host=/nowhere"),
            errors.JournalAccessError,
            "cannot be reached: connection ",
        ),
        (
            lambda _, url: f"{url}&colour=red",
            errors.JournalAccessError,
            "is no URL of PostgreSQL: ",
        ),
    ],
    ids=["no tables", "newer", "older", "no rights", "no server", "no URL"],
)
async def test_what_is_no_journal_is_refused_in_a_sentence(
    postgres: Postgres, make: Made, kind: type[errors.JournalError], words: str
) -> None:
    url = make(postgres, postgres.new_database())
    with pytest.raises(kind) as caught:
        await opened(url)
    assert f"the journal {url} {words}" in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_tables_of_a_newer_version_are_not_updated(postgres: Postgres) -> None:
    url = newer(postgres, postgres.new_database())
    with pytest.raises(errors.JournalVersionError, match="newer"):
        make_tables(url)


async def test_without_its_extra_a_journal_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setattr(postgres, "find_spec", lambda _: None)
    with pytest.raises(errors.JournalAccessError) as caught:
        SharedJournal("postgresql://user:secret@host/db")
    assert str(caught.value) == (
        "the journal postgresql://user@host/db needs the extra of PostgreSQL: "
        "pip install 'aiotask[postgres]'"
    )


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://user:se/cr:et@host/db", "postgresql://user:se/cr:et@host/db"),
        ("postgresql://user:secret@host/db", "postgresql://user@host/db"),
        ("postgresql://:secret@host/db", "postgresql://@host/db"),
        (
            "postgresql://host/db?user=u&password=p&x=1",
            "postgresql://host/db?user=u&password=…&x=1",
        ),
        ("postgresql://host/db", "postgresql://host/db"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    assert masked(url) == shown


def test_a_path_is_no_shared_journal(path: Path) -> None:
    with pytest.raises(ValueError, match="is not a URL such as postgresql://"):
        SharedJournal(str(path))


def test_a_lease_has_to_outlast_its_renewal() -> None:
    with pytest.raises(ValueError, match="lease: its length has to exceed"):
        LeaseTerms(length=3, renewed=2, guard=2)


async def test_a_job_needs_a_name_and_only_there(there: Bench, url: str) -> None:
    with pytest.raises(ValueError, match="job: a journal in PostgreSQL has many"):
        job(there, url, 1, job=None)
    with pytest.raises(ValueError, match="job: only a journal in PostgreSQL"):
        there.job(rows(1), job="spring")
    with pytest.raises(ValueError, match="keys: in the scope of a workspace"):
        job(there, url, 1, row_key=str, keys="workspace")


async def test_every_row_becomes_a_task_and_has_its_outcome(there: Bench, url: str) -> None:
    given = rows(300)
    outcomes = [
        outcome async for outcome in there.tasks.create_many(given, journal=url, job="spring")
    ]
    assert numbers(outcomes) == [*range(300)]
    assert all(isinstance(outcome, Created) for outcome in outcomes)
    assert all(any(outcome.row is row for row in given) for outcome in outcomes[:5])
    there.check(outcomes)
    assert there.made().total() == 300


async def test_the_same_call_again_yields_every_outcome_and_sends_nothing(
    there: Bench, url: str
) -> None:
    first = await finish(there, url, 100)
    sent = there.sent
    again = await finish(there, url, 100)
    assert numbers(again) == numbers(first)
    there.check(again)
    assert there.sent == sent


async def test_rows_that_were_added_are_loaded(there: Bench, url: str) -> None:
    await finish(there, url, 70)
    outcomes = await finish(there, url, 200)
    assert numbers(outcomes) == [*range(200)]
    assert there.made().total() == 200


@pytest.mark.parametrize("patience", [TIMEOUT])
async def test_faults_lose_no_row_and_make_none_twice(there: Bench, url: str) -> None:
    there.sandbox.faults.share = 0.2
    outcomes = await finish(there, url, 200)
    there.sandbox.faults.share = 0
    assert numbers(outcomes) == [*range(200)]
    assert there.made() == dict.fromkeys(range(200), 1)


async def test_wrong_rows_are_rejected_with_their_reason(there: Bench, url: str) -> None:
    given: list[Any] = [{"attributes": {"n": 0}}, {"attributes": {"n": 1}, "priority": -1}]
    outcomes = [each async for each in there.tasks.create_many(given, journal=url, job="spring")]
    (wrong,) = (each for each in outcomes if isinstance(each, Rejected))
    assert wrong.row is given[1]
    assert isinstance(wrong.error, ValueError)
    again = [each async for each in there.tasks.create_many(given, journal=url, job="spring")]
    (still,) = (each for each in again if isinstance(each, Rejected))
    assert str(still.error) == str(wrong.error)
    assert there.made().total() == 1


async def test_a_key_names_one_row_of_the_job(there: Bench, url: str) -> None:
    def key(row: Any) -> str:
        return f"order{number_of(row) % 10}"

    outcomes = await finish(there, url, 20, row_key=key)
    assert len(outcomes) == 20
    assert sum(isinstance(each, Created) for each in outcomes) == 10
    more = await finish(there, url, 30, row_key=key)
    assert sum(isinstance(each, Created) for each in more) == 10
    assert there.made().total() == 10


async def test_another_input_is_refused(there: Bench, url: str) -> None:
    await finish(there, url, 100)
    changed = [*rows(50), {"attributes": {"n": 7}}, *rows(100)[51:]]
    with pytest.raises(errors.InputChangedError, match="row 51 has changed"):
        async for _ in there.tasks.create_many(changed, journal=url, job="spring"):
            pass
    with pytest.raises(errors.InputChangedError, match="has 100 rows, but the input has 99"):
        await finish(there, url, 99)


async def test_a_job_of_that_name_with_other_settings_is_refused(there: Bench, url: str) -> None:
    await finish(there, url, 1)
    with pytest.raises(errors.ForeignJournalError, match="its key_attribute is 'aiotask_key'"):
        await finish(there, url, 1, key_attribute="other")
    there.workspace = there.sandbox.create_workspace("Sales")
    with pytest.raises(errors.ForeignJournalError, match="its target is "):
        await finish(there, url, 1)


async def test_what_the_source_raises_comes_after_the_rows_before_it(
    there: Bench, url: str
) -> None:
    def source() -> Any:
        yield from rows(10)
        raise LookupError("the tenth")

    outcomes: list[Outcome[Any]] = []
    with pytest.raises(LookupError):
        async for outcome in there.tasks.create_many(source(), journal=url, job="spring"):
            outcomes.append(outcome)
    assert numbers(outcomes) == [*range(10)]


async def test_an_error_of_all_rows_ends_the_run_and_the_next_goes_on(
    there: Bench, url: str
) -> None:
    async with Client(there.sandbox.account_sid, "wrong", base_url=there.sandbox.url) as wrong:
        tasks = wrong.taskrouter.workspace(there.workspace).tasks
        with pytest.raises(errors.AuthenticationError):
            async for _ in tasks.create_many(rows(100), journal=url, job="spring"):
                pass
    outcomes = await finish(there, url, 100, settle=600)  # which none has to wait for
    assert numbers(outcomes) == [*range(100)]


async def test_a_run_that_is_left_gives_its_rows_back(there: Bench, url: str) -> None:
    async for _ in job(there, url, 500, max_in_flight=2):
        break
    outcomes = await finish(there, url, 500)
    assert numbers(outcomes) == [*range(500)]
    assert there.made() == dict.fromkeys(range(500), 1)


async def test_a_journal_that_is_open_serves_several_jobs(there: Bench, url: str) -> None:
    async with SharedJournal(url) as journal:
        first = await finish(there, url, 20, journal=journal, job="one")
        second = await finish(there, url, 20, journal=journal, job="two")
    assert len(first) == len(second) == 20
    assert there.made() == dict.fromkeys(range(20), 2)
    with pytest.raises(errors.ClientStateError, match="the journal is not open"):
        await finish(there, url, 20, journal=journal, job="one")


async def test_a_database_that_goes_away_only_holds_a_run_up(
    tmp_path: Path, url: str, postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    # Long enough for a busy machine to renew them in time, and to answer.
    terms = LeaseTerms(length=3.0, renewed=0.2, guard=0.3)
    outcomes: list[Outcome[Any]] = []
    async with (
        bench(tmp_path, latency=0.05, patience=PATIENCE) as there,
        SharedJournal(url, terms=terms) as journal,
    ):
        async for outcome in job(there, url, 500, journal=journal, max_in_flight=8):
            outcomes.append(outcome)
            if len(outcomes) == 50:
                await asyncio.to_thread(postgres.crash)
                await asyncio.sleep(terms.length)  # so that all leases run out
                sent = there.sent
                await asyncio.sleep(4 * terms.renewed)
                assert there.sent == sent
                await asyncio.to_thread(postgres.start)
        assert numbers(outcomes) == [*range(500)]
        assert there.made() == dict.fromkeys(range(500), 1)
        assert there.sandbox.requests["GET Tasks"] == 0  # nothing was in doubt
    assert f"the journal {url} cannot be reached for 0 s: " in caplog.text
    assert f"the journal {url} can be reached again" in caplog.text


async def test_a_run_that_is_left_while_the_database_is_away_ends(
    there: Bench, url: str, postgres: Postgres
) -> None:
    terms = LeaseTerms(length=0.5, renewed=0.1, guard=0.1)
    async with SharedJournal(url, terms=terms) as journal:
        outcomes = job(there, url, 1000, journal=journal, max_in_flight=2)
        await anext(outcomes)
        await asyncio.to_thread(postgres.crash)
        try:
            await outcomes.aclose()
        finally:
            await asyncio.to_thread(postgres.start)
    outcomes = await finish(there, url, 1000)
    assert there.made() == dict.fromkeys(range(1000), 1)


async def test_rows_without_keys_are_loaded_and_sent(there: Bench, url: str) -> None:
    outcomes = await finish(there, url, 20, key_attribute=None)
    assert len(outcomes) == 20
