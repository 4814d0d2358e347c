"""Imports of files and pipes against a sandbox: what goes through, what is told, what is left."""

import asyncio
import json
import os
import shlex
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cli_rig import LONG, Service, run, service, wait_until

from aiotask import Client

MIXED = """{"attributes": {"n": 1}, "priority": 5}

{"attributes": {"n": 3}, "virtual_start_time": "2020-01-02T03:04:05Z"}
{"attributes": {"n": 4}
[5]
{"prioritty": 6}
{"priority": "seven"}
{"priority": -8}
{"virtual_start_time": "soon"}
{"task_channel": "no such channel"}
{"attributes": {"n": 11}}"""


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


def numbers(local: Service) -> Counter[int]:
    return Counter(json.loads(task.attributes)["n"] for task in local.tasks())


def lines(count: int) -> str:
    return "".join(f'{{"attributes": {{"n": {n}}}}}\n' for n in range(1, count + 1))


def delete_workspace(local: Service) -> None:
    async def deleted() -> None:
        sandbox = local.sandbox
        async with Client(sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url) as client:
            await client.taskrouter.workspaces.delete(local.workspace)

    asyncio.run(deleted())


def path_with_python() -> str:
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def outcomes(path: Path) -> dict[int, dict[str, Any]]:
    return {row["line"]: row for row in map(json.loads, path.read_text().splitlines())}


@contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@contextmanager
def standard_input(text: bytes) -> Iterator[None]:
    """Give this process another standard input: the very descriptor, which a command reads."""
    kept = os.dup(0)
    out, into = os.pipe()
    os.write(into, text)
    os.close(into)
    os.dup2(out, 0)
    os.close(out)
    try:
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)


def test_wrong_rows_are_told_by_their_lines_and_the_others_go_through(
    local: Service, tmp_path: Path
) -> None:
    file, results = tmp_path / "rows.jsonl", tmp_path / "results.jsonl"
    file.write_text(MIXED)
    result = local.run("tasks", "import", str(file), "--results", str(results))
    assert (result.exit_code, result.stdout) == (1, "")
    assert numbers(local) == Counter([1, 3, 11])
    *told, summary = sorted(result.stderr.splitlines(), key=lambda line: "rows: " in line)
    assert {line.rpartition(str(file))[2].split(":")[1] for line in told} == set(
        map(str, range(4, 11))
    )
    assert "did you mean 'priority'?" in result.stderr
    assert "virtual_start_time: must be a date and time like" in result.stderr
    assert summary.startswith("10 rows: 3 created, 7 rejected, 0 unresolved in ")
    found = outcomes(results)
    assert {line for line, row in found.items() if row["outcome"] == "created"} == {1, 3, 11}
    assert {row["sid"] for row in found.values() if "sid" in row} == {t.sid for t in local.tasks()}
    assert "code 20001" in found[10]["error"]


def test_csv_cells_are_read_by_the_types_of_their_fields(local: Service, tmp_path: Path) -> None:
    file = tmp_path / "rows.CSV"
    file.write_text(
        "\ufeff\nattributes,priority,virtual_start_time,task_channel,ignore_capacity\r\n"
        '"{""n"": 1}",5,2020-01-02T03:04:05+01:00,,\r\n'
        "\r\n,,,,\r\n"
        '"{""n"":\n 2}",,,voice,\r\n'
        '"{""n"": 3}",high,,,\r\n'
        "{},1\r\n"
        '"{}"x,,,,\r\n'
        "nonsense,,,,\r\n"
        "{},,,,perhaps\r\n"
        '"{""n"": 11}",,,,\r\n'
        '"{""n"": 12}\r\nunclosed,,,,\r\n',
        newline="",
    )
    result = local.run("tasks", "import", str(file))
    assert result.exit_code == 1
    assert numbers(local) == Counter([1, 2, 11])
    assert {task.task_channel_unique_name for task in local.tasks()} == {"default", "voice"}
    for told in (
        "CSV:8: priority: must be a whole number, not 'high'",
        "CSV:9: 2 cells, where the header has 5",
        "CSV:10: ',' expected",
        "CSV:11: attributes: is not JSON",
        "CSV:12: ignore_capacity: must be true or false, not 'perhaps'",
        "CSV:14: unexpected end of data (read through line 15)",
    ):
        assert told in result.stderr


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("attributes,prioritty", "no field 'prioritty'; did you mean priority"),
        ("attributes,zzz", "no field 'zzz'; there are attributes, "),
        ("priority,priority", "two columns are named priority"),
        ('"priority', "no CSV"),
        ("\n\n", "there is no header"),
        ("", "there is no header"),
    ],
)
def test_a_header_that_names_no_fields_is_wrong_usage_and_nothing_is_sent(
    local: Service, tmp_path: Path, header: str, said: str
) -> None:
    file = tmp_path / "rows"
    file.write_text(f"{header}\n{{}},1\n" if "," in header else header)
    result = local.run("tasks", "import", str(file), "--format", "csv")
    assert result.exit_code == 2
    assert said in result.stderr
    assert not local.sandbox.requests


def test_a_file_that_cannot_be_read_is_wrong_usage_and_nothing_is_sent(
    local: Service, tmp_path: Path
) -> None:
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes(b"{}\n{}\n" + '{"task_channel": "M\xfcller"}'.encode("latin-1"))
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(b"{}\n\xc3")
    for path, said in (
        (tmp_path / "missing.jsonl", "missing.jsonl: No such file or directory"),
        (tmp_path, "Is a directory"),
        (latin, "latin.jsonl:3: not UTF-8: byte 0xfc"),
        (cut, "cut.jsonl:2: not UTF-8: byte 0xc3"),
        (Path("/proc/self/mem"), "/proc/self/mem: Input/output error"),
    ):
        result = local.run("tasks", "import", str(path))
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
        assert said in result.stderr
    assert not local.sandbox.requests


def test_a_pipe_is_read_as_it_comes_and_a_line_that_is_no_text_is_a_wrong_row(
    local: Service,
) -> None:
    overlong = b'{"task_channel": "' + b"x" * 3 * 2**20 + b'"}\n'
    rows = b'{"attributes": {"n": 1}}\n\xff\xfe\n' + overlong + b'{"attributes": {"n": 4}}'

    def write() -> None:
        os.write(into, rows[:20])
        view = memoryview(rows)[20:]
        while view:
            view = view[os.write(into, view) :]
        os.close(into)

    kept, (out, into) = os.dup(0), os.pipe()
    os.dup2(out, 0)
    os.close(out)
    with meanwhile(write):
        result = local.run("tasks", "import", "-")
    os.dup2(kept, 0)
    os.close(kept)
    assert result.exit_code == 1
    assert "<stdin>:2: not UTF-8: byte 0xff\n" in result.stderr
    assert "<stdin>:3: longer than 1,048,576 bytes\n" in result.stderr
    assert numbers(local) == Counter([1, 4])


def test_more_rows_than_are_read_ahead_all_go_through(local: Service, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(lines(2000))
    result = local.run("tasks", "import", str(file), "--max-in-flight", "150")
    assert result.exit_code == 0
    assert numbers(local) == Counter(range(1, 2001))
    assert result.stderr.startswith("2,000 rows: 2,000 created, 0 rejected, 0 unresolved in ")


def test_rows_whose_fate_is_open_are_told_with_what_happened(
    local: Service, tmp_path: Path
) -> None:
    local.sandbox.faults.next("POST", "/Tasks", "after_500")
    results = tmp_path / "results.jsonl"
    with standard_input(b'{"attributes": {"n": 1}}\n'):
        result = local.run("tasks", "import", "-", "--results", str(results))
    assert result.exit_code == 1
    assert "<stdin>:1: unresolved, it may have been created: " in result.stderr
    assert outcomes(results)[1]["outcome"] == "unresolved"
    assert "status 500" in outcomes(results)[1]["error"]
    assert numbers(local) == Counter([1])


def test_results_go_to_standard_output_too(local: Service) -> None:
    with standard_input(b"{}\n{}\n"):
        result = local.run("tasks", "import", "-", "--results", "-")
    assert result.exit_code == 0
    assert [json.loads(line)["outcome"] for line in result.stdout.splitlines()] == ["created"] * 2


def test_results_replace_what_a_link_leads_to_and_leave_nothing_beside(
    local: Service, tmp_path: Path
) -> None:
    results, link = tmp_path / "results.jsonl", tmp_path / "link"
    results.write_text("old\n")
    link.symlink_to(results)
    with standard_input(b"{}\n"):
        assert local.run("tasks", "import", "-", "--results", str(link)).exit_code == 0
    assert link.is_symlink()
    assert outcomes(results)[1]["outcome"] == "created"
    assert sorted(tmp_path.iterdir()) == [link, results]


def test_results_that_cannot_be_written_are_told_before_anything_is_sent(
    local: Service, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("{}\n")
    for path in (tmp_path, tmp_path / "missing" / "results.jsonl", file):
        result = local.run("tasks", "import", str(file), "--results", str(path))
        assert result.exit_code == 2
        assert f"--results {path}: " in result.stderr
    assert file.read_text() == "{}\n"
    assert not local.sandbox.requests


def test_results_that_can_no_longer_be_written_stop_the_run(local: Service, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(lines(300))
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)
    result = local.run("tasks", "import", str(file), "--results", "/dev/full")
    assert result.exit_code == 1
    assert "results: No space left on device\n" in result.stderr
    done = int(result.stderr.rpartition("all rows up to line ")[2].split()[0])
    assert numbers(local) == Counter(range(1, done + 1))
    assert done < 300


def test_a_reader_of_results_who_leaves_stops_the_run_and_no_row_is_lost(
    local: Service, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(lines(300))
    run = local.spawn("tasks", "import", str(file), "--results", "-")
    assert run.stdout is not None
    assert run.stderr is not None
    run.stdout.close()
    told = run.stderr.read().decode()
    assert run.wait(LONG) == 1
    run.stderr.close()
    assert "Traceback" not in told
    done = int(told.rpartition("all rows up to line ")[2].split()[0])
    assert numbers(local) == Counter(range(1, done + 1))


def test_a_reader_of_messages_who_leaves_stops_nothing(local: Service, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("nonsense\n" * 50 + lines(50))
    run = local.spawn("tasks", "import", str(file))
    assert run.stderr is not None
    run.stderr.close()
    run.communicate(timeout=LONG)
    assert numbers(local) == Counter(range(1, 51))


def test_wrong_credentials_stop_the_run_and_leave_every_row_untouched(
    local: Service, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("{}\n" * 3)
    result = local.run("tasks", "import", str(file), TWILIO_AUTH_TOKEN="wrong")
    assert result.exit_code == 1
    assert "stopped: " in result.stderr
    assert "status 401" in result.stderr
    assert "rows done: 0; untouched: lines 1" in result.stderr
    assert local.tasks() == []


def test_a_service_that_is_not_there_stops_the_run(local: Service) -> None:
    with socket.socket() as taken, standard_input(b"{}\n"):
        taken.bind(("127.0.0.1", 0))  # and never listens
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
        place = ["--workspace", local.workspace, "--base-url", nowhere]
        result = run("tasks", "import", "-", *place, **local.environment)
    assert result.exit_code == 1
    assert "rows done: 0; untouched: lines 1 and all from line 2 on\n" in result.stderr


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
    # Line 5 may have been read by then, or not; neither it nor what follows was touched.
    untouched = result.stderr.rpartition("rows done: 2; untouched: lines ")[2]
    assert untouched in {"4 and all from line 5 on\n", "4-5 and all from line 6 on\n"}


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
    assert "rows done: 1; untouched: all from line 2 on\n" in result.stderr


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
    told = shlex.split(result.stderr.rpartition("go on with the rest: ")[2])
    start = ["tail", "-n", f"+{done + 1}", str(file), "|", "aiotask", "tasks", "import", "-"]
    assert told[: len(start)] == start
    told.remove("--allow-insecure")
    assert dict(zip(told[len(start) :: 2], told[len(start) + 1 :: 2], strict=True)) == {
        "--workspace": local.workspace,
        "--base-url": url,
        "--max-in-flight": "10",
        "--results": f"{results}.rest",
    }


def test_the_command_that_goes_on_brings_the_rest_of_a_csv_file(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("attributes\n" + "".join(f'"{{""n"": {n}}}"\n' for n in range(1, 401)))

    with service(latency=0.02) as local:

        def interrupt() -> None:
            wait_until(lambda: len(local.tasks()) >= 20)
            os.kill(os.getpid(), signal.SIGINT)

        with meanwhile(interrupt):
            result = local.run("tasks", "import", str(file), "--max-in-flight", "10")
        assert 20 <= len(local.tasks()) < 400
        command = result.stderr.rpartition("go on with the rest: ")[2]
        command = command.replace("aiotask tasks", "python -m aiotask tasks")
        done = subprocess.run(  # noqa: S602 - what a user is told to type
            command,
            shell=True,
            capture_output=True,
            check=False,
            env={**os.environ, **local.environment, "PATH": path_with_python()},
        )
        assert done.returncode == 0, done.stderr
        assert numbers(local) == Counter(range(1, 401))


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
    assert f"tail -n +4 {pipe} | " in result.stderr
    assert "--results -" in result.stderr


def test_after_a_signal_standard_input_is_told_by_its_line(local: Service) -> None:
    run = local.spawn("tasks", "import", "-", stdin=subprocess.PIPE)
    assert run.stdin is not None
    run.stdin.write(lines(2).encode())
    run.stdin.flush()
    wait_until(lambda: len(local.tasks()) == 2)
    run.send_signal(signal.SIGTERM)
    assert run.wait(LONG) == 130  # although the pipe is open still
    _, told = run.communicate()
    assert b"go on with what follows, from line 3\n" in told


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
    assert run.stderr.readline() == b"stopping: 3 rows are under way; again to end at once\n"
    run.send_signal(signal.SIGINT)
    _, told = run.communicate(timeout=LONG)
    assert run.returncode == 130
    assert b"lines 1-3 were under way, and may have been created\n" in told
    assert b"all other rows up to line 3 are done\n" in told
    assert results.read_bytes() == b""
