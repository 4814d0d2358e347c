"""Procrastinate in the database of the journal, in a schema of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import PoolTimeout

from aiotask._worker import Worker
from aiotask.bulk.journal.postgres_schema import masked
from aiotask.cli.errors import WrongUsageError
from aiotask.engines.procrastinate import NAME, install

_SCHEMA = "aiotask_procrastinate"
_AT_ONCE = 16  # windows; those that wait cost nothing
_PATIENCE = 30.0  # seconds


def _app(url: str) -> App:
    options = conninfo_to_dict(url).get("options") or ""
    conninfo = make_conninfo(url, options=f"{options} -c search_path={_SCHEMA}".strip())
    connector = PsycopgConnector(conninfo=conninfo, timeout=_PATIENCE, min_size=1, max_size=4)
    return App(connector=connector)


async def make_tables(url: str) -> bool:
    """Make the tables, unless they are there."""
    try:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_SCHEMA}".encode())
        async with _app(url).open_async() as app:
            if await app.check_connection_async():
                return False
            await app.schema_manager.apply_schema_async()
    except (psycopg.Error, ConnectorException, PoolTimeout) as error:
        raise WrongUsageError(
            f"the tables of Procrastinate cannot be made in {masked(url)}: {error}"
        ) from error
    return True


@asynccontextmanager
async def running(worker: Worker, url: str) -> AsyncIterator[None]:
    """Run Procrastinate's worker beside ours."""
    app = _app(url)
    install(app, worker)
    try:
        await app.open_async()
        there = await app.check_connection_async()
    except (psycopg.Error, ConnectorException, PoolTimeout) as error:
        await app.close_async()
        raise WrongUsageError(f"Procrastinate cannot use {masked(url)}: {error}") from error
    try:
        if not there:
            raise WrongUsageError(
                f"{masked(url)} has no tables of Procrastinate: make them with "
                f"aiotask journal init {masked(url)} --engine procrastinate"
            )
        engine = asyncio.create_task(
            app.run_worker_async(
                queues=[NAME],
                concurrency=_AT_ONCE,
                install_signal_handlers=False,
                delete_jobs="always",
            )
        )
        try:
            yield
        finally:
            worker.stop()  # so that what it was told to do ends
            engine.cancel()
            await asyncio.wait([engine])
    finally:
        await app.close_async()
