"""An event loop whose time is virtual: it passes only while there is nothing to do but wait.

Client and sandbox have to be on one such loop. Their sockets are real ones, and a machine that is
busy with something else makes a test slower, and nothing in it later. ``pytest.mark.virtual_time``
puts a test on it.
"""

import asyncio
import selectors
import socket
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple, Unpack

from aiotask import RetryPolicy

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

BEGIN = 1_800_000_000.0
TURN = 1e-4  # seconds that a turn of the loop takes, so that whoever polls sees time pass
GLANCE, LONGEST_GLANCE = 0.02, 1.0  # seconds between two looks at a condition
STUCK = 120.0  # real seconds, after which what nothing can wake any more is given up


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer as soon as no socket and no thread has anything to tell."""

    def __init__(self) -> None:
        self.now = 0.0
        self.in_threads = 0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self.in_threads += 1
        future.add_done_callback(self._came_back)
        return future

    async def shutdown_default_executor(self, *_: object) -> None:
        """Wait for the threads without the time limit of Python 3.12: they end in real time."""
        await super().shutdown_default_executor()

    def _came_back(self, _: object) -> None:
        self.in_threads -= 1


class _Selector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop
        with socket.create_server(("127.0.0.1", 0)) as server:
            self._near = socket.create_connection(server.getsockname())
            self._far, _ = server.accept()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._loop.now += TURN
        if (found := super().select(0)) or (timeout is not None and timeout <= 0):
            return found
        if timeout is None or self._loop.in_threads:
            if not (found := super().select(STUCK)):
                raise RuntimeError("the loop waits for nothing that could come")
            return found
        self._let_through()
        if not (found := super().select(0)):
            self._loop.now += timeout
        return found

    def _let_through(self) -> None:
        """Wait until all is there that was sent before: one byte more has come the same way."""
        self._near.send(b".")
        self._far.recv(1)

    def close(self) -> None:
        self._near.close()
        self._far.close()
        super().close()


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so; a long wait is ended a twentieth too late at the most."""
    pause = GLANCE
    while not condition():
        await asyncio.sleep(pause)
        pause = min(1.05 * pause, LONGEST_GLANCE)


class LoopClock:
    """The time of the running loop, in seconds since 1970: for a sandbox and for its clients."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def __call__(self) -> float:
        return BEGIN + self.passed

    @property
    def passed(self) -> float:
        return self._loop.time()

    def policy(self, **settings: Any) -> RetryPolicy:
        return RetryPolicy(clock=self, **settings)
