import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from aiotask.sandbox import Sandbox
from aiotask.sandbox._workspace import Template
from tests.sandbox.sandbox_api import Clock
from tests.sandbox.stored_sandbox import ASSISTANT, Chaos, Kept, kept
from tests.sweeps import sweep


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "sandbox.db"


async def grown(api: Kept, template: Template = "FIFO") -> str:
    """Make a workspace, and return its path."""
    return f"/v1/Workspaces/{api.sandbox.create_workspace('Support', template)}"


@pytest.mark.parametrize("seed", sweep(range(6), usual=2))
async def test_every_answer_is_the_same_after_a_restart(
    store: Path, clock: Clock, seed: int
) -> None:
    chaos = Chaos(seed, clock)
    async with kept(store, clock, seed=seed) as api:
        await grown(api)
    for _ in range(3):
        async with kept(store, clock, seed=seed) as api:
            for _ in range(60):
                await chaos.step(api)
            clock.now += 5
            before = await api.everything()
        async with kept(store, clock, seed=seed) as api:
            after = await api.everything()
        assert after == before


async def test_age_goes_on_with_the_clock(store: Path, clock: Clock) -> None:
    async with kept(store, clock) as api:
        task = await api.make(f"{await grown(api)}/Tasks")
    clock.now += 60
    async with kept(store, clock) as api:
        assert (await api("GET", task["url"])).json == {**task, "age": 60}


async def test_what_is_gone_still_has_its_name_where_it_is_referred_to(
    store: Path, clock: Clock
) -> None:
    async with kept(store, clock, routing=False) as api:
        here = await grown(api)
        (queue,) = await api.listed(f"{here}/TaskQueues")
        (workflow,) = await api.listed(f"{here}/Workflows")
        task = await api.make(f"{here}/Tasks")
        worker = api.sandbox.create_worker(api.sandbox.workspaces[0], "Ann", {"n": [1, None]})
        reservation = api.sandbox.reserve(task["sid"], worker)
        for status in ("accepted", "completed"):
            path = f"{task['url']}/Reservations/{reservation}"
            assert (await api("POST", path, ReservationStatus=status)).status == 200
        for url in (workflow["url"], queue["url"], f"{here}/Workers/{worker}"):
            assert (await api("DELETE", url)).status == 204
        before = await api.everything()
        seen = (await api("GET", f"{task['url']}/Reservations")).json["reservations"]
        assert [each["worker_name"] for each in seen] == ["Ann"]
    for _ in range(2):
        async with kept(store, clock, routing=False) as api:
            assert await api.everything() == before
    async with kept(store, clock, routing=False) as api:
        assert (await api("DELETE", task["url"])).status == 204
        before = await api.everything()
    for _ in range(2):
        async with kept(store, clock, routing=False) as api:
            assert await api.everything() == before


async def test_channels_that_come_and_go_are_kept_with_every_worker(
    store: Path, clock: Clock
) -> None:
    async with kept(store, clock) as api:
        here = await grown(api)
        worker = api.sandbox.create_worker(api.sandbox.workspaces[0], "Ann")
        channels = f"{here}/Workers/{worker}/Channels"
        await api.make(f"{here}/TaskChannels", FriendlyName="Fax", UniqueName="fax")
        await api("DELETE", f"{here}/TaskChannels/video")
        await api("POST", f"{channels}/fax", Capacity=9)
        before = await api.listed(channels)
        assert [each["configured_capacity"] for each in before] == [1, 1, 1, 1, 9]
    async with kept(store, clock) as api:
        assert await api.listed(channels) == before
        await api.make(f"{here}/TaskChannels", FriendlyName="Telex", UniqueName="telex")
        assert len(await api.listed(channels)) == 6


async def test_capacity_that_was_taken_is_taken_after_a_restart(store: Path, clock: Clock) -> None:
    async with kept(store, clock, routing=False) as api:
        here = await grown(api)
        worker = api.sandbox.create_worker(api.sandbox.workspaces[0], "Ann")
        task = await api.make(f"{here}/Tasks")
        reservation = api.sandbox.reserve(task["sid"], worker)
    async with kept(store, clock, routing=False) as api:
        channel = f"{here}/Workers/{worker}/Channels/default"
        assert (await api("GET", channel)).json["available_capacity_percentage"] == 0
        path = f"{task['url']}/Reservations/{reservation}"
        await api("POST", path, ReservationStatus="rejected")
        assert (await api("GET", channel)).json["available_capacity_percentage"] == 100
        assert (await api("GET", task["url"])).json["assignment_status"] == "pending"


@pytest.mark.parametrize("seed", [7, None])
async def test_no_sid_comes_twice_though_the_seed_is_the_same(
    store: Path, clock: Clock, seed: int | None
) -> None:
    sids: list[str] = []
    for _ in range(4):
        async with kept(store, clock, seed=seed) as api:
            sids.append(api.sandbox.create_workspace("Support"))
    assert len(set(sids)) == 4


async def test_the_same_seed_gives_the_same_sids_in_each_life(tmp_path: Path, clock: Clock) -> None:
    lives: list[list[str]] = []
    for name in ("one.db", "other.db"):
        for _ in range(3):
            async with kept(tmp_path / name, clock, seed=7) as api:
                api.sandbox.create_workspace("Support")
        async with kept(tmp_path / name, clock) as api:
            lives.append(api.sandbox.workspaces)
    assert lives[0] == lives[1] != []
    memory = Sandbox(seed=7, clock=clock)
    assert memory.create_workspace("Support") == lives[0][0]


async def test_a_workspace_goes_with_all_that_it_held(store: Path, clock: Clock) -> None:
    async with kept(store, clock) as api:
        first, second = await grown(api), await grown(api)
        await api.make(f"{first}/Tasks")
        await api.make(f"{second}/Tasks")
        assert (await api("DELETE", first)).status == 204
        before = await api.everything()
    async with kept(store, clock) as api:
        assert await api.everything() == before
        assert len(await api.listed("/v1/Workspaces")) == 1
        assert (await api("DELETE", second)).status == 204
    async with kept(store, clock) as api:
        assert await api.listed("/v1/Workspaces") == []


async def test_events_are_forgotten_in_the_store_as_they_are_in_memory(
    store: Path, clock: Clock
) -> None:
    async with kept(store, clock) as api:
        here = await grown(api)
        path = f"{here}/Events?StartDate=2000-01-01T00:00:00Z"
        for number in range(10_000):
            api.sandbox.create_worker(api.sandbox.workspaces[0], f"{number}")
        clock.now += 31 * 86_400
        for name in ("New", "Newer"):
            await api.make(f"{here}/Activities", FriendlyName=name)
        before = await api.listed(path)
        assert [each["event_type"] for each in before] == ["activity.created"] * 2
    async with kept(store, clock) as api:
        assert await api.listed(path) == before
        # Fewer than ten thousand are still in the store, and no longer in memory.
        clock.now += 31 * 86_400
        await api.make(f"{here}/Activities", FriendlyName="Newest")
        before = await api.listed(path)
        assert len(before) == 1
    async with kept(store, clock) as api:
        assert await api.listed(path) == before
    with closing(sqlite3.connect(store)) as file:
        assert file.execute("SELECT count(*) FROM events").fetchone() == (1,)


async def test_a_sandbox_can_be_closed_and_started_again(store: Path, clock: Clock) -> None:
    sandbox = Sandbox(store=store, clock=clock)
    with pytest.raises(RuntimeError, match="the store is not open"):
        sandbox.create_workspace("Too early")
    async with sandbox:
        workspace = sandbox.create_workspace("Support")
    assert sandbox.workspaces == [workspace]
    with pytest.raises(RuntimeError, match="the store is not open"):
        sandbox.create_worker(workspace, "Too late")
    async with sandbox:
        assert sandbox.workspaces == [workspace]
        sandbox.create_worker(workspace, "Ann")


async def test_assistants_are_kept_too(store: Path, clock: Clock) -> None:
    tasks = f"/v1/Assistants/{ASSISTANT}/Tasks"
    async with kept(store, clock) as api:
        for name in ("one", "two", "three"):
            task = await api.make(tasks, UniqueName=name)
        await api("DELETE", f"{tasks}/two")
        await api("POST", f"{tasks}/one", FriendlyName="First")
        before = await api.everything()
    for _ in range(2):
        async with kept(store, clock) as api:
            assert await api.everything() == before
    async with kept(store, clock) as api:
        assert (await api("POST", tasks, UniqueName="three")).status == 400
        assert (await api("GET", f"{tasks}/three")).json == task


async def test_what_a_fault_hides_is_kept(store: Path, clock: Clock) -> None:
    async with kept(store, clock) as api:
        here = await grown(api)
        api.sandbox.faults.next("POST", "/Tasks", "after_502")
        assert (await api("POST", f"{here}/Tasks")).status == 502
    async with kept(store, clock) as api:
        assert len(await api.listed(f"{here}/Tasks")) == 1


async def test_many_at_once_are_kept_in_the_order_of_their_creation(
    store: Path, clock: Clock
) -> None:
    async with kept(store, clock) as api:
        here = await grown(api)
        await asyncio.gather(*(api.make(f"{here}/Tasks", Priority=number) for number in range(50)))
        before = await api.listed(f"{here}/Tasks")
    async with kept(store, clock) as api:
        assert await api.listed(f"{here}/Tasks") == before
