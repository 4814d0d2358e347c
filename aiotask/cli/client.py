"""Client of the commands: the options that all of them share, and errors as exit statuses."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from aiotask._client import Client
from aiotask._retry import RetryPolicy
from aiotask.cli.errors import Failure, WrongUsageError
from aiotask.cli.loop import run
from aiotask.cli.oauth_app import given_app
from aiotask.cli.options import Number
from aiotask.cli.profiles import Profile, chosen
from aiotask.errors import AiotaskError, JournalError
from aiotask.taskrouter import Tasks, WorkspaceContext

Command = TypeVar("Command", bound=Callable[..., Any])
T = TypeVar("T")

CONNECTIONS = 100
"""Requests that a client makes at once, unless a command asks for more."""
# A SID with a digit too few, or of another kind, is a mistake and no name.
_MEANT_AS_SID = re.compile("WS[0-9a-fA-F]*|[A-Z]{2}[0-9a-fA-F]{32}")
AS_EVER = RetryPolicy()
ONE_ATTEMPT = RetryPolicy(attempts=1)
_CONNECTING = f"{__name__}.connecting"
_IN_FORCE = f"{__name__}.profile"


def _remember(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    connecting(ctx)[option.name or ""] = value


def connecting(ctx: click.Context) -> dict[str, Any]:
    """Return the options of how the service is reached, which commands do not get one by one."""
    options: dict[str, Any] = ctx.meta.setdefault(_CONNECTING, {})
    return options


def profile_in_force() -> Profile | None:
    """Return the profile that the options, or the environment, name, if there is one."""
    ctx = click.get_current_context()
    if _IN_FORCE not in ctx.meta:  # a secret is asked for once
        options = connecting(ctx)
        app = given_app(options.get("client_id"), options.get("client_secret_file"))
        ctx.meta[_IN_FORCE] = chosen(options.get("profile"), app)
    profile: Profile | None = ctx.meta[_IN_FORCE]
    return profile


def given_insecure() -> bool:
    """Tell whether plain http to another machine is allowed."""
    allowed: bool = connecting(click.get_current_context())["allow_insecure"]
    return allowed


def insecure_option(command: Command) -> Command:
    """Add the option that allows plain http."""
    return click.option(
        "--allow-insecure",
        is_flag=True,
        expose_value=False,
        callback=_remember,
        help="Allow plain http to another machine.",
    )(command)


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
            "--profile",
            metavar="NAME",
            is_eager=True,
            expose_value=False,
            callback=_remember,
            help="Use the credentials that were kept under this name by login; "
            "by default those of the environment, or AIOTASK_PROFILE.",
        ),
        click.option(
            "--client-id",
            metavar="ID",
            is_eager=True,
            expose_value=False,
            callback=_remember,
            help="Use this OAuth app of Twilio, whose access tokens are renewed; its secret is "
            "TWILIO_CLIENT_SECRET, or asked for.",
        ),
        click.option(
            "--client-secret-file",
            metavar="PATH",
            is_eager=True,
            expose_value=False,
            callback=_remember,
            help="Read the secret of the OAuth app from this file.",
        ),
        insecure_option,
        click.option(
            "--proxy",
            metavar="URL",
            expose_value=False,
            callback=_remember,
            help="Go through this forward proxy, such as http://user:password@host:3128; with "
            "--trust-env, the password does not show in the list of processes.",
        ),
        click.option(
            "--trust-env",
            is_flag=True,
            expose_value=False,
            callback=_remember,
            help="Go through the proxy of HTTPS_PROXY, but for the hosts of NO_PROXY, with "
            "credentials from .netrc where the variable has none.",
        ),
        click.option(
            "--ca-bundle",
            metavar="PATH",
            expose_value=False,
            callback=_remember,
            help="Trust the authorities in this PEM file, or directory, instead of the system's.",
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


def workspace_option(*, required: bool, of_profile: bool = True) -> Callable[[Command], Command]:
    """Return a decorator that adds the option that names the workspace."""

    def chosen_for(ctx: click.Context, option: click.Parameter, value: str | None) -> str | None:
        profile = profile_in_force() if value is None and of_profile else None
        workspace = value if profile is None else profile.workspace
        if workspace is None and required:
            raise click.MissingParameter(ctx=ctx, param=option)
        return workspace

    return click.option(
        "--workspace",
        metavar="SID|NAME",
        envvar="AIOTASK_WORKSPACE",
        callback=chosen_for,
        help="SID (WS…) or friendly name of the workspace; by default AIOTASK_WORKSPACE, or that "
        "of the profile.",
    )


def workspace_options(command: Command) -> Command:
    """Add the options that name the workspace and the service."""
    return workspace_option(required=True)(service_options(command))


def open_client(
    timeout: float, base_url: str | None, at_once: int = 1, retry: RetryPolicy = AS_EVER
) -> Client:
    """Return a client for *at_once* requests."""
    profile = profile_in_force()
    options = connecting(click.get_current_context())
    try:
        given: dict[str, Any] = profile.credentials | profile.place if profile else {}
        if base_url is not None:
            given["base_url"] = base_url
        return Client(
            **given,
            allow_insecure=options["allow_insecure"],
            proxy=options.get("proxy"),
            trust_env=options.get("trust_env", False),
            ssl=options.get("ca_bundle"),
            timeout=timeout,
            retry=retry,
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
