"""Hostile bodies: every verb takes one as it is meant or says what is wrong."""

from collections.abc import Awaitable, Callable
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aiotask import AiotaskError, Client, DecodingError, NotJsonError, ProtocolError, Rejected
from aiotask.taskrouter import WorkspaceContext
from tests.conftest import AT_ONCE, RawServer, answer
from tests.hostile.calls import ROW, TASK, WORKSPACE
from tests.hostile.injection_points import (
    PLACES,
    SECOND_PAGE,
    Script,
    Serve,
    assert_lost,
    assert_usable,
    body_of,
    end_of,
    good_end,
)

NESTED = 200_000
NOT_JSON: dict[str, bytes] = {
    "HTML": b"<html><h1>Sign in</h1></html>",
    "half a document": b'{"sid":"WT1"',
    "more than a document": b'{"sid":"WT1"}{}',
    "a comma too many": b'{"sid":"WT1",}',
    "other quotes": b"{'sid':'WT1'}",
    "a comment": b'{"sid":"WT1"} // it',
    "a leading zero": b'{"sid":"WT1","age":01}',
    "NaN": b'{"sid":"WT1","age":NaN}',
    "Infinity": b'{"sid":"WT1","age":Infinity}',
    "-Infinity": b'{"sid":"WT1","age":-Infinity}',
    "a control character": b'{"sid":"WT\n1"}',
    "a NUL": b'{"sid":"WT1"}\0',
    "a byte order mark": b'\xef\xbb\xbf{"sid":"WT1"}',
    "UTF-16": '{"sid":"WT1"}'.encode("utf-16"),
    "UTF-16 without a mark": '{"sid":"WT1"}'.encode("utf-16-le"),
    "Latin-1": '{"sid":"WT1","reason":"\xfc"}'.encode("latin-1"),
    "an overlong NUL": b'{"sid":"WT1\xc0\x80"}',
    "half a character": b'{"sid":"WT1\xf0\x9f\x98"}',
    "a lone surrogate": b'{"sid":"WT1\xed\xa0\x80"}',
    "a lone surrogate, escaped": b'{"sid":"WT1\\ud800"}',
    "lists in lists": b"[" * NESTED,
    "lists in lists, closed": b"[" * NESTED + b"]" * NESTED,
    "objects in objects": b'{"a":' * NESTED,
}
NO_OBJECT: dict[str, bytes] = {
    "a list": b"[]",
    "a list of what was asked for": b'[{"sid":"WT1"}]',
    "a text": b'"WT1"',
    "a number": b"5",
    "true": b"true",
}
NOTHING: dict[str, bytes] = {"null": b"null", "no body": b""}
# What is put before the members of a good answer, and changes nothing.
HARMLESS: dict[str, bytes] = {
    "a field that nobody knows": b'"colour":"blue",',
    "-0": b'"colour":-0,',
    "a number of 20 digits": b'"colour":99999999999999999999,',
    "a pair of surrogates": b'"colour":"\\ud83d\\ude00",',
    "an escaped NUL": b'"\\u0000":"\\u0000",',
    "names twice, of which the last counts": b'"sid":null,"tasks":null,"meta":null,"a":1,"a":2,',
    "five hundred lists": b'"colour":%b%b,' % (b"[" * 500, b"]" * 500),
    "no name": b'"":null,',
    "names of Python": b'"__class__":{"__init__":1},"self":1,"etag":5,"__dict__":[],',
}
TYPES = [
    *("text/html", "text/plain", "application/problem+json", "application/octet-stream"),
    *("application/json; charset=utf-16", "application/json; charset=nonsense", "json", ""),
]


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
async def test_what_is_not_json_is_asked_for_again_or_in_doubt(serve: Serve, body: bytes) -> None:
    script = Script()
    _, client = await serve(script)
    for place, verb in PLACES.items():
        script.then(answer(body, "201 Created"))
        end = await end_of(place, client)
        assert_lost(end, place)
        assert type(end) is NotJsonError, repr(end)
        assert len(script.requests) == end.attempts == (5 if verb.idempotent else 1)
        await assert_usable(place, client, script)


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"9" * 5000], ids=["1e999", "-", "long"])
@pytest.mark.parametrize("place", PLACES)
async def test_a_number_beyond_all_bounds_is_no_json_unless_it_is_passed_over(
    serve: Serve, place: str, number: bytes
) -> None:
    script = Script(answer(b'{"sid":"WT1","age":%b}' % number))
    _, client = await serve(script)
    end = await end_of(place, client)
    if place in ("statistics", "query", "create_many"):  # which have no age, or read none
        assert not isinstance(end, AiotaskError)
    else:
        assert_lost(end, place)
        assert type(end) is NotJsonError


@pytest.mark.parametrize("body", NOTHING.values(), ids=NOTHING.keys())
@pytest.mark.parametrize("place", PLACES)
async def test_an_answer_with_nothing_in_it_is_enough_for_a_deletion_alone(
    serve: Serve, place: str, body: bytes
) -> None:
    script = Script(answer(body), PLACES[place].good)
    _, client = await serve(script)
    end = await end_of(place, client)
    if PLACES[place].idempotent:
        assert not isinstance(end, AiotaskError)
        assert len(script.requests) == (1 if place == "delete" else 2)
    else:
        assert_lost(end, place)


@pytest.mark.parametrize("body", NO_OBJECT.values(), ids=NO_OBJECT.keys())
@pytest.mark.parametrize("place", PLACES)
async def test_json_that_is_no_object_is_not_asked_for_again(
    serve: Serve, place: str, body: bytes
) -> None:
    script = Script(answer(body))
    _, client = await serve(script)
    end = await end_of(place, client)
    if place == "delete":
        assert end is None
    else:
        assert_lost(end, place)
        assert type(end) is DecodingError
    assert len(script.requests) == 1
    await assert_usable(place, client, script)


@pytest.mark.parametrize("members", HARMLESS.values(), ids=HARMLESS.keys())
@pytest.mark.parametrize("place", PLACES)
async def test_what_is_not_known_changes_nothing(serve: Serve, place: str, members: bytes) -> None:
    script = Script()
    _, client = await serve(script)
    good = await good_end(place, client, script)
    body = body_of(place) or b'{"deleted":true}'
    script.then(answer(b"\r\n\t {" + members + body[1:] + b" \n"))
    assert await end_of(place, client) == good


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("place", PLACES)
async def test_json_is_json_whatever_type_it_is_said_to_have(
    serve: Serve, place: str, kind: str
) -> None:
    script = Script()
    _, client = await serve(script)
    good = await good_end(place, client, script)
    text = answer(body_of(place)).replace(b"application/json", kind.encode())
    script.then(text)
    assert await end_of(place, client) == good


# Of each kind of answer, those that miss what a verb cannot do without.
WITH_A_SID = ["create", "create_many", "fetch", "update", "complete"]
NO_TASK = [b"{}", b'{"sid":null}', b'{"sid":5}', b'{"SID":"WT1"}']
PAGED = ["list", "pages", SECOND_PAGE]
NO_PAGE = [
    b"{}",
    b'{"meta":{}}',
    b'{"tasks":[],"meta":[]}',
    b'{"tasks":[],"meta":{"key":5}}',
    b'{"tasks":[],"meta":{"key":"Tasks"}}',
    b'{"tasks":null,"meta":{"key":"tasks"}}',
    b'{"tasks":{},"meta":{"key":"tasks"}}',
    b'{"tasks":"x","meta":{"key":"tasks"}}',
    b'{"tasks":[],"workers":[]}',
    b'{"tasks":[],"meta":{"key":"tasks","next_page_url":5}}',
    b'{"tasks":[],"meta":{"key":"tasks","next_page_url":["?PageToken=PA2"]}}',
    *(
        b'{"tasks":[{"sid":"WT1"},%b],"meta":{"key":"tasks"}}' % row
        for row in (b"5", b"null", b"[]", b'"WT2"', b"{}", b'{"sid":null}', b'{"sid":5}')
    ),
]
NO_STATISTICS = [
    *(b'{"workspace_sid":5}', b'{"realtime":[]}', b'{"realtime":"x"}', b'{"cumulative":5}'),
    *(b'{"realtime":{"total_tasks":"5"}}', b'{"realtime":{"activity_statistics":[[]]}}'),
]
NO_ANSWER = [
    *(b'{"workspace_sid":5}', b'{"task_queue_data":5}', b'{"task_queue_data":[5]}'),
    *(b'{"task_queue_data":[[]]}', b'{"task_queue_data":["x"]}'),
]
SHAPES = [
    *product(WITH_A_SID, NO_TASK),
    *product(PAGED, NO_PAGE),
    *product(["statistics"], NO_STATISTICS),
    *product(["query"], NO_ANSWER),
]


@pytest.mark.parametrize(("place", "body"), SHAPES)
async def test_an_object_of_another_shape_is_not_asked_for_again(
    serve: Serve, place: str, body: bytes
) -> None:
    script = Script(answer(body))
    _, client = await serve(script)
    end = await end_of(place, client)
    assert_lost(end, place)
    assert type(end) is DecodingError
    assert len(script.requests) == 1
    if place in PAGED:
        token = {"list": "PageSize=5", "pages": "PageSize=2", SECOND_PAGE: "PageToken=PA1"}[place]
        assert end.cursor == token
    await assert_usable(place, client, script)


def test_a_deletion_alone_has_an_answer_of_no_shape() -> None:
    assert {*PLACES} - {place for place, _ in SHAPES} == {"delete"}


WRONG = [
    *('"priority":"high"', '"priority":true', '"priority":5.5', '"age":5.0', '"age":"5"'),
    *('"date_created":5', '"date_created":"soon"', '"date_created":"2026-13-01T00:00:00Z"'),
    *('"date_created":"Mon, 1 Jan 99999999999 00:00:00 GMT"', '"links":[]', '"links":"x"'),
    *('"date_created":"Mon, 1 Jan 2026 00:00:00 +99999999999999"', '"reason":{}'),
    *('"attributes":{}', '"attributes":5', '"attributes":[]'),
]


@pytest.mark.parametrize("field", WRONG)
@pytest.mark.parametrize("place", [*WITH_A_SID, *PAGED])
async def test_a_field_of_another_type_is_wrong_where_it_is_read(
    serve: Serve, place: str, field: str
) -> None:
    row = b'{"sid":"WT1",%b}' % field.encode()
    page = b'{"tasks":[{"sid":"WT0"},%b],"meta":{"key":"tasks"}}' % row
    script = Script(answer(page if place in PAGED else row))
    _, client = await serve(script)
    end = await end_of(place, client)
    if place == "create_many":  # which has to know nothing but what it was that it made
        assert end == "WT1"
    else:
        assert_lost(end, place)
        assert type(end) is DecodingError
        assert field.split('"')[1] in end.message


# What a text of attributes becomes, which the service does not have to keep to any rule.
ATTRIBUTES: dict[str, tuple[str, Any]] = {
    "not JSON": ("a: b", "a: b"),
    "no text": ("", ""),
    "encoded twice": ('"{\\"a\\":1}"', '{"a":1}'),
    "4,097 characters": ('"' + "x" * 4095 + '"', "x" * 4095),
    "a mebibyte": ("[" + "1," * 2**19 + "1]", [1] * (2**19 + 1)),
    "NaN": ('{"a":NaN}', '{"a":NaN}'),
    "a lone surrogate": ('"\\ud800"', '"\\ud800"'),
    "too deep": ("[" * 2000, "[" * 2000),
    "names twice": ('{"a":1,"a":2}', {"a": 2}),
    "a name in another case": ('{"Name":1,"name":2}', {"Name": 1, "name": 2}),
    "null": ("null", None),
}


@pytest.mark.parametrize(("text", "value"), ATTRIBUTES.values(), ids=ATTRIBUTES.keys())
@pytest.mark.parametrize("place", ["create", "fetch", "update", "complete", "list", SECOND_PAGE])
async def test_attributes_are_what_they_say_or_stay_the_text_they_are(
    serve: Serve, place: str, text: str, value: Any
) -> None:
    row = {"sid": TASK, "attributes": text, "assignment_status": "completed"}
    page = {"tasks": [row], "meta": {"key": "tasks"}}
    script = Script(answer(msgspec.json.encode(page if place in PAGED else row)))
    _, client = await serve(script)
    end = await end_of(place, client)
    assert not isinstance(end, AiotaskError), repr(end)
    task = end[-1] if place in PAGED else end
    assert task.attributes == value


Read = Callable[[WorkspaceContext], Awaitable[Any]]
READS: dict[str, tuple[Read, dict[str, Any]]] = {
    "task": (lambda place: place.tasks.fetch(TASK), {"assignment_status": "paused"}),
    "worker": (lambda place: place.workers.fetch("WK" + "1" * 32), {"activity_name": "Asleep"}),
    "reservation": (
        lambda place: place.task(TASK).reservations.fetch("WR" + "1" * 32),
        {"reservation_status": "frozen"},
    ),
    "queue": (lambda place: place.task_queues.fetch("WQ" + "1" * 32), {"task_order": "RANDOM"}),
    "workflow": (lambda place: place.workflows.fetch("WW" + "1" * 32), {"configuration": "{"}),
    "activity": (lambda place: place.activities.fetch("WA" + "1" * 32), {"friendly_name": ""}),
    "channel": (lambda place: place.task_channels.fetch("TC" + "1" * 32), {"unique_name": "x y"}),
    "event": (lambda place: place.events.fetch("EV" + "1" * 32), {"event_type": "task.paused"}),
}


@pytest.mark.parametrize(("read", "shown"), READS.values(), ids=READS.keys())
async def test_a_resource_may_say_what_nobody_knew_and_leave_out_what_it_likes(
    serve: Serve, read: Read, shown: dict[str, Any]
) -> None:
    script = Script(answer(msgspec.json.encode({"sid": "XX1", "colour": {"a": [1]}} | shown)))
    _, client = await serve(script)
    place = client.taskrouter.workspace(WORKSPACE)
    made = await read(place)
    assert {name: getattr(made, name) for name in shown} == shown
    nulls = {name: None for name in type(made).__slots__ if name != "sid"}
    script.then(answer(msgspec.json.encode(nulls | {"sid": "XX1"})))
    assert await read(place) == type(made)(sid="XX1")


async def test_a_refusal_that_is_no_text_ends_its_row_and_not_the_job(
    serve: Serve, tmp_path: Path
) -> None:
    lines = ("Twilio-Request-Id: \xff\x1b[2J", "Content-Type: text/\xff")
    _, client = await serve(answer(b"\xff", "400 No", *lines))
    tasks = client.taskrouter.workspace(WORKSPACE).tasks
    rows = tasks.create_many([ROW, ROW], journal=tmp_path / "journal")
    assert [type(outcome) async for outcome in rows] == [Rejected, Rejected]


def page(*sids: str, following: str | None = None) -> bytes:
    rows = [{"sid": sid} for sid in sids]
    meta = {"key": "tasks", "next_page_url": following}
    return answer(msgspec.json.encode({"tasks": rows, "meta": meta}))


async def test_what_comes_twice_is_given_twice(serve: Serve) -> None:
    _, client = await serve(page("WT1", "WT1", following="?PageToken=PA1"), page("WT2", "WT1"))
    tasks = client.taskrouter.workspace(WORKSPACE).tasks.list()
    assert [task.sid async for task in tasks] == ["WT1", "WT1", "WT2", "WT1"]


async def test_what_came_before_a_bad_page_is_given_first(serve: Serve) -> None:
    _, client = await serve(page("WT1", following="?PageToken=PA1"), answer(b'{"tasks":[5]}'))
    seen = []
    with pytest.raises(DecodingError) as caught:
        async for task in client.taskrouter.workspace(WORKSPACE).tasks.list():
            seen.append(task.sid)
    assert (seen, caught.value.cursor) == (["WT1"], "PageToken=PA1")


@pytest.mark.parametrize("etag", ["\xff", "\x1b[2J", ""])
async def test_an_etag_that_cannot_be_sent_back_is_none(etag: str) -> None:
    first = answer(b'{"sid":"%b"}' % TASK.encode(), "200 OK", f"ETag: {etag}")
    async with RawServer(first) as server:
        async with Client("AC1", "x", base_url=server.url, retry=AT_ONCE) as client:
            tasks = client.taskrouter.workspace(WORKSPACE).tasks
            with pytest.raises(ProtocolError, match="no ETag"):
                await tasks.modify(TASK, lambda _: {"priority": 1})
        assert len(server.requests) == 1
