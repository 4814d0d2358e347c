"""The audit: the service held against a journal."""

from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import pytest

from aiotask import Created, ForeignJournalError
from aiotask.bulk import entries_of
from aiotask.bulk.journal.records import End, State
from aiotask.bulk.keys import JOB_ATTRIBUTE, KEY_ATTRIBUTE, derived_key
from tests.bulk.bench import Bench, bench, look, number_of, rows
from tests.bulk.journal.written_journals import claim

pytestmark = pytest.mark.virtual_time


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
        ends = [End(State.CREATED, "WT4", None, 4), End(State.UNDELIVERED, "WT5", None, 5)]
        journal.commit([claim(4), claim(5), claim(6, State.PENDING)], ends)
    result = await there.tasks.audit(there.journal)
    assert [(one.row, one.key) for one in result.missing] == [
        (4, derived_key(job, 4)),
        (5, derived_key(job, 5)),
    ]
    assert [copy.sid for one in result.missing for copy in one.copies] == ["WT4", "WT5"]
    assert not result.in_order


@pytest.mark.parametrize("later", [0, 2])
async def test_of_two_tasks_the_one_that_the_journal_names_stays(there: Bench, later: int) -> None:
    outcomes = await there.finish(rows(5))
    there.check(outcomes)
    await there.sandbox.advance(seconds=later)
    copies = {await there.copied(outcome): outcome for outcome in outcomes[:3]}
    found = await there.tasks.audit(there.journal)
    assert not found.in_order
    assert len(found.twice) == 3
    assert {there.status(copy) for copy in copies} == {"pending"}  # nothing is done unasked
    fixed = await there.tasks.audit(there.journal, fix=True)
    assert fixed.in_order
    for one in fixed.twice:
        first, copy = one.copies
        original = copies[copy.sid]
        assert isinstance(original, Created)
        assert original.sid == first.sid
        assert (first.canceled, copy.canceled) == (False, True)
        assert (there.status(first.sid), there.status(copy.sid)) == ("pending", "canceled")
    again = await there.tasks.audit(there.journal)
    assert again.in_order
    assert not again.twice


async def test_of_two_tasks_that_one_stays_which_the_caller_was_told_of(there: Bench) -> None:
    (outcome,) = await there.finish(rows(1))
    assert isinstance(outcome, Created)
    await there.sandbox.advance(seconds=2)
    copy = await there.copied(outcome)
    look(there.journal, "UPDATE rows SET sid = ?", copy)
    result = await there.tasks.audit(there.journal, fix=True)
    assert [[one.sid for one in finding.copies] for finding in result.twice] == [
        [copy, outcome.sid]
    ]
    assert (there.status(copy), there.status(outcome.sid)) == ("pending", "canceled")


async def test_a_copy_that_a_worker_has_is_left_to_them(there: Bench) -> None:
    (outcome,) = await there.finish(rows(1))
    copy = await there.copied(outcome)
    there.sandbox.assign(copy)
    result = await there.tasks.audit(there.journal, fix=True)
    assert there.status(copy) == "assigned"
    assert not result.in_order
    assert [[copy.canceled for copy in one.copies] for one in result.twice] == [[False, False]]


async def test_a_copy_that_a_worker_gets_in_that_moment_is_left_to_them(
    there: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    (outcome,) = await there.finish(rows(1))
    copy = await there.copied(outcome)
    fetch = type(there.tasks).fetch

    async def fetch_and_lose(tasks: Any, sid: str) -> Any:
        found = await fetch(tasks, sid)
        there.sandbox.assign(sid)
        return found

    monkeypatch.setattr(type(there.tasks), "fetch", fetch_and_lose)
    result = await there.tasks.audit(there.journal, fix=True)
    assert there.status(copy) == "assigned"
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
