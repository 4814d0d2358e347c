"""The comparison after a job of another verb: its rows, its journal, its outcomes, the service."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from aiotask.bulk import entries_of
from aiotask.bulk.journal.records import Entry
from aiotask.sandbox import Sandbox
from kill.memory import ENDS, Memory
from kill.others import CHANGED_BY_OTHERS, Others
from kill.plan import Job, Plan
from kill.verbs import WORKS, Shown, is_wrong

_DONE = {"created", "updated", "unchanged", "deleted"}


class ChangesComparison:
    """Holds rows, journal, outcomes and the service against each other.

    A row that is told twice may be told otherwise the second time, as something that is done: what
    was created is unchanged then, and what was canceled is gone.
    """

    def __init__(
        self, plan: Plan, job: Job, others: Others, memory: Memory, sids: Sequence[str]
    ) -> None:
        self._plan = plan
        self._wrong = job.wrong
        self._job = job
        self._work = WORKS[plan.verb]
        self._others = others
        self._sids = sids
        self._memory = memory

    def judge_all(self, journal: Path, outcomes: Path, sandbox: Sandbox) -> None:
        """Note what is wrong with each row."""
        told: dict[int, list[tuple[str, str]]] = defaultdict(list)
        for line in outcomes.read_text(encoding="ascii").splitlines():
            row, kind, sid = line.split()
            told[int(row)].append((kind, sid))
        self._job.told = sum(map(len, told.values()))
        entries = {entry.number - 1: entry for entry in entries_of(journal)}
        shown: dict[int, list[Shown]] = defaultdict(list)
        row_of = self._work.numbers(sandbox, self._sids)
        for each in self._work.shown(sandbox):
            shown[row_of[each["sid"]]].append(each)
        for number in range(self._plan.rows):
            self._judge(number, shown[number], entries.get(number), told[number])
        for kind, numbers in (
            ("sent again after its end", self._others.again),
            ("written over", self._others.written_over),
        ):
            self._wrong[kind] += [f"row {number}" for number in numbers]
        for kind in [kind for kind, found in self._wrong.items() if not found]:
            del self._wrong[kind]

    def _judge(
        self,
        number: int,
        shown: Sequence[Shown],
        entry: Entry | None,
        told: Sequence[tuple[str, str]],
    ) -> None:
        others, wrong = self._others, self._wrong
        case = (
            f"row {number}: told {list(told)}, journal {entry}, applied {others.applied[number]}, "
            f"created {others.created[number]}, shown {list(shown)}, {others.met[number]}"
        )
        # What others have removed is created again by a run that does not know of the one before.
        again = others.created[number] > 1 and "removed by others" not in others.met[number]
        if again or len(shown) > 1:
            wrong["twice"].append(case)
        if self._is_lost(number, shown):
            wrong["lost"].append(case)
        if number in others.changed and any(
            each["attributes"] != CHANGED_BY_OTHERS for each in shown
        ):
            wrong["undone"].append(case)
        if not told:
            wrong["never told"].append(case)
        for kind in {kind for kind, _ in told}:
            if kind == "unresolved" and not self._may_be_unknown(number, shown):
                wrong["unresolved"].append(case)
            elif not self._is_true(kind, number, shown, told):
                wrong["wrongly reported"].append(case)
        end = None if entry is None else ENDS.get(entry.state)
        if end is None or entry is None:
            wrong["without an end"].append(case)
            return
        ends = {(_class(kind), sid) for kind, sid in told}
        right = (_class(end), entry.sid or "-")
        # A run that does not know of the one before may find that what it is about is gone.
        changes = self._has_met(number) or self._may_be_unknown(number, shown)
        if right not in ends if changes else ends - {right}:
            wrong["told otherwise"].append(case)

    def _has_met(self, number: int) -> bool:
        return bool(self._others.met[number])

    def _is_lost(self, number: int, shown: Sequence[Shown]) -> bool:
        others, work = self._others, self._work
        if self._has_met(number) or work.is_refused(number) or number in others.last:
            return False
        if shown:
            return not work.is_so(number, shown[0])
        return not others.applied[number]  # what has ended is gone some time after

    def _may_be_unknown(self, number: int, shown: Sequence[Shown]) -> bool:
        """Whether nothing can tell what became of a row: what it is about is gone, or over."""
        is_update = self._plan.verb.startswith("update")
        is_over = not shown or "ended by others" in self._others.met[number]
        return is_update and is_over and not is_wrong(number)

    def _is_true(
        self, kind: str, number: int, shown: Sequence[Shown], told: Sequence[tuple[str, str]]
    ) -> bool:
        """Whether an outcome says what is so."""
        others, memory, by_name = self._others, self._memory, self._work.by_name
        sent = others.applied[number] + others.created[number]
        is_met = self._has_met(number)
        may_be_done = not self._work.is_refused(number)
        # Without a word of the request that made it so, a later run finds that it is so.
        is_first = told[0][0] == kind
        may_be_sent = by_name and number in memory.doubtful
        is_forgotten = by_name and number in memory.forgotten
        return {
            "unresolved": True,
            "rejected": not sent and (is_met or not may_be_done),
            "deleted": not shown,
            "created": may_be_done and (is_met or others.created[number] > 0),
            # That it is so already does not tell whether a run that was killed has sent it ...
            "updated": may_be_done and (is_met or sent > 0 or may_be_sent),
            # ... nor that one did of which the journal has lost what it knew.
            "unchanged": may_be_done and (is_met or is_forgotten or not (sent and is_first)),
        }[kind]


def _class(kind: str) -> str:
    return "done" if kind in _DONE else kind
