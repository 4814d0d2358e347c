"""What to answer to an assignment callback: instructions, checked, as JSON-able dicts.

Their parameters are those of https://www.twilio.com/docs/taskrouter/handle-assignment-callbacks;
``from_`` is sent as ``from``. A misspelt name, or a required one that is missing, is a TypeError,
and a value that cannot be right a ValueError. What is left out is not sent. Each instruction wants
the reservation to be pending still; what goes wrong in carrying it out is seen in Twilio's debugger
only.

The answer has the status 200 and ``Content-Type: application/json``, and comes within five
seconds; ``{}`` leaves the reservation pending.
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
    """How a reservation is rejected.

    The worker moves to the activity ``activity_sid``; if that is an available one, the same
    worker may be reserved again at once.
    """

    activity_sid: Required[ActivitySid]


class DequeueFields(TypedDict, total=False):
    """How the caller of an enqueued call is put through to the worker.

    ``to`` is a phone number or a client, by default the worker's attribute ``contact_uri``, and
    ``from_`` the caller id, by default the number that the caller dialed. ``record`` is
    ``record-from-answer`` or ``do-not-record``, the default. ``timeout`` is how many seconds it
    may ring, at most 999 (SIP: 600), by default 60. ``post_work_activity_sid`` is where the worker
    moves after the call. ``status_callback_url`` gets the events ``status_callback_events``, by
    default the end of the worker's call.
    """

    to: str
    from_: str
    post_work_activity_sid: ActivitySid
    record: str
    timeout: Seconds
    status_callback_url: Url
    status_callback_events: Sequence[CallEvent]


class CallFields(TypedDict, total=False):
    """How the worker is called.

    ``url`` is the TwiML that the worker hears, ``from_`` the caller id. ``to`` is a phone number
    or a client, by default the worker's attribute ``contact_uri``. ``accept`` accepts the
    reservation with it; by default it stays pending. ``record`` is ``record-from-answer`` or
    ``do-not-record``, the default. ``timeout`` is how many seconds it may ring, at most 999, by
    default 60.
    """

    from_: Required[str]
    url: Required[Url]
    to: str
    accept: bool
    record: str
    timeout: Seconds
    status_callback_url: Url


class RedirectFields(TypedDict, total=False):
    """Where a live call goes.

    ``call_sid`` is the call that waits in the queue, ``url`` the TwiML that it goes on with.
    ``accept`` accepts the reservation with it; by default it stays pending.
    """

    call_sid: Required[CallSid]
    url: Required[Url]
    accept: bool


def accept() -> Instruction:
    """Accept the reservation: TaskRouter has done its part, and does no more for this task."""
    return {"instruction": "accept"}


def reject(**fields: Unpack[RejectFields]) -> Instruction:
    """Reject the reservation: the task goes back to its queue, the worker to another activity.

    The service's page lists ``activity_sid`` as required, and the service has an error for its
    absence (https://www.twilio.com/docs/api/errors/40100).
    """
    return _instruction("reject", RejectFields, fields)


def dequeue(**fields: Unpack[DequeueFields]) -> Instruction:
    """Call the worker, and put the caller through: for tasks made by TwiML's ``<Enqueue>`` only.

    The call's sid becomes the task's attribute ``worker_call_sid``.
    """
    return _instruction("dequeue", DequeueFields, fields)


def call(**fields: Unpack[CallFields]) -> Instruction:
    """Call the worker, who hears the TwiML at ``url``.

    The call's sid becomes the task's attribute ``worker_call_sid``.
    """
    return _instruction("call", CallFields, fields)


def redirect(**fields: Unpack[RedirectFields]) -> Instruction:
    """Send a live call on to other TwiML."""
    return _instruction("redirect", RedirectFields, fields)


def conference(**fields: Unpack[ConferenceFields]) -> Instruction:
    """Call the worker into a conference with the caller; every parameter may be left out.

    The page on callbacks names the instruction without its parameters; these are those of a
    reservation's update.
    """
    return _instruction("conference", ConferenceFields, fields)


def _instruction(name: str, shape: type, fields: Mapping[str, Any]) -> Instruction:
    encode(shape, fields)  # the checks are those of what is sent as a form
    made: Instruction = {"instruction": name}
    for field, value in fields.items():
        # Several values are one text with commas: https://www.twilio.com/docs/api/errors/40134
        one = isinstance(value, str | int)
        made[field.removesuffix("_")] = value if one else ",".join(value)
    return made
