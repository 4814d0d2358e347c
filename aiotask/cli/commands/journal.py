"""Command ``aiotask journal show``: the state of an import, as its journal has it."""

import re
import shlex
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import click

from aiotask._checks import printable
from aiotask.bulk import (
    KEY_ATTRIBUTE,
    Entry,
    JournalSummary,
    State,
    entries_of,
    is_shared,
    place_of,
    read_summary,
)
from aiotask.bulk.journal import postgres_upkeep as upkeep
from aiotask.bulk.journal.postgres import make_tables
from aiotask.bulk.journal.postgres_reader import workers_of
from aiotask.cli.engines import TABLES_OF, make_engine_tables
from aiotask.cli.errors import WrongUsageError
from aiotask.cli.importing.counts import IMPORT, moment_text, row_counts
from aiotask.cli.lazy_group import LazyGroup
from aiotask.errors import JournalError

T = TypeVar("T")

_LAST = 5
_FAILURES = {State.REJECTED: "rejected", State.UNRESOLVED: "unresolved"}
_WORKSPACE = re.compile("WS[0-9a-fA-F]{32}")


@click.group(cls=LazyGroup)
def journal() -> None:
    """Inspect the journals of imports, and keep up shared ones."""


@journal.command()
@click.argument("url")
@click.option(
    "--engine",
    type=click.Choice([TABLES_OF]),
    help="Make the tables of this engine as well, in a schema of their own.",
)
def init(url: str, engine: str | None) -> None:
    """Make or update the tables of journals in the PostgreSQL database at URL."""
    try:
        made = make_tables(url)
        if engine is not None:
            made |= make_engine_tables(url)
    except (JournalError, ValueError) as error:
        raise WrongUsageError(str(error)) from error
    click.echo("the tables are made" if made else "the tables are there, and up to date")


@journal.command()
@click.argument("path", metavar="PATH|URL", type=click.Path())
@click.option("--job", metavar="NAME", help="Name of the import in a journal that many share.")
def show(path: str, job: str | None) -> None:
    """Show the state of the import whose journal is at PATH or URL, also while it runs."""
    if job is not None and not is_shared(path):
        raise WrongUsageError("--job: a journal in a file has one import")
    place = place_of(path, job)
    try:
        summary = read_summary(place)
        failures = _last_failures(place, summary)
        workers = workers_of(place) if is_shared(path) else None
    except JournalError as error:
        raise WrongUsageError(str(error)) from error
    ending = _next_step(path, summary) if workers is None else _workers(workers, summary)
    for line in (*_report(summary, failures), *ending):
        click.echo(printable(line))


def _of_a_job(command: Callable[..., None]) -> click.Command:
    """Return a command on one job of a shared journal."""
    named = click.option("--job", metavar="NAME", required=True, help="Name of the import.")
    return journal.command()(click.argument("url")(named(command)))


@_of_a_job
def purge(url: str, job: str) -> None:
    """Remove the rows of an import from the journal at URL, as far as they are done.

    Their outcomes stay, so that it can be shown and audited. The same import again goes past them.
    """
    removed, left = _kept_up(url, lambda: upkeep.purge(url, job))
    click.echo(f"the bodies of {removed:,} rows are removed")
    if left:
        click.echo(f"{left:,} rows are not done, and keep theirs")


@_of_a_job
def suspect(url: str, job: str) -> None:
    """Have the rows of an import looked for before any is sent: the database is a restored one.

    That is noticed by itself where another server took over, but not where a copy was put back.
    """
    _kept_up(url, lambda: upkeep.suspect(url, job))
    click.echo("rows that look untouched are looked for before they are sent, by all workers")


def _kept_up(url: str, act: Callable[[], T]) -> T:
    if not is_shared(url):
        raise WrongUsageError(f"{url!r} is not a URL of PostgreSQL: postgresql://host/database")
    try:
        return act()
    except JournalError as error:
        raise WrongUsageError(str(error)) from error


def _workers(workers: Sequence[tuple[str, int, float]], summary: JournalSummary) -> Iterator[str]:
    for owner, windows, seconds in workers:
        yield f"worker {owner} has {windows:,} windows, the first for {seconds:,.0f} s"
    if not workers:
        ended = sum(summary.rows[state] for state in State if state >= State.CREATED)
        yield "complete" if ended == summary.claimed else "not finished, and nobody works on it"


def _last_failures(path: str, summary: JournalSummary) -> list[Entry]:
    if not any(summary.rows[state] for state in _FAILURES):
        return []
    failed = (entry for entry in entries_of(path) if entry.state in _FAILURES)
    return [*deque(failed, maxlen=_LAST)]


def _report(summary: JournalSummary, failures: list[Entry]) -> Iterator[str]:
    imports = summary.verb == IMPORT
    yield f"job {summary.job}, started {moment_text(summary.started_at)}"
    yield f"tasks go to {summary.target}" if imports else f"{summary.verb} at {summary.target}"
    if not imports:
        pass
    elif summary.key_attribute is None:
        yield "tasks have no keys"
    elif summary.key_attribute != KEY_ATTRIBUTE:
        yield f"keys are in the attribute {summary.key_attribute}"
    yield row_counts(summary)
    if failures:
        yield "last rows without a task:" if imports else "last rows that failed:"
    for entry in failures:
        line = "" if entry.source_line is None else f" (line {entry.source_line})"
        yield f"  row {entry.number:,}{line} {_FAILURES[entry.state]}: {entry.error}"


def _next_step(path: str, summary: JournalSummary) -> Iterator[str]:
    imports = summary.verb == IMPORT
    workspace = _WORKSPACE.search(summary.target)
    words = ["aiotask", "tasks", "import", "FILE", "--workspace"]
    words += [workspace[0] if workspace else "WS…", "--journal", path]
    command = f"{shlex.join(words)} …" if imports else f"the same call of {summary.verb}_many"
    if summary.running:
        yield "a run has it now"
    elif summary.done + sum(summary.rows[state] for state in _FAILURES) < summary.claimed:
        yield f"not finished, and no run has it; resume with: {command}"
    else:
        yield f"complete; to import more rows: {command}" if imports else "complete"
