"""Forms of callbacks, with the field names of Twilio's pages and of observed events.

Undocumented by Twilio; the sandbox: Timestamp is in seconds since 1970 and TimestampMs in
milliseconds, and the account has one operating unit, whose sid has the account's digits.
"""

from collections.abc import Mapping
from typing import NamedTuple

from aiotask.sandbox.model.event_data import KINDS, content, description
from aiotask.sandbox.model.events import Event
from aiotask.sandbox.model.workspace_stores import Stores

Form = dict[str, str]

_ASSIGNMENT = (
    "workflow_sid",
    "task_queue_sid",
    "worker_sid",
    "worker_attributes",
    "task_sid",
    "task_attributes",
    "task_age",
    "task_priority",
    "reservation_sid",
)


class PendingEvent(NamedTuple):
    """An event to post, with the versions of its resources at that time."""

    url: str
    sid: str
    event: Event
    workspace_sid: str
    workspace_name: str
    task_version: int | None
    worker_version: int | None
    reservation_version: int | None
    task_queue_target_expression: str | None


def pending_event(
    url: str, number: int, event: Event, stores: Stores, workspace_name: str
) -> PendingEvent:
    """Capture an event at the time it happens."""
    # At once, as versions and expressions may change before the event is posted.
    facts = event.facts
    task = stores.tasks.get(facts.task_sid or "")
    worker = stores.workers.get(facts.worker_sid)
    reservation = stores.reservations.get(facts.reservation_sid)
    queue = stores.queues.get(facts.task_queue_sid)
    return PendingEvent(
        url=url,
        sid=stores.log.sid(number),
        event=event,
        workspace_sid=stores.workspace_sid,
        workspace_name=workspace_name,
        task_version=None if task is None else task.version,
        worker_version=None if worker is None else worker.version,
        reservation_version=None if reservation is None else reservation.version,
        task_queue_target_expression=None if queue is None else queue.target_workers,
    )


def event_form(item: PendingEvent, account_sid: str) -> Form:
    """Return the form of an event callback."""
    event = item.event
    fields = {
        "task_version": item.task_version,
        "worker_version": item.worker_version,
        "reservation_version": item.reservation_version,
        "task_queue_target_expression": item.task_queue_target_expression,
        **content(event),
        "sid": item.sid,
        "event_type": event.type,
        "event_description": description(event),
        "account_sid": account_sid,
        "operating_unit_sid": f"OU{account_sid[2:]}",
        "workspace_sid": item.workspace_sid,
        "workspace_name": item.workspace_name,
        "resource_type": KINDS.get(event.resource_sid[:2], ("workspace", ""))[0],
        "resource_sid": event.resource_sid,
        "timestamp": event.at // 1000,
        "timestamp_ms": event.at,
        "reason": event.facts.task_reason if event.type == "task.canceled" else None,
    }
    return _form(fields)


def assignment_form(event: Event, account_sid: str, workspace_sid: str) -> Form:
    """Return the form of an assignment callback; *event* is the reservation's creation."""
    said = content(event)
    return _form(
        {
            "timestamp": event.at // 1000,
            "account_sid": account_sid,
            "workspace_sid": workspace_sid,
            **{name: said.get(name) for name in _ASSIGNMENT},
        }
    )


def _form(fields: Mapping[str, object]) -> Form:
    return {
        # Names may hold lone surrogates, which a form cannot encode.
        _wire(name): str(value).encode(errors="replace").decode()
        for name, value in fields.items()
        if value is not None
    }


def _wire(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
