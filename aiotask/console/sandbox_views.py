"""Views of a sandbox that no service has: its time, faults, requests, callbacks and debugger."""

import time
from typing import get_args

from aiotask.console.pages import Shown
from aiotask.sandbox import FaultKind, Sandbox


class SandboxViews:
    """The views of a sandbox in this process."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def sandbox(self) -> Shown:
        """Return its time and faults with their forms, its counts, callbacks and debugger."""
        local, back = self._sandbox, {"back": "sandbox"}
        return Shown(
            title="Sandbox",
            at=time.time(),
            live={
                "counts": {
                    "requests": local.requests.total(),
                    "refused": local.refused,
                    "injected": sorted(local.injected.items()),
                    "callbacks": sorted(local.callbacks.items()),
                },
                "callbacks": {"posts": [*reversed(local.posts)]},
                "debugger": {"entries": [*reversed(local.debugger)]},
            },
            fixed={
                "time": back,
                "faults": {**back, "sandbox": local, "kinds": get_args(FaultKind)},
            },
        )

    async def requests(self) -> Shown:
        """Return the last thousand requests."""
        exchanges = [*reversed(self._sandbox.exchanges)]
        return Shown(title="Requests", at=time.time(), live={"requests": {"exchanges": exchanges}})
