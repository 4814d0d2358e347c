"""Samples of what the client's process holds, and complaints of its loop."""

import asyncio
import gc
import logging
import os
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiotask

_MB = 1_000_000
_DESCRIPTORS = Path("/proc/self/fd")
# What the client knows of paces is bounded, and grows and falls far below that.
_PACING = frozenset(
    f"aiotask._{name}"
    for name in (
        "rate_limiter",
        "adaptive_rate",
        "concurrency_limit",
        "cubic_curve",
        "throughput",
    )
)
_HELD = 4  # lists and deques of a rate limiter
_QUIET = 100  # looks, until nothing is under way any longer
_SHOWN = 10  # complaints


class Sample(NamedTuple):
    """One sample: megabytes of memory, and numbers of the rest.

    Of objects, those that lanes are made of do not count, nor does the task that looks.
    """

    seconds: float
    calls: int
    memory: float
    objects: int
    tasks: int
    descriptors: int
    sockets: int
    threads: int
    lanes: int
    once: int
    taken: int
    in_flight: int
    server: float


class Inside(NamedTuple):
    """The inner state of a client."""

    lanes: int
    once: int
    """Names of what was made once, that are remembered."""
    making: int
    """... that are being made."""
    taken: int
    """Slots for requests."""
    in_flight: int
    """Requests under way, by the lanes."""
    background: int
    acquired: int
    """Connections in use, by aiohttp."""
    idle: int


def inside(client: aiotask.Client) -> Inside:
    """Look into a client."""
    session: Any = client._session  # noqa: SLF001 - no figure of it is public
    connector = session.connections.http.connector
    return Inside(
        lanes=len(session.connections.lanes),
        once=len(session.once._made),  # noqa: SLF001 - as above
        making=len(session.once._makers),  # noqa: SLF001 - as above
        taken=session.max_connections - session.connections.slots._value,  # noqa: SLF001 - as above
        in_flight=sum(lane.in_flight for lane in session.connections.lanes.values()),
        background=len(session._background),  # noqa: SLF001 - as above
        acquired=len(connector._acquired),  # noqa: SLF001 - as above
        idle=sum(map(len, connector._conns.values())),  # noqa: SLF001 - as above
    )


def descriptors() -> tuple[int, int]:
    """Return how many file descriptors are open, and how many of them are sockets."""
    links = []
    for entry in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - the listing's own is among them
        try:
            links.append(os.readlink(_DESCRIPTORS / entry))  # noqa: PTH115 - a text
        except OSError:
            continue
    return len(links), sum(link.startswith("socket:") for link in links)


def memory_of(process: int | str) -> float:
    """Return the memory that a process has now, in MB."""
    pages = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / _MB


async def quiet(client: aiotask.Client) -> None:
    """Wait until only the caller is at work, or for ten seconds."""
    for _ in range(_QUIET):
        gc.collect()
        if len(asyncio.all_tasks()) == 1 and not inside(client).acquired:
            return
        await asyncio.sleep(0.1)


class Watch:
    """Looks at this process and its client every so many seconds, and gathers complaints."""

    def __init__(self, client: aiotask.Client, server: int) -> None:
        self.samples: list[Sample] = []
        self.complaints: Counter[str] = Counter()
        self.logged: Counter[str] = Counter()
        self._client = client
        self._server = server
        self._began = time.monotonic()

    async def sample(self, seconds: float, looks: int, calls: Callable[[], int]) -> None:
        """Look so often in that time; *calls* says how many there were."""
        while (passed := time.monotonic() - self._began) < seconds:
            await asyncio.sleep(min(seconds / looks, seconds - passed))
            self.samples.append(self._look(calls()))

    def _look(self, calls: int) -> Sample:
        memory, now = memory_of("self"), inside(self._client)
        opened, sockets = descriptors()
        gc.collect()
        found = gc.get_objects()
        paced = sum(type(each).__module__ in _PACING for each in found) + _HELD * now.lanes
        return Sample(
            seconds=time.monotonic() - self._began,
            calls=calls,
            memory=memory,
            objects=len(found) - paced,
            tasks=len(asyncio.all_tasks()) - 1,
            descriptors=opened,
            sockets=sockets,
            threads=threading.active_count(),
            lanes=now.lanes,
            once=now.once,
            taken=now.taken,
            in_flight=now.in_flight,
            server=memory_of(self._server),
        )

    def complain(self, kind: str, text: object) -> None:
        """Note what should not have been, and show the first of them."""
        if self.complaints.total() < _SHOWN:
            print(f"\n  {kind}: {text}", flush=True)
        self.complaints[kind] += 1

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear what the loop, its logger, warnings and finalizers have to say; in the loop."""
        loop, watch = asyncio.get_running_loop(), self

        class Heard(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                if record.name == "asyncio":
                    watch.complain("log of asyncio", record.getMessage())
                else:
                    watch.logged[f"{record.levelname.lower()}: {record.msg}"] += 1

        heard = Heard(logging.WARNING)
        logging.getLogger().addHandler(heard)
        loop.set_exception_handler(lambda _, context: watch.complain("handler", context))
        sys.unraisablehook = lambda found: watch.complain("unraisable", found.exc_value)
        threading.excepthook = lambda found: watch.complain("thread", found.exc_value)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                warnings.showwarning = lambda text, kind, *_: watch.complain(kind.__name__, text)
                yield
                gc.collect()
        finally:
            logging.getLogger().removeHandler(heard)
            loop.set_exception_handler(None)
            sys.unraisablehook = sys.__unraisablehook__
            threading.excepthook = threading.__excepthook__
