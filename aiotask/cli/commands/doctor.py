"""Command ``aiotask doctor``: what is found on the way to the service, and what is wrong."""

import os
import stat
import sys

import click

from aiotask._checks import printable
from aiotask._client import Client
from aiotask.cli.client import (
    ONE_ATTEMPT,
    open_client,
    profile_in_force,
    service_options,
    workspace_option,
)
from aiotask.cli.diagnosis import Finding, Mark, examined, surroundings
from aiotask.cli.errors import FAILED, Failure
from aiotask.cli.loop import run
from aiotask.cli.profiles import profiles_file


@click.command()
@workspace_option(required=False, of_profile=False)
@service_options
def doctor(*, workspace: str | None, timeout: float, base_url: str | None) -> None:
    """Say what is found on the way to the service, and what is wrong, in one screen.

    It reads the list of workspaces three times and changes nothing. The exit status is 1 if
    something is wrong.
    """
    findings = [*_credentials(), *surroundings()]
    if findings[0].mark is Mark.GOOD:
        try:
            client = open_client(timeout, base_url, retry=ONE_ATTEMPT)
        except Failure as error:
            findings.append(Finding("settings", Mark.WRONG, error.format_message()))
        else:
            profile = profile_in_force()
            chosen = workspace or (profile and profile.workspace) or None
            findings += run(_examined(client, chosen))
    for subject, mark, text in findings:
        click.echo(f"{mark.value:5}  {subject:11}  {printable(text)}")
    wrong = sum(each.mark is Mark.WRONG for each in findings)
    click.echo(f"{wrong} of {len(findings)} are wrong" if wrong else "nothing is wrong")
    if wrong:
        sys.exit(FAILED)


def _credentials() -> list[Finding]:
    findings = []
    try:
        profile = profile_in_force()
    except Failure as error:
        return [Finding("credentials", Mark.WRONG, error.format_message())]
    if profile is not None:
        findings.append(Finding("credentials", Mark.GOOD, f"from {profile.told}"))
    else:
        names = ("ACCOUNT_SID", "AUTH_TOKEN", "API_KEY", "API_SECRET")
        there = [f"TWILIO_{each}" for each in names if os.environ.get(f"TWILIO_{each}")]
        mark, told = Mark.GOOD, f"from {', '.join(there)}"
        if not there:
            mark, told = Mark.WRONG, "none: set TWILIO_*, or keep some by aiotask login"
        findings.append(Finding("credentials", mark, told))
    path = profiles_file()
    if sys.platform != "win32" and path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        told = f"others may read {path}: chmod 600 it"
        findings.append(Finding("profiles", Mark.WRONG, told))
    return findings


async def _examined(client: Client, workspace: str | None) -> list[Finding]:
    async with client:
        return await examined(client, workspace)
