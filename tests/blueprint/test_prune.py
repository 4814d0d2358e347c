"""What a document leaves out: left alone and listed, or pruned."""

import re
from typing import Any

import pytest

import aiotask
from aiotask import Client
from aiotask.blueprint import BlueprintError, apply, plan
from aiotask.sandbox import Sandbox
from tests.blueprint.documents import SUPPORT, empty, filled, writes

QUEUES = {"task_queues": [{"friendly_name": "Everyone"}]}


async def test_what_is_not_in_the_document_is_left_alone_and_listed(
    sandbox: Sandbox, client: Client
) -> None:
    workspace = filled(sandbox, client)
    found = await plan(workspace, QUEUES)
    assert found == []
    assert [str(change) for change in found.left] == [
        "leave task_queue Not at lunch",
        "leave task_queue Parked",
        "leave task_queue Spanish",
    ]
    assert writes(sandbox) == 0


async def test_it_is_pruned_in_the_order_that_works(sandbox: Sandbox, client: Client) -> None:
    workspace = filled(sandbox, client)
    kept = [{"friendly_name": name} for name in ("Available", "Offline", "Unavailable")]
    nothing: dict[str, list[Any]] = {many: [] for many in SUPPORT} | {"activities": kept}
    planned = await plan(workspace, nothing, prune=True)
    done = [change async for change in apply(workspace, nothing, prune=True)]
    assert done == planned
    assert {change.action for change in done} == {"delete"}
    kinds = [*dict.fromkeys(change.kind for change in done)]
    assert kinds == ["workflow", "task_queue", "worker", "task_channel", "activity"]
    assert [change.name for change in (await plan(workspace, nothing, prune=True)).left] == [
        "default"
    ]


async def test_a_kind_that_a_document_does_not_have_is_not_pruned(
    sandbox: Sandbox, client: Client
) -> None:
    workspace = filled(sandbox, client)
    found = await plan(workspace, {"workflows": SUPPORT["workflows"][:1]}, prune=True)
    assert [str(change) for change in found] == ["delete workflow Parking"]
    assert await plan(workspace, {}, prune=True) == []


async def test_what_is_referred_to_is_not_pruned_away(sandbox: Sandbox, client: Client) -> None:
    workspace = filled(sandbox, client)
    document = {"task_queues": [], "workflows": SUPPORT["workflows"][1:]}
    with pytest.raises(BlueprintError) as caught:
        await plan(workspace, document, prune=True)
    assert str(caught.value) == (
        "workflows 'Parking': the task_queue 'Parked' is not in the document, and would be deleted"
    )


async def test_a_refused_deletion_does_not_keep_the_others(
    sandbox: Sandbox, client: Client
) -> None:
    workspace = filled(sandbox, client)
    document: dict[str, list[object]] = {"activities": [], "task_channels": []}
    done = []
    with pytest.raises(aiotask.BadRequestError, match="in use"):
        async for change in apply(workspace, document, prune=True):
            done.append(change.name)
    assert done == ["chat", "letters", "sms", "video", "voice", "Lunch {long}"]


async def test_what_somebody_else_deletes_meanwhile_is_deleted(
    sandbox: Sandbox, client: Client
) -> None:
    workspace = empty(sandbox, client)
    made = [await workspace.workers.create(friendly_name=name) for name in "ab"]
    changes = apply(workspace, {"workers": []}, prune=True)
    assert (await anext(changes)).name == "a"
    await workspace.workers.delete(made[1].sid)
    assert [change.name async for change in changes] == ["b"]


async def test_of_one_name_that_is_there_twice_both_are_pruned(
    sandbox: Sandbox, client: Client
) -> None:
    workspace = empty(sandbox, client)
    for _ in range(2):
        await workspace.activities.create(friendly_name="Same")
    kept = [{"friendly_name": name} for name in ("Available", "Offline", "Unavailable")]
    found = await plan(workspace, {"activities": kept})
    assert len(found.left) == 2
    for document in ({"activities": kept}, {}):
        (warning,) = (await plan(workspace, document)).warnings
        assert re.fullmatch(r"the activity 'Same' is there twice: WA\w+, WA\w+", warning)
    assert (await plan(workspace, {"activities": kept}, prune=True)).warnings == []
    done = [change async for change in apply(workspace, {"activities": kept}, prune=True)]
    assert [str(change) for change in done] == ["delete activity Same"] * 2
