"""Imports without a journal that end early, by errors and by signals, and how they resume."""

import asyncio
import gzip
import json
import os
import shlex
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from aiotask import Client
from aiotask.cli import main
from aiotask.cli.commands.import_ import import_
from aiotask.cli.commands.tasks import tasks
from aiotask.cli.importing.resume import same_command
from tests.cli.commands import (
    LONG,
    Service,
    lines,
    meanwhile,
    numbers,
    outcomes,
    run,
    service,
    standard_input,
    typed,
    wait_until,
)


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


def delete_workspace(local: Service) -> None:
    async def deleted() -> None:
        sandbox = local.sandbox
        async with Client(sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url) as client:
            await client.taskrouter.workspaces.delete(local.workspace)

    asyncio.run(deleted())


def test_wrong_credentials_stop_the_run_and_leave_every_row_untouched(
    local: Service, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("{}\n" * 3)
    result = local.run("tasks", "import", str(file), TWILIO_AUTH_TOKEN="wrong")
    assert result.exit_code == 1
    assert "stopped: " in result.stderr
    assert "status 401" in result.stderr
    assert "rows done: 0; not sent: all from line 1 on\n" in result.stderr
    assert local.tasks() == []


def test_a_service_that_is_not_there_stops_the_run(local: Service, nowhere: str) -> None:
    options = ["--workspace", local.workspace, "--base-url", nowhere]
    with standard_input(b"{}\n"):
        result = run("tasks", "import", "-", *options, **local.environment)
    assert result.exit_code == 1
    assert "rows done: 0; not sent: all from line 1 on\n" in result.stderr


def test_an_error_in_the_middle_says_what_is_done_and_what_is_not(
    local: Service, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)

    def write() -> None:
        with pipe.open("w") as into:
            into.write('attributes\n"{""n"": 2}"\n"{""n"": 3}"\n')
            into.flush()
            wait_until(lambda: len(local.tasks()) == 2)
            delete_workspace(local)
            into.write("{}\n{}\n")

    with meanwhile(write):
        result = local.run("tasks", "import", str(pipe))
    assert result.exit_code == 1
    assert "rows done: 2; not sent: all from line 4 on\n" in result.stderr


def test_an_input_that_breaks_is_told_and_what_was_read_goes_through(local: Service) -> None:
    kept, (leader, follower) = os.dup(0), os.openpty()
    os.dup2(leader, 0)  # reading a pseudo-terminal is an error when its other side is closed

    def write() -> None:
        os.write(follower, b'{"attributes": {"n": 1}}\n')
        wait_until(lambda: len(local.tasks()) == 1)
        os.close(follower)

    with meanwhile(write):
        result = local.run("tasks", "import", "-")
    os.dup2(kept, 0)
    os.close(kept)
    os.close(leader)
    assert result.exit_code == 2
    assert "stopped: " in result.stderr
    assert "Input/output error" in result.stderr
    assert "rows done: 1; not sent: all from line 2 on\n" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_rows_under_way_and_says_how_to_go_on(
    tmp_path: Path, number: signal.Signals
) -> None:
    file, results = tmp_path / "my rows.jsonl", tmp_path / "results.jsonl"
    file.write_text(lines(3000))

    with service(latency=0.02) as local:

        def interrupt() -> None:
            wait_until(lambda: len(local.tasks()) >= 20)
            os.kill(os.getpid(), number)

        options = ["--results", str(results), "--max-in-flight", "10", "--allow-insecure"]
        with meanwhile(interrupt):
            result = local.run("tasks", "import", str(file), *options)
        assert result.exit_code == 130
        assert "stopping: " in result.stderr
        done = int(result.stderr.rpartition("all rows up to line ")[2].split()[0])
        assert numbers(local) == Counter(range(1, done + 1))
        assert set(outcomes(results)) == set(range(1, done + 1))
        url = local.sandbox.url
    told = shlex.split(result.stderr.rpartition("import the rest with: ")[2])
    start = ["aiotask", "tasks", "import", str(file)]
    assert told[: len(start)] == start
    told.remove("--allow-insecure")
    assert dict(zip(told[len(start) :: 2], told[len(start) + 1 :: 2], strict=True)) == {
        "--workspace": local.workspace,
        "--base-url": url,
        "--max-in-flight": "10",
        "--rows": f"{done + 1}-",
        "--results": f"{results}.rest",
    }


CSV = "attributes\n" + "".join(f'"{{""n"": {n}}}"\n' for n in range(1, 401))
ARRAY = json.dumps([{"attributes": {"n": n}} for n in range(1, 401)])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.csv", CSV.encode()),
        ("rows.csv.gz", gzip.compress(CSV.encode())),
        ("rows.json", ARRAY.encode()),
    ],
)
def test_the_command_in_the_last_message_imports_the_rest(
    tmp_path: Path, name: str, content: bytes
) -> None:
    file, results = tmp_path / name, tmp_path / "results.jsonl"
    file.write_bytes(content)

    with service(latency=0.02) as local:

        def interrupt() -> None:
            wait_until(lambda: len(local.tasks()) >= 20)
            os.kill(os.getpid(), signal.SIGINT)

        with meanwhile(interrupt):
            options = ["--max-in-flight", "10", "--results", str(results)]
            result = local.run("tasks", "import", str(file), *options)
        assert 20 <= len(local.tasks()) < 400
        done = typed(result.stderr.rpartition("import the rest with: ")[2], local)
        assert done.returncode == 0, done.stderr
        assert numbers(local) == Counter(range(1, 401))
        keys = {t.sid: json.loads(t.attributes)["aiotask_key"] for t in local.tasks()}
    written = results.read_text() + results.with_name("results.jsonl.rest").read_text()
    rows = [json.loads(line) for line in written.splitlines()]
    assert sorted(row["row"] for row in rows) == [*range(1, 401)]
    assert {row["sid"]: row["key"] for row in rows} == keys


def test_a_signal_ends_the_wait_for_a_silent_pipe(local: Service, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    ended = threading.Event()

    def write() -> None:
        with pipe.open("w") as into:
            into.write(lines(3))
            into.flush()
            wait_until(lambda: len(local.tasks()) == 3)
            os.kill(os.getpid(), signal.SIGINT)
            assert ended.wait(LONG)

    with meanwhile(write):
        result = local.run("tasks", "import", str(pipe), "--results", "-")
        ended.set()
    assert result.exit_code == 130
    assert "all rows up to line 3 are done\n" in result.stderr
    assert "the rest of the input starts at line 4\n" in result.stderr


def test_after_a_signal_standard_input_is_told_by_its_line(local: Service) -> None:
    run = local.spawn("tasks", "import", "-", stdin=subprocess.PIPE)
    assert run.stdin is not None
    run.stdin.write(lines(2).encode())
    run.stdin.flush()
    wait_until(lambda: len(local.tasks()) == 2)
    run.send_signal(signal.SIGTERM)
    assert run.wait(LONG) == 130  # although the pipe is open still
    _, told = run.communicate()
    assert b"the rest of the input starts at line 3\n" in told


def test_the_second_signal_ends_at_once_and_names_what_is_open(
    local: Service, tmp_path: Path
) -> None:
    file, results = tmp_path / "rows.jsonl", tmp_path / "results.jsonl"
    file.write_text(lines(5))
    for _ in range(3):
        local.sandbox.faults.next("POST", "/Tasks", "before_hang")
    options = ["--max-in-flight", "3", "--results", str(results)]
    run = local.spawn("tasks", "import", str(file), *options)
    assert run.stderr is not None
    wait_until(lambda: local.sandbox.injected.total() == 3)
    run.send_signal(signal.SIGINT)
    stopping = b"stopping: 3 rows are under way; interrupt again to end at once\n"
    assert run.stderr.readline() == stopping
    run.send_signal(signal.SIGINT)
    _, told = run.communicate(timeout=LONG)
    assert run.returncode == 130
    assert b"lines 1-3 were under way and may have been created\n" in told
    assert b"all other rows up to line 3 are done\n" in told
    assert results.read_bytes() == b""


def test_two_signals_in_a_row_name_what_is_open(local: Service, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(lines(5))
    for _ in range(2):
        local.sandbox.faults.next("POST", "/Tasks", "before_hang")

    def interrupt() -> None:
        wait_until(lambda: local.sandbox.injected.total() == 2)
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)

    with meanwhile(interrupt):
        cut = local.run("tasks", "import", str(file), "--max-in-flight", "2")
    assert cut.exit_code == 130
    assert "lines 1-2 were under way and may have been created\n" in cut.stderr
    assert "all other rows up to line 2 are done\n" in cut.stderr


def test_rows_in_doubt_are_unresolved_where_no_journal_has_them(
    local: Service, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(lines(1000))
    local.ask(lambda: setattr(local.sandbox.faults, "outage", "before_503"))

    def interrupt() -> None:
        wait_until(lambda: local.sandbox.injected.total() >= 20)
        os.kill(os.getpid(), signal.SIGINT)

    with meanwhile(interrupt):
        result = local.run("tasks", "import", str(file), "--max-in-flight", "20")
    assert result.exit_code == 130
    assert "unresolved, it may have been created: " in result.stderr
    unresolved = int(result.stderr.rpartition(" rows: 0 created")[0].splitlines()[-1])
    assert f"{unresolved} rows: 0 created, 0 rejected, {unresolved} unresolved" in result.stderr
    assert f"all rows up to line {unresolved} are done\n" in result.stderr


def test_a_flag_stands_alone_in_the_command_that_resumes() -> None:
    given = ["rows.jsonl", "--journal", "import.db", "--look-first", "--settle", "5"]
    words, parent = ["--workspace", "WS" + "1" * 32, *given], click.Context(main)
    parent = click.Context(tasks, parent=parent)
    with import_.make_context("import", words, parent=parent) as context:
        told = shlex.split(same_command(context).removeprefix("resume with: "))
    assert told[:4] == ["aiotask", "tasks", "import", "rows.jsonl"]
    assert told[told.index("--look-first") + 1].startswith("--")
    assert told[told.index("--settle") + 1] == "5.0"
