"""Commands ``aiotask workers`` import and export: all workers of a workspace, in a file."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import click

from aiotask._checks import printable, shortened
from aiotask._client import Client
from aiotask._encoding import encode
from aiotask.bulk import Rejected, Unresolved
from aiotask.bulk.temporary import temporary_database, temporary_files
from aiotask.cli.client import answered, open_workspace, workspace_options
from aiotask.cli.errors import FAILED, Failure, WrongUsageError, reason
from aiotask.cli.importing.dry_run import try_changes
from aiotask.cli.importing.files import Files
from aiotask.cli.importing.input import InputError, InputSettings, open_input
from aiotask.cli.importing.job import change_rows
from aiotask.cli.importing.options import (
    change_options,
    outcome_options,
    reading,
    reading_options,
)
from aiotask.cli.importing.records import Record
from aiotask.cli.importing.row_kinds import ACTIVITY_NAME, WORKERS
from aiotask.cli.importing.run import ImportVerb
from aiotask.cli.lazy_group import LazyGroup
from aiotask.cli.output import WRITERS, Writer
from aiotask.taskrouter import Activity, NewWorker, Worker, WorkspaceContext

_PAGE = 1000
_PORTION = 1000
_MOST_REASONS = 10
_EXPORTED = ("friendly_name", "activity_name", "attributes")
_NAME = "friendly_name"
_TABLES = """
CREATE TABLE named (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE gone (number INTEGER PRIMARY KEY, sid TEXT);
"""


@click.group(cls=LazyGroup)
def workers() -> None:
    """Import, export, list and change the workers of a workspace."""


@workers.command("export")
@workspace_options
@click.option(
    "--output",
    type=click.Choice([form for form in WRITERS if form != "table"]),
    default="csv",
    show_default=True,
    help="Format of the list.",
)
def export_workers(workspace: str, timeout: float, base_url: str | None, output: str) -> None:
    """Print the names, activities and attributes of all workers, as the import command reads them.

    Activities are named, so that another workspace can have the workers, too.
    """
    client, there = open_workspace(workspace, timeout, base_url)

    async def written(writer: Writer) -> None:
        async for page in there.workers.list(page_size=_PAGE).pages():
            writer.write(page.items)
        writer.finish()

    answered(client, lambda: written(WRITERS[output](Worker, _EXPORTED)))


@workers.command("import")
@click.argument("file", metavar="FILE|-", type=click.Path())
@workspace_options
@click.option("--prune", is_flag=True, help="Delete all workers that are not in FILE.")
@click.option("--yes", is_flag=True, help="Do not ask before workers are deleted.")
@outcome_options
@change_options
@reading_options
@click.pass_context
def import_workers(
    ctx: click.Context,
    /,
    *,
    file: str,
    workspace: str,
    timeout: float,
    base_url: str | None,
    prune: bool,
    yes: bool,
    journal: str | None,
    results: str | None,
    rejects: str | None,
    report: str | None,
    stop_after: int | None,
    dry_run: bool,
    max_rate: float | None,
    max_in_flight: int,
    **options: Any,
) -> None:
    """Create the workers of FILE, or of standard input for -, or change them to be as it says.

    A worker is known by its friendly_name; the other columns are activity_name or activity_sid, and
    attributes. What a row does not have stays as it is, and nothing is sent for a worker that is so
    already. Formats are those of the import of tasks.
    """
    settings = reading(WORKERS, **options)
    if dry_run:
        try_changes(open_input(file, settings), _check, lambda fields: _folded(fields[_NAME]))
        return
    if prune:
        partly = options["rows"] is not None or options["limit"] is not None
        _check_prune(file, partly=partly, yes=yes)
    with Others() as others:
        if prune:
            others.read(file, settings)
        client, there = open_workspace(workspace, timeout, base_url, max_in_flight)
        activities = answered(client, lambda: Activities.of(there))
        change_rows(
            ctx,
            client,
            Files(file, journal, results, rejects, report),
            settings,
            ImportVerb("changed", ("created", "updated", "unchanged"), there.workers.upserting),
            activities.named_in,
            stop_after=stop_after,
            max_rate=max_rate,
            max_in_flight=max_in_flight,
        )
        if prune:
            others.delete(client, there, yes=yes, max_rate=max_rate)


def _folded(name: str | None) -> str:
    """Return what is the same for names that are the same to the service."""
    return (name or "").casefold()


def _check(fields: dict[str, Any]) -> None:
    encode(NewWorker, {name: value for name, value in fields.items() if name != ACTIVITY_NAME})


def _check_prune(file: str, *, partly: bool, yes: bool) -> None:
    if not Path(file).is_file():
        raise WrongUsageError("--prune: reads FILE twice, so that has to be a file")
    if partly:
        raise WrongUsageError("--prune: needs all rows, so it goes without --rows and --limit")
    if not yes and not sys.stdin.isatty():
        raise WrongUsageError("--prune: there is no terminal to ask on: give --yes")


class Activities:
    """Activities of a workspace by their names; some may have the same."""

    def __init__(self, found: Iterable[Activity]) -> None:
        self._sids: set[str] = set()
        self._named: dict[str | None, list[str]] = {}
        for each in found:
            self._sids.add(each.sid)
            self._named.setdefault(each.friendly_name, []).append(each.sid)

    @classmethod
    async def of(cls, workspace: WorkspaceContext) -> Self:
        """Read the activities of a workspace."""
        return cls(await workspace.activities.list(page_size=_PAGE).all())

    def named_in(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Return fields with the sid of an activity in place of its name.

        A sid beside the name goes before, if the workspace has it.
        """
        if ACTIVITY_NAME not in fields:
            return fields
        name = fields[ACTIVITY_NAME]
        others = {field: value for field, value in fields.items() if field != ACTIVITY_NAME}
        if others.get("activity_sid") in self._sids:
            return others
        sids = self._named.get(name, [])
        if len(sids) != 1:
            many = "several activities are" if sids else "no activity of the workspace is"
            raise ValueError(f"{ACTIVITY_NAME}: {many} called {shortened(name)}")
        return {**others, "activity_sid": sids[0]}


class Others:
    """Workers that a file does not name; their number is no matter of memory."""

    def __enter__(self) -> Self:
        self._database = temporary_database(_TABLES)
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def read(self, file: str, settings: InputSettings) -> None:
        """Read the names of a file; all its rows have to be right."""
        source, count = open_input(file, settings), 0

        def put(portion: list[Record]) -> None:
            nonlocal count
            for record in portion:
                try:
                    fields = source.records.fields(record)
                    _check(fields)
                except (TypeError, ValueError) as error:
                    why = f"{source.name}:{record.line}: {error}"
                    raise WrongUsageError(
                        f"{why}; with --prune, all rows have to be right"
                    ) from error
                self._execute("INSERT OR IGNORE INTO named VALUES (?)", _folded(fields[_NAME]))
                count += 1

        try:
            source.read(put)
        except InputError as error:
            raise WrongUsageError(str(error)) from error
        if not count:
            raise WrongUsageError(f"--prune: {source.name} has no rows, and would leave no worker")

    def _execute(self, statement: str, *values: Any) -> Any:
        with temporary_files("the list of workers", "kept"):
            return self._database.execute(statement, values)

    def delete(
        self, client: Client, there: WorkspaceContext, *, yes: bool, max_rate: float | None
    ) -> None:
        """Delete those that the workspace has, once that is agreed to."""
        answered(client, lambda: self._find(there))
        (count,) = self._execute("SELECT count(*) FROM gone").fetchone()
        if not count:
            click.echo("no other workers", err=True)
            return
        what = "1 worker who is" if count == 1 else f"{count:,} workers who are"
        if not yes and not click.confirm(f"Delete {what} not in the file?", err=True):
            raise Failure("no worker was deleted")
        counts = answered(client, lambda: self._delete(there, max_rate))
        text = ", ".join(f"{number:,} {kind}" for kind, number in counts.items())
        click.echo(f"{counts.total():,} other workers: {text}", err=True)
        if counts.total() != counts["deleted"]:
            click.get_current_context().exit(FAILED)

    async def _find(self, there: WorkspaceContext) -> None:
        async for worker in there.workers.list(page_size=_PAGE):
            known = self._execute(
                "SELECT 1 FROM named WHERE name = ?", _folded(worker.friendly_name)
            )
            if known.fetchone() is None:
                self._execute("INSERT INTO gone (sid) VALUES (?)", worker.sid)

    async def _delete(self, there: WorkspaceContext, max_rate: float | None) -> Counter[str]:
        counts: Counter[str] = Counter()
        async for outcome in there.workers.delete_many(self._gone(), max_rate=max_rate):
            kind = type(outcome).__name__.lower()
            counts[kind] += 1
            if isinstance(outcome, Rejected | Unresolved) and counts[kind] <= _MOST_REASONS:
                click.echo(f"{outcome.row} {kind}: {printable(reason(outcome.error))}", err=True)
        return counts

    def _gone(self) -> Iterator[str]:
        last = 0
        query = "SELECT number, sid FROM gone WHERE number > ? ORDER BY number LIMIT ?"
        while portion := self._execute(query, last, _PORTION).fetchall():
            yield from (sid for _, sid in portion)
            last = portion[-1][0]
