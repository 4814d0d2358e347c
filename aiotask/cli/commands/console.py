"""Command ``aiotask console``: a page in the browser that shows workspaces."""

import click

from aiotask._client import Client
from aiotask.cli.client import open_client, open_workspace, service_options, workspace_option
from aiotask.cli.console import open_in_browser, serve_until_stopped
from aiotask.cli.errors import Failure
from aiotask.cli.loop import run
from aiotask.console import Console
from aiotask.errors import AiotaskError
from aiotask.taskrouter import WorkspaceContext


@click.command()
@workspace_option(required=False)
@service_options
@click.option(
    "--port",
    metavar="P",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port of 127.0.0.1 to serve the page on; by default a free one.",
)
@click.option("--open", "opened", is_flag=True, help="Open the page in the browser.")
@click.option(
    "--allow-changes",
    is_flag=True,
    help="Let the page create and end tasks, answer reservations and change activities.",
)
def console(
    *,
    timeout: float,
    base_url: str | None,
    workspace: str | None,
    port: int,
    opened: bool,
    allow_changes: bool,
) -> None:
    """Show a workspace in the browser, or every one of the account, until Ctrl-C.

    The page is for this machine only, and for who has the URL that is printed. It is a client of
    the API, and changes nothing unless it is allowed to.
    """
    client, context = _opened(workspace, timeout, base_url)
    run(_show(client, context, port, opened=opened, allow_changes=allow_changes))


def _opened(
    workspace: str | None, timeout: float, base_url: str | None
) -> tuple[Client, WorkspaceContext | None]:
    if workspace is None:
        return open_client(timeout, base_url), None
    return open_workspace(workspace, timeout, base_url)


async def _show(
    client: Client,
    context: WorkspaceContext | None,
    port: int,
    *,
    opened: bool,
    allow_changes: bool,
) -> None:
    def ready(url: str) -> None:
        click.echo(f"{name} at {url}, until Ctrl-C")
        if opened:
            open_in_browser(url)

    async with client:
        try:
            # A wrong workspace or token is told here, where the command was given.
            name = await _name(client, context)
        except AiotaskError as error:
            raise Failure(str(error)) from error
        await serve_until_stopped(
            Console(client, context, allow_changes=allow_changes), port, ready
        )


async def _name(client: Client, context: WorkspaceContext | None) -> str:
    workspaces = client.taskrouter.workspaces
    if context is None:
        await workspaces.list(limit=1, page_size=1).all()
        return "all workspaces"
    found = await workspaces.fetch(context.sid)
    return found.friendly_name or found.sid
