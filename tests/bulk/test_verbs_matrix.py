"""Every kind of fault, at every request that the other verbs send: each row has its effect.

One sandbox and one loop have all cases of a test at once, each in a workspace of its own.
"""

from collections.abc import AsyncGenerator
from itertools import product
from typing import Any

import pytest

from aiotask import AnyOutcome, Client, Created, Deleted, Rejected, Unchanged, Updated
from aiotask.sandbox import FaultKind, Sandbox
from aiotask.taskrouter import Tasks
from tests.bulk.test_matrix import (
    ATTEMPTS,
    IN_FLIGHT,
    KINDS,
    LOST,
    SETTLE,
    Case,
    NewCase,
    at_once,
    case,
    client,
    sandbox,
)

__all__ = ["case", "client", "sandbox"]

pytestmark = pytest.mark.virtual_time

ROWS = 3
MORE_THAN_A_CALL = 2 * ATTEMPTS
METHOD = {"update": "POST", "cancel": "POST", "complete": "POST", "delete": "DELETE"}
Outcomes = AsyncGenerator[AnyOutcome[Any], None]


def begun(tasks: Tasks, verb: str, sids: list[str]) -> Outcomes:
    match verb:
        case "update":
            return tasks.update_many(
                [{"sid": sid, "priority": 7} for sid in sids], max_in_flight=IN_FLIGHT
            )
        case "cancel":
            return tasks.cancel_many(sids, "no longer needed", max_in_flight=IN_FLIGHT)
        case "complete":
            return tasks.complete_many(sids, "done", max_in_flight=IN_FLIGHT)
    return tasks.delete_many(sids, max_in_flight=IN_FLIGHT)


def met(case: Case, times: int) -> None:
    """See that there was a fault; after one that the service has acted before, there is no more."""
    faults = case.sandbox.faults
    left = [each for each in faults._scripted if case.sid in each.path]
    assert len(left) < times, case.name
    for each in left:
        faults._scripted.remove(each)


def shown(case: Case, verb: str) -> list[object]:
    stored = case.sandbox.tasks(case.sid)
    return [task.priority if verb == "update" else task.assignment_status for task in stored]


DONE: dict[str, list[object]] = {
    "update": [7] * ROWS,
    "cancel": ["canceled"] * ROWS,
    "complete": ["completed"] * ROWS,
    "delete": [],
}


async def filled(case: Case) -> list[str]:
    """Make tasks by a client that has patience: this is no part of what is tried."""
    sandbox = case.sandbox
    async with Client(sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url) as client:
        tasks = client.taskrouter.workspace(case.sid).tasks
        return [(await tasks.create()).sid for _ in range(ROWS)]


@pytest.mark.parametrize("verb", METHOD)
async def test_changes(case: NewCase, verb: str) -> None:
    async def act(case: Case, kind: FaultKind, times: int) -> None:
        sids = await filled(case)
        if verb == "complete":
            for sid in sids:
                case.sandbox.assign(sid)
        case.broken(METHOD[verb], f"Tasks/{sids[0]}", *[kind] * times)
        outcomes = [outcome async for outcome in begun(case.place.tasks, verb, sids)]
        effect = Deleted if verb == "delete" else Updated
        assert {type(outcome) for outcome in outcomes} == {effect}, (case.name, outcomes)
        assert shown(case, verb) == DONE[verb], case.name
        met(case, times)

    await at_once(act(case(*each), *each) for each in product(KINDS, (1, 2, 3)))


@pytest.mark.parametrize("verb", ["cancel", "complete"])
async def test_looks_after_a_refusal(case: NewCase, verb: str) -> None:
    """The first was ended before, the second cannot be."""

    async def act(case: Case, kind: FaultKind, times: int) -> None:
        first, second, third = sids = await filled(case)
        for sid in (second,) if verb == "cancel" else (first, third):
            case.sandbox.assign(sid)
        case.sandbox.set_status(first, "canceled" if verb == "cancel" else "completed")
        case.broken("GET", f"Tasks/{first}", *[kind] * times)
        case.broken("GET", f"Tasks/{second}", *[kind] * times)
        outcomes = {each.row: each async for each in begun(case.place.tasks, verb, sids)}
        told = [type(outcomes[sid]) for sid in sids]
        assert told == [Updated, Rejected, Updated], (case.name, outcomes)

    times = (1, MORE_THAN_A_CALL)
    await at_once(act(case(*each), *each) for each in product(KINDS, times))


async def test_looks_after_a_task_that_is_gone(case: NewCase) -> None:
    async def act(case: Case, kind: FaultKind, times: int) -> None:
        sids = await filled(case)
        case.broken("GET", "Tasks", *[kind] * times)
        gone = [f"WT{n:032x}" for n in range(2)]
        outcomes = [each async for each in begun(case.place.tasks, "cancel", [*gone, *sids])]
        told = {each.row: type(each) for each in outcomes}
        assert told == dict.fromkeys(gone, Deleted) | dict.fromkeys(sids, Updated), case.name

    times = (1, MORE_THAN_A_CALL)
    await at_once(act(case(*each), *each) for each in product(KINDS, times))


class Wanted:
    """Three workers: the first is to be made, the second changed, the third is so already."""

    rows: tuple[dict[str, Any], ...] = tuple(
        {"friendly_name": name, "attributes": {"of": name}} for name in ("Ana", "Bo", "Cy")
    )
    effects = (Created, Updated, Unchanged)

    def __init__(self, case: Case) -> None:
        self._case = case
        workers = case.sandbox
        self.bo = workers.create_worker(case.sid, "Bo", {"of": "else"}, "Offline")
        self.cy = workers.create_worker(case.sid, "Cy", {"of": "Cy"}, "Offline")

    async def check(self) -> None:
        workers = self._case.place.workers
        outcomes = {
            each.row["friendly_name"]: each
            async for each in workers.upsert_many(self.rows, settle=SETTLE, max_in_flight=IN_FLIGHT)
        }
        told = tuple(type(outcomes[row["friendly_name"]]) for row in self.rows)
        assert told == self.effects, (self._case.name, outcomes)

    @classmethod
    def see_all(cls, sandbox: Sandbox) -> None:
        """See that every workspace has these workers, once and as they were wanted."""
        wanted = [(row["friendly_name"], row["attributes"]) for row in cls.rows]
        for name, held in sandbox.snapshot().items():
            workers = [(each["friendly_name"], each["attributes"]) for each in held["workers"]]
            assert sorted(workers) == wanted, name


@pytest.mark.parametrize(
    ("method", "what"),
    [("GET", "Workers"), ("POST", "Workers"), ("GET", "Workers/Bo"), ("POST", "Workers/Bo")],
)
async def test_upserts(case: NewCase, sandbox: Sandbox, method: str, what: str) -> None:
    async def act(case: Case, kind: FaultKind, times: int) -> None:
        wanted = Wanted(case)
        case.broken(method, what.replace("Bo", wanted.bo), *[kind] * times)
        await wanted.check()
        met(case, times)

    times = (1, 2, MORE_THAN_A_CALL)
    await at_once(act(case(*each), *each) for each in product(KINDS, times))
    Wanted.see_all(sandbox)


@pytest.mark.parametrize("by_name", [True, False])
async def test_looks_after_a_create_that_is_lost(
    case: NewCase, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, *, by_name: bool
) -> None:
    if not by_name:
        monkeypatch.setattr("aiotask.taskrouter._upsert._BY_NAME", 0)

    async def act(case: Case, lost: FaultKind, kind: FaultKind) -> None:
        wanted = Wanted(case)
        case.broken("POST", "Workers", lost)
        case.broken("GET", "Workers", kind)
        await wanted.check()

    await at_once(act(case(*each), *each) for each in product(LOST, KINDS))
    Wanted.see_all(sandbox)


@pytest.mark.parametrize("kind", ["activities", "workflows"])
async def test_creates_of_what_may_be_there_twice_are_not_repeated_before_they_settle(
    case: NewCase, sandbox: Sandbox, kind: str
) -> None:
    cases = {case(*each): each for each in product(KINDS, (1, 2))}
    queues = {name: held["task_queues"][0]["sid"] for name, held in sandbox.snapshot().items()}

    async def act(case: Case, fault: FaultKind, times: int) -> None:
        document = {"task_routing": {"default_filter": {"queue": queues[case.name]}}}
        more = {"configuration": document} if kind == "workflows" else {}
        rows = [{"friendly_name": f"name {n}", **more} for n in range(2)]
        case.broken("POST", kind.capitalize(), *[fault] * times)
        outcomes = [each async for each in getattr(case.place, kind).upsert_many(rows, settle=1.0)]
        assert {type(each) for each in outcomes} == {Created}, (case.name, outcomes)

    await at_once(act(each, *about) for each, about in cases.items())
    for name, held in sandbox.snapshot().items():
        names = [each["friendly_name"] for each in held[kind]]
        made = sorted(name for name in names if name.startswith("name "))
        assert made == ["name 0", "name 1"], name
