"""``aiotask tasks import``: a task for every row of a file or a pipe, and word of every other."""

import asyncio
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
from click.core import ParameterSource

from aiotask.cli.connection import open_tasks, workspace_options
from aiotask.cli.failures import FAILED, INTERRUPTED, WRONG_USAGE, WrongUsageError, reason
from aiotask.cli.import_run import ImportRun
from aiotask.cli.progress import Display
from aiotask.cli.results import STANDARD_OUTPUT, Results
from aiotask.cli.rows import FORMATS
from aiotask.cli.source import STANDARD_INPUT, Source, open_source
from aiotask.cli.tally import spans


@click.command("import")
@click.argument("file", metavar="FILE|-", type=click.Path())
@workspace_options
@click.option(
    "--results", metavar="PATH", type=click.Path(), help="JSON Lines of every row's outcome; or -."
)
@click.option(
    "--max-in-flight", metavar="N", type=click.IntRange(min=1), help="Creates at once: 50."
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
    file: str,
    workspace: str,
    timeout: float,
    base_url: str | None,
    results: str | None,
    max_in_flight: int | None,
    format_: str | None,
) -> None:
    """Create a task for every row of FILE, or of standard input.

    Rows are JSON Lines of `create`'s fields, or CSV with a header. A row that is wrong is
    reported, and the others go through.
    """
    client, tasks = open_tasks(workspace, timeout, base_url, max_in_flight or 1)
    if results and results != STANDARD_OUTPUT and Path(results).resolve() == Path(file).resolve():
        raise WrongUsageError(f"--results {results}: that is the input")
    with Results(results) as written:
        source = open_source(file, format_)
        display = Display(source.size, data_follows=results == STANDARD_OUTPUT)
        run = ImportRun(source, written, display)
        with display:
            asyncio.run(run(client, tasks, max_in_flight))
    for line in _closing(run, written):
        display.say(line)
    if run.interrupted and not run.cut:
        display.say(_resumption(ctx, source, run.tally.last_line + 1))
    if isinstance(written.error, BrokenPipeError):
        raise written.error  # click ends quietly then
    ctx.exit(_status(run, written))


def _closing(run: ImportRun, written: Results) -> Iterator[str]:
    """Yield what there is to say when a run is over."""
    yield run.tally.summary()
    line = run.tally.last_line
    under_way = [f"lines {spans(run.tally.under_way)}"] if run.tally.under_way else []
    if written.error is not None:
        yield written.trouble()
    if run.cut:
        if under_way:
            yield f"ended at once: {under_way[0]} were under way, and may have been created"
        yield f"all other rows up to line {line} are done"
    elif run.error is not None:
        untouched = " and ".join([*under_way, f"all from line {line + 1} on"])
        yield f"stopped: {run.error if isinstance(run.error, OSError) else reason(run.error)}"
        yield f"rows done: {run.tally.rows:,}; untouched: {untouched}"
    elif run.interrupted or written.error is not None:
        yield f"all rows up to line {line} are done"


def _resumption(ctx: click.Context, source: Source, line: int) -> str:
    """Return how to go on at *line*."""
    if source.name != ctx.params["file"]:
        return f"go on with what follows, from line {line}"
    name = shlex.quote(source.name)
    rest = f"tail -n +{line} {name}"
    if source.format == "csv":
        rest = f"{{ head -n 1 {name}; {rest}; }}"
    words = ["aiotask", "tasks", "import", STANDARD_INPUT]
    for parameter in ctx.command.params:
        given = parameter.name or ""
        if given in {"file", "results", "format_"}:
            continue
        if ctx.get_parameter_source(given) is ParameterSource.COMMANDLINE:
            words += [parameter.opts[0], *([str(ctx.params[given])] if given in ctx.params else [])]
    results = ctx.params["results"]
    if results is not None:
        words += ["--results", results if results == STANDARD_OUTPUT else f"{results}.rest"]
    if source.format == "csv":
        words += ["--format", "csv"]
    return f"go on with the rest: {rest} | {shlex.join(words)}"


def _status(run: ImportRun, written: Results) -> int:
    if run.interrupted or run.cut:
        return INTERRUPTED
    if run.error is not None or written.error is not None:
        return WRONG_USAGE if isinstance(run.error, OSError) else FAILED
    return 0 if run.tally.all_created else FAILED
