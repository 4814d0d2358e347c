"""Commands ``aiotask workspace`` export, plan, apply and diff: a workspace as a document."""

import sys
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import click

from aiotask._checks import printable
from aiotask._client import Client
from aiotask.blueprint import Change, Plan, diff, export
from aiotask.blueprint.applying import carried_out
from aiotask.blueprint.document import contents_of, rows_of
from aiotask.blueprint.planning import planned, warned
from aiotask.cli.client import (
    answered,
    open_workspace,
    service_options,
    workspace_option,
    workspace_options,
)
from aiotask.cli.documents import is_file, json_text, read_document, yaml_text
from aiotask.cli.errors import FAILED, Failure, WrongUsageError
from aiotask.cli.lazy_group import LazyGroup
from aiotask.taskrouter import WorkspaceContext

_TEXTS = {"yaml": yaml_text, "json": json_text}

_prune = click.option(
    "--prune",
    is_flag=True,
    help="Delete what is not in FILE, of the kinds that FILE has; without it that is left alone.",
)


@click.group(cls=LazyGroup)
def workspace() -> None:
    """Export, compare and set up a workspace as a document of names."""


@workspace.command("export")
@click.argument("name", metavar="[WS]", required=False)
@service_options
@workspace_option(required=False)
@click.option("--workers", is_flag=True, help="Export the workers, too.")
@click.option(
    "--output",
    type=click.Choice(list(_TEXTS)),
    default="yaml",
    show_default=True,
    help="Format of the document.",
)
def export_(
    name: str | None,
    workspace: str | None,
    timeout: float,
    base_url: str | None,
    workers: bool,
    output: str,
) -> None:
    """Print the activities, task channels, queues and workflows of the workspace WS.

    WS is a SID or a friendly name, and may be given as --workspace instead. The document has names
    in place of SIDs, so that plan and apply take it for any workspace, and sandbox --fill as well.
    """
    chosen = name or workspace
    if chosen is None:
        raise WrongUsageError("name the workspace: WS, or --workspace")
    given_as = "--workspace" if name is None else "WS"
    client, there = open_workspace(chosen, timeout, base_url, given_as=given_as)
    document = answered(client, lambda: export(there, workers=workers))
    click.echo(_TEXTS[output](document).encode(), nl=False)


@workspace.command()
@click.argument("file")
@workspace_options
@_prune
@click.pass_context
def plan(
    ctx: click.Context,
    *,
    file: str,
    workspace: str,
    timeout: float,
    base_url: str | None,
    prune: bool,
) -> None:
    """Show the changes that make the workspace what FILE says; nothing is changed.

    FILE is YAML, or JSON in a file whose name ends in .json; - is standard input. What it leaves
    out is left alone, and listed. Warnings about what will never work go to standard error.

    Exit status: 0 if there is no difference, 1 if there are differences, 2 for any error.
    """
    document = _document(file)

    async def found(there: WorkspaceContext) -> Any:
        return await warned(there, document, await planned(there, document, prune=prune))

    try:
        client, there = open_workspace(workspace, timeout, base_url)
        result = answered(client, lambda: found(there))
    except Failure as error:
        raise WrongUsageError(error.message) from error
    _show(result, result.left)
    _warn(result)
    if result:
        ctx.exit(FAILED)


@workspace.command()
@click.argument("file")
@workspace_options
@_prune
@click.option("--yes", is_flag=True, help="Do not ask before the changes are made.")
def apply(
    *, file: str, workspace: str, timeout: float, base_url: str | None, prune: bool, yes: bool
) -> None:
    """Make the workspace what FILE says.

    FILE is as for plan. On a terminal the changes are shown, and made once they are agreed to;
    without a terminal --yes is needed. An application that was broken off goes on when the same
    command is given again.
    """
    if not yes and (file == "-" or not sys.stdin.isatty()):
        raise WrongUsageError("there is no terminal to ask on: give --yes to make the changes")
    document = _document(file)
    client, there = open_workspace(workspace, timeout, base_url)

    async def read() -> Any:
        found = await planned(there, document, prune=prune)
        return found, await warned(there, document, found)

    found, changes = answered(client, read)
    if not yes or not changes:
        _show(changes, changes.left)
    _warn(changes)
    if not changes:
        return
    if not yes and not click.confirm(f"Make {_counted(len(changes))}?", err=True):
        raise Failure("nothing was changed")
    done = 0

    async def make() -> None:
        nonlocal done
        async with aclosing(carried_out(there, found)) as making:
            async for change in making:
                done += 1
                click.echo(f"{change.action}d {change.kind} {printable(change.name)}")

    try:
        answered(client, make)
    except Failure as error:
        message = (
            f"{error.message}; {done} of {_counted(len(changes))} made: give the command again"
        )
        raise Failure(message) from error


@workspace.command("diff")
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@service_options
@click.pass_context
def diff_(ctx: click.Context, *, old: str, new: str, timeout: float, base_url: str | None) -> None:
    """Show the changes that lead from A to B.

    A and B are files as for plan, or workspaces by SID or friendly name. Kinds that one of them
    leaves out are not compared.

    Exit status: 0 if there is no difference, 1 if there are differences, 2 for any error.
    """
    try:
        documents = {each: _document(each) for each in (old, new) if is_file(each)}
        workers = not documents or any(
            "workers" in contents_of(each) for each in documents.values()
        )
        for each in (old, new):
            if each not in documents:
                place = "A" if each == old else "B"
                client, there = open_workspace(each, timeout, base_url, given_as=place)
                documents[each] = _exported(client, there, workers=workers)
    except Failure as error:
        raise WrongUsageError(error.message) from error
    changes = diff(documents[old], documents[new])
    _show(changes)
    if changes:
        ctx.exit(FAILED)


def _exported(client: Client, there: WorkspaceContext, *, workers: bool) -> Any:
    return answered(client, lambda: export(there, workers=workers))


def _document(file: str) -> Any:
    document = read_document(file)
    try:
        rows_of(document)
    except ValueError as error:
        raise WrongUsageError(f"{file}: {error}") from error
    return document


def _show(changes: Sequence[Change], left: Sequence[Change] = ()) -> None:
    for change in changes:
        click.echo(f"{change.action} {change.kind} {printable(change.name)}")
        for line in change.lines():
            click.echo(f"    {printable(line)}")
    for change in left:
        click.echo(f"leave {change.kind} {printable(change.name)}")
    actions = [change.action for change in changes]
    counts = [f"{actions.count(each)} to {each}" for each in dict.fromkeys(actions)]
    click.echo(f"{_counted(len(changes))}: {', '.join(counts)}" if changes else "no difference")


def _warn(plan: Plan) -> None:
    for warning in plan.warnings:
        click.echo(f"Warning: {printable(warning)}", err=True)


def _counted(number: int) -> str:
    return f"{number} change" if number == 1 else f"{number} changes"
