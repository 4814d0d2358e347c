"""The demo and the check of its result."""

import signal
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from aiotask.cli.commands.demo_check import DemoCheck
from tests.cli.commands import LONG, run, spawn, wait_until


@pytest.fixture
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the service of a demonstration less time for what is late."""
    module = sys.modules["aiotask.cli.commands.demo_stage"]
    for name, seconds in (("TIMEOUT", 0.5), ("SETTLE", 0.5), ("LATE", 0.2), ("INDEX_LAG", 0.1)):
        monkeypatch.setattr(module, f"_{name}", seconds)


@pytest.mark.usefixtures("_hasty")
def test_the_demo_needs_no_credentials_and_checks_its_result(tmp_path: Path) -> None:
    result = run("demo", "--tasks", "300", "--faults", "0.1", "--seed", "7", TMPDIR=str(tmp_path))
    assert result.exit_code == 0, result.output
    assert "$ aiotask tasks import rows.jsonl --journal rows.journal " in result.stderr
    assert "killed the import (SIGKILL) after 1" in result.stderr
    assert "running the same command again\n  resuming the job of " in result.stderr
    assert "\n  300 rows: 300 created, 0 rejected, 0 unresolved; " in result.stderr
    row = next(line for line in result.stdout.splitlines() if "created" in line)
    assert [cell.strip() for cell in row.split("│")[1:4]] == ["created", "300", "300"]
    assert "requests failed: " in result.stdout
    assert "Audit: in order" in result.stdout
    assert "no row lost, none twice" in result.stdout
    assert "aiotask sandbox" in result.stdout.splitlines()[-1]
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("_hasty")
def test_a_demo_of_one_row_without_faults_creates_it() -> None:
    result = run("demo", "--tasks", "1", "--faults", "0")
    assert "0 requests failed: 0 before the sandbox acted (none)" in result.stdout
    assert "no row lost, none twice" in result.stdout


@pytest.mark.usefixtures("_hasty")
def test_a_demo_that_does_not_finish_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    result = run("demo", "--tasks", "1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Error: the import did not finish in 5 runs\n" in result.stderr


@pytest.mark.parametrize("option", [["--tasks", "0"], ["--faults", "0.6"], ["--faults", "nan"]])
def test_a_demo_of_nothing_is_wrong_usage(option: list[str]) -> None:
    assert run("demo", *option).exit_code == 2


def test_the_check_finds_what_is_lost_and_what_is_too_much() -> None:
    fates = {1: "created", 2: "rejected", 3: "unresolved", 4: "unresolved"}
    good = DemoCheck(4, fates, Counter({1: 1, 3: 1}))  # type: ignore[arg-type]  # literals in a dict
    assert (good.lost, good.surplus) == (0, 0)
    bad = DemoCheck(6, fates, Counter({2: 1, 3: 2, 7: 1}))  # type: ignore[arg-type]  # as above
    assert (bad.lost, bad.surplus) == (3, 3)
    assert bad.verdict() == "Counted in the sandbox: 3 rows lost, 3 tasks too many."


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_ends_with_130_and_leaves_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    demo = spawn("demo", "--tasks", "100000", environment={"TMPDIR": str(tmp_path)})
    assert demo.stderr is not None
    assert demo.stderr.readline().startswith(b"100,000 tasks into a sandbox in this process")
    wait_until(lambda: bool(list(tmp_path.glob("*/rows.journal"))))
    demo.send_signal(number)
    out, told = demo.communicate(timeout=LONG)
    assert out == b""
    assert told.startswith(b"$ aiotask tasks import ")
    assert told.count(b"\n") == 1
    assert demo.returncode == 130
    # What was its child would have them open still, or make them anew.
    assert not list(tmp_path.iterdir())
    assert not children(tmp_path)


def children(folder: Path) -> list[str]:
    """Return the processes that work in a folder."""
    places = []
    for place in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            places.append(str(place.readlink()))
    return [place for place in places if place.startswith(str(folder))]
