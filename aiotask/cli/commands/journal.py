"""``aiotask journal show``: where an import stands, by its journal."""

import re
import shlex
from collections import deque
from collections.abc import Iterator

import click

from aiotask.bulk import KEY_ATTRIBUTE, Entry, JournalSummary, State, entries_of, read_summary
from aiotask.cli.errors import WrongUsageError, printable
from aiotask.cli.importing.counts import counts, moment_text
from aiotask.errors import JournalError

_LAST = 5
_FAILURES = {State.REJECTED: "rejected", State.UNRESOLVED: "unresolved"}
_WORKSPACE = re.compile("WS[0-9a-fA-F]{32}")


@click.group()
def journal() -> None:
    """Journals of imports."""


@journal.command()
@click.argument("path", type=click.Path())
def show(path: str) -> None:
    """Show where the import stands whose journal is at PATH; it may be running."""
    try:
        standing = read_summary(path)
        failures = _last_failures(path, standing)
    except JournalError as error:
        raise WrongUsageError(str(error)) from error
    for line in _report(path, standing, failures):
        click.echo(printable(line))


def _last_failures(path: str, standing: JournalSummary) -> list[Entry]:
    if not any(standing.rows[state] for state in _FAILURES):
        return []
    failed = (entry for entry in entries_of(path) if entry.state in _FAILURES)
    return [*deque(failed, maxlen=_LAST)]


def _report(path: str, standing: JournalSummary, failures: list[Entry]) -> Iterator[str]:
    workspace = _WORKSPACE.search(standing.target)
    yield f"job {standing.job}, begun {moment_text(standing.started_at)}"
    yield f"tasks go to {standing.target}"
    if standing.key_attribute is None:
        yield "tasks have no keys"
    elif standing.key_attribute != KEY_ATTRIBUTE:
        yield f"keys are in the attribute {standing.key_attribute}"
    yield counts(standing)
    if failures:
        yield "last of those that became no task:"
    for entry in failures:
        place = "" if entry.source_line is None else f" (line {entry.source_line})"
        yield f"  row {entry.number:,}{place} {_FAILURES[entry.state]}: {entry.error}"
    command = ["aiotask", "tasks", "import", "FILE", "--workspace"]
    command += [workspace[0] if workspace else "WS…", "--journal", path]
    goes_on = f"what began it goes on with it: {shlex.join(command)} …"
    if standing.running:
        yield "a run has it now"
    elif standing.created + sum(standing.rows[state] for state in _FAILURES) < standing.claimed:
        yield f"not finished, and no run has it; {goes_on}"
    else:
        yield f"no row is open; should its input have more, {goes_on}"
