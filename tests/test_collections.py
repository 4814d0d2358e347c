"""Workspaces, workflows and Autopilot tasks, end to end against the sandbox."""

from typing import Any, TypedDict, Unpack

import attrs
import pytest

import aiotask
from aiotask import Client
from aiotask._collection import Singleton
from aiotask.taskrouter import WorkspaceContext
from tests.conftest import Canned


async def test_a_workspace_lives_from_create_to_delete(client: Client) -> None:
    workspaces = client.taskrouter.workspaces
    made = await workspaces.create(
        friendly_name="Sales",
        event_callback_url="https://example.com/events",
        events_filter="task.created,task.canceled",
        multi_task_enabled=True,
        prioritize_queue_order="LIFO",
        template="FIFO",
    )
    assert (made.friendly_name, made.prioritize_queue_order) == ("Sales", "LIFO")
    assert made.events_filter == "task.created,task.canceled"
    assert made.default_activity_name == "Offline"
    changed = await workspaces.update(
        made.sid,
        friendly_name="Support",
        timeout_activity_sid=made.default_activity_sid or "",
        default_activity_sid=made.default_activity_sid or "",
    )
    assert changed.friendly_name == "Support"
    assert await workspaces.fetch(made.sid) == changed
    assert [w.sid async for w in workspaces.list(friendly_name="Support")] == [made.sid]
    assert await workspaces.list(friendly_name="Sales").all() == []
    await workspaces.delete(made.sid)
    with pytest.raises(aiotask.NotFoundError):
        await workspaces.fetch(made.sid)


async def test_a_workflow_lives_from_create_to_delete(workspace: WorkspaceContext) -> None:
    (fifo,) = await workspace.workflows.list().all()
    queue = fifo.configuration["task_routing"]["default_filter"]["queue"]
    configuration: dict[str, Any] = {
        "task_routing": {
            "filters": [
                {
                    "filter_friendly_name": "Spanish",
                    "expression": 'language == "es"',
                    "targets": [{"queue": queue, "priority": 5, "timeout": 30}],
                    "unknown": True,
                }
            ],
            "default_filter": {"queue": queue},
        }
    }
    made = await workspace.workflows.create(
        friendly_name="By language",
        configuration=configuration,
        assignment_callback_url="https://example.com/assign",
        fallback_assignment_callback_url="https://example.com/else",
        task_reservation_timeout=60,
    )
    assert made.configuration == configuration
    assert made.task_reservation_timeout == 60
    changed = await workspace.workflows.update(
        made.sid, friendly_name="By tongue", re_evaluate_tasks=True
    )
    assert await workspace.workflows.fetch(made.sid) == changed
    (found,) = await workspace.workflows.list(friendly_name="By tongue").all()
    assert found == changed
    task = await workspace.tasks.create(workflow_sid=made.sid, attributes={"language": "es"})
    assert (task.priority, task.workflow_friendly_name) == (5, "By tongue")
    await workspace.tasks.delete(task.sid)
    await workspace.workflows.delete(made.sid)
    with pytest.raises(aiotask.NotFoundError):
        await workspace.workflows.fetch(made.sid)


async def test_what_a_collection_needs_is_asked_for_before_sending(
    client: Client, workspace: WorkspaceContext
) -> None:
    with pytest.raises(TypeError, match="NewWorkflow lacks configuration, friendly_name"):
        await workspace.workflows.create()  # type: ignore[call-arg]  # which is the point
    for seconds in (0, 86_401):
        with pytest.raises(ValueError, match="task_reservation_timeout: must be 1 to 86400"):
            await workspace.workflows.update("WW" + "a" * 32, task_reservation_timeout=seconds)
    with pytest.raises(ValueError, match="friendly_name: must have 1 to 64 characters, not 65"):
        await client.taskrouter.workspaces.create(friendly_name="x" * 65)


async def test_an_autopilot_task_lives_from_create_to_delete(client: Client) -> None:
    tasks = client.autopilot.assistant("UA" + "a" * 32).tasks
    made = await tasks.create(
        unique_name="greet",
        friendly_name="Greeting",
        actions={"actions": [{"say": "Hello"}]},
    )
    assert (made.unique_name, made.assistant_sid) == ("greet", "UA" + "a" * 32)
    assert await tasks.fetch("greet") == await tasks.fetch(made.sid) == made
    changed = await tasks.update(
        "greet", friendly_name="Welcome", actions_url="https://example.com/actions"
    )
    assert changed.actions_url == "https://example.com/actions"
    await tasks.update(made.sid, unique_name="welcome")
    assert [task.unique_name async for task in tasks.list(limit=5)] == ["welcome"]
    with pytest.raises(aiotask.BadRequestError) as caught:
        await tasks.create(unique_name="welcome")
    assert caught.value.code == 90101
    await tasks.delete("welcome")
    with pytest.raises(aiotask.NotFoundError):
        await tasks.fetch(made.sid)


async def test_a_strange_unique_name_stays_one_segment_of_its_path(client: Client) -> None:
    tasks = client.autopilot.assistant("UA" + "a" * 32).tasks
    await tasks.create(unique_name="a/b?c")
    assert (await tasks.fetch("a/b?c")).unique_name == "a/b?c"
    with pytest.raises(ValueError, match="sid: must not consist of dots only"):
        client.autopilot.assistant("..")


@attrs.frozen(kw_only=True, weakref_slot=False)
class Defaults:
    total_tasks: int | None = None


class Window(TypedDict, total=False):
    minutes: int


class DefaultsContext(Singleton[Defaults]):
    name = "Defaults"
    resource = Defaults

    async def fetch(self, **filters: Unpack[Window]) -> Defaults:
        return await self._fetch(Window, filters)

    async def update(self, **changes: Unpack[Window]) -> Defaults:
        return await self._update(Window, changes)


async def test_what_has_no_sid_is_fetched_and_updated_at_its_bare_path(
    far_client: Client, canned: Canned
) -> None:
    place = DefaultsContext(far_client._session, "https://taskrouter.twilio.com/v1/Workspaces/WS1")
    url = "https://taskrouter.twilio.com/v1/Workspaces/WS1/Defaults"
    canned.get(url, payload={"total_tasks": 1})
    canned.get(f"{url}?Minutes=5", payload={"total_tasks": 2})
    canned.post(url, payload={"total_tasks": 3})
    found = [await place.fetch(), await place.fetch(minutes=5), await place.update(minutes=5)]
    assert [one.total_tasks for one in found] == [1, 2, 3]
