"""The demo of many workers, on a journal in PostgreSQL."""

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.cli.commands import LONG, run, spawn
from tests.cli.test_demo import children
from tests.postgres import Postgres
from tests.sweeps import sweep

JOBS = "SELECT name FROM aiotask.job"


@pytest.fixture
def url(postgres: Postgres) -> str:
    url = postgres.new_database()
    run("journal", "init", url)
    return url


@pytest.fixture
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the service of a demonstration less time for what is late, and workers for leases."""
    stage = sys.modules["aiotask.cli.commands.demo_stage"]
    for name, seconds in (("SETTLE", 0.5), ("LATE", 0.2), ("INDEX_LAG", 0.1)):
        monkeypatch.setattr(stage, f"_{name}", seconds)
    monkeypatch.setattr(sys.modules["aiotask.cli.commands.demo_workers"], "_LEASE", 2.0)


@pytest.mark.campaign
@pytest.mark.usefixtures("_hasty")
def test_workers_are_killed_one_after_the_other_and_nothing_is_lost(
    url: str, postgres: Postgres, tmp_path: Path
) -> None:
    words = ["--workers", "2", "--tasks", "300", "--seed", "7"]
    result = run("demo", "--journal", url, *words, TMPDIR=str(tmp_path))
    assert result.exit_code == 0, result.output
    told = result.stderr
    assert "300 tasks into a sandbox in this process, by 2 workers: " in told
    assert f"  worker 2: working on the jobs of {url}\n" in told
    assert "  300 rows are loaded: aiotask worker does them\n" in told
    for number in (1, 2):
        assert told.count(f"killed worker {number} (SIGKILL) after ") == 1
        assert f"starting worker {number} again\n" in told
    assert told.index("killed worker 1") < told.index("killed worker 2")
    assert "\n  300 rows: 300 created, 0 rejected, 0 unresolved" in told
    assert "Audit: in order" in result.stdout
    assert "no row lost, none twice" in result.stdout
    assert postgres.execute(url, JOBS) == []
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("_hasty")
def test_a_worker_that_ends_by_itself_ends_the_demo(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    result = run("demo", "--journal", url, "--tasks", "1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert " ended by itself, with the exit status 1\n" in result.stderr
    assert "again" not in result.stderr


@pytest.mark.parametrize("by_terminal", sweep([True, False]))
def test_an_interrupted_demo_ends_its_workers(
    url: str, postgres: Postgres, tmp_path: Path, *, by_terminal: bool
) -> None:
    words = ("demo", "--journal", url, "--workers", "2", "--tasks", "20000")
    demo = spawn(*words, environment={"TMPDIR": str(tmp_path)}, start_new_session=True)
    assert demo.stderr is not None
    while b"rows are loaded" not in (line := demo.stderr.readline()):
        assert line, "the demo has ended"
    assert len(children(tmp_path)) >= 2
    assert len(postgres.execute(url, JOBS)) == 1
    if by_terminal:
        os.killpg(demo.pid, signal.SIGINT)
    else:
        demo.send_signal(signal.SIGTERM)
    out, told = demo.communicate(timeout=LONG)
    assert (demo.returncode, out) == (130, b""), told
    assert not children(tmp_path)
    assert not list(tmp_path.iterdir())
    assert postgres.execute(url, JOBS) == []


def test_the_demo_says_in_a_sentence_why_a_journal_cannot_be_used(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.new_database()
    nowhere = postgres.url("nowhere")
    for journal, message in (
        (url, f"has no tables of aiotask: make them with aiotask journal init {url}\n"),
        (nowhere, f"the journal {nowhere} cannot be reached: "),
        ("import.db", "'import.db' is not a URL such as postgresql://host/database"),
    ):
        result = run("demo", "--journal", journal)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr
        assert result.stderr.count("\n") == 1
    monkeypatch.setattr("aiotask.bulk.journal.postgres.find_spec", lambda _: None)
    result = run("demo", "--journal", url)
    assert result.exit_code == 2
    assert "pip install 'aiotask[postgres]'" in result.stderr


@pytest.mark.parametrize("words", [["--workers", "2"], ["--journal", "URL", "--workers", "17"]])
def test_workers_without_a_journal_or_too_many_are_wrong_usage(words: list[str]) -> None:
    result = run("demo", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--workers" in result.stderr
