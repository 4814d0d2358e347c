"""Commands ``aiotask tasks`` list, create, fetch, update and delete: one client call each.

All tasks that match are changed by :mod:`aiotask.cli.commands.matching`, and those of a file by
:mod:`aiotask.cli.commands.update_rows`.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import click

from aiotask._encoding import field_types
from aiotask.cli.client import answered, open_tasks, workspace_options
from aiotask.cli.commands.matching import (
    cancel,
    complete,
    delete_all,
    delete_options,
    picking_options,
    update_all,
    where_option,
)
from aiotask.cli.commands.update_rows import Ways, from_options, update_rows
from aiotask.cli.errors import WrongUsageError
from aiotask.cli.lazy_group import LazyGroup
from aiotask.cli.listing import list_options, write_list
from aiotask.cli.options import field_options, given, is_given
from aiotask.cli.output import write_one
from aiotask.taskrouter import NewTask, Task, TaskChanges, TaskFilter

_CHANGED = {*field_types(TaskChanges)}


@click.group(
    cls=LazyGroup,
    lazy={
        "import": "aiotask.cli.commands.import_:import_",
        "audit": "aiotask.cli.commands.audit:audit",
    },
)
def tasks() -> None:
    """Import, list, create and change the tasks of a workspace."""


@tasks.command("list")
@workspace_options
@field_options(TaskFilter)
@list_options(Task)
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
    filters = given(TaskFilter, filters)
    write_list(
        client, lambda **window: there.list(**window, **filters), Task, limit, output, fields
    )


@tasks.command()
@workspace_options
@field_options(NewTask)
def create(workspace: str, timeout: float, base_url: str | None, **fields: Any) -> None:
    """Create a task and print it as JSON."""
    client, there = open_tasks(workspace, timeout, base_url)
    write_one(answered(client, lambda: there.create(**given(NewTask, fields))))


@tasks.command()
@click.argument("sid")
@workspace_options
def fetch(sid: str, workspace: str, timeout: float, base_url: str | None) -> None:
    """Print the task SID as JSON."""
    client, there = open_tasks(workspace, timeout, base_url)
    write_one(answered(client, lambda: there.fetch(sid)))


_if_match = click.option("--if-match", metavar="ETAG", help="Act only if it still has this ETag.")


@tasks.command()
@click.argument("sid", required=False)
@workspace_options
@_if_match
@field_options(TaskChanges)
@picking_options
@from_options
@click.pass_context
def update(
    ctx: click.Context,
    /,
    sid: str | None,
    workspace: str,
    timeout: float,
    base_url: str | None,
    if_match: str | None,
    **options: Any,
) -> None:
    """Change the task SID and print it as JSON, the tasks of a file's rows, or all that match."""
    changes = given(TaskChanges, options)
    more = {name: value for name, value in options.items() if name not in _CHANGED}
    ways = Ways(sid, options["file"], options["where"])
    words = {each.name: each.opts[0] for each in ctx.command.params if each.name in more}
    ways.check(changes, if_match, {name: words[name] for name in more if is_given(ctx, name)})
    if sid is not None:
        client, there = open_tasks(workspace, timeout, base_url)
        write_one(answered(client, lambda: there.update(sid, if_match=if_match, **changes)))
        return
    at_once = more["max_in_flight"]
    chosen = ways.options(more)
    if ways.where is None:
        update_rows(ctx, lambda: open_tasks(workspace, timeout, base_url, at_once), **chosen)
    else:
        update_all(*open_tasks(workspace, timeout, base_url, at_once), changes, **chosen)


@tasks.command()
@click.argument("sid", required=False)
@workspace_options
@_if_match
@where_option
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
