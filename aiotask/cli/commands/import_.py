"""``aiotask tasks import``: a task for every row of a file or a pipe, and word of every other."""

import asyncio
import gc
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from operator import attrgetter

import click

from aiotask.bulk import KEY_ATTRIBUTE, JournalSummary, Keys, Settings, read_summary
from aiotask.cli.client import CONNECTIONS, open_tasks, workspace_options
from aiotask.cli.errors import FAILED, INTERRUPTED, WRONG_USAGE, WrongUsageError, reason
from aiotask.cli.importing.counts import counts, moment_text, spans
from aiotask.cli.importing.input import STANDARD_INPUT, Input, open_input
from aiotask.cli.importing.records import FORMATS, Record
from aiotask.cli.importing.results import STANDARD_OUTPUT, Results
from aiotask.cli.importing.resume import rest_command, same_command
from aiotask.cli.importing.run import ImportRun
from aiotask.cli.options import Number
from aiotask.cli.progress import Display
from aiotask.errors import (
    AiotaskError,
    ForeignJournalError,
    InputChangedError,
    JournalError,
    JournalLockedError,
)

_HINTS = (
    (JournalLockedError, "wait for its end: `aiotask journal show` tells how far it is"),
    (ForeignJournalError, "choose another --journal"),
    (InputChangedError, "rows that are corrected go into a file and a journal of their own"),
)
_COLLECTION = 100_000  # things made


@click.command("import")
@click.argument("file", metavar="FILE|-", type=click.Path())
@workspace_options
@click.option(
    "--journal",
    metavar="PATH",
    type=click.Path(),
    help="A file that knows how far the import is: the same command again goes on from there.",
)
@click.option(
    "--results",
    metavar="PATH",
    type=click.Path(),
    help="JSON Lines of every row's outcome; or -. With a journal, those of earlier runs too.",
)
@click.option(
    "--settle",
    metavar="SECONDS",
    type=Number(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="How long after a lost answer its task is looked for.",
)
@click.option(
    "--max-rate", metavar="R", type=Number(min=0, min_open=True), help="The most creates a second."
)
@click.option(
    "--max-in-flight",
    metavar="N",
    type=click.IntRange(min=1),
    default=CONNECTIONS,
    show_default=True,
    help="The most creates at once.",
)
@click.option(
    "--key-attribute",
    metavar="NAME",
    default=KEY_ATTRIBUTE,
    show_default=True,
    help="The attribute that a row's key is put in.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(list(FORMATS)),
    help="Otherwise by the file's ending, and JSON Lines where that tells nothing.",
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
    results: str | None,
    settle: float,
    max_rate: float | None,
    max_in_flight: int,
    key_attribute: str,
    format_: str | None,
) -> None:
    """Create exactly one task for every row of FILE, or of standard input.

    Rows are JSON Lines of `create`'s fields, or CSV with a header. A row that is wrong is
    reported, and the others go through.
    """
    client, tasks = open_tasks(workspace, timeout, base_url, max_in_flight)
    _check_apart(file, journal, results)
    with Results(results, journal) as written:
        given, earlier = _looked_at(file, format_, journal)
        settings = Settings(
            keys=_keys(key_attribute),
            journal=journal,
            settle=settle,
            max_in_flight=max_in_flight,
            max_rate=max_rate,
            fields_of=given.records.fields,
            fingerprint_of=attrgetter("print"),
            source_line_of=attrgetter("line"),
        )
        display = Display(given.lines, data_follows=results == STANDARD_OUTPUT)
        if earlier is not None and not earlier.running:
            display.say(_welcome(earlier))
        run = ImportRun(given, written, display, earlier)
        with display, _few_collections():
            asyncio.run(run(client, tasks, settings))
        if run.unusable is not None:
            raise WrongUsageError(_with_hint(run.unusable))
    for line in _closing(ctx, run, given, written):
        display.say(line)
    if isinstance(written.error, BrokenPipeError):
        raise written.error  # click ends quietly then
    ctx.exit(_status(run, written))


@contextmanager
def _few_collections() -> Iterator[None]:
    """Look for circles of garbage seldom: a run makes millions of things that are in none."""
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


def _check_apart(file: str, journal: str | None, results: str | None) -> None:
    """Refuse paths of which one would overwrite the other."""
    for option, path, other, what in (
        ("results", results, file, "input"),
        ("journal", journal, file, "input"),
        ("results", results, journal, "journal"),
    ):
        if path and other and STANDARD_INPUT not in {path, other} and _same(path, other):
            raise WrongUsageError(f"--{option} {path}: that is the {what}")


def _same(path: str, other: str) -> bool:
    with suppress(OSError):
        return os.path.samefile(path, other)  # noqa: PTH121 - of two names, neither is special
    return os.path.realpath(path) == os.path.realpath(other)


def _looked_at(
    file: str, format_: str | None, journal: str | None
) -> tuple[Input, JournalSummary | None]:
    """Open the input, and see how far its job is; both take their time where they are large."""
    with ThreadPoolExecutor(1) as thread:
        earlier = thread.submit(_standing, journal)
        return open_input(file, format_), earlier.result()


def _standing(journal: str | None) -> JournalSummary | None:
    """Return where a job stands that may have begun; what is wrong with it, the run will find."""
    with suppress(JournalError):
        return read_summary(journal) if journal is not None else None
    return None


def _welcome(earlier: JournalSummary) -> str:
    return f"going on with the job of {moment_text(earlier.started_at)}: {counts(earlier)}"


def _with_hint(error: JournalError) -> str:
    hints = (hint for kind, hint in _HINTS if isinstance(error, kind))
    return "; ".join([str(error), *hints])


def _closing(ctx: click.Context, run: ImportRun, given: Input, written: Results) -> Iterator[str]:
    """Yield what there is to say when a run is over."""
    journal: str | None = ctx.params["journal"]
    standing = _standing(journal)
    if standing is not None and not (run.tally.of_this_run or run.ended_early):
        yield f"nothing to do: all {standing.claimed:,} rows were done already"
    yield run.tally.summary(0 if standing is None else standing.in_doubt)
    if written.error is not None:
        yield written.trouble()
    if journal is not None:
        yield from _closing_with_journal(ctx, run, written, standing)
    else:
        yield from _closing_without(ctx, run, given, written)


def _closing_with_journal(
    ctx: click.Context, run: ImportRun, written: Results, standing: JournalSummary | None
) -> Iterator[str]:
    doubt = 0 if standing is None else standing.in_doubt
    if run.cut:
        yield "ended at once, and nothing is lost by that: the journal has every row under way"
    if doubt:
        yield f"{doubt:,} rows are in doubt: the next run finds out what became of them"
    same = same_command(ctx)
    if run.error is not None:
        yield f"stopped: {_why(run.error)}; once that is put right, go on by {same}"
    elif run.ended_early or written.error is not None:
        yield f"the same command goes on: {same}"


def _closing_without(
    ctx: click.Context, run: ImportRun, given: Input, written: Results
) -> Iterator[str]:
    line, left = run.tally.last_line, spans(_lines_of(run.left))
    if run.cut:
        if left:
            yield f"ended at once: lines {left} were under way, and may have been created"
        yield f"all other rows up to line {line} are done"
        return
    if run.error is not None:
        untouched = f"lines {left} and all" if left else "all"
        yield f"stopped: {_why(run.error)}"
        yield f"rows done: {run.tally.rows:,}; untouched: {untouched} from line {line + 1} on"
    elif run.interrupted or written.error is not None:
        but = f" but lines {left}, of which nothing was created," if left else ""
        yield f"all rows up to line {line}{but} are done"
    if run.interrupted:
        yield rest_command(ctx, given, line + 1, run.left)


def _lines_of(records: list[Record]) -> Iterator[int]:
    for record in records:
        yield from range(record.line, record.last + 1)


def _why(error: AiotaskError | OSError) -> str:
    return str(error) if isinstance(error, OSError) else reason(error)


def _status(run: ImportRun, written: Results) -> int:
    if run.interrupted or run.cut:
        return INTERRUPTED
    if run.error is not None or written.error is not None:
        return WRONG_USAGE if isinstance(run.error, OSError) else FAILED
    return 0 if run.tally.all_created else FAILED
