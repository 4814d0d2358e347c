"""The command line: ``aiotask demo``, ``sandbox``, ``tasks …`` and ``journal show``.

Here alone something is printed, and a process ends. Data goes to standard output and everything
else to standard error. Exit status: 0 all done, 1 not all, 2 wrong usage or input, 130 interrupted.
"""

import os
import sys
from typing import Any

import click

from aiotask._version import __version__
from aiotask.cli.commands.audit import audit
from aiotask.cli.commands.demo import demo
from aiotask.cli.commands.import_ import import_
from aiotask.cli.commands.journal import journal
from aiotask.cli.commands.sandbox import sandbox
from aiotask.cli.commands.tasks import tasks
from aiotask.cli.errors import FAILED, INTERRUPTED, WRONG_USAGE, printable

__all__ = ["commands"]


class _Commands(click.Group):
    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command line; what cannot be written is said in one line."""
        # Python has None for what was closed at its start.
        sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123, SIM115 - to the very end
        if sys.stdout is None:
            click.echo("Error: standard output is closed", err=True)
            sys.exit(WRONG_USAGE)
        try:
            return super().main(*args, **extra)
        except OSError as error:
            click.echo(f"Error: {printable(str(error))}", err=True)
            # What is still to be written would fail again at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(FAILED)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; click would call an interrupt an error like any other."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="aiotask")
def commands() -> None:
    """Tasks of Twilio TaskRouter: import, list and change them; and a sandbox to try that on.

    Credentials come from TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or from TWILIO_API_KEY and
    TWILIO_API_SECRET. `aiotask demo` and `aiotask sandbox` need none.
    """


for command in (import_, audit):
    tasks.add_command(command)
for command in (demo, journal, sandbox, tasks):
    commands.add_command(command)
