"""The sandbox itself: its settings, and its life."""

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from random import Random
from typing import Self

from aiotask.sandbox._controls import TestControls
from aiotask.sandbox.api.dispatch import Service
from aiotask.sandbox.callbacks.debugger import DebuggerEntry
from aiotask.sandbox.callbacks.dispatch import Callbacks, Settings
from aiotask.sandbox.clock.alarm import Alarm
from aiotask.sandbox.clock.rate_window import Clock
from aiotask.sandbox.clock.scheduler import Scheduler, Timeline
from aiotask.sandbox.model.account import Account, OverlongPages, Unanswered, Unmatched
from aiotask.sandbox.model.changes import StoreError, UnsavedChanges
from aiotask.sandbox.model.list_index import ListIndex
from aiotask.sandbox.server.admission import Admission
from aiotask.sandbox.server.faults import FaultKind, Faults
from aiotask.sandbox.server.handler import Counts, RequestHandler
from aiotask.sandbox.storage.archive import Archive
from aiotask.sandbox.storage.database import Database

_ACCOUNT_SID = "AC0123456789abcdef0123456789abcdef"
_AUTH_TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105 - opens only the sandbox
_API_KEY = "SK0123456789abcdef0123456789abcdef"
_API_SECRET = "0123456789ABCDEF0123456789ABCDEF"  # noqa: S105 - opens only the sandbox

_log = logging.getLogger("aiotask.sandbox")


class Sandbox(TestControls):
    """A local server that behaves like Twilio TaskRouter v1.

    It answers all operations of TaskRouter, and those on the tasks of Autopilot assistants. Tasks
    come to queues and are offered to workers, just after the request that makes it possible is
    answered; what takes time happens when its time has come, or when `advance` lets it come.
    Where no worker is wanted, tasks are moved by `assign` and `set_status`.

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
        faults: The share of all requests that get an injected fault; `Faults` tells of others.
        fault_kinds: What faults are chosen from; None is FAULT_KINDS, and with *late* all kinds.
        late: The most seconds, by this sandbox's clock, after which what is late is carried out:
            longer than clients wait, so that some have given up by then.
        index_lag: Seconds, by this sandbox's clock, for which lists show no new task, and no new
            event; by their sids they are found at once.
        seed: Makes the choice of faults, and all sids, the same for the same requests in order.
        clock: The time, in seconds since 1970. With another clock than `time.time`, what is due
            is done before the next request is answered, and by `advance`.
        page_size_over_1000: What a PageSize above the maximum does, which is not known: "refuse" it
            with the documented error 20007, or "clamp" it.
        unmatched: What becomes of a new task that no filter of its workflow matches, which is not
            known: "cancel" it, as the documentation of workflows says, or "refuse" it with 400.
        worker_statistics: How many workers a workspace can have with statistics of workers on:
            Twilio switches them off above 100; None keeps them on.
        routing: Whether tasks are offered to workers, go on in their workflows, and end with time.
            Without, each stays where it is until a request or a test moves it.
        closed_for: Seconds after which a task that is completed or canceled is gone.
        unanswered: What becomes of a task that goes back to pending because a reservation timed
            out, on which Twilio's pages differ: it can "stay" at its target until that times out,
            or "advance" to the next target at once, if there is one.
        callback_timeout: Seconds that a receiver of callbacks has to answer; None has what is
            documented, 15 for events and 5 for assignments.
        callback_backlog: How many events of a workspace may wait for their receiver; of more, the
            oldest are dropped. As many assignments may wait.
        store: A file that keeps all there is, for the next sandbox that is given it: made where
            there is none, and opened while the sandbox serves. Every answer waits until what it
            tells of is in it, so that nothing is lost when the process is killed; what the system
            has not written yet when the power fails is. A StoreError says what is wrong with it.

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
        self.faults = Faults(faults, fault_kinds, seed, late)
        self._host = host
        self._port = port
        # Its own chances, so that the faults of a seed do not depend on what else was drawn.
        random = Random(seed)
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
            self._in_background,
        )
        self._expression_rate = expression_rate
        self._service = self._new_service()
        self._seed = seed
        self._archive = None if store is None else Archive(Database(store), self._account)
        credentials = [(account_sid, auth_token), (api_key, api_secret)]
        self._admission = Admission(credentials, rate, in_flight, clock, random)
        self._latency = latency
        self._retry_after = retry_after
        self._counts = Counts()
        self._serving: tuple[RequestHandler, asyncio.Server] | None = None
        self._alarm: Alarm | None = None

    async def start(self) -> None:
        """Begin to serve; what a sandbox held when it was closed is there again."""
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
        )
        try:
            self._serving = handler, await handler.listen(self._host, self._port)
        except BaseException:
            self._put_away()
            raise
        self._callbacks.open()
        if self._alarming:
            self._alarm = Alarm(self._account.scheduler, self._in_background)

    async def close(self) -> None:
        """Stop serving at once, and drop what is being handled."""
        if self._serving is not None:
            handler, server = self._serving
            self._serving = None
            server.close()
            if self._alarm is not None:
                self._alarm.close()
            await self._callbacks.close()
            await handler.close()
            self._put_away()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    @property
    def url(self) -> str:
        """The base URL, for a client's ``base_url``."""
        if self._serving is None:
            raise RuntimeError("the sandbox is not serving: use async with, or await start()")
        return f"http://{self._serving[0].authority}"

    @property
    def _origin(self) -> str:
        return super()._origin if self._serving is None else self.url

    @property
    def requests(self) -> Counter[str]:
        """How many requests came, by kind such as "POST Tasks" and "GET Tasks/{Sid}"."""
        return self._counts.requests

    @property
    def answers(self) -> Counter[int]:
        """What the service answered, by status, whether or not a fault lost it."""
        return self._counts.answers

    @property
    def refused(self) -> int:
        """How many requests the service refused with 429; injected ones are not among them."""
        return self._counts.answers[429]

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

    @contextmanager
    def _in_background(self) -> Iterator[None]:
        """Do the same where nobody is there to be told; what is not saved then is tried again."""
        try:
            with self._as_request():
                yield
        except StoreError as error:
            _log.error("%s", error)

    def _new_service(self) -> Service:
        return Service(self._account, self._expression_rate, self._callbacks.watch)

    def _restore(self, archive: Archive) -> None:
        for workspace in self._service.workspaces:
            workspace.close()
        self._service = self._new_service()
        opened = archive.open(self._service)
        if opened:
            # The chances of a seed begin anew each time, and no sid may come twice.
            self._account.random.seed(None if self._seed is None else f"{self._seed}/{opened}")
        for workspace in self._service.workspaces:
            workspace.resume()

    def _put_away(self) -> None:
        if self._archive is not None:
            with suppress(StoreError):  # which all have got who changed what is not saved yet
                self._account.changes.commit()
            self._archive.close()
