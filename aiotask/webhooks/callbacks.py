"""Callbacks of TaskRouter, and its events in Event Streams: bodies -> typed, frozen objects."""

from collections.abc import Mapping
from datetime import datetime

import attrs

from aiotask._decoding import JsonText
from aiotask.webhooks._body import MAX_BODY, CallbackError, within
from aiotask.webhooks._event_streams import is_stream, payloads
from aiotask.webhooks._fields import read_form, read_payload


@attrs.frozen(kw_only=True, weakref_slot=False)
class EventCallback:
    """An event of a workspace, as posted to its ``EventCallbackUrl`` or by Event Streams.

    ``event_type`` is its type (``task.created``, ``worker.activity.update``); a type that is not
    documented yet is no error. Other fields depend on the type; absent ones are None. ``sid`` is
    the event's own (EV...), by which a repeated event is recognised, and ``timestamp_ms`` the
    milliseconds since 1970, which order events of one second.

    ``task_attributes`` and ``worker_attributes`` are decoded JSON, or the text where it is none.
    ``task_age`` and ``worker_time_in_previous_activity`` are in seconds. Moments are aware
    datetimes: they come as seconds since 1970, but milliseconds, recognised by their size, and
    ISO 8601 with a time zone are read too.

    ``previous_task_queue_sid`` and its like tell of the queue that the task left for this one,
    ``workflow_filter_name`` and its like of the filter and target that it matched.

    ``extra`` holds, under their names in the body, unknown parameters, and values that do not fit
    their field, which is None then: no addition or change of the service loses an event.

    The fields are those of https://www.twilio.com/docs/taskrouter/api/event/reference, of the
    schema of https://www.twilio.com/docs/events/event-types and some that users have recorded.
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
    reservation_reason_code: int | None = None
    task_sid: str | None = None
    task_attributes: JsonText = None
    task_age: int | None = None
    task_age_in_queue: int | None = None
    task_priority: int | None = None
    task_assignment_status: str | None = None
    task_canceled_reason: str | None = None
    task_completed_reason: str | None = None
    task_date_created: datetime | None = None
    task_ignore_capacity: bool | None = None
    task_version: int | None = None
    task_virtual_start_time: datetime | None = None
    task_routing_target: str | None = None
    task_re_evaluated_reason: str | None = None
    target_changed_reason: str | None = None
    previous_task_queue_sid: str | None = None
    previous_task_queue_name: str | None = None
    previous_task_priority: int | None = None
    task_transfer_sid: str | None = None
    transfer_type: str | None = None
    transfer_mode: str | None = None
    transfer_to: str | None = None
    transfer_status: str | None = None
    transfer_started: datetime | None = None
    transfer_failed_reason: str | None = None
    transfer_initiating_worker_sid: str | None = None
    transfer_initiating_reservation_sid: str | None = None
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
    workflow_filter_name: str | None = None
    workflow_filter_expression: str | None = None
    workflow_filter_target_name: str | None = None
    workflow_filter_target_expression: str | None = None
    known_worker_sid: str | None = None
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
    """Return the event in *body*: the form that was posted, or the JSON of Event Streams.

    Verify the request first, with :meth:`SignatureVerifier.verify`. A body that is longer
    than *max_body* bytes, not exactly one event, or without its type is a :class:`CallbackError`.
    """
    events = parse_events(body, max_body=max_body)
    if len(events) != 1:
        raise CallbackError(f"the body has {len(events)} events, which parse_events reads")
    return events[0]


def parse_events(body: bytes, *, max_body: int = MAX_BODY) -> list[EventCallback]:
    """Return all events in *body*: one in a form, one or a list of them in Event Streams' JSON.

    Event Streams posts CloudEvents as JSON to a webhook sink, several at once if the sink is set
    to (https://www.twilio.com/docs/events/webhook-quickstart). Their ``timestamp_ms`` is computed
    from the timestamp. Errors are those of :func:`parse_event`; one wrong event refuses the body.
    """
    if not is_stream(within(body, max_body)):
        return [read_form(EventCallback, body, max_body)]
    return [_with_milliseconds(read_payload(EventCallback, each)) for each in payloads(body)]


def parse_assignment(body: bytes, *, max_body: int = MAX_BODY) -> AssignmentCallback:
    """Return the reservation in *body*, the form that was posted.

    Verify the request first, with :meth:`SignatureVerifier.verify`. A body that is longer
    than *max_body* bytes, no form, or without the sids of the reservation, its task, worker and
    workspace is a :class:`CallbackError`.
    """
    return read_form(AssignmentCallback, body, max_body)


def _with_milliseconds(event: EventCallback) -> EventCallback:
    if event.timestamp is None or event.timestamp_ms is not None:
        return event
    return attrs.evolve(event, timestamp_ms=round(event.timestamp.timestamp() * 1000))
