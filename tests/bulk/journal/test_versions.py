"""Journals of earlier versions: they are opened, and their jobs go on."""

import shutil
from contextlib import closing
from pathlib import Path

from aiotask.bulk import State, read_summary
from aiotask.bulk.journal.sqlite import SqliteJournal
from tests.bulk.bench import KEYS, VERB, Bench, look, rows

# Made by aiotask 0.1.0 in a run of forty rows that was left after 25 outcomes: 22 are created, two
# rejected, two were created and not delivered, one answer was lost, 13 rows were not sent.
MADE_BY_0_1 = Path(__file__).with_name("journal_of_0_1.db")
JOB = "5197a1d32dcb2665"
TOO_LONG, NO_CHANNEL = 7, 11


def forty() -> list[dict[str, object]]:
    given: list[dict[str, object]] = [dict(row) for row in rows(40)]
    given[TOO_LONG] = {"attributes": {"n": TOO_LONG, "note": "x" * 5000}}
    given[NO_CHANNEL] |= {"task_channel": "nowhere"}
    return given


def journal_of_0_1(path: Path, target: str) -> None:
    """Put the journal at a path, for tasks of another workspace than it was made for."""
    shutil.copy(MADE_BY_0_1, path)
    look(path, "UPDATE meta SET value = ? WHERE name = 'target'", target)


async def test_a_job_that_0_1_began_is_resumed(there: Bench) -> None:
    journal_of_0_1(there.journal, there.path)
    before = read_summary(there.journal)
    assert (before.job, before.verb, before.claimed, before.running) == (JOB, VERB, 40, False)
    counted = [before.rows[state] for state in State]
    assert counted == [13, 1, 0, 2, 22, 2, 0, 0, 0, 0, 0]
    outcomes = await there.finish(forty(), settle=0.2)  # type: ignore[arg-type]  # plain dicts
    assert len(outcomes) == 16
    after = read_summary(there.journal)
    assert (after.created, after.rows[State.REJECTED], after.in_doubt) == (38, 2, 0)
    # What 0.1 created in a workspace that is not this one is not made here again.
    assert there.made().total() == 14


def test_it_is_opened_as_it_is_and_stays_of_its_version(tmp_path: Path) -> None:
    path = tmp_path / "import.db"
    journal_of_0_1(path, "/v1/Workspaces/WS1/Tasks")
    with closing(SqliteJournal(path)) as journal:
        journal.open("/v1/Workspaces/WS1/Tasks", VERB, KEYS)
        assert (journal.job, journal.claimed, len(journal.open_rows())) == (JOB, 40, 16)
    assert look(path, "PRAGMA user_version") == [(1,)]
