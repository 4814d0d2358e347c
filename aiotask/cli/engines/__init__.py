"""Engines that the commands know, each loaded where it is asked for and installed."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from aiotask._worker import Worker
from aiotask.cli.errors import WrongUsageError
from aiotask.cli.loop import run

ENGINES = ("none", "procrastinate", "taskiq")
TABLES_OF = "procrastinate"
"""The engine that has tables of its own."""

Engine = Callable[[Worker], AbstractAsyncContextManager[None]]
"""Runs an engine around a worker."""


def engine_of(name: str, journal: str, broker: str | None) -> Engine:
    """Return an engine, or a wrong usage says what it lacks."""
    if broker is not None and name != "taskiq":
        broker = None  # a variable of the environment may be there for others
    if name == "none":
        return _no_engine
    if name == "taskiq" and broker is None:
        raise WrongUsageError("--engine taskiq needs --broker amqp://…, or AIOTASK_BROKER")
    around: Engine = partial(_module(name).running, url=broker or journal)
    return around


def make_engine_tables(journal: str) -> bool:
    """Make the tables of the engine that has some; return whether there was anything to do."""
    return bool(run(_module(TABLES_OF).make_tables(journal)))


def _module(name: str) -> Any:
    if find_spec(name) is None:
        raise WrongUsageError(
            f"--engine {name} needs an extra of its own: pip install 'aiotask[{name}]'"
        )
    return import_module(f"{__name__}.{name}_engine")


@asynccontextmanager
async def _no_engine(_: Worker) -> AsyncIterator[None]:
    yield
