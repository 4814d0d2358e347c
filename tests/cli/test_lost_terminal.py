"""Imports whose terminal or reader of messages is gone: they go on to their end."""

import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import (
    LONG,
    Service,
    lines,
    numbers,
    outcomes,
    service,
    spawn,
    wait_until,
)
from tests.sweeps import sweep

ROWS = 30


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


def closed_terminal() -> tuple[int, Callable[[], None]]:
    """Give a terminal, and a function that closes it: each write to it is an error then."""
    leader, follower = os.openpty()
    os.set_blocking(leader, False)

    def close() -> None:
        with suppress(BlockingIOError):
            os.read(leader, 2**16)
        os.close(leader)

    return follower, close


def left_pipe() -> tuple[int, Callable[[], None]]:
    reading, writing = os.pipe()
    return writing, lambda: os.close(reading)


def full_disk() -> tuple[int, Callable[[], None]]:
    return os.open("/dev/full", os.O_WRONLY), lambda: None


@pytest.mark.parametrize(
    ("gone", "wrong", "journaled"),
    sweep(
        [
            (closed_terminal, "", True),
            (left_pipe, "nonsense\n", True),
            (full_disk, "nonsense\n", False),
            (closed_terminal, "nonsense\n", False),
            (left_pipe, "", False),
            (full_disk, "", True),
        ],
        usual=3,
    ),
)
def test_an_import_goes_on_when_nobody_reads_its_messages(
    local: Service,
    tmp_path: Path,
    gone: Callable[[], tuple[int, Callable[[], None]]],
    wrong: str,
    *,
    journaled: bool,
) -> None:
    results = tmp_path / "results.jsonl"
    stream, leave = gone()
    options = ["--results", str(results)]
    options += ["--journal", str(tmp_path / "journal")] if journaled else []
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": stream, "stderr": stream}
    run = local.spawn("tasks", "import", "-", *options, **pipes)
    os.close(stream)
    assert run.stdin is not None
    *first, last = lines(ROWS).splitlines(keepends=True)
    run.stdin.write("".join(first).encode())
    run.stdin.flush()
    wait_until(lambda: len(local.tasks()) == len(first))
    leave()
    with run.stdin:
        run.stdin.write((wrong + last).encode())
    assert run.wait(LONG) == int(bool(wrong))
    assert numbers(local) == Counter(range(1, ROWS + 1))
    fates = Counter(row["outcome"] for row in outcomes(results).values())
    assert fates == Counter({"created": ROWS, "rejected": 1} if wrong else {"created": ROWS})


@pytest.mark.parametrize("gone", [closed_terminal, left_pipe, full_disk])
def test_wrong_usage_has_its_exit_status_when_nobody_reads_why(
    gone: Callable[[], tuple[int, Callable[[], None]]],
) -> None:
    stream, leave = gone()
    leave()
    run = spawn("tasks", "import", "--nonsense", stdout=subprocess.DEVNULL, stderr=stream)
    os.close(stream)
    assert run.wait(LONG) == 2
