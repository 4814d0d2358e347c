"""The engine taskiq on RabbitMQ."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiormq.exceptions import AMQPError
from taskiq.api import run_receiver_task
from taskiq_aio_pika import AioPikaBroker, Queue
from yarl import URL

from aiotask._worker import Worker
from aiotask.cli.errors import WrongUsageError
from aiotask.engines.taskiq import install

_QUEUE = "aiotask"
_AT_ONCE = 16  # windows; those that wait cost nothing


def _masked(url: str) -> str:
    try:
        return str(URL(url).with_password(None))
    except ValueError:
        return "the URL"


@asynccontextmanager
async def running(worker: Worker, url: str) -> AsyncIterator[None]:
    """Run a receiver beside our worker."""
    # It says that it was cancelled, which is how it ends.
    logging.getLogger("taskiq.receiver").setLevel(logging.ERROR)
    broker = AioPikaBroker(url, qos=_AT_ONCE, task_queues=[Queue(name=_QUEUE)])
    broker.is_worker_process = True
    install(broker, worker)
    try:
        await broker.startup()
    except (AMQPError, OSError, ValueError) as error:
        raise WrongUsageError(f"taskiq cannot use {_masked(url)}: {error}") from error
    engine = asyncio.create_task(run_receiver_task(broker, max_async_tasks=_AT_ONCE))
    try:
        yield
    finally:
        worker.stop()  # so that what it was told to do ends
        engine.cancel()
        await asyncio.wait([engine])
        await broker.shutdown()
