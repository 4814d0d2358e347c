"""Command ``aiotask tasks import``: one task for every row of a file or a pipe."""

from collections.abc import Callable, Coroutine
from operator import attrgetter
from typing import Any

import click

from aiotask.bulk import KEY_ATTRIBUTE, Keys, Settings, is_shared, place_of
from aiotask.cli.client import creation_options, open_tasks, workspace_options
from aiotask.cli.errors import WrongUsageError
from aiotask.cli.importing.detached import load
from aiotask.cli.importing.dry_run import try_tasks
from aiotask.cli.importing.files import Files
from aiotask.cli.importing.input import Input, open_input
from aiotask.cli.importing.job import carry_out, finish, input_and_journal
from aiotask.cli.importing.options import outcome_options, reading, reading_options
from aiotask.cli.importing.records import Record
from aiotask.cli.importing.report import with_hint
from aiotask.cli.importing.row_kinds import NEW_TASKS, without_marks
from aiotask.cli.importing.run import AnyRun, ImportRun, ImportVerb
from aiotask.cli.importing.thread_rows import ThreadRows
from aiotask.cli.loop import run as run_in_loop
from aiotask.errors import JournalError
from aiotask.taskrouter import Tasks


@click.command("import")
@click.argument("file", metavar="FILE|-", type=click.Path())
@workspace_options
@click.option(
    "--journal",
    metavar="PATH|URL",
    type=click.Path(),
    help="Record the progress in this file, or in a PostgreSQL database that many share: the same "
    "command then resumes the import.",
)
@click.option("--job", metavar="NAME", help="Name of this import in a journal that many share.")
@click.option(
    "--detach",
    is_flag=True,
    help="Only load the rows into a journal that many share, for others to create the tasks.",
)
@click.option(
    "--look-first",
    is_flag=True,
    help="Look for the tasks of the journal's import before a row is sent: for a restored journal.",
)
@outcome_options
@creation_options()
@click.option(
    "--key-attribute",
    metavar="NAME",
    default=KEY_ATTRIBUTE,
    show_default=True,
    help="Put each row's key into this attribute of its task.",
)
@click.option(
    "--key-column",
    metavar="NAME",
    help="Column with a key of each row, such as the number of an order: a key gets one task in "
    "the workspace, in whichever file, order or import it comes.",
)
@reading_options
@click.pass_context
def import_(
    ctx: click.Context,
    /,
    *,
    file: str,
    workspace: str,
    timeout: float,
    base_url: str | None,
    journal: str | None,
    job: str | None,
    detach: bool,
    look_first: bool,
    results: str | None,
    rejects: str | None,
    stop_after: int | None,
    report: str | None,
    dry_run: bool,
    settle: float,
    max_rate: float | None,
    max_in_flight: int,
    key_attribute: str,
    key_column: str | None,
    **options: Any,
) -> None:
    """Create exactly one task for every row of FILE, or of standard input for -.

    Rows are JSON Lines or one JSON array of objects, whose fields are the options of the create
    command, or CSV, a workbook of Excel or Parquet with columns of their names. A file that is
    compressed with gzip or zstd is decompressed. A wrong row is reported, and the others go
    through.
    """
    if look_first and journal is None:
        raise WrongUsageError("--look-first: there is no --journal to doubt")
    _check_shared(journal, job, key_column, detach=detach)
    settings = reading(NEW_TASKS, key_column=key_column, **options)
    files = Files(file, journal, results, rejects, report, own=job is None)
    if dry_run:
        source = open_input(file, settings)
        keys = _keys(source, key_attribute, key_column)
        try_tasks(source, keys, _fields_of(source, key_attribute))
        return
    client, tasks = open_tasks(workspace, timeout, base_url, max_in_flight)
    if detach and report is not None:
        raise WrongUsageError("--report: with --detach there is no run here to tell of")
    files.check_apart()
    with files:
        source, earlier = input_and_journal(files, settings)
        run_settings = Settings(
            keys=_keys(source, key_attribute, key_column),
            journal=journal,
            job=job,
            settle=settle,
            max_in_flight=max_in_flight,
            max_rate=max_rate,
            look_first=look_first,
            fields_of=_fields_of(source, key_attribute),
            fingerprint_of=attrgetter("fingerprint"),
            source_line_of=attrgetter("line"),
        )
        if detach:
            loaded = _loaded(load(client, tasks, source, run_settings))
            click.echo(f"{loaded:,} rows are loaded: aiotask worker does them", err=True)
            return
        run = ImportRun(source, files, earlier, stop_after, _creation(tasks))
        carry_out(run, client, run_settings)
    finish(ctx, run, files, None if journal is None else place_of(journal, job))


def _creation(tasks: Tasks) -> ImportVerb:
    def begin(rows: ThreadRows[Record], settings: Settings) -> AnyRun:
        if settings.job is None:
            return tasks.creating(rows, settings)
        return tasks.sharing(rows, settings, str(settings.journal))

    return ImportVerb("created", ("created",), begin)


def _keys(source: Input, attribute: str, column: str | None) -> Keys:
    try:
        if column is None:
            return Keys(attribute)
        # A key is one task's whatever the order of the rows, and the file that they are in.
        return Keys(attribute, source.records.key, "workspace", column)
    except ValueError as error:
        source.file.close()
        raise WrongUsageError(str(error)) from error


def _fields_of(source: Input, key_attribute: str) -> Callable[[Record], dict[str, Any]]:
    return lambda record: without_marks(source.records.fields(record), key_attribute)


def _check_shared(
    journal: str | None, job: str | None, key_column: str | None, *, detach: bool
) -> None:
    """Refuse options that a journal does not have."""
    if is_shared(journal):
        if not job:
            raise WrongUsageError("--journal: many share it; name this import by --job")
        if key_column is not None:
            raise WrongUsageError("--key-column: the --journal has to be a file, or none")
    elif job is not None or detach:
        option = "--detach" if detach else "--job"
        raise WrongUsageError(f"{option}: needs a --journal that many share (postgresql://…)")


def _loaded(loading: Coroutine[Any, Any, int]) -> int:
    try:
        return run_in_loop(loading)
    except JournalError as error:
        raise WrongUsageError(with_hint(error)) from error
