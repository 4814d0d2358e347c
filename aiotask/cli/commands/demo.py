"""Command ``aiotask demo``: an import through injected faults, killed, resumed and checked."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from aiotask.bulk import Audit, SharedJournal
from aiotask.cli.commands.audit import report
from aiotask.cli.commands.demo_check import DemoCheck
from aiotask.cli.commands.demo_import import ImportDemonstration
from aiotask.cli.commands.demo_stage import Stage, new_sandbox
from aiotask.cli.commands.demo_workers import WorkersDemonstration, look_at
from aiotask.cli.errors import FAILED, INTERRUPTED, Failure, WrongUsageError
from aiotask.cli.loop import run
from aiotask.cli.options import Number
from aiotask.cli.output import show_table
from aiotask.cli.progress import Display
from aiotask.cli.signals import stop_signals
from aiotask.errors import AiotaskError, JournalError
from aiotask.sandbox import FaultKind

_ROWS = 10_000
# Each kill costs a lease and a look besides.
_ROWS_OF_WORKERS = 5_000
_WORKERS = 3
_MOST_WORKERS = 16
_NEXT = "Next: aiotask sandbox runs such a service for your own code; the README shows the client."


@click.command()
@click.option(
    "--tasks",
    "rows",
    metavar="N",
    type=click.IntRange(min=1),
    help=f"Number of tasks to import; by default {_ROWS:,}, with --journal {_ROWS_OF_WORKERS:,}.",
)
@click.option(
    "--faults",
    metavar="SHARE",
    type=Number(0, 0.5),
    default=0.1,
    show_default=True,
    help="Share of requests that fail, 0 to 0.5.",
)
@click.option(
    "--seed", metavar="K", type=int, help="Choose the same faults in each run with this seed."
)
@click.option(
    "--journal",
    metavar="URL",
    help="Have several workers do it, whose journal is in this PostgreSQL database.",
)
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(1, _MOST_WORKERS),
    help=f"Number of workers that share the --journal, each killed once; by default {_WORKERS}.",
)
def demo(
    *,
    rows: int | None,
    faults: float,
    seed: int | None,
    journal: str | None,
    workers: int | None,
) -> None:
    """Import into a faulty sandbox, kill the import and resume it.

    At the end it counts the tasks. The sandbox runs in this process: the demo needs no account,
    no credentials and no network. With a --journal that many share, it kills one worker after the
    other while others go on; nothing of that stays in the journal.
    """
    if workers is not None and journal is None:
        raise WrongUsageError("--workers: needs a --journal that many share (postgresql://…)")
    shared = None if journal is None else _usable(journal)
    if rows is None:
        rows = _ROWS if shared is None else _ROWS_OF_WORKERS
    # Workers do all jobs of an account: those of another demo are another one's.
    sandbox = new_sandbox(faults, seed, f"AC{secrets.token_hex(16)}")
    display = Display(rows)
    try:
        with TemporaryDirectory(prefix="aiotask-demo-") as folder, display:
            stage = Stage(sandbox, rows, Path(folder), display)
            check, audit = run(_carried_out(stage, shared, workers or _WORKERS))
    except AiotaskError as error:
        raise Failure(str(error)) from error
    except asyncio.CancelledError:
        raise click.exceptions.Exit(INTERRUPTED) from None
    show_table(check.table())
    click.echo(f"{sandbox.refused:,} requests exceeded the rate and were refused (429).")
    click.echo(_injected(sandbox.injected))
    for line in report(audit):
        click.echo(f"Audit: {line}")
    click.echo(check.verdict())
    click.echo(_NEXT)
    if check.lost or check.surplus or not audit.in_order:
        raise click.exceptions.Exit(FAILED)


def _usable(url: str) -> SharedJournal:
    """Return the journal at a URL, which can be opened."""
    try:
        journal = SharedJournal(url)
        run(look_at(journal))
    except (JournalError, ValueError) as error:
        raise WrongUsageError(str(error)) from error
    return journal


async def _carried_out(
    stage: Stage, journal: SharedJournal | None, workers: int
) -> tuple[DemoCheck, Audit]:
    """Run the demo and return its results; a signal cancels it."""
    async with stage.sandbox as sandbox:
        workspace = sandbox.create_workspace("Demo")
        demonstration: Coroutine[Any, Any, tuple[DemoCheck, Audit]]
        if journal is None:
            demonstration = ImportDemonstration(stage).run(workspace)
        else:
            demonstration = WorkersDemonstration(stage, journal, workers).run(workspace)
        steps = asyncio.ensure_future(demonstration)
        with stop_signals(lambda: _cancel(steps)):
            return await steps


def _cancel(task: asyncio.Future[Any]) -> None:
    task.cancel()


def _injected(faults: Counter[FaultKind]) -> str:
    """Return the injected faults by when they struck."""
    parts = []
    for when, meaning in (
        ("before", "before the sandbox acted"),
        ("after", "after it acted"),
        ("late", "before it acted late"),
    ):
        kinds = {
            kind.removeprefix(f"{when}_"): count
            for kind, count in sorted(faults.items())
            if kind.startswith(when)
        }
        named = ", ".join(f"{kind} {count}" for kind, count in kinds.items()) or "none"
        parts.append(f"{sum(kinds.values()):,} {meaning} ({named})")
    return f"{faults.total():,} requests failed: {'; '.join(parts)}."
