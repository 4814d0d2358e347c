"""Command line: imports, audits and the sandbox, and a group of commands for every resource.

Nothing else in aiotask prints or ends the process. Data goes to standard output, everything else
to standard error. Exit status: 0 all done, 1 not all, 2 wrong usage or input, 130 interrupted.
"""

import os
import sys
from typing import Any

import click

from aiotask._checks import printable
from aiotask._version import __version__
from aiotask.cli.commands.audit import audit
from aiotask.cli.commands.console import console
from aiotask.cli.commands.demo import demo
from aiotask.cli.commands.doctor import doctor
from aiotask.cli.commands.events import events
from aiotask.cli.commands.import_ import import_
from aiotask.cli.commands.journal import journal
from aiotask.cli.commands.login import login
from aiotask.cli.commands.people import workers
from aiotask.cli.commands.resources import add_resources
from aiotask.cli.commands.sandbox import sandbox
from aiotask.cli.commands.tasks import tasks
from aiotask.cli.commands.worker import worker
from aiotask.cli.commands.workspace import workspace
from aiotask.cli.errors import FAILED, INTERRUPTED, WRONG_USAGE
from aiotask.cli.loop import loop_name
from aiotask.cli.messages import heed_no_loss

__all__ = ["main"]


class _Main(click.Group):
    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command line, and report output that cannot be written in one line."""
        # Python has None for a stream that was closed when it started.
        sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123, SIM115 - to the very end
        heed_no_loss()
        if sys.stdout is None:
            click.echo("Error: standard output is closed", err=True)
            sys.exit(WRONG_USAGE)
        try:
            return super().main(*args, **extra)
        except OSError as error:
            click.echo(f"Error: {printable(str(error))}", err=True)
            # The interpreter flushes what is left at its end, and that would fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(FAILED)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; click would report an interrupt as an error like any other."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"aiotask, version {__version__} ({loop_name()})")
        ctx.exit()


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and the event loop in use, and exit.",
)
def main() -> None:
    """Work on all of Twilio TaskRouter: import tasks and workers, set up workspaces, run a sandbox.

    Credentials are read from TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, from TWILIO_API_KEY and
    TWILIO_API_SECRET, or from TWILIO_CLIENT_ID and TWILIO_CLIENT_SECRET, an OAuth app; or they are
    kept under a name by login and chosen by --profile or AIOTASK_PROFILE; doctor says what is
    found. The commands demo and sandbox need none. TWILIO_REGION and TWILIO_EDGE choose the region
    and the edge of Twilio, and AIOTASK_BASE_URL and AIOTASK_WORKSPACE stand for --base-url and
    --workspace. AIOTASK_LOG=debug shows every request.
    """


tasks.add_command(import_)
tasks.add_command(audit)
main.add_command(console)
main.add_command(demo)
main.add_command(doctor)
main.add_command(events)
main.add_command(journal)
main.add_command(login)
main.add_command(sandbox)
main.add_command(tasks)
main.add_command(workspace)
main.add_command(worker)
main.add_command(workers)
add_resources(main)
