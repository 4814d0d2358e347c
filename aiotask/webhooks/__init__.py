"""Receive TaskRouter webhooks: verify, parse, respond.

Everything here works on the URL, the headers' values and the bytes of the body, so any web
framework will do::

    verifier = SignatureVerifier(auth_token)
    if not verifier.verify(url, body, headers.get("X-Twilio-Signature")):
        ...                                       # 403: not from Twilio
    event = parse_event(body)                     # answer 204 within 15 seconds

    assignment = parse_assignment(body)           # answer 200 within 5 seconds, as JSON perhaps
    instruction = dequeue(from_="+15017122661")   # ... with one of these
"""

from aiotask.webhooks._body import CallbackError
from aiotask.webhooks.callbacks import (
    AssignmentCallback,
    EventCallback,
    parse_assignment,
    parse_event,
    parse_events,
)
from aiotask.webhooks.instructions import (
    CallFields,
    ConferenceFields,
    DequeueFields,
    Instruction,
    RedirectFields,
    RejectFields,
    accept,
    call,
    conference,
    dequeue,
    redirect,
    reject,
)
from aiotask.webhooks.signature import SignatureVerifier

__all__ = [
    "AssignmentCallback",
    "CallFields",
    "CallbackError",
    "ConferenceFields",
    "DequeueFields",
    "EventCallback",
    "Instruction",
    "RedirectFields",
    "RejectFields",
    "SignatureVerifier",
    "accept",
    "call",
    "conference",
    "dequeue",
    "parse_assignment",
    "parse_event",
    "parse_events",
    "redirect",
    "reject",
]
