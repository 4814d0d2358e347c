"""The comparison after a job: its rows, its journal, its outcomes and the tasks of the service."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import attrs
import msgspec

from aiotask import Client
from aiotask.bulk import KEY_ATTRIBUTE, State, entries_of, read_summary
from aiotask.bulk.journal.records import Entry
from aiotask.bulk.keys import JOB_ATTRIBUTE
from aiotask.sandbox import Sandbox
from kill.driver import expected
from kill.plan import Job, Plan

_ENDS = {State.CREATED: "created", State.REJECTED: "rejected", State.UNRESOLVED: "unresolved"}
# What an audit cannot see, which knows the journal and the service.
_BEYOND_AUDIT = frozenset({"told otherwise", "never told", "wrongly reported", "unresolved"})


class Task(NamedTuple):
    """A task as the service has it."""

    sid: str
    number: int | None
    key: str | None
    job: str | None


class Comparison:
    """Holds rows, journal, outcomes and the service's tasks against each other.

    A row in *doubled* has as many tasks more as it names there.
    """

    def __init__(self, plan: Plan, job: Job, journal: Path, doubled: Counter[int]) -> None:
        self._plan = plan
        self._job = job
        self._journal = journal
        self._doubled = doubled
        self._twice: set[int | None] = set()

    def judge_all(self, tasks: Sequence[Task], outcomes: Path) -> None:
        """Note what is wrong with each row, and with the tasks of no row."""
        told: dict[int, list[tuple[str, str]]] = defaultdict(list)
        for line in outcomes.read_text(encoding="ascii").splitlines():
            row, kind, sid = line.split()
            told[int(row)].append((kind, sid))
        self._job.told = sum(map(len, told.values()))
        entries = {entry.number - 1: entry for entry in entries_of(self._journal)}
        there: dict[int | None, list[str]] = defaultdict(list)
        for task in tasks:
            there[task.number].append(task.sid)
        for number in range(self._plan.rows):
            self._judge(number, there[number], entries.get(number), told[number])
        self._find_foreign(tasks, entries)

    def _judge(
        self, number: int, sids: Sequence[str], entry: Entry | None, told: Sequence[tuple[str, str]]
    ) -> None:
        wrong = self._job.wrong
        case = f"row {number}: tasks {list(sids)}, told {list(told)}, journal {entry}"
        kind = None if entry is None else _ENDS.get(entry.state)
        if len(sids) > 1:
            self._twice.add(number + 1)
        if len(sids) > 1 + self._doubled[number]:
            wrong["twice"].append(case)
        if not sids and expected(number) == "created":
            wrong["lost"].append(case)
        if kind is None or entry is None:
            wrong["without an end"].append(case)
            return
        if kind == "unresolved":
            wrong["unresolved"].append(case)
        elif kind != expected(number) or (sids if kind == "rejected" else entry.sid not in sids):
            wrong["wrongly reported"].append(case)
        right = {(kind, entry.sid or "-")}
        if self._doubled[number]:  # a later run may have found the other one
            right |= {(kind, sid) for sid in sids}
        if not told:
            wrong["never told"].append(case)
        elif not set(told) <= right:
            wrong["told otherwise"].append(case)

    def _find_foreign(self, tasks: Sequence[Task], entries: Mapping[int, Entry]) -> None:
        job = read_summary(self._journal).job
        for task in tasks:
            entry = entries.get(-1 if task.number is None else task.number)
            if entry is None or task.key != entry.key or task.job != job:
                self._job.wrong["foreign"].append(str(task))

    async def audit(self, sandbox: Sandbox, workspace: str) -> None:
        """See whether the library's own recount comes to the same."""
        client = Client(sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url)
        async with client:
            found = await client.taskrouter.workspace(workspace).tasks.audit(self._journal)
        wrong = self._job.wrong.keys() - _BEYOND_AUDIT - {"twice"}
        else_in_order = attrs.evolve(found, twice=[]).in_order
        agrees = {finding.row for finding in found.twice} == self._twice
        agrees &= not (else_in_order and wrong) and (else_in_order or bool(self._job.wrong))
        if not agrees or (found.in_order and self._twice):
            self._job.wrong["audited otherwise"].append(str(found)[:1000])


def task_of(sid: str, text: str) -> Task:
    """Return a task of the service, with what its attributes say."""
    attributes = msgspec.json.decode(text)
    return Task(
        sid,
        attributes.get("number"),
        attributes.get(KEY_ATTRIBUTE),
        attributes.get(JOB_ATTRIBUTE),
    )
