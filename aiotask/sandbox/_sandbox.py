"""The sandbox: settings, start and close."""

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from random import Random
from typing import Self, Unpack

from aiotask.sandbox._controls import TestControls
from aiotask.sandbox._settings import SandboxSettings
from aiotask.sandbox._threaded import ThreadedSandbox
from aiotask.sandbox.api.dispatch import Service
from aiotask.sandbox.callbacks.dispatch import Callbacks, Settings
from aiotask.sandbox.clock.alarm import Alarm
from aiotask.sandbox.clock.rate_window import Clock
from aiotask.sandbox.clock.scheduler import Scheduler, Timeline
from aiotask.sandbox.model.account import Account, OverlongPages, Unanswered, Unmatched
from aiotask.sandbox.model.changes import StoreError, UnsavedChanges
from aiotask.sandbox.model.list_index import ListIndex
from aiotask.sandbox.server.admission import Admission
from aiotask.sandbox.server.beside import MOST_EXCHANGES, Beside, Exchange
from aiotask.sandbox.server.faults import FaultKind, Faults
from aiotask.sandbox.server.handler import Counts, RequestHandler
from aiotask.sandbox.server.tokens import Tokens
from aiotask.sandbox.storage.archive import Archive
from aiotask.sandbox.storage.database import Database

_ACCOUNT_SID = "AC0123456789abcdef0123456789abcdef"
_AUTH_TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105 - opens only the sandbox
_API_KEY = "SK0123456789abcdef0123456789abcdef"
_API_SECRET = "0123456789ABCDEF0123456789ABCDEF"  # noqa: S105 - opens only the sandbox
_CLIENT_ID = "OQ0123456789abcdef0123456789abcdef"
_CLIENT_SECRET = "fedcba9876543210fedcba9876543210"  # noqa: S105 - opens only the sandbox

_log = logging.getLogger("aiotask.sandbox")


class Sandbox(TestControls):
    """A local server that behaves like Twilio TaskRouter v1.

    It answers all operations of TaskRouter, and those on the tasks of Autopilot assistants. Tasks
    are routed to queues and offered to workers directly after the request that makes it possible.
    Timeouts happen at their time, or when `advance` moves the clock. Tests without workers move
    tasks by `assign` and `set_status`.

    Events are posted to the EventCallbackUrl of their workspace, and reservations to the
    AssignmentCallbackUrl of their workflow; the instructions in the answers are executed.

    ``async with Sandbox() as sandbox`` serves at `url` until the block ends.

    Args:
        host: The address to listen on.
        port: The port to listen on; 0 takes a free one.
        account_sid: The user name that goes with *auth_token*.
        auth_token: Twilio's Go library refuses one that is not alphanumeric.
        api_key: The user name that goes with *api_secret*, accepted too.
        api_secret: The password of the API key.
        client_id: The client of OAuth that gets access tokens at ``/v2/token``.
        client_secret: Its secret.
        token_lifetime: Seconds of this sandbox's clock until an access token ends.
        latency: Seconds between the admission and the execution of a request. A client that gives
            up meanwhile does not stop it: the request is executed late.
        rate: Requests per second, as the mean over any second; excess requests get 429.
        in_flight: Requests handled at once, including those that hang; excess requests get 429.
        expression_rate: The documented 3 lists by an expression per second, per workspace and kind
            of list, as the mean over any ten seconds; None switches off this limit, and the one of
            5 bulk statistics per second.
        retry_after: Seconds in the Retry-After of a 429; TaskRouter documents no such header.
        faults: The share of all requests that get a random fault; `Faults` has other ways.
        fault_kinds: The kinds of random faults; None is FAULT_KINDS, and with *late* all kinds.
        late: The longest delay of late faults, in seconds of this sandbox's clock. Choose it longer
            than the client's timeout, so that some clients have given up.
        index_lag: Seconds of this sandbox's clock before lists show a new task or event; by sid
            they are found at once.
        seed: Makes the random faults and all sids repeatable for the same sequence of requests.
        clock: A function that returns the time, in seconds since 1970. With any other clock than
            `time.time`, timers run before the next request is answered, and by `advance`.
        page_size_over_1000: The effect of a PageSize above the maximum, which is undocumented:
            "refuse" it with error 20007, or "clamp" it.
        unmatched: The fate of a new task that no filter of its workflow matches: "cancel" it, as
            Twilio's page on workflows says, or "refuse" it with 400.
        worker_statistics: The most workers of a workspace with statistics of workers, which Twilio
            switches off above 100; None keeps them on.
        routing: Whether tasks are offered to workers, advance in workflows and time out. Without
            routing, only requests and tests move them.
        closed_for: Seconds after which a completed or canceled task is deleted.
        unanswered: The fate of a task whose reservation timed out, on which Twilio's pages differ:
            it can "stay" at its target, or "advance" to the next target or filter at once.
        callback_timeout: Seconds for the answer to a callback; None has the documented 15 for
            events and 5 for assignments.
        callback_backlog: The most events of a workspace that wait for their receiver; beyond it the
            oldest are dropped. As many assignments may wait.
        store: A file that keeps all contents for the next sandbox: created if it does not exist,
            and open while the sandbox serves. Answers are sent after their changes are saved, so
            that ``kill -9`` loses nothing; a power failure may lose the last ones. A StoreError
            tells of an unusable file.

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
        client_id: str = _CLIENT_ID,
        client_secret: str = _CLIENT_SECRET,
        token_lifetime: float = 3600,
        latency: float = 0.0,
        rate: float | None = None,
        in_flight: int | None = None,
        expression_rate: float | None = 3.0,
        retry_after: int | None = None,
        faults: float = 0.0,
        fault_kinds: Sequence[FaultKind] | None = None,
        late: float = 0.0,
        index_lag: float = 0.0,
        seed: int | None = None,
        clock: Clock = time.time,
        page_size_over_1000: OverlongPages = "refuse",
        unmatched: Unmatched = "cancel",
        worker_statistics: int | None = 100,
        routing: bool = True,
        closed_for: int = 300,
        unanswered: Unanswered = "stay",
        callback_timeout: float | None = None,
        callback_backlog: int = 100_000,
        store: str | os.PathLike[str] | None = None,
    ) -> None:
        self.account_sid = account_sid
        self.auth_token = auth_token
        self.api_key = api_key
        self.api_secret = api_secret
        self.exchanges: deque[Exchange] = deque(maxlen=MOST_EXCHANGES)
        self.client_id = client_id
        self.client_secret = client_secret
        self.faults: Faults = Faults(faults, fault_kinds, seed, late)
        self._host = host
        self._port = port
        # Faults have a generator of their own, so that sids do not change the faults of a seed.
        random = Random(seed)
        # A test moves its own clock behind the loop's back, so an alarm would ring at a wrong time.
        self._alarming = clock is time.time
        scheduler = Scheduler(Timeline(clock))
        clock = scheduler.timeline
        self._account = Account(
            account_sid,
            clock,
            random,
            page_size_over_1000,
            unmatched,
            worker_statistics,
            routing=routing,
            closed_for=closed_for,
            unanswered=unanswered,
            scheduler=scheduler,
            index=ListIndex(index_lag),
            changes=UnsavedChanges(kept=store is not None),
        )
        self._callbacks = Callbacks(
            Settings(account_sid, auth_token, callback_timeout, callback_backlog),
            self._account.debugger,
            self._in_background,
        )
        self._expression_rate = expression_rate
        self._service = self._new_service()
        self._seed = seed
        self._archive = None if store is None else Archive(Database(store), self._account)
        credentials = [(account_sid, auth_token), (api_key, api_secret)]
        # Tokens have a generator of their own, so that they do not change the sids of a seed.
        self._tokens = Tokens(client_id, client_secret, token_lifetime, clock, Random(seed))
        self._admission = Admission(credentials, rate, in_flight, clock, random, self._tokens)
        self._latency = latency
        self._retry_after = retry_after
        self._counts = Counts()
        self._serving: tuple[RequestHandler, asyncio.Server] | None = None
        self._side_door: tuple[RequestHandler, asyncio.Server] | None = None
        self._alarm: Alarm | None = None

    async def start(self) -> None:
        """Start to serve, with the contents that the sandbox had when it was closed."""
        if self._serving is not None:
            raise RuntimeError("the sandbox is serving already")
        if self._archive is not None:
            self._restore(self._archive)
        handler = RequestHandler(
            self._service,
            self._admission,
            self.faults,
            self._counts,
            self._latency,
            self._retry_after,
            self._account.scheduler,
            self._account.now,
        )
        try:
            self._serving = handler, await handler.listen(self._host, self._port)
        except BaseException:
            # The port may be taken, and the store must not stay locked.
            self._close_archive()
            raise
        self._callbacks.open()
        if self._alarming:
            self._alarm = Alarm(self._account.scheduler, self._in_background)

    async def close(self) -> None:
        """Stop serving at once, and cancel requests in progress."""
        if self._serving is not None:
            handler, server = self._serving
            self._serving = None
            # First everything that can change the contents, at last the store that saves them.
            server.close()
            await self._close_side_door()
            if self._alarm is not None:
                self._alarm.close()
            await self._callbacks.close()
            await handler.close()
            self._close_archive()

    async def open_side_door(self) -> str:
        """Serve at another URL of this machine, too, and return it.

        There the API answers without limits, faults and latency, and counts nothing, so that who
        watches the sandbox does not disturb what it is used for.
        """
        credentials = [(self.account_sid, self.auth_token)]
        scheduler, account = self._account.scheduler, self._account
        admission = Admission(credentials, None, None, account.clock, Random(), self._tokens)
        door = RequestHandler(
            self._service, admission, Faults(), Counts(), 0.0, None, scheduler, account.now
        )
        self._side_door = door, await door.listen("127.0.0.1", 0)
        return f"http://{door.authority}"

    def put_beside(self, pages: Beside) -> None:
        """Serve *pages* on the port of the API, too, and keep the last requests in `exchanges`."""
        if self._serving is None:
            raise RuntimeError("the sandbox is not serving")
        self._serving[0].exchanges = self.exchanges
        self._serving[0].beside = pages

    @classmethod
    def in_thread(cls, **settings: Unpack[SandboxSettings]) -> ThreadedSandbox:
        """Return a sandbox for code that is no coroutine; it serves from a thread of its own.

        ``with Sandbox.in_thread() as sandbox`` serves at its `url` until the block ends, for a
        client of any kind. The *settings* are those of `Sandbox`.
        """
        return ThreadedSandbox(cls(**settings))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    @property
    def url(self) -> str:
        """The base URL, to be a client's ``base_url``."""
        if self._serving is None:
            raise RuntimeError("the sandbox is not serving: use async with, or await start()")
        return f"http://{self._serving[0].authority}"

    @property
    def _origin(self) -> str:
        return super()._origin if self._serving is None else self.url

    @contextmanager
    def _in_background(self) -> Iterator[None]:
        """Do as `_as_request`, but log a StoreError; the next commit tries again."""
        try:
            with self._as_request():
                yield
        except StoreError as error:
            _log.error("%s", error)

    def _new_service(self) -> Service:
        return Service(self._account, self._expression_rate, self._callbacks.watch)

    def _restore(self, archive: Archive) -> None:
        # A second start reads the store again, for another sandbox may have changed it meanwhile.
        for workspace in self._service.workspaces:
            workspace.close()
        self._service = self._new_service()
        opened = archive.open(self._service)
        if opened:
            # A seed would repeat the sids that the store already holds.
            self._account.random.seed(None if self._seed is None else f"{self._seed}/{opened}")
        for workspace in self._service.workspaces:
            workspace.resume()

    async def _close_side_door(self) -> None:
        if self._side_door is not None:
            handler, server = self._side_door
            self._side_door = None
            server.close()
            await handler.close()

    def _close_archive(self) -> None:
        if self._archive is not None:
            with suppress(StoreError):  # the requests whose changes are unsaved have got it already
                self._account.changes.commit()
            self._archive.close()
