"""The sandbox itself: its settings and its life, and what a test looks at."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from types import TracebackType
from typing import Any, Self

import orjson

from aiotask.sandbox._account import Account, OverlongPages, Unmatched
from aiotask.sandbox._answers import Refusal
from aiotask.sandbox._callbacks import Callbacks, Settings
from aiotask.sandbox._contents import Contents, Filler
from aiotask.sandbox._debugger import DebuggerEntry
from aiotask.sandbox._faults import FAULT_KINDS, FaultKind, Faults
from aiotask.sandbox._front import Front, Tally
from aiotask.sandbox._gate import Gate
from aiotask.sandbox._limits import Clock
from aiotask.sandbox._service import Service
from aiotask.sandbox._task import Status, StoredTask, Task
from aiotask.sandbox._workspace import Template, Workspace

_ACCOUNT_SID = "AC0123456789abcdef0123456789abcdef"
_AUTH_TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105 - opens only the sandbox
_API_KEY = "SK0123456789abcdef0123456789abcdef"
_API_SECRET = "0123456789ABCDEF0123456789ABCDEF"  # noqa: S105 - opens only the sandbox


class Sandbox:
    """A local server that behaves like Twilio TaskRouter v1, but for routing.

    It answers all operations of TaskRouter, and those on the tasks of Autopilot assistants. Tasks
    come to queues, and no worker is offered one but by `reserve`; where no worker is needed, tasks
    are moved by `assign` and `set_status`.

    Events are posted to the EventCallbackUrl of their workspace, and reservations to the
    AssignmentCallbackUrl of their workflow, whose instructions are carried out.

    ``async with Sandbox() as sandbox`` serves at `url` until the block ends.

    Args:
        host: Where to listen.
        port: Where to listen; 0 takes a free port.
        account_sid: The user name that goes with *auth_token*.
        auth_token: Twilio's Go library refuses one that is not alphanumeric.
        api_key: The user name that goes with *api_secret*, accepted too.
        api_secret: The password of the API key.
        latency: Seconds that a request waits between being let in and being executed. A client
            that gives up meanwhile does not stop it: it is executed late.
        rate: Requests a second, as the mean over any one second; what is above gets 429.
        in_flight: Requests that may be handled at once, those that hang included; what is above
            gets 429.
        expression_rate: The documented 3 requests a second of lists by an expression, per workspace
            and kind of list, as the mean over any ten seconds; None switches it off, and the 5
            bulk statistics a second too.
        retry_after: Seconds in the Retry-After of a 429; TaskRouter documents no such header.
        faults: The share of all requests that get an injected fault.
        fault_kinds: What faults are chosen from.
        seed: Makes the choice of faults, and all sids, the same for the same requests in order.
        clock: The time, in seconds since 1970.
        page_size_over_1000: What a PageSize above the maximum does, which is not known: "refuse" it
            with the documented error 20007, or "clamp" it.
        unmatched: What becomes of a new task that no filter of its workflow matches, which is not
            known: "cancel" it, as the documentation of workflows says, or "refuse" it with 400.
        worker_statistics: How many workers a workspace can have with statistics of workers on:
            Twilio switches them off above 100; None keeps them on.
        callback_timeout: Seconds that a receiver of callbacks has to answer; None has what is
            documented, 15 for events and 5 for assignments.
        callback_backlog: How many events of a workspace may wait for their receiver; of more, the
            oldest are dropped. As many assignments may wait.

    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        account_sid: str = _ACCOUNT_SID,
        auth_token: str = _AUTH_TOKEN,
        api_key: str = _API_KEY,
        api_secret: str = _API_SECRET,
        latency: float = 0.0,
        rate: float | None = None,
        in_flight: int | None = None,
        expression_rate: float | None = 3.0,
        retry_after: int | None = None,
        faults: float = 0.0,
        fault_kinds: Sequence[FaultKind] = FAULT_KINDS,
        seed: int | None = None,
        clock: Clock = time.time,
        page_size_over_1000: OverlongPages = "refuse",
        unmatched: Unmatched = "cancel",
        worker_statistics: int | None = 100,
        callback_timeout: float | None = None,
        callback_backlog: int = 100_000,
    ) -> None:
        self.account_sid = account_sid
        self.auth_token = auth_token
        self.api_key = api_key
        self.api_secret = api_secret
        self.faults = Faults(faults, fault_kinds, seed)
        self._host = host
        self._port = port
        # Its own chances, so that the faults of a seed do not depend on what else was drawn.
        random = Random(seed)
        account = Account(
            account_sid, clock, random, page_size_over_1000, unmatched, worker_statistics
        )
        self._callbacks = Callbacks(
            Settings(account_sid, auth_token, callback_timeout, callback_backlog)
        )
        self._service = Service(account, expression_rate, self._callbacks.watch)
        credentials = [(account_sid, auth_token), (api_key, api_secret)]
        self._gate = Gate(credentials, rate, in_flight, clock, random)
        self._latency = latency
        self._retry_after = retry_after
        self._tally = Tally()
        self._serving: tuple[Front, asyncio.Server] | None = None

    async def start(self) -> None:
        """Begin to serve; what a sandbox held when it was closed is there again."""
        if self._serving is not None:
            raise RuntimeError("the sandbox is serving already")
        front = Front(
            self._service, self._gate, self.faults, self._tally, self._latency, self._retry_after
        )
        self._serving = front, await front.listen(self._host, self._port)
        self._callbacks.open()

    async def close(self) -> None:
        """Stop serving at once, and drop what is being handled."""
        if self._serving is not None:
            front, server = self._serving
            self._serving = None
            server.close()
            await self._callbacks.close()
            await front.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def url(self) -> str:
        """The base URL, for a client's ``base_url``."""
        if self._serving is None:
            raise RuntimeError("the sandbox is not serving: use async with, or await start()")
        return f"http://{self._serving[0].authority}"

    @property
    def requests(self) -> Counter[str]:
        """How many requests came, by kind such as "POST Tasks" and "GET Tasks/{Sid}"."""
        return self._tally.requests

    @property
    def answers(self) -> Counter[int]:
        """What the service answered, by status, whether or not a fault lost it."""
        return self._tally.answers

    @property
    def refused(self) -> int:
        """How many requests got 429."""
        return self._tally.answers[429]

    @property
    def injected(self) -> Counter[FaultKind]:
        """How many faults were injected, by kind."""
        return self.faults.injected

    @property
    def callbacks(self) -> Counter[str]:
        """What became of callbacks, by kind and outcome.

        The kinds are event, assignment and fallback, the outcomes answered (with 2xx), refused,
        timed out, failed and dropped, as in "event answered".
        """
        return self._callbacks.counts

    @property
    def debugger(self) -> list[DebuggerEntry]:
        """What was wrong with the answers to assignment callbacks; the last thousand entries."""
        return list(self._callbacks.debugger)

    async def callbacks_sent(self) -> None:
        """Wait until all callbacks due have been posted, and their instructions carried out.

        What follows from the instructions is posted by then as well.
        """
        await self._callbacks.sent()

    def create_workspace(self, friendly_name: str, template: Template = "FIFO") -> str:
        """Add a workspace without a request, and return its sid.

        The template FIFO comes with a queue and a workflow that puts every task in it.
        """
        return self._service.workspaces.open(friendly_name, template).sid

    def fill(self, contents: Contents) -> None:
        """Add workspaces with what they hold, without requests.

        *contents* has a mapping for each workspace, by its friendly name. In it may stand settings
        of the workspace (``template``, ``events_filter`` ...), and lists of ``activities``,
        ``task_channels``, ``task_queues``, ``workflows``, ``workers`` and ``tasks``: mappings of
        the fields that create them, by the names of a client's ``create``. Where a sid belongs, a
        friendly name will do (``"activity_sid": "Available"``, also the queues of a configuration),
        and a worker's ``channels`` are capacities by unique name. What cannot be is a
        :class:`ContentsError` that says where it stands; what stood before it is there then.
        """
        self._filler().fill(contents)

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """Return all that is there now, by the friendly names of the workspaces.

        Each has its own fields and the lists that :meth:`fill` takes, with all fields that the
        service gives; ``attributes`` and configurations are decoded, tasks have their
        ``reservations`` and workers their ``channels``.
        """
        return self._filler().snapshot()

    def tasks(self, workspace_sid: str) -> list[StoredTask]:
        """Return the tasks that a workspace holds now, in the order of their creation."""
        return [StoredTask.of(task) for task in self._workspace(workspace_sid).stores.tasks]

    def assign(self, task_sid: str) -> None:
        """Make a task assigned, as a worker who accepts its reservation does."""
        self.set_status(task_sid, "assigned")

    def set_status(self, task_sid: str, status: Status) -> None:
        """Give a task any status, and leave its reservations alone; its version grows."""
        workspace, task = self._task(task_sid)
        workspace.transitions.set_status(task, status)

    def create_worker(
        self,
        workspace_sid: str,
        friendly_name: str,
        attributes: Mapping[str, Any] | None = None,
        activity: str = "Available",
    ) -> str:
        """Add a worker without a request, and return its sid; *activity* is a friendly name."""
        stores = self._workspace(workspace_sid).stores
        named = [item for item in stores.activities if item.friendly_name == activity]
        if not named:
            raise LookupError(f"the workspace has no activity {activity!r}")
        decoded = dict(attributes or {})
        try:
            worker = stores.workers.new(
                {
                    "friendly_name": friendly_name,
                    "activity": named[0],
                    "attributes": orjson.dumps(decoded).decode(),
                    "decoded": decoded,
                }
            )
        except Refusal as refusal:
            raise ValueError(refusal.message) from refusal
        return worker.sid

    def reserve(self, task_sid: str, worker_sid: str) -> str:
        """Offer a waiting task to a worker, as routing does, and return the reservation's sid."""
        workspace, task = self._task(task_sid)
        worker = workspace.stores.workers.get(worker_sid)
        if worker is None:
            raise LookupError(f"the workspace of {task_sid} has no worker {worker_sid}")
        try:
            return workspace.transitions.reserve(task, worker).sid
        except Refusal as refusal:
            raise ValueError(refusal.message) from refusal

    def _filler(self) -> Filler:
        return Filler(self._service, "http://sandbox" if self._serving is None else self.url)

    def _workspace(self, sid: str) -> Workspace:
        workspace = self._service.workspaces.get(sid)
        if workspace is None:
            raise LookupError(f"the sandbox has no workspace {sid}")
        return workspace

    def _task(self, sid: str) -> tuple[Workspace, Task]:
        for workspace in self._service.workspaces:
            task = workspace.stores.tasks.get(sid)
            if task is not None:
                return workspace, task
        raise LookupError(f"the sandbox has no task {sid}")
