"""Endpoints of events, the newest first.

Undocumented by Twilio; the sandbox: the actor is always the workspace and the source "twilio", and
the resource of an event about a task's way through a workflow is the task.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import takewhile
from typing import Any, NamedTuple

from aiotask.sandbox.api.dates import written
from aiotask.sandbox.api.endpoint import Call, Collection
from aiotask.sandbox.api.paging import Page, answer_page
from aiotask.sandbox.api.windows import read_window
from aiotask.sandbox.model.event_data import content, description, kind_of, operating_unit
from aiotask.sandbox.model.events import Event
from aiotask.sandbox.model.statistics import Window
from aiotask.sandbox.model.workspace_stores import Stores
from aiotask.sandbox.wire.answers import Answer, answer, invalid_page_token
from aiotask.sandbox.wire.parameters import Parameters

_FILTERS: Mapping[str, str] = {
    "ReservationSid": "reservation_sid",
    "TaskQueueSid": "task_queue_sid",
    "TaskSid": "task_sid",
    "WorkerSid": "worker_sid",
    "WorkflowSid": "workflow_sid",
}


class _Numbered(NamedTuple):
    """An event with its sid."""

    sid: str
    event: Event


class Events(Collection):
    """The events of one workspace."""

    def __init__(self, stores: Stores, name: Callable[[], str]) -> None:
        self._account = stores.account
        self._workspace_sid = stores.workspace_sid
        self._log = stores.log
        self._name = name

    def fetch(self, call: Call) -> Answer:
        """Return an event."""
        event = self._log.get(self._log.number(call.sid))
        if event is None:
            raise call.absent()
        return answer(200, self._render(_Numbered(call.sid, event), call.parent))

    def list(self, call: Call) -> Answer:
        """Return a page of events."""
        window = read_window(call.parameters, self._account.now())
        matches = _matcher(call.parameters)

        def stream(page: Page) -> Iterator[_Numbered]:
            return filter(matches, self._beyond(page, window))

        return answer_page(
            call,
            self._account.overlong_pages,
            "events",
            stream,
            lambda item: self._render(item, call.parent),
        )

    def _beyond(self, page: Page, window: Window) -> Iterator[_Numbered]:
        number = None if page.token is None else self._log.number(page.token)
        if page.token is not None and self._log.get(number) is None:
            raise invalid_page_token()
        unlisted = self._log.unlisted.first(self._account.milliseconds())
        if page.backwards:
            events = self._log.oldest_first(number)
            events = takewhile(lambda pair: unlisted is None or pair[0] < unlisted, events)
            events = takewhile(lambda pair: pair[1].at // 1000 <= window.end, events)
        else:
            bounds = [bound for bound in (number, unlisted) if bound is not None]
            events = self._log.newest_first(min(bounds, default=None))
            events = takewhile(lambda pair: pair[1].at // 1000 >= window.start, events)
        for found, event in events:
            if window.start <= event.at // 1000 <= window.end:
                yield _Numbered(self._log.sid(found), event)

    def _render(self, item: _Numbered, parent: str) -> dict[str, Any]:
        event = item.event
        kind, _, path = kind_of(event)
        holder = f"{parent}/Tasks/{event.facts.task_sid}" if kind == "reservation" else parent
        return {
            "account_sid": self._account.sid,
            "actor_sid": self._workspace_sid,
            "actor_type": "workspace",
            "actor_url": parent,
            "description": description(event),
            "event_data": {
                **content(event),
                "operating_unit_sid": operating_unit(self._account.sid),
                "workspace_name": self._name(),
                "workspace_sid": self._workspace_sid,
            },
            "event_date": written(event.at // 1000),
            "event_date_ms": event.at,
            "event_type": event.type,
            "resource_sid": event.resource_sid,
            "resource_type": kind,
            "resource_url": f"{holder}/{path}/{event.resource_sid}" if path else parent,
            "sid": item.sid,
            "source": "twilio",
            "source_ip_address": None,
            "url": f"{parent}/Events/{item.sid}",
            "workspace_sid": self._workspace_sid,
        }


def _matcher(parameters: Parameters) -> Callable[[_Numbered], bool]:
    wanted = [
        (field, value) for name, field in _FILTERS.items() if (value := parameters.filter(name))
    ]
    kind, sid = parameters.filter("EventType"), parameters.filter("Sid")
    channel = parameters.filter("TaskChannel")

    def matches(item: _Numbered) -> bool:
        facts = item.event.facts
        return (
            kind in (None, item.event.type)
            and sid in (None, item.sid)
            and all(getattr(facts, field) == value for field, value in wanted)
            and channel in (None, facts.task_channel_sid, facts.task_channel_unique_name)
        )

    return matches
