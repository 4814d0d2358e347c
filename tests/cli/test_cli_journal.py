"""Imports with a journal: killed, interrupted and gone on with; each row becomes one task."""

import json
import os
import resource
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_rig import (
    LONG,
    Service,
    lines,
    meanwhile,
    numbers,
    run,
    service,
    standard_input,
    typed,
    wait_until,
)

SETTLE = ("--settle", "1", "--timeout", "1")
CSV = "attributes\n" + "".join(f'"{{""n"": {n}}}"\n' for n in range(1, 601))


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


class Job:
    """An import with a journal and results, all in one directory."""

    def __init__(self, folder: Path, rows: str = "", name: str = "rows.jsonl") -> None:
        self.file = folder / name
        self.file.write_text(rows)
        self.journal = folder / "rows.journal"
        self.results = folder / "results.jsonl"
        self.options = ["--journal", str(self.journal), "--results", str(self.results), *SETTLE]
        self.words = ["tasks", "import", str(self.file), *self.options]

    def told(self) -> list[dict[str, Any]]:
        """Return the results, which are those of all rows that have ended, in their order."""
        told = [json.loads(line) for line in self.results.read_text().splitlines()]
        assert [row["row"] for row in told] == sorted({row["row"] for row in told})
        return told

    def fates(self) -> Counter[str]:
        return Counter(row["outcome"] for row in self.told())


def show(job: Job) -> str:
    shown = run("journal", "show", str(job.journal))
    assert shown.exit_code == 0
    return shown.stdout


def fed(local: Service, job: Job, rows: str) -> "subprocess.Popen[bytes]":
    """Start an import from a pipe that stays open, and return when it has these rows."""
    running = local.spawn("tasks", "import", "-", *job.options, stdin=subprocess.PIPE)
    assert running.stdin is not None
    running.stdin.write(rows.encode())
    running.stdin.flush()
    return running


def ended(running: "subprocess.Popen[bytes]", number: signal.Signals) -> str:
    running.send_signal(number)
    running.wait(LONG)
    return running.communicate()[1].decode()


@pytest.mark.parametrize(("name", "rows"), [("rows.jsonl", lines(600)), ("rows.csv", CSV)])
def test_after_a_kill_the_same_command_again_makes_each_row_one_task(
    tmp_path: Path, name: str, rows: str
) -> None:
    job = Job(tmp_path, rows, name)
    with service(latency=0.01) as local:
        killed = local.spawn(*job.words)
        wait_until(lambda: len(local.tasks()) >= 50)
        killed.kill()
        killed.communicate(timeout=LONG)
        again = local.run(*job.words)
        assert again.exit_code == 0, again.stderr
        assert numbers(local) == Counter(range(1, 601))
        sids = {task.sid: json.loads(task.attributes)["aiotask_key"] for task in local.tasks()}
    assert again.stderr.startswith("going on with the job of ")
    assert "600 rows: 600 created, 0 rejected, 0 unresolved; " in again.stderr
    told = job.told()
    assert [(row["row"], row["outcome"]) for row in told] == [(n, "created") for n in range(1, 601)]
    assert {row["sid"]: row["key"] for row in told} == sids
    header = int(name == "rows.csv")
    assert [row["line"] for row in told] == [row["row"] + header for row in told]
    assert {path.name for path in tmp_path.iterdir()} <= {
        *(name, "results.jsonl"),
        *(f"rows.journal{end}" for end in ("", ".lock", "-wal", "-shm")),
    }


def test_a_pipe_that_is_killed_is_gone_on_with_by_the_same_rows(
    local: Service, tmp_path: Path
) -> None:
    job = Job(tmp_path)
    killed = fed(local, job, lines(3))
    wait_until(lambda: len(local.tasks()) == 3)
    ended(killed, signal.SIGKILL)
    with standard_input(lines(5).encode()):
        again = local.run("tasks", "import", "-", *job.options)
    assert again.exit_code == 0, again.stderr
    assert numbers(local) == Counter(range(1, 6))
    assert job.fates() == {"created": 5}


def test_after_an_interrupt_the_command_that_is_told_goes_on(tmp_path: Path) -> None:
    job = Job(tmp_path, "nonsense\n" + lines(399))
    with service(latency=0.02) as local:

        def interrupt() -> None:
            wait_until(lambda: len(local.tasks()) >= 20)
            os.kill(os.getpid(), signal.SIGINT)

        with meanwhile(interrupt):
            first = local.run(*job.words, "--max-in-flight", "10", "--allow-insecure")
        assert first.exit_code == 130
        assert "in doubt" not in first.stderr
        made = len(local.tasks())
        assert 20 <= made < 399
        assert job.fates() == {"created": made, "rejected": 1}
        assert job.told()[0]["error"].startswith("not JSON: ")
        command = first.stderr.rpartition("\nthe same command goes on: ")[2]
        assert command.startswith(f"aiotask tasks import {job.file} ")
        assert "--allow-insecure" in command
        second = typed(command, local)
        assert second.returncode == 1, second.stderr
        assert numbers(local) == Counter(range(1, 400))
    assert "400 rows: 399 created, 1 rejected, 0 unresolved; " in second.stderr
    assert job.fates() == {"created": 399, "rejected": 1}


def test_a_second_signal_ends_at_once_and_nothing_is_lost_by_that(
    local: Service, tmp_path: Path
) -> None:
    job = Job(tmp_path, lines(5))
    for kind in ("before_hang", "after_hang", "before_hang"):
        local.sandbox.faults.next("POST", "/Tasks", kind)
    running = local.spawn(*job.words, "--timeout", "60", "--max-in-flight", "3")
    assert running.stderr is not None
    wait_until(lambda: local.sandbox.injected.total() == 3)
    running.send_signal(signal.SIGINT)
    assert running.stderr.readline() == b"stopping: 3 rows are under way; again to end at once\n"
    told = ended(running, signal.SIGTERM)
    assert running.returncode == 130
    assert "nothing is lost by that" in told
    assert "3 rows are in doubt: the next run finds out what became of them\n" in told
    assert "the same command goes on: aiotask tasks import " in told
    assert job.told() == []
    assert local.run(*job.words).exit_code == 0
    assert numbers(local) == Counter(range(1, 6))


def test_rows_in_doubt_at_a_signal_are_found_by_the_next_run(
    local: Service, tmp_path: Path
) -> None:
    job = Job(tmp_path)
    local.sandbox.faults.next("POST", "/Tasks", "after_500")
    running = fed(local, job, lines(2))
    wait_until(lambda: "1 created, 0 rejected, 0 unresolved, 1 in doubt" in shown(job))
    told = ended(running, signal.SIGINT)
    assert running.returncode == 130
    assert "stopping: 0 rows are under way, 1 in doubt; again to end at once\n" in told
    assert "1 rows: 1 created, 0 rejected, 0 unresolved, 1 in doubt in " in told
    assert "the same command goes on: with the same input, aiotask tasks import - " in told
    with standard_input(lines(2).encode()):
        assert local.run("tasks", "import", "-", *job.options).exit_code == 0
    assert numbers(local) == Counter([1, 2])
    assert job.fates() == {"created": 2}


def shown(job: Job) -> str:
    """Return what is shown of a journal that may not be there yet."""
    return run("journal", "show", str(job.journal)).stdout


def test_a_job_that_is_done_sends_nothing_and_says_so(local: Service, tmp_path: Path) -> None:
    job = Job(tmp_path, lines(3))
    assert local.run(*job.words).exit_code == 0
    told, sent = job.told(), local.sandbox.requests.total()
    again = local.run(*job.words)
    assert again.exit_code == 0
    assert "nothing to do: all 3 rows were done already\n" in again.stderr
    assert (job.told(), local.sandbox.requests.total()) == (told, sent)
    job.file.write_text(lines(3) + "nonsense\n")
    assert local.run(*job.words).exit_code == 1
    assert local.run(*job.words).exit_code == 1
    assert job.fates() == {"created": 3, "rejected": 1}
    assert numbers(local) == Counter([1, 2, 3])


def test_a_journal_that_a_running_import_has_is_refused_at_once(
    local: Service, tmp_path: Path
) -> None:
    job = Job(tmp_path)
    running = fed(local, job, lines(2))
    wait_until(lambda: "2 rows: 2 created" in shown(job))
    assert "a run has it now\n" in show(job)
    began = time.monotonic()
    with standard_input(lines(2).encode()):
        second = local.run("tasks", "import", "-", *job.options)
    assert second.exit_code == 2
    assert time.monotonic() - began < 1
    assert f"Error: the journal {job.journal} is in use by another run; wait " in second.stderr
    assert not job.results.exists()
    ended(running, signal.SIGTERM)
    assert job.fates() == {"created": 2}
    assert "no row is open; should its input have more, what began it" in show(job)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (lines(1) + "{}\n" + lines(1), "was begun with another input: row 2 is not what it was"),
        (lines(2), "has 3 rows already, and the input has 2"),
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
    assert "rows that are corrected go into a file and a journal of their own\n" in result.stderr
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
        (foreign, "is no journal, but some other file; choose another --journal"),
        (empty, "is empty: whatever was in it is lost"),
        (other_database, "is no journal, but some other database"),
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
    assert local.sandbox.requests.total() == sent


def test_a_journal_of_another_workspace_is_refused(local: Service, tmp_path: Path) -> None:
    job = Job(tmp_path, lines(3))
    assert local.run(*job.words).exit_code == 0
    other = local.ask(lambda: local.sandbox.create_workspace("Sales"))
    place = ["--workspace", other, "--base-url", local.sandbox.url]
    result = run(*job.words, *place, **local.environment)
    assert result.exit_code == 2
    assert "is of another job: its tasks go to " in result.stderr


def test_wrong_credentials_stop_the_run_and_say_how_to_go_on(
    local: Service, tmp_path: Path
) -> None:
    job = Job(tmp_path, lines(3))
    stopped = local.run(*job.words, TWILIO_AUTH_TOKEN="wrong")
    assert stopped.exit_code == 1
    (line,) = (line for line in stopped.stderr.splitlines() if line.startswith("stopped: "))
    assert "(status 401, code 20003); once that is put right, go on by aiotask tasks import" in line
    assert "not finished, and no run has it; what began it goes on with it: " in show(job)
    assert local.run(*job.words).exit_code == 0
    assert numbers(local) == Counter([1, 2, 3])


@pytest.mark.parametrize("room", [50_000, 80_000])
def test_a_disk_that_fills_up_stops_the_run_and_there_is_a_way_on(
    local: Service, tmp_path: Path, room: int
) -> None:
    job = Job(tmp_path, lines(1000))
    limits = (resource.RLIMIT_FSIZE, (room, room))
    full = local.spawn(*job.words, preexec_fn=lambda: resource.setrlimit(*limits))
    told = full.communicate(timeout=LONG)[1].decode()
    assert full.returncode == 1, told
    assert f"stopped: the journal {job.journal} " in told
    assert "once that is put right, go on by aiotask tasks import" in told
    assert 0 < len(local.tasks()) < 1000
    assert local.run(*job.words).exit_code == 0
    assert numbers(local) == Counter(range(1, 1001))
    assert job.fates() == {"created": 1000}


def test_results_that_cannot_be_written_at_the_end_are_there_after_the_next_run(
    local: Service, tmp_path: Path
) -> None:
    job = Job(tmp_path)
    job.results = tmp_path / "results" / "results.jsonl"
    job.results.parent.mkdir()
    job.options += ["--results", str(job.results)]
    running = fed(local, job, lines(2))
    wait_until(lambda: len(local.tasks()) == 2)
    job.results.parent.rmdir()
    told = running.communicate(timeout=LONG)[1].decode()
    assert running.returncode == 1
    assert "results: No such file or directory\n" in told
    assert "the same command goes on: " in told
    job.results.parent.mkdir()
    with standard_input(lines(2).encode()):
        assert local.run("tasks", "import", "-", *job.options).exit_code == 0
    assert job.fates() == {"created": 2}


def test_results_on_standard_output_are_those_of_the_run(local: Service, tmp_path: Path) -> None:
    job = Job(tmp_path, lines(2))
    options = ["--journal", str(job.journal), "--results", "-"]
    words = ["tasks", "import", str(job.file), *options]
    assert len(local.run(*words).stdout.splitlines()) == 2
    job.file.write_text(lines(3))
    (line,) = local.run(*words).stdout.splitlines()
    assert json.loads(line)["row"] == 3


def test_a_journal_shows_its_last_failures(local: Service, tmp_path: Path) -> None:
    job = Job(tmp_path, "[]\n" + lines(2) + '{"priority": "\x1b"}\n' * 6)
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
        assert f"the journal {path} is " in result.stderr
    assert not list(tmp_path.iterdir())
