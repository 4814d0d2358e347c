"""Commands ``aiotask tasks`` list, create, fetch, update and delete: one client call each.

Many tasks are canceled, completed and deleted by :mod:`aiotask.cli.commands.ends`.
"""

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import click

from aiotask.cli.client import answered, open_tasks, workspace_options
from aiotask.cli.commands.ends import cancel, complete, delete_all, delete_options
from aiotask.cli.commands.task_fields import NEW_TASK, TASK_CHANGES, TASK_FILTER
from aiotask.cli.errors import WrongUsageError
from aiotask.cli.options import field_options, given, unknown_field
from aiotask.cli.output import TASK_FIELDS, WRITERS, Writer, write_task
from aiotask.taskrouter import NewTask, TaskChanges, TaskFilter

# The largest page that Twilio gives: a list for a file or a pipe should take few requests.
_PAGE_SIZE = 1000


def _task_fields(_: click.Context, __: click.Parameter, text: str | None) -> list[str] | None:
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in TASK_FIELDS:
            raise click.BadParameter(unknown_field(name, TASK_FIELDS))
        if names.count(name) > 1:
            raise click.BadParameter(f"{name} is there twice")
    return names


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
    help="Format of the list; by default a table on a terminal, and JSON Lines elsewhere.",
)
@click.option(
    "--fields",
    metavar="NAME,…",
    callback=_task_fields,
    help="Show these fields only, in this order; without it a table shows the main ones.",
)
def list_(
    workspace: str,
    timeout: float,
    base_url: str | None,
    limit: int | None,
    output: str | None,
    fields: Sequence[str] | None,
    **filters: Any,
) -> None:
    """List tasks.

    The import command reads JSON Lines and CSV of this list, and makes new tasks of them.
    """
    client, there = open_tasks(workspace, timeout, base_url)
    size = _PAGE_SIZE if limit is None else max(1, min(limit, _PAGE_SIZE))

    async def listed(writer: Writer) -> None:
        listing = there.list(limit=limit, page_size=size, **given(TaskFilter, filters))
        async for page in listing.pages():
            writer.write(page.items)
        writer.finish()

    form = output or ("table" if sys.stdout.isatty() else "jsonl")
    answered(client, lambda: listed(WRITERS[form](fields)))


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
@click.argument("sid", required=False)
@workspace_options
@_if_match
@click.option(
    "--where",
    metavar="EXPRESSION",
    help="Instead of one task, all whose attributes match this expression; 1==1 matches all.",
)
@delete_options
def delete(
    sid: str | None,
    workspace: str,
    timeout: float,
    base_url: str | None,
    if_match: str | None,
    where: str | None,
    **options: Any,
) -> None:
    """Delete the task SID, or all tasks that match, until a list shows none any more."""
    if (sid is None) == (where is None):
        raise WrongUsageError("give either a SID or --where")
    if sid is not None and any(options.values()):
        raise WrongUsageError("the options that pick tasks go with --where")
    if where is not None and if_match is not None:
        raise WrongUsageError("--if-match goes with a SID")
    client, there = open_tasks(workspace, timeout, base_url)
    if where is not None:
        delete_all(client, there, where=where, **options)
    elif sid is not None:
        answered(client, partial(there.delete, sid, if_match=if_match))


tasks.add_command(cancel)
tasks.add_command(complete)
