"""One pace for each operation of a workspace, shared by all calls of a client."""

import asyncio

import pytest

from aiotask import Client, Created
from aiotask.bulk import KEY_ATTRIBUTE, Keys, Settings, source_of
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import WorkspaceContext
from tests.conftest import ACCOUNT
from tests.virtual_time import LoopClock


@pytest.mark.virtual_time
async def test_lists_by_expression_keep_to_the_documented_rate() -> None:
    clock = LoopClock()
    async with (
        Sandbox(clock=clock, expression_rate=3) as sandbox,
        Client(
            sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url, retry=clock.policy()
        ) as client,
    ):
        workspace = client.taskrouter.workspace(sandbox.create_workspace("x"))
        await asyncio.gather(
            *[workspace.tasks.list(evaluate_task_attributes="n == 1").all() for _ in range(12)],
            *[workspace.workers.list(target_workers_expression="1 == 1").all() for _ in range(5)],
        )
        assert not sandbox.refused
        assert clock.passed > 11 / 2.5 - 1


@pytest.mark.virtual_time
async def test_a_refusal_slows_all_calls_of_the_operation_and_no_others() -> None:
    clock = LoopClock()
    async with (
        Sandbox(clock=clock, rate=20) as sandbox,
        Client(
            sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url, retry=clock.policy()
        ) as client,
    ):
        tasks = client.taskrouter.workspace(sandbox.create_workspace("x")).tasks
        await asyncio.gather(*[tasks.create(attributes={"n": n}) for n in range(60)])
        early = sandbox.refused
        assert early
        await asyncio.gather(*[tasks.create(attributes={"n": n}) for n in range(60)])
        # They were all sent at once the first time, and one after the other from then on.
        assert sandbox.refused - early < early / 2
        assert len(sandbox.tasks(tasks._path.split("/")[-2])) == 120
        assert tasks._lane("create").limited
        assert not tasks._lane("list").limited
        assert not tasks._lane("fetch").limited


async def test_a_bulk_creation_and_single_calls_share_one_pace(
    workspace: WorkspaceContext,
) -> None:
    tasks = workspace.tasks
    settings = Settings(keys=Keys(KEY_ATTRIBUTE))
    run = tasks.creating(source_of({"attributes": {"n": n}} for n in range(300)), settings)
    outcomes = run.outcomes()
    assert isinstance(await anext(outcomes), Created)
    assert run.limiter is tasks._lane("create")
    other = await tasks.create(attributes={"n": -1})
    assert other.attributes == {"n": -1}
    polled = await asyncio.gather(*[tasks.list(limit=1).all() for _ in range(20)])
    assert all(len(page) == 1 for page in polled)
    assert len([outcome async for outcome in outcomes]) == 299


async def test_a_client_that_is_entered_again_begins_with_a_pace_of_its_own() -> None:
    async with Sandbox() as sandbox:
        client = Client(sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url)
        workspace = client.taskrouter.workspace(sandbox.create_workspace("x"))
        async with client:
            first = workspace.tasks._lane("list")
            await workspace.tasks.list(evaluate_task_attributes="n == 1").all()
        async with client:
            assert workspace.tasks._lane("list") is not first
            await workspace.tasks.list(evaluate_task_attributes="n == 1").all()


async def test_what_lies_below_tasks_has_one_pace_for_all_of_them(
    workspace: WorkspaceContext,
) -> None:
    sids = [f"WT{number:032x}" for number in range(2)]
    one, other = (workspace.task(sid).reservations for sid in sids)
    assert one._lane("list") is other._lane("list")
    assert one._lane("list") is not workspace.tasks._lane("list")


async def test_paces_of_ever_new_workspaces_are_forgotten_when_they_are_at_rest() -> None:
    async with Client(ACCOUNT, "secret") as client:
        session = client._session
        used = session.lane("create first")
        start = await used.acquire()
        for number in range(5000):
            session.lane(f"create {number}")
        assert len(session.connections.lanes) <= 2000
        assert session.lane("create first") is used
        used.release(start)
