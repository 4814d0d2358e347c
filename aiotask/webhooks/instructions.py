"""Instructions: answers to an assignment callback, as checked dicts of JSON values.

Their parameters are those of https://www.twilio.com/docs/taskrouter/handle-assignment-callbacks;
``from_`` is sent as ``from``. A misspelt name, or a required one that is missing, is a TypeError,
and a value that is not valid a ValueError. A parameter that is left out is not sent. The service
carries out an instruction only while the reservation is pending; its failures are shown only in
Twilio's debugger.

Answer with status 200 and ``Content-Type: application/json`` within five seconds; ``{}`` leaves the
reservation pending.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Required, TypedDict, Unpack

from aiotask._checks import Between
from aiotask._encoding import encode
from aiotask.taskrouter._fields import ActivitySid, CallSid, Url
from aiotask.taskrouter.reservations import CallEvent, ConferenceFields

__all__ = [
    "CallFields",
    "ConferenceFields",
    "DequeueFields",
    "Instruction",
    "RedirectFields",
    "RejectFields",
    "accept",
    "call",
    "conference",
    "dequeue",
    "redirect",
    "reject",
]

Instruction = dict[str, str | int | bool]

Seconds = Annotated[int, Between(0, 999)]


class RejectFields(TypedDict, total=False):
    """Parameters of :func:`reject`."""

    activity_sid: Required[ActivitySid]
    """SID of the activity that the worker moves to; in an available one, they may be offered
    the task again.
    """


class DequeueFields(TypedDict, total=False):
    """Parameters of :func:`dequeue`."""

    to: str
    """Whom to call: a phone number or a client; the worker's attribute ``contact_uri`` by
    default.
    """
    from_: str
    """Caller id; by default the number that the caller dialed."""
    post_work_activity_sid: ActivitySid
    """SID of the activity that the worker moves to after the call."""
    record: str
    """record-from-answer or do-not-record, the default."""
    timeout: Seconds
    """Seconds that it may ring, at most 999 (SIP: 600); 60 by default."""
    status_callback_url: Url
    """URL that is told how the worker's call goes."""
    status_callback_events: Sequence[CallEvent]
    """Events that it is told; by default the end of the call."""


class CallFields(TypedDict, total=False):
    """Parameters of :func:`call`."""

    from_: Required[str]
    """Caller id."""
    url: Required[Url]
    """URL of the TwiML that the worker hears."""
    to: str
    """Whom to call: a phone number or a client; the worker's attribute ``contact_uri`` by
    default.
    """
    accept: bool
    """Whether the reservation is accepted with it; false by default."""
    record: str
    """record-from-answer or do-not-record, the default."""
    timeout: Seconds
    """Seconds that it may ring, at most 999; 60 by default."""
    status_callback_url: Url
    """URL that is told when the call has ended."""


class RedirectFields(TypedDict, total=False):
    """Parameters of :func:`redirect`."""

    call_sid: Required[CallSid]
    """SID of the call that waits in the queue."""
    url: Required[Url]
    """URL of the TwiML that it continues with."""
    accept: bool
    """Whether the reservation is accepted with it; false by default."""


def accept() -> Instruction:
    """Accept the reservation; TaskRouter does nothing else for this task."""
    return {"instruction": "accept"}


def reject(**fields: Unpack[RejectFields]) -> Instruction:
    """Reject the reservation: the task goes back to its queue, the worker to another activity.

    The service's page lists ``activity_sid`` as required, and the service has an error for its
    absence (https://www.twilio.com/docs/api/errors/40100).
    """
    return _instruction("reject", RejectFields, fields)


def dequeue(**fields: Unpack[DequeueFields]) -> Instruction:
    """Call the worker and connect the caller: only for tasks created by TwiML's ``<Enqueue>``.

    The call's sid becomes the task's attribute ``worker_call_sid``.
    """
    return _instruction("dequeue", DequeueFields, fields)


def call(**fields: Unpack[CallFields]) -> Instruction:
    """Call the worker and play the TwiML at ``url``.

    The call's sid becomes the task's attribute ``worker_call_sid``.
    """
    return _instruction("call", CallFields, fields)


def redirect(**fields: Unpack[RedirectFields]) -> Instruction:
    """Send a live call on to other TwiML."""
    return _instruction("redirect", RedirectFields, fields)


def conference(**fields: Unpack[ConferenceFields]) -> Instruction:
    """Call the worker into a conference with the caller; every parameter is optional.

    The page on callbacks names the instruction without its parameters; these are those of a
    reservation's update.
    """
    return _instruction("conference", ConferenceFields, fields)


def _instruction(name: str, shape: type, fields: Mapping[str, Any]) -> Instruction:
    encode(shape, fields)  # the same checks as for a form that is sent
    made: Instruction = {"instruction": name}
    for field, value in fields.items():
        # Several values are one text with commas: https://www.twilio.com/docs/api/errors/40134
        one = isinstance(value, str | int)
        made[field.removesuffix("_")] = value if one else ",".join(value)
    return made
