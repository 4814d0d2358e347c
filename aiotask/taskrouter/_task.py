"""A task as the service reports it."""

import attrs

from aiotask._decoding import AwareDatetime, JsonText, Links, from_header
from aiotask._resource import Resource


@attrs.frozen(kw_only=True, weakref_slot=False)
class Task(Resource):
    """A task as the service last reported it."""

    sid: str
    """SID of the task: ``WT`` and 32 hexadecimal digits."""
    account_sid: str | None = None
    """SID of the account that it belongs to."""
    age: int | None = None
    """Seconds since it was created, at the moment of the answer."""
    assignment_status: str | None = None
    """pending, reserved, assigned, wrapping, completed or canceled."""
    attributes: JsonText = None
    """What your program has told of the task: JSON, decoded."""
    addons: JsonText = None
    """Results of add-ons that are installed in the account: JSON, decoded; ``{}`` without any."""
    date_created: AwareDatetime | None = None
    """When it was created."""
    date_updated: AwareDatetime | None = None
    """When it was last changed."""
    task_queue_entered_date: AwareDatetime | None = None
    """When it came into its queue; None before that."""
    priority: int | None = None
    """Number from 0; tasks with a higher one are assigned first."""
    reason: str | None = None
    """Why it was canceled or completed; None before that."""
    task_queue_sid: str | None = None
    """SID of the queue that it is in."""
    task_queue_friendly_name: str | None = None
    """Name of the queue that it is in."""
    task_channel_sid: str | None = None
    """SID of its task channel."""
    task_channel_unique_name: str | None = None
    """Unique name of its task channel, such as default or voice."""
    timeout: int | None = None
    """Seconds that it may live unassigned before the service cancels it."""
    workflow_sid: str | None = None
    """SID of the workflow that routes it."""
    workflow_friendly_name: str | None = None
    """Name of the workflow that routes it."""
    workspace_sid: str | None = None
    """SID of its workspace."""
    url: str | None = None
    """Absolute URL of it in the API."""
    links: Links | None = None
    """Absolute URLs of what belongs to it, by name: task_queue, workflow, workspace,
    reservations.
    """
    virtual_start_time: AwareDatetime | None = None
    """Moment that a queue orders it by; ``date_created`` unless it was set."""
    ignore_capacity: bool | None = None
    """Whether the worker in ``routing_target`` gets it beyond their capacity, too."""
    routing_target: str | None = None
    """SID of the worker, queue or workflow that it was created for."""
    etag: str | None = from_header()
    """Version of the task, for ``if_match``; None in the rows of a list."""
