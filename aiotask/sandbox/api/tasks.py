"""Endpoints of tasks."""

from collections.abc import Iterable, Mapping
from typing import Any

from aiotask.sandbox.api.dates import written
from aiotask.sandbox.api.endpoint import Call, Collection, Endpoint
from aiotask.sandbox.api.paging import Page, answer_page
from aiotask.sandbox.api.reservations import TaskReservations, WorkspaceAccess
from aiotask.sandbox.api.task_parameters import TaskReader, ignore_capacity, routing_target
from aiotask.sandbox.model.refusals import invalid
from aiotask.sandbox.model.task import STATUSES, Task, check_move
from aiotask.sandbox.model.workflow_configuration import MAX_PRIORITY
from aiotask.sandbox.wire.answers import NO_CONTENT, Answer, answer, invalid_page_token
from aiotask.sandbox.wire.parameters import Parameters

MAX_TIMEOUT = 1_209_600
DEFAULT_TIMEOUT = 86_400


class Tasks(Collection):
    """The tasks of one workspace; the README has what Twilio leaves undocumented of them."""

    def __init__(self, access: WorkspaceAccess) -> None:
        self._account = access.stores.account
        self._workspace_sid = access.stores.workspace_sid
        self._store = access.stores.tasks
        self._access = access
        self._reader = TaskReader(access.stores)

    def below(self, sid: str, name: str) -> Endpoint | None:
        """Return the reservations of a task."""
        if name != "Reservations" or self._store.get(sid) is None:
            return None
        return TaskReservations(self._access, sid)

    def create(self, call: Call) -> Answer:
        """Create a task."""
        parameters, moment = call.parameters, self._account.milliseconds()
        now = moment // 1000
        text, attributes = parameters.attributes() or ("{}", {})
        timeout = parameters.integer("Timeout", 1, MAX_TIMEOUT)
        start = self._reader.start(parameters)
        place = self._reader.placement(parameters, attributes)
        task = Task(
            number=self._store.created,
            sid=self._account.new_sid("WT"),
            attributes=text,
            assignment_status="pending" if place.queue else "canceled",
            priority=place.priority,
            timeout=DEFAULT_TIMEOUT if timeout is None else timeout,
            created=now,
            updated=now,
            virtual_start=now if start is None else start,
            entered=now if place.queue else None,
            workflow=place.workflow,
            queue=place.queue,
            channel=self._reader.channel(parameters),
            routing_target=routing_target(parameters),
            ignore_capacity=ignore_capacity(parameters),
            began=moment,
            moved=moment,
            routed=moment,
            deadline=place.deadline,
            rule=place.rule,
        )
        self._access.transitions.create_task(task, attributes)
        return self._answer(call, 201, task)

    def fetch(self, call: Call) -> Answer:
        """Return a task."""
        return self._answer(call, 200, self._find(call))

    def update(self, call: Call) -> Answer:
        """Update a task; refuse if If-Match names another version."""
        task = self._matched(call)
        changes = self._changes(call.parameters, task)
        self._access.transitions.change_task(task, changes)
        return self._answer(call, 200, task)

    def delete(self, call: Call) -> Answer:
        """Delete a task of any status; refuse if If-Match names another version."""
        self._access.transitions.delete_task(self._matched(call), "task.deleted")
        return NO_CONTENT

    def list(self, call: Call) -> Answer:
        """Return a page of tasks."""
        query = self._reader.query(call.parameters)

        def stream(page: Page) -> Iterable[Task]:
            after = None if page.token is None else self._store.get(page.token)
            if page.token is not None and after is None:
                raise invalid_page_token()
            return self._store.find(query, after, page.size + 1, backwards=page.backwards)

        overlong = self._account.overlong_pages
        return answer_page(call, overlong, "tasks", stream, lambda task: self._render(call, task))

    def _find(self, call: Call) -> Task:
        task = self._store.get(call.sid)
        if task is None:
            raise call.absent()
        return task

    def _matched(self, call: Call) -> Task:
        task = self._find(call)
        call.check_version(task.version)
        return task

    def _changes(self, parameters: Parameters, task: Task) -> Mapping[str, Any]:
        attributes = parameters.attributes()
        status = parameters.chosen("AssignmentStatus", STATUSES)
        if status is not None:
            check_move(task, status, self._workspace_sid, self._account.sid)
            if attributes and status in ("wrapping", "completed"):
                raise invalid("AssignmentStatus and Attributes cannot be changed in one request")
        changes = {
            "attributes": attributes and attributes[0],
            "assignment_status": status,
            "reason": parameters.text("Reason"),
            "priority": parameters.integer("Priority", 0, MAX_PRIORITY),
            "channel": self._reader.channel(parameters) if "TaskChannel" in parameters else None,
            "virtual_start": self._reader.start(parameters),
        }
        return {name: value for name, value in changes.items() if value is not None}

    def _answer(self, call: Call, status: int, task: Task) -> Answer:
        return answer(status, self._render(call, task), version=task.version)

    def _render(self, call: Call, task: Task) -> dict[str, Any]:
        parent, queue = call.parent, task.queue
        url = f"{parent}/Tasks/{task.sid}"
        return {
            "account_sid": self._account.sid,
            "age": self._account.now() - task.created,
            "assignment_status": task.assignment_status,
            "attributes": task.attributes,
            "addons": "{}",
            "date_created": written(task.created),
            "date_updated": written(task.updated),
            "task_queue_entered_date": written(task.entered),
            "virtual_start_time": written(task.virtual_start),
            "priority": task.priority,
            "reason": task.reason,
            "sid": task.sid,
            "task_queue_sid": queue and queue.sid,
            "task_queue_friendly_name": queue and queue.friendly_name,
            "task_channel_sid": task.channel.sid,
            "task_channel_unique_name": task.channel.unique_name,
            "timeout": task.timeout,
            "workflow_sid": task.workflow.sid,
            "workflow_friendly_name": task.workflow.friendly_name,
            "workspace_sid": self._workspace_sid,
            "ignore_capacity": task.ignore_capacity,
            "routing_target": task.routing_target,
            "url": url,
            "links": {
                "task_queue": queue and f"{parent}/TaskQueues/{queue.sid}",
                "workflow": f"{parent}/Workflows/{task.workflow.sid}",
                "workspace": parent,
                "reservations": f"{url}/Reservations",
            },
        }
