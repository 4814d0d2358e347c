"""One call of every verb, and answers to them as bytes."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiotask import Client
from aiotask.taskrouter import Tasks
from tests.conftest import RawServer, answer

Serve = Callable[..., Awaitable[tuple[RawServer, Client]]]
WORKSPACE = "WS" + "1" * 32
TASK = "WT" + "2" * 32
BODY = b'{"sid":"%b","assignment_status":"pending"}' % TASK.encode()
FOUND = answer(BODY)
MADE = answer(BODY, "201 Created")
FAILED = answer(b'{"message":"Internal","code":20500}', "500 Internal Server Error")
REFUSED = answer(b'{"message":"Too Many Requests","code":20429}', "429 Too Many Requests")
Call = Callable[[Tasks], Awaitable[Any]]
CALLS: dict[str, Call] = {
    "create": lambda tasks: tasks.create(priority=1),
    "fetch": lambda tasks: tasks.fetch(TASK),
    "update": lambda tasks: tasks.update(TASK, priority=1),
    "delete": lambda tasks: tasks.delete(TASK),
    "list": lambda tasks: tasks.list().all(),
}
GOOD = {
    "create": MADE,
    "fetch": FOUND,
    "update": FOUND,
    "delete": answer(b"", "204 No Content"),
    "list": answer(b'{"tasks":[],"meta":{"key":"tasks"}}'),
}


def tasks_of(client: Client) -> Tasks:
    return client.taskrouter.workspace(WORKSPACE).tasks


NOT_HTTP = {
    "no HTTP at all": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "a header without a colon": b"HTTP/1.1 200 OK\r\nNonsense\r\n\r\n",
    "a status that is no number": b"HTTP/1.1 abc OK\r\n\r\n",
    "an endless header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
}
