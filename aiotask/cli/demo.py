"""``aiotask demo``: many creates through injected faults, and a recount of what came of them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

import attrs
import click
import orjson
from rich.table import Table

from aiotask._client import Client
from aiotask.bulk import Outcome
from aiotask.cli.failures import FAILED, Failure
from aiotask.cli.fields import Number
from aiotask.cli.output import show_table
from aiotask.cli.progress import Display
from aiotask.cli.tally import Fate, Tally
from aiotask.errors import AiotaskError
from aiotask.sandbox import FaultKind, Sandbox
from aiotask.taskrouter import NewTask

# Some faults never answer, and a demonstration does not wait long for those.
_TIMEOUT = 1.5
_IN_FLIGHT = 100
# How many tasks a row may have in the end.
_MOST: Mapping[Fate | None, int] = {"created": 1, "rejected": 0, "unresolved": 1, None: 0}
_NEXT = (
    "Next: `aiotask sandbox` runs such a service for your own code; the README shows the client."
)


@attrs.frozen
class Recount:
    """What a run said of each of its *rows*, held against the tasks that there are afterwards."""

    rows: int
    fates: Mapping[int, Fate]
    held: Counter[int]

    @property
    def lost(self) -> int:
        """Rows without an outcome, and rows said to be created that are nowhere."""
        created = sum(fate == "created" and not self.held[row] for row, fate in self.fates.items())
        return self.rows - len(self.fates) + created

    @property
    def surplus(self) -> int:
        """Tasks that are there twice, or that should not be there at all."""
        return sum(max(0, count - _MOST[self.fates.get(row)]) for row, count in self.held.items())

    def table(self) -> Table:
        """Return the tally, beside what was found."""
        table = Table("rows", "said", "found as tasks")
        said = Counter(self.fates.values())
        for fate in ("created", "rejected", "unresolved"):
            found = sum(self.held[row] for row, known in self.fates.items() if known == fate)
            table.add_row(fate, f"{said[fate]:,}", f"{found:,}")
        table.add_section()
        table.add_row("all", f"{self.rows:,}", f"{self.held.total():,}")
        for column in table.columns[1:]:
            column.justify = "right"
        return table

    def verdict(self) -> str:
        """Return what the recount comes to."""
        if not self.lost and not self.surplus:
            return "Recounted in the sandbox: no row lost, none twice."
        return (
            f"Recounted in the sandbox: {self.lost:,} rows lost, {self.surplus:,} tasks too many."
        )


@click.command()
@click.option(
    "--tasks", "rows", metavar="N", type=click.IntRange(min=1), default=10_000, show_default=True
)
@click.option(
    "--faults",
    metavar="SHARE",
    type=Number(0, 1),
    default=0.1,
    show_default=True,
    help="The share of requests that go wrong, 0 to 1.",
)
@click.option(
    "--seed", metavar="K", type=int, help="Makes the choice of faults the same each time."
)
def demo(rows: int, faults: float, seed: int | None) -> None:
    """Create tasks in a sandbox that breaks requests on purpose, and recount them.

    Everything happens in this process: no account, no credentials and no network are needed.
    """
    sandbox = Sandbox(faults=faults, seed=seed)
    display = Display(rows)
    try:
        with display:
            recount = asyncio.run(_run(sandbox, rows, display))
    except AiotaskError as error:
        raise Failure(str(error)) from error
    show_table(recount.table())
    click.echo(_injected(sandbox.injected))
    click.echo(recount.verdict())
    click.echo(_NEXT)
    if recount.lost or recount.surplus:
        raise click.exceptions.Exit(FAILED)


async def _run(sandbox: Sandbox, rows: int, display: Display) -> Recount:
    fates: dict[int, Fate] = {}
    tally = Tally()
    share = f"{sandbox.faults.share:.0%} of requests"
    display.say(f"{rows:,} tasks to a sandbox in this process, which breaks {share}")
    async with sandbox:
        workspace = sandbox.create_workspace("Demo")
        client = Client(
            sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url, timeout=_TIMEOUT
        )
        there = client.taskrouter.workspace(workspace).tasks
        async with client:
            outcomes: AsyncIterator[Outcome[Any]] = there.create_many(
                (NewTask(attributes={"row": row}) for row in range(1, rows + 1)),
                max_in_flight=_IN_FLIGHT,
            )
            async for outcome in outcomes:
                fates[outcome.row["attributes"]["row"]] = tally.count(outcome)
                display.show(tally, tally.rows)
        held = Counter(orjson.loads(task.attributes)["row"] for task in sandbox.tasks(workspace))
    return Recount(rows, fates, held)


def _injected(faults: Counter[FaultKind]) -> str:
    """Return which faults there were, before the service acted and after."""
    parts = []
    for when, meaning in (("before", "before the service acted"), ("after", "after it had")):
        kinds = {
            kind.removeprefix(f"{when}_"): count
            for kind, count in sorted(faults.items())
            if kind.startswith(when)
        }
        named = ", ".join(f"{kind} {count}" for kind, count in kinds.items()) or "none"
        parts.append(f"{sum(kinds.values()):,} {meaning} ({named})")
    return f"{faults.total():,} requests were broken: {'; '.join(parts)}."
