"""The audit where tasks have ended, or have other attributes, and only events tell of them."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aiotask import Created, Outcome
from aiotask.bulk import Finding
from aiotask.bulk.journal.records import End, State
from aiotask.bulk.keys import JOB_ATTRIBUTE, KEY_ATTRIBUTE, derived_key
from aiotask.taskrouter import NewTask
from tests.bulk.bench import Bench, bench, look, rows
from tests.bulk.journal.written_journals import claim

pytestmark = pytest.mark.virtual_time


def sids_of(outcomes: list[Outcome[NewTask]]) -> list[str]:
    return [outcome.sid for outcome in outcomes if isinstance(outcome, Created)]


def told(findings: list[Finding]) -> list[tuple[int | None, list[str]]]:
    return [(each.row, [copy.sid for copy in each.copies]) for each in findings]


async def end(there: Bench, sid: str) -> None:
    """Have a worker end a task, and the service forget it."""
    there.sandbox.assign(sid)
    await there.tasks.complete(sid, "done")
    await there.sandbox.advance(minutes=6)
    assert sid not in {task.sid for task in there.sandbox.tasks(there.workspace)}


async def one_row(there: Bench) -> tuple[Outcome[NewTask], str]:
    (outcome,) = await there.finish(rows(1))
    return outcome, sids_of([outcome])[0]


async def test_a_row_is_twice_also_if_its_other_task_has_ended(there: Bench) -> None:
    outcome, sid = await one_row(there)
    copy = await there.copied(outcome)
    await end(there, copy)
    result = await there.tasks.audit(there.journal, fix=True)
    assert told(result.twice) == [(1, [sid, copy])]
    assert there.status(sid) == "pending"
    assert (result.found, result.ended, result.in_order) == (1, 1, False)


async def test_a_row_is_twice_also_if_the_one_that_the_journal_names_has_ended(
    there: Bench,
) -> None:
    outcome, sid = await one_row(there)
    copy = await there.copied(outcome)
    await end(there, sid)
    result = await there.tasks.audit(there.journal)
    assert told(result.twice) == [(1, [sid, copy])]
    assert not result.in_order
    fixed = await there.tasks.audit(there.journal, fix=True)
    assert (there.status(copy), fixed.in_order) == ("canceled", True)


@pytest.mark.parametrize("replaced", [0, 1])
async def test_a_row_is_twice_also_if_the_attributes_of_a_task_were_replaced(
    there: Bench, replaced: int
) -> None:
    outcome, sid = await one_row(there)
    copy = await there.copied(outcome)
    await there.tasks.update([sid, copy][replaced], attributes={"of": "a worker's software"})
    result = await there.tasks.audit(there.journal)
    assert told(result.twice) == [(1, [sid, copy])]
    assert not result.in_order
    fixed = await there.tasks.audit(there.journal, fix=True)
    assert fixed.in_order
    assert (there.status(sid), there.status(copy)) == ("pending", "canceled")


async def test_a_task_whose_attributes_were_replaced_is_in_order(there: Bench) -> None:
    outcomes = await there.finish(rows(3))
    await there.tasks.update(sids_of(outcomes)[0], attributes={})
    result = await there.tasks.audit(there.journal)
    assert (result.found, result.ended, result.in_order) == (2, 1, True)


async def test_a_canceled_copy_does_not_count_when_it_is_gone_from_the_lists(
    there: Bench,
) -> None:
    outcome, sid = await one_row(there)
    copy = await there.copied(outcome)
    await there.tasks.audit(there.journal, fix=True)
    await there.sandbox.advance(minutes=6)
    assert {task.sid for task in there.sandbox.tasks(there.workspace)} == {sid}
    result = await there.tasks.audit(there.journal)
    assert (result.twice, result.in_order) == ([], True)
    # A copy that was canceled for another reason was a task of somebody's until then.
    copy = await there.copied(outcome)
    await there.tasks.cancel(copy, "the customer has left")
    result = await there.tasks.audit(there.journal)
    assert (told(result.twice), result.in_order) == ([(1, [sid, copy])], False)


async def test_attributes_that_are_copied_to_another_rows_task_make_no_second_task(
    there: Bench,
) -> None:
    outcomes = await there.finish(rows(2))
    sids = sids_of(outcomes)
    first = await there.tasks.fetch(sids[0])
    await there.tasks.update(sids[1], attributes=first.attributes)
    result = await there.tasks.audit(there.journal, fix=True)
    assert result.in_order
    assert {there.status(sid) for sid in sids} == {"pending"}


@pytest.mark.parametrize("named", ["WT" + "0" * 32, "another row's", None])
async def test_a_row_whose_task_is_another_than_the_journal_names_is_wrong(
    there: Bench, named: str | None
) -> None:
    outcomes = await there.finish(rows(2))
    sids = sids_of(outcomes)
    named = sids[0] if named == "another row's" else named
    look(there.journal, "UPDATE rows SET sid = ? WHERE sid = ?", named, sids[1])
    result = await there.tasks.audit(there.journal, fix=True)
    numbers = {number: sid for sid, number in there.row_of().items()}
    assert told(result.wrong) == [(numbers_of(there, sids[1]), [named or "", sids[1]])]
    assert (result.twice, result.missing, result.in_order) == ([], [], False)
    assert {there.status(numbers[n]) for n in (0, 1)} == {"pending"}


def numbers_of(there: Bench, sid: str) -> int:
    return there.row_of()[sid] + 1


async def test_a_task_that_two_rows_name_is_that_of_one(there: Bench) -> None:
    outcomes = await there.finish(rows(2))
    sids = sids_of(outcomes)
    row = numbers_of(there, sids[1])
    look(there.journal, "UPDATE rows SET sid = ? WHERE sid = ?", sids[0], sids[1])
    await end(there, sids[1])
    # Of the task of the second row, nothing is known but the events.
    result = await there.tasks.audit(there.journal)
    assert told(result.wrong) == [(row, [sids[0], sids[1]])]
    assert not result.in_order


@pytest.mark.parametrize("state", [State.PENDING, State.REJECTED, State.UNRESOLVED])
async def test_a_row_without_a_task_by_the_journal_is_unexpected_also_if_that_has_ended(
    there: Bench, state: State
) -> None:
    await there.finish(rows(1))
    with closing(there.opened()) as journal:
        key = derived_key(journal.job, 2)
        attributes = {JOB_ATTRIBUTE: journal.job, KEY_ATTRIBUTE: key}
        journal.commit([claim(2)], [End(state, None, None, 2)])
    sids = [(await there.tasks.create(attributes=attributes)).sid for _ in range(2)]
    await end(there, sids[1])
    result = await there.tasks.audit(there.journal, fix=True)
    assert told(result.unexpected) == told(result.twice) == [(2, sids)]
    assert not result.in_order
    await there.tasks.delete(sids[0])
    result = await there.tasks.audit(there.journal)
    assert len(result.unexpected) == 1


async def test_a_foreign_task_is_found_also_if_it_has_ended(there: Bench) -> None:
    await there.finish(rows(1))
    job = look(there.journal, "SELECT value FROM meta WHERE name = 'job'")[0][0]
    attributes = {JOB_ATTRIBUTE: job, KEY_ATTRIBUTE: "of-nobody"}
    sid = (await there.tasks.create(attributes=attributes)).sid
    await end(there, sid)
    result = await there.tasks.audit(there.journal)
    assert [(one.key, one.copies[0].sid) for one in result.foreign] == [("of-nobody", sid)]
    assert not result.in_order


async def test_keys_of_another_job_are_no_tasks_of_this_one(tmp_path: Path) -> None:
    async with bench(tmp_path) as there:
        named: dict[str, Any] = {"row_key": lambda _: "customer-7"}
        await there.finish(rows(1), **named)
        await there.finish(rows(1), **named, journal=tmp_path / "other")
        for journal in (there.journal, tmp_path / "other"):
            assert (await there.tasks.audit(journal)).in_order


# How far back it can see


async def test_an_audit_tells_since_when_it_has_seen_everything(there: Bench) -> None:
    await there.finish(rows(2))
    result = await there.tasks.audit(there.journal)
    assert result.seen_since is not None
    created = [task.date_created async for task in there.tasks.list()]
    assert result.seen_since < min(date for date in created if date)
    assert (result.unseen, result.in_order) == (0, True)


async def test_a_job_that_is_older_than_events_is_in_order_only_if_all_is_listed(
    there: Bench,
) -> None:
    outcomes = await there.finish(rows(2))
    for sid in sids_of(outcomes):
        there.sandbox.set_status(sid, "wrapping")
    await there.sandbox.advance(hours=31 * 24)
    outcomes = await there.finish(rows(4))
    last = sids_of(outcomes)
    result = await there.tasks.audit(there.journal)
    first = (await there.tasks.fetch(last[0])).date_created
    assert first is not None
    assert result.seen_since == first - timedelta(days=30)
    assert (result.found, result.unseen, result.in_order) == (4, 0, True)
    # Events tell of it; but of what was before them, nothing does any more.
    await there.tasks.delete(last[0])
    result = await there.tasks.audit(there.journal)
    assert (result.missing, result.twice, result.ended) == ([], [], 1)
    assert (result.unseen, result.in_order) == (1, False)
