"""Statuses of creates that are about the account or the way there, and not about the row."""

import pytest

from aiotask import Client, Created, Outcome, Rejected, StatusError
from aiotask.bulk import KEY_ATTRIBUTE, Keys, Settings, source_of
from aiotask.taskrouter import NewTask, Tasks
from tests.conftest import ACCOUNT, RawServer, answer
from tests.virtual_time import LoopClock

pytestmark = pytest.mark.virtual_time

WORKSPACE = "WS" + "1" * 32


def created(request: bytes) -> bytes:
    del request
    return answer(b'{"sid": "WT00000000000000000000000000000001"}', "201 Created")


def tasks_of(client: Client) -> Tasks:
    return client.taskrouter.workspace(WORKSPACE).tasks


async def run(client: Client, rows: list[NewTask], stall_timeout: float) -> list[Outcome[NewTask]]:
    settings = Settings(keys=Keys(KEY_ATTRIBUTE), max_in_flight=1, stall_timeout=stall_timeout)
    outcomes = tasks_of(client).creating(source_of(rows), settings).outcomes()
    return [outcome async for outcome in outcomes]


@pytest.mark.parametrize("status", [402, 407, 423, 426, 431, 451, 499])
async def test_what_is_not_about_the_row_is_waited_for(status: int) -> None:
    refusal = answer(b"{}", f"{status} No")
    async with RawServer(refusal, refusal, refusal, created) as server:
        policy = LoopClock().policy()
        async with Client(ACCOUNT, "x", base_url=server.url, retry=policy) as client:
            outcomes = await run(client, [{}, {}], 3600)
    assert [type(outcome) for outcome in outcomes] == [Created, Created]


@pytest.mark.parametrize("status", [402, 451])
async def test_what_does_not_pass_ends_the_run_and_rejects_no_row(status: int) -> None:
    async with RawServer(answer(b"{}", f"{status} No")) as server:
        policy = LoopClock().policy()
        async with Client(ACCOUNT, "x", base_url=server.url, retry=policy) as client:
            with pytest.raises(StatusError) as caught:
                await run(client, [{}, {}], 30)
    assert caught.value.status == status


@pytest.mark.parametrize("status", [400, 409, 413, 414, 415, 422])
async def test_what_is_about_the_row_rejects_it(status: int) -> None:
    async with RawServer(answer(b"{}", f"{status} No"), created) as server:
        policy = LoopClock().policy()
        async with Client(ACCOUNT, "x", base_url=server.url, retry=policy) as client:
            outcomes = await run(client, [{}, {}], 3600)
    assert [type(outcome) for outcome in outcomes] == [Rejected, Created]
