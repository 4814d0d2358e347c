"""Help texts of a task's fields and filters, as the task commands show them."""

_FIELDS = {
    "attributes": "Attributes as a JSON object of at most 4,096 characters.",
    "priority": "Priority from 0 to 2,147,483,647; higher is first.",
    "task_channel": "Task channel, by SID or unique name.",
    "virtual_start_time": "Past date and time with a time zone, by which queues order tasks.",
}
NEW_TASK = _FIELDS | {
    "workflow_sid": "Workflow that routes the task; optional if the workspace has only one.",
    "timeout": "Seconds until the task expires, at most 1,209,600; 86,400 unless given.",
    "routing_target": "SID of the worker, queue or workflow that gets the task.",
    "ignore_capacity": "Ignore the capacity of the worker given as the routing target.",
    "task_queue_sid": "Task queue that the task is put into.",
}
TASK_CHANGES = _FIELDS | {
    "attributes": "Attributes as a JSON object, in place of all that the task has.",
    "assignment_status": "New status of the task.",
    "reason": "Why the task is canceled or completed; Twilio requires it for both.",
}
TASK_FILTER = {
    "priority": "List tasks of this priority only.",
    "assignment_status": "List tasks in this status only; several may be given.",
    "workflow_sid": "List tasks of this workflow only.",
    "workflow_name": "List tasks of the workflow with this name only.",
    "task_queue_sid": "List tasks in this task queue only.",
    "task_queue_name": "List tasks in the task queue with this name only.",
    "evaluate_task_attributes": "List tasks whose attributes match this expression only.",
    "routing_target": "List tasks with this routing target only.",
    "ordering": "Order of the list: DateCreated, Priority or VirtualStartTime, then :asc or :desc.",
    "has_addons": "List only tasks that have add-ons, or only those that have none.",
}
