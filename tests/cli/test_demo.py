"""The demonstration, and the recount that it rests on."""

import signal
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from aiotask.cli.commands.demo_check import Recount
from tests.cli.commands import LONG, run, spawn, wait_until


@pytest.fixture
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the service of a demonstration less time for what is late."""
    module = sys.modules["aiotask.cli.commands.demo"]
    for name, seconds in (("TIMEOUT", 0.5), ("SETTLE", 0.5), ("LATE", 0.2), ("INDEX_LAG", 0.1)):
        monkeypatch.setattr(module, f"_{name}", seconds)


@pytest.mark.usefixtures("_hasty")
def test_the_demo_needs_no_credentials_and_recounts_what_it_did(tmp_path: Path) -> None:
    result = run("demo", "--tasks", "300", "--faults", "0.1", "--seed", "7", TMPDIR=str(tmp_path))
    assert result.exit_code == 0, result.output
    assert "$ aiotask tasks import rows.jsonl --journal rows.journal " in result.stderr
    assert "killed it (SIGKILL) when 1" in result.stderr
    assert "the same command again\n  going on with the job of " in result.stderr
    assert "\n  300 rows: 300 created, 0 rejected, 0 unresolved; " in result.stderr
    row = next(line for line in result.stdout.splitlines() if "created" in line)
    assert [cell.strip() for cell in row.split("│")[1:4]] == ["created", "300", "300"]
    assert "requests were broken: " in result.stdout
    assert "Audit: in order" in result.stdout
    assert "no row lost, none twice" in result.stdout
    assert "aiotask sandbox" in result.stdout.splitlines()[-1]
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("_hasty")
def test_a_demo_of_one_row_without_faults_creates_it() -> None:
    result = run("demo", "--tasks", "1", "--faults", "0")
    assert "0 requests were broken: 0 before the service acted (none)" in result.stdout
    assert "no row lost, none twice" in result.stdout


@pytest.mark.usefixtures("_hasty")
def test_a_demo_that_comes_to_no_end_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    result = run("demo", "--tasks", "1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Error: the import did not come to its end in 5 runs\n" in result.stderr


@pytest.mark.parametrize("option", [["--tasks", "0"], ["--faults", "0.6"], ["--faults", "nan"]])
def test_a_demo_of_nothing_is_wrong_usage(option: list[str]) -> None:
    assert run("demo", *option).exit_code == 2


def test_a_recount_finds_what_is_lost_and_what_is_too_much() -> None:
    fates = {1: "created", 2: "rejected", 3: "unresolved", 4: "unresolved"}
    good = Recount(4, fates, Counter({1: 1, 3: 1}))  # type: ignore[arg-type]  # literals in a dict
    assert (good.lost, good.surplus) == (0, 0)
    bad = Recount(6, fates, Counter({2: 1, 3: 2, 7: 1}))  # type: ignore[arg-type]  # as above
    assert (bad.lost, bad.surplus) == (3, 3)
    assert bad.verdict() == "Recounted in the sandbox: 3 rows lost, 3 tasks too many."


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_ends_with_130_and_leaves_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    demo = spawn("demo", "--tasks", "100000", environment={"TMPDIR": str(tmp_path)})
    assert demo.stderr is not None
    assert demo.stderr.readline().startswith(b"100,000 tasks to a sandbox in this process")
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
