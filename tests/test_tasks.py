"""The tasks of a workspace, end to end against the sandbox."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import aiotask
from aiotask import Client, PreconditionFailedError
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import Task, TaskChanges, WorkspaceContext
from tests.conftest import Canned


async def test_a_task_comes_back_as_it_was_made(
    sandbox: Sandbox, workspace: WorkspaceContext
) -> None:
    started = datetime.now(UTC) - timedelta(hours=1)
    worker = sandbox.create_worker(sandbox.workspaces[0], "Ana", activity="Offline")
    task = await workspace.tasks.create(
        attributes={"type": "support", "name": "Zoë", "tags": ["a", "b&c=d"], "none": None},
        priority=7,
        timeout=3600,
        task_channel="chat",
        virtual_start_time=started,
        routing_target=worker,
        ignore_capacity=False,
    )
    assert task.assignment_status == "pending"
    assert task.attributes == {
        "type": "support", "name": "Zoë", "tags": ["a", "b&c=d"], "none": None,
    }  # fmt: skip
    assert (task.priority, task.timeout, task.task_channel_unique_name) == (7, 3600, "chat")
    assert task.virtual_start_time == started.replace(microsecond=0)
    assert (task.routing_target, task.ignore_capacity) == (worker, False)
    assert (task.addons, task.account_sid) == ({}, sandbox.account_sid)
    assert task.date_created is not None
    assert task.date_created.tzinfo is UTC
    assert task.links is not None
    assert task.links["reservations"] == f"{task.url}/Reservations"
    assert attrs.evolve(await workspace.tasks.fetch(task.sid), age=task.age) == task


async def test_a_task_needs_nothing_but_a_workspace_with_one_workflow(
    workspace: WorkspaceContext,
) -> None:
    task = await workspace.tasks.create()
    assert (task.attributes, task.priority, task.timeout) == ({}, 0, 86_400)


async def test_a_resource_is_frozen_and_slotted(workspace: WorkspaceContext) -> None:
    task = await workspace.tasks.create()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        task.priority = 5  # type: ignore[misc]  # which is the point
    assert not hasattr(task, "__dict__")


async def test_a_task_becomes_plain_data_in_the_services_form(workspace: WorkspaceContext) -> None:
    task = await workspace.tasks.create(attributes={"a": [1]})
    plain = aiotask.to_dict(task)
    assert json.loads(json.dumps(plain)) == plain
    assert plain["attributes"] == '{"a":[1]}'
    assert plain["date_created"].endswith("Z")
    assert plain["reason"] is None
    assert "etag" not in plain


async def test_a_change_under_the_right_etag_is_made_and_under_another_refused(
    workspace: WorkspaceContext,
) -> None:
    first = await workspace.tasks.create(attributes={"n": 1})
    second = await workspace.tasks.update(first.sid, if_match=first.etag, attributes={"n": 2})
    assert second.attributes == {"n": 2}
    assert second.etag != first.etag
    with pytest.raises(PreconditionFailedError) as caught:
        await workspace.tasks.update(first.sid, if_match=first.etag, attributes={"n": 3})
    assert not caught.value.maybe_applied
    with pytest.raises(PreconditionFailedError):
        await workspace.tasks.delete(first.sid, if_match=first.etag)
    assert (await workspace.tasks.fetch(first.sid)).attributes == {"n": 2}
    await workspace.tasks.delete(first.sid, if_match=second.etag)
    with pytest.raises(aiotask.NotFoundError):
        await workspace.tasks.fetch(first.sid)


async def test_a_task_ends_with_a_reason(sandbox: Sandbox, workspace: WorkspaceContext) -> None:
    task = await workspace.tasks.create()
    with pytest.raises(aiotask.BadRequestError, match="not currently assigned") as caught:
        await workspace.tasks.update(task.sid, assignment_status="completed", reason="done")
    assert caught.value.code == 20001
    sandbox.assign(task.sid)
    done = await workspace.tasks.update(task.sid, assignment_status="completed", reason="done")
    assert (done.assignment_status, done.reason) == ("completed", "done")


async def test_modify_reads_anew_when_somebody_was_faster(
    sandbox: Sandbox, workspace: WorkspaceContext
) -> None:
    task = await workspace.tasks.create(attributes={"n": 1})
    seen: list[str | None] = []

    def mark(current: Task) -> TaskChanges:
        if not seen:
            sandbox.assign(current.sid)  # which is a change of the task too
        seen.append(current.assignment_status)
        return {"attributes": {**current.attributes, "mine": True}}

    changed = await workspace.tasks.modify(task.sid, mark)
    assert seen == ["pending", "assigned"]
    assert changed.attributes == {"n": 1, "mine": True}


async def test_modify_gives_up_after_ten_conflicts(
    sandbox: Sandbox, workspace: WorkspaceContext
) -> None:
    task = await workspace.tasks.create()
    calls = 0

    def always_late(current: Task) -> TaskChanges:
        nonlocal calls
        calls += 1
        sandbox.assign(current.sid)
        return {"priority": 1}

    with pytest.raises(PreconditionFailedError):
        await workspace.tasks.modify(task.sid, always_late)
    assert calls == 10


@pytest.mark.parametrize("nothing", [None, {}])
async def test_modify_with_nothing_to_set_sends_nothing(
    sandbox: Sandbox, workspace: WorkspaceContext, nothing: TaskChanges | None
) -> None:
    task = await workspace.tasks.create()
    same = await workspace.tasks.modify(task.sid, lambda _: nothing)
    assert same.etag == task.etag
    assert sandbox.requests["POST Tasks/{Sid}"] == 0


async def test_modify_without_an_etag_changes_nothing(far_client: Client, canned: Canned) -> None:
    workspace = far_client.taskrouter.workspace("WS" + "1" * 32)
    sid = "WT" + "2" * 32
    canned.get(f"https://taskrouter.twilio.com/v1/Workspaces/WS{'1' * 32}/Tasks/{sid}",
               payload={"sid": sid})  # fmt: skip
    with pytest.raises(aiotask.ProtocolError, match="no ETag"):
        await workspace.tasks.modify(sid, lambda _: {"priority": 1})


FILTERS: list[tuple[dict[str, Any], set[int]]] = [
    ({}, {0, 1, 2, 3}),
    ({"priority": 5}, {1, 3}),
    ({"assignment_status": ["assigned"]}, {3}),
    ({"assignment_status": ["assigned", "pending"]}, {0, 1, 2, 3}),
    ({"assignment_status": "pending"}, {0, 1, 2}),
    ({"workflow_name": "Default Fifo Workflow"}, {0, 1, 2, 3}),
    ({"workflow_name": "Other"}, set()),
    ({"task_queue_name": "Sample Queue", "priority": 0}, {0, 2}),
    ({"routing_target": "Ana"}, {2}),
    ({"has_addons": True}, set()),
    ({"has_addons": False}, {0, 1, 2, 3}),
    ({"evaluate_task_attributes": 'kind == "b" OR n == 0'}, {0, 1, 3}),
]


@pytest.mark.parametrize(("filters", "found"), FILTERS)
async def test_every_filter_of_a_list_is_sent(
    sandbox: Sandbox, workspace: WorkspaceContext, filters: dict[str, Any], found: set[int]
) -> None:
    worker = sandbox.create_worker(sandbox.workspaces[0], "Ana", activity="Offline")
    direct: dict[str, Any] = {"routing_target": worker, "ignore_capacity": False}
    filters = {name: worker if value == "Ana" else value for name, value in filters.items()}
    for n in range(4):
        fields = direct if n == 2 else {}
        task = await workspace.tasks.create(
            attributes={"n": n, "kind": "ab"[n % 2]}, priority=5 * (n % 2), **fields
        )
    sandbox.assign(task.sid)
    listing = workspace.tasks.list(**filters)
    assert {row.attributes["n"] async for row in listing} == found
    by_sid = {"workflow_sid": task.workflow_sid, "task_queue_sid": task.task_queue_sid}
    assert len(await workspace.tasks.list(**by_sid).all()) == 4  # type: ignore[arg-type]  # known


async def test_a_list_comes_in_the_order_asked_for(workspace: WorkspaceContext) -> None:
    for priority in (3, 1, 2):
        await workspace.tasks.create(priority=priority)
    listing = workspace.tasks.list(ordering="Priority:desc,DateCreated:asc", page_size=1)
    assert [task.priority async for task in listing] == [3, 2, 1]
    assert {task.etag async for task in listing} == {None}


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(attributes=st.dictionaries(TEXT, VALUES, max_size=4))
async def test_any_attributes_make_the_way_there_and_back(
    workspace: WorkspaceContext, attributes: dict[str, Any]
) -> None:
    task = await workspace.tasks.create(attributes=attributes)
    assert task.attributes == attributes


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"priority": -1}, "priority: must be 0 to 2147483647"),
        ({"priority": 2**31}, "priority: must be 0 to 2147483647"),
        ({"timeout": 1_209_601}, "timeout: must be 0 to 1209600"),
        ({"attributes": {"a": "x" * 4096}}, "attributes: must have at most 4096 characters"),
        ({"attributes": '{"a": 1}'}, "attributes: must be a mapping"),
        ({"workflow_sid": "WT" + "a" * 32}, "workflow_sid: must be a sid: WW"),
        ({"routing_target": "WT" + "a" * 32}, "routing_target: must be a sid: WK or WQ or WW"),
        (
            {"virtual_start_time": datetime.now(UTC) + timedelta(days=1)},
            "must not be in the future",
        ),
    ],
)
async def test_what_cannot_be_right_is_not_sent(
    sandbox: Sandbox, workspace: WorkspaceContext, fields: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        await workspace.tasks.create(**fields)
    assert not sandbox.requests


async def test_attributes_may_be_as_long_as_the_service_takes(workspace: WorkspaceContext) -> None:
    task = await workspace.tasks.create(attributes={"a": "x" * 4088})
    assert len(task.attributes["a"]) == 4088


async def test_no_sid_of_another_kind_becomes_part_of_a_path(
    sandbox: Sandbox, client: Client, workspace: WorkspaceContext
) -> None:
    for sid in ("WK" + "a" * 32, "../Workers/WK1", ""):
        for call in (
            workspace.tasks.fetch(sid),
            workspace.tasks.update(sid, priority=1),
            workspace.tasks.delete(sid),
        ):
            with pytest.raises(ValueError, match=r"^sid: must be a sid: WT"):
                await call
        with pytest.raises(ValueError, match=r"^sid: must be a sid: WS"):
            client.taskrouter.workspace(sid)
    with pytest.raises(ValueError, match="if_match: must be visible ASCII"):
        await workspace.tasks.update("WT" + "a" * 32, if_match="3\r\nX: 1", priority=1)
    assert not sandbox.requests


@pytest.mark.parametrize("verb", ["complete", "cancel"])
async def test_ending_a_task_twice_is_as_good_as_once(
    sandbox: Sandbox, workspace: WorkspaceContext, verb: str
) -> None:
    task = await workspace.tasks.create()
    if verb == "complete":
        sandbox.assign(task.sid)
    end = getattr(workspace.tasks, verb)
    first, second = await end(task.sid, "done"), await end(task.sid, "done again")
    assert first.assignment_status in ("completed", "canceled")
    assert (first.reason, second.reason, second.etag) == ("done", "done", first.etag)


async def test_a_task_that_ended_otherwise_is_the_services_refusal(
    workspace: WorkspaceContext,
) -> None:
    task = await workspace.tasks.create()
    with pytest.raises(aiotask.BadRequestError, match="not currently assigned"):
        await workspace.tasks.complete(task.sid, "done")
    assert await workspace.tasks.cancel(task.sid, "not wanted")
    with pytest.raises(aiotask.BadRequestError, match="not currently assigned"):
        await workspace.tasks.complete(task.sid, "done")


async def test_a_task_that_is_gone_is_neither_completed_nor_an_error(
    workspace: WorkspaceContext,
) -> None:
    task = await workspace.tasks.create()
    await workspace.tasks.delete(task.sid)
    assert await workspace.tasks.complete(task.sid, "done") is None
    assert await workspace.tasks.cancel(task.sid, "done") is None
