"""Forms of callbacks, with the field names of Twilio's pages and of observed events.

Undocumented by Twilio; the sandbox: Timestamp is in seconds since 1970 and TimestampMs in
milliseconds, and the account has one operating unit, whose sid has the account's digits.
"""

from collections.abc import Mapping
from typing import NamedTuple

from aiotask.sandbox.model.event_data import content, description, kind_of, operating_unit
from aiotask.sandbox.model.events import Event

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
    """An event to post."""

    url: str
    sid: str
    event: Event
    workspace_sid: str
    workspace_name: str


def event_form(item: PendingEvent, account_sid: str) -> Form:
    """Return the form of an event callback."""
    event = item.event
    fields = {
        **content(event),
        "sid": item.sid,
        "event_type": event.type,
        "event_description": description(event),
        "account_sid": account_sid,
        "operating_unit_sid": operating_unit(account_sid),
        "workspace_sid": item.workspace_sid,
        "workspace_name": item.workspace_name,
        "resource_type": kind_of(event).type,
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
