"""Callbacks: which events and assignments are told to whom, and what comes of the answers.

What Twilio leaves open is decided so:

* each callback is posted once, and one that fails is counted, not repeated; an assignment has its
  fallback URL instead;
* the events of one workspace are posted one after the other, in their order;
* every reservation is asked about;
* the types in EventsFilter are separated by commas alone, as users report that they have to be;
* what happens while the sandbox does not serve is told to nobody.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import NamedTuple

from aiotask.sandbox._workspace import Workspace
from aiotask.sandbox.callbacks.debugger import MOST_ENTRIES, DebuggerEntry
from aiotask.sandbox.callbacks.forms import (
    Form,
    PendingEvent,
    assignment_form,
    event_form,
    pending_event,
)
from aiotask.sandbox.callbacks.instructions import NO_JSON_TYPE, follow
from aiotask.sandbox.callbacks.queue import Queue, Running
from aiotask.sandbox.callbacks.sender import CallbackSender, Kind, Reply
from aiotask.sandbox.model.events import Event
from aiotask.sandbox.model.reservation import Reservation

EVENT_SECONDS = 15.0
ASSIGNMENT_SECONDS = 5.0
AT_ONCE = 100
"""How many assignment callbacks wait for an answer at a time."""

_JSON = "application/json"
_OK = 200


class Settings(NamedTuple):
    """How callbacks are sent."""

    account_sid: str
    auth_token: str
    timeout: float | None
    """Seconds for an answer; None has those that are documented."""
    backlog: int
    """How many events of a workspace may wait, and how many assignments."""


class _Assignment(NamedTuple):
    """A reservation that is to be asked about, and where."""

    workspace: Workspace
    reservation: Reservation
    event: Event
    url: str | None
    fallback: str | None


class Callbacks:
    """Listens to workspaces, and posts in the background from `open` to `close`.

    Instructions are carried out within *during*: what stands around a request is not there then.
    """

    def __init__(
        self,
        settings: Settings,
        during: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.debugger: deque[DebuggerEntry] = deque(maxlen=MOST_ENTRIES)
        self._settings = settings
        self._during = during
        self._sender = CallbackSender(settings.auth_token, self.counts)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: Running = set()
        self._assignments = Queue(
            self._send_assignment,
            self._running,
            partial(self._count_dropped, "assignment"),
            at_once=AT_ONCE,
            most=settings.backlog,
        )

    def watch(self, workspace: Workspace) -> None:
        """Listen to what happens in a workspace from now on."""
        queue: Queue[PendingEvent] = Queue(
            self._send_event,
            self._running,
            partial(self._count_dropped, "event"),
            at_once=1,
            most=self._settings.backlog,
        )
        workspace.stores.log.listener = partial(self._on_event, workspace, queue)

    def open(self) -> None:
        """Begin to post, in the loop that runs."""
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """Give up what is not posted yet."""
        self._loop = None
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._sender.close()

    async def sent(self) -> None:
        """Return when all that is due, and what follows from the answers, has been posted."""
        while self._running:
            await asyncio.wait(self._running)

    def _on_event(
        self, workspace: Workspace, queue: Queue[PendingEvent], number: int, event: Event
    ) -> None:
        url, loop = workspace.event_callback_url, self._loop
        if loop is not None and url and _wants(workspace, event):
            queue.put(
                pending_event(url, number, event, workspace.stores, workspace.friendly_name), loop
            )
        if loop is not None and event.type == "reservation.created":
            reservation = workspace.stores.reservations.items[event.resource_sid]
            workflow = reservation.task.workflow
            asked = workflow.assignment_callback_url, workflow.fallback_assignment_callback_url
            if asked[0]:
                self._assignments.put(_Assignment(workspace, reservation, event, *asked), loop)

    async def _send_event(self, item: PendingEvent) -> None:
        form = event_form(item, self._settings.account_sid)
        await self._sender.post("event", item.url, form, self._seconds(EVENT_SECONDS))

    async def _send_assignment(self, assignment: _Assignment) -> None:
        workspace, reservation = assignment.workspace, assignment.reservation
        form = assignment_form(assignment.event, self._settings.account_sid, workspace.sid)
        reply = await self._reply("assignment", assignment.url, form, reservation)
        if reply is None:
            reply = await self._reply("fallback", assignment.fallback, form, reservation)
        if reply is not None:
            with self._during():
                entry = follow(reply.body, reservation, workspace.stores, workspace.transitions)
            if entry is not None:
                self.debugger.append(entry)

    async def _reply(
        self, kind: Kind, url: str | None, form: Form, reservation: Reservation
    ) -> Reply | None:
        """Return an answer that may be followed: 200, and either empty or JSON."""
        if not url:
            return None
        reply = await self._sender.post(kind, url, form, self._seconds(ASSIGNMENT_SECONDS))
        if reply is None or reply.status != _OK:
            return None
        if reply.body and reply.content_type.partition(";")[0].strip().lower() != _JSON:
            message = f"The answer of the {kind} URL is not of the type {_JSON}"
            self.debugger.append(DebuggerEntry(NO_JSON_TYPE, message, reservation.sid))
            return None
        return reply

    def _seconds(self, documented: float) -> float:
        return documented if self._settings.timeout is None else self._settings.timeout

    def _count_dropped(self, kind: Kind, count: int) -> None:
        if count:
            self.counts[f"{kind} dropped"] += count


def _wants(workspace: Workspace, event: Event) -> bool:
    """Tell whether the filter of a workspace lets an event pass."""
    return not workspace.events_filter or event.type in workspace.events_filter.split(",")
