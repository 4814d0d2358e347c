"""Index lag: lists that are late or stand still."""

from collections.abc import AsyncIterator, Callable
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aiotask.sandbox import Sandbox
from aiotask.sandbox.model.list_index import ListIndex, Unlisted
from aiotask.sandbox.model.task import Task
from aiotask.sandbox.model.task_store import Query
from tests.sandbox.sandbox_api import Api, Clock, Value, pages, serving
from tests.sandbox.stored_sandbox import kept

LAG = 5

WAYS: list[dict[str, Value]] = [
    {},
    {"Ordering": "DateCreated:desc"},
    {"Ordering": "Priority:desc"},
    {"AssignmentStatus": ["pending", "reserved"]},
    {"AssignmentStatus": ["pending", "reserved"], "Ordering": "DateCreated:desc"},
    {"EvaluateTaskAttributes": "n > 0"},
    {"EvaluateTaskAttributes": "n IN [1, 2, 3]"},
    {"Priority": 1, "EvaluateTaskAttributes": "n == 1", "Ordering": "Priority:asc"},
]

Record = dict[str, Any]

ORDERS: dict[str, Callable[[Record], int]] = {
    "DateCreated:asc": lambda task: task["number"],
    "DateCreated:desc": lambda task: -task["number"],
    "Priority:desc": lambda task: task["number"] - 1000 * task["priority"],
}


@pytest.fixture
async def api(clock: Clock) -> AsyncIterator[Api]:
    async with serving(clock=clock, index_lag=LAG, expression_rate=None) as api:
        yield api


@pytest.fixture
async def prompt(clock: Clock) -> AsyncIterator[Api]:
    """Serve a sandbox whose lists do not lag."""
    async with serving(clock=clock, expression_rate=None) as api:
        yield api


async def task(api: Api, number: int = 1, priority: int = 1) -> str:
    made = await api.make("/Tasks", Attributes=f'{{"n":{number}}}', Priority=priority)
    return str(made["sid"])


async def sids(api: Api, **filters: Value) -> list[str]:
    return [item["sid"] for item in await api.listed("/Tasks", **filters)]


async def told(api: Api, sid: str, **filters: Value) -> list[str]:
    return [item["event_type"] for item in await api.listed("/Events", TaskSid=sid, **filters)]


@pytest.mark.parametrize("way", WAYS)
async def test_a_new_task_is_listed_after_a_while(api: Api, way: dict[str, Value]) -> None:
    sid = await task(api)
    assert (await api("GET", f"/Tasks/{sid}")).status == 200
    await api.sandbox.advance(seconds=LAG - 0.001)
    assert await sids(api, **way) == []
    await api.sandbox.advance(seconds=0.001)
    assert await sids(api, **way) == [sid]


async def test_what_happened_is_listed_after_a_while(api: Api) -> None:
    sid = await task(api)
    log = api.sandbox._workspace(api.workspace).stores.log
    newest, _ = next(log.newest_first())
    assert (await api("GET", f"/Events/{log.sid(newest)}")).json["resource_sid"] == sid
    await api.sandbox.advance(seconds=LAG - 0.001)
    assert await told(api, sid) == []
    await api("POST", f"/Tasks/{sid}", {"Priority": 5})
    await api.sandbox.advance(seconds=0.001)
    first = await told(api, sid)
    assert (len(first), first[-1]) == (4, "task.created")
    await api.sandbox.advance(seconds=LAG)
    assert await told(api, sid) == ["task.updated", *first]


async def test_a_change_of_a_task_that_is_listed_shows_at_once(api: Api) -> None:
    sid = await task(api)
    await api.sandbox.advance(seconds=LAG)
    await api("POST", f"/Tasks/{sid}", {"Priority": 9})
    assert await sids(api, Priority=9) == [sid]


async def test_pages_show_all_that_is_old_enough_in_every_order(api: Api, clock: Clock) -> None:
    chance, made, shown = Random(4), list[Record](), list[Record]()
    for number in range(60):
        clock.now += chance.choice([0, 0, 0.5, 2])
        priority = chance.choice([0, 1, 2])
        sid = await task(api, number, priority)
        made.append({"number": number, "priority": priority, "sid": sid, "at": clock.now})
        if chance.random() < 0.1 and number > 5:
            gone = made.pop(chance.randrange(len(made)))
            await api("DELETE", f"/Tasks/{gone['sid']}")
        shown = [each for each in made if each["at"] + LAG <= clock.now]
        for order, key in ORDERS.items():
            found = await pages(api, "/Tasks", {"Ordering": order, "PageSize": 4})
            wanted = sorted(shown, key=key)
            assert list(chain(*found)) == [each["sid"] for each in wanted]
            (page,) = await pages(api, "/Tasks", {"Ordering": order, "Priority": 1})
            assert page == [each["sid"] for each in wanted if each["priority"] == 1]
    assert 5 < len(shown) < len(made)


async def test_what_comes_into_the_list_between_two_pages_is_on_the_second(api: Api) -> None:
    made = [await task(api) for _ in range(2)]
    await api.sandbox.advance(seconds=1)
    made.append(await task(api))
    await api.sandbox.advance(seconds=LAG - 1)
    assert await pages(api, "/Tasks", {"PageSize": 2}) == [made[:2]]
    first = await api("GET", "/Tasks", {"PageSize": 1})
    await api.sandbox.advance(seconds=1)
    second = await api("GET", first.json["meta"]["next_page_url"])
    (third,) = await api.listed(second.json["meta"]["next_page_url"])
    assert third["sid"] == made[2]


async def test_events_are_paged_back_to_those_that_are_listed(api: Api) -> None:
    old = await task(api)
    await api.sandbox.advance(seconds=LAG)
    new = await task(api)
    first = await api("GET", "/Events", {"PageSize": 2, "EventType": "task.created"})
    assert [event["resource_sid"] for event in first.json["events"]] == [old]
    first = await api("GET", "/Events", {"PageSize": 2})
    second = await api("GET", first.json["meta"]["next_page_url"])
    back = await api("GET", second.json["meta"]["previous_page_url"])
    assert back.json["events"] == first.json["events"]
    assert back.json["meta"]["previous_page_url"] is None
    await api.sandbox.advance(seconds=LAG)
    back = await api("GET", first.json["meta"]["next_page_url"])
    before = await api.listed(back.json["meta"]["previous_page_url"])
    assert before == first.json["events"]
    assert len(await told(api, new)) == 4


async def test_a_frozen_list_does_not_move_on(prompt: Api, clock: Clock) -> None:
    before = await task(prompt)
    prompt.sandbox.freeze_index()
    after = await task(prompt)  # in the very moment of freezing
    clock.now += 100
    last = await task(prompt)
    for way in WAYS:
        assert await sids(prompt, **way) == [before]
    assert len(await told(prompt, before)) == 4
    assert await told(prompt, after) == await told(prompt, last) == []
    assert (await prompt("GET", f"/Tasks/{last}")).status == 200
    prompt.sandbox.thaw_index()
    assert await sids(prompt) == [before, after, last]
    assert len(await told(prompt, last)) == 4


async def test_a_list_can_be_frozen_again(prompt: Api) -> None:
    sandbox, made = prompt.sandbox, []
    for _ in range(3):
        sandbox.freeze_index()
        made.append(await task(prompt))
        sandbox.freeze_index()  # it stands still already
        assert await sids(prompt) == made[:-1]
        sandbox.thaw_index()
        sandbox.thaw_index()


async def test_a_list_that_lags_stands_where_it_was_when_it_is_frozen(api: Api) -> None:
    made = []
    for _ in range(3):
        made.append(await task(api))
        await api.sandbox.advance(seconds=LAG - 1)
    api.sandbox.freeze_index()
    await api.sandbox.advance(hours=1)
    made.append(await task(api))
    assert await sids(api) == made[:2]
    api.sandbox.thaw_index()
    assert await sids(api) == made[:3]
    await api.sandbox.advance(seconds=LAG)
    assert await sids(api) == made


async def test_every_workspace_is_frozen_also_one_that_is_new(prompt: Api) -> None:
    prompt.sandbox.freeze_index()
    other = Api(prompt.sandbox, prompt.session, "FIFO")
    for api in (prompt, other):
        await task(api)
        assert await sids(api) == []
        assert len(prompt.sandbox.tasks(api.workspace)) == 1


async def test_a_test_sees_what_no_list_shows(api: Api) -> None:
    sid = await task(api)
    assert [each.sid for each in api.sandbox.tasks(api.workspace)] == [sid]
    assert [each["sid"] for each in api.sandbox.snapshot()["Support"]["tasks"]] == [sid]
    assert await sids(api) == []


async def test_statistics_count_what_no_list_shows(api: Api) -> None:
    sid = await task(api)
    found = (await api("GET", "/RealTimeStatistics")).json
    assert found["total_tasks"] == 1
    assert found["longest_task_waiting_sid"] == sid


async def test_what_a_store_holds_is_listed_at_once(tmp_path: Path, clock: Clock) -> None:
    store = tmp_path / "sandbox.db"
    async with kept(store, clock, index_lag=LAG) as api:
        path = f"/v1/Workspaces/{api.sandbox.create_workspace('Support')}/Tasks"
        await api.make(path)
        assert await api.listed(path) == []
    async with kept(store, clock, index_lag=LAG) as api:
        assert len(await api.listed(path)) == 1


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_a_list_does_not_look_at_what_is_hidden(
    api: Api, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    old = [await task(api) for _ in range(3)]
    await api.sandbox.advance(seconds=LAG)
    for _ in range(50):
        await task(api)
    looked, matches = [], Query.matches

    def noted(query: Query, task: Task) -> bool:
        looked.append(task.sid)
        return matches(query, task)

    monkeypatch.setattr(Query, "matches", noted)
    ordering = f"DateCreated:{order}"
    assert sorted(await sids(api, Ordering=ordering)) == sorted(looked) == sorted(old)


def test_nothing_is_noted_where_lists_are_up_to_date_and_little_where_they_lag() -> None:
    for lag, most in ((0, 0), (1, 1000)):
        unlisted = Unlisted(ListIndex(lag))
        for number in range(10_000):
            unlisted.add(number, number)
        assert len(unlisted._waiting) == most


@pytest.mark.parametrize("lag", [-1, float("nan"), float("inf")])
def test_a_lag_ends_and_is_not_negative(lag: float) -> None:
    with pytest.raises(ValueError, match="lag"):
        Sandbox(index_lag=lag)
