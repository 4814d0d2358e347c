"""Imports of files and pipes: rows, errors, results."""

import json
import os
import signal
import stat
import subprocess
import time
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
    outcomes,
    service,
    standard_input,
    wait_until,
)

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
    assert "unknown field 'prioritty'; did you mean priority\n" in result.stderr
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
        "CSV:9: 2 cells, but the header has 5",
        "CSV:10: ',' expected",
        "CSV:11: attributes: is not JSON",
        "CSV:12: ignore_capacity: must be true or false, not 'perhaps'",
        "CSV:14: unexpected end of data (read through line 15)",
    ):
        assert told in result.stderr


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("attributes,prioritty", "unknown field 'prioritty'; did you mean priority"),
        ("attributes,zzz", "unknown field 'zzz'; choose from "),
        ("priority,priority", "two columns are named priority"),
        ('"priority', "not CSV"),
        ("\n\n", "has no header, which names the columns"),
        ("", "has no header, which names the columns"),
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
        (
            latin,
            "latin.jsonl:3: not UTF-8: byte 0xfc; if it comes from Windows, try --encoding cp1252",
        ),
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


def test_rows_in_doubt_at_a_signal_are_told_with_what_happened(
    local: Service, tmp_path: Path
) -> None:
    local.sandbox.faults.next("POST", "/Tasks", "after_500")
    results = tmp_path / "results.jsonl"
    run = local.spawn("tasks", "import", "-", "--results", str(results), stdin=subprocess.PIPE)
    assert run.stdin is not None
    run.stdin.write(lines(1).encode())
    run.stdin.flush()
    wait_until(lambda: len(local.tasks()) == 1)
    run.send_signal(signal.SIGINT)
    assert run.wait(LONG) == 130
    _, told = run.communicate()
    assert b"<stdin>:1: unresolved, it may have been created: " in told
    assert outcomes(results)[1]["outcome"] == "unresolved"
    assert "status 500" in outcomes(results)[1]["error"]


def test_a_lost_answer_is_looked_up_and_the_row_is_created_once(
    local: Service, tmp_path: Path
) -> None:
    local.sandbox.faults.next("POST", "/Tasks", "after_500")
    local.sandbox.faults.next("POST", "/Tasks", "before_500")
    file = tmp_path / "rows.jsonl"
    file.write_text(lines(5))
    result = local.run("tasks", "import", str(file), "--settle", "0.5")
    assert result.exit_code == 0
    assert numbers(local) == Counter(range(1, 6))


def test_the_key_goes_into_the_attribute_that_is_named(local: Service, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    with standard_input(lines(1).encode()):
        options = ["--key-attribute", "ticket", "--results", str(results)]
        assert local.run("tasks", "import", "-", *options).exit_code == 0
    (task,) = local.tasks()
    assert json.loads(task.attributes)["ticket"] == outcomes(results)[1]["key"]
    result = local.run("tasks", "import", "-", "--key-attribute", "no name")
    assert result.exit_code == 2
    assert "key_attribute: must be a name" in result.stderr


def test_creates_come_no_faster_than_asked_for(local: Service, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(lines(11))
    began = time.monotonic()
    assert local.run("tasks", "import", str(file), "--max-rate", "20").exit_code == 0
    # The eleventh comes ten gaps after the first; a delay of up to 0.01 s may be made up for.
    assert time.monotonic() - began >= 0.5 - 0.02


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
    file.write_text('{"unknown": 1}\n' * 50 + lines(50))
    run = local.spawn("tasks", "import", str(file))
    assert run.stderr is not None
    run.stderr.close()
    run.communicate(timeout=LONG)
    assert numbers(local) == Counter(range(1, 51))
