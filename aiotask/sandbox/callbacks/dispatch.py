"""Callback dispatch: from events of workspaces to posts, and from answers to instructions.

The README has what Twilio leaves undocumented here.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import NamedTuple

from aiotask.sandbox._workspace import Workspace
from aiotask.sandbox.callbacks.forms import (
    Form,
    PendingEvent,
    assignment_form,
    event_form,
)
from aiotask.sandbox.callbacks.instructions import NO_JSON_TYPE, follow
from aiotask.sandbox.callbacks.queue import Queue, Running
from aiotask.sandbox.callbacks.sender import CallbackSender, Kind, Post, Reply
from aiotask.sandbox.model.debugger import DebuggerEntry
from aiotask.sandbox.model.events import Event
from aiotask.sandbox.model.reservation import Reservation

EVENT_SECONDS = 15.0
ASSIGNMENT_SECONDS = 5.0
AT_ONCE = 100
"""The number of assignment callbacks in flight."""

_JSON = "application/json"
_OK = 200


class Settings(NamedTuple):
    """Settings of callbacks."""

    account_sid: str
    auth_token: str
    timeout: float | None
    """Seconds for an answer; None for the documented ones."""
    backlog: int
    """The most waiting events of a workspace, and the most waiting assignments."""


class _Assignment(NamedTuple):
    """A reservation and its callback URLs."""

    workspace: Workspace
    reservation: Reservation
    event: Event
    url: str | None
    fallback: str | None


class Callbacks:
    """Listens to workspaces, and posts in the background from `open` to `close`.

    Instructions are executed within *during*, which does what surrounds a request elsewhere.
    """

    def __init__(
        self,
        settings: Settings,
        debugger: deque[DebuggerEntry],
        during: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._debugger = debugger
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

    @property
    def posts(self) -> deque[Post]:
        """The last thousand callbacks."""
        return self._sender.posts

    def watch(self, workspace: Workspace) -> None:
        """Listen to the events of a workspace."""
        queue: Queue[PendingEvent] = Queue(
            self._send_event,
            self._running,
            partial(self._count_dropped, "event"),
            at_once=1,
            most=self._settings.backlog,
        )
        workspace.stores.log.listener = partial(self._on_event, workspace, queue)

    def open(self) -> None:
        """Start to post in the running loop."""
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """Cancel all callbacks that are not posted yet."""
        self._loop = None  # stops _on_event before the tasks are cancelled
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._sender.close()

    async def sent(self) -> None:
        """Wait until all callbacks, also those that follow from answers, have been posted."""
        while self._running:
            await asyncio.wait(self._running)

    def _on_event(
        self, workspace: Workspace, queue: Queue[PendingEvent], number: int, event: Event
    ) -> None:
        url, loop = workspace.event_callback_url, self._loop
        if loop is not None and url and _wants(workspace, event):
            sid = workspace.stores.log.sid(number)
            item = PendingEvent(url, sid, event, workspace.sid, workspace.friendly_name)
            queue.put(item, loop)
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
                self._debugger.append(entry)

    async def _reply(
        self, kind: Kind, url: str | None, form: Form, reservation: Reservation
    ) -> Reply | None:
        """Return a usable answer: a 200 that is empty or JSON; else None."""
        if not url:
            return None
        reply = await self._sender.post(kind, url, form, self._seconds(ASSIGNMENT_SECONDS))
        if reply is None or reply.status != _OK:
            return None
        if reply.body and reply.content_type.partition(";")[0].strip().lower() != _JSON:
            message = f"The answer of the {kind} URL is not of the type {_JSON}"
            self._debugger.append(DebuggerEntry(NO_JSON_TYPE, message, reservation.sid))
            return None
        return reply

    def _seconds(self, documented: float) -> float:
        return documented if self._settings.timeout is None else self._settings.timeout

    def _count_dropped(self, kind: Kind, count: int) -> None:
        if count:
            self.counts[f"{kind} dropped"] += count


def _wants(workspace: Workspace, event: Event) -> bool:
    """Tell whether the workspace's EventsFilter accepts an event."""
    # No blanks are stripped: users report that a list with blanks matches nothing.
    return not workspace.events_filter or event.type in workspace.events_filter.split(",")
