"""Client of the commands: the options that all of them share, and errors as exit statuses."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from aiotask._client import Client
from aiotask.cli.errors import Failure, WrongUsageError
from aiotask.cli.loop import run
from aiotask.cli.options import Number
from aiotask.errors import AiotaskError, JournalError
from aiotask.taskrouter import Tasks

Command = TypeVar("Command", bound=Callable[..., Any])
T = TypeVar("T")

CONNECTIONS = 100
"""Requests that a client makes at once, unless a command asks for more."""
_INSECURE = f"{__name__}.allow_insecure"


def _remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    ctx.meta[_INSECURE] = value


def workspace_options(command: Command) -> Command:
    """Add the options that name the workspace and the service."""
    for option in (
        click.option(
            "--base-url",
            metavar="URL",
            help="Send requests to this URL, such as a sandbox or a proxy, instead of Twilio.",
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
        click.option("--workspace", metavar="SID", required=True, help="The workspace (WS…)."),
    ):
        command = option(command)
    return command


def open_tasks(
    workspace: str, timeout: float, base_url: str | None, at_once: int = 1
) -> tuple[Client, Tasks]:
    """Return a client for *at_once* requests and the tasks of a workspace; send nothing."""
    try:
        client = Client(
            base_url=base_url,
            allow_insecure=click.get_current_context().meta[_INSECURE],
            timeout=timeout,
            max_connections=max(at_once, CONNECTIONS),
        )
    except ValueError as error:
        raise WrongUsageError(str(error)) from error
    try:
        return client, client.taskrouter.workspace(workspace).tasks
    except ValueError as error:
        reason = str(error).removeprefix("sid: ")
        raise WrongUsageError(f"--workspace: {reason}") from error


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
