"""Audits of imports: the journal compared with the tasks."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aiotask import Client
from aiotask.bulk import KEY_ATTRIBUTE, Audit, Copy, Finding, Keys, State
from aiotask.bulk.journal.records import Claim, End
from aiotask.bulk.journal.sqlite import SqliteJournal
from aiotask.cli.commands.audit import report
from aiotask.taskrouter import Tasks
from tests.cli.commands import Service, lines, run, service


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


@pytest.fixture
def journal(local: Service, tmp_path: Path) -> Path:
    """Give the journal of an import of three rows, of which the last one is rejected."""
    file, journal = tmp_path / "rows.jsonl", tmp_path / "rows.journal"
    file.write_text(lines(2) + "nonsense\n")
    assert local.run("tasks", "import", str(file), "--journal", str(journal)).exit_code == 1
    return journal


def audited(local: Service, journal: Path, *options: str) -> tuple[int, list[str]]:
    result = local.run("tasks", "audit", "--journal", str(journal), *options)
    assert result.stderr == ""
    return result.exit_code, result.stdout.splitlines()


def attributes(local: Service, row: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(local.tasks()[row - 1].attributes)
    return found


def create(local: Service, **given: Any) -> str:
    words = ["tasks", "create", "--attributes", json.dumps(given)]
    return str(json.loads(local.run(*words).stdout)["sid"])


def claim(local: Service, journal: Path, state: State, sid: str | None) -> None:
    """Have a fourth row in the journal."""
    opened = SqliteJournal(journal)
    opened.open(f"/v1/Workspaces/{local.workspace}/Tasks", "tasks.create", Keys(KEY_ATTRIBUTE))
    end = End(state, sid, None, 4)
    opened.commit([Claim(4, State.IN_FLIGHT, None, 4, None, None)], [end])
    opened.close()


def test_an_import_that_is_in_order_is_said_to_be(local: Service, journal: Path) -> None:
    status, told = audited(local, journal)
    assert (status, told[:2]) == (0, ["rows: 3: 2 created, 1 rejected", "tasks: 2"])
    assert told[2].startswith("seen is every task that was created since 20")
    assert told[3:] == ["in order: every row is as the journal says"]


def test_a_task_that_has_ended_since_is_in_order(local: Service, journal: Path) -> None:
    assert local.run("tasks", "delete", local.tasks()[0].sid).exit_code == 0
    status, told = audited(local, journal)
    assert (status, told[1]) == (0, "tasks: 1, and 1 that only events tell of")


def test_what_was_created_and_is_nowhere_is_missing(local: Service, journal: Path) -> None:
    claim(local, journal, State.CREATED, "WT" + "0" * 32)
    status, told = audited(local, journal)
    assert status == 1
    assert told[2] == "missing: 1 (created according to the journal, but not found)"
    assert told[3].startswith("  row 4, key ")
    assert told[3].endswith(f", WT{'0' * 32}")
    assert told[-1] == "not in order"


def test_copies_are_told_and_canceled_where_that_is_asked_for(
    local: Service, journal: Path
) -> None:
    sid = local.tasks()[0].sid
    copy = create(local, **attributes(local, 1))
    status, told = audited(local, journal)
    assert (status, told[2]) == (1, "twice: 1 (rows with more than one task)")
    assert told[3].endswith(f", {sid}, {copy}")
    status, told = audited(local, journal, "--fix")
    assert status == 0
    assert told[3].endswith(f", {sid}, {copy} (canceled)")
    assert [task.assignment_status for task in local.tasks()] == ["pending", "pending", "canceled"]


def test_tasks_of_no_row_and_of_rejected_rows_are_told(local: Service, journal: Path) -> None:
    job = attributes(local, 1)["aiotask_job"]
    foreign = create(local, aiotask_job=job, aiotask_key="of-nobody")
    told = audited(local, journal)[1]
    assert told[2] == "foreign: 1 (tasks of the import that belong to no row)"
    assert told[3] == f"  key of-nobody, {foreign}"


def test_an_import_that_is_not_over_is_not_in_order(local: Service, journal: Path) -> None:
    claim(local, journal, State.PENDING, None)
    status, told = audited(local, journal)
    assert status == 1
    assert told[0] == "rows: 4: 1 waiting, 2 created, 1 rejected"
    assert told[2] == "1 rows are not finished: resume the import first"


def test_of_many_findings_the_first_ones_are_told() -> None:
    rows = dict.fromkeys(State, 0)
    unexpected = [Finding(n, f"k{n}", (Copy(f"WT{n}"),)) for n in range(1, 31)]
    told = [*report(Audit(rows, unexpected=unexpected))]
    assert told[:2] == ["rows: 0", "tasks: 0"]
    assert told[2] == "unexpected: 30 (tasks of rows that have none according to the journal)"
    assert told[3] == "  row 1, key k1, WT1"
    assert told[22] == "  row 20, key k20, WT20"
    no_events = "the service gives no events: seen is what is listed"
    assert told[23:] == ["  ... and 10 more", no_events, "not in order"]


def test_rows_of_every_state_are_told() -> None:
    told = next(report(Audit(dict.fromkeys(State, 1))))
    assert told.startswith("rows: 11: 1 waiting, 1 in doubt, ")
    assert told.endswith(", 1 existing already, 1 updated, 1 unchanged, 1 deleted")


def test_a_report_says_what_it_cannot_see() -> None:
    rows, date = dict.fromkeys(State, 0), datetime(2026, 11, 22, tzinfo=UTC)
    for since, seen in ((None, "the service gives no events"), (date, "seen is every task")):
        *_, reach, verdict = report(Audit(rows, seen_since=since, unseen=1000))
        assert reach.startswith(seen)
        assert reach.endswith("; 1,000 rows may have had other tasks before, which nothing shows")
        assert verdict == "not in order"


def test_a_row_with_another_task_than_the_journal_names_is_told(
    local: Service, journal: Path
) -> None:
    other = "WT" + "0" * 32
    sid = local.tasks()[0].sid
    with closing(sqlite3.connect(journal, isolation_level=None)) as connection:
        connection.execute("UPDATE rows SET sid = ? WHERE sid = ?", (other, sid))
    status, told = audited(local, journal)
    title = "wrong: 1 (rows with another task than the journal names, which stands first)"
    assert (status, told[2]) == (1, title)
    assert told[3].endswith(f", {other}, {sid}")


def test_a_journal_that_cannot_be_used_is_wrong_usage(local: Service, journal: Path) -> None:
    missing = local.run("tasks", "audit", "--journal", str(journal.with_name("missing")))
    assert (missing.exit_code, missing.stdout) == (2, "")
    assert "missing does not exist" in missing.stderr
    other = local.ask(lambda: local.sandbox.create_workspace("Sales"))
    options = ["--workspace", other, "--base-url", local.sandbox.url]
    foreign = run("tasks", "audit", "--journal", str(journal), *options, **local.environment)
    assert foreign.exit_code == 2
    assert "belongs to another job" in foreign.stderr


def test_what_the_service_refuses_is_no_audit(local: Service, journal: Path) -> None:
    result = local.run("tasks", "audit", "--journal", str(journal), TWILIO_AUTH_TOKEN="wrong")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "401" in result.stderr


def test_a_job_that_was_begun_by_other_code_without_keys_has_no_audit(
    local: Service, tmp_path: Path
) -> None:
    journal = tmp_path / "other.journal"

    async def made(tasks: Tasks) -> None:
        rows = tasks.create_many([{"priority": 1}], journal=journal, key_attribute=None)
        assert [outcome async for outcome in rows]

    async def begun() -> None:
        sandbox = local.sandbox
        async with Client(sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url) as client:
            await made(client.taskrouter.workspace(local.workspace).tasks)

    asyncio.run(begun())
    assert local.run("tasks", "audit", "--journal", str(journal)).exit_code == 2
    assert "\ntasks have no keys\n" in run("journal", "show", str(journal)).stdout
