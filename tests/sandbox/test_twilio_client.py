"""Twilio's own Python library against the sandbox: the contract that no test of ours can bend."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from aiotask.sandbox import Sandbox
from tests.sandbox.sandbox_api import serving

Result = TypeVar("Result")


async def driven(sandbox: Sandbox, use: Callable[[Client], Result]) -> Result:
    """Run *use* in a thread, with a client that is pointed at the sandbox."""

    def run() -> Result:
        client = Client(sandbox.account_sid, sandbox.auth_token)
        client.taskrouter.base_url = sandbox.url
        try:
            return use(client)
        finally:
            client.http_client.session.close()

    return await asyncio.to_thread(run)


async def test_the_official_client_goes_through_the_life_of_a_task() -> None:
    async with serving() as api:
        sandbox, workspace_sid = api.sandbox, api.workspace

        def use(client: Client) -> None:
            tasks = client.taskrouter.v1.workspaces(workspace_sid).tasks
            task = tasks.create(
                attributes='{"type": "support"}',
                priority=5,
                timeout=600,
                task_channel="voice",
                virtual_start_time=datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC),
            )
            assert task.assignment_status == "pending"
            assert task.priority == 5
            assert task.virtual_start_time == datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
            assert isinstance(task.date_created, datetime)
            assert tasks(task.sid).fetch().attributes == '{"type": "support"}'
            assert tasks(task.sid).update(priority=7, if_match='"0"').priority == 7
            with pytest.raises(TwilioRestException) as caught:
                tasks(task.sid).update(priority=8, if_match='"0"')
            assert (caught.value.status, caught.value.code) == (412, 20412)
            with pytest.raises(TwilioRestException, match="not currently assigned"):
                tasks(task.sid).update(assignment_status="completed", reason="x")
            canceled = tasks(task.sid).update(assignment_status="canceled", reason="gone")
            assert (canceled.assignment_status, canceled.reason) == ("canceled", "gone")
            assert tasks(task.sid).delete() is True
            with pytest.raises(TwilioRestException) as caught:
                tasks(task.sid).fetch()
            assert (caught.value.status, caught.value.code) == (404, 20404)

        await driven(sandbox, use)


async def test_the_official_client_sees_etags() -> None:
    async with serving() as api:
        workspace_sid = api.workspace

        def use(client: Client) -> None:
            tasks = client.taskrouter.v1.workspaces(workspace_sid).tasks
            created = tasks.create_with_http_info()
            assert (created.status_code, created.headers["ETag"]) == (201, '"0"')

        await driven(api.sandbox, use)


async def test_the_official_client_pages_and_filters() -> None:
    async with serving() as api:
        workspace_sid = api.workspace

        def use(client: Client) -> None:
            tasks = client.taskrouter.v1.workspaces(workspace_sid).tasks
            created = [
                tasks.create(attributes=f'{{"number": {number}}}', priority=number % 3).sid
                for number in range(7)
            ]
            assert [task.sid for task in tasks.list(page_size=2)] == created
            assert [task.sid for task in tasks.stream(page_size=3, limit=4)] == created[:4]
            by_priority = tasks.list(ordering="Priority:desc", page_size=2)
            assert [task.priority for task in by_priority] == [2, 2, 1, 1, 0, 0, 0]
            wanted = ["pending", "reserved"]
            some = tasks.list(assignment_status=wanted, priority=1, page_size=1)
            assert [task.sid for task in some] == [created[1], created[4]]
            (found,) = tasks.list(evaluate_task_attributes="number == 6")
            assert found.sid == created[6]
            page = tasks.page(page_size=3)
            following = page.next_page()
            assert following is not None
            assert [task.sid for task in following] == created[3:6]
            before = following.previous_page()
            assert before is not None
            assert [task.sid for task in before] == created[:3]

        await driven(api.sandbox, use)


async def test_the_official_client_keeps_workspaces_queues_and_workflows() -> None:
    async with Sandbox() as sandbox:

        def use(client: Client) -> None:
            workspaces = client.taskrouter.v1.workspaces
            workspace = workspaces.create(friendly_name="Support", template="FIFO")
            assert workspaces(workspace.sid).fetch().friendly_name == "Support"
            renamed = workspaces(workspace.sid).update(friendly_name="Care")
            assert [found.sid for found in workspaces.list(friendly_name="Care")] == [renamed.sid]
            inside = workspaces(workspace.sid)
            assert len(inside.activities.list()) == 3
            assert len(inside.task_channels.list()) == 5
            queue = inside.task_queues.create(friendly_name="Q", max_reserved_workers=2)
            assert inside.task_queues(queue.sid).update(task_order="LIFO").task_order == "LIFO"
            routing = {"task_routing": {"default_filter": {"queue": queue.sid}}}
            workflow = inside.workflows.create(
                friendly_name="W", configuration=msgspec.json.encode(routing).decode()
            )
            assert inside.workflows(workflow.sid).fetch().task_reservation_timeout == 120
            updated = inside.workflows(workflow.sid).update(task_reservation_timeout=30)
            assert updated.task_reservation_timeout == 30
            with pytest.raises(TwilioRestException) as caught:
                inside.task_queues(queue.sid).delete()
            assert caught.value.status == 400
            assert inside.workflows(workflow.sid).delete()
            assert inside.task_queues(queue.sid).delete()
            assert workspaces(workspace.sid).delete()

        await driven(sandbox, use)


async def test_the_official_client_knows_wrong_credentials() -> None:
    async with Sandbox(auth_token="right") as sandbox:
        sandbox.auth_token = "wrong"
        with pytest.raises(TwilioRestException) as caught:
            await driven(sandbox, lambda client: client.taskrouter.v1.workspaces("WS1").fetch())
        assert (caught.value.status, caught.value.code) == (401, 20003)
