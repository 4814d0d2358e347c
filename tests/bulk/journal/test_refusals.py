"""Files that are refused as a journal, and journals that are refused to another job."""

from pathlib import Path
from typing import Any

import pytest

from aiotask import ForeignJournalError, InputChangedError, JournalAccessError, JournalError, errors
from aiotask.taskrouter import NewTask
from tests.bulk.bench import Bench, files_of, number_of, rows
from tests.bulk.journal.written_journals import content, fill

pytestmark = pytest.mark.virtual_time


def changed(place: int) -> list[NewTask]:
    given = rows(300)
    given[place] = {"attributes": {"n": -1}}
    return given


@pytest.mark.parametrize(
    ("call", "kind", "why"),
    [
        ({"key_attribute": "other"}, ForeignJournalError, "begun with key_attribute='aiotask_key'"),
        ({"key_attribute": None}, ForeignJournalError, "begun with key_attribute='aiotask_key'"),
        ({"row_key": str}, ForeignJournalError, "was begun without a row_key"),
        ({"given": changed(0)}, InputChangedError, "row 1 has changed"),
        ({"given": changed(299)}, InputChangedError, "row 300 has changed"),
        ({"given": rows(299)}, InputChangedError, "has 300 rows, but the input has 299"),
        ({"given": []}, InputChangedError, "has 300 rows, but the input has 0"),
        ({"given": rows(301)[1:]}, InputChangedError, "row 1 has changed"),
    ],
)
async def test_a_journal_is_refused_to_another_job(
    there: Bench, call: dict[str, Any], kind: type[JournalError], why: str
) -> None:
    fill(there, 300)
    before, sent = content(there.journal.parent), there.sent
    with pytest.raises(JournalError, match=why) as caught:
        await there.finish(**{"given": rows(300)} | call)
    assert type(caught.value) is kind
    assert content(there.journal.parent) == before
    assert there.sent == sent


async def test_a_journal_with_row_keys_is_refused_without(there: Bench) -> None:
    await there.finish(rows(3), row_key=lambda row: f"row-{number_of(row)}")
    with pytest.raises(ForeignJournalError, match="was begun with a row_key"):
        await there.finish(rows(3))


async def test_a_journal_of_another_workspace_is_refused(there: Bench) -> None:
    await there.finish(rows(3))
    other = there.client.taskrouter.workspace(there.sandbox.create_workspace("Sales")).tasks
    before = content(there.journal.parent)
    with pytest.raises(ForeignJournalError, match="belongs to another job: it targets"):
        await anext(other.create_many(rows(3), journal=there.journal))
    with pytest.raises(ForeignJournalError, match="belongs to another job: it targets"):
        await other.audit(there.journal)
    assert content(there.journal.parent) == before


async def test_a_journal_in_a_directory_that_is_not_there_is_refused(
    there: Bench, tmp_path: Path
) -> None:
    with pytest.raises(JournalAccessError, match="there is no directory"):
        await there.finish(rows(3), journal=tmp_path / "none" / "journal")
    assert there.sent == 0


async def test_a_journal_may_lie_behind_a_link(there: Bench, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    there.journal.symlink_to(tmp_path / "elsewhere" / "real")
    assert len(await there.some(rows(100), 10)) == 10
    assert there.journal.is_symlink()
    assert {file.name for file in files_of(tmp_path / "elsewhere" / "real")} == {
        "real",
        "real.lock",
        "real.mark",
    }
    await there.finish(rows(100))
    await there.check_all(100)


def test_an_error_names_its_journal_and_survives_pickling(path: Path) -> None:
    error = errors.JournalFullError("has no space left", str(path))
    assert str(error) == f"the journal {path} has no space left"
