"""Every state that a row can come to, whatever becomes of network, service and machine.

Giving a row up is no part of the model: it would be an end that is in reach from everywhere.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import pytest

LATEST = 1  # how long after the client gave it up a request may still be executed
LAG = 2  # how long a task stays out of the listing, unless that is overdue

Entry = Literal["pending", "in flight", "unconfirmed", "created", "rejected"]
Phase = Literal[
    "down", "started", "claimed", "sent", "executed", "ambiguous", "returned",
    "unconfirmed", "created", "rejected",
]  # fmt: skip
Wrong = Literal["two tasks", "created, none there", "rejected, one there", "end undone", "stuck"]

ENDS: frozenset[Entry] = frozenset({"created", "rejected"})
WRITTEN: dict[Phase, Entry] = {
    "returned": "pending",
    "unconfirmed": "unconfirmed",
    "created": "created",
    "rejected": "rejected",
}
FAULTS = frozenset(
    {
        "crashes", "gives up waiting", "loses the answer", "reads 201 and no SID", "is throttled",
        "is refused with all others", "late request executed", "task removed", "listing overdue",
    }
)  # fmt: skip


class Rules(NamedTuple):
    workers: int = 1
    locked: bool = True
    intent: bool = True
    wait: int = LATEST + LAG
    control_from: int | None = LATEST + 1
    events: bool = True
    sends_again: bool = True
    after_silence: Phase = "ambiguous"
    after_201_without_sid: Phase = "unconfirmed"
    listing_may_be_overdue: bool = True


class Worker(NamedTuple):
    phase: Phase = "down"
    waited: int = 0
    tasks_before_control: int | None = None


class Task(NamedTuple):
    unlisted_for: int | None = 0
    removed: bool = False


class State(NamedTuple):
    workers: tuple[Worker, ...]
    journal: Entry = "pending"
    late: tuple[int, ...] = ()
    tasks: tuple[Task, ...] = ()

    def turn(self, number: int, worker: Worker) -> "State":
        return self._replace(workers=(*self.workers[:number], worker, *self.workers[number + 1 :]))

    def one_more_late(self) -> "State":
        # Two are enough to go wrong with, and without a limit the search would never end.
        return self._replace(late=(0, *self.late)[:2])


class Search(NamedTuple):
    states: int
    actions: set[str]
    wrongs: dict[Wrong, tuple[str, ...]]


def process(state: State, number: int, rules: Rules) -> Iterator[tuple[str, State]]:
    phase = state.workers[number].phase
    if phase != "down":
        after = state.turn(number, Worker())
        yield "crashes", after.one_more_late() if phase == "sent" else after
    elif state.journal not in ENDS and not (rules.locked and set(state.workers) != {Worker()}):
        if state.journal == "in flight":
            yield "starts", state.turn(number, Worker(rules.after_silence))
        else:
            known: Phase = "unconfirmed" if state.journal == "unconfirmed" else "started"
            yield "starts", state.turn(number, Worker(known))
    if phase == "started":
        after = state.turn(number, Worker("claimed"))
        yield "claims", after._replace(journal="in flight") if rules.intent else after
    elif phase in WRITTEN:
        after = state._replace(journal=WRITTEN[phase])
        yield "writes", after if phase == "unconfirmed" else after.turn(number, Worker())


def request(state: State, number: int, rules: Rules) -> Iterator[tuple[str, State]]:
    phase = state.workers[number].phase
    if phase == "claimed":
        yield "sends", state.turn(number, Worker("sent"))
    elif phase == "sent":
        executed = state.turn(number, Worker("executed"))
        yield "is executed", executed._replace(tasks=(*state.tasks, Task()))
        yield "gives up waiting", state.turn(number, Worker(rules.after_silence)).one_more_late()
        yield "is throttled", state.turn(number, Worker("claimed"))
        yield "is refused", state.turn(number, Worker("rejected"))
        yield "is refused with all others", state.turn(number, Worker("returned"))
    elif phase == "executed":
        yield "reads 201", state.turn(number, Worker("created"))
        yield "loses the answer", state.turn(number, Worker(rules.after_silence))
        yield "reads 201 and no SID", state.turn(number, Worker(rules.after_201_without_sid))


def lookup(state: State, number: int, rules: Rules) -> Iterator[tuple[str, State]]:
    phase, waited, before_control = state.workers[number]
    listed = [task for task in state.tasks if task.unlisted_for is None]
    if phase not in {"ambiguous", "unconfirmed"}:
        return
    if any(rules.events or not task.removed for task in listed):
        yield "finds it", state.turn(number, Worker("created"))
    elif phase == "ambiguous" and rules.sends_again and waited >= rules.wait:
        # Tasks are listed in the order in which they were made: none before the control is missing.
        needed = 0 if rules.control_from is None else before_control
        if needed is not None and needed <= len(listed):
            yield "finds it absent", state.turn(number, Worker("claimed"))
    if phase == "ambiguous" and rules.control_from is not None and waited >= rules.control_from:
        yield "has a control", state.turn(number, Worker(phase, waited, len(state.tasks)))


def service(state: State) -> Iterator[tuple[str, State]]:
    for place in range(len(state.late)):
        after = state._replace(late=state.late[:place] + state.late[place + 1 :])
        yield "late request lost", after
        yield "late request executed", after._replace(tasks=(*state.tasks, Task()))
    earlier_are_listed = True
    for place, task in enumerate(state.tasks):
        before, behind = state.tasks[:place], state.tasks[place + 1 :]
        removed = task._replace(removed=True)
        yield "task removed", state._replace(tasks=(*before, removed, *behind))
        if earlier_are_listed and task.unlisted_for is not None:
            listed = task._replace(unlisted_for=None)
            yield "task listed", state._replace(tasks=(*before, listed, *behind))
        earlier_are_listed &= task.unlisted_for is None


def older(task: Task, when_due: int | None) -> Task:
    if task.unlisted_for is None:
        return task
    age = task.unlisted_for + 1
    return task._replace(unlisted_for=age if age < LAG else when_due)


def time(state: State, rules: Rules) -> Iterator[tuple[str, State]]:
    if LATEST in state.late:
        return
    enough = max(rules.wait, rules.control_from or 0)
    after = state._replace(
        workers=tuple(
            worker._replace(waited=min(worker.waited + 1, enough))
            if worker.phase == "ambiguous"
            else worker
            for worker in state.workers
        ),
        late=tuple(age + 1 for age in state.late),
    )
    yield "time passes", after._replace(tasks=tuple(older(task, None) for task in state.tasks))
    if rules.listing_may_be_overdue:
        overdue = tuple(older(task, LAG) for task in state.tasks)
        yield "listing overdue", after._replace(tasks=overdue)


def steps(state: State, rules: Rules) -> Iterator[tuple[str, str, State]]:
    for number in range(rules.workers):
        for part in (process, request, lookup):
            for action, after in part(state, number, rules):
                yield f"worker {number} ", action, after
    for action, after in (*service(state), *time(state, rules)):
        yield "", action, after


def wrong(before: State, after: State) -> Wrong | None:
    if before.journal in ENDS and after.journal != before.journal:
        return "end undone"
    if len(after.tasks) > 1:
        return "two tasks"
    if after.journal == "created" and not after.tasks:
        return "created, none there"
    if after.journal == "rejected" and after.tasks:
        return "rejected, one there"
    return None


def reaching(ended: set[State], earlier: dict[State, list[State]]) -> set[State]:
    found, todo = set(ended), list(ended)
    while todo:
        new = set(earlier.get(todo.pop(), ())) - found
        found |= new
        todo += new
    return found


def search(rules: Rules, sought: Wrong | None = None) -> Search:
    start = State((Worker(),) * rules.workers)
    traces: dict[State, tuple[str, ...]] = {start: ()}
    wrongs: dict[Wrong, tuple[str, ...]] = {}
    actions: set[str] = set()
    ended: set[State] = set()
    faultless: dict[State, list[State]] = {}
    states = [start]
    for state in states:
        for actor, action, after in steps(state, rules):
            trace = (*traces[state], actor + action)
            actions.add(action)
            if found := wrong(state, after):
                wrongs.setdefault(found, trace)
                ended.add(state)
                if found == sought:
                    return Search(len(states), actions, wrongs)
                continue
            if action not in FAULTS:
                faultless.setdefault(after, []).append(state)
            if after not in traces:
                traces[after] = trace
                states.append(after)
    ended.update(state for state in states if state.journal in ENDS)
    ending = reaching(ended, faultless)
    for state in states:
        if state not in ending:
            wrongs.setdefault("stuck", traces[state])
    return Search(len(states), actions, wrongs)


@pytest.mark.parametrize(
    ("rules", "least"),
    [
        pytest.param(Rules(), 100, id="one worker"),
        pytest.param(Rules(workers=2), 180, id="two workers and a lock"),
        pytest.param(
            Rules(control_from=None, listing_may_be_overdue=False),
            70,
            id="no control where the listing is never overdue",
        ),
        pytest.param(Rules(wait=0), 90, id="no wait but for a control"),
    ],
)
def test_the_protocol_makes_no_row_twice_and_leaves_none_stuck(rules: Rules, least: int) -> None:
    found = search(rules)
    assert not found.wrongs
    assert found.states >= least


def test_every_fault_comes_about_in_the_model() -> None:
    assert search(Rules()).actions > FAULTS


@pytest.mark.parametrize(
    ("rules", "found", "length"),
    [
        pytest.param(Rules(intent=False), "two tasks", 9, id="no intent"),
        pytest.param(Rules(after_silence="claimed"), "two tasks", 7, id="blind retry"),
        pytest.param(Rules(after_silence="claimed"), "rejected, one there", 8, id="blind, refused"),
        pytest.param(Rules(after_silence="created"), "created, none there", 5, id="hopeful"),
        pytest.param(Rules(after_silence="rejected"), "rejected, one there", 6, id="no retry"),
        pytest.param(Rules(wait=0, control_from=0), "two tasks", 9, id="no wait"),
        pytest.param(
            Rules(wait=LATEST, control_from=None, listing_may_be_overdue=False),
            "two tasks",
            9,
            id="no wait for the listing",
        ),
        pytest.param(Rules(control_from=None), "two tasks", 11, id="no control"),
        pytest.param(Rules(control_from=0), "two tasks", 12, id="control older than the task"),
        pytest.param(Rules(events=False), "two tasks", 13, id="no look at events"),
        pytest.param(Rules(events=False), "stuck", 6, id="no look at events, no SID"),
        pytest.param(Rules(sends_again=False), "stuck", 3, id="absent is not sent again"),
        pytest.param(
            Rules(after_201_without_sid="claimed"), "two tasks", 7, id="201 without SID sent again"
        ),
        pytest.param(Rules(workers=2, locked=False), "two tasks", 8, id="no lock"),
        pytest.param(Rules(workers=2, locked=False), "end undone", 7, id="no lock, end undone"),
    ],
)
def test_with_any_of_its_safeguards_taken_out_the_protocol_goes_wrong(
    rules: Rules, found: Wrong, length: int
) -> None:
    wrongs = search(rules, found).wrongs
    assert found in wrongs, wrongs
    assert len(wrongs[found]) == length, "\n".join(wrongs[found])
