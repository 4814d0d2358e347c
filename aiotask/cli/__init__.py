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
from aiotask.cli.errors import FAILED, INTERRUPTED, WRONG_USAGE
from aiotask.cli.lazy_group import LazyGroup, loaded
from aiotask.cli.loop import loop_name
from aiotask.cli.messages import heed_no_loss

__all__ = ["main"]


_COMMANDS = {
    "console": "aiotask.cli.commands.console:console",
    "demo": "aiotask.cli.commands.demo:demo",
    "doctor": "aiotask.cli.commands.doctor:doctor",
    "events": "aiotask.cli.commands.events:events",
    "journal": "aiotask.cli.commands.journal:journal",
    "login": "aiotask.cli.commands.login:login",
    "sandbox": "aiotask.cli.commands.sandbox:sandbox",
    "tasks": "aiotask.cli.commands.tasks:tasks",
    "worker": "aiotask.cli.commands.worker:worker",
    "workers": "aiotask.cli.commands.people:workers",
    "workspace": "aiotask.cli.commands.workspace:workspace",
}


class _Main(LazyGroup):
    _has_resources = False

    def load(self) -> None:
        """Load all commands, and add those of the resources once."""
        super().load()
        if not self._has_resources:
            self._has_resources = True
            loaded("aiotask.cli.commands.resources:add_resources")(self)

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


@click.group(
    cls=_Main,
    lazy=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
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
