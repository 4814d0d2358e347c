"""Members of resources that no class knows: kept, and in nobody's way."""

import copy
import pickle
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest

from aiotask import Client, to_dict
from aiotask._additions import Additions, additions_of
from aiotask._bodies import _parts, decode, decode_page
from aiotask._decoding import AwareDatetime, structure
from aiotask._resource import Resource
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import (
    ActivityCount,
    ActivityDuration,
    Task,
    WaitDuration,
    WaitTimeCounts,
    WaitTimeSplit,
)
from tests.conftest import RawServer, answer
from tests.test_decoding import RESOURCES

Serve = Callable[..., Awaitable[tuple[RawServer, Client]]]

ADDED = '"color":"red","size":{"cm":[1,2.5,null]},"big":123456789012345678901234567890'
MORE = {"color": "red", "size": {"cm": [1, 2.5, None]}, "big": 123456789012345678901234567890}


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    """See that the next answer of each kind is looked at."""
    additions_of.cache_clear()
    _parts.cache_clear()


def fresh() -> Any:
    """Return a kind of resource of which no answer was ever seen."""

    @attrs.frozen(kw_only=True, weakref_slot=False)
    class Thing(Resource):
        sid: str
        date_created: AwareDatetime | None = None

    return Thing


async def test_what_the_service_added_is_kept(serve: Serve) -> None:
    sids = [f"WS{number:032x}" for number in range(3)]
    single = f'{{"sid":"{sids[0]}",{ADDED}}}'.encode()
    rows = f'[{{"sid":"{sids[1]}"}},{{"sid":"{sids[2]}",{ADDED}}}]'
    page = f'{{"workspaces":{rows},"meta":{{"key":"workspaces"}}}}'.encode()
    _, client = await serve(answer(single), answer(page))
    workspaces = client.taskrouter.workspaces
    one = await workspaces.fetch(sids[0])
    assert one.extra == MORE
    first, second = await workspaces.list().all()
    assert (first.extra, second.extra) == ({}, MORE)


def test_the_first_answer_of_a_kind_is_looked_through() -> None:
    thing = decode(f'{{"sid":"a",{ADDED}}}'.encode(), fresh())
    assert thing.extra == MORE
    page = f'{{"things":[{{"sid":"a",{ADDED}}}],"meta":{{"key":"things"}}}}'.encode()
    ((row,), _) = decode_page(page, fresh(), "things")
    assert row.extra == MORE


@pytest.mark.parametrize("date", ["2026-11-21T09:30:00Z", "Sat, 21 Nov 2026 09:30:00 +0000"])
def test_it_is_kept_however_the_rest_was_read(date: str) -> None:
    body = f'{{"sid":"a","date_created":"{date}",{ADDED}}}'.encode()
    thing = decode(body, fresh())
    assert (thing.extra, thing.date_created.year) == (MORE, 2026)
    assert structure({"sid": "a", "color": "red"}, fresh()).extra == {"color": "red"}


def test_one_answer_a_second_is_looked_at_until_one_has_more() -> None:
    now = 100.0
    additions = Additions(fresh(), clock=lambda: now)
    assert additions.wanted()
    assert not additions.wanted()
    now += 0.99
    assert not additions.wanted()
    now += 0.02
    assert additions.wanted()
    thing = fresh()(sid="a")
    additions.keep(thing, b'{"sid":"a"}')
    assert not additions.wanted()
    additions.keep(thing, b'{"sid":"a","new":1}')
    assert thing.extra == {"new": 1}
    assert all(additions.wanted() for _ in range(5))


def test_it_changes_nothing_else() -> None:
    kind = fresh()
    thing, same = decode(f'{{"sid":"a",{ADDED}}}'.encode(), kind), decode(b'{"sid":"a"}', kind)
    assert thing == same
    assert hash(thing) == hash(same)
    assert to_dict(thing) == to_dict(same) == {"sid": "a", "date_created": None}
    assert (repr(thing), attrs.asdict(thing)) == (repr(same), attrs.asdict(same))
    assert attrs.evolve(thing, sid="b").extra == {}
    assert same.extra == {}
    with pytest.raises(TypeError):
        thing.extra["color"] = "blue"
    with pytest.raises(AttributeError):
        thing.extra = {}
    assert thing.extra == MORE


def unpickled(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))  # noqa: S301 - our own


def test_a_resource_takes_it_along_where_it_is_copied_or_pickled() -> None:
    body = f'{{"sid":"{"WT" + "1" * 32}","attributes":"{{}}",{ADDED}}}'.encode()
    task = decode(body, Task, '"1"')
    plain = Task(sid="WT1")
    for duplicate in (copy.copy, copy.deepcopy, unpickled):
        assert duplicate(task) == task
        assert duplicate(task).extra == MORE
        assert (duplicate(task).etag, duplicate(task).attributes) == ('"1"', {})
        assert duplicate(plain) == plain
        assert duplicate(plain).extra == {}


def test_what_cannot_be_parsed_stays_the_text_that_it_is() -> None:
    assert decode(b'{"sid":"a","odd":1e999}', fresh()).extra == {"odd": "1e999"}


def test_every_resource_has_it() -> None:
    parts = {ActivityCount, ActivityDuration, WaitDuration, WaitTimeCounts, WaitTimeSplit}
    assert {each for each in RESOURCES if not issubclass(each, Resource)} <= parts


async def test_the_sandbox_adds_nothing(sandbox: Sandbox, client: Client) -> None:
    place = client.taskrouter.workspace(sandbox.create_workspace("Support", template="FIFO"))
    task = await place.tasks.create(attributes={"a": 1})
    worker = await place.workers.create(friendly_name="Ana")
    found: list[Resource] = [task, worker, await place.statistics.fetch()]
    for listing in (place.activities, place.task_queues, place.workflows, place.task_channels):
        found += await listing.list().all()
    found += await place.worker(worker.sid).worker_channels.list().all()
    found += await place.events.list(limit=50).all()
    assert {type(each) for each in found if each.extra} == set()
