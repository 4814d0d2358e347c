"""``aiotask tasks``: list, create, fetch, update and delete; each is one call of the client."""

import inspect
from typing import Any

import click

from aiotask.cli.client import answered, open_tasks, workspace_options
from aiotask.cli.errors import WrongUsageError
from aiotask.cli.options import field_options, given
from aiotask.cli.output import WRITERS, Writer, write_task
from aiotask.taskrouter import NewTask, TaskChanges, TaskFilter
from aiotask.taskrouter.tasks import TaskFields

# The most that a page holds: a listing for a file or a pipe wants few requests.
_PAGE_SIZE = 1000


def _notes(*shapes: type) -> str:
    return "\n\n".join(inspect.getdoc(shape) or "" for shape in shapes)


@click.group()
def tasks() -> None:
    """Tasks of a workspace."""


@tasks.command("list", epilog=_notes(TaskFilter))
@workspace_options
@field_options(TaskFilter)
@click.option("--limit", metavar="N", type=click.IntRange(min=0), help="The most tasks in all.")
@click.option(
    "--output",
    type=click.Choice(list(WRITERS)),
    default="jsonl",
    show_default=True,
    help="A table is shown when all of it is known.",
)
def list_(
    workspace: str,
    timeout: float,
    base_url: str | None,
    limit: int | None,
    output: str,
    **filters: Any,
) -> None:
    """List tasks, as they come."""
    client, there = open_tasks(workspace, timeout, base_url)
    size = _PAGE_SIZE if limit is None else max(1, min(limit, _PAGE_SIZE))

    async def listed(writer: Writer) -> None:
        listing = there.list(limit=limit, page_size=size, **given(TaskFilter, filters))
        async for page in listing.pages():
            writer.write(page.items)
        writer.finish()

    answered(client, lambda: listed(WRITERS[output]()))


@tasks.command(epilog=_notes(TaskFields, NewTask))
@workspace_options
@field_options(NewTask)
def create(workspace: str, timeout: float, base_url: str | None, **fields: Any) -> None:
    """Create a task, and print it."""
    client, there = open_tasks(workspace, timeout, base_url)
    write_task(answered(client, lambda: there.create(**given(NewTask, fields))))


@tasks.command()
@click.argument("sid")
@workspace_options
def fetch(sid: str, workspace: str, timeout: float, base_url: str | None) -> None:
    """Print a task."""
    client, there = open_tasks(workspace, timeout, base_url)
    write_task(answered(client, lambda: there.fetch(sid)))


_if_match = click.option(
    "--if-match", metavar="ETAG", help="Only if the task's ETag is still that."
)


@tasks.command(epilog=_notes(TaskFields, TaskChanges))
@click.argument("sid")
@workspace_options
@_if_match
@field_options(TaskChanges)
def update(
    sid: str,
    workspace: str,
    timeout: float,
    base_url: str | None,
    if_match: str | None,
    **fields: Any,
) -> None:
    """Change a task, and print it."""
    changes = given(TaskChanges, fields)
    if not changes:
        raise WrongUsageError("nothing to change: give one option at least")
    client, there = open_tasks(workspace, timeout, base_url)
    write_task(answered(client, lambda: there.update(sid, if_match=if_match, **changes)))


@tasks.command()
@click.argument("sid")
@workspace_options
@_if_match
def delete(
    sid: str, workspace: str, timeout: float, base_url: str | None, if_match: str | None
) -> None:
    """Delete a task."""
    client, there = open_tasks(workspace, timeout, base_url)
    answered(client, lambda: there.delete(sid, if_match=if_match))
