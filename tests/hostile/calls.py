"""Every way to ask the service for something: what holds for one has to hold for all."""

from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from aiotask import AiotaskError, Client, Created
from aiotask.taskrouter import NewTask
from tests.conftest import answer

WORKSPACE = "WS" + "1" * 32
TASK = "WT" + "2" * 32
QUEUE = "WQ" + "3" * 32
SHOWN = b'{"sid":"%b","assignment_status":"completed"}' % TASK.encode()
ROW = NewTask(attributes={"name": "Ana Personal"})


@attrs.frozen
class Verb:
    """A call, whether it changes anything and may be repeated, and an answer that it is glad of."""

    call: Callable[[Client], Awaitable[Any]]
    good: bytes
    changes: bool = False
    idempotent: bool = True


def _tasks(client: Client) -> Any:
    return client.taskrouter.workspace(WORKSPACE).tasks


async def _many(client: Client) -> Any:
    """Create one task in bulk, without a key: what is lost is not looked for."""
    rows = _tasks(client).create_many([ROW], key_attribute=None, max_in_flight=1)
    (outcome,) = [each async for each in rows]
    if isinstance(outcome, Created):
        return outcome.sid
    raise outcome.error


async def _pages(client: Client) -> Any:
    return [page async for page in _tasks(client).list(page_size=2).pages()]


async def _query(client: Client) -> Any:
    queues = client.taskrouter.workspace(WORKSPACE).task_queues
    return await queues.bulk_real_time_statistics.create(queue_sids=[QUEUE])


PAGE = answer(b'{"tasks":[],"meta":{"key":"tasks"}}')

VERBS: dict[str, Verb] = {
    "create": Verb(
        lambda client: _tasks(client).create(**ROW),
        answer(SHOWN, "201 Created"),
        changes=True,
        idempotent=False,
    ),
    "create_many": Verb(_many, answer(SHOWN, "201 Created"), changes=True, idempotent=False),
    "fetch": Verb(lambda client: _tasks(client).fetch(TASK), answer(SHOWN)),
    "update": Verb(
        lambda client: _tasks(client).update(TASK, attributes={"name": "Ana Personal"}),
        answer(SHOWN),
        changes=True,
    ),
    "delete": Verb(
        lambda client: _tasks(client).delete(TASK), answer(b"", "204 No Content"), changes=True
    ),
    "complete": Verb(
        lambda client: _tasks(client).complete(TASK, "done"), answer(SHOWN), changes=True
    ),
    "list": Verb(lambda client: _tasks(client).list(limit=5).all(), PAGE),
    "pages": Verb(_pages, PAGE),
    "statistics": Verb(
        lambda client: client.taskrouter.workspace(WORKSPACE).statistics.fetch(minutes=5),
        answer(b'{"workspace_sid":"%b"}' % WORKSPACE.encode()),
    ),
    "query": Verb(
        _query,
        answer(b'{"workspace_sid":"%b"}' % WORKSPACE.encode()),
    ),
}


async def failure_of(verb: str, client: Client) -> AiotaskError:
    """Return the error that a verb ends with; anything else that it does is none of ours."""
    try:
        result = await VERBS[verb].call(client)
    except AiotaskError as error:
        return error
    raise AssertionError(f"{verb} did not fail, but gave {result!r}")
