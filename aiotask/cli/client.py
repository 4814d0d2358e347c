"""Client of the commands: the options that all of them share, and errors as exit statuses."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from aiotask._client import Client
from aiotask.cli.errors import Failure, WrongUsageError
from aiotask.cli.loop import run
from aiotask.cli.options import Number
from aiotask.errors import AiotaskError, JournalError
from aiotask.taskrouter import Tasks, WorkspaceContext

Command = TypeVar("Command", bound=Callable[..., Any])
T = TypeVar("T")

CONNECTIONS = 100
"""Requests that a client makes at once, unless a command asks for more."""
# A SID with a digit too few, or of another kind, is a mistake and no name.
_MEANT_AS_SID = re.compile("WS[0-9a-fA-F]*|[A-Z]{2}[0-9a-fA-F]{32}")
_INSECURE = f"{__name__}.allow_insecure"


def _remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    ctx.meta[_INSECURE] = value


def service_options(command: Command) -> Command:
    """Add the options that name the service."""
    for option in (
        click.option(
            "--base-url",
            metavar="URL",
            help="Send requests to this URL, such as a sandbox or a proxy, instead of Twilio; "
            "by default to AIOTASK_BASE_URL, if that is set.",
        ),
        click.option(
            "--allow-insecure",
            is_flag=True,
            expose_value=False,
            callback=_remember,
            help="Allow plain http to another machine.",
        ),
        click.option(
            "--timeout",
            metavar="SECONDS",
            type=Number(min=0, min_open=True),
            default=30.0,
            show_default=True,
            help="Seconds to wait for one answer.",
        ),
    ):
        command = option(command)
    return command


def creation_options(each: str = "") -> Callable[[Command], Command]:
    """Return a decorator that adds the options of how tasks are created; *each* ends two helps."""

    def add(command: Command) -> Command:
        for option in (
            click.option(
                "--max-in-flight",
                metavar="N",
                type=click.IntRange(min=1),
                default=CONNECTIONS,
                show_default=True,
                help=f"Send at most this many creates at once{each}.",
            ),
            click.option(
                "--max-rate",
                metavar="R",
                type=Number(min=0, min_open=True),
                help=f"Create at most this many tasks a second{each}.",
            ),
            click.option(
                "--settle",
                metavar="SECONDS",
                type=Number(min=0, min_open=True),
                default=60.0,
                show_default=True,
                help="Seconds to wait before looking for a task whose answer was lost.",
            ),
        ):
            command = option(command)
        return command

    return add


def report_option(command: Command) -> Command:
    """Add the option that asks for a report of the run."""
    return click.option(
        "--report",
        metavar="PATH",
        type=click.Path(dir_okay=False),
        help="Write a page about the run to this file, as HTML: pace, pauses, doubts, reasons.",
    )(command)


def workspace_option(*, required: bool) -> Callable[[Command], Command]:
    """Return a decorator that adds the option that names the workspace."""
    return click.option(
        "--workspace",
        metavar="SID|NAME",
        envvar="AIOTASK_WORKSPACE",
        required=required,
        help="SID (WS…) or friendly name of the workspace; by default AIOTASK_WORKSPACE.",
    )


def workspace_options(command: Command) -> Command:
    """Add the options that name the workspace and the service."""
    return workspace_option(required=True)(service_options(command))


def open_client(timeout: float, base_url: str | None, at_once: int = 1) -> Client:
    """Return a client for *at_once* requests."""
    try:
        return Client(
            base_url=base_url,
            allow_insecure=click.get_current_context().meta[_INSECURE],
            timeout=timeout,
            max_connections=max(at_once, CONNECTIONS),
        )
    except ValueError as error:
        raise WrongUsageError(str(error)) from error


def open_tasks(
    workspace: str, timeout: float, base_url: str | None, at_once: int = 1
) -> tuple[Client, Tasks]:
    """Return a client for *at_once* requests and the tasks of a workspace.

    Nothing is sent unless the workspace is given by its name.
    """
    client, context = open_workspace(workspace, timeout, base_url, at_once)
    return client, context.tasks


def open_workspace(
    workspace: str,
    timeout: float,
    base_url: str | None,
    at_once: int = 1,
    given_as: str = "--workspace",
) -> tuple[Client, WorkspaceContext]:
    """Return a client for *at_once* requests and the context of a workspace.

    Nothing is sent unless the workspace is given by its name.
    """
    client = open_client(timeout, base_url, at_once)
    if workspace and not _MEANT_AS_SID.fullmatch(workspace):
        workspace = _sid_of(client, workspace, given_as)
    try:
        return client, client.taskrouter.workspace(workspace)
    except ValueError as error:
        reason = str(error).removeprefix("sid: ")
        raise WrongUsageError(f"{given_as}: {reason}") from error


def _sid_of(client: Client, name: str, given_as: str) -> str:
    """Return the sid of the one workspace with this friendly name."""
    found = answered(client, client.taskrouter.workspaces.list(friendly_name=name).all)
    # The service may match more than it is asked for.
    sids = [each.sid for each in found if each.friendly_name == name]
    if not sids:
        raise WrongUsageError(f"{given_as}: there is no workspace {name!r}")
    if len(sids) > 1:
        which = ", ".join(sids)
        raise WrongUsageError(f"{given_as}: several are called {name!r}; give a SID: {which}")
    return sids[0]


def answered(client: Client, call: Callable[[], Awaitable[T]]) -> T:
    """Make one call and return its answer; an error ends the command."""

    async def made() -> T:
        async with client:
            return await call()

    try:
        return run(made())
    except JournalError as error:
        raise WrongUsageError(str(error)) from error
    except AiotaskError as error:
        raise Failure(str(error)) from error
    except ValueError as error:
        raise WrongUsageError(str(error)) from error
