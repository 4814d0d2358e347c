"""Work of a command that reads rows: its files, its run, and the report of that."""

import gc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from operator import attrgetter
from typing import Any

import click

from aiotask._client import Client
from aiotask.bulk import JournalSummary, Keys, Settings, is_shared, read_summary
from aiotask.cli.errors import FAILED, WrongUsageError
from aiotask.cli.importing.files import Files
from aiotask.cli.importing.input import Input, InputSettings, open_input
from aiotask.cli.importing.report import exit_status, final_report, with_hint
from aiotask.cli.importing.run import ImportRun, ImportVerb
from aiotask.cli.loop import run as run_in_loop
from aiotask.cli.warnings import warnings_said
from aiotask.errors import JournalError

# A run makes millions of objects that are in no reference cycle; the default of 700 would look
# for cycles all the time.
_COLLECTION = 100_000


def input_and_journal(files: Files, settings: InputSettings) -> tuple[Input, JournalSummary | None]:
    """Return the input and its journal's summary; both take a while where they are large."""
    with ThreadPoolExecutor(1) as thread:
        earlier = thread.submit(_summary, files.own_journal)
        return open_input(files.input, settings), earlier.result()


def change_rows(
    ctx: click.Context,
    client: Client,
    files: Files,
    reading: InputSettings,
    verb: ImportVerb,
    fields_of: Callable[[dict[str, Any]], dict[str, Any]],
    *,
    stop_after: int | None,
    max_rate: float | None,
    max_in_flight: int,
) -> None:
    """Carry out the rows of an operation that may be repeated, and report that.

    *fields_of* gives what is sent of the fields of a row.
    """
    if is_shared(files.own_journal):
        raise WrongUsageError("--journal: has to be a file")
    files.check_apart()
    with files:
        source, earlier = input_and_journal(files, reading)
        settings = Settings(
            keys=Keys(None),
            journal=files.own_journal,
            max_in_flight=max_in_flight,
            max_rate=max_rate,
            fields_of=lambda record: fields_of(source.records.fields(record)),
            fingerprint_of=attrgetter("fingerprint"),
            source_line_of=attrgetter("line"),
        )
        run = ImportRun(source, files, earlier, stop_after, verb)
        carry_out(run, client, settings)
    finish(ctx, run, files, files.own_journal)


def carry_out(run: ImportRun, client: Client, settings: Settings) -> None:
    """Carry out the rows; a WrongUsageError says why the journal cannot be used."""
    with run.display, warnings_said(run.display.say), _rare_collections():
        run_in_loop(run(client, settings))
    if run.unusable is not None:
        raise WrongUsageError(with_hint(run.unusable))


def finish(ctx: click.Context, run: ImportRun, files: Files, journal: str | None) -> None:
    """Report a run whose files are written, and end the command."""
    for line in final_report(ctx, run, files, _summary(journal)):
        run.display.say(line)
    if (reported := files.report.write()) is not None:
        run.display.say(reported)
    for error in (files.results.error, files.rejects.error):
        if isinstance(error, BrokenPipeError):
            raise error  # click ends quietly then
    if status := exit_status(run, files) or (FAILED if files.report.error else 0):
        ctx.exit(status)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Look for reference cycles less often than Python does by default."""
    before = gc.get_threshold()
    gc.set_threshold(_COLLECTION, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _summary(journal: str | None) -> JournalSummary | None:
    """Return the summary of a journal that can be read; the run reports one that cannot."""
    with suppress(JournalError):
        return read_summary(journal) if journal is not None else None
    return None
