"""Owner of a client: the event loop and the process that it belongs to."""

import asyncio
import os
from typing import NamedTuple

from aiotask.errors import ClientStateError

_NO_LOOP = "aiotask runs on asyncio, and no event loop of asyncio is running here"


class Owner(NamedTuple):
    """An event loop in a process; a forked one has a copy of the loop."""

    loop: asyncio.AbstractEventLoop
    process: int


def running_owner() -> Owner:
    """Return the running loop in this process; a ClientStateError if none runs, as under trio."""
    if (loop := _running_loop()) is None:
        raise ClientStateError(_NO_LOOP)
    return Owner(loop, os.getpid())


def check_owner(owner: Owner) -> None:
    """Raise a ClientStateError if the owner is not the running loop."""
    running = _running_loop()
    if owner.loop is running:
        return
    if owner.process != os.getpid():
        raise ClientStateError("the client belongs to the process that forked this one")
    if running is None:
        raise ClientStateError(_NO_LOOP)
    raise ClientStateError("the client belongs to another event loop than the running one")


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:  # none runs, or the process forked within it
        return None
