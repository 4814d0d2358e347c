"""Many upserts at once: workers, queues, activities, workflows and channels by their names."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from aiotask import (
    BadRequestError,
    Created,
    NotFoundError,
    Rejected,
    RetryPolicy,
    Unchanged,
    Updated,
)
from aiotask.bulk import State, read_summary
from aiotask.sandbox.api.dispatch import Request
from aiotask.sandbox.wire.answers import Answer
from aiotask.taskrouter import Workers, WorkflowConfiguration, WorkspaceContext
from tests.bulk.bench import SETTLE, Bench, look

pytestmark = pytest.mark.virtual_time

KINDS = ["workers", "task_queues", "activities", "workflows", "task_channels"]
FIELD = {"task_channels": "unique_name"}
MOST = {"task_channels": 10}  # of which a workspace has room for 15
QUEUE = f"WQ{'0' * 32}"


@pytest.fixture
def workspace(there: Bench) -> WorkspaceContext:
    return there.client.taskrouter.workspace(there.workspace)


@pytest.fixture
def workers(workspace: WorkspaceContext) -> Workers:
    return workspace.workers


async def rows_of(workspace: WorkspaceContext, kind: str, number: int) -> list[dict[str, Any]]:
    (queue,) = await workspace.task_queues.list(limit=1).all()
    configuration = {"task_routing": {"default_filter": {"queue": queue.sid}}}
    more: dict[str, Callable[[int], dict[str, Any]]] = {
        "workers": lambda n: {"attributes": {"n": n, "skills": ["a", "b"]}},
        "task_queues": lambda n: {"target_workers": f"n == {n}", "max_reserved_workers": 2},
        "activities": lambda n: {"available": bool(n % 2)},
        "workflows": lambda n: {"configuration": configuration, "task_reservation_timeout": n + 1},
        "task_channels": lambda n: {"friendly_name": f"Channel {n}"},
    }
    name = FIELD.get(kind, "friendly_name")
    return [{name: f"name_{n}", **more[kind](n)} for n in range(min(number, MOST.get(kind, 99)))]


def changed(kind: str, row: dict[str, Any]) -> dict[str, Any]:
    changes: dict[str, dict[str, Any]] = {
        "workers": {"attributes": {"n": "another"}},
        "task_queues": {"task_order": "LIFO"},
        "activities": {},
        "workflows": {"task_reservation_timeout": 77},
        "task_channels": {"friendly_name": "another"},
    }
    return row | changes[kind]


async def ends(outcomes: Any) -> dict[str, Any]:
    """Run to the end, and return outcomes by the names of their rows."""
    return {named(outcome.row): outcome async for outcome in outcomes}


def named(row: Any) -> str:
    return str(row.get("unique_name") or row["friendly_name"])


def kinds_of(told: dict[str, Any]) -> Counter[type]:
    return Counter(map(type, told.values()))


@pytest.mark.parametrize("number", [3, 60])
@pytest.mark.parametrize("kind", KINDS)
async def test_rows_are_created_then_left_alone_then_changed(
    there: Bench, workspace: WorkspaceContext, kind: str, number: int
) -> None:
    collection = getattr(workspace, kind)
    rows = await rows_of(workspace, kind, number)
    number = len(rows)
    told = await ends(collection.upsert_many(rows))
    assert kinds_of(told) == {Created: number}
    for row in rows[:3]:
        resource = await collection.fetch(told[named(row)].sid)
        assert all(getattr(resource, name) == value for name, value in row.items())
    writes = posts(there)
    again = await ends(collection.upsert_many(rows))
    assert kinds_of(again) == {Unchanged: number}
    assert {name: each.sid for name, each in again.items()} == {
        name: each.sid for name, each in told.items()
    }
    assert posts(there) == writes
    others = [changed(kind, row) for row in rows]
    assert kinds_of(await ends(collection.upsert_many(others))) == {
        Unchanged if kind == "activities" else Updated: number
    }
    for row in others[:3]:
        resource = await collection.fetch(told[named(row)].sid)
        assert all(getattr(resource, name) == value for name, value in row.items())


def posts(there: Bench) -> int:
    requests = there.sandbox.requests
    return sum(count for request, count in requests.items() if request.startswith("POST"))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_lost_answer_is_settled_by_the_name(
    there: Bench, workspace: WorkspaceContext, kind: str
) -> None:
    collection = getattr(workspace, kind)
    rows = await rows_of(workspace, kind, 40)
    number = len(rows)
    before = len(await collection.list().all())
    there.sandbox.faults.share = 0.3
    assert kinds_of(await ends(collection.upsert_many(rows, settle=SETTLE))) == {Created: number}
    there.sandbox.faults.share = 0
    assert len(await collection.list().all()) == before + number
    if kind != "activities":
        there.sandbox.faults.share = 0.3
        others = [changed(kind, row) for row in rows]
        told = await ends(collection.upsert_many(others, settle=SETTLE))
        assert kinds_of(told) == {Updated: number}
    there.sandbox.faults.share = 0
    told = await ends(collection.upsert_many([changed(kind, row) for row in rows]))
    assert kinds_of(told) == {Unchanged: number}


@pytest.mark.parametrize("number", [3, 60])
async def test_many_rows_cost_one_listing_and_few_a_look_each(
    there: Bench, workers: Workers, number: int
) -> None:
    rows = [{"friendly_name": f"Ana {n}"} for n in range(number)]
    await ends(workers.upsert_many(rows))
    before = there.sandbox.requests.total()
    assert kinds_of(await ends(workers.upsert_many(rows))) == {Unchanged: number}
    assert there.sandbox.requests.total() - before == (number if number <= 20 else 1)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_job_is_resumed(
    there: Bench, workspace: WorkspaceContext, kind: str, tmp_path: Path
) -> None:
    collection = getattr(workspace, kind)
    rows = await rows_of(workspace, kind, 50)
    there.sandbox.faults.share = 0.2
    journal = tmp_path / "upserts"
    told: Counter[str] = Counter()
    for _ in range(20):
        given = collection.upsert_many(rows, journal=journal, max_in_flight=5, settle=SETTLE)
        async with aclosing(given) as outcomes:
            async for outcome in outcomes:
                assert isinstance(outcome, Created), outcome
                told[named(outcome.row)] += 1
                if told.total() % 9 == 0:
                    break
            else:
                break
    assert set(told) == {named(row) for row in rows}
    assert read_summary(journal).created == len(rows)
    there.sandbox.faults.share = 0
    name = FIELD.get(kind, "friendly_name")
    names = Counter([getattr(each, name) async for each in collection.list()])
    assert {names[named(row)] for row in rows} == {1}


async def test_a_row_of_an_earlier_run_is_told_by_the_dates_of_what_is_there(
    workers: Workers, tmp_path: Path
) -> None:
    rows: list[dict[str, Any]] = [{"friendly_name": f"Ana {n}"} for n in range(3)]
    for row in rows[1:]:
        await workers.create(friendly_name=row["friendly_name"])
    await asyncio.sleep(100)
    rows[1]["attributes"] = {"n": 1}
    journal = tmp_path / "upserts"
    first = await ends(workers.upsert_many(rows, journal=journal))
    assert [type(first[named(row)]) for row in rows] == [Created, Updated, Unchanged]
    look(journal, "UPDATE rows SET state = ?, sid = NULL", State.IN_FLIGHT)
    assert await ends(workers.upsert_many(rows, journal=journal)) == first


async def test_workers_are_the_same_whatever_the_case_of_their_names(workers: Workers) -> None:
    made = await workers.create(friendly_name="Ana", attributes={"n": 1})
    (told,) = (await ends(workers.upsert_many([{"friendly_name": "ANA"}]))).values()
    assert isinstance(told, Updated)
    assert told.sid == made.sid
    (there,) = await workers.list().all()
    assert (there.friendly_name, there.attributes) == ("ANA", {"n": 1})


async def test_a_change_by_somebody_else_is_not_undone(there: Bench, workers: Workers) -> None:
    made = await workers.create(friendly_name="Ana", attributes={"n": 1})
    available = next(
        each
        for each in await there.client.taskrouter.workspace(there.workspace).activities.list().all()
        if each.available
    )
    there.change_after_read(made.sid, b"ActivitySid=%b" % available.sid.encode())
    rows = [{"friendly_name": "Ana", "attributes": {"n": 2}}]
    assert kinds_of(await ends(workers.upsert_many(rows))) == {Updated: 1}
    after = await workers.fetch(made.sid)
    assert (after.attributes, after.activity_sid) == ({"n": 2}, available.sid)
    assert there.sandbox.answers[412] == 1


async def test_a_change_whose_answer_is_lost_is_told_although_its_look_fails_at_first(
    there: Bench, workers: Workers
) -> None:
    """The repetition is refused, since the ETag is another, and then nothing can be read."""
    made = await workers.create(friendly_name="Ana", attributes={"n": 1})
    carry_out = there.sandbox._service.carry_out

    def watched(request: Any) -> Any:
        if request.method == "POST":
            there.sandbox._service.carry_out = carry_out  # type: ignore[method-assign]
            for _ in range(RetryPolicy().attempts):
                there.sandbox.faults.next("GET", "/Workers", "before_500")
        return carry_out(request)

    there.sandbox._service.carry_out = watched  # type: ignore[method-assign]
    there.sandbox.faults.next("POST", made.sid, "after_500")
    rows = [{"friendly_name": "Ana", "attributes": {"n": 2}}]
    assert kinds_of(await ends(workers.upsert_many(rows))) == {Updated: 1}
    assert there.sandbox.answers[412] == 1


async def test_a_change_that_a_proxy_delivers_twice_is_told_as_one(
    there: Bench, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    await workers.create(friendly_name="Ana", attributes={"n": 1})
    carry_out = there.sandbox._service.carry_out
    changes: list[str] = []

    def carried_out_twice(request: Request) -> Answer:
        if request.method == "POST":
            changes.append(request.path)
            carry_out(request)
        return carry_out(request)  # the ETag is another one by now

    monkeypatch.setattr(there.sandbox._service, "carry_out", carried_out_twice)
    row = {"friendly_name": "Ana", "attributes": {"n": 2}}
    told = await ends(workers.upsert_many([row]))
    assert len(changes) == 1
    assert isinstance(told["Ana"], Updated)


async def test_a_name_that_is_taken_meanwhile_is_changed(there: Bench, workers: Workers) -> None:
    """All was listed before somebody else made the last one."""

    async def rows() -> AsyncIterator[dict[str, Any]]:
        for n in range(30):
            yield {"friendly_name": f"Ana {n}", "attributes": {"n": n}}
        while there.sandbox.requests["POST Workers"] < 30:
            await asyncio.sleep(0.1)
        await workers.create(friendly_name="Bo")
        yield {"friendly_name": "Bo", "attributes": {"n": 30}}

    told = await ends(workers.upsert_many(rows()))
    assert kinds_of(told) == {Created: 30, Updated: 1}
    assert isinstance(told["Bo"], Updated)


async def test_wrong_rows_are_rejected_and_nothing_is_sent_for_them(
    there: Bench, workspace: WorkspaceContext
) -> None:
    wrong: list[Any] = [
        5,
        {"attributes": {}},
        {"friendly_name": ""},
        {"friendly_name": "Ana", "attributes": []},
        {"friendly_name": "Ana", "reject_pending_reservations": True},
    ]
    before = there.sandbox.requests.total()
    told = [outcome async for outcome in workspace.workers.upsert_many(wrong)]
    assert [str(each.error) for each in told if isinstance(each, Rejected)] == [
        "a row is a mapping of create's fields, not int",
        "NewWorker lacks friendly_name",
        "friendly_name: must have 1 to 64 characters, not 0",
        "attributes: must be a mapping, which is sent as JSON, not list",
        "NewWorker has no field 'reject_pending_reservations'",
    ]
    assert there.sandbox.requests.total() == before


async def test_what_cannot_be_is_rejected_and_says_why(
    there: Bench, workspace: WorkspaceContext
) -> None:
    activities = workspace.activities
    twice = [await activities.create(friendly_name="Lunch") for _ in range(2)]
    writes = posts(there)
    rows: list[dict[str, Any]] = [
        {"friendly_name": "Offline", "available": True},
        {"friendly_name": "Lunch"},
        {"friendly_name": "Offline"},
    ]
    told = [outcome async for outcome in activities.upsert_many(rows, max_in_flight=1)]
    assert [str(each.error) for each in told if isinstance(each, Rejected)] == [
        "available: cannot be changed: it is 'false'",
        f"friendly_name: 'Lunch' is the name of several: {twice[0].sid}, {twice[1].sid}",
        "friendly_name: 'Offline' is the name of row 1 already",
    ]
    assert posts(there) == writes


async def test_what_the_service_refuses_is_rejected(workspace: WorkspaceContext) -> None:
    rows = [{"friendly_name": "Ana", "activity_sid": f"WA{'0' * 32}"}]
    (told,) = (await ends(workspace.workers.upsert_many(rows))).values()
    assert isinstance(told, Rejected)
    assert isinstance(told.error, BadRequestError)
    await workspace.workers.create(friendly_name="Ana")
    (told,) = (await ends(workspace.workers.upsert_many(rows))).values()
    assert isinstance(told, Rejected)
    assert isinstance(told.error, BadRequestError)


@pytest.mark.parametrize("kind", KINDS)
async def test_where_there_is_no_workspace_the_run_ends(
    there: Bench, workspace: WorkspaceContext, kind: str
) -> None:
    rows = await rows_of(workspace, kind, 2)
    nowhere = there.client.taskrouter.workspace(f"WS{'0' * 32}")
    with pytest.raises(NotFoundError):
        await ends(getattr(nowhere, kind).upsert_many(rows))


async def test_a_configuration_is_the_same_however_it_is_written(
    there: Bench, workspace: WorkspaceContext
) -> None:
    (queue,) = await workspace.task_queues.list(limit=1).all()
    target = {"queue": queue.sid, "priority": "5"}
    document = {
        "task_routing": {
            "filters": [{"expression": "1==1", "targets": [target]}],
            "default_filter": {"queue": queue.sid},
        }
    }
    await workspace.workflows.create(friendly_name="By skill", configuration=document)
    writes = posts(there)
    rows = [
        {
            "friendly_name": "By skill",
            "configuration": WorkflowConfiguration.from_document(document),
        }
    ]
    assert kinds_of(await ends(workspace.workflows.upsert_many(rows))) == {Unchanged: 1}
    assert posts(there) == writes


async def test_settle_is_checked_at_the_call(workers: Workers) -> None:
    with pytest.raises(ValueError, match="settle: must be a number above 0"):
        workers.upsert_many([], settle=-1)
