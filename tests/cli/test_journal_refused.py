"""Journals that an import refuses, and ``journal show``."""

import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import (
    Service,
    lines,
    run,
    service,
    standard_input,
    wait_until,
)
from tests.cli.jobs import Job, ended, fed, show, shown


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


def test_a_journal_that_a_running_import_has_is_refused_at_once(
    local: Service, tmp_path: Path
) -> None:
    job = Job(tmp_path)
    running = fed(local, job, lines(2))
    wait_until(lambda: "2 rows: 2 created" in shown(job))
    assert "a run has it now\n" in show(job)
    with standard_input(lines(2).encode()):
        second = local.run("tasks", "import", "-", *job.options)
    assert second.exit_code == 2
    assert f"Error: the journal {job.journal} is in use by another run; wait " in second.stderr
    assert not job.results.exists()
    ended(running, signal.SIGTERM)
    assert job.fates() == {"created": 2}
    assert "complete; to import more rows: " in show(job)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (lines(1) + "{}\n" + lines(1), "was begun with another input: row 2 has changed"),
        (lines(2), "has 3 rows, but the input has 2"),
    ],
)
def test_an_input_that_changed_is_refused_and_nothing_is_sent(
    local: Service, tmp_path: Path, rows: str, reason: str
) -> None:
    job = Job(tmp_path, lines(3))
    assert local.run(*job.words).exit_code == 0
    told, sent = job.told(), local.sandbox.requests.total()
    job.file.write_text(rows)
    result = local.run(*job.words)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert "put corrected rows in a new file with its own --journal\n" in result.stderr
    assert "resuming" not in result.stderr
    assert (job.told(), local.sandbox.requests.total()) == (told, sent)


def test_other_line_ends_and_other_quotes_are_no_other_input(
    local: Service, tmp_path: Path
) -> None:
    job = Job(tmp_path, 'priority,attributes\n1,"{}"\n2,"{}"', "rows.csv")
    assert local.run(*job.words).exit_code == 0
    job.file.write_bytes(b'priority,attributes\r\n1,{}\r\n"2",{}\r\n')
    assert local.run(*job.words).exit_code == 0
    job.file.write_bytes(b"timeout,attributes\r\n1,{}\r\n2,{}\r\n")
    assert local.run(*job.words).exit_code == 2


def foreign(journal: Path, _: Job) -> None:
    journal.write_text("Dear diary, " * 100)


def empty(journal: Path, _: Job) -> None:
    journal.write_text("")


def other_database(journal: Path, _: Job) -> None:
    connection = sqlite3.connect(journal)
    connection.execute("CREATE TABLE t (a)")
    connection.close()


def newer(journal: Path, _: Job) -> None:
    connection = sqlite3.connect(journal)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def damaged(journal: Path, _: Job) -> None:
    content = bytearray(journal.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    journal.write_bytes(content)


def read_only(journal: Path, _: Job) -> None:
    journal.chmod(0o400)


def directory(journal: Path, _: Job) -> None:
    journal.unlink()
    journal.mkdir()


def nowhere(_: Path, job: Job) -> None:
    job.words += ["--journal", str(job.journal / "in" / "it")]


def of_another_key(_: Path, job: Job) -> None:
    job.words += ["--key-attribute", "ticket"]


def the_input(_: Path, job: Job) -> None:
    job.words += ["--journal", str(job.file)]


def the_results(journal: Path, job: Job) -> None:
    link = journal.with_name("link")
    link.symlink_to(job.results)
    job.words += ["--journal", str(link)]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (foreign, "is not an aiotask journal; choose another --journal"),
        (empty, "is empty: its contents are lost"),
        (other_database, "is not an aiotask journal, but some other database"),
        (newer, "was made by a newer aiotask"),
        (damaged, "is damaged"),
        (read_only, "is read-only"),
        (directory, "is no file"),
        (nowhere, "there is no directory"),
        (of_another_key, "was begun with key_attribute='aiotask_key', not 'ticket'"),
        (the_input, "that is the input"),
        (the_results, "that is the journal"),
    ],
)
def test_a_journal_that_cannot_be_used_is_wrong_usage_and_nothing_is_sent(
    local: Service, tmp_path: Path, spoil: Any, reason: str
) -> None:
    job = Job(tmp_path, lines(3))
    if spoil not in {foreign, empty, other_database}:
        assert local.run(*job.words).exit_code == 0
    sent = local.sandbox.requests.total()
    spoil(job.journal, job)
    result = local.run(*job.words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert reason in result.stderr
    assert result.stderr.rstrip().splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in result.stderr
    assert "resuming" not in result.stderr
    assert local.sandbox.requests.total() == sent


def test_a_journal_of_another_workspace_is_refused(local: Service, tmp_path: Path) -> None:
    job = Job(tmp_path, lines(3))
    assert local.run(*job.words).exit_code == 0
    other = local.ask(lambda: local.sandbox.create_workspace("Sales"))
    options = ["--workspace", other, "--base-url", local.sandbox.url]
    result = run(*job.words, *options, **local.environment)
    assert result.exit_code == 2
    assert "belongs to another job: it targets " in result.stderr


def test_a_journal_shows_its_last_failures(local: Service, tmp_path: Path) -> None:
    job = Job(tmp_path, "5\n" + lines(2) + '{"priority": "\x1b"}\n' * 6)
    assert local.run(*job.words, "--key-attribute", "ticket").exit_code == 1
    told = show(job).splitlines()
    assert told[0].startswith("job ")
    assert told[1].endswith(f"/Workspaces/{local.workspace}/Tasks")
    assert told[2] == "keys are in the attribute ticket"
    assert told[3] == "9 rows: 2 created, 7 rejected, 0 unresolved"
    assert [line.split()[1] for line in told[5:10]] == ["5", "6", "7", "8", "9"]
    assert "row 9 (line 9) rejected: not JSON: " in told[9]
    assert "\x1b" not in "".join(told)


def test_what_is_no_journal_is_not_shown(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        result = run("journal", "show", str(path))
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"Error: the journal {path} " in result.stderr
    assert not list(tmp_path.iterdir())
