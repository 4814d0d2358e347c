"""Services that fail for long: creates, lists, and answers that come late."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from aiohttp import web

from aiotask import Created, ServerError, Unresolved
from aiotask.bulk import State, read_summary
from aiotask.sandbox import FaultKind
from tests.bulk.bench import number_of, rows
from tests.bulk.broken_service import (
    SETTLE,
    Reply,
    broken_service,
    is_create,
    lose,
    lost_before,
    refusal,
)

pytestmark = pytest.mark.virtual_time


def failing_creates(request: web.BaseRequest, _: bytes) -> Reply | None:
    return refusal(503) if is_create(request) else None


def failing_lists(request: web.BaseRequest, _: bytes) -> Reply | None:
    return refusal(503) if request.method == "GET" else None


@pytest.mark.parametrize("resumed", [False, True])
async def test_creates_that_fail_for_too_long_end_the_run_and_leave_rows_in_doubt(
    tmp_path: Path, *, resumed: bool
) -> None:
    path = tmp_path / "import.db"
    async with broken_service() as here:
        told = []
        if resumed:
            await here.leave_in_doubt(rows(9), path)
            told += here.done
        here.refuse = failing_creates
        with pytest.raises(ServerError):
            await here.create(rows(30), journal=path)
        told += here.done
        assert not [each for each in here.done if isinstance(each, Unresolved)]
        summary = read_summary(path)
        assert summary.in_doubt > 0
        assert summary.rows[State.UNRESOLVED] == 0
        here.refuse = lambda _, __: None
        told += await here.create(rows(30), journal=path)
        assert Counter(number_of(each.row) for each in told) == Counter(range(30))
        assert {type(each) for each in told} == {Created}
        assert here.held == Counter(range(30))


@pytest.mark.campaign
@pytest.mark.parametrize("executed", [True, False])
async def test_nothing_new_is_sent_beyond_a_number_of_rows_in_doubt_while_lists_are_down(
    monkeypatch: pytest.MonkeyPatch, *, executed: bool
) -> None:
    most = 10
    monkeypatch.setattr("aiotask.bulk.resolver._MOST_IN_DOUBT", most)
    async with broken_service() as here:
        lost: set[bytes] = set()

        def refuse(request: web.BaseRequest, body: bytes) -> Reply | None:
            if request.method == "GET":
                return refusal(503) if down.is_set() else None
            if executed or body in lost:
                return None
            if (reply := lost_before(request, body)) is not None:
                lost.add(body)
            return reply

        down = asyncio.Event()
        down.set()
        here.refuse = refuse
        if executed:
            here.spoil = lose
        run = here.run(rows(600), stall_timeout=100_000.0)
        done = asyncio.ensure_future(_collected(run.outcomes()))
        await asyncio.sleep(20 * SETTLE)
        held = here.creates
        assert most <= run.in_doubt <= most + 10
        await asyncio.sleep(100 * SETTLE)
        assert here.creates == held < 100
        down.clear()
        outcomes = await done
        assert {type(each) for each in outcomes} == {Created}
        assert here.held == Counter(range(600))
        assert here.creates == 600 + len(lost)


async def _collected(outcomes: object) -> list[object]:
    return [outcome async for outcome in outcomes]  # type: ignore[attr-defined]


LATE: list[FaultKind] = ["late_hang", "late_reset"]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("journal", [True, False])
async def test_requests_carried_out_late_and_lists_that_lag_make_no_row_twice(
    tmp_path: Path, seed: int, *, journal: bool
) -> None:
    path = tmp_path / "import.db" if journal else None
    async with broken_service(
        proxy=False,
        late=0.9 * SETTLE,
        index_lag=0.3 * SETTLE,
        faults=0.2,
        fault_kinds=LATE,
        seed=seed,
    ) as here:
        outcomes = await here.create(rows(150), journal=path)
        assert {type(each) for each in outcomes} == {Created}
        await asyncio.sleep(SETTLE)
        assert here.held == Counter(range(150))


async def test_the_only_row_that_is_carried_out_late_is_not_made_twice() -> None:
    async with broken_service(
        proxy=False, late=0.9 * SETTLE, index_lag=0.3 * SETTLE, seed=1
    ) as here:
        for number in range(5):
            here.sandbox.faults.next("POST", "/Tasks", LATE[number % 2])
            await here.create(rows(1))
            await asyncio.sleep(SETTLE)
            assert here.held == Counter({0: number + 1})
