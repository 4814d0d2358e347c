"""Command ``aiotask worker``: work on the imports that others have begun."""

import logging
from typing import Any

import click

from aiotask._client import Client
from aiotask._worker import Worker
from aiotask.bulk import LeaseTerms, SharedJournal
from aiotask.cli.client import creation_options, open_client, service_options
from aiotask.cli.engines import ENGINES, Engine, engine_of
from aiotask.cli.errors import WrongUsageError
from aiotask.cli.loop import run as run_in_loop
from aiotask.cli.options import Number
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
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="none",
    show_default=True,
    help="What tells workers which rows are done where: the journal alone, or an engine.",
)
@click.option(
    "--broker",
    metavar="URL",
    envvar="AIOTASK_BROKER",
    help="RabbitMQ of the engine taskiq, amqp://…; by default AIOTASK_BROKER.",
)
@creation_options(" for each job")
# All workers of a journal need alike ones: it is for demonstrations, not for a machine by itself.
@click.option(
    "--lease",
    metavar="SECONDS",
    type=Number(min=0, min_open=True),
    default=LeaseTerms().length,
    hidden=True,
    help="Seconds after which others take over the rows of a worker that is gone.",
)
def worker(
    *,
    timeout: float,
    base_url: str | None,
    journal: str,
    engine: str,
    broker: str | None,
    settle: float,
    max_rate: float | None,
    max_in_flight: int,
    lease: float,
) -> None:
    """Create the tasks of all imports in a shared journal, together with other workers.

    Ctrl-C or SIGTERM ends it: rows under way are done, and all others are left to other workers. It
    may as well be killed.
    """
    logging.basicConfig(format="%(message)s")
    around = engine_of(engine, journal, broker)
    client = open_client(timeout, base_url, max_in_flight)
    try:
        shared = SharedJournal(journal, terms=_terms(lease), switch=True)
        settings: dict[str, Any] = {"settle": settle, "max_rate": max_rate}
        settings["max_in_flight"] = max_in_flight
        run_in_loop(_work(shared, client, around, settings))
    except (JournalError, ValueError) as error:
        raise WrongUsageError(str(error)) from error


def _terms(length: float) -> LeaseTerms:
    """Return terms that are to a length what the default ones are to theirs."""
    usual = LeaseTerms()
    share = length / usual.length
    return LeaseTerms(length=length, renewed=usual.renewed * share, guard=usual.guard * share)


async def _work(
    journal: SharedJournal,
    client: Client,
    around: Engine,
    settings: dict[str, Any],
) -> None:
    async with client, journal:
        worker = Worker(journal, client, **settings)
        with stop_signals(worker.stop):
            async with around(worker):
                click.echo(f"working on the jobs of {journal.where}", err=True)
                await worker.run()
