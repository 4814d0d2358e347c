"""Handling of Ctrl-C and SIGTERM: the first one stops a command, the second one cancels it."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, repeat

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call *stop* at the first signal, and cancel the current task at each later one."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is None:
        raise RuntimeError("signals need a running task")
    steps = chain[Callable[[], object]]([stop], repeat(task.cancel))

    def handle(*_: object) -> None:
        loop.call_soon_threadsafe(next(steps))

    before = {each: signal.getsignal(each) for each in _SIGNALS}
    for each in _SIGNALS:
        try:
            loop.add_signal_handler(each, handle)
        except NotImplementedError:  # on Windows, where plain handlers wake the loop as well
            signal.signal(each, handle)
    try:
        yield
    finally:
        for each, handler in before.items():
            with suppress(NotImplementedError):
                loop.remove_signal_handler(each)
            signal.signal(each, handler)
