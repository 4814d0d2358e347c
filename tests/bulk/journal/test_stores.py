"""Stores of journals: picked by scheme, each behind the same two protocols."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import pytest

from aiotask import bulk
from aiotask.bulk import Entry, JournalSummary, Keys, State, open_journal, read_summary
from aiotask.bulk import journal as journals
from aiotask.bulk.journal.records import Claim, End
from aiotask.bulk.journal.sqlite import SqliteJournal
from tests.bulk.bench import Bench, rows

WHERE = "memory://spring"
HELD: dict[str, "MemoryJournal"] = {}


@attrs.define
class MemoryJournal:
    """A journal in a dictionary: all that another store has to be."""

    where: str
    job: str = "job"
    started_at: float = 0.0
    claimed: int = 0
    service_time: float | None = None
    suspicion: str | None = None
    resumes: bool = False
    last_sent: float | None = None
    entries: dict[int, Entry] = attrs.field(factory=dict)
    about: tuple[str, str, Keys] | None = None

    def open(self, target: str, verb: str, keys: Keys) -> None:
        self.about = self.about or (target, verb, keys)
        self.claimed = len(self.entries)
        self.resumes = bool(self.entries)

    def commit(self, claims: Sequence[Claim], ends: Sequence[End]) -> None:
        for claim in claims:
            self.entries[claim.number] = Entry(*claim, None, None)
        for end in ends:
            known = self.entries[end.number]
            self.entries[end.number] = known._replace(state=end.state, sid=end.sid, error=end.error)

    def open_rows(self) -> list[Entry]:
        return [entry for entry in self.rows() if entry.state < State.CREATED]

    def existing_keys(self, keys: Sequence[str]) -> dict[str, int]:
        held = {entry.key: entry.number for entry in self.rows() if entry.key is not None}
        return {key: held[key] for key in keys if key in held}

    def fingerprints(self, after: int, most: int) -> list[int | None]:
        return [entry.fingerprint for entry in self.rows()][after : after + most]

    def rows(self) -> Iterator[Entry]:
        yield from [self.entries[number] for number in sorted(self.entries)]

    def summary(self) -> JournalSummary:
        assert self.about is not None
        target, verb, keys = self.about
        counts = dict.fromkeys(State, 0)
        for entry in self.rows():
            counts[entry.state] += 1
        return JournalSummary(
            job=self.job,
            target=target,
            verb=verb,
            key_attribute=keys.attribute,
            has_row_key=keys.row_key is not None,
            started_at=self.started_at,
            rows=counts,
            running=False,
        )

    def close(self) -> None:
        """Nothing is held."""


def held(where: str) -> MemoryJournal:
    return HELD.setdefault(where, MemoryJournal(where))


@pytest.fixture
def _memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(journals._STORES, "memory", journals._Store(held, held))
    yield
    HELD.clear()


@pytest.mark.usefixtures("_memory")
@pytest.mark.parametrize("row_key", [None, lambda row: f"n{row['attributes']['n']}"])
async def test_a_job_runs_resumes_and_is_audited_in_a_store_of_another_kind(
    there: Bench, row_key: object
) -> None:
    settings = {"journal": WHERE, "row_key": row_key}
    first = await there.some(rows(600), 50, **settings)
    assert read_summary(WHERE).created >= 50
    there.sandbox.faults.share = 0.1
    rest = await there.finish(rows(600), **settings)
    assert len(first) + len(rest) in {600, 601}  # the last one may be delivered again
    there.check(first + rest)
    assert there.made() == dict.fromkeys(range(600), 1)
    there.sandbox.faults.share = 0  # an audit is told of what it cannot read
    result = await there.tasks.audit(WHERE)
    assert result.in_order
    assert result.rows[State.CREATED] == 600


def test_a_path_is_one_of_sqlite(tmp_path: Path) -> None:
    for where in ("import.db", tmp_path / "import.db", "C:\\import.db", "dir/postgresql:import"):
        assert isinstance(open_journal(where), SqliteJournal)


async def test_an_unknown_scheme_is_refused_before_anything_is_sent(there: Bench) -> None:
    for use in (
        lambda: open_journal("mysql://db/aiotask"),
        lambda: read_summary("mysql://db/aiotask"),
        lambda: there.job(rows(3), journal="mysql://db/aiotask"),
    ):
        with pytest.raises(ValueError, match="journal: no journals are kept in mysql://"):
            use()
    assert not there.sent
    assert bulk.open_journal is journals.open_journal
