"""Keys of rows: of one job, of a workspace for ever, and keys that come again."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aiotask import Created, Existing, Rejected
from aiotask.bulk import KEY_ATTRIBUTE, Keys, Scope, State, read_summary
from aiotask.taskrouter import NewTask
from tests.bulk.bench import number_of, rows, states_of
from tests.bulk.broken_service import (
    BrokenService,
    broken_service,
    is_create,
    lose,
    lost_before,
    without_events,
)
from tests.sweeps import sweep

pytestmark = pytest.mark.virtual_time


def name_of(row: Any) -> str:
    return f"C-{number_of(row)}"


def keys(scope: Scope) -> Keys:
    return Keys(KEY_ATTRIBUTE, name_of, scope)


def sids_of(outcomes: list[Any]) -> dict[int, str]:
    assert all(isinstance(each, Created) for each in outcomes), outcomes
    return {number_of(each.row): each.sid for each in outcomes}


async def remove(here: BrokenService) -> None:
    """End all tasks, and let them leave the lists."""
    for sid in here.sids:
        here.sandbox.set_status(sid, "completed")
    await here.sandbox.advance(seconds=310)
    assert not here.sids


@pytest.mark.parametrize("executed", [True, False])
@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("journal", [True, False])
async def test_a_second_job_with_the_same_keys_makes_tasks_of_its_own(
    tmp_path: Path, *, executed: bool, ended: bool, journal: bool
) -> None:
    async with broken_service() as here:
        where = tmp_path / "first.db", tmp_path / "second.db"
        paths = where if journal else (None, None)
        first = sids_of(await here.create(rows(30), keys=keys("job"), journal=paths[0]))
        if ended:
            await remove(here)
        before = here.creates
        lost = set[int]()

        def refuse(request: Any, body: bytes) -> Any:
            from_first = is_create(request) and here.creates - before <= 30
            return None if executed or not from_first else lost_once(request, body, lost)

        here.refuse = refuse
        here.spoil = lose if executed else here.spoil
        second = sids_of(await here.create(rows(30), keys=keys("job"), journal=paths[1]))
        assert set(second) == set(first) == set(range(30))
        assert not {*first.values()} & {*second.values()}
        assert {*second.values()} == here.sids - {*first.values()}
        assert here.creates == before + 30 + len(lost)


def lost_once(request: Any, body: bytes, lost: set[int]) -> Any:
    reply = lost_before(request, body)
    if reply is not None:
        lost.add(len(lost))
    return reply


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("other_job", [True, False])
async def test_a_key_of_a_workspace_names_one_task_for_ever(
    tmp_path: Path, *, ended: bool, other_job: bool
) -> None:
    async with broken_service() as here:
        here.spoil = lose
        first = sids_of(await here.create(rows(30), keys=keys("workspace" if other_job else "job")))
        if ended:
            await remove(here)
        path = tmp_path / "second.db"
        outcomes = await here.create(rows(40), keys=keys("workspace"), journal=path)
        told = {number_of(each.row): each for each in outcomes}
        for number, sid in first.items():
            known = told[number]
            assert isinstance(known, Existing)
            assert known.sid == sid
        assert {type(told[n]) for n in range(30, 40)} == {Created}
        assert here.creates == 40
        states = states_of(path)
        assert {states[n] for n in range(30)} == {State.EXISTING}
        assert {states[n] for n in range(30, 40)} == {State.CREATED}
        assert await here.create(rows(40), keys=keys("workspace"), journal=path) == []
        assert here.creates == 40


async def test_a_run_that_was_left_amid_existing_rows_goes_on(tmp_path: Path) -> None:
    async with broken_service() as here:
        first = sids_of(await here.create(rows(30), keys=keys("workspace")))
        await remove(here)
        path, told = tmp_path / "second.db", []
        left = here.run(rows(40), keys=keys("workspace"), journal=path).outcomes()
        async with aclosing(left) as outcomes:
            async for outcome in outcomes:
                told.append(outcome)
                if len(told) == 10:
                    break
        again = await here.create(rows(40), keys=keys("workspace"), journal=path)
        found = sids_of([*told, *again])
        assert set(found) == set(range(40))
        assert {number: found[number] for number in first} == first
        assert here.creates == 40
        summary = read_summary(path)
        assert (summary.rows[State.EXISTING], summary.rows[State.CREATED]) == (30, 10)


@pytest.mark.parametrize(
    ("lost_at", "events"),
    sweep([("before", True), ("after", False), ("before", False), ("after", True)], usual=2),
)
async def test_a_key_that_comes_again_without_a_journal_is_a_row_of_its_own(
    lost_at: str, *, events: bool
) -> None:
    """Without a journal, a key is known for as long as its row is claimed with others only."""
    async with broken_service() as here:
        if not events:
            here.refuse = without_events(403)
        if lost_at == "after":
            here.spoil = lose
        else:
            for _ in range(5):
                here.sandbox.faults.next("POST", "/Tasks", "before_reset")

        async def given() -> AsyncIterator[NewTask]:
            for n in range(1050):
                if lost_at == "before" and n == 1000:
                    for _ in range(20):
                        here.sandbox.faults.next("POST", "/Tasks", "before_reset")
                yield {"attributes": {"n": n, "key": n % 1000}}

        chosen = Keys(KEY_ATTRIBUTE, lambda row: f"C-{row['attributes']['key']}")
        outcomes = await here.create(given(), keys=chosen)
        told = sids_of(outcomes)
        there = {}
        for task in here.sandbox.tasks(here.workspace):
            attributes = msgspec.json.decode(task.attributes)
            there[attributes["n"]] = task.sid
            assert attributes["aiotask_row"] == attributes["n"] + 1
        assert told == there
        assert len(here.sids) == len(there) == 1050


async def test_a_key_that_comes_again_with_a_journal_is_rejected(tmp_path: Path) -> None:
    async with broken_service() as here:
        chosen = Keys(KEY_ATTRIBUTE, lambda row: f"C-{number_of(row) % 1000}")
        outcomes = await here.create(rows(1010), keys=chosen, journal=tmp_path / "import.db")
        rejected = {number_of(each.row) for each in outcomes if isinstance(each, Rejected)}
        assert rejected == set(range(1000, 1010))
        assert here.held.total() == 1000
