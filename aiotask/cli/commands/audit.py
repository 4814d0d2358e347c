"""Command ``aiotask tasks audit``: the tasks of an import compared with its journal."""

from collections.abc import Iterator, Sequence

import click

from aiotask.bulk import Audit, Finding, State
from aiotask.cli.client import answered, open_tasks, workspace_options
from aiotask.cli.errors import FAILED
from aiotask.cli.importing.counts import moment_text

_MOST_LINES = 20
_NAMES = {
    State.PENDING: "waiting",
    State.IN_FLIGHT: "in doubt",
    State.ACCEPTED_WITHOUT_SID: "accepted without a sid",
    State.UNDELIVERED: "created, not delivered",
    State.CREATED: "created",
    State.REJECTED: "rejected",
    State.UNRESOLVED: "unresolved",
    State.EXISTING: "existing already",
    State.UPDATED: "updated",
    State.UNCHANGED: "unchanged",
    State.DELETED: "deleted",
}


@click.command("audit")
@workspace_options
@click.option(
    "--journal", metavar="PATH|URL", type=click.Path(), required=True, help="The import's journal."
)
@click.option("--job", metavar="NAME", help="Name of the import in a journal that many share.")
@click.option("--fix", is_flag=True, help="Cancel each second task of a row that is still pending.")
@click.pass_context
def audit(
    ctx: click.Context,
    *,
    workspace: str,
    timeout: float,
    base_url: str | None,
    journal: str,
    job: str | None,
    fix: bool,
) -> None:
    """Compare the tasks of an import with its journal.

    Exit status: 0 if every row has exactly the task that the journal says, and 1 if not.
    """
    client, there = open_tasks(workspace, timeout, base_url)
    result = answered(client, lambda: there.audit(journal, job=job, fix=fix))
    for line in report(result):
        click.echo(line)
    if not result.in_order:
        ctx.exit(FAILED)


def report(result: Audit) -> Iterator[str]:
    """Yield the lines that report an audit."""
    rows = [(_NAMES[state], count) for state, count in result.rows.items() if count]
    by_state = ", ".join(f"{count:,} {name}" for name, count in rows)
    yield f"rows: {sum(result.rows.values()):,}" + (f": {by_state}" if by_state else "")
    ended = f", and {result.ended:,} that only events tell of" if result.ended else ""
    yield f"tasks: {result.found:,}{ended}"
    yield from _findings(
        "missing", "created according to the journal, but not found", result.missing
    )
    yield from _findings("twice", "rows with more than one task", result.twice)
    yield from _findings(
        "wrong", "rows with another task than the journal names, which stands first", result.wrong
    )
    yield from _findings(
        "unexpected", "tasks of rows that have none according to the journal", result.unexpected
    )
    yield from _findings("foreign", "tasks of the import that belong to no row", result.foreign)
    if result.open:
        yield f"{result.open:,} rows are not finished: resume the import first"
    yield _reach(result)
    yield "in order: every row is as the journal says" if result.in_order else "not in order"


def _reach(result: Audit) -> str:
    """Return how far back the audit can see, and what that leaves open."""
    if result.seen_since is None:
        seen = "the service gives no events: seen is what is listed"
    else:
        since = moment_text(result.seen_since.timestamp())
        seen = f"seen is every task that was created since {since}"
    if not result.unseen:
        return seen
    return f"{seen}; {result.unseen:,} rows may have had other tasks before, which nothing shows"


def _findings(name: str, meaning: str, found: Sequence[Finding]) -> Iterator[str]:
    if not found:
        return
    yield f"{name}: {len(found):,} ({meaning})"
    for finding in found[:_MOST_LINES]:
        row = [] if finding.row is None else [f"row {finding.row:,}"]
        key = [] if finding.key is None else [f"key {finding.key}"]
        tasks = [f"{copy.sid} (canceled)" if copy.canceled else copy.sid for copy in finding.copies]
        yield f"  {', '.join([*row, *key, *tasks])}"
    if len(found) > _MOST_LINES:
        yield f"  ... and {len(found) - _MOST_LINES:,} more"
