"""Command ``aiotask worker``: work on the imports that others have begun."""

import logging

import click

from aiotask._client import Client
from aiotask._worker import Worker
from aiotask.bulk import SharedJournal
from aiotask.cli.client import creation_options, open_client, service_options
from aiotask.cli.errors import WrongUsageError
from aiotask.cli.loop import run as run_in_loop
from aiotask.cli.signals import stop_signals
from aiotask.errors import JournalError


@click.command("worker")
@service_options
@click.option(
    "--journal",
    metavar="URL",
    required=True,
    help="Journal in PostgreSQL whose jobs to work on, those of this account.",
)
@creation_options(" for each job")
def worker(
    *,
    timeout: float,
    base_url: str | None,
    journal: str,
    settle: float,
    max_rate: float | None,
    max_in_flight: int,
) -> None:
    """Create the tasks of all imports in a shared journal, together with other workers.

    Ctrl-C or SIGTERM ends it: rows under way are done, and all others are left to other workers. It
    may as well be killed.
    """
    logging.basicConfig(format="%(message)s")
    client = open_client(timeout, base_url, max_in_flight)
    try:
        shared = SharedJournal(journal, switch=True)
        run_in_loop(_work(shared, client, max_in_flight, settle=settle, max_rate=max_rate))
    except (JournalError, ValueError) as error:
        raise WrongUsageError(str(error)) from error


async def _work(
    journal: SharedJournal,
    client: Client,
    max_in_flight: int,
    *,
    settle: float,
    max_rate: float | None,
) -> None:
    async with client, journal:
        worker = Worker(
            journal, client, settle=settle, max_rate=max_rate, max_in_flight=max_in_flight
        )
        with stop_signals(worker.stop):
            click.echo(f"working on the jobs of {journal.where}", err=True)
            await worker.run()
