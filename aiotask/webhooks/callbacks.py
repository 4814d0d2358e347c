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

    A type that is not documented yet is no error. Other fields depend on the type; absent ones are
    None. Moments are aware datetimes: they come as seconds since 1970, but milliseconds, recognised
    by their size, and ISO 8601 with a time zone are read too. What does not fit its field is None
    there, and in ``extra``: no addition or change of the service loses an event.

    The fields are those of https://www.twilio.com/docs/taskrouter/api/event/reference, of the
    schema of https://www.twilio.com/docs/events/event-types and some that users have recorded.
    """

    event_type: str
    """Kind of event, such as task.created or worker.activity.update."""
    sid: str | None = None
    """SID of the event itself, ``EV`` and 32 hexadecimal digits, by which a repeated one is
    recognised.
    """
    account_sid: str | None = None
    """SID of the account."""
    workspace_sid: str | None = None
    """SID of the workspace."""
    workspace_name: str | None = None
    """Name of the workspace."""
    event_description: str | None = None
    """One sentence on what happened."""
    resource_type: str | None = None
    """Kind of what it is about, such as task."""
    resource_sid: str | None = None
    """SID of what it is about."""
    timestamp: datetime | None = None
    """When it happened."""
    timestamp_ms: int | None = None
    """When it happened, in milliseconds since 1970, which order events of one second."""
    activity_sid: str | None = None
    """SID of the activity that it is about."""
    activity_name: str | None = None
    """Name of the activity that it is about."""
    activity_available: bool | None = None
    """Whether workers in that activity get tasks."""
    operating_unit_sid: str | None = None
    """SID of the operating unit."""
    reason: str | None = None
    """Why it happened."""
    reservation_sid: str | None = None
    """SID of the reservation."""
    reservation_version: int | None = None
    """Version of the reservation."""
    reservation_reason_code: int | None = None
    """Number of the reason for the reservation's end."""
    task_sid: str | None = None
    """SID of the task."""
    task_attributes: JsonText = None
    """Attributes of the task: JSON, decoded, or the text where it is none."""
    task_age: int | None = None
    """Seconds since the task was created."""
    task_age_in_queue: int | None = None
    """Seconds since the task came to its queue."""
    task_priority: int | None = None
    """Priority of the task."""
    task_assignment_status: str | None = None
    """Status of the task."""
    task_canceled_reason: str | None = None
    """Why the task was canceled."""
    task_completed_reason: str | None = None
    """Why the task was completed."""
    task_date_created: datetime | None = None
    """When the task was created."""
    task_ignore_capacity: bool | None = None
    """Whether the worker that the task is for gets it beyond their capacity."""
    task_version: int | None = None
    """Version of the task."""
    task_virtual_start_time: datetime | None = None
    """Moment that a queue orders the task by."""
    task_routing_target: str | None = None
    """SID of the worker, queue or workflow that the task is for."""
    task_re_evaluated_reason: str | None = None
    """Why the task went through its workflow again."""
    target_changed_reason: str | None = None
    """Why the task went on to another target."""
    previous_task_queue_sid: str | None = None
    """SID of the queue that the task left for this one."""
    previous_task_queue_name: str | None = None
    """Name of the queue that the task left for this one."""
    previous_task_priority: int | None = None
    """Priority that the task had there."""
    task_transfer_sid: str | None = None
    """SID of the transfer."""
    transfer_type: str | None = None
    """Kind of the transfer."""
    transfer_mode: str | None = None
    """Mode of the transfer."""
    transfer_to: str | None = None
    """SID of the worker, queue or workflow that the task is transferred to."""
    transfer_status: str | None = None
    """Status of the transfer."""
    transfer_started: datetime | None = None
    """When the transfer began."""
    transfer_failed_reason: str | None = None
    """Why the transfer failed."""
    transfer_initiating_worker_sid: str | None = None
    """SID of the worker who began the transfer."""
    transfer_initiating_reservation_sid: str | None = None
    """SID of the reservation that the transfer began from."""
    task_channel_sid: str | None = None
    """SID of the task channel."""
    task_channel_name: str | None = None
    """Name of the task channel."""
    task_channel_unique_name: str | None = None
    """Unique name of the task channel, such as voice."""
    task_channel_optimized_routing: bool | None = None
    """Whether whoever has been idle longest in this channel goes first."""
    task_queue_sid: str | None = None
    """SID of the queue."""
    task_queue_name: str | None = None
    """Name of the queue."""
    task_queue_entered_date: datetime | None = None
    """When the task came to the queue."""
    task_queue_target_expression: str | None = None
    """Expression that is true for the workers who may have the queue's tasks."""
    worker_sid: str | None = None
    """SID of the worker."""
    worker_name: str | None = None
    """Name of the worker."""
    worker_attributes: JsonText = None
    """Attributes of the worker: JSON, decoded, or the text where it is none."""
    worker_version: int | None = None
    """Version of the worker."""
    worker_activity_sid: str | None = None
    """SID of the activity that the worker is in."""
    worker_activity_name: str | None = None
    """Name of the activity that the worker is in."""
    worker_previous_activity_sid: str | None = None
    """SID of the activity that the worker was in before."""
    worker_previous_activity_name: str | None = None
    """Name of the activity that the worker was in before."""
    worker_time_in_previous_activity: int | None = None
    """Seconds that the worker was in it."""
    worker_time_in_previous_activity_ms: int | None = None
    """Milliseconds that the worker was in it."""
    worker_channel_available: bool | None = None
    """Whether the worker gets tasks in the channel."""
    worker_channel_available_capacity: int | None = None
    """Share of the worker's capacity in the channel that is free, 0 to 100."""
    worker_channel_previous_capacity: int | None = None
    """Number of tasks in the channel that the worker might have at once before."""
    worker_channel_capacity: int | None = None
    """Number of tasks in the channel that the worker may have at once."""
    worker_channel_consumed_capacity: int | None = None
    """Part of the worker's capacity in the channel that is taken."""
    worker_channel_task_count: int | None = None
    """Number of tasks in the channel that the worker has."""
    workflow_sid: str | None = None
    """SID of the workflow."""
    workflow_name: str | None = None
    """Name of the workflow."""
    workflow_filter_name: str | None = None
    """Name of the filter that the task matched."""
    workflow_filter_expression: str | None = None
    """Expression of the filter that the task matched."""
    workflow_filter_target_name: str | None = None
    """Name of the target that the task matched."""
    workflow_filter_target_expression: str | None = None
    """Expression of the target that the task matched."""
    known_worker_sid: str | None = None
    """SID of the only worker whom the target lets have the task."""
    extra: Mapping[str, str] = attrs.field(factory=dict)
    """Unknown parameters, and values that do not fit their field, under their names in the body."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class AssignmentCallback:
    """A reservation of a worker for a task, as posted to the ``AssignmentCallbackUrl``.

    Absent fields are None.

    The service waits five seconds for a 200 with ``Content-Type: application/json``, and then
    asks the fallback URL. An answer without an instruction leaves the reservation pending.
    See https://www.twilio.com/docs/taskrouter/handle-assignment-callbacks.
    """

    reservation_sid: str
    """SID of the reservation, which an answer is about."""
    task_sid: str
    """SID of the task that is offered."""
    worker_sid: str
    """SID of the worker who is offered it."""
    workspace_sid: str
    """SID of the workspace."""
    account_sid: str | None = None
    """SID of the account."""
    workflow_sid: str | None = None
    """SID of the workflow that routes the task."""
    task_queue_sid: str | None = None
    """SID of the queue that the task is in."""
    timestamp: datetime | None = None
    """When the reservation was made."""
    task_attributes: JsonText = None
    """Attributes of the task: JSON, decoded, or the text where it is none."""
    task_age: int | None = None
    """Seconds since the task was created."""
    task_priority: int | None = None
    """Priority of the task."""
    worker_attributes: JsonText = None
    """Attributes of the worker: JSON, decoded, or the text where it is none."""
    extra: Mapping[str, str] = attrs.field(factory=dict)
    """Unknown parameters, and values that do not fit their field, under their names in the form."""


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
