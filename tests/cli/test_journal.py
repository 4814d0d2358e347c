"""Imports with a journal: killed, interrupted and resumed; each row becomes one task."""

import json
import os
import resource
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import (
    LONG,
    Service,
    lines,
    meanwhile,
    numbers,
    service,
    standard_input,
    typed,
    wait_until,
)
from tests.cli.jobs import Job, ended, fed, show, shown

CSV = "attributes\n" + "".join(f'"{{""n"": {n}}}"\n' for n in range(1, 601))


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


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
    assert again.stderr.startswith("resuming the job of ")
    assert "600 rows: 600 created, 0 rejected, 0 unresolved; " in again.stderr
    told = job.told()
    assert [(row["row"], row["outcome"]) for row in told] == [(n, "created") for n in range(1, 601)]
    assert {row["sid"]: row["key"] for row in told} == sids
    header = int(name == "rows.csv")
    assert [row["line"] for row in told] == [row["row"] + header for row in told]
    assert {path.name for path in tmp_path.iterdir()} <= {
        *(name, "results.jsonl"),
        *(f"rows.journal{end}" for end in ("", ".lock", ".mark", "-wal", "-shm")),
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
        command = first.stderr.rpartition("\nresume with: ")[2]
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
    stopping = b"stopping: 3 rows are under way; interrupt again to end at once\n"
    assert running.stderr.readline() == stopping
    told = ended(running, signal.SIGTERM)
    assert running.returncode == 130
    assert "nothing is lost: " in told
    assert "3 rows are in doubt: the next run settles them\n" in told
    assert "resume with: aiotask tasks import " in told
    assert job.told() == []
    assert local.run(*job.words).exit_code == 0
    assert numbers(local) == Counter(range(1, 6))


def test_two_signals_in_a_row_end_at_once(local: Service, tmp_path: Path) -> None:
    job = Job(tmp_path, lines(5))
    for _ in range(3):
        local.sandbox.faults.next("POST", "/Tasks", "before_hang")

    def interrupt() -> None:
        wait_until(lambda: local.sandbox.injected.total() == 3)
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)

    with meanwhile(interrupt):
        cut = local.run(*job.words, "--timeout", "60", "--max-in-flight", "3")
    assert cut.exit_code == 130
    assert "nothing is lost: " in cut.stderr
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
    assert "stopping: 0 rows are under way, 1 in doubt; interrupt again to end at once\n" in told
    assert "1 rows: 1 created, 0 rejected, 0 unresolved, 1 in doubt in " in told
    assert "resume with the same input: aiotask tasks import - " in told
    with standard_input(lines(2).encode()):
        assert local.run("tasks", "import", "-", *job.options).exit_code == 0
    assert numbers(local) == Counter([1, 2])
    assert job.fates() == {"created": 2}


def test_a_job_that_is_done_sends_nothing_and_says_so(local: Service, tmp_path: Path) -> None:
    job = Job(tmp_path, lines(3))
    assert local.run(*job.words).exit_code == 0
    told, sent = job.told(), local.sandbox.requests.total()
    again = local.run(*job.words)
    assert again.exit_code == 0
    assert "nothing to do: all 3 rows are done\n" in again.stderr
    assert (job.told(), local.sandbox.requests.total()) == (told, sent)
    job.file.write_text(lines(3) + "nonsense\n")
    assert local.run(*job.words).exit_code == 1
    assert local.run(*job.words).exit_code == 1
    assert job.fates() == {"created": 3, "rejected": 1}
    assert numbers(local) == Counter([1, 2, 3])


def test_wrong_credentials_stop_the_run_and_say_how_to_go_on(
    local: Service, tmp_path: Path
) -> None:
    job = Job(tmp_path, lines(3))
    stopped = local.run(*job.words, TWILIO_AUTH_TOKEN="wrong")
    assert stopped.exit_code == 1
    (line,) = (line for line in stopped.stderr.splitlines() if line.startswith("stopped: "))
    assert "(status 401, code 20003)" in line
    assert "fix that, then resume with: aiotask tasks import " in stopped.stderr
    assert "not finished, and no run has it; resume with: " in show(job)
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
    assert "fix that, then resume with: aiotask tasks import" in told
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
    assert "resume with the same input: aiotask tasks import - " in told
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


def test_look_first_looks_for_the_rows_of_a_journal_that_is_in_doubt(
    local: Service, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job = Job(tmp_path, lines(20))
    assert local.run(*job.words).exit_code == 0
    job.file.write_text(lines(40))
    again = local.run(*job.words, "--look-first")
    assert again.exit_code == 0, again.stderr
    assert "it was to be looked first" in caplog.text
    assert numbers(local) == Counter(range(1, 41))
    refused = local.run("tasks", "import", str(job.file), "--look-first")
    assert refused.exit_code == 2
    assert "--look-first: there is no --journal to doubt" in refused.stderr
