"""Twilio's library for Python through a life of TaskRouter; only its base URL is overridden."""

import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client


def refused(call: Callable[[], Any], status: int, code: int) -> None:
    found = None
    try:
        call()
    except TwilioRestException as error:
        found = error.status, error.code
    assert found == (status, code)


def offered(task: Any) -> Any:
    for _ in range(100):
        found = task.reservations.list(reservation_status="pending")
        if found:
            return found[0]
        time.sleep(0.05)
    raise AssertionError("no reservation came")


def prepare(workspace: Any) -> Any:
    queue = workspace.task_queues.create("Spanish", target_workers='languages HAS "es"')
    target = {"queue": queue.sid, "priority": "3", "timeout": 60}
    routing = {
        "filters": [{"expression": 'language == "es"', "targets": [target]}],
        "default_filter": {"queue": queue.sid},
    }
    workflow = workspace.workflows.create(
        "By language",
        msgspec.json.encode({"task_routing": routing}).decode(),
        task_reservation_timeout=30,
    )
    assert workflow.task_reservation_timeout == 30
    (available,) = workspace.activities.list(available="true")
    worker = workspace.workers.create(
        "Ana", activity_sid=available.sid, attributes='{"languages": ["es"]}'
    )
    assert worker.available is True
    channel = workspace.workers(worker.sid).worker_channels("default").update(capacity=1)
    assert channel.configured_capacity == 1
    return worker


def route(workspace: Any, worker: Any) -> Any:
    made = workspace.tasks.create(attributes='{"language": "es"}')
    assert (made.assignment_status, made.priority) == ("pending", 3)
    assert isinstance(made.date_created, datetime)
    task = workspace.tasks(made.sid)
    reservation = offered(task)
    assert reservation.worker_sid == worker.sid
    of_worker = workspace.workers(worker.sid).reservations(reservation.sid)
    assert of_worker.update(reservation_status="accepted").reservation_status == "accepted"
    assert task.fetch().assignment_status == "assigned"
    assert task.update(assignment_status="completed", reason="done").reason == "done"
    refused(lambda: task.update(assignment_status="completed", reason="again"), 400, 20001)
    (offline,) = workspace.activities.list(friendly_name="Offline")
    workspace.workers(worker.sid).update(activity_sid=offline.sid)
    return made


def page(workspace: Any, done: Any) -> Any:
    for n in range(7):
        workspace.tasks.create(attributes=msgspec.json.encode({"n": n}).decode(), priority=n % 2)
    tasks = workspace.tasks
    waiting = tasks.list(assignment_status=["pending"], page_size=3)
    assert len({each.sid for each in waiting}) == len(waiting) == 7
    assert len(tasks.list(page_size=2, limit=5)) == 5
    first = tasks.page(page_size=4)
    assert (len(list(first)), len(list(first.next_page()))) == (4, 4)
    assert len(tasks.list(evaluate_task_attributes="n IN [2, 4]")) == 2
    assert tasks.list(ordering="Priority:desc,DateCreated:asc")[0].sid == done.sid
    return waiting[0]


def change(workspace: Any, first: Any) -> None:
    task = workspace.tasks(first.sid)
    assert task.update(priority=9, if_match='"0"').priority == 9
    refused(lambda: task.update(priority=8, if_match='"0"'), 412, 20412)
    refused(lambda: workspace.tasks(f"WT{'0' * 32}").fetch(), 404, 20404)
    refused(lambda: workspace.tasks.create(priority=-1), 400, 20001)
    assert task.delete() is True
    refused(task.fetch, 404, 20404)


def count(workspace: Any, done: Any) -> None:
    now = workspace.real_time_statistics().fetch()
    assert (now.tasks_by_status["pending"], now.total_workers) == (6, 1)
    past = workspace.cumulative_statistics().fetch(minutes=5, split_by_wait_time="5,30")
    assert (past.tasks_created, past.reservations_accepted) == (8, 1)
    assert past.split_by_wait_time["5"]["below"]["reservations_accepted"] == 1
    (event,) = workspace.events.list(event_type="reservation.accepted")
    assert event.event_data["task_sid"] == done.sid


def main(url: str, account_sid: str, auth_token: str) -> None:
    client = Client(account_sid, auth_token)
    client.taskrouter.base_url = url
    workspaces = client.taskrouter.v1.workspaces
    workspace = workspaces(workspaces.create("Judged").sid)
    done = route(workspace, prepare(workspace))
    change(workspace, page(workspace, done))
    count(workspace, done)
    assert workspace.delete() is True
    refused(workspace.fetch, 404, 20404)
    print("faithful")  # noqa: T201 - which is what the test waits for


if __name__ == "__main__":
    main(*sys.argv[1:])
