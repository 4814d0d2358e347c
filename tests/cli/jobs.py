"""Imports with a journal and results, each in its own directory."""

import json
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from tests.cli.commands import (
    LONG,
    Service,
    run,
)

SETTLE = ("--settle", "1", "--timeout", "1")


class Job:
    """The files and the command of one import."""

    def __init__(self, folder: Path, rows: str = "", name: str = "rows.jsonl") -> None:
        self.file = folder / name
        self.file.write_text(rows)
        self.journal = folder / "rows.journal"
        self.results = folder / "results.jsonl"
        self.options = ["--journal", str(self.journal), "--results", str(self.results), *SETTLE]
        self.words = ["tasks", "import", str(self.file), *self.options]

    def told(self) -> list[dict[str, Any]]:
        """Return the results: those of all finished rows, in order."""
        told = [json.loads(line) for line in self.results.read_text().splitlines()]
        assert [row["row"] for row in told] == sorted({row["row"] for row in told})
        return told

    def fates(self) -> Counter[str]:
        return Counter(row["outcome"] for row in self.told())


def show(job: Job) -> str:
    shown = run("journal", "show", str(job.journal))
    assert shown.exit_code == 0
    return shown.stdout


def fed(local: Service, job: Job, rows: str) -> "subprocess.Popen[bytes]":
    """Start an import from a pipe that stays open after these rows."""
    running = local.spawn("tasks", "import", "-", *job.options, stdin=subprocess.PIPE)
    assert running.stdin is not None
    running.stdin.write(rows.encode())
    running.stdin.flush()
    return running


def ended(running: "subprocess.Popen[bytes]", number: signal.Signals) -> str:
    running.send_signal(number)
    running.wait(LONG)
    return running.communicate()[1].decode()


def shown(job: Job) -> str:
    """Return what ``journal show`` says of a journal that may not exist yet."""
    return run("journal", "show", str(job.journal)).stdout
