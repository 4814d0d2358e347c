"""Adapter of Procrastinate, whose jobs are in PostgreSQL; it needs the extra ``procrastinate``."""

from collections.abc import Sequence

from procrastinate import App
from procrastinate.types import JSONDict

from aiotask._worker import Worker

NAME = "aiotask.window"
"""The name of the task, and of its queue."""


def install(app: App, worker: Worker) -> None:
    """Have *app* tell *worker*, and all others of its queue, which windows to do.

    It adds the task ``aiotask.window`` in a queue of that name. ``worker.run()`` and the app's own
    worker run side by side.
    """

    @app.task(name=NAME, queue=NAME)
    async def do(job: str, first: int) -> None:
        await worker.do(job, first)

    async def submit(windows: Sequence[tuple[str, int]]) -> None:
        named: list[JSONDict] = [{"job": job, "first": first} for job, first in windows]
        await do.batch_defer_async(*named)
        # What a dead process was given and had not begun would stay with it.
        for stalled in await app.job_manager.get_stalled_jobs(task_name=NAME):
            await app.job_manager.retry_job(stalled)

    worker.use_engine(submit)
