"""Upserts on a shared journal: workers that die, lost answers, names that come twice."""

import asyncio
import random
import signal
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from aiotask import Created, Rejected, SharedJournal, Unchanged, Updated
from aiotask._retry import WithheldError
from aiotask.bulk.item import Item
from aiotask.bulk.lease import Lease
from tests.bulk.bench import PATIENCE, SETTLE, Bench, bench
from tests.bulk.worker_program import TERMS, working

Rows = list[dict[str, Any]]


@pytest.fixture
def patience() -> float:
    return PATIENCE


def collection(there: Bench, kind: str = "workers") -> Any:
    return getattr(there.client.taskrouter.workspace(there.workspace), kind)


async def upsert(
    there: Bench, journal: SharedJournal | str, given: Rows, kind: str = "workers"
) -> list[Any]:
    outcomes: Any = collection(there, kind).upsert_many(
        given, journal=journal, job="people", settle=SETTLE
    )
    return [outcome async for outcome in outcomes]


def people(number: int) -> Rows:
    return [{"friendly_name": f"Ana {n}", "attributes": {"n": n}} for n in range(number)]


def activities(number: int) -> Rows:
    return [{"friendly_name": f"Activity {n}", "available": True} for n in range(number)]


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("kind", "given", "number"), [("workers", people, 120), ("activities", activities, 80)]
)
async def test_workers_that_are_killed_upsert_each_row_once(
    tmp_path: Path, url: str, kind: str, given: Any, number: int
) -> None:
    """Names of activities need not be unique, so that only waiting keeps them from coming twice."""
    chance = random.Random(5)
    slow: dict[str, Any] = {"faults": 0.1, "seed": 5, "latency": 0.05}
    async with bench(tmp_path, **slow) as there, AsyncExitStack() as stack:
        rows = given(number)
        there.sandbox.faults.share = 0
        if kind == "workers":
            for row in rows[::3]:
                await collection(there).create(friendly_name=row["friendly_name"])
        load = collection(there, kind).upsert_many(rows, journal=url, job="people", settle=SETTLE)
        await anext(load)
        await load.aclose()
        there.sandbox.faults.share = 0.1
        workers = [await stack.enter_async_context(working(there, url)) for _ in range(2)]
        sent = f"POST {kind.title()}"
        for _ in range(3):
            enough = there.sandbox.requests[sent] + 20
            while there.sandbox.requests[sent] < min(enough, number // 2):
                await asyncio.sleep(0.01)
            place = chance.randrange(2)
            workers[place].send(signal.SIGKILL)
            await workers[place].end()
            workers[place] = await stack.enter_async_context(working(there, url))
        async with SharedJournal(url, terms=TERMS) as journal:
            told = await upsert(there, journal, rows, kind)
        assert len(told) == number
        wrong = [each for each in told if not isinstance(each, Created | Updated | Unchanged)]
        assert not wrong
        there.sandbox.faults.share = 0
        shown = await collection(there, kind).list().all()
        names = Counter(each.friendly_name for each in shown)
        assert {names[row["friendly_name"]] for row in rows} == {1}
        by_sid = {each.sid: each.friendly_name for each in shown}
        assert all(by_sid[each.sid] == each.row["friendly_name"] for each in told)
        if kind == "workers":
            assert {each.friendly_name: each.attributes for each in shown} == {
                row["friendly_name"]: row["attributes"] for row in rows
            }


async def test_the_lost_answer_of_a_create_is_settled_by_its_name(there: Bench, url: str) -> None:
    there.sandbox.faults.next("POST", "/Workers", "after_500")
    (told,) = await upsert(there, url, people(1))
    assert isinstance(told, Created)
    (shown,) = await collection(there).list().all()
    assert shown.sid == told.sid


async def test_what_somebody_else_changes_in_between_is_kept(there: Bench, url: str) -> None:
    made = await collection(there).create(friendly_name="Ana 0")
    shown = await collection(there, "activities").list().all()
    available = next(each for each in shown if each.available)
    there.change_after_read(made.sid, b"ActivitySid=%b" % available.sid.encode())
    (told,) = await upsert(there, url, people(1))
    assert isinstance(told, Updated)
    after = await collection(there).fetch(made.sid)
    assert (after.attributes, after.activity_sid) == ({"n": 0}, available.sid)
    assert there.sandbox.answers[412] == 1


async def test_a_name_has_one_row_of_a_job(there: Bench, url: str) -> None:
    """The rows lie in several windows, which several workers may have."""
    again = {"friendly_name": "ANA 3", "attributes": {"n": "again"}}
    wrong: Any = {"friendly_name": 5}
    for _ in range(2):
        told = await upsert(there, url, [*people(100), again, wrong])
        refused = [str(each.error) for each in told if isinstance(each, Rejected)]
        assert sorted(refused) == [
            "friendly_name: 'ANA 3' is the name of row 4 already",
            "friendly_name: must be a str, not int",
        ]
        assert sum(isinstance(each, Created) for each in told) == 100


@pytest.mark.parametrize("known", [[], ["Ana"]])
async def test_nothing_is_written_for_a_row_whose_lease_is_over(
    there: Bench, known: list[str]
) -> None:
    for name in known:
        await collection(there).create(friendly_name=name)
    lease = Lease("job", 1, 1, 1, 0.0, lambda _: None)
    body = b"FriendlyName=Ana&Attributes=%7B%22n%22%3A1%7D"
    item = Item(1, None, None, body, None, None, lease=lease)
    with pytest.raises(WithheldError):
        await collection(there).upsert_of(SETTLE).send(item)
    posts = sum(n for name, n in there.sandbox.requests.items() if name.startswith("POST"))
    assert posts == len(known)
