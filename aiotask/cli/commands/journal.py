"""Command ``aiotask journal show``: the state of an import, as its journal has it."""

import re
import shlex
from collections import deque
from collections.abc import Iterator

import click

from aiotask._checks import printable
from aiotask.bulk import KEY_ATTRIBUTE, Entry, JournalSummary, State, entries_of, read_summary
from aiotask.bulk.journal.postgres import make_tables
from aiotask.cli.errors import WrongUsageError
from aiotask.cli.importing.counts import moment_text, row_counts
from aiotask.errors import JournalError

_LAST = 5
_FAILURES = {State.REJECTED: "rejected", State.UNRESOLVED: "unresolved"}
_WORKSPACE = re.compile("WS[0-9a-fA-F]{32}")


@click.group()
def journal() -> None:
    """Inspect the journals of imports, and make the tables of shared ones."""


@journal.command()
@click.argument("url")
def init(url: str) -> None:
    """Make or update the tables of journals in the PostgreSQL database at URL."""
    try:
        made = make_tables(url)
    except (JournalError, ValueError) as error:
        raise WrongUsageError(str(error)) from error
    click.echo("the tables are made" if made else "the tables are there, and up to date")


@journal.command()
@click.argument("path", type=click.Path())
def show(path: str) -> None:
    """Show the state of the import whose journal is at PATH, also while it runs."""
    try:
        summary = read_summary(path)
        failures = _last_failures(path, summary)
    except JournalError as error:
        raise WrongUsageError(str(error)) from error
    for line in _report(path, summary, failures):
        click.echo(printable(line))


def _last_failures(path: str, summary: JournalSummary) -> list[Entry]:
    if not any(summary.rows[state] for state in _FAILURES):
        return []
    failed = (entry for entry in entries_of(path) if entry.state in _FAILURES)
    return [*deque(failed, maxlen=_LAST)]


def _report(path: str, summary: JournalSummary, failures: list[Entry]) -> Iterator[str]:
    workspace = _WORKSPACE.search(summary.target)
    yield f"job {summary.job}, started {moment_text(summary.started_at)}"
    yield f"tasks go to {summary.target}"
    if summary.key_attribute is None:
        yield "tasks have no keys"
    elif summary.key_attribute != KEY_ATTRIBUTE:
        yield f"keys are in the attribute {summary.key_attribute}"
    yield row_counts(summary)
    if failures:
        yield "last rows without a task:"
    for entry in failures:
        line = "" if entry.source_line is None else f" (line {entry.source_line})"
        yield f"  row {entry.number:,}{line} {_FAILURES[entry.state]}: {entry.error}"
    words = ["aiotask", "tasks", "import", "FILE", "--workspace"]
    words += [workspace[0] if workspace else "WS…", "--journal", path]
    command = f"{shlex.join(words)} …"
    if summary.running:
        yield "a run has it now"
    elif summary.created + sum(summary.rows[state] for state in _FAILURES) < summary.claimed:
        yield f"not finished, and no run has it; resume with: {command}"
    else:
        yield f"complete; to import more rows: {command}"
