"""Rows in doubt: when they are looked for, what counts as an absence, and what becomes of them."""

import asyncio
import gc
import warnings
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest

import aiotask
from aiotask import Client, Created, Outcome, Rejected, Unresolved
from aiotask.bulk import KEY_ATTRIBUTE, Keys, Settings, State, read_summary, source_of
from aiotask.sandbox import FaultKind, Sandbox
from aiotask.taskrouter import NewTask, Tasks
from tests.virtual_time import LoopClock, until

pytestmark = pytest.mark.virtual_time

SETTLE = 60.0


@attrs.define
class Place:
    """A sandbox and a client that have one time."""

    sandbox: Sandbox
    client: Client
    clock: LoopClock
    workspace: str
    done: list[Outcome[NewTask]] = attrs.field(factory=list)

    @property
    def tasks(self) -> Tasks:
        return self.client.taskrouter.workspace(self.workspace).tasks

    def lose(self, *kinds: FaultKind) -> None:
        for kind in kinds:
            self.sandbox.faults.next("POST", "/Tasks", kind)

    async def create(self, rows: Any, **settings: Any) -> list[Outcome[NewTask]]:
        self.done = []
        async for outcome in self.tasks.create_many(rows, **{"settle": SETTLE} | settings):
            self.done.append(outcome)
        return self.done

    @property
    def held(self) -> Counter[int]:
        return Counter(
            msgspec.json.decode(task.attributes)["n"] for task in self.sandbox.tasks(self.workspace)
        )

    @property
    def creates(self) -> int:
        return self.sandbox.requests["POST Tasks"]


@asynccontextmanager
async def place(**settings: Any) -> AsyncIterator[Place]:
    clock = LoopClock()
    async with Sandbox(clock=clock, **settings) as sandbox:
        client = Client(
            sandbox.account_sid,
            sandbox.auth_token,
            base_url=sandbox.url,
            retry=clock.policy(),
            timeout=0.3,
        )
        async with client:
            yield Place(sandbox, client, clock, sandbox.create_workspace("x"))


def rows(count: int) -> list[NewTask]:
    return [{"attributes": {"n": n}} for n in range(count)]


LOST_BEFORE: list[FaultKind] = ["before_500", "before_502", "before_reset", "before_hang"]
LOST_AFTER: list[FaultKind] = ["after_503", "after_reset", "after_truncated", "after_empty"]


@pytest.mark.parametrize("kind", [*LOST_BEFORE, *LOST_AFTER, "after_no_sid", "after_not_json"])
async def test_a_lost_row_is_looked_for_when_it_has_settled_and_ends_as_one_task(
    kind: FaultKind,
) -> None:
    async with place() as here:
        began = here.clock()
        here.lose(kind)
        outcomes = await here.create(rows(5))
        assert [type(outcome) for outcome in outcomes] == [Created] * 5
        assert here.held == Counter(range(5))
        assert here.clock() - began >= SETTLE
        assert here.creates == 5 + kind.startswith("before")


async def test_nothing_is_sent_again_while_a_look_shows_an_older_state() -> None:
    async with place() as here:
        here.lose("after_500")
        here.sandbox.freeze_index()
        run = asyncio.ensure_future(here.create(rows(5)))
        await asyncio.sleep(5 * SETTLE)
        assert here.creates == 5
        assert not run.done()
        here.sandbox.thaw_index()
        assert [type(outcome) for outcome in await run] == [Created] * 5
        assert here.held == Counter(range(5))


@pytest.mark.parametrize("lag", [30, 150])
async def test_a_list_that_lags_costs_time_and_no_copy(lag: float) -> None:
    async with place(index_lag=lag) as here:
        here.lose("after_500", "before_500", "after_reset")
        await here.create(rows(20))
        assert {type(outcome) for outcome in here.done} == {Created}
        assert here.held == Counter(range(20))


@pytest.mark.parametrize(("kind", "waits"), [("before_500", 3), ("after_500", 1)])
async def test_the_only_row_there_is_is_looked_for_three_times(kind: FaultKind, waits: int) -> None:
    async with place() as here:
        here.lose(kind)
        await here.create(rows(1))
        assert [type(outcome) for outcome in here.done] == [Created]
        assert here.held == Counter(range(1))
        assert here.clock.passed >= SETTLE * waits
        lists = here.sandbox.requests["GET Tasks"]
        assert lists >= (2 * waits if kind == "before_500" else 1)


async def test_somebody_elses_task_is_a_control_too() -> None:
    async with place() as here:

        async def given() -> AsyncIterator[NewTask]:
            yield {"attributes": {"n": 0}}
            await until(lambda: here.creates >= 1)
            here.lose("before_500")
            yield {"attributes": {"n": 1}}

        async def others() -> None:
            await until(lambda: here.creates >= 2)
            await asyncio.sleep(1.05 * SETTLE)
            await here.tasks.create(attributes={"n": -1})

        others_too = asyncio.ensure_future(others())
        await here.create(given())
        await others_too
        assert here.held == Counter([-1, 0, 1])
        # One look by the key, one at the latest task; without that there were three of each.
        assert here.sandbox.requests["GET Tasks"] == 2


async def test_a_created_task_whose_sid_is_unknown_is_never_made_again() -> None:
    async with place() as here:
        here.lose("after_no_sid")
        run = asyncio.ensure_future(here.create(rows(3)))
        await until(lambda: len(here.done) >= 2)
        known = {outcome.sid for outcome in here.done if isinstance(outcome, Created)}
        (lost,) = {task.sid for task in here.sandbox.tasks(here.workspace)} - known
        await here.tasks.delete(lost)
        outcomes = await run
        assert Counter(map(type, outcomes)) == {Created: 3}
        assert here.creates == 3


async def test_a_task_that_has_ended_and_gone_is_found_in_the_events() -> None:
    async with place() as here:
        here.lose("after_500")
        run = asyncio.ensure_future(
            _collected(here.tasks.create_many(rows(2), settle=400.0), here.done)
        )
        await until(lambda: len(here.done) >= 1)
        known = {outcome.sid for outcome in here.done if isinstance(outcome, Created)}
        (lost,) = [t for t in here.sandbox.tasks(here.workspace) if t.sid not in known]
        await here.tasks.cancel(lost.sid, "gone before anybody looked")
        await run
        assert Counter(map(type, here.done)) == {Created: 2}
        assert lost.sid in {outcome.sid for outcome in here.done if isinstance(outcome, Created)}
        assert here.creates == 2


async def _collected(outcomes: AsyncIterator[Any], into: list[Any]) -> None:
    async for outcome in outcomes:
        into.append(outcome)


async def test_many_lost_rows_are_found_by_going_through_the_latest_tasks() -> None:
    async with place(faults=0.4, fault_kinds=["after_500"], seed=1) as here:
        outcomes = await here.create(rows(1000), max_in_flight=20)
        assert Counter(map(type, outcomes)) == {Created: 1000}
        assert here.held == Counter(range(1000))
        assert here.creates == 1000


async def test_an_outage_meets_few_rows_and_is_waited_out() -> None:
    async with place() as here:
        run = asyncio.ensure_future(here.create(rows(500), max_in_flight=10))
        await until(lambda: here.creates >= 100)
        here.sandbox.faults.outage = "before_503"
        before = here.creates
        await asyncio.sleep(300)
        assert here.creates - before < 60
        here.sandbox.faults.outage = None
        assert Counter(map(type, await run)) == {Created: 500}
        assert here.held == Counter(range(500))


async def test_an_outage_that_does_not_end_stops_the_run() -> None:
    async with place() as here:
        here.sandbox.faults.outage = "before_503"
        settings = Settings(keys=Keys(KEY_ATTRIBUTE), settle=1, max_in_flight=10, stall_timeout=300)
        run = here.tasks.creating(source_of(rows(30)), settings)
        with pytest.raises(aiotask.ServerError):
            await _collected(run.outcomes(), here.done)
        assert run.service_is_down
        assert here.held == Counter()
        assert {type(outcome) for outcome in here.done} == {Unresolved}


async def test_a_row_that_the_service_cannot_take_is_rejected_in_the_end() -> None:
    async with place() as here:
        for _ in range(1000):
            here.lose("before_500")
        (outcome,) = await here.create(rows(1), settle=1)
        assert isinstance(outcome, Rejected)
        assert isinstance(outcome.error, aiotask.ServerError)
        assert not outcome.error.maybe_applied
        assert here.held == Counter()


@pytest.mark.parametrize("journal", [False, True])
async def test_a_rotated_token_pauses_the_job_with_its_rows_untouched(
    tmp_path: Path, *, journal: bool
) -> None:
    async with place() as here:
        path = tmp_path / "import.db" if journal else None
        run = asyncio.ensure_future(here.create(rows(400), journal=path, max_in_flight=5))
        await until(lambda: here.creates >= 50)
        admission = here.sandbox._admission
        accepted, admission._accepted = admission._accepted, set()
        with pytest.raises(aiotask.AuthenticationError):
            await run
        assert {type(outcome) for outcome in here.done} == {Created}
        assert len(here.done) == here.held.total()
        admission._accepted = accepted
        if path is not None:
            standing = read_summary(path)
            assert standing.in_doubt == 0
            assert standing.rows[State.REJECTED] == 0
            told = here.done
            looks = here.sandbox.requests["GET Tasks"]
            await here.create(rows(400), journal=path, max_in_flight=5)
            # What was not sent, and the first new rows, are looked for by way of trial.
            assert here.sandbox.requests["GET Tasks"] - looks <= 2
            assert {type(outcome) for outcome in here.done} == {Created}
            assert len(told) + len(here.done) == 400
            assert here.held == Counter(range(400))


async def test_doubts_that_may_not_be_looked_at_stop_the_run(tmp_path: Path) -> None:
    async with place() as here:
        here.lose("after_500")
        path = tmp_path / "import.db"
        run = asyncio.ensure_future(here.create(rows(3), journal=path))
        await until(lambda: here.creates >= 3)
        admission = here.sandbox._admission
        accepted, admission._accepted = admission._accepted, set()
        with pytest.raises(aiotask.AuthenticationError):
            await run
        assert read_summary(path).in_doubt == 1
        admission._accepted = accepted
        await here.create(rows(3), journal=path)
        assert len(here.done) == 1
        assert here.held == Counter(range(3))


def crm(row: Any) -> Any:
    return row["attributes"]["crm"]


async def test_rows_can_be_named_by_their_owner(tmp_path: Path) -> None:
    async with place() as here:
        named: list[Any] = [
            {"attributes": {"n": 1, "crm": "C-1"}},
            {"attributes": {"n": 2, "crm": "C-2"}},
            {"attributes": {"n": 3, "crm": "C-1"}},
            {"attributes": {"n": 4, "crm": 'x" OR 1==1 OR "'}},
            {"attributes": {"n": 5}},
            {"attributes": {"n": 6, "crm": "C-6", "aiotask_key": "C-7"}},
        ]
        here.lose("after_500")
        path = tmp_path / "import.db"
        await here.create(named, row_key=crm, journal=path)
        created = {o.row["attributes"]["crm"] for o in here.done if isinstance(o, Created)}
        assert created == {"C-1", "C-2"}
        reasons = " ".join(str(o.error) for o in here.done if isinstance(o, Rejected))
        assert "'C-1' is the key of row 1 already" in reasons
        assert "row_key: must be 1 to 64 letters" in reasons
        assert "row_key: KeyError" in reasons
        assert "'aiotask_key' is set already" in reasons
        keys = {
            msgspec.json.decode(task.attributes)["aiotask_key"]
            for task in here.sandbox.tasks(here.workspace)
        }
        assert keys == {"C-1", "C-2"}

        more: list[Any] = [*named, {"attributes": {"n": 7, "crm": "C-2"}}]
        await here.create(more, row_key=crm, journal=path)
        (again,) = here.done
        assert isinstance(again, Rejected)
        assert "'C-2' is the key of row 2 already" in str(again.error)


async def test_the_key_can_be_an_attribute_that_is_there_already() -> None:
    async with place() as here:
        here.lose("after_500")
        given: Any = [
            {"attributes": {"n": 1, "crm": "C-1"}},
            {"attributes": {"n": 2, "crm": "C-2"}},
        ]
        await here.create(given, row_key=crm, key_attribute="crm")
        for task in here.sandbox.tasks(here.workspace):
            assert set(msgspec.json.decode(task.attributes)) == {
                "n",
                "crm",
                "aiotask_job",
                "aiotask_row",
            }
        assert here.held == Counter([1, 2])


async def test_what_a_key_costs_is_counted_before_anything_is_sent() -> None:
    async with place() as here:
        fits = 4096 - len(msgspec.json.encode({"n": 0, "text": ""}))
        await here.create([{"attributes": {"n": 0, "text": "x" * (fits - 100)}}])
        await here.create([{"attributes": {"n": 0, "text": "x" * (fits - 50)}}])
        (outcome,) = here.done
        assert isinstance(outcome, Rejected)
        assert "must have at most 4096 characters as JSON" in str(outcome.error)
        assert here.creates == 1


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"settle": 0}, "settle: must be a number above 0, not 0"),
        ({"settle": float("inf")}, "settle"),
        ({"max_rate": 0}, "max_rate: must be a number above 0, not 0"),
        ({"max_rate": float("nan")}, "max_rate"),
        ({"max_in_flight": True}, "max_in_flight: must be at least 1, not True"),
        ({"key_attribute": "crm-id"}, "key_attribute: must be a name of letters, digits and _"),
        ({"key_attribute": "aiotask_job"}, "key_attribute: aiotask_job is taken already"),
        ({"key_attribute": None, "row_key": crm}, "needs a key_attribute"),
    ],
)
def test_settings_that_cannot_be_are_value_errors_at_the_call(
    settings: dict[str, Any], told: str
) -> None:
    tasks = Client("AC" + "0" * 32, "token").taskrouter.workspace("WS" + "1" * 32).tasks
    with pytest.raises(ValueError, match=told):
        tasks.create_many([], **settings)


def test_a_row_key_is_a_function() -> None:
    tasks = Client("AC" + "0" * 32, "token").taskrouter.workspace("WS" + "1" * 32).tasks
    with pytest.raises(TypeError, match="row_key is a function of a row"):
        tasks.create_many([], row_key="crm")  # type: ignore[call-overload]  # what is wrong here


async def test_a_rate_of_the_callers_own_is_kept() -> None:
    async with place() as here:
        await here.create(rows(101), max_rate=2)
        assert here.clock.passed >= 49.9


async def test_the_last_row_waits_for_those_in_doubt_to_be_their_control() -> None:
    async with place() as here:
        here.lose("before_500")
        await here.create(rows(2), max_in_flight=1)
        assert here.held == Counter(range(2))
        # A single look was enough, so there was a control made late enough.
        assert here.sandbox.requests["GET Tasks"] == 1


async def test_an_audit_does_not_miss_what_lists_do_not_show_yet(tmp_path: Path) -> None:
    async with place(index_lag=10_000) as here:
        path = tmp_path / "import.db"
        await here.create(rows(5), journal=path)
        result = await here.tasks.audit(path)
        assert result.in_order
        assert result.found == 5
        (task, *_) = here.sandbox.tasks(here.workspace)
        await here.tasks.delete(task.sid)
        result = await here.tasks.audit(path)
        assert [finding.copies[0].sid for finding in result.missing] == [task.sid]


async def test_a_run_does_not_wait_for_a_control_that_somebody_has_deleted() -> None:
    async with place() as here:
        async with asyncio.timeout(50 * SETTLE):
            async for outcome in here.tasks.create_many(rows(4), settle=SETTLE, max_in_flight=1):
                here.done.append(outcome)
                if len(here.done) == 2:
                    here.lose("before_reset")
                if len(here.done) == 3:
                    assert isinstance(outcome, Created)
                    await here.tasks.delete(outcome.sid)
        assert all(isinstance(outcome, Created) for outcome in here.done)
        assert (len(here.done), here.held) == (4, Counter(range(3)))


async def test_a_run_that_is_left_at_its_first_outcome_leaves_no_coroutine(tmp_path: Path) -> None:
    async with place() as here:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(2):
                left = here.tasks.create_many(rows(9), journal=tmp_path / "import.db")
                async with aclosing(left) as outcomes:
                    await anext(outcomes)
                del left, outcomes
                gc.collect()
    assert [str(each.message) for each in caught] == []
