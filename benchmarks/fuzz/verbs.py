"""The calls of the fuzzing of answers, and the good answers that it begins with.

Each call has a number, which is in the sid of its workspace or assistant: so it has its own place
on the server, and its own chances.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from random import Random
from typing import Annotated, Any, get_args, get_origin
from urllib.parse import unquote

import attrs

import aiotask
from aiotask import autopilot, taskrouter
from fuzz.mutations import Good, Place

KEY = "aiotask_key"
SIDS = {kind: kind + 32 * "2" for kind in ("WT", "WK", "WW", "WQ", "WR", "WC")}

_ANY_SID = re.compile("[A-Z]{2}[0-9a-f]{32}")
_LOOKED_FOR = re.compile(r'"([\w-]+)"')  # keys in an expression
_FOUND = 0.8
_MORE_PAGES = 0.5
_SETTLE = 60.0  # seconds, by the clock that the client is given
_TEXT = '{"aiotask_key":"a","list":[1,"a",null,{"b":1.5}]}'
_NAMED = {
    "sid": SIDS["WT"],
    "assignment_status": "completed",
    "reservation_status": "accepted",
}

Call = Callable[[aiotask.Client, str], Awaitable[Any]]


def _workspace(client: aiotask.Client, number: str) -> taskrouter.WorkspaceContext:
    return client.taskrouter.workspace(f"WS{number}")


def _tasks(client: aiotask.Client, number: str) -> taskrouter.Tasks:
    return _workspace(client, number).tasks


async def _many(client: aiotask.Client, number: str, key: str | None) -> list[Any]:
    """Create two tasks in bulk; that rows fail is no failure."""
    rows = [taskrouter.NewTask(attributes={"number": row}) for row in range(2)]
    outcomes = _tasks(client, number).create_many(
        rows, key_attribute=key, settle=_SETTLE, max_in_flight=1
    )
    found = [outcome async for outcome in outcomes]
    errors = [each.error for each in found if not isinstance(each, aiotask.Created)]
    if errors:
        raise errors[0]
    return [each.sid for each in found if isinstance(each, aiotask.Created)]


async def _pages(client: aiotask.Client, number: str) -> list[Any]:
    pages = _tasks(client, number).list(page_size=2).pages()
    return [item async for page in pages for item in page.items]


CALLS: Mapping[str, Call] = {
    "tasks create": lambda client, n: _tasks(client, n).create(attributes={"a": 1}),
    "tasks create once": lambda client, n: _tasks(client, n).create(once="a", settle=_SETTLE),
    "tasks create_many": lambda client, n: _many(client, n, KEY),
    "tasks create_many, no key": lambda client, n: _many(client, n, None),
    "tasks fetch": lambda client, n: _tasks(client, n).fetch(SIDS["WT"]),
    "tasks update": lambda client, n: _tasks(client, n).update(SIDS["WT"], attributes={"a": 1}),
    "tasks modify": lambda client, n: _tasks(client, n).modify(
        SIDS["WT"], lambda task: {"priority": (task.priority or 0) % 2}
    ),
    "tasks delete": lambda client, n: _tasks(client, n).delete(SIDS["WT"]),
    "tasks complete": lambda client, n: _tasks(client, n).complete(SIDS["WT"], "done"),
    "tasks list": lambda client, n: _tasks(client, n).list(limit=5).all(),
    "tasks pages": _pages,
    "events list": lambda client, n: _workspace(client, n).events.list(minutes=5).all(),
    "workers list": lambda client, n: _workspace(client, n).workers.list(available=True).all(),
    "workers fetch": lambda client, n: _workspace(client, n).workers.fetch(SIDS["WK"]),
    "workflows update": lambda client, n: _workspace(client, n).workflows.update(
        SIDS["WW"], friendly_name="W"
    ),
    "task_queues create": lambda client, n: _workspace(client, n).task_queues.create(
        friendly_name="Q"
    ),
    "reservations accept": lambda client, n: (
        _workspace(client, n).worker(SIDS["WK"]).reservations.accept(SIDS["WR"])
    ),
    "worker_channels update": lambda client, n: (
        _workspace(client, n).worker(SIDS["WK"]).worker_channels.update(SIDS["WC"], capacity=1)
    ),
    "statistics fetch": lambda client, n: _workspace(client, n).statistics.fetch(minutes=5),
    "task_queues statistics": lambda client, n: (
        _workspace(client, n).task_queues.statistics.list().all()
    ),
    "bulk statistics": lambda client, n: _workspace(
        client, n
    ).task_queues.bulk_real_time_statistics.create(queue_sids=[SIDS["WQ"]]),
    "autopilot tasks create": lambda client, n: client.autopilot.assistant(f"UA{n}").tasks.create(
        unique_name="a", actions={"a": 1}
    ),
}


def _document(kind: Any, name: str = "") -> Any:
    """Return a value of a resource's type as the service writes it."""
    if type(None) in get_args(kind):
        kind = get_args(kind)[0]
    inner = get_args(kind)
    if attrs.has(kind):
        fields = [field for field in attrs.fields(kind) if not field.metadata]
        return {field.name: _document(field.type, field.name) for field in fields}
    match get_origin(kind):
        case None:
            texts = {str: _NAMED.get(name, name), datetime: "2026-11-21T12:00:00Z"}
            numbers = {int: 7, float: 1.5, bool: True}
            return {**texts, **numbers}.get(kind, _TEXT)
        case container if container is Annotated:
            return _document(inner[0], name)
        case container if container is list:
            return [_document(inner[0])] * 2
        case container if container is dict:
            return {"5" if inner[0] is int else "a": _document(inner[1])}
    return _TEXT


def _resource(kind: Any) -> Any:
    document = _document(kind)
    return lambda _random, _place: document


def _page(key: str, kind: Any) -> Any:
    row = _document(kind)

    def page(random: Random, place: Place) -> Any:
        following = None
        if random.random() < _MORE_PAGES:
            token = f"PT{random.getrandbits(64):x}"
            following = f"{place.own}{place.path}?PageSize=2&Page=1&PageToken={token}"
        rows = [
            {**row, "attributes": f'{{"{KEY}":"{name}"}}'}
            for name in _LOOKED_FOR.findall(unquote(place.query))
            if random.random() < _FOUND
        ]
        rows += [row] * random.randrange(3)
        return {key: rows, "meta": {"key": key, "next_page_url": following}}

    return page


# By the method and what is below the workspace or assistant, without sids.
_GOOD: Mapping[str, tuple[int, Any]] = {
    "POST Tasks": (201, _resource(taskrouter.Task)),
    "GET Tasks": (200, _page("tasks", taskrouter.Task)),
    "GET Tasks/": (200, _resource(taskrouter.Task)),
    "POST Tasks/": (200, _resource(taskrouter.Task)),
    "DELETE Tasks/": (204, lambda _random, _place: None),
    "GET Events": (200, _page("events", taskrouter.Event)),
    "GET Workers": (200, _page("workers", taskrouter.Worker)),
    "GET Workers/": (200, _resource(taskrouter.Worker)),
    "POST Workflows/": (200, _resource(taskrouter.Workflow)),
    "GET Workflows/": (200, _resource(taskrouter.Workflow)),
    "POST TaskQueues": (201, _resource(taskrouter.TaskQueue)),
    "POST Workers//Reservations/": (200, _resource(taskrouter.Reservation)),
    "GET Workers//Reservations/": (200, _resource(taskrouter.Reservation)),
    "POST Workers//Channels/": (200, _resource(taskrouter.WorkerChannel)),
    "GET Workers//Channels/": (200, _resource(taskrouter.WorkerChannel)),
    "GET Statistics": (200, _resource(taskrouter.WorkspaceStatistics)),
    "GET TaskQueues/Statistics": (
        200,
        _page("task_queues_statistics", taskrouter.TaskQueuesStatistics),
    ),
    "POST TaskQueues/RealTimeStatistics": (
        200,
        _resource(taskrouter.TaskQueueBulkRealTimeStatistics),
    ),
    "POST UA/Tasks": (201, _resource(autopilot.AutopilotTask)),
}
_PATH = re.compile("/v1/(?:Workspaces/WS|Assistants/UA)(?P<number>[0-9a-f]{32})/(?P<below>.+)")


def number_of(path: str) -> str | None:
    """Return the number of the call that asks for a path, None where none does."""
    match = _PATH.fullmatch(path)
    return None if match is None else match["number"]


def good_answer(method: str, place: Place, random: Random) -> Good | None:
    """Return what a good service answers, None to what no call of these asks for."""
    match = _PATH.fullmatch(place.path)
    below = "" if match is None else _ANY_SID.sub("", match["below"])
    known = _GOOD.get(f"{method} {'UA/' if '/Assistants/' in place.path else ''}{below}")
    return None if known is None else Good(known[0], known[1](random, place))
