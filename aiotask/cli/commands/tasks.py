"""Commands ``aiotask tasks`` list, create, fetch, update and delete: one client call each."""

from typing import Any

import click

from aiotask.cli.client import answered, open_tasks, workspace_options
from aiotask.cli.commands.task_fields import NEW_TASK, TASK_CHANGES, TASK_FILTER
from aiotask.cli.errors import WrongUsageError
from aiotask.cli.options import field_options, given
from aiotask.cli.output import WRITERS, Writer, write_task
from aiotask.taskrouter import NewTask, TaskChanges, TaskFilter

# The largest page that Twilio gives: a list for a file or a pipe should take few requests.
_PAGE_SIZE = 1000


@click.group()
def tasks() -> None:
    """Import, list, create and change the tasks of a workspace."""


@tasks.command("list")
@workspace_options
@field_options(TaskFilter, TASK_FILTER)
@click.option("--limit", metavar="N", type=click.IntRange(min=0), help="List at most this many.")
@click.option(
    "--output",
    type=click.Choice(list(WRITERS)),
    default="jsonl",
    show_default=True,
    help="Format of the list; a table is shown when the list is complete.",
)
def list_(
    workspace: str,
    timeout: float,
    base_url: str | None,
    limit: int | None,
    output: str,
    **filters: Any,
) -> None:
    """List tasks."""
    client, there = open_tasks(workspace, timeout, base_url)
    size = _PAGE_SIZE if limit is None else max(1, min(limit, _PAGE_SIZE))

    async def listed(writer: Writer) -> None:
        listing = there.list(limit=limit, page_size=size, **given(TaskFilter, filters))
        async for page in listing.pages():
            writer.write(page.items)
        writer.finish()

    answered(client, lambda: listed(WRITERS[output]()))


@tasks.command()
@workspace_options
@field_options(NewTask, NEW_TASK)
def create(workspace: str, timeout: float, base_url: str | None, **fields: Any) -> None:
    """Create a task and print it as JSON."""
    client, there = open_tasks(workspace, timeout, base_url)
    write_task(answered(client, lambda: there.create(**given(NewTask, fields))))


@tasks.command()
@click.argument("sid")
@workspace_options
def fetch(sid: str, workspace: str, timeout: float, base_url: str | None) -> None:
    """Print the task SID as JSON."""
    client, there = open_tasks(workspace, timeout, base_url)
    write_task(answered(client, lambda: there.fetch(sid)))


_if_match = click.option(
    "--if-match", metavar="ETAG", help="Act only if the task still has this ETag."
)


@tasks.command()
@click.argument("sid")
@workspace_options
@_if_match
@field_options(TaskChanges, TASK_CHANGES)
def update(
    sid: str,
    workspace: str,
    timeout: float,
    base_url: str | None,
    if_match: str | None,
    **fields: Any,
) -> None:
    """Change the task SID and print it as JSON."""
    changes = given(TaskChanges, fields)
    if not changes:
        raise WrongUsageError("nothing to change: give at least one field")
    client, there = open_tasks(workspace, timeout, base_url)
    write_task(answered(client, lambda: there.update(sid, if_match=if_match, **changes)))


@tasks.command()
@click.argument("sid")
@workspace_options
@_if_match
def delete(
    sid: str, workspace: str, timeout: float, base_url: str | None, if_match: str | None
) -> None:
    """Delete the task SID."""
    client, there = open_tasks(workspace, timeout, base_url)
    answered(client, lambda: there.delete(sid, if_match=if_match))
