"""The comparison after a job of another verb: its rows, its journal, its outcomes, the service."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from aiotask.bulk import State, entries_of
from aiotask.sandbox import Sandbox
from kill.plan import Job, Plan
from kill.verbs import REFUSED, WORKS, WRONG

_DONE = {State.CREATED, State.UPDATED, State.UNCHANGED, State.DELETED}
_ENDS = {
    **dict.fromkeys(_DONE, "done"),
    State.REJECTED: "rejected",
    State.UNRESOLVED: "unresolved",
}


def compare(
    plan: Plan,
    job: Job,
    journal: Path,
    outcomes: Path,
    sandbox: Sandbox,
    sids: Sequence[str],
) -> None:
    """Note what is wrong with each row.

    A row that is told twice may be told otherwise the second time, as something that is done: what
    was created is unchanged then, and what was canceled is gone.
    """
    work, wrong = WORKS[plan.verb], job.wrong
    told: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for line in outcomes.read_text(encoding="ascii").splitlines():
        row, kind, sid = line.split()
        told[int(row)].append((kind, sid))
    job.told = sum(map(len, told.values()))
    entries = {entry.number - 1: entry for entry in entries_of(journal)}
    (workspace,) = sandbox.workspaces
    done = work.done(sandbox, workspace, sids)
    for number in range(plan.rows):
        entry = entries.get(number)
        case = f"row {number}: told {told[number]}, journal {entry}"
        refused = number % WRONG == WRONG - 1 or (work.refuses and number % REFUSED == REFUSED - 1)
        end = None if entry is None else _ENDS.get(entry.state)
        if not refused and number not in done:
            wrong["lost"].append(case)
        if end is None or entry is None:
            wrong["without an end"].append(case)
        elif end == "unresolved":
            wrong["unresolved"].append(case)
        elif end != ("rejected" if refused else "done") or (refused and number in done):
            wrong["wrongly reported"].append(case)
        elif not told[number]:
            wrong["never told"].append(case)
        elif set(told[number]) != {(end, entry.sid or "-")}:
            wrong["told otherwise"].append(case)
