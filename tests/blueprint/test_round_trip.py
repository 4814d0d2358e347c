"""Export, and application of what was exported."""

import json
import re
from typing import Any

import pytest

from aiotask import Client
from aiotask.blueprint import BlueprintError, apply, diff, export, plan
from aiotask.sandbox import Sandbox
from tests.blueprint.documents import SUPPORT, empty, filled, writes


async def test_an_export_applied_to_an_empty_workspace_gives_one_that_exports_the_same(
    sandbox: Sandbox, client: Client
) -> None:
    document = await export(filled(sandbox, client), workers=True)
    other = empty(sandbox, client)
    done = [change async for change in apply(other, document)]
    assert {change.action for change in done} == {"create"}
    assert await export(other, workers=True) == document
    assert diff(document, await export(other, workers=True)) == []


async def test_no_sid_is_in_a_document(sandbox: Sandbox, client: Client) -> None:
    document = await export(filled(sandbox, client), workers=True)
    assert not re.search("[A-Z]{2}[0-9a-f]{32}", json.dumps(document))
    (main, _) = document["workflows"]
    known, _ = main["configuration"]["task_routing"]["filters"]
    assert known["targets"][0]["skip_if"] == "workers.{activity:Lunch {{long}}} > 0"
    assert next(iter(document["task_queues"][0])) == "friendly_name"


async def test_the_sids_of_a_workspace_stand_behind_its_names(
    sandbox: Sandbox, client: Client
) -> None:
    other = empty(sandbox, client)
    _ = [change async for change in apply(other, SUPPORT)]
    (lunch,) = await other.activities.list(friendly_name="Lunch {long}").all()
    (queue,) = await other.task_queues.list(friendly_name="Not at lunch").all()
    assert queue.target_workers == f'activity_sid != "{lunch.sid}"'
    (main,) = await other.workflows.list(friendly_name="Main").all()
    known, spanish = main.configuration["task_routing"]["filters"]
    assert known["targets"][0]["skip_if"] == f"workers.{lunch.sid} > 0"
    assert spanish["targets"][1]["queue"] == queue.sid
    assert main.configuration["beside"] == {"kept": [1, 2]}


async def test_the_second_application_sends_nothing_but_reads(
    sandbox: Sandbox, client: Client
) -> None:
    workspace = empty(sandbox, client)
    assert [change async for change in apply(workspace, SUPPORT)]
    before = writes(sandbox)
    assert [change async for change in apply(workspace, SUPPORT)] == []
    assert await plan(workspace, SUPPORT) == []
    exported = await export(workspace, workers=True)
    assert [change async for change in apply(workspace, exported, prune=True)] == []
    assert writes(sandbox) == before


async def test_an_export_fills_a_sandbox(sandbox: Sandbox, client: Client) -> None:
    document = await export(filled(sandbox, client), workers=True)
    sandbox.fill(document)
    sandbox.fill({"Named": document})
    for sid in sandbox.workspaces[-2:]:
        assert await export(client.taskrouter.workspace(sid), workers=True) == document
    assert list(sandbox.snapshot())[-2:] == ["Sandbox", "Named"]


async def test_a_worker_in_an_expression_is_named(sandbox: Sandbox, client: Client) -> None:
    workspace = empty(sandbox, client)
    ana = await workspace.workers.create(friendly_name="Ana")
    await workspace.task_queues.create(friendly_name="Hers", target_workers=f"sid=='{ana.sid}'")
    document = await export(workspace)
    assert document["task_queues"][0]["target_workers"] == "sid=='{worker:Ana}'"
    assert await plan(workspace, document) == []
    other = empty(sandbox, client)
    with pytest.raises(BlueprintError, match="task_queues 'Hers': there is no worker 'Ana'"):
        await plan(other, document)
    await other.workers.create(friendly_name="ana")
    assert len([change async for change in apply(other, document)]) == 1
    assert (await plan(other, {**document, "workers": [{"friendly_name": "ANA"}]}))[0].fields == {
        "friendly_name": ("ana", "ANA")
    }


async def test_a_sid_of_something_else_stays(sandbox: Sandbox, client: Client) -> None:
    workspace = empty(sandbox, client)
    gone = f"activity_sid == 'WA{'0' * 32}' OR sid == 'WK{'0' * 32}'"
    await workspace.task_queues.create(friendly_name="Old", target_workers=gone)
    document = await export(workspace)
    assert document["task_queues"][0]["target_workers"] == gone
    assert await plan(workspace, document) == []


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("activities", {"available": True}),
        ("workflows", {"configuration": {"task_routing": {"filters": []}}}),
    ],
)
async def test_a_name_that_is_there_twice_is_not_exported(
    sandbox: Sandbox, client: Client, kind: str, fields: dict[str, Any]
) -> None:
    workspace = empty(sandbox, client)
    sids = []
    for _ in range(2):
        made = await getattr(workspace, kind).create(friendly_name="Same", **fields)
        sids.append(made.sid)
    with pytest.raises(BlueprintError, match=r"the .* 'Same' is there twice: ") as caught:
        await export(workspace)
    assert all(sid in str(caught.value) for sid in sids)


async def test_braces_that_would_be_read_as_a_name_are_not_exported(
    sandbox: Sandbox, client: Client
) -> None:
    workspace = empty(sandbox, client)
    await workspace.task_queues.create(friendly_name="Odd", target_workers="x=='{activity:Lunch}'")
    with pytest.raises(BlueprintError, match="read as a name: task_queue 'Odd'"):
        await export(workspace)
