"""Many changes at once: updates, ends and deletions of tasks and workers."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from aiotask import (
    AnyOutcome,
    BadRequestError,
    Created,
    Deleted,
    ForeignJournalError,
    InputChangedError,
    NotFoundError,
    Rejected,
    Unchanged,
    Unresolved,
    Updated,
)
from aiotask.bulk import State, read_summary
from aiotask.cli.commands.journal import show
from aiotask.sandbox.api.dispatch import Request
from aiotask.sandbox.model.refusals import Refusal
from aiotask.sandbox.wire.answers import Answer
from aiotask.taskrouter import Tasks
from tests.bulk.bench import Bench, look, rows

pytestmark = pytest.mark.virtual_time

GONE = f"WT{'0' * 32}"
Outcomes = AsyncGenerator[AnyOutcome[Any], None]
Call = Callable[..., Outcomes]


async def filled(there: Bench, number: int) -> list[str]:
    created = await there.finish(rows(number), journal=None)
    return [outcome.sid for outcome in created if isinstance(outcome, Created)]


async def ends(outcomes: Outcomes) -> dict[str, AnyOutcome[Any]]:
    """Run to the end, and return outcomes by the sids of their rows."""
    return {sid_of(outcome.row): outcome async for outcome in outcomes}


def sid_of(row: Any) -> str:
    sid: str = row if isinstance(row, str) else row["sid"] if isinstance(row, dict) else row.sid
    return sid


def cancel(tasks: Tasks, sids: Any, **settings: Any) -> Outcomes:
    return tasks.cancel_many(sids, "no longer needed", **settings)


def complete(tasks: Tasks, sids: Any, **settings: Any) -> Outcomes:
    return tasks.complete_many(sids, "done", **settings)


def delete(tasks: Tasks, sids: Any, **settings: Any) -> Outcomes:
    return tasks.delete_many(sids, **settings)


def update(tasks: Tasks, sids: Any, **settings: Any) -> Outcomes:
    return tasks.update_many([{"sid": sid, "priority": 7} for sid in sids], **settings)


VERBS: dict[str, Call] = {
    "update": update,
    "cancel": cancel,
    "complete": complete,
    "delete": delete,
}
EFFECT: dict[str, type[Any]] = {
    "update": Updated,
    "cancel": Updated,
    "complete": Updated,
    "delete": Deleted,
}


def ready(there: Bench, verb: str, sids: list[str]) -> None:
    if verb == "complete":
        for sid in sids:
            there.sandbox.assign(sid)


def check_done(there: Bench, verb: str, number: int) -> None:
    stored = there.sandbox.tasks(there.workspace)
    if verb == "delete":
        assert stored == []
        return
    assert len(stored) == number
    if verb == "update":
        assert {task.priority for task in stored} == {7}
    else:
        wanted = {"cancel": "canceled", "complete": "completed"}[verb]
        assert {task.assignment_status for task in stored} == {wanted}


@pytest.mark.parametrize("verb", VERBS)
async def test_each_row_is_carried_out_and_told(there: Bench, verb: str) -> None:
    sids = await filled(there, 30)
    ready(there, verb, sids)
    told = await ends(VERBS[verb](there.tasks, sids))
    assert {sid: (type(each), each.row) for sid, each in told.items()}.keys() == set(sids)
    assert {type(each) for each in told.values()} == {EFFECT[verb]}
    assert all(getattr(each, "sid") == sid for sid, each in told.items())  # noqa: B009 - of all
    check_done(there, verb, 30)


@pytest.mark.parametrize("verb", VERBS)
async def test_a_row_whose_answer_is_lost_is_sent_again(there: Bench, verb: str) -> None:
    sids = await filled(there, 60)
    ready(there, verb, sids)
    there.sandbox.faults.share = 0.3
    told = await ends(VERBS[verb](there.tasks, sids, max_in_flight=10))
    assert Counter(map(type, told.values())) == {EFFECT[verb]: 60}
    check_done(there, verb, 60)
    assert there.sandbox.injected.total() > 10


@pytest.mark.parametrize("verb", VERBS)
async def test_a_job_with_a_journal_is_resumed(there: Bench, verb: str, tmp_path: Path) -> None:
    sids = await filled(there, 40)
    ready(there, verb, sids)
    there.sandbox.faults.share = 0.2
    journal = tmp_path / "changes"
    told: Counter[str] = Counter()
    for _ in range(20):
        async with aclosing(
            VERBS[verb](there.tasks, sids, journal=journal, max_in_flight=5)
        ) as outcomes:
            async for outcome in outcomes:
                assert isinstance(outcome, EFFECT[verb]), outcome
                told[sid_of(outcome.row)] += 1
                if told.total() % 7 == 0:
                    break
            else:
                break
    assert told.keys() == set(sids)
    assert told.total() < 40 + 20  # one in which a run was left is told by the next one, too
    check_done(there, verb, 40)
    shown = CliRunner().invoke(show, [str(journal)]).output.splitlines()
    effect = EFFECT[verb].__name__.lower()
    assert shown[1:] == [
        f"tasks.{verb} at {there.path}",
        f"40 rows: 40 {effect}, 0 rejected, 0 unresolved",
        "complete",
    ]
    summary = read_summary(journal)
    assert (summary.verb, summary.done, summary.claimed) == (f"tasks.{verb}", 40, 40)
    there.sandbox.faults.share = 0
    before = there.sandbox.requests.total()
    assert await ends(VERBS[verb](there.tasks, sids, journal=journal)) == {}
    assert there.sandbox.requests.total() == before


@pytest.mark.parametrize("verb", VERBS)
async def test_what_an_earlier_run_may_have_sent_is_sent_again(
    there: Bench, verb: str, tmp_path: Path
) -> None:
    sids = await filled(there, 10)
    ready(there, verb, sids)
    journal = tmp_path / "changes"
    await ends(VERBS[verb](there.tasks, sids, journal=journal))
    look(journal, "UPDATE rows SET state = ?, sid = NULL WHERE number > 4", State.IN_FLIGHT)
    told = await ends(VERBS[verb](there.tasks, sids, journal=journal))
    assert {sid: type(each) for sid, each in told.items()} == dict.fromkeys(sids[4:], EFFECT[verb])
    assert read_summary(journal).done == 10


async def test_an_outcome_that_was_not_delivered_is_told_by_the_next_run_as_it_was(
    there: Bench, tmp_path: Path
) -> None:
    sids = await filled(there, 3)
    journal = tmp_path / "changes"
    async with aclosing(delete(there.tasks, sids, journal=journal)) as outcomes:
        await anext(outcomes)
        await asyncio.sleep(1)
    shown = CliRunner().invoke(show, [str(journal)]).output.splitlines()
    assert shown[2] == "3 rows: 3 not delivered, 0 rejected, 0 unresolved"
    before = there.sandbox.requests.total()
    told = await ends(delete(there.tasks, sids, journal=journal))
    assert len(told) == 3
    assert {type(each) for each in told.values()} == {Deleted}
    assert there.sandbox.requests.total() == before
    states = look(journal, "SELECT DISTINCT state, error FROM rows")
    assert states == [(State.DELETED, None)]


async def test_a_journal_serves_one_verb_and_one_input(there: Bench, tmp_path: Path) -> None:
    sids = await filled(there, 3)
    journal = tmp_path / "changes"
    await ends(update(there.tasks, sids, journal=journal))
    with pytest.raises(ForeignJournalError, match=r"it is one of tasks\.update, not of tasks\.can"):
        await ends(cancel(there.tasks, sids, journal=journal))
    with pytest.raises(InputChangedError, match="row 2 has changed"):
        await ends(update(there.tasks, [sids[0], *sids[::-1][:2]], journal=journal))
    assert {task.assignment_status for task in there.sandbox.tasks(there.workspace)} == {"pending"}


async def test_listed_tasks_are_canceled_and_what_is_so_is_left_alone(there: Bench) -> None:
    first, second, third = await filled(there, 3)
    await there.tasks.cancel(first, "before")
    there.sandbox.assign(third)
    before = there.sandbox.requests["POST Tasks/{Sid}"]
    told = await ends(cancel(there.tasks, there.tasks.list()))
    assert isinstance(told[first], Unchanged)
    assert isinstance(told[second], Updated)
    refused = told[third]
    assert isinstance(refused, Rejected)
    assert isinstance(refused.error, BadRequestError)
    assert not refused.error.maybe_applied
    assert there.sandbox.requests["POST Tasks/{Sid}"] - before == 2
    by_sid = await ends(cancel(there.tasks, [first, second]))
    assert {type(each) for each in by_sid.values()} == {Updated}


@pytest.mark.parametrize("verb", ["cancel", "complete", "delete"])
async def test_gone_is_told_as_deleted(there: Bench, verb: str) -> None:
    (sid,) = await filled(there, 1)
    await there.tasks.delete(sid)
    assert await ends(VERBS[verb](there.tasks, [sid, GONE])) == {
        each: Deleted(each, each) for each in (sid, GONE)
    }


async def test_a_change_of_a_task_that_is_gone_is_rejected(there: Bench) -> None:
    (outcome,) = (await ends(update(there.tasks, [GONE]))).values()
    assert isinstance(outcome, Rejected)
    assert isinstance(outcome.error, NotFoundError)


async def test_a_change_that_may_have_been_made_before_its_task_was_gone_is_unresolved(
    there: Bench, tmp_path: Path
) -> None:
    sids = await filled(there, 2)
    journal = tmp_path / "changes"
    await ends(update(there.tasks, sids, journal=journal))
    look(journal, "UPDATE rows SET state = ?, sid = NULL", State.IN_FLIGHT)
    await there.tasks.delete(sids[0])
    told = await ends(update(there.tasks, sids, journal=journal))
    assert isinstance(told[sids[0]], Unresolved)
    assert isinstance(told[sids[1]], Updated)


async def test_a_row_that_a_journal_may_have_forgotten_is_not_told_as_certainly_not_done(
    there: Bench, tmp_path: Path
) -> None:
    sids = await filled(there, 2)
    journal = tmp_path / "changes"
    await ends(update(there.tasks, sids, journal=journal))
    journal.with_name("changes.mark").unlink()
    told = await ends(update(there.tasks, [*sids, GONE], journal=journal))
    assert {sid: type(each) for sid, each in told.items()} == {GONE: Unresolved}


async def test_a_status_that_an_earlier_attempt_has_set_is_found(
    there: Bench, tmp_path: Path
) -> None:
    sids = await filled(there, 3)
    changes = [{"sid": sid, "assignment_status": "canceled", "reason": "x"} for sid in sids]
    journal = tmp_path / "changes"
    await ends(there.tasks.update_many(changes, journal=journal))
    look(journal, "UPDATE rows SET state = ?, sid = NULL", State.IN_FLIGHT)
    await there.tasks.update(sids[1], reason="another")
    there.sandbox.faults.next("GET", f"{there.workspace}/Tasks/{sids[2]}", "before_reset")
    told = await ends(there.tasks.update_many(changes, journal=journal))
    assert {sid: type(each) for sid, each in told.items()} == {
        sids[0]: Updated,
        sids[1]: Unresolved,  # it may have been this row's change that is there no longer
        sids[2]: Updated,
    }


async def test_a_status_that_was_set_by_a_request_which_a_proxy_delivers_twice_is_not_rejected(
    there: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    sids = await filled(there, 2)
    there.sandbox.assign(sids[1])
    carry_out = there.sandbox._service.carry_out
    changes: list[str] = []

    def carried_out_twice(request: Request) -> Answer:
        if request.method == "POST":
            changes.append(request.path)
            with suppress(Refusal):
                carry_out(request)
        return carry_out(request)

    monkeypatch.setattr(there.sandbox._service, "carry_out", carried_out_twice)
    wanted = {"assignment_status": "canceled", "reason": "no longer needed"}
    told = await ends(there.tasks.update_many([{"sid": sid, **wanted} for sid in sids]))
    assert len(changes) == 2
    assert isinstance(told[sids[0]], Updated)
    assert isinstance(told[sids[1]], Rejected)  # it is assigned, and was never canceled


@pytest.mark.parametrize("verb", VERBS)
async def test_where_there_is_no_workspace_nothing_is_told_and_the_run_ends(
    there: Bench, verb: str
) -> None:
    tasks = there.client.taskrouter.workspace(f"WS{'0' * 32}").tasks
    with pytest.raises(NotFoundError):
        await ends(VERBS[verb](tasks, [GONE, GONE[:-1] + "1"]))


async def test_wrong_rows_are_rejected_and_nothing_is_sent_for_them(there: Bench) -> None:
    wrong: list[Any] = [
        5,
        {"priority": 5},
        {"sid": "WK" + "0" * 32, "priority": 5},
        {"sid": GONE, "priority": -1},
        {"sid": GONE, "priorty": 1},
        {"sid": None, "priority": 1},
    ]
    before = there.sandbox.requests.total()
    errors = [
        outcome.error
        async for outcome in there.tasks.update_many(wrong)
        if isinstance(outcome, Rejected)
    ]
    assert list(map(str, errors)) == [
        "a row is a mapping of a sid and update's fields, not int",
        "a row lacks its sid",
        f"sid: must be a sid: WT and 32 hexadecimal digits, not 'WK{'0' * 32}'",
        "priority: must be 0 to 2147483647, not -1",
        "TaskChanges has no field 'priorty'; did you mean 'priority'?",
        "sid: must be a sid: WT and 32 hexadecimal digits, not None",
    ]
    given: list[Any] = ["WT", 5, {"sid": GONE}]
    errors = [
        outcome.error
        async for outcome in there.tasks.delete_many(given)
        if isinstance(outcome, Rejected)
    ]
    assert list(map(str, errors)) == [
        "sid: must be a sid: WT and 32 hexadecimal digits, not 'WT'",
        "a row is a sid or a Task, not int",
        "a row is a sid or a Task, not dict",
    ]
    with pytest.raises(ValueError, match="reason: must be a str, not int"):
        there.tasks.cancel_many([GONE], 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="max_rate: must be a number above 0"):
        there.tasks.delete_many([GONE], max_rate=0)
    assert there.sandbox.requests.total() == before


async def test_a_row_without_a_change_is_unchanged_and_one_may_be_yielded_again(
    there: Bench,
) -> None:
    sids = await filled(there, 3)

    def same() -> Any:
        row: dict[str, Any] = {}
        for number, sid in enumerate(sids):
            row.update(sid=sid, priority=number + 1)
            yield row
        row.clear()
        row["sid"] = sids[0]
        yield row

    outcomes = [outcome async for outcome in there.tasks.update_many(same())]
    assert Counter(map(type, outcomes)) == {Updated: 3, Unchanged: 1}
    stored = {task.sid: task.priority for task in there.sandbox.tasks(there.workspace)}
    assert stored == {sid: number + 1 for number, sid in enumerate(sids)}


async def test_workers_are_changed_and_deleted(there: Bench) -> None:
    workers = there.client.taskrouter.workspace(there.workspace).workers
    sids = [(await workers.create(friendly_name=f"Ana {n}")).sid for n in range(5)]
    there.sandbox.faults.share = 0.3
    changes = [{"sid": sid, "attributes": {"n": sid}} for sid in sids]
    assert {type(each) for each in (await ends(workers.update_many(changes))).values()} == {Updated}
    there.sandbox.faults.share = 0
    assert [worker.attributes async for worker in workers.list()] == [{"n": sid} for sid in sids]
    told = await ends(workers.delete_many(workers.list()))
    assert {type(each) for each in told.values()} == {Deleted}
    assert await workers.list().all() == []


async def test_an_answer_about_another_task_is_no_answer(there: Bench) -> None:
    sids = await filled(there, 2)
    there.sandbox.faults.next("POST", f"{there.workspace}/Tasks/{sids[0]}", "after_no_sid")
    told = await ends(update(there.tasks, sids))
    assert {type(each) for each in told.values()} == {Updated}
    assert there.sandbox.requests["POST Tasks/{Sid}"] == 3
