"""Event Streams: the CloudEvents that a webhook sink gets, and TaskRouter's payloads in them.

Sources: https://www.twilio.com/docs/events/webhook-quickstart and the examples of
https://www.twilio.com/docs/events/event-types/taskrouter/task.
"""

import re
from collections.abc import Mapping
from typing import Any

from aiotask._json import JsonSyntaxError, loads
from aiotask.webhooks._body import CallbackError

_TYPE = "com.twilio.taskrouter."
_JSON = re.compile(rb"\s*[\[{]")


def is_stream(body: bytes) -> bool:
    """Tell whether a body is JSON; a form never begins with a bracket."""
    return _JSON.match(body) is not None


def payloads(body: bytes) -> list[Mapping[str, Any]]:
    """Return the payloads of a CloudEvent or of a list of them."""
    try:
        document = loads(body)
    except JsonSyntaxError as error:
        raise CallbackError(f"the body is not JSON: {error}") from None
    events = document if isinstance(document, list) else [document]
    return [_payload(event) for event in events]


def _payload(event: Any) -> Mapping[str, Any]:
    kind = event.get("type") if isinstance(event, dict) else None
    if not isinstance(kind, str) or not kind.startswith(_TYPE):
        raise CallbackError(f"the event has no type that begins with {_TYPE}")
    data = event.get("data")
    payload = data.get("payload") if isinstance(data, dict) else None
    if not isinstance(payload, dict):
        raise CallbackError("the event has no data.payload that is an object")
    return {**payload, "eventtype": payload.get("eventtype") or kind.removeprefix(_TYPE)}
