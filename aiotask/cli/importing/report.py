"""Messages at the start and at the end of an import, and its exit status."""

from collections.abc import Iterator

import click

from aiotask.bulk import JournalSummary
from aiotask.cli.errors import FAILED, INTERRUPTED, WRONG_USAGE, reason
from aiotask.cli.importing.counts import spans
from aiotask.cli.importing.files import Files
from aiotask.cli.importing.records import Record
from aiotask.cli.importing.resume import rest_command, same_command
from aiotask.cli.importing.run import ImportRun
from aiotask.errors import (
    AiotaskError,
    ForeignJournalError,
    InputChangedError,
    JournalError,
    JournalLockedError,
)

_HINTS = (
    (JournalLockedError, "wait until it ends: aiotask journal show tells how far it is"),
    (ForeignJournalError, "choose another --journal"),
    (InputChangedError, "put corrected rows in a new file with its own --journal"),
)


def with_hint(error: JournalError) -> str:
    """Return a journal's error with the way out of it."""
    hints = (hint for kind, hint in _HINTS if isinstance(error, kind))
    return "; ".join([str(error), *hints])


def final_report(
    ctx: click.Context,
    run: ImportRun,
    files: Files,
    summary: JournalSummary | None,
) -> Iterator[str]:
    """Yield the lines that end an import; *summary* is its journal's, if it has one."""
    if summary is not None and not (run.counts.of_this_run or run.ended_early):
        yield f"nothing to do: all {summary.claimed:,} rows are done"
    yield from run.failures.report()
    yield run.counts.summary(0 if summary is None else summary.in_doubt)
    results, rejects = files.results, files.rejects
    if results.error is not None:
        yield results.trouble()
    if (kept := rejects.report()) is not None:
        yield kept
    if run.stopped:
        yield f"stopped: {run.failures.rejected:,} rows were rejected (--stop-after)"
    incomplete = results.error is not None or rejects.error is not None
    if ctx.params["journal"] is not None:
        yield from _report_with_journal(ctx, run, summary, incomplete=incomplete)
    else:
        yield from _report_without_journal(ctx, run, incomplete=incomplete)


def _report_with_journal(
    ctx: click.Context, run: ImportRun, summary: JournalSummary | None, *, incomplete: bool
) -> Iterator[str]:
    doubt = 0 if summary is None else summary.in_doubt
    if run.cut:
        yield "ended at once; nothing is lost: the journal has every row under way"
    if doubt:
        yield f"{doubt:,} rows are in doubt: the next run settles them"
    command = same_command(ctx)
    if run.error is not None:
        yield f"stopped: {_why(run.error)}"
        yield f"fix that, then {command}"
    elif run.ended_early or incomplete:
        yield command


def _report_without_journal(
    ctx: click.Context, run: ImportRun, *, incomplete: bool
) -> Iterator[str]:
    line, left = run.counts.last_line, spans(_lines_of(run.left))
    if run.cut:
        if left:
            yield f"ended at once: lines {left} were under way and may have been {run.done}"
        yield f"all other rows up to line {line} are done"
        return
    if run.error is not None:
        untouched = f"lines {left} and all" if left else "all"
        yield f"stopped: {_why(run.error)}"
        yield f"rows done: {run.counts.rows:,}; not sent: {untouched} from line {line + 1} on"
    elif run.interrupted or run.stopped or incomplete:
        but = f", except lines {left}, which were not {run.done}" if left else ""
        yield f"all rows up to line {line} are done{but}"
    if run.interrupted or run.stopped or run.error is not None:
        yield rest_command(ctx, run.source, line + 1, run.rest)


def _lines_of(records: list[Record]) -> Iterator[int]:
    for record in records:
        yield from range(record.line, record.last + 1)


def _why(error: AiotaskError | OSError) -> str:
    return str(error) if isinstance(error, OSError) else reason(error)


def exit_status(run: ImportRun, files: Files) -> int:
    """Return the exit status of an import that has run."""
    if run.interrupted or run.cut:
        return INTERRUPTED
    if isinstance(run.error, OSError):
        return WRONG_USAGE
    incomplete = run.error or files.results.error or files.rejects.error
    return 0 if run.counts.all_done and not incomplete else FAILED
