"""Threaded sandbox: a sandbox for code that is no coroutine."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from threading import Thread
from typing import Any, ParamSpec, Self, TypeVar

from aiotask.sandbox._contents import Contents
from aiotask.sandbox._controls import TestControls
from aiotask.sandbox._prospects import Outlook
from aiotask.sandbox._workspace import Template
from aiotask.sandbox.callbacks.sender import Post
from aiotask.sandbox.model.debugger import DebuggerEntry
from aiotask.sandbox.model.task import Status, StoredTask
from aiotask.sandbox.server.faults import FaultKind, Faults

P = ParamSpec("P")
T = TypeVar("T")


class ThreadedSandbox:
    """A sandbox that serves from a thread of its own while a ``with`` block runs.

    It has the methods of `Sandbox`, none of which is a coroutine: each is called in that thread,
    between requests, and has returned when its effect is there. In a coroutine, call the ones that
    wait for something of the coroutine's own loop by `asyncio.to_thread`: `callbacks_sent` waits
    for the receivers of callbacks.
    """

    def __init__(self, sandbox: TestControls) -> None:
        self.account_sid: str = sandbox.account_sid
        self.auth_token: str = sandbox.auth_token
        self.api_key: str = sandbox.api_key
        self.api_secret: str = sandbox.api_secret
        self.client_id: str = sandbox.client_id
        self.client_secret: str = sandbox.client_secret
        self._sandbox = sandbox
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> Self:
        if self._loop is not None:
            raise RuntimeError("the sandbox is serving already")
        loop = self._loop = asyncio.new_event_loop()
        # A daemon, so that a program that forgets the end of the block can end.
        self._thread = Thread(target=loop.run_forever, name="taskrouter-sandbox", daemon=True)
        self._thread.start()
        try:
            self._wait(self._sandbox.start())
        except BaseException:
            self._stop(loop)
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._loop is not None:
            try:
                self._wait(self._sandbox.close())
            finally:
                self._stop(self._loop)

    @property
    def url(self) -> str:
        """The base URL, for a client of any kind."""
        return self._sandbox.url

    @property
    def faults(self) -> Faults:
        """The faults, as of `Sandbox`."""
        return self._sandbox.faults

    @property
    def workspaces(self) -> list[str]:
        """The sids of all workspaces, in order of creation."""
        return self._call(lambda: self._sandbox.workspaces)

    @property
    def requests(self) -> Counter[str]:
        """Counts of requests by kind."""
        return self._call(lambda: Counter(self._sandbox.requests))

    @property
    def answers(self) -> Counter[int]:
        """Counts of the service's answers by status."""
        return self._call(lambda: Counter(self._sandbox.answers))

    @property
    def refused(self) -> int:
        """The number of requests that the service refused with 429."""
        return self._call(lambda: self._sandbox.refused)

    @property
    def injected(self) -> Counter[FaultKind]:
        """Counts of injected faults by kind."""
        return self._call(lambda: Counter(self._sandbox.injected))

    @property
    def callbacks(self) -> Counter[str]:
        """Counts of callbacks by kind and outcome."""
        return self._call(lambda: Counter(self._sandbox.callbacks))

    @property
    def debugger(self) -> list[DebuggerEntry]:
        """The last thousand errors."""
        return self._call(lambda: self._sandbox.debugger)

    def callbacks_sent(self) -> None:
        """Wait until all callbacks are posted and their instructions executed."""
        self._wait(self._sandbox.callbacks_sent())

    @property
    def posts(self) -> list[Post]:
        """Callbacks that were posted, and what was answered; the last thousand."""
        return self._call(lambda: self._sandbox.posts)

    def advance(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0) -> None:
        """Advance the clock, and run all timers on the way in order."""
        self._wait(self._sandbox.advance(seconds=seconds, minutes=minutes, hours=hours))

    def revoke_tokens(self) -> None:
        """Make all access tokens of OAuth end now."""
        self._call(self._sandbox.revoke_tokens)

    def freeze_index(self) -> None:
        """Freeze the lists of tasks and events."""
        self._call(self._sandbox.freeze_index)

    def thaw_index(self) -> None:
        """Undo `freeze_index`."""
        self._call(self._sandbox.thaw_index)

    def create_workspace(self, friendly_name: str, template: Template = "FIFO") -> str:
        """Create a workspace without a request, and return its sid."""
        return self._call(self._sandbox.create_workspace, friendly_name, template)

    def fill(self, contents: Contents) -> None:
        """Add workspaces and their contents, without requests."""
        self._call(self._sandbox.fill, contents)

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """Return the present contents, by the friendly names of the workspaces."""
        return self._call(self._sandbox.snapshot)

    def tasks(self, workspace_sid: str) -> list[StoredTask]:
        """Return the tasks of a workspace, in order of creation."""
        return self._call(self._sandbox.tasks, workspace_sid)

    def create_task(self, workspace_sid: str, fields: Mapping[str, Any]) -> str:
        """Create a task without a request, and return its sid."""
        return self._call(self._sandbox.create_task, workspace_sid, fields)

    def outlook(self, task_sid: str) -> Outlook:
        """Return a new task's filter and targets, who could take it, and who is offered it."""
        return self._call(self._sandbox.outlook, task_sid)

    def assign(self, task_sid: str) -> None:
        """Set a task to assigned."""
        self._call(self._sandbox.assign, task_sid)

    def set_status(self, task_sid: str, status: Status) -> None:
        """Set any status of a task, without a change to its reservations."""
        self._call(self._sandbox.set_status, task_sid, status)

    def create_worker(
        self,
        workspace_sid: str,
        friendly_name: str,
        attributes: Mapping[str, Any] | None = None,
        activity: str = "Available",
    ) -> str:
        """Create a worker without a request, and return its sid."""
        make = self._sandbox.create_worker
        return self._call(make, workspace_sid, friendly_name, attributes, activity)

    def reserve(self, task_sid: str, worker_sid: str) -> str:
        """Reserve a waiting task for a worker, whatever routing says; return the sid."""
        return self._call(self._sandbox.reserve, task_sid, worker_sid)

    def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in the thread; a sandbox that does not serve has none, and needs none."""
        if self._loop is None:
            return function(*args, **kwargs)

        async def called() -> T:
            return function(*args, **kwargs)

        return self._wait(called())

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            return asyncio.run(coroutine)
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def _stop(self, loop: asyncio.AbstractEventLoop) -> None:
        # Names in the URLs of callbacks are looked up in threads of the loop.
        self._wait(loop.shutdown_default_executor())
        self._loop = None
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()
        loop.close()
