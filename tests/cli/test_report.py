"""Option ``--report``: a page about the run, also after an interruption."""

import json
import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.cli.commands import LONG, Service, service, wait_until
from tests.report_page import ReportPage


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


def page_at(path: Path) -> ReportPage:
    return ReportPage(path.read_text(encoding="utf-8"))


def written(path: Path, count: int, *more: object) -> Path:
    documents = [*({"attributes": {"n": n}} for n in range(count)), *more]
    path.write_text("".join(f"{json.dumps(each)}\n" for each in documents))
    return path


def test_an_import_writes_its_report(local: Service, tmp_path: Path) -> None:
    file, page = written(tmp_path / "rows.jsonl", 20, {"priority": -1}), tmp_path / "run.html"
    words = ("--journal", str(tmp_path / "import.db"), "--report", str(page))
    result = local.run("tasks", "import", str(file), *words)
    assert result.exit_code == 1  # one row was wrong
    assert result.stderr.endswith(f"report of the run: {page}\n")
    told = page_at(page)
    assert told.cells("Rows")["Created"] == "20"
    (reason,) = told.table("Rows that were not done, by reason")
    assert reason[3] == "line 21"


def test_an_interrupted_import_writes_a_whole_report(tmp_path: Path) -> None:
    with service(rate=40) as local:
        file, page = written(tmp_path / "rows.jsonl", 5000), tmp_path / "run.html"
        process = local.spawn("tasks", "import", str(file), "--report", str(page))
        wait_until(lambda: len(local.tasks()) > 20)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=LONG)
        assert process.returncode == 130
        assert f"report of the run: {page}" in said.decode()
        assert int(page_at(page).cells("Rows")["Created"]) == len(local.tasks())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.jsonl", "run.html"]


@pytest.mark.parametrize(
    ("verb", "outcome"), [("cancel", "Updated"), ("complete", "Updated"), ("delete", "Deleted")]
)
def test_the_other_verbs_write_theirs(
    local: Service, tmp_path: Path, verb: str, outcome: str
) -> None:
    local.run("tasks", "import", str(written(tmp_path / "rows.jsonl", 7)))
    if verb == "complete":
        for task in local.tasks():
            local.ask(partial(local.sandbox.assign, task.sid))
    page = tmp_path / "run.html"
    reason = () if verb == "delete" else ("--reason", "over")
    words = ("--where", "1==1", "--yes", "--report", str(page), *reason)
    result = local.run("tasks", verb, *words)
    assert result.exit_code == 0, result.stderr
    assert f"report of the run: {page}" in result.stderr
    assert page_at(page).cells("Rows")[outcome] == "7"


def test_a_report_that_cannot_be_written_is_told_of_and_takes_nothing_with_it(
    local: Service, tmp_path: Path
) -> None:
    pipe, folder = tmp_path / "pipe.jsonl", tmp_path / "reports"
    os.mkfifo(pipe)
    folder.mkdir()
    page = folder / "run.html"
    process = local.spawn("tasks", "import", str(pipe), "--report", str(page))
    with pipe.open("w") as rows:
        rows.write('{"attributes": {"n": 1}}\n')
        rows.flush()
        wait_until(lambda: len(local.tasks()) == 1)
        folder.rmdir()
    _, said = process.communicate(timeout=LONG)
    assert process.returncode == 1
    assert f"--report {page}: No such file or directory" in said.decode()
    assert "1 created, 0 rejected" in said.decode()


@pytest.mark.parametrize("option", ["input", "journal", "results", "rejects"])
def test_a_report_overwrites_nothing_of_the_import(
    local: Service, tmp_path: Path, option: str
) -> None:
    file = written(tmp_path / "rows.jsonl", 3)
    path = file if option == "input" else tmp_path / "one"
    words = ["--report", str(path)] + ([] if option == "input" else [f"--{option}", str(path)])
    result = local.run("tasks", "import", str(file), *words)
    assert (result.exit_code, local.tasks()) == (2, [])
    assert f"--report {path}: that is the {option}" in result.stderr


def test_a_report_needs_a_folder_and_a_run(local: Service, tmp_path: Path) -> None:
    file, page = written(tmp_path / "rows.jsonl", 3), tmp_path / "nowhere" / "run.html"
    result = local.run("tasks", "import", str(file), "--report", str(page))
    assert (result.exit_code, local.tasks()) == (2, [])
    assert "there is no such folder" in result.stderr
    words = ("--journal", "postgresql://host/db", "--job", "a", "--detach", "--report", "run.html")
    result = local.run("tasks", "import", str(file), *words)
    assert result.exit_code == 2
    assert "with --detach there is no run here to tell of" in result.stderr
