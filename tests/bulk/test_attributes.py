"""Attributes that a worker's software replaces, and with them the key."""

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import web

from aiotask import Client, Created
from tests.bulk.bench import number_of, rows
from tests.bulk.broken_service import BrokenService, Reply, broken_service, is_create
from tests.virtual_time import until

pytestmark = pytest.mark.virtual_time


class Software:
    """Replaces the attributes of each task as soon as it is there."""

    def __init__(self, here: BrokenService, direct: Client, lost: float, seed: int) -> None:
        self.seen: dict[str, int] = {}
        self._here = here
        self._tasks = direct.taskrouter.workspace(here.workspace).tasks
        self._lost = lost
        self._chance = Random(seed)

    async def __call__(self, request: web.BaseRequest, reply: Reply) -> None:
        if is_create(request):
            for sid in self._here.sids - set(self.seen):
                self.seen[sid] = len(self.seen)
                await self._tasks.update(sid, attributes={"taken": True})
            reply.lost = self._chance.random() < self._lost


def direct(here: BrokenService) -> Client:
    sandbox = here.sandbox
    return Client(
        sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url, retry=here.clock.policy()
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("lag", [0.0, 20.0])
@pytest.mark.parametrize("journal", [True, False])
async def test_no_row_is_made_twice_although_all_tasks_have_lost_their_keys(
    tmp_path: Path, seed: int, lag: float, *, journal: bool
) -> None:
    path = tmp_path / "import.db" if journal else None
    async with broken_service(index_lag=lag, seed=seed) as here, direct(here) as client:
        software = Software(here, client, 0.3, seed)
        here.spoil = software
        outcomes = await here.create(rows(100), journal=path)
        assert {type(each) for each in outcomes} == {Created}
        assert len(software.seen) == len(here.sids) == here.creates == 100
        sids = {each.sid for each in outcomes if isinstance(each, Created)}
        assert sids == here.sids


async def test_a_resumed_run_finds_the_tasks_that_have_lost_their_keys(tmp_path: Path) -> None:
    path = tmp_path / "import.db"
    async with broken_service() as here, direct(here) as client:
        here.spoil = software = Software(here, client, 1.0, 1)
        run = here.run(rows(30), journal=path)
        running = asyncio.ensure_future(_drained(run.outcomes()))
        await until(lambda: run.in_doubt == here.creates >= 5)
        run.stop()
        await running
        lost = here.creates
        assert len(here.sids) == lost
        software._lost = 0.0
        outcomes = await here.create(rows(30), journal=path)
        assert {number_of(each.row) for each in outcomes} == set(range(30))
        assert {type(each) for each in outcomes} == {Created}
        assert len(here.sids) == here.creates == 30


async def _drained(outcomes: Any) -> None:
    assert [outcome async for outcome in outcomes] == []


async def test_rows_that_were_never_made_are_sent_again_although_no_task_has_its_key() -> None:
    async with broken_service() as here, direct(here) as client:
        here.spoil = software = Software(here, client, 0.0, 1)
        for _ in range(4):
            here.sandbox.faults.next("POST", "/Tasks", "before_reset")
        outcomes = await here.create(rows(20))
        assert {type(each) for each in outcomes} == {Created}
        assert len(software.seen) == len(here.sids) == 20
        assert here.creates == 24
