"""Actions: what a page may change, in a workspace by its API, and of a sandbox besides."""

from collections.abc import Awaitable, Callable, Mapping
from typing import get_args

from aiotask.console.forms import Form, choice, json_object, number, text, whole
from aiotask.console.reading import Reading
from aiotask.sandbox import FaultKind, Sandbox
from aiotask.taskrouter import NewTask, ReservationStatus

Act = Callable[[Form], Awaitable[str]]
"""Carries out one action, and returns what to tell of it; a ValueError says why it cannot be."""

MOST_SECONDS = 31 * 86_400
"""The longest time that one click lets pass."""

_KINDS: Mapping[str, FaultKind] = {kind: kind for kind in get_args(FaultKind)}
_ANSWERS: Mapping[str, ReservationStatus] = {
    "accepted": "accepted",
    "rejected": "rejected",
    "wrapping": "wrapping",
    "completed": "completed",
}


class WorkspaceActions:
    """Carries out what changes a workspace, each by the fields of its form."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._workspace = reading.workspace
        self.by_name: Mapping[str, Act] = {
            "create": self._create,
            "activity": self._set_activity,
            "reservation": self._answer,
            "cancel": self._cancel,
            "complete": self._complete,
        }

    async def _create(self, form: Form) -> str:
        fields: NewTask = {
            "attributes": json_object(form, "attributes"),
            "workflow_sid": text(form, "workflow"),
            "priority": whole(form, "priority"),
            "task_channel": text(form, "channel"),
        }
        task = await self._reading.ask(lambda: self._workspace.tasks.create(**fields))
        return f"Task {task.sid} was created."

    async def _set_activity(self, form: Form) -> str:
        worker, activity = text(form, "worker"), text(form, "activity")
        found = await self._reading.ask(
            lambda: self._workspace.workers.update(worker, activity_sid=activity)
        )
        return f"{found.friendly_name} is {found.activity_name} now."

    async def _answer(self, form: Form) -> str:
        task, reservation = text(form, "task"), text(form, "reservation")
        status = choice(form, "status", _ANSWERS)
        reservations = self._workspace.task(task).reservations
        found = await self._reading.ask(
            lambda: reservations.update(reservation, reservation_status=status)
        )
        return f"The reservation of {found.worker_name} is {found.reservation_status} now."

    async def _cancel(self, form: Form) -> str:
        sid, reason = text(form, "task"), text(form, "reason")
        await self._reading.ask(lambda: self._workspace.tasks.cancel(sid, reason))
        return f"Task {sid} was canceled."

    async def _complete(self, form: Form) -> str:
        sid, reason = text(form, "task"), text(form, "reason")
        await self._reading.ask(lambda: self._workspace.tasks.complete(sid, reason))
        return f"Task {sid} was completed."


class SandboxActions:
    """Carries out what changes a sandbox; *forget* is called when its time has passed."""

    def __init__(self, sandbox: Sandbox, forget: Callable[[], None]) -> None:
        self._sandbox = sandbox
        self._forget = forget
        self.by_name: Mapping[str, Act] = {"advance": self._advance, "faults": self._set_faults}

    async def _advance(self, form: Form) -> str:
        seconds = number(form, "seconds", MOST_SECONDS)
        await self._sandbox.advance(seconds=seconds)
        self._forget()
        return f"{seconds:g} seconds have passed."

    async def _set_faults(self, form: Form) -> str:
        share, faults = number(form, "share", 1), self._sandbox.faults
        outage = choice(form, "outage", _KINDS) if form.get("outage") else None
        faults.share, faults.outage = share, outage
        if outage is not None:
            return f"Every request fails now: {outage}."
        return f"{share:.0%} of all requests fail now." if share else "No request fails any more."
