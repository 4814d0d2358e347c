"""Callbacks of TaskRouter: forms -> typed, frozen objects."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple, TypeVar

import attrs

from aiotask._decoding import JsonText
from aiotask._encoding import wire_name
from aiotask._json import json_or_text
from aiotask.webhooks._body import MAX_BODY, CallbackError, form_pairs

C = TypeVar("C")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# As seconds this is the year 5138, so a larger number means milliseconds.
_SURELY_MILLISECONDS = 10**11


@attrs.frozen(kw_only=True, weakref_slot=False)
class EventCallback:
    """An event of a workspace, as posted to its ``EventCallbackUrl``.

    ``event_type`` is its type (``task.created``, ``worker.activity.update``); a type that is not
    documented yet is no error. Other fields depend on the type; absent ones are None. ``sid`` is
    the event's own (EV...), by which a repeated event is recognised, and ``timestamp_ms`` the
    milliseconds since 1970, which order events of one second.

    ``task_attributes`` and ``worker_attributes`` are decoded JSON, or the text where it is none.
    ``task_age`` and ``worker_time_in_previous_activity`` are in seconds. Moments are aware
    datetimes: they come as seconds since 1970, but milliseconds, recognised by their size, and
    ISO 8601 with a time zone are read too.

    ``extra`` holds, under their names in the form, unknown parameters, and values that do not fit
    their field, which is None then: no addition or change of the service loses an event.

    The fields are those of https://www.twilio.com/docs/taskrouter/api/event/reference and some
    that are not documented there.
    """

    event_type: str
    sid: str | None = None
    account_sid: str | None = None
    workspace_sid: str | None = None
    workspace_name: str | None = None
    event_description: str | None = None
    resource_type: str | None = None
    resource_sid: str | None = None
    timestamp: datetime | None = None
    timestamp_ms: int | None = None
    activity_sid: str | None = None
    activity_name: str | None = None
    activity_available: bool | None = None
    operating_unit_sid: str | None = None
    reason: str | None = None
    reservation_sid: str | None = None
    reservation_version: int | None = None
    task_sid: str | None = None
    task_attributes: JsonText = None
    task_age: int | None = None
    task_priority: int | None = None
    task_assignment_status: str | None = None
    task_canceled_reason: str | None = None
    task_completed_reason: str | None = None
    task_date_created: datetime | None = None
    task_ignore_capacity: bool | None = None
    task_version: int | None = None
    task_virtual_start_time: datetime | None = None
    task_channel_sid: str | None = None
    task_channel_name: str | None = None
    task_channel_unique_name: str | None = None
    task_channel_optimized_routing: bool | None = None
    task_queue_sid: str | None = None
    task_queue_name: str | None = None
    task_queue_entered_date: datetime | None = None
    task_queue_target_expression: str | None = None
    worker_sid: str | None = None
    worker_name: str | None = None
    worker_attributes: JsonText = None
    worker_version: int | None = None
    worker_activity_sid: str | None = None
    worker_activity_name: str | None = None
    worker_previous_activity_sid: str | None = None
    worker_previous_activity_name: str | None = None
    worker_time_in_previous_activity: int | None = None
    worker_time_in_previous_activity_ms: int | None = None
    worker_channel_available: bool | None = None
    worker_channel_available_capacity: int | None = None
    worker_channel_previous_capacity: int | None = None
    worker_channel_capacity: int | None = None
    worker_channel_consumed_capacity: int | None = None
    worker_channel_task_count: int | None = None
    workflow_sid: str | None = None
    workflow_name: str | None = None
    extra: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True, weakref_slot=False)
class AssignmentCallback:
    """A reservation of a worker for a task, as posted to the ``AssignmentCallbackUrl``.

    ``task_attributes`` and ``worker_attributes`` are decoded JSON, or the text where it is none;
    ``task_age`` is in seconds. Absent fields are None. ``extra`` holds, under their names in the
    form, unknown parameters, and values that do not fit their field.

    The service waits five seconds for a 200 with ``Content-Type: application/json``, and then
    asks the fallback URL. An answer without an instruction leaves the reservation pending.
    See https://www.twilio.com/docs/taskrouter/handle-assignment-callbacks.
    """

    reservation_sid: str
    task_sid: str
    worker_sid: str
    workspace_sid: str
    account_sid: str | None = None
    workflow_sid: str | None = None
    task_queue_sid: str | None = None
    timestamp: datetime | None = None
    task_attributes: JsonText = None
    task_age: int | None = None
    task_priority: int | None = None
    worker_attributes: JsonText = None
    extra: Mapping[str, str] = attrs.field(factory=dict)


def parse_event(body: bytes, *, max_body: int = MAX_BODY) -> EventCallback:
    """Return the event in *body*, the form that was posted.

    Verify the request first, with :meth:`SignatureVerifier.verify`. A body that is longer
    than *max_body* bytes, no form, or without an ``EventType`` is a :class:`CallbackError`.
    """
    return _read(EventCallback, body, max_body)


def parse_assignment(body: bytes, *, max_body: int = MAX_BODY) -> AssignmentCallback:
    """Return the reservation in *body*, the form that was posted.

    Verify the request first, with :meth:`SignatureVerifier.verify`. A body that is longer
    than *max_body* bytes, no form, or without the sids of the reservation, its task, worker and
    workspace is a :class:`CallbackError`.
    """
    return _read(AssignmentCallback, body, max_body)


def _read(kind: type[C], body: bytes, max_body: int) -> C:
    plan = _plan(kind)  # type: ignore[arg-type]  # classes hash
    texts = _texts(body, max_body, plan)
    values: dict[str, Any] = {}
    for wire, place in plan.items():
        if wire not in texts:
            continue
        try:
            values[place.name] = place.read(texts[wire])
        except ValueError:
            continue
        del texts[wire]
    missing = [
        wire for wire, place in plan.items() if place.required and not values.get(place.name)
    ]
    if missing:
        raise CallbackError(f"the form is not an {kind.__name__}: it lacks {', '.join(missing)}")
    return kind(**values | {"extra": texts})


def _texts(body: bytes, max_body: int, known: Mapping[str, "_Field"]) -> dict[str, str]:
    """Return the form's fields; a repeated equal one counts once, as in the signature."""
    texts: dict[str, str] = {}
    for name, text in form_pairs(body, max_body):
        if texts.setdefault(name, text) != text and name in known:
            raise CallbackError(f"the form has {name} twice, and they differ")
    return texts


class _Field(NamedTuple):
    name: str
    read: Callable[[str], Any]
    required: bool


@cache
def _plan(kind: type[Any]) -> dict[str, _Field]:
    return {
        wire_name(field.name): _Field(
            field.name, _READERS[field.type], required=field.default is attrs.NOTHING
        )
        for field in attrs.fields(kind)
        if field.name != "extra"
    }


def _integer(text: str) -> int:
    # int() accepts underscores, other scripts' digits, and thousands of digits.
    if not re.fullmatch("-?[0-9]{1,18}", text):
        raise ValueError("must be a whole number")
    return int(text)


def _flag(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError("must be true or false")
    return text.lower() == "true"


def _moment(text: str) -> datetime:
    """Return an aware moment: seconds or milliseconds since 1970, or ISO 8601 with a zone."""
    if not re.fullmatch("-?[0-9]+", text):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("must have a time zone")
        return moment
    count = _integer(text)
    unit = "milliseconds" if abs(count) >= _SURELY_MILLISECONDS else "seconds"
    try:
        return _EPOCH + timedelta(**{unit: count})
    except OverflowError as error:
        raise ValueError("must be a moment of the calendar") from error


_READERS: dict[Any, Callable[[str], Any]] = {
    str: str,
    str | None: str,
    int | None: _integer,
    bool | None: _flag,
    datetime | None: _moment,
    JsonText: json_or_text,
}
