"""Adapter of taskiq, for those who have RabbitMQ or NATS; it needs the extra ``taskiq``."""

from collections.abc import Sequence

from taskiq import AsyncBroker

from aiotask._worker import Worker

NAME = "aiotask.window"
"""The name of the task."""


def install(broker: AsyncBroker, worker: Worker) -> None:
    """Have *broker* tell *worker*, and all others that listen to it, which windows to do.

    It adds the task ``aiotask.window``. ``worker.run()`` and a receiver of the broker run side by
    side; ``broker.is_worker_process`` has to be set before it starts up.
    """

    @broker.task(task_name=NAME)
    async def do(job: str, first: int) -> None:
        await worker.do(job, first)

    async def submit(windows: Sequence[tuple[str, int]]) -> None:
        for job, first in windows:
            await do.kiq(job, first)

    worker.use_engine(submit)
