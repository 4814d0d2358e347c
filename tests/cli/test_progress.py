"""Display of progress on a terminal, here a pseudo-terminal."""

import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aiotask._checks import printable
from aiotask.bulk import Created, Rejected, Unresolved
from aiotask.cli.importing.counts import Counts, spans
from aiotask.cli.progress import Display
from tests.cli.commands import LONG, Service, service, spawn, wait_until
from tests.cli.terminal import Terminal
from tests.sweeps import sweep


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


@contextmanager
def standard_error(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    with open(terminal.follower, "w", closefd=False) as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        yield
        monkeypatch.undo()


def test_on_a_terminal_an_import_shows_how_far_it_is_and_tells_rows_above(
    local: Service, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"attributes": {}}\n' * 200 + "nonsense\n")
    terminal = Terminal()
    run = local.spawn("tasks", "import", str(file), stderr=terminal.follower)
    assert run.communicate(timeout=LONG)[0] == b""
    assert run.returncode == 1
    text = terminal.text()
    assert f"{file}:201: not JSON" in text
    assert "200 created, 1 rejected, 0 unresolved, " in text
    assert "100%" in text


def test_where_results_go_to_the_same_terminal_nothing_else_is_shown(
    local: Service, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("{}\n")
    terminal = Terminal()
    both: dict[str, Any] = {"stdout": terminal.follower, "stderr": terminal.follower}
    run = local.spawn("tasks", "import", str(file), "--results", "-", **both)
    assert run.wait(LONG) == 0
    first, second, end = terminal.text().split("\r\n")
    assert first.startswith('{"row":1,"line":1,"key":"')
    assert second.startswith("1 rows: ")
    assert end == ""


def test_on_a_terminal_an_import_shows_doubts_its_pace_and_that_the_service_is_down(
    local: Service, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"attributes": {}}\n' * 5000)
    terminal = Terminal()
    options = ["--results", "/dev/null", "--settle", "1"]
    wide = {**local.environment, "COLUMNS": "200"}
    words = ["tasks", "import", str(file), *options, *local.options]
    run = spawn(*words, environment=wide, stderr=terminal.follower)
    wait_until(lambda: b" left" in terminal.shown)
    local.sandbox.faults.next("POST", "/Tasks", "before_429")
    wait_until(lambda: b", 1 refusals, " in terminal.shown)
    local.ask(lambda: setattr(local.sandbox.faults, "outage", "before_503"))
    wait_until(lambda: b"the service is down, probing" in terminal.shown)
    run.send_signal(signal.SIGINT)
    run.wait(LONG)
    run.communicate()
    text = terminal.text()
    assert " in doubt, " in text
    assert "stopping: " in text


@pytest.mark.parametrize("on_a_terminal", sweep([True, False]))
def test_an_outage_is_told_of_once_wherever_messages_go(
    local: Service, tmp_path: Path, *, on_a_terminal: bool
) -> None:
    file, journal = tmp_path / "rows.jsonl", tmp_path / "rows.journal"
    file.write_text('{"attributes": {}}\n' * 500)
    terminal, told = Terminal(), tmp_path / "told"
    words = ["tasks", "import", str(file), "--journal", str(journal), "--settle", "1"]
    local.ask(lambda: setattr(local.sandbox.faults, "outage", "before_503"))
    with told.open("w") as messages:
        stderr = terminal.follower if on_a_terminal else messages
        wide = {**local.environment, "COLUMNS": "200"}
        run = spawn(*words, *local.options, environment=wide, stderr=stderr)

        def text() -> str:
            return terminal.shown.decode() if on_a_terminal else told.read_text()

        wait_until(lambda: "the run pauses" in text())
        local.ask(lambda: setattr(local.sandbox.faults, "outage", None))
        assert run.wait(LONG) == 0
        run.communicate()
    shown = terminal.text() if on_a_terminal else told.read_text()
    assert shown.count("the run pauses, because nothing gets through, since ") == 1
    assert shown.count("the run goes on, after ") == 1
    assert "status 503" in shown
    assert "rows wait" in shown
    assert re.search(r"ends with this error in 3[56]\d\d s", shown)
    assert len(local.tasks()) == 500


def test_the_demo_shows_its_progress_on_a_terminal(tmp_path: Path) -> None:
    terminal = Terminal()
    both: dict[str, Any] = {"stdout": terminal.follower, "stderr": terminal.follower}
    demo = spawn("demo", "--tasks", "100000", environment={"TMPDIR": str(tmp_path)}, **both)
    wait_until(lambda: re.search(rb"[1-9][0-9]* tasks created", terminal.shown) is not None)
    demo.send_signal(signal.SIGINT)
    assert demo.wait(LONG) == 130
    assert "Traceback" not in terminal.text()


@pytest.mark.parametrize("total", [None, 4])
def test_a_display_counts_and_says(monkeypatch: pytest.MonkeyPatch, total: int | None) -> None:
    terminal, counts = Terminal(), Counts()
    with standard_error(terminal, monkeypatch):
        display = Display(total)
        with display:
            for outcome in (Created(1, "WT1"), Rejected(2, ValueError()), Unresolved(3, OSError())):
                counts.count(outcome)
            display.show(3, f"{counts.text()}, and more")
            display.say("a [bold]line[/bold]\x1b[2J" + "x" * 300)
    text = terminal.text()
    assert "1 created, 1 rejected, 1 unresolved, and more" in text
    assert "a [bold]line[/bold]\\x1b[2J" + "x" * 300 in text
    assert ("75%" in text) == (total is not None)


def test_lines_are_told_as_spans() -> None:
    assert spans([7, 1, 3, 2, 9, 10]) == "1-3, 7, 9-10"
    assert spans([]) == ""


def test_what_is_not_printable_is_shown_as_python_writes_it() -> None:
    assert printable("é\n\x1b\udc80") == "é\\n\\x1b\\udc80"
