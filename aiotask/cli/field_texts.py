"""Help texts of fields, as the options that are made of them show them."""

from aiotask._encoding import wire_name

_NAMES = {
    "friendly_name": "Friendly name.",
    "unique_name": "Unique name.",
    "available": "Whether it is available for tasks.",
    "attributes": "Attributes as a JSON object of at most 4,096 characters, in place of others.",
    "activity_sid": "SID of the activity.",
    "reject_pending_reservations": "Reject the reservations that are pending; it goes with an "
    "activity that is not available.",
    "capacity": "Number of tasks of the channel at once.",
    "channel_optimized_routing": "Prefer workers with the most capacity left in the channel.",
    "configuration": "Routing of the workflow as a JSON object with task_routing.",
    "assignment_callback_url": "URL that is asked when a task gets a reservation.",
    "fallback_assignment_callback_url": "URL that is asked if the first one fails.",
    "task_reservation_timeout": "Seconds until a reservation times out, at most 86,400.",
    "re_evaluate_tasks": "Put the tasks that wait through the changed workflow.",
    "target_workers": "Expression that selects the workers by their attributes; 1==1 selects all.",
    "max_reserved_workers": "Number of workers that are reserved at once for a task, 1 to 50.",
    "task_order": "Order in which tasks leave the queue.",
    "reservation_activity_sid": "SID of the activity of workers with a reservation.",
    "assignment_activity_sid": "SID of the activity of workers with a task.",
    "default_activity_sid": "SID of the activity of new workers.",
    "timeout_activity_sid": "SID of the activity of workers whose reservation timed out.",
    "event_callback_url": "URL that events are posted to.",
    "events_filter": "Events that are posted, by their types and separated by commas.",
    "multi_task_enabled": "Allow workers several tasks at once.",
    "prioritize_queue_order": "Which of several queues goes first for a worker.",
    "template": "Template whose queues and workflows the workspace gets: NONE or FIFO.",
    "actions": "Actions as a JSON object.",
    "actions_url": "URL that gives the actions.",
}
_FILTERS = {
    "friendly_name": "Only those of this friendly name.",
    "available": "Only those that are available, or only those that are not.",
    "activity_name": "Only those in the activity of this name.",
    "activity_sid": "Only those in the activity of this SID.",
    "target_workers_expression": "Only those whose attributes match this expression.",
    "task_queue_name": "Only those of the task queue of this name.",
    "task_queue_sid": "Only those of the task queue of this SID.",
    "evaluate_worker_attributes": "Only those that a worker with these attributes is eligible for, "
    "as JSON text.",
    "worker_sid": "Only those of the worker of this SID.",
    "workflow_sid": "Only those of the workflow of this SID.",
    "task_sid": "Only those of the task of this SID.",
    "reservation_sid": "Only those of the reservation of this SID.",
    "reservation_status": "Only those in this status.",
    "event_type": "Only those of this type, such as task.created.",
    "sid": "Only the one of this SID.",
    "ordering": "Order of the list: a field, then :asc or :desc.",
    "minutes": "So many minutes back from now.",
    "start_date": "From this date and time on.",
    "end_date": "Up to this date and time.",
    "task_channel": "Only those of the task channel of this SID or unique name.",
    "split_by_wait_time": "Seconds of waiting that tasks are divided by, such as 5,30.",
    "queue_sids": "SID of a task queue; up to 50 may be given.",
}
_PARAMETERS = "reservation_status", "instruction"


def changes_text(name: str) -> str:
    """Return the help of a field that is set; of a reservation, what the service calls it."""
    if name in _NAMES:
        return _NAMES[name]
    if name in _PARAMETERS:
        return f"{name.replace('_', ' ').capitalize()} of the reservation."
    return f"{wire_name(name)}, as Twilio describes it for reservations."


def filter_text(name: str) -> str:
    """Return the help of a field that selects."""
    return _FILTERS[name]
