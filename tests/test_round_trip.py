"""Round trips: every operation with each of its parameters, over a socket.

``ROUND_TRIP_EXAMPLES=200`` in the environment makes more of it.
"""

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiotask import Client
from aiotask._encoding import wire_name
from aiotask.sandbox import Sandbox
from tests.conftest import AT_ONCE, answer
from tests.round_trip_values import (
    FILTERS,
    SHOWN,
    Existing,
    become,
    exact,
    fields_of,
    known,
    matches,
    shown,
    values,
    wanted_of,
    written,
)
from tests.test_contract import DOCUMENTED, at, shape_of

WORKERS = [
    {"friendly_name": "Ada", "activity_sid": "Available", "attributes": {"level": 1}},
    {"friendly_name": "Bob", "activity_sid": "Offline", "attributes": {"level": 2}},
]
TASKS: list[dict[str, Any]] = [
    {"attributes": {"level": level, "call_sid": "CA" + "0" * 32}, "priority": level}
    for level in range(3)
]
CONTENTS = {
    "template": "FIFO",
    "activities": [{"friendly_name": "Idle"}],
    "workers": WORKERS,
    "tasks": TASKS,
}
# Parameters that no resource shows.
UNSEEN = {
    "workspaces create": {"template"},
    "workspace.workers update": {"reject_pending_reservations"},
    "workspace.workflows update": {"re_evaluate_tasks"},
    "assistant.tasks create": {"actions"},
    "assistant.tasks update": {"actions"},
}


def titles(verb: str, *without: str) -> list[str]:
    """Name the operations with this verb that have parameters."""
    return [
        title
        for title, operation in DOCUMENTED.items()
        if operation.verb == verb and operation.parameters - {"If-Match"} and title not in without
    ]


BULK = "workspace.task_queues.bulk_real_time_statistics create"
CREATES = titles("create", BULK)
RESERVATIONS = ["workspace.task.reservations update", "workspace.worker.reservations update"]
UPDATES = titles("update", *RESERVATIONS)
LISTS = titles("list", "workspace.task_queues.statistics list")
STATISTICS = [*titles("fetch"), "workspace.task_queues.statistics list"]

thorough = settings(
    max_examples=int(os.environ.get("ROUND_TRIP_EXAMPLES", "10")),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class There(NamedTuple):
    """A workspace, and an assistant, in which nothing has happened yet."""

    client: Client
    workspace: str
    assistant: str
    sids: Mapping[str, Sequence[str]]

    def at(self, way: str) -> Any:
        """Follow a way in the tree to a collection, always by the first of each kind."""
        firsts = {
            "workspace": self.workspace, "assistant": self.assistant, "worker": self.sids["WK"][0],
            "task": self.sids["WT"][0], "workflow": self.sids["WW"][0],
            "task_queue": self.sids["WQ"][0],
        }  # fmt: skip
        place: Any = self.client.autopilot if "assistant" in way else self.client.taskrouter
        for step in way.split("."):
            place = getattr(place, step)(firsts[step]) if step in firsts else getattr(place, step)
        return place


class Floor:
    """A sandbox, and a new workspace in it for every example."""

    def __init__(self, sandbox: Sandbox, client: Client) -> None:
        self.sandbox = sandbox
        self._client = client
        self._count = 0

    async def there(self) -> There:
        for earlier in self.sandbox.workspaces:
            await self._client.taskrouter.workspaces.delete(earlier)
        self._count += 1
        name = f"Workspace {self._count}"
        self.sandbox.fill({name: CONTENTS})
        made = self.sandbox.snapshot()[name]
        kinds = {
            "WA": "activities", "TC": "task_channels", "WQ": "task_queues", "WW": "workflows",
            "WK": "workers", "WT": "tasks",
        }  # fmt: skip
        sids = {kind: [each["sid"] for each in made[held]] for kind, held in kinds.items()}
        sids["channel"] = [each["unique_name"] for each in made["task_channels"]]
        sids["WR"] = [self.sandbox.reserve(sids["WT"][0], sids["WK"][0])]
        sids["EV"] = ["EV" + "0" * 32]
        return There(self._client, made["sid"], f"UA{self._count:032x}", sids)


@pytest.fixture
async def floor() -> AsyncIterator[Floor]:
    async with (
        Sandbox(routing=False, expression_rate=None) as sandbox,
        Client(
            sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url, retry=AT_ONCE
        ) as client,
    ):
        yield Floor(sandbox, client)


def visible(title: str, fields: Mapping[str, Any], there: There) -> dict[str, Any]:
    """Return what a resource has to show."""
    sent = known(dict(fields), there.sids, to_send=False)
    return {name: sent[name] for name in fields.keys() - UNSEEN.get(title, set())}


def agree(resource: Any, sent: Mapping[str, Any]) -> None:
    for name, value in sent.items():
        seen = [exact(getattr(resource, each)) for each in SHOWN.get(name, (name,))]
        assert exact(shown(value)) in seen, name


@pytest.mark.parametrize("title", CREATES)
@thorough
@given(data=st.data())
async def test_what_is_created_shows_what_was_sent(
    floor: Floor, title: str, data: st.DataObject
) -> None:
    way = DOCUMENTED[title].way
    for fields in fields_of(data, shape_of((await floor.there()).at(way).create), wanted(way)):
        there = await floor.there()
        if "ignore_capacity" in fields:  # which goes with a worker
            fields["routing_target"] = Existing(("WK",), 0)
        place = there.at(way)
        made = await place.create(**known(fields, there.sids))
        seen = visible(title, fields, there)
        agree(made, seen)
        agree(await place.fetch(made.sid), seen)
        agree(next(each for each in await place.list().all() if each.sid == made.sid), seen)


def wanted(way: str) -> Any:
    if way.startswith("assistant"):
        return wanted_of("autopilot")
    return wanted_of(way.rpartition(".")[2])


async def target(there: There, way: str) -> str:
    """Name what is to be changed."""
    match way.rpartition(".")[2]:
        case "workspaces":
            return there.workspace
        case "worker_channels":
            return "default"
        case "tasks" if way.startswith("assistant"):
            made = await there.at(way).create(unique_name="begun")
            return str(made.sid)
    kinds = {"activities": "WA", "task_channels": "TC", "task_queues": "WQ", "workflows": "WW"}
    kinds |= {"workers": "WK", "tasks": "WT", "reservations": "WR"}
    return there.sids[kinds[way.rpartition(".")[2]]][0]


async def version(title: str, place: Any, sid: str) -> dict[str, str]:
    if "If-Match" not in DOCUMENTED[title].parameters:
        return {}
    return {"if_match": (await place.fetch(sid)).etag}


@pytest.mark.parametrize("title", UPDATES)
@thorough
@given(data=st.data())
async def test_what_is_changed_shows_what_was_sent(
    floor: Floor, title: str, data: st.DataObject
) -> None:
    way = DOCUMENTED[title].way
    for fields in fields_of(data, shape_of((await floor.there()).at(way).update), wanted(way)):
        there = await floor.there()
        place, sid = there.at(way), await target(there, way)
        if fields.get("reject_pending_reservations"):  # which goes with being away
            fields["activity_sid"] = Existing(("WA",), 0)
        sent, first = known(fields, there.sids), {}
        if sent.get("assignment_status") in ("completed", "wrapping"):
            floor.sandbox.assign(sid)
            if "attributes" in sent:  # which go in another request
                first = {"attributes": sent.pop("attributes")}
        for changes in (first, sent):
            made = await place.update(sid, **await version(title, place, sid), **changes)
        seen = visible(title, fields, there)
        agree(made, seen)
        agree(await place.fetch(sid), seen)


@pytest.mark.parametrize("title", RESERVATIONS)
@thorough
@given(data=st.data())
async def test_a_reservation_becomes_what_was_asked_for(
    floor: Floor, title: str, data: st.DataObject
) -> None:
    way = DOCUMENTED[title].way
    shape = shape_of((await floor.there()).at(way).update)
    everything, some = fields_of(data, shape, wanted("reservations"))
    for fields in (everything, some):
        there = await floor.there()
        place, sid = there.at(way), there.sids["WR"][0]
        instruction = fields.get("instruction")
        for name in {"call": ("call_from", "call_url")}.get(str(instruction), ()):
            fields[name] = everything[name]
        for name in {"redirect": ("redirect_call_sid", "redirect_url")}.get(str(instruction), ()):
            fields[name] = everything[name]
        late = fields.get("reservation_status") in ("wrapping", "completed") and not instruction
        if late or instruction == "supervise":
            await place.accept(sid)
        sent = known(fields, there.sids)
        made = await place.update(sid, **await version(title, place, sid), **sent)
        assert made.reservation_status == become(fields)
        assert (await place.fetch(sid)).reservation_status == become(fields)


@pytest.mark.parametrize("title", [*UNSEEN, *RESERVATIONS])
@thorough
@given(data=st.data())
async def test_what_no_resource_shows_arrives_as_it_was_sent(
    floor: Floor, serve: Callable[..., Any], title: str, data: st.DataObject
) -> None:
    server, client = await serve(answer(msgspec.json.encode({"sid": "XX"})))
    way, there = DOCUMENTED[title].way, await floor.there()
    place = there._replace(client=client).at(way)
    method = getattr(place, DOCUMENTED[title].verb)
    named = [await target(there, way)] if DOCUMENTED[title].verb == "update" else []
    for fields in fields_of(data, shape_of(method), wanted(way)):
        sent = known(fields, there.sids)
        await method(*named, **sent)
        pairs = parse_qsl(
            server.requests[-1].partition(b"\r\n\r\n")[2].decode(), keep_blank_values=True
        )
        for name in sent.keys() & UNSEEN.get(title, sent.keys()):
            arrived = [value for key, value in pairs if key == wire_name(name)]
            several = sent[name] if isinstance(sent[name], list) else [sent[name]]
            if isinstance(sent[name], dict):
                arrived = [exact(msgspec.json.decode(text)) for text in arrived]
            assert arrived == [written(each) for each in several], name


@pytest.mark.parametrize("title", LISTS)
@thorough
@given(data=st.data())
async def test_a_list_gives_just_what_matches(
    floor: Floor, title: str, data: st.DataObject
) -> None:
    there = await floor.there()
    place = there.at(DOCUMENTED[title].way)
    everything = await place.list(page_size=1000).all()
    drawn, some = fields_of(data, shape_of(place.list), FILTERS)
    for asked in (some, *({name: value} for name, value in drawn.items())):
        if "evaluate_worker_attributes" in asked:  # which is about the same worker
            asked.pop("worker_sid", None)
        filters = known(asked, there.sids)
        found = await place.list(**filters).all()
        wanted = {each.sid for each in everything if matches(each, filters)}
        assert {each.sid for each in found} == wanted, asked
        assert len(found) == len(wanted)


@pytest.mark.parametrize("title", STATISTICS)
@thorough
@given(data=st.data())
async def test_statistics_are_of_the_time_that_was_asked_for(
    floor: Floor, title: str, data: st.DataObject
) -> None:
    there, (way, verb) = await floor.there(), title.split()
    method = getattr(there.at(way), verb)
    for drawn in fields_of(data, shape_of(method), FILTERS):
        filters = known(drawn, there.sids)
        found = await method(**filters).all() if verb == "list" else [await method(**filters)]
        for each in found:
            past = getattr(each, "cumulative", each)
            for name, end in (("start_date", "start_time"), ("end_date", "end_time")):
                if name in filters:
                    assert getattr(past, end) == shown(filters[name])
            if "split_by_wait_time" in filters:
                assert {*past.split_by_wait_time} == {*filters["split_by_wait_time"]}


@thorough
@given(numbers=st.lists(st.integers(0, 2**128 - 1), min_size=1, max_size=50))
async def test_bulk_statistics_are_of_the_queues_that_were_asked_for(
    floor: Floor, numbers: list[int]
) -> None:
    there, (way, _) = await floor.there(), BULK.split()
    sids = [*there.sids["WQ"], *(f"WQ{number:032x}" for number in numbers[1:])]
    found = await there.at(way).create(queue_sids=sids)
    assert [each.task_queue_sid for each in found.task_queue_data] == sids
    assert found.task_queue_response_count == len(sids)


def test_every_operation_with_parameters_makes_the_round_trip() -> None:
    tried = {*CREATES, *UPDATES, *RESERVATIONS, *LISTS, *STATISTICS, BULK}
    taking = {title for title, each in DOCUMENTED.items() if each.parameters - {"If-Match"}}
    # What has no parameter but If-Match is a deletion.
    assert tried == taking
    assert {title.split()[1] for title in DOCUMENTED.keys() - tried} <= {"fetch", "delete", "list"}


@pytest.mark.parametrize("title", [*CREATES, *UPDATES, *RESERVATIONS, *LISTS, *STATISTICS])
def test_every_parameter_makes_the_round_trip(far_client: Client, title: str) -> None:
    documented = {each.partition(":")[0] for each in DOCUMENTED[title].parameters} - {"If-Match"}
    way, verb = title.split()
    strategies = values(shape_of(getattr(at(far_client, way), verb)), {})
    assert {wire_name(name) for name in strategies} == documented
    assert UNSEEN.get(title, set()) <= strategies.keys()
