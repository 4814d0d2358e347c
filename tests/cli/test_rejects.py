"""Rejected rows: grouped in messages, kept in a file, and the end of an import with too many."""

import gzip
import os
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
    outcomes,
    service,
    standard_input,
    wait_until,
)
from tests.cli.jobs import Job, fed, shown


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


def test_thousands_of_wrong_rows_are_a_dozen_lines(local: Service, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(
        lines(1)
        + "".join(f'{{"priority": "p{n}"}}\n' for n in range(3000))
        + "".join(f'{{"attributes": {{"n": {n}}}, "prioritty": 1}}\n' for n in range(1000))
        + "nonsense\n" * 500
    )
    result = local.run("tasks", "import", str(file))
    assert result.exit_code == 1
    told = result.stderr.splitlines()
    assert len(told) <= 16
    shown_singly = [line for line in told if line.startswith(f"{file}:")]
    assert len(shown_singly) == 10
    rest = told.index("4,490 more rows failed:")
    counts = [int(line.split()[0].replace(",", "")) for line in told[rest + 1 : -1]]
    assert sum(counts) == 4490
    assert counts == sorted(counts, reverse=True)
    assert told[rest + 1].startswith("  2,990 rows, first at line ")
    assert ": priority: must be " in told[rest + 1]
    assert any("unknown field 'prioritty'" in line for line in told[rest:])


def test_rows_that_each_fail_for_another_reason_are_a_dozen_lines_too(
    local: Service, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    names = [f"{chr(97 + n // 26)}{chr(97 + n % 26)}zzz" for n in range(600)]
    file.write_text("".join(f'{{"{name}": 1}}\n' for name in [*names, *map(str.upper, names)]))
    told = local.run("tasks", "import", str(file)).stderr.splitlines()
    assert len(told) == 10 + 1 + 5 + 1 + 1
    assert told[-2].endswith(" rows for other reasons")


WRONG = {
    "rows.jsonl": (
        """{"attributes": {"n": 1}}
{"attributes": {"n": 2}, "prioritty": 1}

{"attributes": {"n": 3}
{"attributes": {"n": 4}}
""",
        '{"attributes": {"n": 2}, "prioritty": 1}\n{"attributes": {"n": 3}\n',
        [("prioritty", "priority"), ('{"n": 3}', '{"n": 3}}')],
    ),
    "rows.json": (
        """[{"attributes": {"n": 1}},
{"attributes":
 {"n": 2}, "prioritty": 1},
{"attributes": {"n": 3}, "priority": "x"}, {"attributes": {"n": 4}}]""",
        """[
{"attributes":
 {"n": 2}, "prioritty": 1},
{"attributes": {"n": 3}, "priority": "x"}
]
""",
        [("prioritty", "priority"), ('"x"', "1")],
    ),
    "rows.csv": (
        """attributes;priority
"{""n"": 1}";
"{""n"": 2}";"a ""b"" é
c"
"{""n"": 3}"x;
"{""n"": 4}";7
""",
        """attributes;priority
"{""n"": 2}";"a ""b"" é
c"
"{""n"": 3}"x;
""",
        [('"a ""b"" é\nc"', "5"), ('"x;', '";')],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_rejected_rows_are_kept_as_they_came_and_imported_when_corrected(
    local: Service, tmp_path: Path, name: str
) -> None:
    text, expected, corrections = WRONG[name]
    file, rejects = tmp_path / name, tmp_path / f"rejects-{name}"
    file.write_text(text)
    result = local.run("tasks", "import", str(file), "--rejects", str(rejects))
    assert result.exit_code == 1
    assert f"2 rejected rows are in {rejects}; put corrected rows in a new file" in result.stderr
    assert numbers(local) == Counter([1, 4])
    kept = rejects.read_text()
    assert sorted(kept.splitlines()) == sorted(expected.splitlines())
    for wrong, right in corrections:
        assert wrong in kept
        kept = kept.replace(wrong, right)
    rejects.write_text(kept)
    again = local.run("tasks", "import", str(rejects))
    assert again.exit_code == 0, again.stderr
    assert numbers(local) == Counter([1, 2, 3, 4])


def test_rejects_of_another_encoding_are_utf_8_without_a_change_of_cells(
    local: Service, tmp_path: Path
) -> None:
    file, rejects = tmp_path / "rows.csv.gz", tmp_path / "rejects.csv"
    file.write_bytes(gzip.compress("task_channel\tpriority\nMüller\tx\n".encode("utf-16")))
    options = ["--encoding", "utf-16", "--rejects", str(rejects)]
    assert local.run("tasks", "import", str(file), *options).exit_code == 1
    assert rejects.read_text() == "task_channel\tpriority\nMüller\tx\n"


def test_what_is_no_text_comes_back_byte_by_byte_and_what_is_too_long_is_left_out(
    local: Service, tmp_path: Path
) -> None:
    rejects = tmp_path / "rejects"
    for name, rows in (
        ("jsonl", b'{"a": "\xff"}\n%b\n' % (b"x" * (2**20 + 1))),
        ("csv", b"priority\n\xff{\n%b\n" % (b"x" * (2**20 + 1))),
    ):
        out, into = os.pipe()

        def write(into: int = into, rows: bytes = rows) -> None:
            with os.fdopen(into, "wb") as pipe:
                pipe.write(rows)

        kept = os.dup(0)
        os.dup2(out, 0)
        os.close(out)
        with meanwhile(write):
            options = ["--format", name, "--rejects", str(rejects)]
            result = local.run("tasks", "import", "-", *options)
        os.dup2(kept, 0)
        os.close(kept)
        assert "2 rejected, " in result.stderr
        first = rows.splitlines(keepends=True)[: 2 if name == "csv" else 1]
        assert rejects.read_bytes() == b"".join(first)


def test_without_a_wrong_row_the_file_is_empty_and_replaces_an_older_one(
    local: Service, tmp_path: Path
) -> None:
    file, rejects = tmp_path / "rows.jsonl", tmp_path / "rejects.jsonl"
    file.write_text(lines(1))
    rejects.write_text("old\n")
    assert local.run("tasks", "import", str(file), "--rejects", str(rejects)).exit_code == 0
    assert rejects.read_text() == ""
    assert sorted(tmp_path.iterdir()) == [rejects, file]


def test_with_a_journal_the_file_has_the_rejected_rows_of_all_runs(
    local: Service, tmp_path: Path
) -> None:
    job = Job(tmp_path)
    rejects = tmp_path / "rejects.jsonl"
    job.options += ["--rejects", str(rejects)]
    first = lines(2) + "first\nsecond\n"
    running = fed(local, job, first)
    wait_until(lambda: "2 rejected" in shown(job))
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=LONG)
    assert not rejects.exists()
    for _ in range(2):
        with standard_input(f"{first}third\n".encode()):
            assert local.run("tasks", "import", "-", *job.options).exit_code == 1
        assert sorted(rejects.read_text().split()) == ["first", "second", "third"]
    assert numbers(local) == Counter([1, 2])


def test_rejects_of_chosen_rows_are_found_again_in_the_journal(
    local: Service, tmp_path: Path
) -> None:
    job = Job(tmp_path, "a\nb\n" + lines(1) + "c\n")
    rejects = tmp_path / "rejects.jsonl"
    for _ in range(2):
        options = ["--rows", "2-", "--rejects", str(rejects)]
        assert local.run(*job.words, *options).exit_code == 1
        assert sorted(rejects.read_text().split()) == ["b", "c"]


def test_a_refused_journal_leaves_the_older_rejects(local: Service, tmp_path: Path) -> None:
    job = Job(tmp_path, '{"wrong": 1}\n')
    rejects = tmp_path / "rejects.jsonl"
    options = ["--rejects", str(rejects)]
    assert local.run(*job.words, *options).exit_code == 1
    job.file.write_text('{"other": 1}\n')
    assert local.run(*job.words, *options).exit_code == 2
    assert rejects.read_text() == '{"wrong": 1}\n'


def test_rejects_go_to_standard_output_too(local: Service) -> None:
    with standard_input(b'[{"prioritty": 1}]'):
        result = local.run("tasks", "import", "-", "--rejects", "-")
    assert result.stdout == '[\n{"prioritty": 1}\n]\n'


def test_rejects_that_cannot_be_written_stop_the_run(local: Service, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("nonsense\n" + lines(2000))
    result = local.run("tasks", "import", str(file), "--rejects", "/dev/full")
    assert result.exit_code == 1
    assert "rejects: No space left on device\n" in result.stderr
    assert len(local.tasks()) < 2000


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--rejects", "{folder}"], "Is a directory"),
        (["--rejects", "{file}"], "that is the input"),
        (["--rejects", "{folder}/o", "--results", "{folder}/o"], "that is the results"),
        (["--rejects", "{folder}/o", "--journal", "{folder}/o"], "that is the journal"),
        (["--rejects", "-", "--results", "-"], "the results go to standard output"),
        (["--stop-after", "0"], "not in the range"),
    ],
)
def test_rejects_that_have_no_place_are_wrong_usage(
    local: Service, tmp_path: Path, options: list[str], reason: str
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(lines(1))
    words = [word.format(folder=tmp_path, file=file) for word in options]
    result = local.run("tasks", "import", str(file), *words)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert not local.sandbox.requests


def test_an_import_stops_after_so_many_rejected_rows_and_resumes(
    local: Service, tmp_path: Path
) -> None:
    file, results = tmp_path / "rows.jsonl", tmp_path / "results"
    file.write_text("nonsense\n" * 3 + lines(1500))
    options = ["--stop-after", "3", "--results", str(results)]
    result = local.run("tasks", "import", str(file), *options)
    assert result.exit_code == 1
    assert "stopped: 3 rows were rejected (--stop-after)\n" in result.stderr
    made = len(local.tasks())
    assert made < 1500
    command = result.stderr.rpartition("import the rest with: ")[2].split()
    rows = command[command.index("--rows") + 1]
    done = set(outcomes(results))
    assert local.run("tasks", "import", str(file), "--rows", rows).exit_code == 0
    assert numbers(local) == Counter(range(1, 1501))
    assert len(done) == made + 3


def test_with_a_journal_the_same_command_goes_past_the_rejected_rows(
    local: Service, tmp_path: Path
) -> None:
    job = Job(tmp_path, "nonsense\n" * 3 + lines(1500))
    first = local.run(*job.words, "--stop-after", "2")
    assert first.exit_code == 1
    assert "resume with: aiotask tasks import " in first.stderr
    again = local.run(*job.words, "--stop-after", "2")
    assert numbers(local) == Counter(range(1, 1501)), again.stderr
    assert job.fates() == {"created": 1500, "rejected": 3}
