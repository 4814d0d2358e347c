"""Command ``aiotask tasks import``: one task for every row of a file or a pipe."""

import gc
import os
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from operator import attrgetter
from typing import Any, get_args

import click

from aiotask.bulk import (
    KEY_ATTRIBUTE,
    JournalSummary,
    Keys,
    Settings,
    is_shared,
    place_of,
    read_summary,
)
from aiotask.cli.client import creation_options, open_tasks, report_option, workspace_options
from aiotask.cli.errors import FAILED, WrongUsageError
from aiotask.cli.importing.detached import load
from aiotask.cli.importing.input import (
    STANDARD_INPUT,
    Format,
    Input,
    InputSettings,
    open_input,
)
from aiotask.cli.importing.listed_tasks import without_marks
from aiotask.cli.importing.output_file import STANDARD_OUTPUT
from aiotask.cli.importing.rejects import Rejects
from aiotask.cli.importing.report import exit_status, final_report, with_hint
from aiotask.cli.importing.results import Results
from aiotask.cli.importing.row_ranges import RowRanges
from aiotask.cli.importing.run import ImportRun
from aiotask.cli.importing.stream import is_encoding
from aiotask.cli.loop import run as run_in_loop
from aiotask.cli.progress import Display
from aiotask.cli.run_report import RunReport
from aiotask.cli.warnings import warnings_said
from aiotask.errors import JournalError

# A run makes millions of objects that are in no reference cycle; the default of 700 would look
# for cycles all the time.
_COLLECTION = 100_000


def _delimiter(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    delimiter = "\t" if text in {"tab", "\\t"} else text
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise click.BadParameter(f"must be one character, or tab, not {text!r}")
    return delimiter


def _encoding(_: click.Context, __: click.Parameter, name: str | None) -> str | None:
    if name is not None and not is_encoding(name):
        raise click.BadParameter(f"{name!r} is not an encoding of text")
    return name


def _rows(_: click.Context, __: click.Parameter, text: str | None) -> RowRanges | None:
    try:
        return None if text is None else RowRanges.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


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
@click.option(
    "--results",
    metavar="PATH",
    type=click.Path(),
    help="Write every row's outcome to this file as JSON Lines, or to standard output for -.",
)
@click.option(
    "--rejects",
    metavar="PATH",
    type=click.Path(),
    help="Write the rejected rows to this file as they came, or to standard output for -.",
)
@click.option(
    "--stop-after",
    metavar="N",
    type=click.IntRange(min=1),
    help="Stop when this many rows were rejected.",
)
@report_option
@creation_options()
@click.option(
    "--key-attribute",
    metavar="NAME",
    default=KEY_ATTRIBUTE,
    show_default=True,
    help="Put each row's key into this attribute of its task.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(get_args(Format)),
    help="Format of the input; by default its ending and its first character decide.",
)
@click.option(
    "--delimiter",
    metavar="CHAR",
    callback=_delimiter,
    help="Character between the cells of CSV, or tab; by default the header decides.",
)
@click.option(
    "--encoding",
    metavar="NAME",
    callback=_encoding,
    help="Encoding of the input; by default it is UTF-8.",
)
@click.option(
    "--rows",
    metavar="RANGES",
    callback=_rows,
    help="Import these rows of the input only, such as 3,5-9,120-.",
)
@click.pass_context
def import_(
    ctx: click.Context,
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
    settle: float,
    max_rate: float | None,
    max_in_flight: int,
    key_attribute: str,
    form: Format | None,
    delimiter: str | None,
    encoding: str | None,
    rows: RowRanges | None,
) -> None:
    """Create exactly one task for every row of FILE, or of standard input for -.

    Rows are JSON Lines or one JSON array of objects, whose fields are the options of the create
    command, or CSV with a header of their names. A file in .gz is decompressed. A wrong row is
    reported, and the others go through.
    """
    if look_first and journal is None:
        raise WrongUsageError("--look-first: there is no --journal to doubt")
    _check_shared(journal, job, detach=detach)
    client, tasks = open_tasks(workspace, timeout, base_url, max_in_flight)
    _check_apart(file, journal, results, rejects, report)
    if detach and report is not None:
        raise WrongUsageError("--report: with --detach there is no run here to tell of")
    told = RunReport(report)
    reading = InputSettings(form=form, delimiter=delimiter, encoding=encoding, rows=rows)
    # A run on a shared journal tells every outcome of the job, and needs no other's memory.
    own = journal if job is None else None
    with Results(results, own) as written, Rejects(rejects, own) as rejected:
        source, earlier = _open_input_and_journal(file, reading, own)
        settings = Settings(
            keys=_keys(key_attribute),
            journal=journal,
            job=job,
            settle=settle,
            max_in_flight=max_in_flight,
            max_rate=max_rate,
            look_first=look_first,
            fields_of=lambda record: without_marks(source.records.fields(record), key_attribute),
            fingerprint_of=attrgetter("fingerprint"),
            source_line_of=attrgetter("line"),
        )
        if detach:
            loaded = _loaded(load(client, tasks, source, settings))
            click.echo(f"{loaded:,} rows are loaded: aiotask worker does them", err=True)
            return
        display = Display(source.lines, data_follows=STANDARD_OUTPUT in {results, rejects})
        run = ImportRun(source, written, rejected, display, earlier, stop_after, told)
        with display, warnings_said(display.say), _rare_collections():
            run_in_loop(run(client, tasks, settings))
        if run.unusable is not None:
            raise WrongUsageError(with_hint(run.unusable))
    for line in final_report(ctx, run, source, written, rejected, _summary(_place(journal, job))):
        display.say(line)
    if (reported := told.write()) is not None:
        display.say(reported)
    for error in (written.error, rejected.error):
        if isinstance(error, BrokenPipeError):
            raise error  # click ends quietly then
    ctx.exit(exit_status(run, written, rejected) or (FAILED if told.error else 0))


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Look for reference cycles less often than Python does by default."""
    before = gc.get_threshold()
    gc.set_threshold(_COLLECTION, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _keys(attribute: str) -> Keys:
    try:
        return Keys(attribute)
    except ValueError as error:
        raise WrongUsageError(str(error)) from error


def _check_apart(
    file: str,
    journal: str | None,
    results: str | None,
    rejects: str | None,
    report: str | None,
) -> None:
    """Refuse paths of which one would overwrite the other."""
    if results == rejects == STANDARD_OUTPUT:
        raise WrongUsageError("--rejects -: the results go to standard output")
    for option, path, other, what in (
        ("results", results, file, "input"),
        ("rejects", rejects, file, "input"),
        ("journal", journal, file, "input"),
        ("results", results, journal, "journal"),
        ("rejects", rejects, journal, "journal"),
        ("rejects", rejects, results, "results"),
        ("report", report, file, "input"),
        ("report", report, journal, "journal"),
        ("report", report, results, "results"),
        ("report", report, rejects, "rejects"),
    ):
        if path and other and STANDARD_INPUT not in {path, other} and _same(path, other):
            raise WrongUsageError(f"--{option} {path}: that is the {what}")


def _same(path: str, other: str) -> bool:
    with suppress(OSError):
        return os.path.samefile(path, other)  # noqa: PTH121 - of two names, neither is special
    return os.path.realpath(path) == os.path.realpath(other)


def _open_input_and_journal(
    file: str, reading: InputSettings, journal: str | None
) -> tuple[Input, JournalSummary | None]:
    """Return the input and its journal's summary; both take a while where they are large."""
    with ThreadPoolExecutor(1) as thread:
        earlier = thread.submit(_summary, journal)
        return open_input(file, reading), earlier.result()


def _check_shared(journal: str | None, job: str | None, *, detach: bool) -> None:
    """Refuse options that a journal does not have."""
    if is_shared(journal):
        if not job:
            raise WrongUsageError("--journal: many share it; name this import by --job")
    elif job is not None or detach:
        option = "--detach" if detach else "--job"
        raise WrongUsageError(f"{option}: needs a --journal that many share (postgresql://…)")


def _loaded(loading: Coroutine[Any, Any, int]) -> int:
    try:
        return run_in_loop(loading)
    except JournalError as error:
        raise WrongUsageError(with_hint(error)) from error


def _place(journal: str | None, job: str | None) -> str | None:
    return None if journal is None else place_of(journal, job)


def _summary(journal: str | None) -> JournalSummary | None:
    """Return the summary of a journal that can be read; the run reports one that cannot."""
    with suppress(JournalError):
        return read_summary(journal) if journal is not None else None
    return None
