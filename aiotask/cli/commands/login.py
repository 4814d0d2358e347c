"""Command ``aiotask login``: credentials under a name."""

from typing import Any

import click

from aiotask._client import Client
from aiotask.cli.client import ONE_ATTEMPT, answered, given_insecure, insecure_option
from aiotask.cli.errors import WrongUsageError
from aiotask.cli.profiles import DEFAULT, Profile, profiles_file, save


@click.command()
@click.option(
    "--profile",
    "name",
    metavar="NAME",
    default=DEFAULT,
    show_default=True,
    help="Name to keep them under.",
)
@click.option("--account-sid", metavar="AC…", help="SID of the account; asked for by default.")
@click.option(
    "--api-key",
    metavar="SK…",
    help="SID of an API key, whose secret is asked for instead of the account's auth token.",
)
@click.option(
    "--client-id",
    metavar="ID",
    help="Id of an OAuth app, whose secret is asked for instead, and whose tokens are renewed.",
)
@click.option("--region", metavar="NAME", help="Region of Twilio, such as ie1.")
@click.option("--edge", metavar="NAME", help="Edge of Twilio, such as dublin.")
@click.option(
    "--base-url",
    metavar="URL",
    help="Send requests to this URL, such as a sandbox or a proxy, with them.",
)
@click.option(
    "--workspace",
    metavar="SID|NAME",
    help="SID (WS…) or friendly name of the workspace; used with them where no other is given.",
)
@click.option(
    "--keyring/--no-keyring",
    default=True,
    help="Keep the secret in the keyring of the system where there is one, or in the file.",
)
@click.option("--check/--no-check", default=True, help="Make one request with them first.")
@insecure_option
def login(
    *,
    name: str,
    account_sid: str | None,
    api_key: str | None,
    client_id: str | None,
    keyring: bool,
    check: bool,
    **others: str | None,
) -> None:
    """Ask for credentials and keep them as a profile, which other commands then use.

    The secret is asked for without an echo; it is never an option. The profile is in a file that
    only its user can read, and the secret in the system's keyring, if there is one.
    """
    if not name.strip() or not name.isprintable():
        raise WrongUsageError("--profile: must be a name")
    if api_key and client_id:
        raise WrongUsageError("give either --api-key or --client-id")
    if not client_id:
        account_sid = account_sid or click.prompt("Account SID", err=True)
    owner = client_id or api_key
    what = f"Secret of {owner}" if owner else "Auth token"
    secret: str = click.prompt(what, hide_input=True, err=True)
    named = {"account_sid": account_sid, "api_key": api_key, "client_id": client_id} | others
    settings = {each: value for each, value in named.items() if value}
    profile = Profile(name, settings, secret, "the prompt")
    try:
        given: dict[str, Any] = profile.credentials | profile.place
        client = Client(**given, allow_insecure=given_insecure(), retry=ONE_ATTEMPT)
    except ValueError as error:
        raise WrongUsageError(str(error)) from error
    if check:
        answered(client, client.taskrouter.workspaces.list(limit=1).all)
    where = save(name, settings, secret, keyring=keyring)
    click.echo(f"profile {name!r} is in {profiles_file()}, its secret in {where}", err=True)
