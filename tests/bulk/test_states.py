"""Any order of runs, faults, deaths and changes: each row keeps to what was ever said of it.

``BULK_EXAMPLES=200 BULK_STEPS=50`` in the environment makes more of it.
"""

import asyncio
import os
import sqlite3
from collections import Counter
from collections.abc import Coroutine
from contextlib import AsyncExitStack, closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeVar, get_args

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from aiotask import Created, Outcome, Rejected, Unresolved
from aiotask.bulk import read_summary
from aiotask.bulk.journal.records import State
from aiotask.bulk.keys import KEY_ATTRIBUTE, derived_key
from aiotask.sandbox import FaultKind
from aiotask.taskrouter import NewTask
from tests.bulk.bench import Bench, bench, look, number_of, states_of
from tests.virtual_time import VirtualTimeLoop

T = TypeVar("T")
RowKind = Literal["good", "never sent", "refused"]
Farewell = Literal["leaves", "is cancelled", "dies"]

# A run is over before it has looked three times for a row that it sees nothing of: by then the
# service has to show what there is, and here its lists may be frozen.
SETTLE = 0.15
LONGEST_RUN = 0.3
TIMEOUT = 0.1
LATE = SETTLE / 5
FINAL = frozenset({State.CREATED, State.REJECTED, State.UNRESOLVED})
NEXT = {
    State.UNDELIVERED: {State.UNDELIVERED, State.CREATED},
    State.ACCEPTED_WITHOUT_SID: set(State) - {State.PENDING, State.IN_FLIGHT, State.REJECTED},
}
WRONG: dict[RowKind, dict[str, Any]] = {
    "good": {},
    "never sent": {"priority": -1},
    "refused": {"task_channel": "nobody"},
}


class Creation(RuleBasedStateMachine):
    """A job that has all sorts of things happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self.stack = AsyncExitStack()
        folder = Path(self.stack.enter_context(TemporaryDirectory()))
        serving = bench(folder, late=LATE, patience=TIMEOUT)
        self.there: Bench = self.wait(self.stack.enter_async_context(serving))
        self.rows: list[NewTask] = []
        self.kinds: list[RowKind] = []
        self.told: dict[int, Outcome[NewTask]] = {}
        self.gone: dict[str, int] = {}
        self.states: dict[int, State] = {}
        self.well = True

    def wait(self, what: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(what)

    # What happens

    @rule(kinds=st.lists(st.sampled_from([*get_args(RowKind), "good", "good", "good"]), max_size=6))
    def rows_are_added(self, kinds: list[RowKind]) -> None:
        for kind in kinds:
            row: Any = {"attributes": {"n": len(self.rows)}} | WRONG[kind]
            self.rows.append(row)
            self.kinds.append(kind)

    @rule(most=st.integers(1, 8), farewell=st.sampled_from(get_args(Farewell)))
    def a_run_ends_before_its_time(self, most: int, farewell: Farewell) -> None:
        self.well = False
        self.wait(self._run(most, farewell))

    @rule()
    def a_run_goes_as_far_as_it_gets(self) -> None:
        self.well = False
        self.wait(self._run(1000, "leaves"))

    @rule(
        method=st.sampled_from(["POST", "POST", "POST", "GET"]),
        kinds=st.lists(st.sampled_from(get_args(FaultKind)), min_size=1, max_size=4),
    )
    def faults_are_ahead(self, method: str, kinds: list[FaultKind]) -> None:
        for kind in kinds:
            self.there.sandbox.faults.next(method, "/", kind)

    @rule(kind=st.none() | st.sampled_from(get_args(FaultKind)))
    def the_service_goes_down_or_comes_back(self, kind: FaultKind | None) -> None:
        self.there.sandbox.faults.outage = kind

    @rule()
    def lists_stand_still(self) -> None:
        self.there.sandbox.freeze_index()

    @rule()
    def lists_go_on(self) -> None:
        self.there.sandbox.thaw_index()

    @rule(which=st.lists(st.integers(0, 1000), min_size=1, max_size=4))
    def tasks_are_deleted(self, which: list[int]) -> None:
        faults = self.there.sandbox.faults
        outage, faults.outage = faults.outage, None
        for place in which:
            if sid := self._one(place):
                self.gone[sid] = self.there.row_of()[sid]
                self.wait(self.there.tasks.delete(sid))
        faults.outage = outage

    @rule(which=st.integers(0, 1000))
    def a_task_is_completed(self, which: int) -> None:
        if sid := self._one(which):
            self.there.sandbox.set_status(sid, "completed")

    def _one(self, which: int) -> str | None:
        # No precondition: what tasks there are at a time is never quite the same.
        tasks = [*self.there.row_of()]
        return tasks[which % len(tasks)] if tasks else None

    @rule()
    def what_is_completed_is_removed(self) -> None:
        rows = self.there.row_of()
        self.wait(self.there.sandbox.advance(seconds=400))
        left = self.there.row_of()
        self.gone |= {sid: number for sid, number in rows.items() if sid not in left}

    async def _run(self, most: int, farewell: Farewell) -> None:
        outcomes = self.there.job(self.rows, settle=SETTLE, max_in_flight=4)
        enough = asyncio.Event()

        async def hear() -> None:
            heard = 0
            async for outcome in outcomes:
                self._hear(outcome)
                heard += 1
                if heard == most:
                    enough.set()
                    if farewell == "leaves":
                        return

        hearing = asyncio.ensure_future(hear())
        waiting = asyncio.ensure_future(enough.wait())
        await asyncio.wait(
            {hearing, waiting}, timeout=LONGEST_RUN, return_when=asyncio.FIRST_COMPLETED
        )
        waiting.cancel()
        copy = self._copied() if farewell == "dies" and not hearing.done() else None
        if not hearing.done():
            hearing.cancel()
        with suppress(asyncio.CancelledError):
            await hearing
        await outcomes.aclose()
        if copy is not None:
            copy.replace(self.there.journal)

    def _copied(self) -> Path | None:
        """Return a copy of the journal as it would be found if the process died right now."""
        journal = self.there.journal
        if not journal.exists():
            return None
        copy = journal.with_name("copy")
        with closing(sqlite3.connect(journal)) as now, closing(sqlite3.connect(copy)) as kept:
            now.backup(kept)
        return copy

    def _hear(self, outcome: Outcome[NewTask]) -> None:
        number = number_of(outcome.row)
        before = self.told.setdefault(number, outcome)
        if isinstance(before, Unresolved):
            self.told[number] = outcome
        else:
            assert type(outcome) is type(before)
            if isinstance(before, Created) and isinstance(outcome, Created):
                assert outcome.sid == before.sid

    # What is always so

    @invariant()
    def all_is_well(self) -> None:
        self.well = False
        rows = self.there.row_of() | self.gone
        made = Counter(rows.values())
        assert set(made.values()) <= {1}, made
        for number, outcome in self.told.items():
            if isinstance(outcome, Created):
                assert rows[outcome.sid] == number
            elif isinstance(outcome, Rejected):
                assert not made[number]
                assert self.kinds[number] != "good"
        self._check_journal(rows, made)
        self.well = True

    def _check_journal(self, rows: dict[str, int], made: Counter[int]) -> None:
        journal = self.there.journal
        if not journal.exists():
            assert not made
            return
        states = states_of(journal)
        standing = read_summary(journal)
        assert [*states] == [*range(len(states))]
        assert standing.claimed == len(states) <= len(self.rows)
        assert not standing.running
        assert made.keys() <= states.keys()
        for number, before in self.states.items():
            assert states[number] in ({before} if before in FINAL else NEXT.get(before, set(State)))
        sids = dict(look(journal, "SELECT number - 1, sid FROM rows"))
        for number, state in states.items():
            if state in {State.CREATED, State.UNDELIVERED}:
                assert rows[sids[number]] == number
            if state in FINAL:
                assert number in self.told
            if state is State.REJECTED:
                assert not made[number]
        keys = [
            (
                msgspec.json.decode(task.attributes)["n"],
                msgspec.json.decode(task.attributes)[KEY_ATTRIBUTE],
            )
            for task in self.there.sandbox.tasks(self.there.workspace)
        ]
        assert all(key == derived_key(standing.job, number + 1) for number, key in keys)
        assert len({key for _, key in keys}) == len(keys)
        self.states = states

    def teardown(self) -> None:
        try:
            if self.well:
                self.wait(self._finish())
        finally:
            self.wait(self.stack.aclose())
            self.runner.close()

    async def _finish(self) -> None:
        sandbox = self.there.sandbox
        sandbox.faults.outage = None
        sandbox.thaw_index()
        async for outcome in self.there.job(self.rows, settle=SETTLE, max_in_flight=4):
            self._hear(outcome)
        self.all_is_well()
        kinds = {"good": Created, "never sent": Rejected, "refused": Rejected}
        wrong = {
            number: self.told.get(number)
            for number, kind in enumerate(self.kinds)
            if not isinstance(self.told.get(number), kinds[kind])
        }
        assert not wrong
        assert set(self.states.values()) <= {State.CREATED, State.REJECTED}
        sandbox.faults._scripted.clear()
        result = await self.there.tasks.audit(self.there.journal)
        assert result.in_order, result


TestCreation = Creation.TestCase
TestCreation.settings = settings(
    max_examples=int(os.environ.get("BULK_EXAMPLES", settings().max_examples // 2)),
    stateful_step_count=int(os.environ.get("BULK_STEPS", "12")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
