"""The demonstration, and the recount that it rests on."""

import signal
from collections import Counter

import pytest
from cli_rig import LONG, run, spawn

from aiotask.cli.demo import Recount


def test_the_demo_needs_no_credentials_and_recounts_what_it_did() -> None:
    result = run("demo", "--tasks", "300", "--faults", "0.2", "--seed", "7")
    assert result.exit_code == 0
    assert "no row lost, none twice" in result.stdout
    assert "requests were broken: " in result.stdout
    assert "300" in result.stdout
    assert "aiotask sandbox" in result.stdout.splitlines()[-1]


def test_a_demo_without_faults_creates_every_row() -> None:
    result = run("demo", "--tasks", "20", "--faults", "0")
    assert "0 requests were broken: 0 before the service acted (none)" in result.stdout
    row = next(line for line in result.stdout.splitlines() if "created" in line)
    assert [cell.strip() for cell in row.split("│")[1:4]] == ["created", "20", "20"]


@pytest.mark.parametrize("option", [["--tasks", "0"], ["--faults", "1.1"], ["--faults", "nan"]])
def test_a_demo_of_nothing_is_wrong_usage(option: list[str]) -> None:
    assert run("demo", *option).exit_code == 2


def test_a_recount_finds_what_is_lost_and_what_is_too_much() -> None:
    fates = {1: "created", 2: "rejected", 3: "unresolved", 4: "unresolved"}
    good = Recount(4, fates, Counter({1: 1, 3: 1}))  # type: ignore[arg-type]  # literals in a dict
    assert (good.lost, good.surplus) == (0, 0)
    bad = Recount(6, fates, Counter({2: 1, 3: 2, 7: 1}))  # type: ignore[arg-type]  # as above
    assert (bad.lost, bad.surplus) == (3, 3)
    assert bad.verdict() == "Recounted in the sandbox: 3 rows lost, 3 tasks too many."


def test_an_interrupted_demo_ends_with_130() -> None:
    demo = spawn("demo", "--tasks", "1000000")
    assert demo.stderr is not None
    assert demo.stderr.readline().startswith(b"1,000,000 tasks to a sandbox in this process")
    demo.send_signal(signal.SIGINT)
    assert demo.communicate(timeout=LONG) == (b"", b"")
    assert demo.returncode == 130
