"""Pages of a real server are decoded straight into resources, whatever they list."""

from collections.abc import Iterator
from typing import Any

import attrs
import msgspec
import pytest

from aiotask import Client
from aiotask._bodies import _complete, _page_decoder, _parts, decode_page
from aiotask._collection import Collection
from aiotask._decoding import structure
from aiotask._json import loads
from aiotask._verbs import LIST
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import WorkspaceContext
from tests.test_contract import DOCUMENTED

ASSISTANT = "UA" + "1" * 32
LISTS = {title.rpartition(" ")[0] for title in DOCUMENTED if title.endswith(" list")}


def lists(client: Client, here: WorkspaceContext, task: str, worker: str) -> Iterator[Any]:
    """Give every collection that can be listed, each with something in it but for one."""
    yield client.taskrouter.workspaces
    yield here.tasks
    yield here.workflows
    yield here.task_queues
    yield here.workers
    yield here.activities
    yield here.task_channels
    yield here.events
    yield here.task(task).reservations
    yield here.worker(worker).reservations
    yield here.worker(worker).worker_channels
    yield here.task_queues.statistics
    yield client.autopilot.assistant(ASSISTANT).tasks


async def test_msgspec_decodes_every_page_of_the_sandbox_by_itself(
    sandbox: Sandbox, client: Client, workspace: WorkspaceContext
) -> None:
    worker = sandbox.create_worker(sandbox.workspaces[0], "Ana", {"order": 10**20})
    task = await workspace.tasks.create(attributes={"order": 10**20})
    await client.autopilot.assistant(ASSISTANT).tasks.create(unique_name="greet")
    collections = [*lists(client, workspace, task.sid, worker)]
    assert len(collections) == len(LISTS)
    for collection in collections:
        assert isinstance(collection, Collection)
        body = await client._session.request(
            LIST, collection._url, lambda answer: answer.body, lane=collection._lane("list")
        )
        resource: Any = collection.resource
        page = _page_decoder(resource, collection.key).decode(body)
        assert page.meta.key == collection.key
        assert page.rows
        _complete(page.rows, _parts(resource))
        rows = loads(body)[collection.key]
        assert page.rows == [structure(row, resource) for row in rows]


@attrs.frozen(kw_only=True, weakref_slot=False)
class Row:
    sid: str


@pytest.mark.parametrize(
    "page",
    [
        {"rows": [{"sid": "1"}], "meta": {"key": "rows"}},
        {"others": [{"sid": "1"}], "meta": {"key": "others"}},
        {"rows": None, "others": [{"sid": "1"}], "meta": {"key": "others"}},
        {"rows": [5], "others": [{"sid": "1"}], "meta": {"key": "others"}},
        {"rows": [{"sid": "1"}]},
        {"others": [{"sid": "1"}], "meta": {}},
        {"others": [{"sid": "1"}], "meta": False},
        {"rows": [{"sid": "1"}], "meta": None},
    ],
)
def test_the_rows_are_those_that_the_page_names_or_its_only_list(page: dict[str, Any]) -> None:
    assert decode_page(msgspec.json.encode(page), Row, "rows") == ([Row(sid="1")], None)
